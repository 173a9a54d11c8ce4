//! Just enough HTTP/1.1, on a plain socket: the socket stays in our hands, so that answers can be cut, held and lost.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

const MOST_HEADERS: usize = 100;
const LONGEST_HEAD: usize = 64 * 1024;
const LONGEST_BODY: usize = 32 * 1024 * 1024;

/// A request as it came.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) keep_alive: bool,
}

impl Request {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An answer before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::text(status, "application/json", value.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into() }
    }
}

/// What came in next on a connection.
pub(crate) enum Incoming {
    Request(Request),
    /// Not HTTP as we speak it; the text says why.
    Bad(String),
    Closed,
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes that came and belong to the next request.
    buffer: Vec<u8>,
}

/// A head that was read: its length in bytes, the request without its body, and the length of the body.
type Head = (usize, Request, usize);

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let _ = stream.set_nodelay(true);
        Self { stream, buffer: Vec::new() }
    }

    fn read_more(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let count = self.stream.read(&mut chunk)?;
        self.buffer.extend(chunk.iter().take(count));
        Ok(count)
    }

    /// Waits for the next request.
    pub(crate) fn next(&mut self) -> io::Result<Incoming> {
        let (head, mut request, length) = loop {
            match head_of(&self.buffer) {
                Ok(Some(head)) => break head,
                Ok(None) if self.buffer.len() > LONGEST_HEAD => {
                    return Ok(Incoming::Bad(format!("the head is longer than {LONGEST_HEAD} bytes")));
                }
                Ok(None) => {
                    if self.read_more()? == 0 {
                        return Ok(Incoming::Closed);
                    }
                }
                Err(why) => return Ok(Incoming::Bad(why)),
            }
        };
        if length > LONGEST_BODY {
            return Ok(Incoming::Bad(format!("the body is longer than {LONGEST_BODY} bytes")));
        }
        if request.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        while self.buffer.len() < head + length {
            if self.read_more()? == 0 {
                return Ok(Incoming::Closed);
            }
        }
        let rest = self.buffer.split_off(head + length);
        request.body = self.buffer.split_off(head);
        self.buffer = rest;
        Ok(Incoming::Request(request))
    }

    /// Writes an answer.
    pub(crate) fn write(&mut self, response: &Response, keep_alive: bool) -> io::Result<()> {
        let mut bytes = head(response, keep_alive);
        bytes.extend(&response.body);
        self.stream.write_all(&bytes)
    }

    /// Writes the head and half of the body, then waits until the other side gives up.
    pub(crate) fn stall(&mut self, response: &Response) -> io::Result<()> {
        let mut bytes = head(response, true);
        bytes.extend(response.body.iter().take(response.body.len() / 2));
        self.stream.write_all(&bytes)?;
        while self.read_more()? > 0 {
            self.buffer.clear();
        }
        Ok(())
    }

    /// Closes both ways at once.
    pub(crate) fn close(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

fn head(response: &Response, keep_alive: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let length = response.body.len().to_string();
    let fixed = [("Content-Type", response.content_type), ("Content-Length", &length), ("Connection", connection)];
    let more = response.headers.iter().map(|(name, value)| (*name, value.as_str()));
    for (name, value) in fixed.into_iter().chain(more) {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("\r\n");
    head.into_bytes()
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        412 => "Precondition Failed",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// Reads a head, if it is there in full.
fn head_of(bytes: &[u8]) -> Result<Option<Head>, String> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = parsed.parse(bytes).map_err(|error| format!("not HTTP/1.1: {error}"))?
    else {
        return Ok(None);
    };
    let headers: Vec<(String, String)> = parsed
        .headers
        .iter()
        .map(|header| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned()))
        .collect();
    let request = Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        keep_alive: parsed.version == Some(1),
        headers,
        body: Vec::new(),
    };
    let closes = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    let request = Request { keep_alive: request.keep_alive && !closes, ..request };
    if request.header("transfer-encoding").is_some() {
        return Err("a body in chunks is not understood here; send Content-Length".to_owned());
    }
    let length = match request.header("content-length") {
        Some(text) => text.trim().parse().map_err(|_| format!("Content-Length '{text}' is no number"))?,
        None => 0,
    };
    Ok(Some((head, request, length)))
}
