//! Section A: processes that die, and answers that are lost.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hostfactory_emulator::{Fault, Phase};
use serde_json::{Value, json};

use super::bench::{Bench, PATIENCE, on_both_stores};
use super::words::{id_of, ids, order};
use crate::life::Grid;
use crate::support::Answered;

/// Starts a call, kills it while its n-th call of `action` is held, and returns nothing: its id was not printed.
fn killed_at(bench: &Bench, action: &str, skip: u32, phase: Phase, call: &str, input: &Value) {
    bench.emulator.fault(Fault::hold(phase).on(action).skip(skip));
    let running = bench.start(call, input);
    let held = bench.emulator.wait_held(PATIENCE).unwrap();
    running.kill();
    held.drop_connection();
    bench.emulator.clear_faults();
}

/// The id of the one request that the calls so far were for, from the tags of the first launch.
fn tagged_request(bench: &Bench) -> String {
    let calls = bench.emulator.calls_of("RunInstances");
    let tag = |number: u32, part: &str| {
        calls[0].parameters.get(&format!("TagSpecification.1.Tag.{number}.{part}")).map(str::to_owned)
    };
    let number = (1..20).find(|n| tag(*n, "Key").as_deref() == Some("hostfactory:request-id")).unwrap();
    tag(number, "Value").unwrap()
}

#[test]
fn row_02_a_process_that_dies_before_its_launch_leaves_an_attempt_that_is_sent_once() {
    on_both_stores(|bench| {
        killed_at(bench, "RunInstances", 0, Phase::Before, "requestMachines", &order(3));
        assert!(bench.emulator.truth().is_empty());
        let id = tagged_request(bench);
        assert_eq!(Grid::named(&bench.settled(&id)).len(), 3);
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.tokens().len(), bench.emulator.calls_of("RunInstances").len()), (3, 1, 2));
    });
}

#[test]
fn row_03_a_process_that_dies_after_its_launch_leaves_hosts_that_the_next_call_takes_in() {
    on_both_stores(|bench| {
        killed_at(bench, "RunInstances", 0, Phase::After, "requestMachines", &order(3));
        assert_eq!(bench.emulator.truth().len(), 3);
        let id = tagged_request(bench);
        let hosts = Grid::named(&bench.settled(&id));
        let mut told = ids(&hosts);
        told.sort();
        let mut launched = bench.emulator.truth().ids();
        launched.sort();
        assert_eq!(told, launched);
        assert_eq!(bench.emulator.truth().tokens().len(), 1);
    });
}

#[test]
fn row_04_a_request_whose_id_reached_nobody_is_given_up_after_an_hour_and_its_hosts_are_ended() {
    on_both_stores(|bench| {
        killed_at(bench, "RunInstances", 0, Phase::After, "requestMachines", &order(3));
        bench.reconcile();
        bench.watched(50);
        assert_eq!(bench.emulator.truth().live().len(), 3, "Host Factory may still ask");
        bench.watched(15);
        bench.reconcile();
        assert_eq!(bench.emulator.truth().live().len(), 0);
        bench.judge();
    });
}

#[test]
fn row_05_a_process_that_dies_between_batches_keeps_those_that_came_and_sends_the_rest_with_their_own_tokens() {
    on_both_stores(|bench| {
        killed_at(bench, "RunInstances", 1, Phase::After, "requestMachines", &order(300));
        assert_eq!(bench.emulator.truth().len(), 200);
        let id = tagged_request(bench);
        assert_eq!(Grid::named(&bench.settled(&id)).len(), 300);
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.tokens().len(), truth.most_at_once()), (300, 3, 300));
    });
}

#[test]
fn row_06_an_answer_that_is_lost_twice_has_one_effect() {
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::drop_after().on("RunInstances").times(2));
        let (_, hosts) = bench.running(4);
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.tokens().len(), bench.emulator.calls_of("RunInstances").len()), (4, 1, 3));
        bench.emulator.fault(Fault::drop_after().on("TerminateInstances").times(2));
        bench.settled(&bench.give_back(&json!(hosts[..2])));
        assert_eq!(bench.emulator.truth().live().len(), 2);
        bench.judge();
    });
}

#[test]
fn row_01_a_process_that_dies_before_its_intent_is_written_launches_nothing() {
    on_both_stores(|bench| {
        bench.reconcile();
        for millis in 0..12 {
            // From the first instruction on to about the commit.
            bench.kill_after(Duration::from_millis(millis * 2), "requestMachines", &order(2));
            let asked = bench.emulator.calls_of("RunInstances").len();
            assert!(bench.emulator.truth().len() <= 2 * asked);
            bench.reconcile();
        }
        bench.judge();
    });
}

#[test]
fn row_07_row_106_a_launch_that_takes_longer_than_the_call_may_is_taken_in_by_a_later_call() {
    on_both_stores(|bench| {
        // Never answered: the limit of the script is the only end.
        bench.emulator.fault(Fault::hold(Phase::After).on("RunInstances").always());
        let mut command = bench.command("requestMachines");
        command.env("HF_PROVIDER_ACTION_TIMEOUT", "5");
        let start = Instant::now();
        let id = id_of(&bench.start_with("requestMachines", &order(3), command).answered().document);
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        assert_eq!(bench.emulator.truth().len(), 3);
        bench.emulator.clear_faults();
        while let Ok(held) = bench.emulator.wait_held(Duration::ZERO) {
            held.drop_connection();
        }
        assert_eq!(Grid::named(&bench.settled(&id)).len(), 3);
        assert_eq!(bench.emulator.truth().tokens().len(), 1);
        bench.judge();
    });
}

