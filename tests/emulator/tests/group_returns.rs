//! Hosts given back by groups, and groups deleted: sections 6.3 and 6.4 of the notes on AWS.

use std::time::Duration;

use hostfactory_emulator::{Actor, Again, Edit, LAUNCH_TEMPLATE, State, Victims};

use crate::client::{ask_about, frozen};
use crate::group_client::{activities, create, desired, filled, give_back, members, pass, scaling, seen, switch};

fn lives(emulator: &hostfactory_emulator::Emulator) -> Vec<String> {
    emulator.truth().live().ids()
}

#[test]
fn a_host_given_back_ends_alone_and_lowers_the_desired_number() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "3", &[]);
    let answer = give_back(&emulator, &ids[1]);
    assert_eq!((answer.status, answer.one("StatusCode")), (200, "InProgress"));
    assert!(answer.one("Description").ends_with(&ids[1]) && answer.one("Cause").contains("from 3 to 2"));
    assert_eq!(desired(&emulator, "g"), 2);
    assert_eq!(seen(&emulator, "g").all("LifecycleState"), ["InService", "Terminating", "InService"]);
    let ended = emulator.truth().instance(&ids[1]).unwrap().end.clone().unwrap();
    assert!(matches!(ended.by, Actor::Call(_)));
    pass(&emulator, 3_600);
    assert_eq!(members(&emulator, "g"), [ids[0].as_str(), &ids[2]]);
    assert_eq!((emulator.truth().len(), emulator.truth().ended_by_groups().len()), (3, 0));
    assert_eq!(activities(&emulator, "g").one("StatusCode"), "Successful");
}

#[test]
fn without_the_decrement_another_host_comes() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[]);
    let missing = scaling(&emulator, "TerminateInstanceInAutoScalingGroup", &[("InstanceId", &ids[0])]);
    assert_eq!(missing.code(), "ValidationError", "the decrement must be said");
    let keep = [("InstanceId", ids[0].as_str()), ("ShouldDecrementDesiredCapacity", "false")];
    assert_eq!(scaling(&emulator, "TerminateInstanceInAutoScalingGroup", &keep).status, 200);
    pass(&emulator, 60);
    assert_eq!((desired(&emulator, "g"), emulator.truth().len(), lives(&emulator).len()), (2, 3, 2));
}

#[test]
fn no_host_goes_below_the_smallest_size_and_none_that_is_no_member() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[("MinSize", "2")]);
    let (status, code) = (400, "ValidationError");
    let refused = give_back(&emulator, &ids[0]);
    assert_eq!((refused.status, refused.code()), (status, code));
    assert!(refused.one("Message").starts_with("Currently, desiredSize equals minSize (2)."), "{}", refused.body);
    let stranger = emulator.stranger(&[]).unwrap();
    for id in [stranger.as_str(), "i-00000000000000001"] {
        let refused = give_back(&emulator, id);
        let text = format!("Instance Id not found - No managed instance found for instance ID: {id}");
        assert_eq!(refused.refusal(), (status, code, text.as_str()));
    }
    let lower = [("AutoScalingGroupName", "g"), ("MinSize", "0")];
    assert_eq!(scaling(&emulator, "UpdateAutoScalingGroup", &lower).status, 200);
    assert_eq!(desired(&emulator, "g"), 2, "a smaller bound changes nothing else");
    assert_eq!(give_back(&emulator, &ids[0]).status, 200);
    pass(&emulator, 60);
    assert_eq!(give_back(&emulator, &ids[0]).code(), code, "no member any more");
}

#[test]
fn a_second_call_for_a_host_that_is_ending_lowers_the_number_again_and_another_host_pays() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "3", &[]);
    give_back(&emulator, &ids[0]);
    let again = give_back(&emulator, &ids[0]);
    assert_eq!((again.status, desired(&emulator, "g")), (200, 1));
    pass(&emulator, 60);
    assert_eq!(lives(&emulator).len(), 1, "the group has ended one that nobody named");
    assert_eq!(emulator.truth().ended_by_groups().len(), 1);
}

