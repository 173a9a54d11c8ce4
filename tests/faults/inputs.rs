//! Section J: templates, configuration and inputs that are wrong or hostile.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hostfactory_emulator::{Fault, SUBNETS};
use serde_json::{Value, json};

use super::bench::{Bench, on_both_stores};
use super::words::{about, order, order_from, template, within};
use crate::draw::Draw;
use crate::life::anywhere;
use crate::support::{Answered, Sandbox};

/// What a call may take that has nothing to ask the cloud.
const SOON: Duration = Duration::from_secs(5);

fn listed(bench: &Bench) -> Answered {
    bench.ask("getAvailableTemplates", &json!({}))
}

#[test]
fn row_94_no_template_is_an_error_and_never_an_empty_success() {
    on_both_stores(|bench| {
        bench.offer(&[template("Small", &json!({"maxNumber": 10}))]);
        assert_eq!(listed(bench).document["templates"][0]["maxNumber"], 10);
        let broken = template("Small", &json!({"maxNumber": "many"}));
        for text in [json!({"templates": [broken]}).to_string(), json!({"templates": []}).to_string(), String::new()] {
            bench.sandbox.write("conf/testinstprov_templates.json", &text);
            let answered = listed(bench);
            assert!(answered.code == 1 && !answered.message().is_empty(), "{text}: {answered:?}");
            assert_eq!(bench.ask("requestMachines", &order(1)).code, 1);
        }
        bench.offer(&[template("Small", &json!({"maxNumber": 4})), template("Broken", &json!({"maxNumber": "many"}))]);
        let answered = listed(bench);
        let templates = answered.document["templates"].as_array().unwrap().clone();
        assert_eq!(templates.len(), 1, "one bad template leaves the others: {answered:?}");
        bench.running(4);
        assert_eq!(bench.ask("requestMachines", &order(1)).code, 1, "a maximum that was lowered counts at once");
        bench.judge();
    });
}

/// A key of the configuration, and values that it takes and means.
fn settings() -> Vec<(&'static str, Vec<Value>)> {
    vec![
        ("provider.aws.createRetries", vec![json!(1), json!("1"), json!(1.0)]),
        ("provider.aws.connectTimeoutMs", vec![json!(3000), json!("3000")]),
        ("storage.lockTimeoutMs", vec![json!(5000), json!("5000")]),
        ("logging.level", vec![json!("debug"), json!("LOG_DEBUG"), json!("Warning")]),
        ("logging.acceptPropagated", vec![json!(false), json!("false"), json!("True")]),
        ("hostFactory.strictOwner", vec![json!(true), json!("true"), json!("no")]),
        ("hostFactory.acquireDeadlineSeconds", vec![json!(900), json!("900")]),
        ("template.overMaximum", vec![json!("clip"), json!("Refuse")]),
    ]
}

/// Sets a dotted key.
fn set(config: &mut Value, key: &str, value: Value) {
    let mut at = config;
    for part in key.split('.') {
        at = &mut at[part];
    }
    *at = value;
}

#[test]
fn row_96_two_hundred_wrong_configurations_are_refused_by_key_or_warned_about() {
    let mut dice = Draw(96);
    let sandbox = Sandbox::simulated();
    let base: Value = serde_json::from_slice(&std::fs::read(sandbox.path("conf/config.json")).unwrap()).unwrap();
    for round in 0..200 {
        let (key, good) = dice.of(&settings());
        let last = key.rsplit('.').next().unwrap();
        let mut config = base.clone();
        let kind = dice.below(5);
        let (value, works) = match kind {
            0 => (dice.of(&good), true),
            // A typo: the key is not known, and nothing changes but a warning.
            1 => (good[0].clone(), true),
            // An empty text is no value.
            4 => (json!(""), true),
            2 => (dice.of(&[json!({"a": 1}), json!([1, 2]), json!("what?"), json!("-1")]), false),
            _ => (dice.of(&[json!(-1), json!(1.5), json!(1e18), json!("1e9999")]), false),
        };
        let key = if kind == 1 { format!("{key}s") } else { key.to_owned() };
        set(&mut config, &key, value.clone());
        sandbox.write("conf/config.json", config.to_string());
        let answered = sandbox.call("requestMachines", order_from("Simulated-1", 1).to_string());
        let shown = format!("{round}: {key}={value}: {answered:?}");
        if works {
            // The only template has ten hosts.
            assert!(answered.code == 0 || answered.message().contains("maxNumber"), "{shown}");
        } else {
            assert!(answered.code == 1 && answered.message().contains(last), "{shown}");
            assert!(answered.message().contains("config.json"), "{shown}");
        }
        if kind == 1 {
            assert!(anywhere(&sandbox.path("log"), last), "{shown}");
        }
    }
}

#[test]
fn row_97_a_huge_configuration_template_file_or_input_is_refused_in_little_memory() {
    let sandbox = Sandbox::simulated();
    let deep = format!("{{\"a\": {}", "[".repeat(100_000));
    let bad: [&[u8]; 4] = [deep.as_bytes(), b"{\"a\": 1, \"a\": 2}", b"{\"\xff\": 1}", b"\xfe\xff\0{"];
    let input = sandbox.write("in/order.json", order_from("Simulated-1", 1).to_string());
    let ask = |file: &Path| {
        // All that it maps, its own code and its libraries' among it.
        let mut shell = sandbox.command("/bin/sh");
        shell.args(["-c", "ulimit -v 400000; exec \"$0\" requestMachines -f \"$1\""]);
        let answered =
            Answered::of(&within(SOON, || shell.arg(env!("CARGO_BIN_EXE_hostfactory")).arg(file).output()).unwrap());
        assert!(answered.code == 1 && !answered.message().is_empty(), "{answered:?}");
    };
    for name in ["conf/config.json", "conf/testinstprov_templates.json", "in/other.json"] {
        let path = sandbox.path(name);
        let before = std::fs::read(&path).unwrap_or_default();
        let file = if name.starts_with("in/") { path.clone() } else { input.clone() };
        for bytes in bad {
            sandbox.write(name, bytes);
            ask(&file);
        }
        sandbox.write(name, "{}");
        File::options().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
        ask(&file);
        sandbox.write(name, before);
    }
}