#[test]
fn row_08_a_process_that_is_told_to_stop_is_gone_at_once_and_leaves_its_work_to_the_next() {
    on_both_stores(|bench| {
        let stop = |action: &str, phase: Phase, call: &str, input: &Value| {
            bench.emulator.fault(Fault::hold(phase).on(action));
            let mut running = bench.start(call, input);
            let held = bench.emulator.wait_held(PATIENCE).unwrap();
            let told = Instant::now();
            let id = running.child.id().to_string();
            assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            running.child.wait().unwrap();
            assert!(told.elapsed() < Duration::from_secs(2), "{action}: {:?}", told.elapsed());
            running.kill();
            held.drop_connection();
            bench.emulator.clear_faults();
        };
        let (_, hosts) = bench.running(3);
        for phase in [Phase::Before, Phase::After] {
            stop("RunInstances", phase, "requestMachines", &order(2));
            let id = bench.request(1);
            stop("DescribeInstances", phase, "getRequestStatus", &json!({"requests": [{"requestId": id}]}));
            let host = usize::from(phase == Phase::After);
            stop("TerminateInstances", phase, "requestReturnMachines", &json!({"machines": [hosts[host]]}));
        }
        bench.judge();
        assert!(bench.emulator.truth().instance(&ids(&hosts)[2]).unwrap().is_live());
    });
}

#[test]
fn row_09_a_return_that_dies_at_any_of_its_calls_ends_exactly_its_hosts() {
    on_both_stores(|bench| {
        for phase in [Phase::Before, Phase::After] {
            let (_, hosts) = bench.running(3);
            let give_back = json!({"machines": hosts[..2]});
            killed_at(bench, "TerminateInstances", 0, phase, "requestReturnMachines", &give_back);
            // The first return is in the store, and nobody knows its id; Host Factory asks again.
            let again = id_of(&bench.done("requestReturnMachines", &give_back));
            killed_at(
                bench,
                "DescribeInstances",
                0,
                phase,
                "getRequestStatus",
                &json!({"requests": [{"requestId": again}]}),
            );
            assert_eq!(bench.settled(&again)["status"], "complete");
            assert!(bench.emulator.truth().instance(&ids(&hosts)[2]).unwrap().is_live());
        }
        assert_eq!(bench.emulator.truth().ended_by_calls().len(), 4);
        bench.judge();
    });
}

#[test]
fn row_12_a_process_that_gets_no_memory_prints_a_whole_document_or_none_and_leaves_no_lock() {
    on_both_stores(|bench| {
        let id = bench.request(2);
        let mut died = 0;
        for megabytes in (8..80).step_by(6) {
            let mut command = bench.command("getRequestStatus");
            limit_memory(&mut command, megabytes);
            let input = json!({"requests": [{"requestId": id}]});
            let running = bench.start_with("getRequestStatus", &input, command);
            let output = running.child.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.is_empty() || serde_json::from_str::<Value>(&text).is_ok(), "{text}");
            died += u32::from(text.is_empty());
            assert_eq!(bench.status(&id)["requestId"], id.as_str(), "the next call goes on at once");
        }
        assert!(died > 0, "no limit was low enough");
        bench.judge();
    });
}

/// Sets the address space of a process, which is the limit that the system keeps for sure.
fn limit_memory(command: &mut Command, megabytes: u32) {
    let (program, arguments) = (command.get_program().to_owned(), command.get_args().map(ToOwned::to_owned));
    let arguments: Vec<_> = arguments.collect();
    let script = format!("ulimit -v {} && exec \"$0\" \"$@\"", megabytes * 1024);
    let variables: Vec<_> =
        command.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned()))).collect();
    let mut limited = Command::new("/bin/sh");
    limited.env_clear().arg("-c").arg(script).arg(program).args(arguments).envs(variables);
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    *command = limited;
}

#[test]
fn row_107_an_answer_that_nobody_can_read_is_exit_1_and_its_effect_is_kept() {
    on_both_stores(|bench| {
        // Standard output closed, and a reader that has gone away.
        for script in ["exec \"$0\" \"$@\" >&-", "\"$0\" \"$@\" | exec sleep 0; exit ${PIPESTATUS[0]}"] {
            let command = bench.command("requestMachines");
            let mut shell = bench.sandbox.command("/bin/bash");
            shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
            shell.args(["-c", script]).arg(command.get_program()).args(["requestMachines", "--data"]);
            let launched = bench.emulator.truth().len();
            let running = bench.start_shell("requestMachines", &order(2), shell);
            let code = running.wait_unread();
            assert_eq!(code, 1, "{script}");
            assert_eq!(bench.emulator.truth().len(), launched + 2);
        }
        // Nobody knows the ids; standard error closed matters to nobody.
        let mut shell = bench.sandbox.command("/bin/bash");
        let command = bench.command("getReturnRequests");
        shell.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
        shell.args(["-c", "exec \"$0\" \"$@\" 2>&-"]).arg(command.get_program()).args([
            "getReturnRequests",
            "--data",
            "{}",
        ]);
        assert_eq!(Answered::of(&shell.output().unwrap()).code, 0);
        bench.reconcile();
        bench.judge();
        assert_eq!(bench.emulator.truth().live().len(), 0, "nobody ever asks about them");
    });
}
