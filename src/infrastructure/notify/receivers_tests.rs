//! Receivers on the loopback interface: one that takes, one that answers 500, one that never answers, one that is not there.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;

use super::super::document::tests::events;
use super::*;
use crate::domain::delivery::Wanted;

/// How long anything may take that the machine's load alone makes slow.
const PATIENCE: Duration = Duration::from_secs(30);

const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// A server that answers each request with this, or not at all.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<String>>>,
}

fn request_on(mut stream: &TcpStream) -> String {
    let mut text = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).unwrap_or(0);
        text.extend_from_slice(&piece[..read]);
        let shown = String::from_utf8_lossy(&text).into_owned();
        let length = shown
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.split("\r\n").next()?.trim().parse::<usize>().ok());
        let body = shown.split_once("\r\n\r\n").map_or(0, |(_, body)| body.len());
        if read == 0 || length.is_some_and(|length| shown.contains("\r\n\r\n") && body >= length) {
            return shown;
        }
    }
}

impl Server {
    fn answering(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let Some(answer) = answer else {
                    silent.push(stream);
                    continue;
                };
                kept.lock().unwrap().push(request_on(&stream));
                let _ = (&stream).write_all(format!("{answer}\r\ncontent-length: 0\r\n\r\n").as_bytes());
            }
        });
        Self { address, seen }
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

fn webhook(url: String) -> Receivers {
    let header = Some(("Authorization".to_owned(), "Bearer canary".to_owned()));
    let webhook = Some(WebhookSettings { url, header, wanted: Wanted::All });
    let settings = SinkSettings { instance: "awsinst".to_owned(), webhook, ..SinkSettings::default() };
    Receivers { settings }
}

fn sns(url: String, form: SnsForm) -> Receivers {
    let sns = Some(SnsSettings { url, form, topic: "arn:aws:sns:x:1:t".to_owned(), wanted: Wanted::All });
    let settings = SinkSettings { instance: "awsinst".to_owned(), sns, ..SinkSettings::default() };
    Receivers { settings }
}

#[tokio::test]
async fn a_webhook_gets_the_document_with_its_header() {
    let server = Server::answering(Some("HTTP/1.1 204 No Content"));
    let receivers = webhook(format!("{}/hook?token=canary", server.address));
    receivers.send("webhook", &events(7..=9), NOW, PATIENCE).await.unwrap();
    let seen = server.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hook?token=canary HTTP/1.1\r\n"), "{head}");
    for header in ["authorization: bearer canary", "content-type: application/json", "user-agent: hostfactory/"] {
        assert!(head.to_ascii_lowercase().contains(header), "{head}");
    }
    let document: Value = serde_json::from_str(body).unwrap();
    assert_eq!(document, document::of("awsinst", &events(7..=9)));
    assert_eq!(receivers.configured()[0].target, format!("{}/***", server.address));
}

#[tokio::test]
async fn whoever_speaks_as_sns_gets_a_notification_or_a_publication() {
    let server = Server::answering(Some("HTTP/1.1 200 OK"));
    sns(server.address.clone(), SnsForm::Notification).send("sns", &events(7..=7), NOW, PATIENCE).await.unwrap();
    sns(server.address.clone(), SnsForm::Publish).send("sns", &events(7..=7), NOW, PATIENCE).await.unwrap();
    let seen = server.seen();
    let (head, body) = seen[0].split_once("\r\n\r\n").unwrap();
    let document: Value = serde_json::from_str(body).unwrap();
    assert!(head.to_ascii_lowercase().contains("x-amz-sns-message-type: notification"), "{head}");
    assert_eq!((&document["Type"], &document["TopicArn"]), (&"Notification".into(), &"arn:aws:sns:x:1:t".into()));
    let (head, body) = seen[1].split_once("\r\n\r\n").unwrap();
    assert!(head.to_ascii_lowercase().contains("application/x-www-form-urlencoded"), "{head}");
    let members: Vec<&str> = body.split('&').collect();
    assert_eq!(members[..3], ["Action=Publish", "Version=2010-03-31", "TopicArn=arn%3Aaws%3Asns%3Ax%3A1%3At"]);
    assert_eq!(members[3], "Subject=hostfactory%20awsinst%3A%20MachineTerminated");
    assert!(members[4].starts_with("Message=%7B%22") && members.len() == 5, "{body}");
}

#[tokio::test]
async fn row_112_a_receiver_that_is_not_there_or_refuses_is_a_failure_without_secrets() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let broken = Server::answering(Some("HTTP/1.1 500 canary"));
    let elsewhere = Server::answering(Some("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/canary"));
    for (url, told) in [
        (format!("http://u:canary@{gone}/canary"), "connection"),
        (format!("{}/canary", broken.address), "500"),
        (format!("{}/canary", elsewhere.address), "302"),
    ] {
        let error = webhook(url).send("webhook", &events(1..=1), NOW, PATIENCE).await.unwrap_err();
        assert!(error.to_ascii_lowercase().contains(told) && !error.contains("canary"), "{error}");
    }
    assert_eq!(elsewhere.seen().len(), 1, "a redirection is not followed");
}

#[tokio::test]
async fn row_112_a_receiver_that_never_answers_is_given_up_in_time() {
    let hole = Server::answering(None);
    let begun = Instant::now();
    let within = Duration::from_millis(400);
    let error = webhook(hole.address.clone()).send("webhook", &events(1..=1), NOW, within).await.unwrap_err();
    assert!(error.contains("within 0.4 seconds"), "{error}");
    assert!(begun.elapsed() >= within && begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_is_not_configured_is_told_nothing() {
    let receivers = Receivers::default();
    assert!(receivers.configured().is_empty());
    for name in ["webhook", "command", "sns", "other"] {
        assert!(receivers.send(name, &events(1..=1), NOW, PATIENCE).await.is_err());
    }
}
