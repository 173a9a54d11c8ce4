//! The built program from outside: streams, exit codes and bad surroundings, on the provider without a cloud.

use std::fs::File;
use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use crate::support::{AT_ONCE, Answered, Sandbox, script};

const CALLS: [&str; 5] =
    ["getAvailableTemplates", "requestMachines", "requestReturnMachines", "getRequestStatus", "getReturnRequests"];

/// How often a request is asked about before a test gives up.
const PATIENCE: usize = 200;

fn order(count: u32) -> String {
    json!({"template": {"templateId": "Simulated-1", "machineCount": count}}).to_string()
}

/// Asks about `id` until it is settled, as Host Factory does, and returns its entry.
fn settled(sandbox: &Sandbox, id: &Value) -> Value {
    for _ in 0..PATIENCE {
        let answer = sandbox.call("getRequestStatus", json!({"requests": [{"requestId": id}]}).to_string());
        assert_eq!(answer.code, 0, "{answer:?}");
        let entry = &answer.document["requests"][0];
        if entry["status"] != "running" {
            return entry.clone();
        }
    }
    panic!("{id} did not settle");
}

/// A failure document and nothing else.
fn assert_failed(answer: &Answered) {
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(!answer.message().is_empty() && !answer.message().contains('\n'), "{answer:?}");
    let keys: Vec<&String> = answer.document.as_object().unwrap().keys().collect();
    assert!(keys.iter().all(|key| ["message", "error_code"].contains(&key.as_str())), "{answer:?}");
}

