//! Rows that hold on every way to get hosts, where the call is another on each: what dies, what is late, what fails, what is
//! short.

use std::process::Command;
use std::time::{Duration, Instant};

use hostfactory_emulator::{Edit, Fault, FleetError, IMAGES, Market, Phase, SUBNETS};
use serde_json::{Value, json};

use super::bench::{Bench, PATIENCE};
use super::fleets::{LASTING, all, creation_of, made, on_ways, template_of};
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

#[test]
fn row_46_a_fleet_that_is_throttled_again_and_again_has_its_hosts_in_the_end_and_pauses_meanwhile() {
    on_ways(&["instant"], |bench, _| {
        bench.configure(&json!({"provider": {"aws": {"rateScalePercent": 100}}}));
        let error = |code: &str| FleetError { code: code.to_owned(), message: None, times: 9, instance_type: None };
        let errors = vec![error("RequestLimitExceeded")];
        bench.emulator.edit(Edit::FleetErrors { errors, hosts: 2, attempts: Some(6) }).unwrap();
        let id = bench.request_from("Fleet", 20);
        let first = bench.count_of("CreateFleet");
        assert!(first <= 3, "one process hears it three times: {first} calls");
        assert_launched_once(bench, "instant", &id, 20);
        assert_eq!(bench.count_of("CreateFleet"), 7);
        bench.judge();
    });
}

#[test]
fn row_61_on_each_way_on_demand_hosts_stand_in_for_what_the_spot_market_does_not_give() {
    on_ways(&all(), |bench, way| {
        let mut template = template_of(way);
        template["priceType"] = json!("heterogeneous");
        bench.offer(&[template]);
        bench.emulator.pool("*", "*", Market::Spot, 1);
        let id = bench.request_from("Fleet", 4);
        let status = bench.pass_watched(15, &id);
        let hosts = Grid::named(&status);
        assert_eq!((status["status"].as_str(), hosts.len()), (Some("complete"), 4), "{way}: {status}");
        let of = |market| bench.emulator.truth().matching(|host| host.launch.market == market).len();
        assert_eq!((of(Market::Spot), of(Market::OnDemand)), (1, 3), "{way}");
        let back = bench.give_back(&json!(hosts));
        assert_eq!(bench.settled(&back)["status"], "complete");
        bench.judge();
    });
}

#[test]
fn a_type_that_a_zone_does_not_have_is_passed_over_like_an_empty_pool() {
    on_ways(&["instant"], |bench, way| {
        let mut template = template_of(way);
        template["vmTypes"] = json!({"x9.large": 1, "m6i.large": 1});
        template["marketOrder"] = json!(["spot", "on-demand"]);
        bench.offer(&[template]);
        bench.emulator.pool("m6i.large", "*", Market::Spot, 1);
        let id = bench.request_from("Fleet", 6);
        assert_launched_once(bench, way, &id, 6);
        bench.judge();
    });
}

#[test]
fn row_95_on_each_way_an_image_that_is_gone_is_told_at_once_and_not_at_the_deadline() {
    on_ways(&LASTING, |bench, way| {
        bench.emulator.image_gone(IMAGES[0]);
        let answered = bench.ask("requestMachines", &order_from("Fleet", 3));
        let told = if answered.code == 0 {
            let id = id_of(&answered.document);
            let status = bench.pass_watched(3, &id);
            assert_eq!(status["status"], "complete_with_error", "{way}: {status}");
            told(&status).to_owned()
        } else {
            answered.message().to_owned()
        };
        assert!(told.contains(IMAGES[0]) && told.contains("does not exist"), "{way}: {told}");
        bench.watched(4);
        assert!(bench.emulator.truth().is_empty(), "{way}");
        bench.judge();
    });
}

#[test]
fn row_95_on_each_way_a_launch_template_that_is_gone_is_made_anew_in_the_same_call() {
    on_ways(&all(), |bench, way| {
        let action = creation_of(way);
        bench.emulator.fault(Fault::hold(Phase::Before).on(action));
        let running = bench.start("requestMachines", &order_from("Fleet", 2));
        let held = bench.emulator.wait_held(PATIENCE).unwrap();
        let made = bench.emulator.calls_of("CreateLaunchTemplate").remove(0);
        bench.emulator.drop_template(made.parameters.get("LaunchTemplateName").unwrap());
        held.release();
        let id = id_of(&running.answered().document);
        assert_launched_once(bench, way, &id, 2);
        assert_eq!(bench.count_of("CreateLaunchTemplate"), 2, "{way}");
        assert_eq!(bench.count_of(action), 2, "{way}");
        bench.judge();
    });
}

#[test]
fn row_90_a_group_that_may_not_become_smaller_is_told_and_keeps_its_hosts_until_it_may() {
    on_ways(&["group"], |bench, _| {
        let (_, hosts) = bench.running_from("Fleet", 3);
        let group = made(bench).remove(0);
        let least = |units| bench.emulator.edit(Edit::GroupMinimum { group: group.clone(), units }).unwrap();
        least(3);
        let back = bench.give_back(&json!(hosts[..1]));
        let status = bench.status(&back);
        assert!(status["status"] == "running" && status.to_string().contains("min size"), "{status}");
        assert_eq!(bench.emulator.truth().live().len(), 3);
        least(0);
        bench.pass(MINUTE);
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!((bench.emulator.truth().len(), bench.emulator.truth().live().len()), (3, 2));
        bench.judge();
    });
}

#[test]
fn row_86_a_fleet_that_aws_does_not_let_be_changed_is_asked_again_by_later_calls() {
    on_ways(&["maintain", "spot maintain"], |bench, way| {
        bench.configure(&json!({"hostFactory": {"softBudgetSeconds": 1}}));
        let (_, hosts) = bench.running_from("Fleet", 3);
        let action = if way == "maintain" { "ModifyFleet" } else { "ModifySpotFleetRequest" };
        bench.emulator.fault(Fault::code("FleetNotInModifiableState").on(action).always());
        let back = bench.give_back(&json!(hosts[..1]));
        assert_eq!(bench.status(&back)["status"], "running");
        assert_eq!(bench.emulator.truth().live().len(), 3, "nothing is ended before the fleet is held");
        bench.emulator.clear_faults();
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!((bench.emulator.truth().len(), bench.emulator.truth().live().len()), (3, 2));
        bench.judge();
    });
}

#[test]
fn a_fleet_launches_until_its_expiry_and_what_it_lacks_then_is_had_on_demand_at_once() {
    on_ways(&["request", "maintain", "spot request", "spot maintain"], |bench, way| {
        let mut template = template_of(way);
        template["priceType"] = json!("heterogeneous");
        template["spotFleetRequestExpiry"] = json!("3");
        bench.offer(&[template]);
        bench.emulator.pool("*", "*", Market::Spot, 1);
        let id = bench.request_from("Fleet", 3);
        let status = bench.pass_watched(2, &id);
        assert_eq!((status["status"].as_str(), bench.emulator.truth().len()), (Some("running"), 1), "{way}: {status}");
        let status = bench.pass_watched(3, &id);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 3), "{way}: {status}");
        let of = |market| bench.emulator.truth().matching(|host| host.launch.market == market).len();
        assert_eq!((of(Market::Spot), of(Market::OnDemand)), (1, 2), "{way}");
        bench.judge();
    });
}
