//! Section A: processes that die, and answers that are lost.

use std::time::Duration;

use hostfactory_emulator::{Fault, Phase};
use serde_json::json;

use super::bench::{Bench, PATIENCE, id_of, ids, on_both_stores, order};
use crate::life::Grid;

/// Starts a call, kills it while its n-th call of `action` is held, and returns nothing: its id was not printed.
fn killed_at(bench: &Bench, action: &str, skip: u32, phase: Phase, call: &str, input: &serde_json::Value) {
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
fn row_12_a_process_that_cannot_go_on_leaves_one_document_and_no_lock() {
    on_both_stores(|bench| {
        // A template that is no template stops the call; what came before it is as it was.
        let id = bench.request(1);
        bench.templates(&json!("nonsense"));
        let answered = bench.ask("requestMachines", &order(1));
        assert_eq!(answered.code, 1);
        assert_eq!(bench.settled(&id)["status"], "complete");
        assert_eq!(id_of(&json!({"requestId": id})), id);
        bench.pass(Duration::from_mins(1));
        bench.judge();
    });
}
