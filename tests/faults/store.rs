//! Rows 11, 19, 20, 24 to 28, 32, 35, 37 to 40 and 108: full, read-only and broken disks, frozen and killed processes.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::disk::{Bench, asked, each_failing_store, each_store, id_of, order, shim};
use super::store_damage::overwrite;
use crate::draw;
use crate::support::{Answered, stores};

pub(super) fn failed(answer: &Answered, hints: &[&str]) {
    assert_eq!(answer.code, 1, "{answer:?}");
    for hint in hints {
        assert!(answer.message().contains(hint), "{} lacks {hint}", answer.message());
    }
}

/// The first places one by one, later ones each fifth, or every one in a long run.
pub(super) fn places(end: usize) -> impl Iterator<Item = usize> {
    let step = if draw::times() > 1 { 1 } else { 5 };
    (1..20.min(end)).chain((20..end).step_by(step))
}

/// Asks for hosts with the n-th effect failing, for every n there is, and returns what was printed.
fn sweep(bench: &Bench, what: &str, how: &str) -> (usize, Vec<String>) {
    let mut printed = Vec::new();
    let trace = bench.sandbox.path("faults");
    for number in places(300) {
        let _ = std::fs::remove_file(&trace);
        let mut program = bench.failing("work/data", &format!("{what};{number};{how};"));
        program.env("SHIM_TRACE", &trace);
        let answer = bench.run(program, "requestMachines", &order(2));
        let after = bench.storage(&["check"]);
        assert_eq!(after.code, 0, "{what} {number} {how}: {after:?}");
        printed.extend(id_of(&answer));
        if !super::torture::read_trace(&trace).iter().any(|effect| effect.what == "fault") {
            assert_eq!(answer.code, 0, "{answer:?}");
            return (number, printed);
        }
    }
    panic!("{what} {how} has no end");
}

#[test]
fn row_11_an_id_is_printed_only_after_what_it_names_is_synced() {
    each_failing_store(|bench| {
        let trace = bench.sandbox.path("trace");
        let mut program = bench.program();
        program
            .env("LD_PRELOAD", shim().unwrap())
            .env("SHIM_ROOT", bench.sandbox.path("work"))
            .env("SHIM_TRACE", &trace);
        let id = id_of(&bench.run(program, "requestMachines", &order(1))).unwrap();
        let effects = super::torture::read_trace(&trace);
        let printed = effects.iter().position(|e| e.what == "stdout").unwrap();
        let named = |e: &super::torture::Effect| e.what == "write" && find(&e.data, id.as_bytes());
        let written = effects.iter().position(named).expect("the store names the id");
        assert!(written < printed);
        let syncs =
            |path: &dyn Fn(&str) -> bool| effects[written..printed].iter().any(|e| e.what == "fsync" && path(&e.path));
        assert!(syncs(&|path| path == effects[written].path), "the file that names it is synced");
        assert!(syncs(&|path| path == "data"), "and so is its folder");
    });
}

