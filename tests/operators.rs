//! An operator's day with the built program, on the provider without a cloud: nouns and verbs, streams, forms of answer
//! and exit codes.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::{Answered, Sandbox, stores};

fn ran(sandbox: &Sandbox, line: &str) -> Output {
    sandbox.program().args(line.split_whitespace()).output().unwrap()
}

fn told(sandbox: &Sandbox, line: &str) -> Answered {
    Answered::of(&ran(sandbox, line))
}

fn text(sandbox: &Sandbox, line: &str) -> String {
    let output = ran(sandbox, line);
    assert!(output.status.success(), "{line}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Orders hosts, waits for them and returns the request's id.
fn ordered(sandbox: &Sandbox, count: u32) -> String {
    let answer = told(sandbox, &format!("machines request Simulated-1 --count {count} --wait --interval 1s"));
    assert_eq!(answer.code, 0, "{answer:?}");
    answer.document["requests"][0]["requestId"].as_str().unwrap().to_owned()
}

#[test]
fn hosts_are_ordered_listed_shown_and_given_back_by_hand() {
    for strategy in stores() {
        let sandbox = Sandbox::simulated();
        let config = json!({"provider": {"type": "simulated", "simulated": {"bootSeconds": 0, "shutdownSeconds": 0}},
            "storage": {"strategy": strategy}});
        sandbox.write("conf/config.json", config.to_string());
        let id = ordered(&sandbox, 2);
        let listed = told(&sandbox, "requests list --status complete --template Simulated-1").document;
        assert_eq!((&listed["requests"][0]["requestId"], &listed["more"]), (&json!(id), &json!(false)), "{listed}");
        assert_eq!((&listed["requests"][0]["usable"], &listed["requests"][0]["wanted"]), (&json!(2), &json!(2)));
        assert_eq!(told(&sandbox, "requests list --status running").document["requests"], json!([]));
        let hosts = text(&sandbox, &format!("machines list --request {id} --sort id --output name"));
        let hosts: Vec<&str> = hosts.lines().collect();
        assert!(hosts.len() == 2 && hosts[0] < hosts[1], "{hosts:?}");
        let shown = told(&sandbox, &format!("machines show {}", hosts[0])).document;
        assert_eq!(shown["machines"][0]["requestId"], json!(id));
        let story = told(&sandbox, &format!("requests show {id}")).document;
        let events: Vec<&str> =
            story["timeline"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
        assert_eq!(events.first(), Some(&"RequestCreated"));
        assert!(events.contains(&"MachineCreated") && events.contains(&"RequestStatusChanged"), "{events:?}");

        let refused = told(&sandbox, &format!("machines return {} --wait", hosts[0]));
        assert_eq!(refused.code, 2, "nobody can be asked: {refused:?}");
        assert!(refused.message().contains("--yes"), "{refused:?}");
        let back = told(&sandbox, &format!("machines return --all-of {id} --yes --wait --interval 1s"));
        assert_eq!((back.code, &back.document["requests"][0]["status"]), (0, &json!("complete")), "{back:?}");
        assert_eq!(told(&sandbox, "machines list --held").document["machines"], json!([]));
        let nothing = told(&sandbox, &format!("machines return --all-of {id} --yes"));
        assert_eq!(nothing.code, 1, "{nothing:?}");
    }
}

#[test]
fn an_open_request_is_cancelled_and_its_hosts_end() {
    let sandbox = Sandbox::simulated();
    let config = json!({"provider": {"type": "simulated", "simulated": {"bootSeconds": 3600, "shutdownSeconds": 0}}});
    sandbox.write("conf/config.json", config.to_string());
    let accepted = told(&sandbox, "machines request Simulated-1 --count 2").document;
    let id = accepted["requestId"].as_str().unwrap();
    let unsure = ran(&sandbox, &format!("requests cancel {id} --output table"));
    assert_eq!((unsure.status.code(), unsure.stdout.len()), (Some(2), 0), "{unsure:?}");
    assert_eq!(told(&sandbox, "requests list --status running").document["requests"].as_array().unwrap().len(), 1);
    let cancelled = told(&sandbox, &format!("requests cancel {id} --yes"));
    assert_eq!((cancelled.code, &cancelled.document["hostsEnded"]), (0, &json!(2)), "{cancelled:?}");
    let entry = told(&sandbox, &format!("requests status {id} --wait --interval 1s"));
    assert_eq!((entry.code, &entry.document["requests"][0]["status"]), (1, &json!("complete_with_error")), "{entry:?}");
    let again = told(&sandbox, &format!("requests cancel {id} --yes"));
    assert_eq!(again.code, 0, "once more is no mistake: {again:?}");
    assert_eq!(told(&sandbox, "machines list --held").document["machines"], json!([]));
}

#[test]
fn every_form_of_answer_says_the_same_and_failures_go_where_they_are_read() {
    let sandbox = Sandbox::simulated();
    let id = ordered(&sandbox, 1);
    let table = text(&sandbox, "requests list --output table");
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].contains("STATUS") && lines[1].starts_with(&id), "{table}");
    assert!(!table.contains('\u{1b}'), "colours are for terminals: {table}");
    assert!(text(&sandbox, "requests list -o wide").contains("MESSAGE"));
    assert_eq!(text(&sandbox, "requests list -o name"), format!("{id}\n"));
    assert!(text(&sandbox, "requests list -o yaml").contains(&format!("requestId: {id}")));
    let unknown = "req-00000000-0000-4000-8000-000000000001";
    let failed = told(&sandbox, &format!("requests show {unknown}"));
    assert!(failed.code == 1 && failed.message().contains(unknown), "{failed:?}");
    let failed = ran(&sandbox, &format!("requests show {unknown} -o table"));
    assert_eq!((failed.status.code(), failed.stdout.len()), (Some(1), 0), "{failed:?}");
    assert!(String::from_utf8_lossy(&failed.stderr).starts_with("error: the store has no request"), "{failed:?}");
    let wrong = ran(&sandbox, "requests lits --output table");
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(2), 0), "{wrong:?}");
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("'list'"), "{wrong:?}");
}