#[test]
fn or_the_second_call_is_refused_or_lowers_nothing() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "3", &[]);
    emulator.group_again(Again::Refused);
    let first = give_back(&emulator, &ids[0]);
    let refused = give_back(&emulator, &ids[0]);
    let text = format!("Activity {} is in progress.", first.one("ActivityId"));
    assert_eq!(refused.refusal(), (400, "ScalingActivityInProgress", text.as_str()));
    emulator.group_again(Again::Ignored);
    assert_eq!(give_back(&emulator, &ids[0]).one("ActivityId"), first.one("ActivityId"));
    assert_eq!(desired(&emulator, "g"), 2);
}

#[test]
fn many_hosts_of_one_group_end_together_or_not_at_all() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "4", &[]);
    let call = |last: &str| {
        let parameters = [
            ("AutoScalingGroupName", "g"),
            ("InstanceIds.member.1", ids[0].as_str()),
            ("InstanceIds.member.2", last),
            ("ShouldDecrementDesiredCapacity", "true"),
        ];
        scaling(&emulator, "TerminateInstanceInAutoScalingGroup", &parameters)
    };
    assert_eq!(call("i-00000000000000001").code(), "ValidationError");
    assert_eq!(lives(&emulator).len(), 4);
    let answer = call(&ids[3]);
    assert!(answer.body.contains("<Activities><member>") && answer.all("ActivityId").len() == 2, "{}", answer.body);
    assert_eq!((lives(&emulator), desired(&emulator, "g")), (ids[1..3].to_vec(), 2));
}

#[test]
fn while_terminate_is_suspended_a_host_given_back_stays_until_it_is_resumed() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[]);
    emulator.suspend_group("g", "Terminate").unwrap();
    assert_eq!(give_back(&emulator, &ids[0]).status, 200);
    pass(&emulator, 3_600);
    assert_eq!((lives(&emulator).len(), desired(&emulator, "g")), (2, 1));
    assert_eq!(seen(&emulator, "g").all("LifecycleState"), ["Terminating", "InService"]);
    assert_eq!(switch(&emulator, "ResumeProcesses", "g", "Terminate").status, 200);
    assert_eq!(lives(&emulator), ids[1..]);
}

#[test]
fn detached_hosts_live_on_and_belong_to_nobody() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "3", &[]);
    let detach = |ids: &[&str], decrement: &str| {
        let names: Vec<String> = (1..=ids.len()).map(|at| format!("InstanceIds.member.{at}")).collect();
        let mut parameters = vec![("AutoScalingGroupName", "g"), ("ShouldDecrementDesiredCapacity", decrement)];
        parameters.extend(names.iter().map(String::as_str).zip(ids.iter().copied()));
        scaling(&emulator, "DetachInstances", &parameters)
    };
    let answer = detach(&[&ids[0], &ids[2]], "true");
    assert_eq!(answer.all("StatusCode"), ["InProgress", "InProgress"], "{}", answer.body);
    assert_eq!(
        (members(&emulator, "g"), desired(&emulator, "g"), lives(&emulator).len()),
        (vec![ids[1].clone()], 1, 3)
    );
    let again = detach(&[&ids[0]], "true");
    let text = format!("The instance {} is not part of Auto Scaling group g.", ids[0]);
    assert_eq!(again.refusal(), (400, "ValidationError", text.as_str()));
    ask_about(&emulator, "TerminateInstances", &ids[..1]);
    pass(&emulator, 3_600);
    assert_eq!((emulator.truth().len(), lives(&emulator).len()), (3, 2), "nobody replaces it");
    assert_eq!(detach(&vec![ids[1].as_str(); 21], "true").code(), "ValidationError");
    assert_eq!(detach(&[&ids[1]], "false").status, 200);
    pass(&emulator, 2);
    assert_eq!((emulator.truth().len(), desired(&emulator, "g")), (4, 1), "without the decrement another comes");
    let pending = members(&emulator, "g");
    let text = format!("The instance {} is not in InService or Standby.", pending[0]);
    assert_eq!(detach(&[&pending[0]], "true").one("Message"), text);
    scaling(&emulator, "UpdateAutoScalingGroup", &[("AutoScalingGroupName", "g"), ("MinSize", "1")]);
    pass(&emulator, 120);
    let refused = detach(&[&pending[0]], "true");
    assert!(refused.one("Message").contains("has min-size=1, max-size=3, and desired-size=1."), "{}", refused.body);
}

