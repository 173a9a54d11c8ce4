//! The smallest client that can ask, and look into the answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use hostfactory_emulator::{Emulator, IMAGES, SUBNETS, Settings};

/// An emulator whose clock stands still, a minute to boot, half a minute to end.
pub(crate) fn frozen() -> Emulator {
    let settings = Settings {
        boot: Duration::from_mins(1),
        shutdown: Duration::from_secs(30),
        frozen: true,
        ..Settings::default()
    };
    Emulator::with(settings).unwrap()
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// Returns the text of every element of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        self.body.split(&open).skip(1).map(|rest| rest.split(&close).next().unwrap_or_default()).collect()
    }

    /// Returns the text of the first element of this name, or nothing.
    pub(crate) fn one(&self, name: &str) -> &str {
        self.all(name).first().copied().unwrap_or_default()
    }

    /// Returns status, code and message of a refusal.
    pub(crate) fn refusal(&self) -> (u16, &str, &str) {
        (self.status, self.one("Code"), self.one("Message"))
    }

    /// Returns the code of a refusal, or nothing.
    pub(crate) fn code(&self) -> &str {
        self.one("Code")
    }
}

/// Sends `bytes` and reads one answer.
pub(crate) fn exchange(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<Answer> {
    stream.write_all(bytes)?;
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.push(byte[0]);
    }
    let head = String::from_utf8(text).unwrap();
    let length = head.split("Content-Length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, body: String::from_utf8(body).unwrap() })
}

/// Returns the bytes of a call that is signed, after a fashion.
pub(crate) fn signed(region: &str, more: &str, body: &str) -> String {
    format!(
        "POST / HTTP/1.1\r\nHost: x\r\nUser-Agent: tiny\r\nContent-Length: {}\r\n{more}Authorization: AWS4-HMAC-SHA256 \
         Credential=AKIDTEST/20260131/{region}/ec2/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n{body}",
        body.len()
    )
}

fn form(action: &str, parameters: &[(&str, &str)]) -> String {
    let fixed = [("Action", action), ("Version", "2016-11-15")];
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fixed.iter().chain(parameters)).finish()
}

/// Asks in a region; an error is a connection that ended.
pub(crate) fn try_ask_in(
    emulator: &Emulator,
    region: &str,
    action: &str,
    parameters: &[(&str, &str)],
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(emulator.address())?;
    exchange(&mut stream, signed(region, "", &form(action, parameters)).as_bytes())
}

/// Asks; an error is a connection that ended.
pub(crate) fn try_ask(emulator: &Emulator, action: &str, parameters: &[(&str, &str)]) -> io::Result<Answer> {
    try_ask_in(emulator, "us-east-1", action, parameters)
}

/// Asks, and is answered.
pub(crate) fn ask(emulator: &Emulator, action: &str, parameters: &[(&str, &str)]) -> Answer {
    try_ask(emulator, action, parameters).unwrap()
}

/// Asks for so many hosts, with further parameters over the usual ones.
pub(crate) fn run(emulator: &Emulator, count: u32, more: &[(&str, &str)]) -> Answer {
    let count = count.to_string();
    let mut parameters = vec![
        ("MinCount", "1"),
        ("MaxCount", count.as_str()),
        ("ImageId", IMAGES[0]),
        ("InstanceType", "m6i.large"),
        ("SubnetId", SUBNETS[0]),
    ];
    for (name, value) in more {
        parameters.retain(|(other, _)| other != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    ask(emulator, "RunInstances", &parameters)
}

/// Returns the ids of so many new hosts.
pub(crate) fn hosts(emulator: &Emulator, count: u32, more: &[(&str, &str)]) -> Vec<String> {
    let answer = run(emulator, count, more);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.all("instanceId").into_iter().map(str::to_owned).collect()
}

/// Names values as a list or a filter.
pub(crate) fn numbered<'a>(name: &str, values: &'a [String]) -> Vec<(String, &'a str)> {
    values.iter().zip(1..).map(|(value, number)| (format!("{name}.{number}"), value.as_str())).collect()
}

/// Asks about the hosts of a list.
pub(crate) fn ask_about(emulator: &Emulator, action: &str, ids: &[String]) -> Answer {
    let list = numbered("InstanceId", ids);
    let parameters: Vec<(&str, &str)> = list.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    ask(emulator, action, &parameters)
}

/// Describes with one filter.
pub(crate) fn filtered(emulator: &Emulator, name: &str, value: &str) -> Answer {
    ask(emulator, "DescribeInstances", &[("Filter.1.Name", name), ("Filter.1.Value.1", value)])
}
