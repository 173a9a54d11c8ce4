//! Section I, and what else is different where something beside the hosts is made: fleets, spot fleets and groups.

use std::time::Duration;

use hostfactory_emulator::{Edit, Fault, Phase, SUBNETS, Victims};
use serde_json::{Value, json};

use super::bench::{Bench, PATIENCE, on_both_stores};
use super::words::{MINUTE, ids, merge, order_from, template, told};
use crate::life::Grid;
use crate::support::say;

/// The six ways to get hosts beside RunInstances, and what a template says for each.
pub(crate) fn ways() -> [(&'static str, Value); 6] {
    let role = "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role";
    [
        ("instant", json!({"providerApi": "EC2Fleet", "fleetType": "instant"})),
        ("request", json!({"providerApi": "EC2Fleet", "fleetType": "request"})),
        ("maintain", json!({"providerApi": "EC2Fleet", "fleetType": "maintain"})),
        (
            "spot request",
            json!({"providerApi": "SpotFleet", "fleetType": "request", "fleetRole": role, "priceType": "spot"}),
        ),
        (
            "spot maintain",
            json!({"providerApi": "SpotFleet", "fleetType": "maintain", "fleetRole": role, "priceType": "spot"}),
        ),
        ("group", json!({"providerApi": "ASG"})),
    ]
}

/// The ways of which something goes on launching by itself.
pub(crate) const LASTING: [&str; 5] = ["request", "maintain", "spot request", "spot maintain", "group"];
/// The ways that replace what ends.
const REFILLING: [&str; 3] = ["maintain", "spot maintain", "group"];

/// A template of the way of this name.
pub(crate) fn template_of(way: &str) -> Value {
    fleet(&ways().iter().find(|(name, _)| *name == way).unwrap().1)
}

/// The action that makes what a way makes.
pub(crate) fn creation_of(way: &str) -> &'static str {
    match way {
        "group" => "CreateAutoScalingGroup",
        way if way.starts_with("spot") => "RequestSpotFleet",
        _ => "CreateFleet",
    }
}

/// A template of this way, over two types and two subnets.
fn fleet(more: &Value) -> Value {
    let mut template =
        template("Fleet", &json!({"subnetId": &SUBNETS[..2], "vmTypes": {"m6i.large": 1, "c6i.large": 1}}));
    template.as_object_mut().unwrap().remove("vmType");
    merge(&mut template, more);
    template
}

/// Runs `body` on a bench of each store for each of these ways.
pub(crate) fn on_ways(names: &[&str], body: impl Fn(&Bench, &str)) {
    for (name, more) in ways().iter().filter(|(name, _)| names.contains(name)) {
        on_both_stores(|bench| {
            say(&format!("by {name}"));
            // The clock stands still while a call runs, and no call waits for what cannot come.
            bench.emulator.fleet_modifying(Duration::ZERO);
            bench.offer(&[fleet(more)]);
            body(bench, name);
        });
    }
}

/// The names of all of them.
pub(crate) fn all() -> Vec<&'static str> {
    ways().iter().map(|(name, _)| *name).collect()
}

#[test]
fn the_main_job_runs_on_each_way() {
    on_ways(&all(), |bench, name| {
        let (_, hosts) = bench.running_from("Fleet", 5);
        let back = bench.give_back(&json!(hosts[..2]));
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!(bench.emulator.truth().live().len(), 3);
        let rest = bench.give_back(&json!(hosts[2..]));
        assert_eq!(bench.settled(&rest)["status"], "complete");
        assert_eq!(bench.emulator.truth().live().len(), 0);
        bench.judge();
        assert_eq!(bench.emulator.truth().len(), 5, "nothing was launched in the place of what was returned");
        let (created, deleted) = (bench.count_of("CreateLaunchTemplate"), bench.count_of("DeleteLaunchTemplate"));
        let shared = ["instant", "group"].contains(&name);
        assert_eq!((created, deleted), (1, usize::from(!shared)), "a template that one request has goes with it");
    });
}

