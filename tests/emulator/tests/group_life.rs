//! What happens to groups by itself or by others: sections 3 and 6.6 of the notes on AWS, rows 89 to 91 of the faults.

use std::time::Duration;

use hostfactory_emulator::{Actor, SUBNETS, Settings};

use crate::client::{ask_about, filtered, frozen};
use crate::group_client::{activities, create, desired, filled, give_back, members, pass, scaling, seen, switch};

#[test]
fn hosts_that_end_are_replaced_whoever_ended_them() {
    let emulator = frozen();
    emulator.refill(Duration::from_mins(5));
    let ids = filled(&emulator, "g", "2", &[]);
    ask_about(&emulator, "TerminateInstances", &ids[..1]);
    emulator.kill(&ids[1], "Server.SpotInstanceTermination", "taken back").unwrap();
    pass(&emulator, 299);
    assert_eq!((emulator.truth().len(), members(&emulator, "g").len()), (2, 2), "the group has not noticed");
    pass(&emulator, 1);
    assert_eq!((emulator.truth().len(), emulator.truth().live().len(), desired(&emulator, "g")), (4, 2, 2));
    assert!(activities(&emulator, "g").body.contains("in response to an EC2 health check"));
    assert!(emulator.truth().ended_by_groups().is_empty(), "they had ended already");
}

#[test]
fn a_stopped_or_impaired_host_is_ended_by_its_group_and_replaced() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[]);
    emulator.stop(&ids[0]).unwrap();
    emulator.impair(&ids[1]).unwrap();
    pass(&emulator, 10);
    assert_eq!(emulator.truth().ended_by_groups().ids(), ids);
    let end = emulator.truth().instance(&ids[0]).unwrap().end.clone().unwrap();
    assert_eq!(end.by, Actor::Group("g".to_owned()));
    assert_eq!(emulator.truth().live().len(), 2);
}

#[test]
fn nothing_is_replaced_while_launch_or_replace_unhealthy_is_suspended() {
    for process in ["Launch", "ReplaceUnhealthy", "HealthCheck"] {
        let emulator = frozen();
        let ids = filled(&emulator, "g", "2", &[]);
        assert_eq!(switch(&emulator, "SuspendProcesses", "g", process).status, 200);
        let group = seen(&emulator, "g");
        assert_eq!(group.all("ProcessName"), [process]);
        assert!(group.one("SuspensionReason").starts_with("User suspended at "));
        ask_about(&emulator, "TerminateInstances", &ids[..1]);
        pass(&emulator, 1_800);
        assert_eq!((emulator.truth().len(), desired(&emulator, "g")), (2, 2), "{process}");
        let health = match process {
            "Launch" => vec!["Healthy"],
            "ReplaceUnhealthy" => vec!["Unhealthy", "Healthy"],
            _ => vec!["Healthy", "Healthy"],
        };
        assert_eq!(seen(&emulator, "g").all("HealthStatus"), health, "{process}");
        switch(&emulator, "ResumeProcesses", "g", process);
        pass(&emulator, 10);
        assert_eq!((emulator.truth().len(), members(&emulator, "g").len()), (3, 2), "{process}");
    }
}

#[test]
fn a_dead_host_that_its_group_keeps_can_be_given_back() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[]);
    emulator.suspend_group("g", "ReplaceUnhealthy").unwrap();
    emulator.kill_by_hand(&ids[0]).unwrap();
    pass(&emulator, 60);
    assert_eq!(give_back(&emulator, &ids[0]).status, 200);
    assert_eq!((members(&emulator, "g"), desired(&emulator, "g")), (ids[1..].to_vec(), 1));
}

#[test]
fn a_group_whose_launches_are_suspended_stays_short_and_all_processes_can_be_suspended_at_once() {
    let emulator = frozen();
    create(&emulator, "g", "2", &[]);
    assert_eq!(scaling(&emulator, "SuspendProcesses", &[("AutoScalingGroupName", "g")]).status, 200);
    assert_eq!(seen(&emulator, "g").all("ProcessName").len(), 9);
    pass(&emulator, 60);
    assert!(emulator.truth().is_empty());
    assert_eq!(scaling(&emulator, "ResumeProcesses", &[("AutoScalingGroupName", "g")]).status, 200);
    pass(&emulator, 60);
    assert_eq!(emulator.truth().len(), 2);
    assert_eq!(switch(&emulator, "SuspendProcesses", "g", "Coffee").code(), "ValidationError");
    assert!(emulator.suspend_group("g", "Coffee").is_err() && emulator.suspend_group("nobody", "Launch").is_err());
}

