//! The program and its HTTP interface.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::client::{Answer, exchange, signed};

fn control(stream: &mut TcpStream, method: &str, path: &str, body: &str) -> (u16, Value) {
    let text = format!("{method} /_emulator/{path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let Answer { status, body } = exchange(stream, text.as_bytes()).unwrap();
    (status, serde_json::from_str(&body).unwrap())
}

#[test]
fn the_program_says_where_it_listens_and_does_over_http_what_the_handle_does() {
    let mut program = Command::new(env!("CARGO_BIN_EXE_hostfactory-emulator"))
        .args(["--boot", "0.5", "--any-image"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let about: Value = serde_json::from_str(&line).unwrap();
    let address = about["endpoint"].as_str().unwrap().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).unwrap();
    let launch = format!(
        "Action=RunInstances&MinCount=1&MaxCount=2&ImageId=ami-00000000&SubnetId={}",
        about["subnets"][0].as_str().unwrap()
    );
    assert_eq!(exchange(&mut stream, signed("us-east-1", "", &launch).as_bytes()).unwrap().status, 200);
    let (_, truth) = control(&mut stream, "GET", "truth", "");
    assert_eq!(truth["instances"].as_array().unwrap().len(), 2);
    assert_eq!(truth["instances"][0]["launch"]["instance_type"], "m5.large");

    let fault = json!({"verb": {"code": {"code": "InternalError", "phase": "before"}}, "action": "RunInstances"});
    assert_eq!(control(&mut stream, "POST", "faults", &fault.to_string()).0, 200);
    assert_eq!(control(&mut stream, "GET", "world", "").1["faults"][0]["times"], 1);
    assert_eq!(exchange(&mut stream, signed("us-east-1", "", &launch).as_bytes()).unwrap().status, 500);
    let pool = json!({"pool": {"instance_type": "*", "zone": "us-east-1a", "market": null, "places": 0}});
    assert_eq!(control(&mut stream, "POST", "edit", &pool.to_string()).0, 200);
    let empty = exchange(&mut stream, signed("us-east-1", "", &launch).as_bytes()).unwrap();
    assert_eq!(empty.code(), "InsufficientInstanceCapacity");
    let before = control(&mut stream, "GET", "world", "").1["now"].as_i64().unwrap();
    let after = control(&mut stream, "POST", "clock", "{\"seconds\": 600}").1["now"].as_i64().unwrap();
    assert!(after - before >= 600_000);
    assert_eq!(control(&mut stream, "GET", "calls", "").1.as_array().unwrap().len(), 3);
    assert_eq!(control(&mut stream, "DELETE", "faults", "").0, 200);

    for (method, path, body, status) in [
        ("GET", "weather", "", 404),
        ("POST", "edit", "{\"explode\": {}}", 400),
        ("POST", "faults", "{", 400),
        ("POST", "edit", "{\"protect\": {\"instance\": \"i-1\", \"on\": true}}", 400),
    ] {
        let (answered, why) = control(&mut stream, method, path, body);
        assert!(answered == status && !why["message"].as_str().unwrap().is_empty(), "{path}: {why}");
    }
    drop(program.stdin.take());
    assert!(program.wait().unwrap().success(), "it ends with its standard input");
}

#[test]
fn a_held_call_is_shown_and_released_over_http() {
    let emulator = crate::client::frozen();
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    assert_eq!(control(&mut stream, "POST", "faults", "{\"verb\": {\"hold\": \"after\"}}").0, 200);
    std::thread::scope(|scope| {
        let call = scope.spawn(|| crate::client::run(&emulator, 1, &[]));
        let (_, held) = control(&mut stream, "GET", "held", "");
        assert_eq!(held, json!({"call": 1, "action": "RunInstances", "phase": "after"}));
        let release = json!({"call": 1, "how": {"refuse": "InternalError"}});
        assert_eq!(control(&mut stream, "POST", "release", &release.to_string()).0, 200);
        assert_eq!(call.join().unwrap().code(), "InternalError");
    });
    assert_eq!(emulator.truth().len(), 1);
}

#[test]
fn arguments_that_are_not_understood_are_an_error_that_points_to_the_help() {
    let program = || Command::new(env!("CARGO_BIN_EXE_hostfactory-emulator"));
    let wrong = program().arg("--coffee").output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--help"));
    let help = program().arg("--help").output().unwrap();
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("--port N"));
}
