//! Notifications: what receivers get, and what those do to a call that do not take it.

use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::receiver::{Manner, Receiver};
use super::{configured, history, order, poll, ran, told};
use crate::support::{Sandbox, stores};

/// How much longer a call may take because of a receiver, with room for a machine that is busy.
const LONGER: Duration = Duration::from_secs(30);

fn webhook(receiver: &Receiver) -> Value {
    json!({"events": {"webhook": {"url": receiver.url, "header": "Authorization: Bearer header-canary"}}})
}

/// The lines of the audit trail, by name.
fn audited(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("log/testinst-hostfactory.log")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let lines = lines.filter(|line| line["target"] == "hostfactory::audit");
    lines.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_receiver_is_told_what_it_wants_in_order_and_once() {
    for store in stores() {
        let (all, sns) = (Receiver::new(Manner::Takes), Receiver::new(Manner::Takes));
        let sandbox = configured(
            store,
            &json!({"events": {
                "webhook": {"url": all.url},
                "sns": {"url": sns.url, "topicArn": "arn:aws:sns:us-east-1:1:t", "only": ["RequestCreated"]},
            }}),
        );
        let id = order(&sandbox, 2);
        poll(&sandbox, &id);
        order(&sandbox, 1);
        // What a busy machine did not get done in passing.
        told(&sandbox, "events deliver");
        assert_eq!(all.events(), history(&sandbox), "{store}");
        let document = &all.documents()[0];
        assert_eq!((&document["source"], &document["instance"]), (&json!("hostfactory"), &json!("testinst")));
        assert!(document["events"][0]["at"].as_str().unwrap().ends_with('Z'), "{document}");
        let messages: Vec<Value> = sns
            .documents()
            .iter()
            .map(|notice| serde_json::from_str(notice["Message"].as_str().unwrap()).unwrap())
            .collect();
        assert_eq!(messages.len(), 2, "{store}: one for each order");
        assert_eq!(messages[0]["events"][0]["requestId"], json!(id));
    }
}

#[cfg(unix)]
#[test]
fn a_program_is_given_the_events_on_standard_input() {
    use std::os::unix::fs::PermissionsExt as _;

    let sandbox = Sandbox::simulated();
    let got = sandbox.path("got");
    let hook = sandbox.write("hook", format!("#!/bin/sh\ncat >> '{0}'\necho >> '{0}'\n", got.display()));
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700)).unwrap();
    let sandbox_with = |program: &std::path::Path| {
        let config = json!({"provider": {"type": "simulated", "simulated": {"bootSeconds": 0, "shutdownSeconds": 0}},
            "events": {"command": {"program": program, "only": "MachineCreated"}}});
        sandbox.write("conf/config.json", config.to_string());
    };
    sandbox_with(&sandbox.path("missing"));
    order(&sandbox, 3);
    let report = told(&sandbox, "events deliver --dry-run");
    assert_eq!(report.code, 1, "{report:?}");
    assert!(report.document["receivers"][0]["lastError"].as_str().unwrap().contains("cannot be started"), "{report:?}");
    sandbox_with(&hook);
    let report = told(&sandbox, "events deliver").document;
    assert_eq!((&report["receivers"][0]["taken"], &report["receivers"][0]["waiting"]), (&json!(3), &json!(0)));
    let text = std::fs::read_to_string(&got).unwrap();
    let documents: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0]["events"].as_array().unwrap().len(), 3);
}

