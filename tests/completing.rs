//! Completion of the command line, in a real bash and as other shells ask for it.

use std::path::Path;
use std::process::Command;

use crate::support::{Answered, Sandbox};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hostfactory");

/// Sources what `completions bash` prints and presses Tab after the last of the words.
const TAB: &str = r#"
source <(hostfactory completions bash)
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
_clap_complete_hostfactory hostfactory "${!#}" "" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"#;

/// Returns what bash offers for the last word of `line`; words end at single spaces.
fn offered(sandbox: &Sandbox, line: &str) -> Vec<String> {
    let path = format!("{}:/usr/bin:/bin", Path::new(PROGRAM).parent().unwrap().display());
    let output = Command::new("bash")
        .args(["-c", TAB, "bash"])
        .args(line.split(' '))
        .env_clear()
        .envs(sandbox.program().get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", path)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn ran(sandbox: &Sandbox, line: &str) -> Answered {
    Answered::of(&sandbox.program().args(line.split_whitespace()).output().unwrap())
}

#[test]
fn bash_completes_nouns_verbs_options_and_their_words() {
    let sandbox = Sandbox::simulated();
    assert_eq!(offered(&sandbox, "hostfactory requests sh"), ["show"]);
    assert_eq!(offered(&sandbox, "hostfactory machines request Simulated-1 --dr"), ["--dry-run"]);
    assert_eq!(offered(&sandbox, "hostfactory requests list --status c"), ["complete"]);
    assert_eq!(offered(&sandbox, "hostfactory storage migrate --to "), ["json", "sqlite"]);
    assert_eq!(offered(&sandbox, "hostfactory getAvail"), ["getAvailableTemplates"]);
}

#[test]
fn bash_completes_ids_and_keys_of_the_installation_that_the_line_names() {
    let sandbox = Sandbox::simulated();
    assert_eq!(offered(&sandbox, "hostfactory requests show r"), Vec::<String>::new());
    assert_eq!(offered(&sandbox, "hostfactory machines request Sim"), ["Simulated-1"]);
    assert_eq!(offered(&sandbox, "hostfactory config get storage.strat"), ["storage.strategy"]);

    let ordered = ran(&sandbox, "machines request Simulated-1 --wait --interval 1s");
    let id = ordered.document["requests"][0]["requestId"].as_str().unwrap();
    assert_eq!(offered(&sandbox, "hostfactory requests show re"), [id]);
    assert_eq!(offered(&sandbox, "hostfactory machines return --all-of req-"), [id]);
    assert_eq!(offered(&sandbox, "hostfactory requests show ret-"), Vec::<String>::new());
    let hosts = ran(&sandbox, "machines list").document;
    let host = hosts["machines"][0]["machineId"].as_str().unwrap();
    assert_eq!(offered(&sandbox, "hostfactory machines return i-"), [host]);

    let other = Sandbox::simulated();
    let there = format!("hostfactory --work-dir {} requests show re", other.path("work").display());
    assert_eq!(offered(&sandbox, &there), Vec::<String>::new());
}

#[test]
fn what_cannot_be_listed_is_not_offered_and_nothing_is_said() {
    let sandbox = Sandbox::simulated();
    sandbox.write("conf/config.json", "{ broken");
    assert_eq!(offered(&sandbox, "hostfactory requests show re"), Vec::<String>::new());
    assert_eq!(offered(&sandbox, "hostfactory requests li"), ["list"]);
}

#[test]
fn every_shell_has_a_script_that_asks_the_program() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = sandbox.program().args(["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(script.contains("HOSTFACTORY_COMPLETE") && script.contains(shell), "{script}");
        let mut asking = sandbox.program();
        asking.env("HOSTFACTORY_COMPLETE", shell).args(["--", "hostfactory", "requests", "watc"]);
        let told = asking.env("_CLAP_COMPLETE_INDEX", "2").output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.starts_with("watch"), "{shell}: {told}");
    }
}

#[test]
fn the_first_tab_of_zsh_is_answered_by_the_function_that_the_script_defines() {
    let output = Sandbox::new().program().args(["completions", "zsh"]).output().unwrap();
    let script = String::from_utf8(output.stdout).unwrap();
    let (defined, called) =
        ("function _clap_dynamic_completer_hostfactory()", "_clap_dynamic_completer_hostfactory \"$@\"");
    assert!(script.starts_with("#compdef hostfactory") && script.contains(defined), "{script}");
    assert!(script.trim_end().ends_with(&format!("{called}\nfi")), "{script}");
}

#[test]
fn a_call_is_answered_as_ever_whatever_the_environment_says_of_completion() {
    let sandbox = Sandbox::simulated();
    let output = sandbox.program().env("HOSTFACTORY_COMPLETE", "bash").arg("getAvailableTemplates").output().unwrap();
    let answer = Answered::of(&output);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.document["templates"].is_array(), "{answer:?}");
}