#[test]
fn row_84_a_fleet_that_replaces_what_ends_is_shrunk_first() {
    on_ways(&REFILLING, |bench, _| {
        bench.emulator.refill(Duration::from_secs(1));
        let (_, hosts) = bench.running_from("Fleet", 6);
        for returned in [&hosts[..1], &hosts[1..4], &hosts[4..]] {
            let back = bench.give_back(&json!(returned));
            assert_eq!(bench.settled(&back)["status"], "complete");
            bench.watched(4);
        }
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.live().len()), (6, 0), "none was replaced");
        bench.judge();
    });
}

#[test]
fn row_85_a_fleet_never_chooses_whom_to_end() {
    on_ways(&REFILLING, |bench, _| {
        bench.emulator.victims(Victims::Newest);
        let (_, hosts) = bench.running_from("Fleet", 4);
        let back = bench.give_back(&json!(hosts[..1]));
        assert_eq!(bench.settled(&back)["status"], "complete");
        let (mut alive, mut stayed) = (bench.emulator.truth().live().ids(), ids(&hosts[1..]));
        alive.sort();
        stayed.sort();
        assert_eq!(alive, stayed);
        bench.judge();
    });
}

#[test]
fn row_86_a_fleet_that_is_being_changed_is_waited_for_across_calls() {
    on_ways(&["maintain", "spot maintain"], |bench, _| {
        bench.configure(&json!({"hostFactory": {"softBudgetSeconds": 1}}));
        let (_, hosts) = bench.running_from("Fleet", 3);
        bench.emulator.fleet_modifying(Duration::from_mins(3));
        let back = bench.give_back(&json!(hosts[..1]));
        assert_eq!(bench.emulator.truth().live().len(), 3, "nothing is ended while the fleet is being changed");
        assert_eq!(bench.status(&back)["status"], "running");
        bench.emulator.fleet_modifying(Duration::ZERO);
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!((bench.emulator.truth().len(), bench.emulator.truth().live().len()), (3, 2));
        bench.judge();
    });
}

#[test]
fn row_18_two_returns_on_one_fleet_end_the_hosts_of_both() {
    on_ways(&["maintain", "spot maintain"], |bench, _| {
        bench.emulator.refill(Duration::from_secs(1));
        let (_, hosts) = bench.running_from("Fleet", 5);
        let ask = |host: &Value| bench.start("requestReturnMachines", &json!({"machines": [host]}));
        let (first, second) = (ask(&hosts[0]), ask(&hosts[1]));
        for running in [first, second] {
            let answered = running.answered();
            assert_eq!(answered.code, 0, "{answered:?}");
            bench.settled(answered.document["requestId"].as_str().unwrap());
        }
        bench.watched(4);
        assert_eq!((bench.emulator.truth().len(), bench.emulator.truth().live().len()), (5, 3));
        bench.judge();
    });
}

#[test]
fn row_87_hosts_of_an_instant_fleet_end_one_by_one_and_the_fleet_is_never_deleted() {
    on_ways(&["instant"], |bench, _| {
        let (_, hosts) = bench.running_from("Fleet", 10);
        for (returned, left) in [(&hosts[..1], 9), (&hosts[1..5], 5)] {
            let back = bench.give_back(&json!(returned));
            assert_eq!(bench.settled(&back)["status"], "complete");
            assert_eq!(bench.emulator.truth().live().len(), left);
        }
        assert_eq!(bench.count_of("DeleteFleets"), 0);
        bench.judge();
    });
}