/// Starts an order and returns the process with the answer, which is read as soon as it is out.
fn answered(sandbox: &Sandbox) -> (Child, Value, Instant) {
    let mut child = sandbox
        .program()
        .arg("requestMachines")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let order = json!({"template": {"templateId": "Simulated-1", "machineCount": 1}});
    child.stdin.take().unwrap().write_all(order.to_string().as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (child, serde_json::from_str(&line).unwrap(), Instant::now())
}

#[test]
fn row_39_row_112_a_receiver_that_swallows_everything_comes_after_the_answer_and_is_left_alone() {
    for store in stores() {
        let hole = Receiver::new(Manner::Swallows);
        let sandbox = configured(store, &webhook(&hole));
        let (mut child, answer, since) = answered(&sandbox);
        assert!(answer["requestId"].as_str().is_some_and(|id| id.starts_with("req-")), "{store}: {answer}");
        let goes_on = child.try_wait().unwrap().is_none();
        assert!(child.wait().unwrap().success());
        assert!(since.elapsed() < LONGER, "{store}: {:?}", since.elapsed());
        // A machine that is busy may look so late that all is over.
        assert!(goes_on || since.elapsed() < Duration::from_secs(1), "{store}: the answer waited for the receiver");
        // It is not tried again at each of these six calls, and what happens is kept for it.
        for _ in 0..3 {
            order(&sandbox, 1);
        }
        assert!(hole.connections() < 4, "{store}: {}", hole.connections());
        let kept = history(&sandbox);
        assert_eq!(audited(&sandbox).len(), kept.len(), "{store}: the log is told all the same");
        let report = told(&sandbox, "events deliver --dry-run");
        let receiver = &report.document["receivers"][0];
        assert!(report.code == 1 && receiver["failures"].as_u64() > Some(0), "{report:?}");
        assert_eq!((&receiver["position"], &receiver["waiting"]), (&json!(0), &json!(kept.len())), "{receiver}");
        assert!(receiver["lastError"].as_str().unwrap().contains("seconds"), "{receiver}");
        hole.behave(Manner::Takes);
        let report = told(&sandbox, "events deliver");
        assert_eq!((report.code, &report.document["receivers"][0]["waiting"]), (0, &json!(0)), "{report:?}");
        assert_eq!(hole.events(), kept, "{store}: nothing is lost, in order");
    }
}

#[test]
fn row_39_row_112_receivers_that_refuse_or_are_gone_change_no_answer_and_get_everything_later() {
    for store in stores() {
        let broken = Receiver::new(Manner::IsBroken);
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut config = webhook(&broken);
        config["events"]["sns"] = json!({"url": format!("http://{gone}/")});
        let sandbox = configured(store, &config);
        let id = order(&sandbox, 2);
        let entry = poll(&sandbox, &id);
        assert_eq!((entry.code, &entry.document["requests"][0]["status"]), (0, &json!("complete")), "{entry:?}");
        assert!(entry.stderr.is_empty(), "{entry:?}");
        let doctor = told(&sandbox, "doctor --offline --json").document;
        let found: Vec<(&str, &str)> = doctor["checks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|check| check["name"].as_str().unwrap().starts_with("receiver of events"))
            .map(|check| (check["outcome"].as_str().unwrap(), check["found"].as_str().unwrap()))
            .collect();
        assert!(found.len() == 2 && found.iter().all(|(outcome, _)| *outcome == "warning"), "{found:?}");
        assert!(found.iter().any(|(_, text)| text.contains("500")), "{found:?}");
        broken.behave(Manner::Takes);
        let report = told(&sandbox, "events deliver");
        assert_eq!(report.code, 1, "the other one is still gone: {report:?}");
        assert_eq!(broken.events(), history(&sandbox), "{store}");
        assert_eq!(audited(&sandbox).len(), history(&sandbox).len());
        for shown in [
            String::from_utf8(ran(&sandbox, "config show --origin").stdout).unwrap(),
            format!("{report:?} {doctor}"),
            std::fs::read_to_string(sandbox.path("log/testinst-hostfactory.log")).unwrap(),
        ] {
            assert!(!shown.contains("canary"), "{store}: {shown}");
        }
    }
}

#[test]
fn what_waits_can_be_set_aside() {
    let receiver = Receiver::new(Manner::IsBroken);
    let sandbox = configured("json", &webhook(&receiver));
    order(&sandbox, 1);
    let report = told(&sandbox, "events deliver --skip").document;
    assert_eq!(report["receivers"][0]["waiting"], 0, "{report}");
    receiver.behave(Manner::Takes);
    let before = history(&sandbox).len();
    order(&sandbox, 1);
    told(&sandbox, "events deliver");
    assert_eq!(receiver.events(), history(&sandbox)[before..]);
}

#[test]
fn nobody_to_tell_is_no_failure() {
    let sandbox = configured("json", &json!({}));
    order(&sandbox, 1);
    let report = told(&sandbox, "events deliver");
    assert_eq!((report.code, &report.document["receivers"]), (0, &json!([])), "{report:?}");
    assert!(!sandbox.path("work/data/request_database.sinks").exists());
}
