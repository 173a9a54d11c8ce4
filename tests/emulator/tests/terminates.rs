//! TerminateInstances: section 11 of the notes on AWS.

use std::time::Duration;

use hostfactory_emulator::{Actor, SUBNETS, State};

use crate::client::{ask, ask_about, filtered, frozen, hosts};

#[test]
fn a_terminated_host_is_shutting_down_then_terminated_without_a_name_then_unknown() {
    let emulator = frozen();
    let ids = hosts(&emulator, 1, &[]);
    emulator.clock_advance(Duration::from_mins(1));
    let answer = ask_about(&emulator, "TerminateInstances", &ids);
    assert_eq!(answer.all("name"), ["shutting-down", "running"]);
    assert!(!filtered(&emulator, "instance-id", &ids[0]).one("privateIpAddress").is_empty(), "not gone yet");
    emulator.clock_advance(Duration::from_secs(30));
    let seen = filtered(&emulator, "instance-id", &ids[0]);
    assert_eq!((seen.one("name"), seen.one("privateDnsName")), ("terminated", ""));
    assert!(!seen.body.contains("privateIpAddress"));
    assert!(seen.one("reason").starts_with("User initiated ("), "{}", seen.body);
    assert_eq!(seen.all("code").last(), Some(&"Client.UserInitiatedShutdown"));
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids).all("name"), ["terminated", "terminated"]);
    emulator.clock_advance(Duration::from_secs(3_599));
    assert_eq!(ask_about(&emulator, "DescribeInstances", &ids).status, 200);
    emulator.clock_advance(Duration::from_secs(1));
    assert_eq!(ask_about(&emulator, "DescribeInstances", &ids).code(), "InvalidInstanceID.NotFound");
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids).code(), "InvalidInstanceID.NotFound");
    let truth = emulator.truth();
    assert_eq!(truth.instances[0].end.as_ref().unwrap().by, Actor::Call(2), "the truth remembers");
}

#[test]
fn one_bad_id_ends_none_and_all_bad_ones_are_named() {
    let emulator = frozen();
    let mut ids = hosts(&emulator, 2, &[]);
    ids.insert(1, "i-00000000000000001".to_owned());
    let one = ask_about(&emulator, "TerminateInstances", &ids);
    assert_eq!(
        one.refusal(),
        (400, "InvalidInstanceID.NotFound", "The instance ID 'i-00000000000000001' does not exist")
    );
    ids.push("i-00000000000000002".to_owned());
    for action in ["TerminateInstances", "DescribeInstances"] {
        let two = ask_about(&emulator, action, &ids);
        assert_eq!(two.one("Message"), "The instance IDs 'i-00000000000000001, i-00000000000000002' do not exist");
    }
    ids.push("i-nonsense".to_owned());
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids).code(), "InvalidInstanceID.Malformed");
    assert_eq!(emulator.truth().live().len(), 2);
}

#[test]
fn a_protected_host_fails_its_zone_and_the_other_zones_end_all_the_same() {
    let emulator = frozen();
    let mut ids = hosts(&emulator, 3, &[]);
    ids.extend(hosts(&emulator, 2, &[("SubnetId", SUBNETS[1])]));
    emulator.protect(&ids[1]).unwrap();
    let answer = ask_about(&emulator, "TerminateInstances", &ids);
    let (status, code, message) = answer.refusal();
    assert_eq!((status, code), (400, "OperationNotPermitted"));
    assert!(message.contains(&ids[1]) && message.contains("disableApiTermination"), "{message}");
    assert_eq!(emulator.truth().live().ids(), ids[..3]);
    let rest = [ids[0].clone(), ids[2].clone()];
    assert_eq!(ask_about(&emulator, "TerminateInstances", &rest).status, 200);
    assert_eq!(emulator.truth().live().ids(), ids[1..2]);
    assert_eq!(emulator.truth().ended_by_calls().len(), 4);
}

#[test]
fn no_ids_and_too_many_ids_are_refused_and_a_dry_run_ends_nothing() {
    let emulator = frozen();
    assert_eq!(ask(&emulator, "TerminateInstances", &[]).code(), "MissingParameter");
    let ids = hosts(&emulator, 1_001, &[]);
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids).code(), "InvalidParameterValue");
    let dry = [("InstanceId.1", ids[0].as_str()), ("DryRun", "true")];
    assert_eq!(ask(&emulator, "TerminateInstances", &dry).code(), "DryRunOperation");
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids[..1_000]).status, 200);
    assert_eq!(emulator.truth().live().len(), 1);
    assert!(emulator.truth().instances.iter().any(|instance| instance.state == State::ShuttingDown));
}