#[test]
fn a_detached_host_lowers_the_number_by_one_or_by_its_weight() {
    let list = "MixedInstancesPolicy.LaunchTemplate.Overrides.member.1";
    let (kind, weight) = (format!("{list}.InstanceType"), format!("{list}.WeightedCapacity"));
    let mixed = [
        ("LaunchTemplate.LaunchTemplateId", ""),
        ("LaunchTemplate.Version", ""),
        ("MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.LaunchTemplateId", LAUNCH_TEMPLATE),
        (kind.as_str(), "m6i.large"),
        (weight.as_str(), "2"),
    ];
    for (by_weight, left) in [(false, 3), (true, 2)] {
        let emulator = frozen();
        emulator.edit(Edit::DetachByWeight { on: by_weight }).unwrap();
        let ids = filled(&emulator, "g", "4", &mixed);
        let parameters = [
            ("AutoScalingGroupName", "g"),
            ("InstanceIds.member.1", ids[0].as_str()),
            ("ShouldDecrementDesiredCapacity", "true"),
        ];
        scaling(&emulator, "DetachInstances", &parameters);
        assert_eq!(desired(&emulator, "g"), left);
    }
}

#[test]
fn a_smaller_number_lets_the_group_choose_its_victims() {
    for (policy, own, left) in [
        (None, "Default", [2, 3]),
        (None, "NewestInstance", [0, 1]),
        (Some(Victims::Newest), "OldestInstance", [0, 1]),
        (Some(Victims::Oldest), "Default", [2, 3]),
    ] {
        let emulator = frozen();
        emulator.victims(policy.clone());
        let ids = filled(&emulator, "g", "4", &[("TerminationPolicies.member.1", own)]);
        let less = [("AutoScalingGroupName", "g"), ("DesiredCapacity", "2")];
        assert_eq!(scaling(&emulator, "SetDesiredCapacity", &less).status, 200);
        pass(&emulator, 60);
        assert_eq!(lives(&emulator), left.map(|at: usize| ids[at].clone()), "{policy:?} {own}");
        assert_eq!((emulator.truth().ended_by_groups().len(), emulator.truth().ended_by_calls().len()), (2, 0));
    }
}

#[test]
fn hosts_protected_from_scale_in_are_not_chosen_but_can_be_named() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[("NewInstancesProtectedFromScaleIn", "true")]);
    assert_eq!(seen(&emulator, "g").all("ProtectedFromScaleIn"), ["true", "true"]);
    scaling(&emulator, "SetDesiredCapacity", &[("AutoScalingGroupName", "g"), ("DesiredCapacity", "0")]);
    pass(&emulator, 3_600);
    assert_eq!(lives(&emulator).len(), 2);
    assert!(activities(&emulator, "g").one("StatusMessage").contains("protected from scale-in"));
    let protect = |id: &str, on: &str| {
        let parameters = [("AutoScalingGroupName", "g"), ("InstanceIds.member.1", id), ("ProtectedFromScaleIn", on)];
        scaling(&emulator, "SetInstanceProtection", &parameters)
    };
    assert_eq!(protect(&ids[0], "false").status, 200);
    pass(&emulator, 2);
    assert_eq!(lives(&emulator), ids[1..]);
    let ending = protect(&ids[0], "true");
    assert!(ending.one("Message").ends_with("is not in InService or EnteringStandby or Standby."), "{}", ending.body);
    let named = [("InstanceId", ids[1].as_str()), ("ShouldDecrementDesiredCapacity", "false")];
    assert_eq!(scaling(&emulator, "TerminateInstanceInAutoScalingGroup", &named).status, 200);
    assert!(lives(&emulator).is_empty());
}