#[test]
fn row_98_wrong_counts_ask_the_cloud_nothing() {
    on_both_stores(|bench| {
        for count in ["0", "-1", "1e9", "1.5", "\"abc\"", "true", "null", "{}", "99999999999999999999"] {
            let input = format!(r#"{{"template": {{"templateId": "Small", "machineCount": {count}}}}}"#);
            let answered = Answered::of(&bench.command("requestMachines").args(["--data", &input]).output().unwrap());
            assert!(answered.code == 1 && answered.message().contains("machineCount"), "{count}: {answered:?}");
        }
        assert!(bench.emulator.calls().is_empty());
        bench.judge();
    });
}

/// Every path below a folder.
fn tree(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        found.insert(path.display().to_string());
        if path.is_dir() {
            found.extend(tree(&path));
        }
    }
    found
}

#[test]
fn row_99_ids_and_names_never_become_paths() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(1);
        assert!(bench.lost(&json!(hosts)).is_empty());
        let root = bench.sandbox.path("");
        let before = tree(&root);
        let long = "x".repeat(10_000);
        let hostile = [
            "../../escaped",
            "/tmp/escaped",
            "a/../../escaped",
            "req-..",
            "..",
            ".",
            "a\u{0}b",
            "a\nb",
            "\u{1b}[31m",
            "ｒｅｑ-1",
            "r\u{200b}eq",
            "$(touch escaped)",
            "`touch escaped`",
            "; touch escaped",
            "%2e%2e%2fescaped",
            &long,
        ];
        for id in hostile {
            for (call, input) in [
                ("getRequestStatus", about(id)),
                ("requestMachines", order_from(id, 1)),
                ("requestReturnMachines", json!({"machines": [{"name": id, "machineId": id}]})),
                ("requestReturnMachines", json!({"machines": [{"name": id}]})),
                ("getReturnRequests", json!({"machines": [{"name": id, "machineId": id}]})),
            ] {
                let file = bench.sandbox.write("in.json", input.to_string());
                let answered = Answered::of(&bench.command(call).arg("-f").arg(&file).output().unwrap());
                assert!(answered.code <= 1, "{call} {id:?}: {answered:?}");
                std::fs::remove_file(file).unwrap();
            }
        }
        let after = tree(&root);
        let new: Vec<_> = after.difference(&before).filter(|path| !path.contains("request_database")).collect();
        assert!(new.is_empty(), "{new:?}");
        assert!(!Path::new("/tmp/escaped").exists());
        assert_eq!(bench.emulator.truth().live().len(), 1);
        bench.judge();
    });
}

#[test]
fn row_100_hostile_values_arrive_as_they_are_or_are_refused() {
    on_both_stores(|bench| {
        let hostile = "$(touch pwned) `id` \"quoted\" ']]>' {{ x }} &amp; <b> \\ % 'single' ä€😀";
        let script = format!("#!/bin/sh\necho {hostile}\n");
        let more = json!({"userDataScript": script, "instanceTags": {"hostile": hostile, "Name": "a;b=c"}});
        bench.offer(&[template("Hostile", &more)]);
        bench.running_from("Hostile", 1);
        let call = &bench.emulator.calls_of("RunInstances")[0];
        assert_eq!(decoded(call.parameters.get("UserData").unwrap()), script.as_bytes());
        let truth = bench.emulator.truth();
        assert_eq!(truth.instances[0].tag("hostile"), Some(hostile));
        assert_eq!(truth.instances[0].tag("Name"), Some("a;b=c"));
        assert!(!bench.sandbox.path("pwned").exists());
        bench.judge();
    });
}

/// Reads base64.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from((bits >> count) & 0xff).unwrap());
        }
    }
    bytes
}

#[test]
fn row_102_a_hostile_message_of_the_cloud_is_one_record_and_no_control_code() {
    on_both_stores(|bench| {
        let message = "no room\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}\n\u{1b}[2J\u{7} \u{9b}31m <x/>";
        bench.offer(&[template("Two", &json!({"subnetId": [SUBNETS[0], SUBNETS[1]]}))]);
        let fault = Fault::code("InsufficientInstanceCapacity").message(message);
        bench.emulator.fault(fault.on("RunInstances").always());
        let answered = bench.ask("requestMachines", &order_from("Two", 1));
        assert_eq!(answered.code, 1);
        let shown = format!("{}{}", answered.message(), answered.stderr);
        assert!(shown.contains("no room") && !shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        let log = std::fs::read_to_string(bench.sandbox.path("log/testinst-hostfactory.log")).unwrap();
        for line in log.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            assert_ne!(record["message"], "forged");
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        assert!(log.contains("no room"));
        bench.judge();
    });
}

#[test]
fn row_112_a_log_that_swallows_nothing_holds_nobody_up() {
    on_both_stores(|bench| {
        // A pipe that nobody reads.
        let log = bench.sandbox.path("log/testinst-hostfactory.log");
        assert!(Command::new("mkfifo").arg(&log).status().unwrap().success());
        let answered = within(SOON, || bench.ask("requestMachines", &order(1)));
        assert_eq!(answered.code, 0, "{answered:?}");
        bench.settled(answered.document["requestId"].as_str().unwrap());
        assert_eq!(bench.emulator.truth().len(), 1);
    });
}