fn find(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Starts a call that freezes while it holds the store's lock.
fn frozen(bench: &Bench) -> std::process::Child {
    bench.request(1);
    let what = if bench.strategy == "json" { "write;1;STOP;.tmp" } else { "write;1;STOP;-wal" };
    let child = bench.start(bench.failing("work/data", what), "requestMachines", &order(1));
    let state = format!("/proc/{}/stat", child.id());
    let start = Instant::now();
    while !std::fs::read_to_string(&state).unwrap().contains(") T ") {
        assert!(start.elapsed() < Duration::from_secs(20), "it does not freeze");
        std::thread::yield_now();
    }
    child
}

#[test]
fn row_19_a_killed_holder_holds_nobody_up() {
    each_failing_store(|bench| {
        let mut holder = frozen(bench);
        holder.kill().unwrap();
        holder.wait().unwrap();
        let start = Instant::now();
        let id = bench.request(1);
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        bench.oracle(&[id]);
    });
}

#[test]
fn row_20_a_frozen_holder_stops_writes_after_the_time_out_and_no_reads() {
    each_failing_store(|bench| {
        let settled = bench.request(1);
        bench.settled(&settled);
        let mut holder = frozen(bench);
        let start = Instant::now();
        assert_eq!(bench.status(&settled).document["requests"][0]["status"], "complete");
        assert!(start.elapsed() < Duration::from_secs(2));
        let mut program = bench.program();
        program.args(["--set", "storage.lockTimeoutMs=300"]);
        let answer = bench.run(program, "requestMachines", &order(1));
        failed(&answer, &["held by another process", "waited 3"]);
        if bench.strategy == "json" {
            failed(&answer, &[&format!("process {}", holder.id())]);
        }
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
        let resumed = std::process::Command::new("kill").args(["-CONT", &holder.id().to_string()]).status().unwrap();
        assert!(resumed.success() && holder.wait().unwrap().success());
        bench.oracle(&[settled]);
    });
}

#[test]
fn row_24_a_disk_that_is_full_before_the_launch_is_a_failure_and_launches_nothing() {
    each_failing_store(|bench| {
        let id = bench.request(1);
        bench.settled(&id);
        let before = bench.is_good();
        for what in ["write", "write,open", "any"] {
            let program = bench.failing("work/data", &format!("{what};1+;ENOSPC;"));
            failed(&bench.run(program, "requestMachines", &order(2)), &["request_database"]);
            let after = bench.is_good();
            assert_eq!(after["contents"], before["contents"], "{what}");
        }
        let first = Bench::new(bench.strategy);
        let program = first.failing("work/data", "any;1+;ENOSPC;");
        failed(&first.run(program, "requestMachines", &order(2)), &[]);
        first.oracle(&[]);
        bench.oracle(&[id]);
    });
}

#[test]
fn row_25_a_disk_that_fills_up_at_any_time_loses_no_request_that_was_answered() {
    each_failing_store(|bench| {
        bench.request(1);
        let mut printed = Vec::new();
        for number in 1..40 {
            let program = bench.failing("work/data", &format!("write,truncate;{number}+;ENOSPC;"));
            printed.extend(id_of(&bench.run(program, "requestMachines", &order(2))));
            bench.is_good();
        }
        assert!(!printed.is_empty());
        bench.oracle(&printed);
    });
}

#[test]
fn row_26_a_full_disk_for_the_log_changes_no_answer() {
    each_failing_store(|bench| {
        for fail in ["write;1+;ENOSPC;", "any;1+;ENOSPC;", "any;1+;EROFS;"] {
            let answer = bench.run(bench.failing("log", fail), "requestMachines", &order(2));
            let id = id_of(&answer).unwrap_or_else(|| panic!("{fail}: {answer:?}"));
            let answer = bench.run(bench.failing("log", fail), "getRequestStatus", &asked(&id));
            assert_eq!(answer.document["requests"][0]["status"], "complete", "{answer:?}");
        }
    });
}

#[test]
fn row_27_on_a_read_only_disk_nothing_is_launched_and_verdicts_are_read() {
    each_failing_store(|bench| {
        let id = bench.request(2);
        let entry = bench.settled(&id);
        let before = bench.is_good();
        for how in ["EROFS", "EACCES"] {
            let fail = format!("any;1+;{how};");
            failed(&bench.run(bench.failing("work", &fail), "requestMachines", &order(1)), &["request_database"]);
            let hosts = json!({"machines": entry["machines"]});
            failed(&bench.run(bench.failing("work", &fail), "requestReturnMachines", &hosts), &[]);
            let answer = bench.run(bench.failing("work", &fail), "getRequestStatus", &asked(&id));
            assert_eq!((answer.code, &answer.document["requests"][0]), (0, &entry), "{how}");
            let answer = bench.run(bench.failing("work", &fail), "getAvailableTemplates", &json!({}));
            assert_eq!(answer.code, 0);
        }
        assert_eq!(bench.is_good()["contents"], before["contents"]);
        bench.oracle(&[id]);
    });
}

#[test]
fn row_28_a_sync_that_fails_is_a_commit_that_failed() {
    each_failing_store(|bench| {
        bench.request(1);
        // The first sync of a call is that of the intent.
        let before = bench.is_good();
        failed(&bench.run(bench.failing("work/data", "fsync;1;EIO;"), "requestMachines", &order(2)), &[]);
        assert_eq!(bench.is_good()["contents"]["machines"], before["contents"]["machines"], "no host was launched");
        let (syncs, printed) = sweep(bench, "fsync", "EIO");
        assert!(syncs > 2);
        bench.oracle(&printed);
    });
}

#[test]
fn any_effect_that_fails_or_is_cut_short_leaves_a_whole_store() {
    each_failing_store(|bench| {
        let mut printed = vec![bench.request(1)];
        for (what, how) in
            [("any", "EIO"), ("write", "SHORT"), ("write", "EINTR"), ("any", "ENOSPC"), ("open", "EACCES")]
        {
            printed.extend(sweep(bench, what, how).1);
        }
        bench.oracle(&printed);
    });
}

#[test]
fn killed_at_any_effect_the_store_is_as_before_or_after() {
    each_failing_store(|bench| {
        let mut printed = vec![bench.request(1)];
        for number in places(300) {
            let output =
                bench.output(bench.failing("work/data", &format!("any;{number};KILL;")), "requestMachines", &order(1));
            if output.status.code().is_some() {
                printed.extend(id_of(&Answered::of(&output)));
                break;
            }
            assert!(output.stdout.is_empty(), "killed before it could answer");
            let start = Instant::now();
            printed.push(bench.request(1));
            assert!(start.elapsed() < Duration::from_secs(2));
            assert_eq!(bench.storage(&["check"]).code, 0, "effect {number}");
        }
        assert!(printed.len() > 10);
        bench.oracle(&printed);
    });
}

#[test]
fn row_37_what_others_may_write_is_refused_with_a_chmod_hint() {
    each_store(|bench| {
        let id = bench.request(1);
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
        assert_eq!((mode(&bench.data("")), mode(&bench.store())), (0o700, 0o600));
        for (path, modes) in [(bench.store(), [0o666, 0o620]), (bench.data(""), [0o777, 0o1777])] {
            let usual = path.metadata().unwrap().permissions();
            for wrong in modes {
                std::fs::set_permissions(&path, PermissionsExt::from_mode(wrong)).unwrap();
                failed(&bench.status(&id), &["chmod go-w"]);
                failed(&bench.ask("requestMachines", &order(1)), &["chmod go-w"]);
                assert_eq!(bench.storage(&["check"]).code, 1);
            }
            std::fs::set_permissions(&path, usual).unwrap();
        }
        bench.oracle(&[id]);
    });
}

#[test]
fn row_38_a_planted_link_is_not_followed() {
    each_store(|bench| {
        let canary = bench.sandbox.write("canary", "sing");
        let log = std::fs::read_dir(bench.sandbox.path("log"));
        bench.request(1);
        bench.storage(&["check"]);
        let log = log.unwrap().next();
        let mut planted: Vec<_> = std::fs::read_dir(bench.data("")).unwrap().map(|e| e.unwrap().path()).collect();
        planted.extend(log.map(|entry| entry.unwrap().path()));
        let store = bench.store();
        for suffix in [".previous", ".copy", ".copy.lock", ".schema-1", ".made", "-wal", "-shm", "-journal"] {
            planted.push(format!("{}{suffix}", store.display()).into());
        }
        for name in ["request_database.notes", "request_database.notes.lock", "request_database.delivered"] {
            planted.push(bench.data(name));
        }
        planted.push(bench.data(".request_database.json.kept.tmp"));
        planted.sort();
        planted.dedup();
        for path in planted {
            let kept = std::fs::read(&path).ok();
            let _ = std::fs::remove_file(&path);
            symlink(&canary, &path).unwrap();
            for count in [1, 2] {
                let answer = bench.ask("requestMachines", &order(count));
                bench.ask("getRequestStatus", &asked(&id_of(&answer).unwrap_or_else(|| "req-1".to_owned())));
            }
            bench.storage(&["recover", "--yes"]);
            bench.storage(&["check"]);
            assert_eq!(std::fs::read_to_string(&canary).unwrap(), "sing", "{}", path.display());
            let _ = std::fs::remove_file(&path);
            if let Some(kept) = kept {
                overwrite(&path, &kept);
            }
        }
    });
}

#[test]
fn row_39_events_that_cannot_be_delivered_change_no_answer_and_are_delivered_later() {
    each_failing_store(|bench| {
        let noted = if bench.strategy == "json" { "write,open;1+;EIO;delivered" } else { "truncate;1+;EIO;nowhere" };
        for _ in 0..5 {
            let answer = bench.run(bench.failing("work/data", noted), "requestMachines", &order(1));
            assert!(id_of(&answer).is_some(), "{answer:?}");
        }
        bench.request(1);
        assert_eq!(bench.is_good()["contents"]["undeliveredEvents"], 0);
        let log = std::fs::read_dir(bench.sandbox.path("log")).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(log).unwrap();
        let delivered = text.lines().filter(|line| line.contains("\"RequestCreated\"")).count();
        assert!(delivered >= 6, "each at least once: {delivered}");
    });
}

#[test]
fn row_40_the_events_tell_the_same_as_the_state_after_any_kill() {
    each_failing_store(|bench| {
        let mut hosts = Vec::new();
        for number in (1..60).step_by(3) {
            let fail = format!("any;{number};KILL;");
            bench.output(bench.failing("work/data", &fail), "requestMachines", &order(2));
            let entry = bench.settled(&bench.request(1));
            hosts.push(entry["machines"][0].clone());
            let input = json!({"machines": [hosts.last()]});
            bench.output(bench.failing("work/data", &fail), "requestReturnMachines", &input);
        }
        bench.oracle(&[]);
        super::store_damage::events_tell_the_state(bench);
    });
}

#[test]
fn row_108_bad_surroundings_change_no_answer() {
    each_store(|bench| {
        bench.sandbox.write("in.json", order(1).to_string());
        let folders = [("config", "conf"), ("work", "work"), ("log", "log")]
            .map(|(option, name)| format!("--{option}-dir '{}'", bench.sandbox.path(name).display()))
            .join(" ");
        let input = bench.sandbox.path("in.json");
        let call = format!(
            r#""$0" {folders} --set storage.strategy={} requestMachines -f '{}'"#,
            bench.strategy,
            input.display()
        );
        for line in [
            format!("exec env -i {call}"),
            format!("ulimit -n 32; exec {call}"),
            format!("mkdir gone && cd gone && rmdir ../gone && exec {call}"),
            format!("umask 000; exec {call}"),
            format!("unset HOME; exec {call}"),
        ] {
            let output = bench
                .sandbox
                .command("/bin/sh")
                .args(["-c", &line, env!("CARGO_BIN_EXE_hostfactory")])
                .output()
                .unwrap();
            assert!(id_of(&Answered::of(&output)).is_some(), "{line}");
        }
        for entry in std::fs::read_dir(bench.data("")).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(path.metadata().unwrap().mode() & 0o077, 0, "{}", path.display());
        }
        bench.is_good();
    });
}

