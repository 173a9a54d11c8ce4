//! How fleets end: section 4.6 of the notes on AWS.

use std::time::Duration;

use hostfactory_emulator::{Actor, Emulator, SUBNETS};

use crate::client::{Answer, ask, ask_about, frozen};
use crate::fleets::{fleet, ids};

fn delete(emulator: &Emulator, fleets: &[&str], terminate: &str) -> Answer {
    let list: Vec<String> = (1..=fleets.len()).map(|number| format!("FleetId.{number}")).collect();
    let mut parameters: Vec<(&str, &str)> = list.iter().map(String::as_str).zip(fleets.iter().copied()).collect();
    parameters.push(("TerminateInstances", terminate));
    ask(emulator, "DeleteFleets", &parameters)
}

fn state(emulator: &Emulator, id: &str) -> String {
    ask(emulator, "DescribeFleets", &[("FleetId.1", id)]).one("fleetState").to_owned()
}

/// Makes a fleet that has filled, and returns its id.
fn filled(emulator: &Emulator, kind: &str, total: u32) -> String {
    let id = fleet(emulator, kind, total, &[]).one("fleetId").to_owned();
    emulator.clock_advance(Duration::from_secs(1));
    assert_eq!(emulator.truth().of_fleet(&id).len(), usize::try_from(total).unwrap());
    id
}

#[test]
fn an_instant_fleet_ends_all_its_hosts_and_is_not_deleted_without_them() {
    let emulator = frozen();
    let id = filled(&emulator, "instant", 3);
    ask_about(&emulator, "TerminateInstances", &emulator.truth().ids()[..1]);
    let refused = delete(&emulator, &[&id], "false");
    assert_eq!((refused.status, refused.one("code")), (200, "NoTerminateInstancesNotSupported"));
    assert_eq!((emulator.truth().live().len(), state(&emulator, &id).as_str()), (2, "active"));
    let done = delete(&emulator, &[&id], "true");
    assert_eq!((done.one("currentFleetState"), done.one("previousFleetState")), ("deleted_terminating", "active"));
    let truth = emulator.truth();
    assert_eq!((truth.live().len(), truth.ended_by_calls().len()), (0, 3));
    assert_eq!(truth.instances[2].end.as_ref().unwrap().by, Actor::Call(5), "by the call that deleted the fleet");
    assert_eq!(state(&emulator, &id), "deleted_terminating");
    emulator.clock_advance(Duration::from_secs(30));
    assert_eq!(state(&emulator, &id), "deleted");
    assert_eq!(delete(&emulator, &[&id], "true").one("code"), "fleetNotInDeletableState");
}

#[test]
fn other_fleets_end_with_their_hosts_or_leave_them_and_launch_nothing_more() {
    let emulator = frozen();
    for kind in ["request", "maintain"] {
        let (with, without) = (filled(&emulator, kind, 2), filled(&emulator, kind, 2));
        delete(&emulator, &[&with], "true");
        delete(&emulator, &[&without], "false");
        assert_eq!([state(&emulator, &with), state(&emulator, &without)], ["deleted_terminating", "deleted_running"]);
        let left = emulator.truth().of_fleet(&without).live().ids();
        assert_eq!((left.len(), emulator.truth().of_fleet(&with).live().len()), (2, 0));
        ask_about(&emulator, "TerminateInstances", &left[..1]);
        emulator.clock_advance(Duration::from_mins(10));
        assert_eq!(emulator.truth().of_fleet(&without).len(), 2, "nothing is replaced");
        assert_eq!([state(&emulator, &with), state(&emulator, &without)], ["deleted", "deleted_running"]);
        ask_about(&emulator, "TerminateInstances", &left[1..]);
        emulator.clock_advance(Duration::from_mins(1));
        assert_eq!(state(&emulator, &without), "deleted");
    }
}

#[test]
fn a_fleet_that_is_deleted_before_it_has_filled_never_fills() {
    let emulator = frozen();
    let id = fleet(&emulator, "request", 2, &[]).one("fleetId").to_owned();
    delete(&emulator, &[&id], "false");
    emulator.clock_advance(Duration::from_hours(1));
    assert!(emulator.truth().is_empty());
}

#[test]
fn each_fleet_that_cannot_be_deleted_says_why_and_the_others_are() {
    let emulator = frozen();
    let id = filled(&emulator, "instant", 1);
    let answer = delete(&emulator, &["fleet-1", "fleet-00000000-0000-0000-0000-000000000000", &id], "true");
    assert_eq!(answer.all("code"), ["fleetIdDoesNotExist", "fleetIdMalformed"]);
    assert_eq!(answer.all("currentFleetState"), ["deleted_terminating"]);
    assert_eq!(ask(&emulator, "DeleteFleets", &[("TerminateInstances", "true")]).code(), "MissingParameter");
}