#[test]
fn a_rebalance_ends_one_host_and_launches_another_unless_it_is_suspended() {
    let emulator = frozen();
    let subnets = SUBNETS[..2].join(",");
    let ids = filled(&emulator, "g", "3", &[("VPCZoneIdentifier", subnets.as_str())]);
    emulator.suspend_group("g", "AZRebalance").unwrap();
    emulator.rebalance_group("g").unwrap();
    assert_eq!(emulator.truth().live().ids(), ids);
    emulator.resume_group("g", "AZRebalance").unwrap();
    emulator.rebalance_group("g").unwrap();
    let truth = emulator.truth();
    assert_eq!((truth.len(), truth.live().len(), truth.ended_by_groups().ids()), (4, 3, ids[..1].to_vec()));
    assert_eq!(desired(&emulator, "g"), 3);
}

#[test]
fn a_refresh_is_seen_while_it_runs() {
    let emulator = frozen();
    filled(&emulator, "g", "1", &[]);
    let refreshes = || scaling(&emulator, "DescribeInstanceRefreshes", &[("AutoScalingGroupName", "g")]);
    assert!(refreshes().all("Status").is_empty());
    emulator.refresh_group("g", true).unwrap();
    assert_eq!(refreshes().all("Status"), ["InProgress"]);
    emulator.refresh_group("g", false).unwrap();
    emulator.refresh_group("g", true).unwrap();
    assert_eq!(refreshes().all("Status"), ["InProgress", "Successful"], "the newest first");
}

#[test]
fn a_group_deleted_by_hand_takes_its_hosts_along_or_leaves_them_to_nobody() {
    let emulator = frozen();
    let ids = filled(&emulator, "with", "2", &[]);
    emulator.delete_group("with", true).unwrap();
    assert!(emulator.truth().live().is_empty() && emulator.truth().ended_by_calls().is_empty());
    assert_eq!(give_back(&emulator, &ids[0]).code(), "ValidationError");
    let ids = filled(&emulator, "without", "2", &[]);
    emulator.delete_group("without", false).unwrap();
    assert!(members(&emulator, "without").is_empty());
    assert_eq!(emulator.truth().live().ids(), ids);
    emulator.kill_by_hand(&ids[0]).unwrap();
    pass(&emulator, 3_600);
    assert_eq!(emulator.truth().len(), 4, "nobody replaces them");
    assert!(emulator.delete_group("without", true).is_err());
}

#[test]
fn a_group_of_the_same_name_is_another_group() {
    let emulator = frozen();
    filled(&emulator, "g", "1", &[]);
    let first = seen(&emulator, "g").one("AutoScalingGroupARN").to_owned();
    emulator.delete_group("g", false).unwrap();
    let owner = [("Tags.member.1.Key", "hf-owner"), ("Tags.member.1.Value", "somebody")];
    create(&emulator, "g", "0", &owner);
    let second = seen(&emulator, "g");
    assert!(second.one("AutoScalingGroupARN") != first && second.all("InstanceId").is_empty());
    assert_eq!(second.one("Value"), "somebody");
    assert_eq!(filtered(&emulator, "tag:aws:autoscaling:groupName", "g").all("instanceId").len(), 1, "of the first");
}

#[test]
fn a_desired_number_that_somebody_else_changes_launches_or_ends_hosts() {
    let emulator = frozen();
    filled(&emulator, "g", "2", &[]);
    emulator.resize_group("g", 3).unwrap();
    pass(&emulator, 60);
    assert_eq!(emulator.truth().live().len(), 3);
    emulator.resize_group("g", 1).unwrap();
    pass(&emulator, 60);
    assert_eq!(emulator.truth().ended_by_groups().len(), 2);
}

#[test]
fn a_hundred_thousand_hosts_of_groups_cost_a_call_no_more_than_it_is_about() {
    let settings = Settings { frozen: true, ..Settings::default() };
    let emulator = hostfactory_emulator::Emulator::with(settings).unwrap();
    emulator.subnet_free(SUBNETS[0], 200_000).unwrap();
    for number in 0..20 {
        assert_eq!(create(&emulator, &format!("g{number}"), "5000", &[]).status, 200);
    }
    pass(&emulator, 60);
    let ids = members(&emulator, "g7");
    assert_eq!((ids.len(), emulator.truth().len()), (5_000, 100_000));
    let cost = |ask: &dyn Fn() -> usize| {
        let before = emulator.examined();
        (ask(), emulator.examined() - before)
    };
    assert_eq!(cost(&|| members(&emulator, "g19").len()), (5_000, 5_000));
    let named = [("InstanceIds.member.1", ids[17].as_str())];
    let instances = |parameters: &[(&str, &str)]| {
        scaling(&emulator, "DescribeAutoScalingInstances", parameters).all("InstanceId").len()
    };
    assert_eq!(cost(&|| instances(&named)), (1, 1));
    assert_eq!(cost(&|| instances(&[])), (50, 51));
    for id in &ids[..500] {
        assert_eq!(give_back(&emulator, id).status, 200);
    }
    emulator.resize_group("g7", 0).unwrap();
    pass(&emulator, 60);
    let left = emulator.truth().of_group("g7").live();
    assert!(left.is_empty() && emulator.truth().live().len() == 95_000);
}