#[test]
fn hosts_are_asked_for_reported_and_given_back() {
    let sandbox = Sandbox::simulated();
    let templates = sandbox.call("getAvailableTemplates", "{}");
    assert_eq!((templates.code, &templates.document["templates"][0]["templateId"]), (0, &json!("Simulated-1")));
    let accepted = sandbox.call("requestMachines", order(2));
    assert_eq!(accepted.code, 0, "{accepted:?}");
    let entry = settled(&sandbox, &accepted.document["requestId"]);
    assert_eq!(entry["status"], "complete", "{entry}");
    let hosts: Vec<Value> = entry["machines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|machine| json!({"name": machine["name"], "machineId": machine["machineId"]}))
        .collect();
    assert_eq!(hosts.len(), 2);
    let held = json!({"machines": hosts}).to_string();
    assert_eq!(sandbox.call("getReturnRequests", &held).document["requests"], json!([]));
    let returned = sandbox.call("requestReturnMachines", &held);
    let entry = settled(&sandbox, &returned.document["requestId"]);
    assert_eq!((&entry["status"], entry["machines"].as_array().unwrap().len()), (&json!("complete"), 2), "{entry}");
}

#[test]
fn bad_input_is_refused_at_once() {
    let sandbox = Sandbox::simulated();
    let deep = "[".repeat(100_000);
    let inputs: [&[u8]; 8] = [
        b"{",
        b"not json",
        b"[]",
        b"{} {}",
        b"{\"a\": 1, \"a\": 2}",
        b"{\"a\": \"\xff\"}",
        b"\xff\xfe{\0}\0",
        deep.as_bytes(),
    ];
    for call in CALLS {
        for input in inputs {
            let started = Instant::now();
            assert_failed(&sandbox.call(call, input));
            assert!(started.elapsed() < AT_ONCE);
        }
    }
    for call in &CALLS[1..4] {
        assert_failed(&sandbox.call(call, ""));
        assert_failed(&sandbox.call(call, "{}"));
    }
    for call in [CALLS[0], CALLS[4]] {
        assert_eq!(sandbox.call(call, "").code, 0);
    }
}

#[test]
fn a_huge_file_and_an_endless_one_are_refused_at_once() {
    let sandbox = Sandbox::simulated();
    let huge = sandbox.write("huge.json", "{}");
    File::options().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
    for path in [huge.to_str().unwrap(), "/dev/zero"].iter().filter(|path| std::path::Path::new(path).exists()) {
        let started = Instant::now();
        let output = sandbox.program().args(["requestMachines", "-f", path]).output().unwrap();
        assert_failed(&Answered::of(&output));
        assert!(started.elapsed() < AT_ONCE);
    }
}

#[test]
fn wrong_counts_and_hostile_ids_are_refused_before_anything_is_stored() {
    let sandbox = Sandbox::simulated();
    for count in ["0", "-1", "1e9", "1.5", "\"abc\"", "true", "null"] {
        let input = format!(r#"{{"template": {{"templateId": "Simulated-1", "machineCount": {count}}}}}"#);
        let answer = sandbox.call("requestMachines", input);
        assert_failed(&answer);
        assert!(answer.message().contains("machineCount"), "{answer:?}");
    }
    for id in ["../../etc/passwd", "a b", r"a\u0000b", r"a\nb", "ｒｅｑ", &"x".repeat(10_000)] {
        assert_failed(&sandbox.call("getRequestStatus", format!(r#"{{"requests": [{{"requestId": "{id}"}}]}}"#)));
        assert_failed(&sandbox.call("requestReturnMachines", format!(r#"{{"machines": [{{"name": "{id}"}}]}}"#)));
        let input = format!(r#"{{"template": {{"templateId": "{id}", "machineCount": 1}}}}"#);
        assert_failed(&sandbox.call("requestMachines", input));
    }
    assert!(!sandbox.path("work/data/request_database.json").exists());
}

#[test]
fn unknown_requests_are_told_and_unknown_options_are_ignored() {
    let sandbox = Sandbox::simulated();
    let id = "req-00000000-0000-4000-8000-000000000001";
    let input = json!({"requests": ["r-0123", {"requestId": id}]}).to_string();
    let answer = sandbox.call("getRequestStatus", &input);
    for (at, id) in ["r-0123", id].iter().enumerate() {
        let entry = &answer.document["requests"][at];
        assert_eq!((&entry["requestId"], &entry["status"]), (&json!(id), &json!("complete_with_error")));
    }
    let args = ["get-request-status", "--long", "extra", "--data", &input, "--wait", "30"];
    let output = sandbox.program().args(args).output().unwrap();
    assert_eq!(Answered::of(&output).document, answer.document);
}

#[test]
fn input_comes_from_standard_input_too() {
    let sandbox = Sandbox::simulated();
    for args in [&["getReturnRequests"][..], &["getReturnRequests", "-f", "-"], &["getAvailableTemplates", "-f", "-"]] {
        let mut child = sandbox
            .program()
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"{}").unwrap();
        assert_eq!(Answered::of(&child.wait_with_output().unwrap()).code, 0, "{args:?}");
    }
}

#[test]
fn a_configuration_that_is_missing_is_a_failure() {
    let sandbox = Sandbox::new();
    for call in CALLS {
        let answered = sandbox.call(call, order(1));
        // Without templates nothing can be asked for; that no host is going can be said all the same.
        if call != "getReturnRequests" {
            assert_failed(&answered);
        }
        let bare = sandbox.program().env_clear().args([call, "--data", &order(1)]).output().unwrap();
        assert_failed(&Answered::of(&bare));
    }
    let strays: Vec<_> = std::fs::read_dir(sandbox.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(strays.len(), 4, "nothing is written into the caller's folder: {strays:?}");
}

#[test]
fn an_empty_environment_is_enough_with_options() {
    let sandbox = Sandbox::simulated();
    let mut program = sandbox.program();
    program.env_clear().arg("getAvailableTemplates");
    for (option, folder) in [("--config-dir", "conf"), ("--work-dir", "work"), ("--log-dir", "log")] {
        program.arg(option).arg(sandbox.path(folder));
    }
    assert_eq!(Answered::of(&program.output().unwrap()).code, 0);
}

#[test]
fn operators_have_their_own_exit_codes() {
    let sandbox = Sandbox::simulated();
    for (args, code) in [
        (&["nonsense"][..], 2),
        (&[], 2),
        (&["config", "show", "--nonsense"], 2),
        (&["config", "show"], 0),
        (&["config", "show", "--origin"], 0),
    ] {
        assert_eq!(Answered::of(&sandbox.program().args(args).output().unwrap()).code, code, "{args:?}");
    }
    for text in ["--version", "--help"] {
        let output = sandbox.program().arg(text).output().unwrap();
        assert!(output.status.success() && String::from_utf8(output.stdout).unwrap().contains("hostfactory"));
    }
    assert_failed(&Answered::of(&sandbox.program().args(["requestMachines", "-f"]).output().unwrap()));
}

#[test]
fn a_provider_without_instance_types_says_that_there_is_nothing_to_refresh() {
    let sandbox = Sandbox::simulated();
    let answer = Answered::of(&sandbox.program().args(["templates", "refresh"]).output().unwrap());
    assert_eq!((answer.code, &answer.document["refreshed"]), (0, &json!(false)), "{answer:?}");
    assert!(!sandbox.path("work/data/instance_types.tsv").exists());
}

#[test]
fn nobody_listening_is_a_failure_and_no_panic() {
    let sandbox = Sandbox::simulated();
    let mut program = sandbox.program();
    program.args(["getAvailableTemplates", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = program.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    // Only now can it go on and answer.
    child.stdin.take().unwrap().write_all(b"{}").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("internal error"));
}

#[cfg(unix)]
mod on_unix {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    /// Runs a line of shell in the sandbox, with the program as `$0`.
    fn shell(sandbox: &Sandbox, line: &str) -> std::process::Output {
        sandbox.command("/bin/sh").args(["-c", line, env!("CARGO_BIN_EXE_hostfactory")]).output().unwrap()
    }

    fn files(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn bad_surroundings_change_nothing() {
        let sandbox = Sandbox::simulated();
        for line in [
            r#"exec "$0" getAvailableTemplates 2>&-"#,
            r#"exec "$0" getAvailableTemplates <&-"#,
            r#"ulimit -n 32; exec "$0" getAvailableTemplates"#,
            r#"mkdir gone && cd gone && rmdir ../gone && exec "$0" getAvailableTemplates"#,
        ] {
            let answer = Answered::of(&shell(&sandbox, line));
            assert_eq!(answer.code, 0, "{line}: {answer:?}");
        }
        if Path::new("/dev/full").exists() {
            assert_eq!(shell(&sandbox, r#"exec "$0" getAvailableTemplates >/dev/full"#).status.code(), Some(1));
        }
    }

    #[test]
    fn what_is_stored_is_for_its_owner_alone() {
        let sandbox = Sandbox::simulated();
        sandbox.write("in.json", order(1));
        let answer = Answered::of(&shell(&sandbox, r#"umask 000; exec "$0" requestMachines -f in.json"#));
        assert_eq!(answer.code, 0, "{answer:?}");
        let stored = files(&sandbox.path("work"));
        assert!(!stored.is_empty());
        for path in stored {
            let mode = path.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
        }
    }

    #[test]
    fn scripts_run_the_program_from_any_folder() {
        let sandbox = Sandbox::simulated();
        sandbox.write("far a way/in put.json", "{}");
        for call in [CALLS[0], CALLS[4]] {
            let output = sandbox
                .command(script(&format!("{call}.sh")))
                .env("HOSTFACTORY_BIN", env!("CARGO_BIN_EXE_hostfactory"))
                .current_dir(sandbox.path("far a way"))
                .args(["-f", "in put.json"])
                .output()
                .unwrap();
            let answer = Answered::of(&output);
            assert_eq!(answer.code, 0, "{answer:?}");
        }
        assert_eq!(files(&sandbox.path("far a way")).len(), 1);
    }
}
