//! Row 101: no secret is shown, kept or left behind, and no planted link is followed.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Instant;

use hostfactory_emulator::{Fault, Phase};
use serde_json::{Value, json};

use super::bench::{Bench, PATIENCE, on_both_stores};
use super::words::{about, order, template};
use crate::life::{Grid, anywhere};
use crate::support::Answered;

const SECRET_KEY: &str = "wJalrCANARYFEMIK7MDENGbPxRfiCYCANARYKEY1";
const TOKEN: &str = "IQoJCANARYsessionTOKENthatIsLongEnough0123456789abcdefABCDEF==";
const SECRETS: [&str; 6] =
    [SECRET_KEY, TOKEN, "a-canary-proxy-password", "a-canary-in-user-data", "AKIACANARY1234567890", "a-canary-comment"];

/// Everything that a process shows while it runs: its command line and title, and those of its children.
fn shown_by(process: u32) -> String {
    let read = |name: &str| {
        let bytes = std::fs::read(format!("/proc/{process}/{name}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let children = read(&format!("task/{process}/children"));
    let of_children: String = children.split_whitespace().map(|id| shown_by(id.parse().unwrap())).collect();
    format!("{} {} {of_children}", read("cmdline"), read("comm"))
}

/// Checks that none of `texts` holds a secret, nor any file that is ours or temporary.
fn assert_no_secret(bench: &Bench, texts: &[String]) {
    for secret in SECRETS {
        for text in texts {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        for folder in ["work", "log", "tmp"] {
            assert!(!anywhere(&bench.sandbox.path(folder), secret), "{secret} in {folder}");
        }
    }
}

/// A program that waits for `gate`, then prints temporary credentials.
fn credential_script(bench: &Bench, gate: &Path) -> PathBuf {
    let text = format!(
        "#!/bin/sh\nwhile [ ! -e '{}' ]; do :; done\ncat <<'END'\n[default]\naws_access_key_id = {}\n\
         aws_secret_access_key = {SECRET_KEY}\naws_session_token = {TOKEN}\nEND\necho {SECRET_KEY} >&2\n",
        gate.display(),
        SECRETS[4]
    );
    let path = bench.sandbox.write("conf/credentials.sh", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path
}

fn said(child: Child) -> (Answered, Vec<String>) {
    let output = child.wait_with_output().unwrap();
    let texts = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    (Answered::of(&output), texts.to_vec())
}

#[test]
fn row_101_secrets_are_in_no_output_file_or_title() {
    on_both_stores(|bench| {
        std::fs::create_dir(bench.sandbox.path("tmp")).unwrap();
        let gate = bench.sandbox.path("gate");
        let script = credential_script(bench, &gate);
        let more = json!({"userDataScript": "#!/bin/sh\nexport PASSWORD=a-canary-in-user-data\n"});
        bench.offer(&[template("Small", &more)]);
        let config = json!({
            "logging": {"level": "trace"},
            "provider": {"aws": {"credentialScript": script.to_str().unwrap()}},
        });
        bench.configure(&config);
        let start = |call: &str, input: &Value| {
            let mut program = bench.command(call);
            program
                .args(["--data", &input.to_string()])
                .env_remove("AWS_ACCESS_KEY_ID")
                .env("TMPDIR", bench.sandbox.path("tmp"));
            program.env("AWS_SECRET_ACCESS_KEY", SECRET_KEY).env("AWS_SESSION_TOKEN", TOKEN);
            program.spawn().unwrap()
        };
        // While the script of the credentials runs, and while the launch is under way.
        bench.emulator.fault(Fault::hold(Phase::After).on("RunInstances"));
        let child = start("requestMachines", &order(2));
        let mut texts = Vec::new();
        let began = Instant::now();
        while !texts.last().is_some_and(|text: &String| text.contains("credentials.sh")) {
            assert!(began.elapsed() < PATIENCE, "the script never ran: {texts:?}");
            texts.push(shown_by(child.id()));
        }
        bench.sandbox.write("gate", "");
        let held = bench.emulator.wait_held(PATIENCE).unwrap();
        texts.push(shown_by(child.id()));
        held.release();
        let (answered, words) = said(child);
        texts.extend(words);
        let request = answered.document["requestId"].as_str().unwrap().to_owned();
        // AWS's own words may hold what they are about.
        let message = format!("key {} with {SECRET_KEY} and token {TOKEN} is not right", SECRETS[4]);
        for code in ["InvalidParameterValue", "InternalError", "AuthFailure", "UnauthorizedOperation"] {
            bench.emulator.fault(Fault::code(code).message(&message).on("DescribeInstances").times(3));
            texts.extend(said(start("getRequestStatus", &about(&request))).1);
            bench.emulator.clear_faults();
            bench.emulator.fault(Fault::code(code).message(&message).on("RunInstances").times(3));
            texts.extend(said(start("requestMachines", &order(1))).1);
            bench.emulator.clear_faults();
        }
        texts.extend(said(start("getAvailableTemplates", &json!({}))).1);
        // A proxy that is not there, with its password in the address.
        let proxy = json!({"proxyUrl": "http://user:a-canary-proxy-password@127.0.0.1:1"});
        bench.configure(&json!({"logging": {"level": "trace"}, "provider": {"aws": proxy}}));
        texts.extend(said(start("getRequestStatus", &about(&request))).1);
        let shown = bench.command("config").args(["nonsense"]).output().unwrap();
        texts.push(String::from_utf8_lossy(&shown.stderr).into_owned());
        let shown = bench.command("config").args(["show", "--origin"]).output().unwrap();
        texts.push(String::from_utf8_lossy(&shown.stdout).into_owned());
        assert_no_secret(bench, &texts);
    });
}

#[test]
fn row_101_no_core_is_left_of_a_process_that_is_aborted() {
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::hold(Phase::Before).on("RunInstances"));
        let mut command = Grid { sandbox: &bench.sandbox, variables: Vec::new() }.command("requestMachines", &order(1));
        command.env("AWS_ACCESS_KEY_ID", "AKIDCANARY").env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let held = bench.emulator.wait_held(PATIENCE).unwrap();
        // The script has made way for the program.
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
        held.release();
        child.wait().unwrap();
    });
}

#[test]
fn row_38_links_in_place_of_files_of_ours_are_not_followed() {
    for name in ["data", "data/request_database.notes", "data/request_database.notes.lock", "data/installation_id"] {
        on_both_stores(|bench| {
            let canary = bench.sandbox.write("canary/file", "untouched");
            let target = if name == "data" { canary.parent().unwrap().to_owned() } else { canary.clone() };
            if name != "data" {
                let data = bench.sandbox.path("work/data");
                std::fs::create_dir(&data).unwrap();
                std::fs::set_permissions(&data, std::fs::Permissions::from_mode(0o700)).unwrap();
            }
            symlink(&target, bench.sandbox.path("work").join(name)).unwrap();
            let answered = bench.ask("requestMachines", &order(1));
            if answered.code == 0 {
                let request = answered.document["requestId"].as_str().unwrap();
                assert_eq!(Grid::named(&bench.settled(request)).len(), 1);
            }
            assert_eq!(std::fs::read_to_string(&canary).unwrap(), "untouched", "{name}");
            assert_eq!(std::fs::read_dir(canary.parent().unwrap()).unwrap().count(), 1, "{name}");
        });
    }
    for name in ["testinst-hostfactory.log", "testinst-hostfactory.log.1"] {
        on_both_stores(|bench| {
            bench.configure(&json!({"logging": {"maxFileSizeMb": 1}}));
            let canary = bench.sandbox.write("canary/file", "untouched");
            symlink(&canary, bench.sandbox.path("log").join(name)).unwrap();
            if name.ends_with(".1") {
                // Full, so that the next line turns it over.
                let log = bench.sandbox.write("log/testinst-hostfactory.log", "");
                std::fs::File::options().write(true).open(log).unwrap().set_len(1 << 20).unwrap();
            }
            bench.running(1);
            assert_eq!(std::fs::read_to_string(&canary).unwrap(), "untouched", "{name}");
        });
    }
}