#[test]
fn too_many_fleets_at_once_are_none() {
    let emulator = frozen();
    let fleets: Vec<String> = (0..26).map(|_| filled(&emulator, "instant", 1)).collect();
    let all: Vec<&str> = fleets.iter().map(String::as_str).collect();
    let answer = delete(&emulator, &all, "true");
    assert_eq!(answer.all("code"), ["ExceededInstantFleetNumForDeletion"; 26]);
    assert_eq!(emulator.truth().live().len(), 26);
    assert_eq!(delete(&emulator, &all[1..], "true").all("currentFleetState").len(), 25);
    let many: Vec<String> = (0..101).map(|number| format!("fleet-{number:036}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(delete(&emulator, &many, "true").code(), "InvalidParameterValue");
    emulator.subnet_free(SUBNETS[0], 2_000).unwrap();
    let large = fleet(&emulator, "instant", 1_001, &[]);
    assert_eq!(delete(&emulator, &[large.one("fleetId")], "true").one("code"), "unexpectedError");
    ask_about(&emulator, "TerminateInstances", &ids(&large)[..1]);
    assert_eq!(delete(&emulator, &[large.one("fleetId")], "true").all("currentFleetState").len(), 1);
}

#[test]
fn a_fleet_can_be_deleted_by_hand_with_its_hosts_or_without() {
    let emulator = frozen();
    let (with, without) = (filled(&emulator, "instant", 2), filled(&emulator, "maintain", 2));
    emulator.delete_fleet(&with, true).unwrap();
    emulator.delete_fleet(&without, false).unwrap();
    assert!(emulator.delete_fleet("fleet-1", true).is_err());
    let truth = emulator.truth();
    assert_eq!((truth.of_fleet(&with).live().len(), truth.of_fleet(&without).live().len()), (0, 2));
    assert_eq!(truth.instances[0].end.as_ref().unwrap().by, Actor::Test);
    assert_eq!([state(&emulator, &with), state(&emulator, &without)], ["deleted_terminating", "deleted_running"]);
}

#[test]
fn a_deleted_fleet_is_seen_for_two_days_after_its_last_host() {
    let emulator = frozen();
    let id = filled(&emulator, "request", 1);
    delete(&emulator, &[&id], "true");
    emulator.clock_advance(Duration::from_hours(48));
    assert_eq!(state(&emulator, &id), "deleted");
    let seen =
        |value| ask(&emulator, "DescribeFleets", &[("Filter.1.Name", "fleet-state"), ("Filter.1.Value.1", value)]);
    assert_eq!((seen("deleted").all("fleetId").len(), seen("deleted-running").all("fleetId").len()), (1, 0));
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(ask(&emulator, "DescribeFleets", &[("FleetId.1", &id)]).code(), "InvalidFleetId.NotFound");
}

#[test]
fn a_thousand_fleets_are_enough_and_instant_ones_do_not_count() {
    let emulator = frozen();
    for _ in 0..1_000 {
        assert_eq!(fleet(&emulator, "maintain", 0, &[]).status, 200);
    }
    assert_eq!(fleet(&emulator, "maintain", 0, &[]).code(), "MaxFleetCountExceeded");
    assert_eq!(fleet(&emulator, "instant", 1, &[]).status, 200);
    let first = ask(&emulator, "DescribeFleets", &[("MaxResults", "400")]);
    let second = ask(&emulator, "DescribeFleets", &[("MaxResults", "1000"), ("NextToken", first.one("nextToken"))]);
    assert_eq!((first.all("fleetState").len(), second.all("fleetState").len()), (400, 600));
    assert_eq!(second.one("nextToken"), "");
}

#[test]
fn what_the_handle_does_to_fleets_and_groups_can_be_said_in_json() {
    use hostfactory_emulator::{Again, Edit, FleetError, Victims};
    use serde_json::{from_value, json};
    let errors = vec![FleetError::times("X", 2)];
    for (edit, said) in [
        (Edit::Refill { seconds: 1.5 }, json!({"refill": {"seconds": 1.5}})),
        (Edit::MemberLag { seconds: 30.0 }, json!({"member_lag": {"seconds": 30}})),
        (Edit::Victims { policy: Some(Victims::Oldest) }, json!({"victims": {"policy": "oldest"}})),
        (
            Edit::Victims { policy: Some(Victims::These(vec!["i-1".to_owned()])) },
            json!({"victims": {"policy": {"these": ["i-1"]}}}),
        ),
        (
            Edit::FleetErrors { errors, hosts: 3, attempts: Some(1) },
            json!({"fleet_errors": {"errors": [{"code": "X", "times": 2}], "hosts": 3, "attempts": 1}}),
        ),
        (
            Edit::DeleteFleet { fleet: "fleet-1".to_owned(), hosts: true },
            json!({"delete_fleet": {"fleet": "fleet-1", "hosts": true}}),
        ),
        (
            Edit::DeleteGroup { group: "g".to_owned(), hosts: false },
            json!({"delete_group": {"group": "g", "hosts": false}}),
        ),
        (Edit::Victims { policy: None }, json!({"victims": {"policy": null}})),
        (Edit::GroupAgain { how: Again::Refused }, json!({"group_again": {"how": "refused"}})),
    ] {
        assert_eq!(from_value::<Edit>(said).unwrap(), edit);
    }
}
