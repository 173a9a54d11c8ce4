//! The protocol: connections that stay, and input that is none.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::client::{exchange, frozen, signed};

#[test]
fn a_connection_stays_open_for_the_next_call() {
    let emulator = frozen();
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    for _ in 0..3 {
        let call = signed("us-east-1", "", "Action=DescribeSubnets");
        assert_eq!(exchange(&mut stream, call.as_bytes()).unwrap().status, 200);
    }
    let get = "GET /?Action=DescribeSubnets HTTP/1.1\r\nAuthorization: x Credential=K/1/us-east-1/ec2/a\r\n\r\n";
    assert_eq!(exchange(&mut stream, get.as_bytes()).unwrap().status, 200);
}

#[test]
fn calls_without_signature_action_or_meaning_are_refused() {
    let emulator = frozen();
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    let unsigned = "POST / HTTP/1.1\r\nContent-Length: 22\r\n\r\nAction=DescribeSubnets";
    assert_eq!(exchange(&mut stream, unsigned.as_bytes()).unwrap().refusal().1, "MissingAuthenticationToken");
    for (body, wanted) in [("", "MissingAction"), ("Action=MakeCoffee", "InvalidAction"), ("%%%=&&&=", "MissingAction")]
    {
        let answer = exchange(&mut stream, signed("us-east-1", "", body).as_bytes()).unwrap();
        assert_eq!((answer.status, answer.code()), (400, wanted));
    }
}

#[test]
fn what_is_not_http_is_answered_with_400_and_the_emulator_lives_on() {
    let emulator = frozen();
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(70_000));
    for bytes in [
        "nonsense\r\n\r\n",
        "\u{1}\u{2}\u{3}\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        &long,
    ] {
        let mut stream = TcpStream::connect(emulator.address()).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // A reset may follow the answer, since not all was read.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{bytes:.40}: {answer}");
    }
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    let call = signed("us-east-1", "", "Action=DescribeSubnets");
    assert_eq!(exchange(&mut stream, call.as_bytes()).unwrap().status, 200);
}

#[test]
fn a_stop_closes_connections_and_ends_waits() {
    let emulator = frozen();
    let mut idle = TcpStream::connect(emulator.address()).unwrap();
    let call = signed("us-east-1", "", "Action=DescribeSubnets");
    exchange(&mut idle, call.as_bytes()).unwrap();
    emulator.fault(hostfactory_emulator::Fault::hold(hostfactory_emulator::Phase::Before));
    let mut held = TcpStream::connect(emulator.address()).unwrap();
    held.write_all(call.as_bytes()).unwrap();
    let _held = emulator.wait_held(std::time::Duration::from_secs(20)).unwrap();
    let address = emulator.address();
    drop(emulator);
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).unwrap_or(0), 0);
    let _ = held.read_to_end(&mut rest);
    assert!(rest.is_empty());
    assert!(TcpStream::connect(address).is_err());
}