#[cfg(feature = "sqlite")]
#[test]
fn row_35_a_busy_database_a_killed_writer_and_a_missing_log_are_borne() {
    let bench = Bench::new("sqlite");
    let id = bench.request(1);
    bench.settled(&id);
    let holder = rusqlite::Connection::open(bench.store()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let mut program = bench.program();
    program.args(["--set", "storage.lockTimeoutMs=300"]);
    failed(&bench.run(program, "requestMachines", &order(1)), &["request_database.db", "held by another process"]);
    assert!(start.elapsed() > Duration::from_millis(250) && start.elapsed() < Duration::from_secs(5));
    assert_eq!(bench.status(&id).document["requests"][0]["status"], "complete");
    holder.execute_batch("ROLLBACK").unwrap();
    drop(holder);
    if shim().is_none() {
        return;
    }
    let log = bench.data("request_database.db-wal");
    for number in 1..12 {
        let program = bench.failing("work/data", &format!("write;{number};KILL;request_database.db"));
        bench.output(program, "requestMachines", &order(1));
        // The log is lost with what was only in it, never more than that.
        let _ = std::fs::remove_file(&log);
        let report = bench.storage(&["check"]);
        assert!(report.code == 0 || report.code == 1, "{report:?}");
        if report.code == 1 {
            assert_eq!(bench.storage(&["recover", "--yes"]).code, 0);
        }
        assert_eq!(bench.settled(&id)["status"], "complete");
    }
    bench.oracle(&[id]);
}

#[test]
fn row_32_a_store_that_was_deleted_is_refused_until_the_operator_decides() {
    each_store(|bench| {
        let id = bench.request(1);
        bench.request(1);
        std::fs::remove_file(bench.store()).unwrap();
        for answer in [bench.status(&id), bench.ask("requestMachines", &order(1))] {
            failed(&answer, &["is gone", "storage adopt"]);
        }
        assert!(!bench.store().exists());
        let report = bench.storage(&["check"]);
        assert_eq!((report.code, &report.document["condition"]), (1, &Value::from("missing")));
        assert_eq!(bench.storage(&["recover", "--yes"]).code, 0);
        bench.oracle(&[id]);
        let other = if bench.strategy == "json" { "sqlite" } else { "json" };
        if stores().contains(&other) {
            let mut program = bench.program();
            program.args(["--set", &format!("storage.strategy={other}")]);
            failed(&bench.run(program, "requestMachines", &order(1)), &["storage.strategy back to"]);
        }
    });
}
