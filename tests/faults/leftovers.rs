//! What is made for a request beside its hosts goes with the last of them, however they end, and not before.

use std::time::Duration;

use hostfactory_emulator::{Fault, Phase};
use serde_json::{Value, json};

use super::bench::{Bench, PATIENCE};
use super::fleets::{LASTING, on_ways, template_of};
use super::words::ids;
use crate::support::Answered;

/// The fleets, groups and launch templates in the cloud that were made for one request.
fn made(bench: &Bench) -> Vec<String> {
    let listed = Answered::of(&bench.command("resources").args(["list", "--output", "json"]).output().unwrap());
    assert_eq!(listed.code, 0, "{listed:?}");
    let of_a_request = |entry: &&Value| !entry["requestId"].is_null();
    let entries = listed.document["resources"].as_array().unwrap().iter().filter(of_a_request);
    entries.map(|entry| format!("{} {}", entry["kind"], entry["name"])).collect()
}

/// Lets so much time pass that every sweep has been, and checks that nothing is left.
fn assert_nothing_is_left(bench: &Bench, when: &str) {
    bench.watched(30);
    assert_eq!(made(bench), Vec::<String>::new(), "{when}");
    assert_eq!(bench.emulator.truth().live().len(), 0, "{when}");
    bench.judge();
}

#[test]
fn what_was_made_for_a_request_goes_with_its_last_host_and_not_before() {
    on_ways(&LASTING, |bench, way| {
        let (_, hosts) = bench.running_from("Fleet", 3);
        // Fleets of type request go as soon as they have brought everything.
        let stays = !way.ends_with("request");
        for (at, host) in hosts.iter().enumerate() {
            assert_eq!(!made(bench).is_empty(), stays, "{way}: {at} hosts were given back");
            let back = bench.give_back(&json!([host]));
            assert_eq!(bench.settled(&back)["status"], "complete");
        }
        assert_eq!(made(bench), Vec::<String>::new(), "{way}: at once");
        bench.judge();
    });
}

#[test]
fn what_was_made_for_a_request_goes_though_hosts_of_it_died_by_themselves() {
    on_ways(&LASTING, |bench, way| {
        let (_, hosts) = bench.running_from("Fleet", 3);
        bench.emulator.kill(ids(&hosts)[0].as_str(), "Server.SpotInstanceTermination", "taken").unwrap();
        bench.watched(2);
        let back = bench.give_back(&json!(hosts));
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_nothing_is_left(bench, way);
    });
    on_ways(&LASTING, |bench, way| {
        let (_, hosts) = bench.running_from("Fleet", 2);
        bench.emulator.kill_by_hand(hostfactory_emulator::Which::All).unwrap();
        bench.watched(2);
        assert_eq!(bench.lost(&json!(hosts)).len(), 2);
        assert_nothing_is_left(bench, way);
    });
}

#[test]
fn what_was_made_for_a_request_goes_after_the_store_was_rebuilt_from_tags() {
    on_ways(&LASTING, |bench, way| {
        let (id, hosts) = bench.running_from("Fleet", 3);
        for entry in std::fs::read_dir(bench.sandbox.path("work/data")).unwrap() {
            let path = entry.unwrap().path();
            if path.file_name().unwrap().to_string_lossy().starts_with("request_database") {
                std::fs::remove_file(path).unwrap();
            }
        }
        let adopted = Answered::of(&bench.command("storage").arg("adopt").output().unwrap());
        assert_eq!(adopted.code, 0, "{adopted:?}");
        assert_eq!(bench.settled(&id)["status"], "complete");
        let back = bench.give_back(&json!(hosts[..1]));
        assert_eq!(bench.settled(&back)["status"], "complete");
        bench.watched(4);
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.live().len()), (3, 2), "{way}: none was replaced");
        let back = bench.give_back(&json!(hosts[1..]));
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_nothing_is_left(bench, way);
    });
}

#[test]
fn what_was_made_for_a_request_goes_though_the_process_that_removed_it_was_killed() {
    on_ways(&["maintain", "spot maintain", "group"], |bench, way| {
        let action = match way {
            "group" => "DeleteAutoScalingGroup",
            "maintain" => "DeleteFleets",
            _ => "CancelSpotFleetRequests",
        };
        for phase in [Phase::Before, Phase::After] {
            let (_, hosts) = bench.running_from("Fleet", 2);
            let back = bench.give_back(&json!(hosts));
            bench.pass(super::words::MINUTE);
            bench.emulator.fault(Fault::hold(phase).on(action));
            let running = bench.start("getRequestStatus", &super::words::about(&back));
            let held = bench.emulator.wait_held(PATIENCE).unwrap();
            running.kill();
            held.drop_connection();
            bench.emulator.clear_faults();
            assert_nothing_is_left(bench, way);
        }
    });
}

#[test]
fn what_was_made_for_a_request_goes_though_the_template_is_another_by_then() {
    on_ways(&["maintain", "spot maintain", "group"], |bench, way| {
        let (_, hosts) = bench.running_from("Fleet", 2);
        bench.offer(&[template_of("instant")]);
        bench.emulator.kill_by_hand(hostfactory_emulator::Which::All).unwrap();
        bench.watched(2);
        assert_eq!(bench.lost(&json!(hosts)).len(), 2);
        assert_nothing_is_left(bench, way);
    });
}

#[test]
fn a_launch_template_that_requests_share_goes_a_day_after_its_last_use_and_is_made_anew() {
    on_ways(&["instant", "group"], |bench, way| {
        let life = || {
            let (_, hosts) = bench.running_from("Fleet", 1);
            assert_eq!(bench.settled(&bench.give_back(&json!(hosts)))["status"], "complete");
        };
        let counts = || (bench.count_of("CreateLaunchTemplate"), bench.count_of("DeleteLaunchTemplate"));
        life();
        bench.watched(20);
        let hours = |hours| Duration::from_hours(hours);
        bench.pass(hours(20));
        life();
        bench.pass(hours(5));
        bench.watched(20);
        assert_eq!(counts(), (1, 0), "{way}: it was used five hours ago");
        bench.pass(hours(25));
        bench.watched(20);
        assert_eq!(counts(), (1, 1), "{way}");
        life();
        assert_eq!(counts(), (2, 1), "{way}");
        bench.judge();
    });
}
