//! Rows that hold on every way to get hosts, where the call is another on each: what dies, what is late, what fails, what is
//! short.

use std::process::Command;
use std::time::{Duration, Instant};

use hostfactory_emulator::{Fault, Phase, SUBNETS};
use serde_json::{Value, json};

use super::bench::{Bench, PATIENCE};
use super::fleets::{all, creation_of, on_ways, template_of};
use super::words::{MINUTE, about, id_of, ids, order_from, told};
use crate::life::Grid;

/// Checks that a request came to `count` usable hosts, and that nothing was launched twice.
fn assert_launched_once(bench: &Bench, way: &str, request: &str, count: usize) {
    let status = bench.settled(request);
    assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), count), "{status}");
    let truth = bench.emulator.truth().of_request(request);
    assert_eq!((truth.len(), truth.most_at_once()), (count, count), "{way}");
}

#[test]
fn row_07_on_each_way_what_takes_longer_than_the_call_may_is_taken_in_by_a_later_call() {
    on_ways(&all(), |bench, way| {
        bench.emulator.fault(Fault::hold(Phase::After).on(creation_of(way)).always());
        let mut command = bench.command("requestMachines");
        command.env("HF_PROVIDER_ACTION_TIMEOUT", "5");
        let start = Instant::now();
        let id = id_of(&bench.start_with("requestMachines", &order_from("Fleet", 3), command).answered().document);
        assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
        bench.emulator.clear_faults();
        while let Ok(held) = bench.emulator.wait_held(Duration::ZERO) {
            held.drop_connection();
        }
        assert_launched_once(bench, way, &id, 3);
        bench.judge();
    });
}

/// Starts a call and tells it to stop at its n-th AWS call; it is gone at once. Returns whether it was still at work then.
fn stopped(bench: &Bench, number: u32, phase: Phase, call: &str, input: &Value) -> bool {
    bench.emulator.fault(Fault::hold(phase).skip(number));
    let mut running = bench.start(call, input);
    let until = Instant::now() + PATIENCE;
    let held = loop {
        if let Ok(held) = bench.emulator.wait_held(Duration::from_millis(5)) {
            break Some(held);
        }
        if running.child.try_wait().unwrap().is_some() {
            break None;
        }
        assert!(Instant::now() < until, "{call} neither ends nor makes call {number}");
    };
    if held.is_some() {
        let told = Instant::now();
        let id = running.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        running.child.wait().unwrap();
        assert!(told.elapsed() < Duration::from_secs(2), "{call}: {:?}", told.elapsed());
    }
    running.kill();
    let at_work = held.is_some();
    drop(held);
    bench.emulator.clear_faults();
    at_work
}

#[test]
fn row_08_on_each_way_a_process_that_is_told_to_stop_at_any_call_leaves_its_work_to_the_next() {
    on_ways(&all(), |bench, _| {
        let (_, hosts) = bench.running_from("Fleet", 1);
        let mut moments = 0;
        // After one call is before the next.
        for (number, phase) in [(0, Phase::Before)].into_iter().chain((0..12).map(|number| (number, Phase::After))) {
            let order = stopped(bench, number, phase, "requestMachines", &order_from("Fleet", 2));
            let id = bench.request_from("Fleet", 2);
            bench.pass(MINUTE);
            let look = stopped(bench, number, phase, "getRequestStatus", &about(&id));
            let status = bench.settled(&id);
            let both = Grid::named(&status);
            assert_eq!(both.len(), 2, "{status}");
            let back = json!({"machines": both[..1]});
            let give_back = stopped(bench, number, phase, "requestReturnMachines", &back);
            moments += [order, look, give_back].iter().filter(|at_work| **at_work).count();
            if !order && !look && !give_back {
                break;
            }
        }
        assert!(moments >= 6, "{moments} moments");
        bench.judge();
        assert!(bench.emulator.truth().instance(&ids(&hosts)[0]).unwrap().is_live());
    });
}

#[test]
fn row_47_on_each_way_a_server_error_before_or_after_the_effect_launches_once() {
    on_ways(&all(), |bench, way| {
        for fault in [Fault::e500(), Fault::e500().after_effect(), Fault::e503(), Fault::e503().after_effect()] {
            bench.emulator.fault(fault.on(creation_of(way)));
            let id = bench.request_from("Fleet", 3);
            assert_launched_once(bench, way, &id, 3);
        }
        assert_eq!(bench.emulator.truth().len(), 12);
        bench.judge();
    });
}

#[test]
fn row_55_on_each_way_what_came_is_kept_and_the_rest_has_a_reason() {
    on_ways(&all(), |bench, way| {
        let mut template = template_of(way);
        template["subnetId"] = json!(SUBNETS[0]);
        template["vmTypes"] = json!({"m6i.large": 1});
        bench.offer(&[template]);
        bench.emulator.pool("*", "*", None, 10);
        let id = bench.request_from("Fleet", 50);
        let status = bench.pass_watched(20, &id);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 10), "{status}");
        assert!(told(&status).contains("10 of 50 hosts are usable."), "{status}");
        bench.judge();
        assert_eq!(bench.emulator.truth().live().len(), 10);
    });
}

#[test]
fn row_55_on_each_way_what_some_pools_lack_is_had_from_the_others() {
    on_ways(&all(), |bench, way| {
        let mut template = template_of(way);
        template["subnetId"] = json!(SUBNETS);
        template["vmTypes"] = json!({"m6i.large": 1});
        bench.offer(&[template]);
        bench.emulator.pool("*", "us-east-1a", None, 10);
        bench.emulator.pool("*", "us-east-1b", None, 10);
        let id = bench.request_from("Fleet", 50);
        assert_launched_once(bench, way, &id, 50);
        bench.judge();
    });
}
