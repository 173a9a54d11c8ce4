//! A receiver of events on the loopback interface.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// It takes what it is sent.
    Takes,
    /// It answers that it is broken.
    IsBroken,
    /// It takes the connection and never answers.
    Swallows,
}

/// A receiver with what it was sent.
#[derive(Debug)]
pub(super) struct Receiver {
    pub(super) url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    manner: Manner,
    connections: usize,
    bodies: Vec<String>,
}

fn body_on(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut piece = [0; 8192];
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_ascii_lowercase();
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.trim().parse().ok());
        if read == 0 || body.len() >= length.unwrap_or(0) {
            return body.to_owned();
        }
    }
}

impl Receiver {
    pub(super) fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook/token-canary", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State { manner, connections: 0, bodies: Vec::new() }));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let mut swallowed = Vec::new();
            for mut stream in listener.incoming().map_while(Result::ok) {
                let manner = {
                    let mut state = shared.lock().unwrap();
                    state.connections += 1;
                    state.manner
                };
                if manner == Manner::Swallows {
                    swallowed.push(stream);
                    continue;
                }
                let body = body_on(&mut stream);
                let answer = if manner == Manner::Takes {
                    shared.lock().unwrap().bodies.push(body);
                    "200 OK"
                } else {
                    "500 Internal Server Error"
                };
                let _ = write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            }
        });
        Self { url, state }
    }

    pub(super) fn behave(&self, manner: Manner) {
        self.state.lock().unwrap().manner = manner;
    }

    /// How often somebody connected.
    pub(super) fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// The documents that it took.
    pub(super) fn documents(&self) -> Vec<Value> {
        self.state.lock().unwrap().bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    /// The events that it took, with their sequence numbers.
    pub(super) fn events(&self) -> Vec<(u64, String)> {
        let documents = self.documents();
        let events = documents.iter().flat_map(|document| document["events"].as_array().unwrap());
        events.map(|event| (event["sequence"].as_u64().unwrap(), event["event"].as_str().unwrap().to_owned())).collect()
    }
}