#[test]
fn templates_are_judged_one_by_one_before_they_take_their_place() {
    let sandbox = Sandbox::simulated();
    assert_eq!(told(&sandbox, "templates list").document["templates"][0]["templateId"], "Simulated-1");
    assert_eq!(told(&sandbox, "templates validate").code, 0);
    assert_eq!(told(&sandbox, "templates show Simulated-1").document["maxNumber"], 10);
    let nearly = told(&sandbox, "templates show Simulated-2");
    assert!(nearly.code == 1 && nearly.message().contains("did you mean Simulated-1?"), "{nearly:?}");
    let good = json!({"templateId": "A", "maxNumber": 1, "attributes":
        {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1"]}});
    let new = json!({"templates": [good, {"templateId": "B", "maxNumber": "many"}]}).to_string();
    sandbox.write("new.json", new);
    let judged = told(&sandbox, "templates validate new.json");
    assert_eq!((judged.code, &judged.document["valid"]), (1, &json!(false)), "{judged:?}");
    let verdicts: Vec<(&str, &str)> = judged.document["templates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["templateId"].as_str().unwrap(), one["verdict"].as_str().unwrap()))
        .collect();
    assert_eq!(verdicts, [("A", "accepted"), ("B", "refused")]);
    assert!(judged.document["templates"][1]["reason"].as_str().unwrap().contains("maxNumber"), "{judged:?}");
    assert_eq!(told(&sandbox, "templates validate nowhere.json").code, 1);
}

#[test]
fn a_key_is_set_once_the_whole_configuration_can_be_used_with_it() {
    let sandbox = Sandbox::simulated();
    let before = std::fs::read(sandbox.path("conf/config.json")).unwrap();
    for (line, wanted) in [
        ("config set storage.stratgy sqlite", "did you mean storage.strategy?"),
        ("config set storage.strategy paper", "json or sqlite"),
        ("config get storage.strateg", "did you mean storage.strategy?"),
    ] {
        let refused = told(&sandbox, line);
        assert!(refused.code == 1 && refused.message().contains(wanted), "{refused:?}");
        assert_eq!(std::fs::read(sandbox.path("conf/config.json")).unwrap(), before);
    }
    let set = told(&sandbox, "config set logging.level debug");
    assert_eq!((set.code, &set.document["value"]), (0, &json!("debug")), "{set:?}");
    assert_eq!(std::fs::read(sandbox.path("conf/config.json.former")).unwrap(), before);
    assert_eq!(text(&sandbox, "config get logging.level -o table"), "debug\n");
    assert_eq!(told(&sandbox, "config validate").document["valid"], true);
}

/// Tells a process to end as Ctrl-C does, and returns its exit code.
fn interrupted(mut child: std::process::Child) -> Option<i32> {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    child.wait().unwrap().code()
}

#[test]
fn what_is_watched_is_shown_again_and_again_until_ctrl_c() {
    let sandbox = Sandbox::simulated();
    let id = ordered(&sandbox, 1);
    let mut watching = sandbox
        .program()
        .args(["requests", "list", "--watch", "--interval", "1s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(watching.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["requests"][0]["requestId"], json!(id));
    let second = ordered(&sandbox, 1);
    let next: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next["requests"][0]["requestId"], json!(second), "only what is another is shown again");
    assert_eq!(interrupted(watching), Some(130));
}

#[test]
fn events_are_followed_as_they_happen() {
    let sandbox = Sandbox::simulated();
    ordered(&sandbox, 1);
    let all = told(&sandbox, "events list --limit 0").document;
    let last = all["events"].as_array().unwrap().last().unwrap()["sequence"].as_u64().unwrap();
    let mut following = sandbox
        .program()
        .args(["events", "tail", "-n", "1", "--follow", "--interval", "1s", "--name", "RequestCreated"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert!(next()["sequence"].as_u64().unwrap() < last, "the newest of its name there is");
    let id = ordered(&sandbox, 1);
    let news = next();
    assert_eq!((&news["requestId"], &news["event"]), (&json!(id), &json!("RequestCreated")), "{news}");
    assert_eq!(interrupted(following), Some(130));
}

#[test]
fn a_request_is_watched_until_it_is_settled() {
    let sandbox = Sandbox::simulated();
    let accepted = told(&sandbox, "machines request Simulated-1").document;
    let line = format!("requests watch {} --interval 1s", accepted["requestId"].as_str().unwrap());
    let watched = ran(&sandbox, &line);
    assert_eq!(watched.status.code(), Some(0), "{watched:?}");
    let last: Value =
        serde_json::from_slice(watched.stdout.split(|b| *b == b'\n').rfind(|l| !l.is_empty()).unwrap()).unwrap();
    assert_eq!(last["status"], "complete");
}

#[test]
fn whatever_a_command_did_the_store_is_one_file_again_when_it_has_ended() {
    for strategy in stores() {
        let sandbox = Sandbox::simulated();
        let config = json!({"provider": {"type": "simulated"}, "storage": {"strategy": strategy}});
        sandbox.write("conf/config.json", config.to_string());
        for line in
            ["machines request Simulated-1", "requests list", "events tail", "storage purge --yes", "storage info"]
        {
            assert_eq!(told(&sandbox, line).code, 0, "{line}");
            let files = std::fs::read_dir(sandbox.path("work/data")).unwrap();
            let files: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            assert!(!files.iter().any(|file| file.ends_with("-wal") || file.ends_with("-shm")), "{line}: {files:?}");
        }
    }
}

#[test]
fn the_version_is_text_or_a_document() {
    let sandbox = Sandbox::new();
    assert_eq!(told(&sandbox, "version").document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&sandbox, "version -o name").trim(), env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_reference_page_is_what_the_program_prints() {
    let page = text(&Sandbox::new(), "reference");
    let path = crate::root().join("docs/cli.md");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == page, "docs/cli.md is not what `hostfactory reference` prints; write that into it");
}

#[test]
fn help_fits_a_terminal_of_eighty_columns_as_tables_do() {
    let sandbox = Sandbox::simulated();
    ordered(&sandbox, 2);
    // `script` gives the program a real terminal, where there is one.
    let Ok(mut child) = Command::new("script")
        .args(["-qec", &format!("stty cols 80; '{}' machines list", env!("CARGO_BIN_EXE_hostfactory")), "/dev/null"])
        .envs(sandbox.program().get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
    else {
        return;
    };
    let mut shown = String::new();
    child.stdout.take().unwrap().read_to_string(&mut shown).unwrap();
    child.wait().unwrap();
    let bare =
        shown.replace("\u{1b}[32m", "").replace("\u{1b}[2m", "").replace("\u{1b}[33m", "").replace("\u{1b}[0m", "");
    assert!(shown.contains("\u{1b}[32mrunning"), "{shown:?}");
    assert!(bare.lines().count() >= 3 && bare.lines().all(|line| line.chars().count() <= 80), "{bare}");
}