#[test]
fn the_desired_number_keeps_within_its_bounds_and_honours_the_cooldown_when_asked_to() {
    let emulator = frozen();
    create(&emulator, "g", "4", &[("MinSize", "1"), ("DesiredCapacity", "2")]);
    pass(&emulator, 60);
    let set = |number: &str, more: &[(&str, &str)]| {
        let parameters = [&[("AutoScalingGroupName", "g"), ("DesiredCapacity", number)], more].concat();
        scaling(&emulator, "SetDesiredCapacity", &parameters)
    };
    let above = "New SetDesiredCapacity value 5 is above max value 4 for the AutoScalingGroup.";
    assert_eq!(set("5", &[]).refusal(), (400, "ValidationError", above));
    assert_eq!(set("0", &[]).code(), "ValidationError");
    assert_eq!(set("3", &[("HonorCooldown", "true")]).code(), "ScalingActivityInProgress");
    pass(&emulator, 300);
    assert_eq!(set("3", &[("HonorCooldown", "true")]).status, 200);
    let update = |name: &str, value: &str| {
        scaling(&emulator, "UpdateAutoScalingGroup", &[("AutoScalingGroupName", "g"), (name, value)])
    };
    assert_eq!(update("MaxSize", "2").status, 200);
    assert_eq!(desired(&emulator, "g"), 2, "a bound takes the number with it");
    assert_eq!(update("MinSize", "3").code(), "ValidationError", "above the largest");
    assert_eq!(update("DesiredCapacity", "3").code(), "ValidationError");
}

#[test]
fn a_group_is_deleted_when_it_is_empty_or_by_force() {
    let emulator = frozen();
    let ids = filled(&emulator, "g", "2", &[]);
    let delete = |more: &[(&str, &str)]| {
        scaling(&emulator, "DeleteAutoScalingGroup", &[&[("AutoScalingGroupName", "g")], more].concat())
    };
    assert_eq!(delete(&[]).code(), "ResourceInUse");
    give_back(&emulator, &ids[0]);
    give_back(&emulator, &ids[1]);
    assert_eq!(delete(&[]).code(), "ScalingActivityInProgress", "they are ending still");
    pass(&emulator, 60);
    assert_eq!(delete(&[]).status, 200);
    assert_eq!(delete(&[]).code(), "ValidationError", "not found");
    let before = filled(&emulator, "g", "2", &[]);
    assert_eq!(delete(&[("ForceDelete", "true")]).status, 200);
    assert!(seen(&emulator, "g").all("CreatedTime").is_empty(), "it does not wait for them");
    assert!(lives(&emulator).is_empty());
    assert_eq!(emulator.truth().ended_by_calls().len(), 4);
    assert_eq!(emulator.truth().instance(&before[0]).unwrap().state, State::ShuttingDown);
    emulator.clock_advance(Duration::from_hours(1));
    assert_eq!(emulator.truth().len(), 4, "and launches nothing more");
}

#[test]
fn a_group_that_is_protected_from_deletion_stays() {
    let emulator = frozen();
    create(&emulator, "g", "0", &[("DeletionProtection", "prevent-force-deletion")]);
    let force = [("AutoScalingGroupName", "g"), ("ForceDelete", "true")];
    assert_eq!(scaling(&emulator, "DeleteAutoScalingGroup", &force).code(), "ResourceInUse");
    assert_eq!(scaling(&emulator, "DeleteAutoScalingGroup", &force[..1]).status, 200);
}