/// The fleets and groups that were made, by their names.
pub(crate) fn made(bench: &Bench) -> Vec<String> {
    let truth = bench.emulator.truth();
    let mut names: Vec<String> = truth
        .instances
        .iter()
        .filter_map(|host| host.launch.fleet.clone().or_else(|| host.launch.group().map(str::to_owned)))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[test]
fn row_88_a_fleet_that_somebody_deletes_leaves_its_hosts_on_record() {
    on_ways(&["request", "maintain", "spot request", "spot maintain"], |bench, _| {
        let (id, hosts) = bench.running_from("Fleet", 3);
        let fleets = made(bench);
        bench.emulator.delete_fleet(&fleets[0], false).unwrap();
        assert!(bench.lost(&json!(hosts)).is_empty(), "they live");
        let back = bench.give_back(&json!(hosts[..2]));
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!(bench.emulator.truth().live().len(), 1);
        assert_eq!(bench.status(&id)["status"], "complete");
        bench.judge();
    });
}

#[test]
fn row_88_hosts_that_end_with_their_fleet_are_told_as_lost() {
    on_ways(&["request", "maintain", "spot request", "spot maintain"], |bench, _| {
        let (_, hosts) = bench.running_from("Fleet", 3);
        bench.emulator.delete_fleet(&made(bench)[0], true).unwrap();
        bench.pass(MINUTE);
        assert_eq!(bench.lost(&json!(hosts)).len(), 3);
        bench.judge();
    });
}

#[test]
fn row_89_a_group_that_somebody_deletes_leaves_its_hosts_on_record() {
    on_ways(&["group"], |bench, _| {
        let (_, hosts) = bench.running_from("Fleet", 3);
        bench.emulator.delete_group(&made(bench)[0], false).unwrap();
        let back = bench.give_back(&json!(hosts[..2]));
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!(bench.emulator.truth().live().len(), 1);
        bench.judge();
    });
}

#[test]
fn row_90_nothing_is_ended_while_somebody_else_changes_the_group() {
    on_ways(&["group"], |bench, _| {
        let (_, hosts) = bench.running_from("Fleet", 3);
        let group = made(bench).remove(0);
        bench.emulator.refresh_group(&group, true).unwrap();
        let back = bench.give_back(&json!(hosts[..1]));
        let status = bench.status(&back);
        assert_eq!(status["status"], "running", "{status}");
        assert_eq!(bench.emulator.truth().live().len(), 3);
        bench.emulator.refresh_group(&group, false).unwrap();
        bench.emulator.suspend_group(&group, "Terminate").unwrap();
        bench.pass(MINUTE);
        assert_eq!(bench.status(&back)["status"], "running");
        assert_eq!(bench.emulator.truth().live().len(), 3);
        bench.emulator.resume_group(&group, "Terminate").unwrap();
        assert_eq!(bench.settled(&back)["status"], "complete");
        assert_eq!((bench.emulator.truth().len(), bench.emulator.truth().live().len()), (3, 2));
        bench.emulator.rebalance_group(&group).unwrap();
        bench.emulator.resize_group(&group, 3).unwrap();
        bench.watched(4);
        assert_eq!(bench.emulator.truth().live().len(), 2, "it launches nothing that nobody asked for");
        bench.judge();
    });
}

#[test]
fn row_91_a_group_that_cannot_launch_says_so_within_two_polls() {
    on_ways(&["group"], |bench, _| {
        bench
            .emulator
            .group_error(Some("We currently do not have sufficient m6i.large capacity (InsufficientInstanceCapacity)"));
        let id = bench.request_from("Fleet", 3);
        bench.pass(MINUTE);
        bench.status(&id);
        let status = bench.status(&id);
        assert_eq!(status["status"], "complete_with_error", "{status}");
        assert!(told(&status).contains("InsufficientInstanceCapacity"), "{status}");
        bench.judge();
    });
}

#[test]
fn row_92_a_fleet_launches_nothing_after_its_request_was_given_up() {
    on_ways(&LASTING, |bench, _| {
        bench.emulator.pool("*", "*", None, 1);
        let id = bench.request_from("Fleet", 4);
        let status = bench.pass_watched(18, &id);
        assert!(status["status"] != "running", "{status}");
        bench.emulator.edit(Edit::NoPools).unwrap();
        bench.watched(20);
        assert!(bench.emulator.truth().len() <= 1, "a late host is one too many");
        bench.judge();
    });
}

#[test]
fn row_46_a_throttle_among_the_errors_of_a_fleet_is_no_shortage() {
    on_ways(&["instant"], |bench, _| {
        bench.emulator.fleet_errors(&[("RequestLimitExceeded", 90)], 10);
        let (_, hosts) = bench.running_from("Fleet", 20);
        assert_eq!((hosts.len(), bench.emulator.truth().len()), (20, 20), "the rest is asked for again");
        bench.running_from("Fleet", 3);
        bench.judge();
    });
}

#[test]
fn row_55_row_56_what_empty_pools_lack_is_had_from_the_others_and_they_are_left_alone() {
    on_ways(&["instant"], |bench, _| {
        bench.emulator.pool("m6i.large", "us-east-1a", None, 2);
        bench.emulator.pool("m6i.large", "us-east-1b", None, 0);
        let (_, hosts) = bench.running_from("Fleet", 10);
        assert_eq!(hosts.len(), 10);
        bench.judge();
    });
}

#[test]
fn row_57_when_no_pool_of_a_fleet_gives_anything_the_answer_says_so() {
    on_ways(&["instant"], |bench, _| {
        bench.emulator.pool("*", "*", None, 0);
        let answered = bench.ask("requestMachines", &order_from("Fleet", 3));
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(answered.message().contains("InsufficientInstanceCapacity"), "{}", answered.message());
        bench.judge();
    });
}

#[test]
fn row_58_weights_bring_less_than_one_host_too_much_and_all_of_it_is_told() {
    let weighted = json!({"vmTypes": {"m6i.large": 3, "c6i.large": 5}});
    for (name, more) in ways() {
        on_both_stores(|bench| {
            say(&format!("by {name}"));
            let mut template = fleet(&more);
            template["vmTypes"] = weighted["vmTypes"].clone();
            bench.offer(&[template]);
            let id = bench.request_from("Fleet", 7);
            let status = bench.settled(&id);
            let hosts = Grid::named(&status);
            assert_eq!(status["status"], "complete", "{status}");
            let truth = bench.emulator.truth();
            assert_eq!(hosts.len(), truth.live().len(), "every host is told");
            let units: u32 = truth
                .live()
                .instances
                .iter()
                .map(|host| if host.launch.instance_type == "m6i.large" { 3 } else { 5 })
                .sum();
            assert!((7..12).contains(&units), "{units} units");
            let back = bench.give_back(&json!(hosts[..1]));
            assert_eq!(bench.settled(&back)["status"], "complete");
            bench.watched(4);
            assert_eq!(bench.emulator.truth().live().len(), hosts.len() - 1);
        });
    }
}

#[test]
fn row_06_what_an_unanswered_call_made_is_found_when_it_may_not_be_sent_again() {
    on_ways(&all(), |bench, name| {
        let more = ways().into_iter().find(|(way, _)| *way == name).unwrap().1;
        let mut template = fleet(&more);
        template["userDataScript"] = json!(bench.sandbox.write("conf/boot.sh", "#!/bin/sh\necho one\n"));
        bench.offer(&[template]);
        bench.emulator.fault(Fault::drop_after().on(creation_of(name)).times(10));
        let id = bench.request_from("Fleet", 2);
        bench.emulator.clear_faults();
        bench.sandbox.write("conf/boot.sh", "#!/bin/sh\necho another\n");
        let status = bench.settled(&id);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 2), "{status}");
        assert_eq!(bench.emulator.truth().len(), 2);
        bench.judge();
    });
}

#[test]
fn row_02_row_03_row_06_a_call_that_dies_or_whose_answer_is_lost_makes_one_fleet() {
    on_ways(&all(), |bench, name| {
        let action = creation_of(name);
        for (launched, phase) in [(2, Phase::Before), (4, Phase::After)] {
            bench.emulator.fault(Fault::hold(phase).on(action));
            let running = bench.start("requestMachines", &order_from("Fleet", 2));
            let held = bench.emulator.wait_held(PATIENCE).unwrap();
            running.kill();
            held.drop_connection();
            bench.emulator.clear_faults();
            bench.watched(6);
            assert_eq!(bench.emulator.truth().len(), launched);
        }
        bench.emulator.fault(Fault::drop_after().on(action).times(2));
        bench.running_from("Fleet", 2);
        assert!(bench.emulator.truth().most_at_once() <= 6);
        bench.judge();
    });
}
