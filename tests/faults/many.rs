//! Many processes at once on one store, and one of them frozen or killed.

use std::collections::BTreeSet;
use std::process::{Child, Command};
use std::time::Duration;

use hostfactory_emulator::{Edit, Fault, Phase};
use serde_json::{Value, json};

use super::bench::{PATIENCE, Running, on_both_stores};
use super::words::{about, order, within};
use crate::life::Grid;
use crate::support::Answered;

const PROCESSES: usize = 64;
/// What a call may take while 63 others run on two cores.
const TOGETHER: Duration = Duration::from_mins(1);

/// A call by number: every kind of call comes up.
fn nth(number: usize, open: &[String], spare: &[Value], held: &[Value]) -> (&'static str, Value) {
    match number % 8 {
        0..=2 => ("requestMachines", order(2)),
        3 => ("getRequestStatus", about(&open[number % open.len()])),
        4 => ("requestReturnMachines", json!({"machines": [spare[number / 8]]})),
        5 => ("getReturnRequests", json!({"machines": held})),
        6 => ("getAvailableTemplates", json!({})),
        _ => ("reconcile", json!({})),
    }
}

#[test]
fn sixty_four_processes_at_once_lose_nothing_and_count_exactly() {
    on_both_stores(|bench| {
        let (_, spare) = bench.running(8);
        let (_, held) = bench.running(4);
        let open: Vec<String> = (0..4).map(|_| bench.request(1)).collect();
        let calls: Vec<_> = (0..PROCESSES).map(|number| nth(number, &open, &spare, &held)).collect();
        let answers: Vec<Answered> = within(TOGETHER, || {
            let started: Vec<Running<'_>> = calls.iter().map(|(call, input)| bench.start(call, input)).collect();
            started.into_iter().map(Running::answered).collect()
        });
        let mut ordered = BTreeSet::new();
        for ((call, input), answered) in calls.iter().zip(&answers) {
            assert_eq!(answered.code, 0, "{call} {input}: {answered:?}");
            assert!(!answered.stderr.contains("locked"), "{answered:?}");
            let id = answered.document["requestId"].as_str().map(ToOwned::to_owned);
            match *call {
                "requestMachines" => assert!(ordered.insert(id.unwrap())),
                "requestReturnMachines" => assert_eq!(bench.settled(&id.unwrap())["status"], "complete"),
                "getReturnRequests" => assert_eq!(answered.document["requests"], json!([])),
                _ => {}
            }
        }
        assert_eq!(ordered.len(), PROCESSES / 8 * 3);
        for id in &ordered {
            assert_eq!(Grid::named(&bench.settled(id)).len(), 2);
            assert_eq!(bench.emulator.truth().of_request(id).most_at_once(), 2);
        }
        assert!(open.iter().all(|id| Grid::named(&bench.settled(id)).len() == 1));
        let truth = bench.emulator.truth();
        let ended: BTreeSet<String> = truth.ended_by_calls().ids().into_iter().collect();
        let returned = spare.iter().map(|host| host["machineId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ended, returned, "those that were given back and no other");
        assert_eq!(truth.live().len(), 4 + 4 + ordered.len() * 2);
        bench.judge();
    });
}

/// Sends a signal to a process of this test.
fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_process_that_is_frozen_or_killed_in_a_call_of_aws_stops_nobody() {
    on_both_stores(|bench| {
        for (what, phase) in [("-STOP", Phase::Before), ("-STOP", Phase::After), ("-KILL", Phase::After)] {
            let before = bench.emulator.truth().len();
            bench.emulator.fault(Fault::hold(phase).on("RunInstances"));
            let running = bench.start("requestMachines", &order(2));
            let held = bench.emulator.wait_held(PATIENCE).unwrap();
            signal(&running.child, what);
            within(Duration::from_secs(20), || {
                let (_, hosts) = bench.running(1);
                assert!(bench.lost(&json!(hosts)).is_empty());
                let back = bench.give_back(&json!(hosts));
                assert_eq!(bench.settled(&back)["status"], "complete");
                assert_eq!(bench.done("getAvailableTemplates", &json!({}))["templates"][0]["templateId"], "Small");
            });
            held.release();
            if what == "-STOP" {
                signal(&running.child, "-CONT");
                let answered = running.answered();
                let request = answered.document["requestId"].as_str().unwrap().to_owned();
                assert_eq!(Grid::named(&bench.settled(&request)).len(), 2);
            } else {
                running.kill();
            }
            assert_eq!(bench.emulator.truth().len(), before + 3, "{what} {phase:?}");
        }
        bench.judge();
    });
}

#[test]
fn row_45_twenty_processes_keep_to_the_rates_of_aws() {
    on_both_stores(|bench| {
        let requests: Vec<String> = (0..20).map(|_| bench.request(1)).collect();
        bench.configure(&json!({"provider": {"aws": {"rateScalePercent": 100}}}));
        bench.emulator.edit(Edit::Throttling { on: true }).unwrap();
        // The emulator's clock stands still, so that its buckets are never filled again: what they hold must do.
        let polls: Vec<Running<'_>> = requests.iter().map(|id| bench.start("getRequestStatus", &about(id))).collect();
        for poll in polls {
            let answered = poll.answered();
            assert_eq!(answered.code, 0, "{answered:?}");
        }
        let refused = bench.emulator.calls().iter().filter(|call| call.code.is_some()).count();
        assert_eq!(refused, 0, "nobody had to be told to slow down");
        bench.judge();
    });
}
