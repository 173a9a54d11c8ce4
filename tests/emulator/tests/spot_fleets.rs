//! Spot Fleet requests: section 5 of the notes on AWS.

use std::time::Duration;

use hostfactory_emulator::{Actor, Emulator, IMAGES, LAUNCH_TEMPLATE, Market, SECURITY_GROUP, SUBNETS};

use crate::client::{Answer, ask, ask_about, filtered, frozen};

const ROLE: &str = "arn:aws:iam::123456789012:role/spot";
const SECOND: Duration = Duration::from_secs(1);

/// Asks for hosts; all names are below the configuration.
fn request(emulator: &Emulator, own: &[(&str, &str)]) -> Answer {
    let named: Vec<(String, &str)> =
        own.iter().map(|(name, value)| (format!("SpotFleetRequestConfig.{name}"), *value)).collect();
    let parameters: Vec<(&str, &str)> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    ask(emulator, "RequestSpotFleet", &parameters)
}

fn specified<'a>(total: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("IamFleetRole", ROLE),
        ("TargetCapacity", total),
        ("LaunchSpecifications.1.ImageId", IMAGES[1]),
        ("LaunchSpecifications.1.InstanceType", "m6i.large"),
        ("LaunchSpecifications.1.SubnetId", SUBNETS[0]),
        ("LaunchSpecifications.1.GroupSet.1.GroupId", SECURITY_GROUP),
        ("LaunchSpecifications.1.TagSpecificationSet.1.ResourceType", "instance"),
        ("LaunchSpecifications.1.TagSpecificationSet.1.Tag.1.Key", "of"),
        ("LaunchSpecifications.1.TagSpecificationSet.1.Tag.1.Value", "specification"),
    ];
    replace(&mut all, more);
    all
}

fn templated<'a>(total: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut all = vec![
        ("IamFleetRole", ROLE),
        ("TargetCapacity", total),
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", LAUNCH_TEMPLATE),
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version", "1"),
        ("LaunchTemplateConfigs.1.Overrides.1.InstanceType", "m6i.large"),
        ("LaunchTemplateConfigs.1.Overrides.1.SubnetId", SUBNETS[0]),
        ("LaunchTemplateConfigs.1.Overrides.2.InstanceType", "c6i.xlarge"),
        ("LaunchTemplateConfigs.1.Overrides.2.SubnetId", SUBNETS[1]),
    ];
    replace(&mut all, more);
    all
}

fn replace<'a>(all: &mut Vec<(&'a str, &'a str)>, more: &[(&'a str, &'a str)]) {
    for (name, value) in more {
        all.retain(|(other, _)| other != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
}

/// Asks for hosts, waits until they are there, and returns the id.
fn filled(emulator: &Emulator, own: &[(&str, &str)]) -> String {
    let answer = request(emulator, own);
    assert_eq!(answer.status, 200, "{}", answer.body);
    emulator.clock_advance(SECOND);
    answer.one("spotFleetRequestId").to_owned()
}

fn described(emulator: &Emulator, id: &str) -> Answer {
    ask(emulator, "DescribeSpotFleetRequests", &[("SpotFleetRequestId.1", id)])
}

fn members(emulator: &Emulator, id: &str) -> Vec<String> {
    let answer = ask(emulator, "DescribeSpotFleetInstances", &[("SpotFleetRequestId", id)]);
    assert_eq!((answer.status, answer.one("spotFleetRequestId")), (200, id), "{}", answer.body);
    answer.all("instanceId").into_iter().map(str::to_owned).collect()
}

#[test]
fn a_request_with_launch_specifications_gives_spot_hosts_that_bear_its_mark() {
    let emulator = frozen();
    let tag = [
        ("TagSpecification.1.ResourceType", "spot-fleet-request"),
        ("TagSpecification.1.Tag.1.Key", "owner"),
        ("TagSpecification.1.Tag.1.Value", "me"),
    ];
    let id = filled(&emulator, &specified("2", &tag));
    assert!(id.starts_with("sfr-") && id.len() == 40);
    let truth = emulator.truth();
    let hosts = truth.of_fleet(&id);
    assert_eq!(hosts.ids(), members(&emulator, &id));
    let launch = &hosts.instances[0].launch;
    assert_eq!(
        (launch.market, launch.image.as_str(), launch.tags["of"].as_str()),
        (Market::Spot, IMAGES[1], "specification")
    );
    assert_eq!(launch.tags["aws:ec2spot:fleet-request-id"], id);
    assert_eq!(filtered(&emulator, "instance-id", &hosts.ids()[0]).one("groupId"), SECURITY_GROUP);
    let seen = described(&emulator, &id);
    for (name, wanted) in [
        ("spotFleetRequestId", id.as_str()),
        ("spotFleetRequestState", "active"),
        ("activityStatus", "fulfilled"),
        ("iamFleetRole", ROLE),
        ("targetCapacity", "2"),
        ("fulfilledCapacity", "2"),
        ("type", "maintain"),
        ("excessCapacityTerminationPolicy", "default"),
        ("groupId", SECURITY_GROUP),
    ] {
        assert_eq!(seen.one(name), wanted, "{name}: {}", seen.body);
    }
    assert!(seen.body.contains("<tagSet><item><key>owner</key><value>me</value></item></tagSet>"), "{}", seen.body);
    assert_eq!(ask(&emulator, "DescribeSpotFleetRequests", &[]).all("spotFleetRequestId"), [id.as_str()]);
    assert!(ask(&emulator, "DescribeFleets", &[]).all("fleetId").is_empty(), "it is no EC2 Fleet");
}

#[test]
fn the_token_is_in_the_configuration() {
    let emulator = frozen();
    let own = specified("1", &[("ClientToken", "t")]);
    let id = filled(&emulator, &own);
    assert_eq!(request(&emulator, &own).one("spotFleetRequestId"), id);
    assert_eq!(request(&emulator, &specified("2", &[("ClientToken", "t")])).code(), "IdempotentParameterMismatch");
    assert_ne!(filled(&emulator, &specified("1", &[])), id);
    assert_eq!(emulator.truth().len(), 2);
}

#[test]
fn launch_templates_give_an_on_demand_part_and_weights() {
    let emulator = frozen();
    let more = [
        ("OnDemandTargetCapacity", "2"),
        ("AllocationStrategy", "capacityOptimizedPrioritized"),
        ("LaunchTemplateConfigs.1.Overrides.1.WeightedCapacity", "2"),
        ("LaunchTemplateConfigs.1.Overrides.2.WeightedCapacity", "3"),
        ("LaunchTemplateConfigs.1.Overrides.2.Priority", "1"),
    ];
    let id = filled(&emulator, &templated("8", &more));
    let seen = described(&emulator, &id);
    assert_eq!((seen.one("onDemandFulfilledCapacity"), seen.one("fulfilledCapacity")), ("2", "8"), "{}", seen.body);
    let truth = emulator.truth();
    let kinds: Vec<&str> = truth.instances.iter().map(|host| host.launch.instance_type.as_str()).collect();
    assert_eq!(kinds, ["m6i.large", "c6i.xlarge", "c6i.xlarge"]);
    assert_eq!(truth.instances[0].launch.market, Market::OnDemand);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let emulator = frozen();
    let invalid = "InvalidSpotFleetRequestConfig";
    for (own, wanted) in [
        (specified("1", &[("IamFleetRole", "")]), "MissingParameter"),
        (specified("1", &[("IamFleetRole", "grid")]), invalid),
        (specified("1", &[("TargetCapacity", "")]), "MissingParameter"),
        (specified("1", &[("Type", "instant")]), invalid),
        (specified("2", &[("OnDemandTargetCapacity", "1")]), invalid),
        (templated("1", &[("OnDemandTargetCapacity", "2")]), invalid),
        ([templated("1", &[]), specified("1", &[])].concat(), invalid),
        (vec![("IamFleetRole", ROLE), ("TargetCapacity", "1")], invalid),
        (
            templated(
                "1",
                &[
                    ("LaunchTemplateConfigs.1.Overrides.1.SubnetId", SUBNETS[1]),
                    ("LaunchTemplateConfigs.1.Overrides.1.InstanceType", "c6i.xlarge"),
                ],
            ),
            invalid,
        ),
        (specified("1", &[("AllocationStrategy", "lowest-price")]), "InvalidParameterValue"),
        (specified("1", &[("ExcessCapacityTerminationPolicy", "termination")]), "InvalidParameterValue"),
        (specified("1", &[("TagSpecification.1.ResourceType", "instance")]), "InvalidParameterValue"),
        (specified("10001", &[]), "TargetCapacityLimitExceededException"),
    ] {
        let answer = request(&emulator, &own);
        assert_eq!(answer.code(), wanted, "{own:?}: {}", answer.body);
    }
    for (action, name) in [
        ("DescribeSpotFleetRequests", "SpotFleetRequestId.1"),
        ("DescribeSpotFleetInstances", "SpotFleetRequestId"),
        ("ModifySpotFleetRequest", "SpotFleetRequestId"),
    ] {
        let unknown = ask(&emulator, action, &[(name, "sfr-00000000-0000-0000-0000-000000000000")]);
        assert_eq!(unknown.code(), "InvalidSpotFleetRequestId.NotFound");
        assert_eq!(ask(&emulator, action, &[(name, "sfr-1")]).code(), "InvalidSpotFleetRequestId.Malformed");
    }
}

#[test]
fn a_request_is_modified_without_ending_hosts_or_ends_some() {
    let emulator = frozen();
    let id = filled(&emulator, &specified("3", &[]));
    let modify = |total: &str, policy: &str| {
        let parameters = [
            ("SpotFleetRequestId", id.as_str()),
            ("TargetCapacity", total),
            ("ExcessCapacityTerminationPolicy", policy),
        ];
        ask(&emulator, "ModifySpotFleetRequest", &parameters)
    };
    assert_eq!(modify("2", "noTermination").one("return"), "true");
    assert_eq!(described(&emulator, &id).one("spotFleetRequestState"), "modifying");
    assert_eq!(modify("1", "noTermination").code(), "FleetNotInModifiableState");
    emulator.clock_advance(SECOND);
    assert_eq!((described(&emulator, &id).one("targetCapacity"), members(&emulator, &id).len()), ("2", 3));
    ask_about(&emulator, "TerminateInstances", &members(&emulator, &id)[..1]);
    emulator.clock_advance(Duration::from_mins(5));
    assert_eq!((members(&emulator, &id).len(), emulator.truth().len()), (2, 3));
    modify("1", "default");
    emulator.clock_advance(SECOND);
    assert_eq!(members(&emulator, &id).len(), 1);
    assert_eq!(emulator.truth().ended_by_fleets().instances[0].end.as_ref().unwrap().by, Actor::Fleet(id.clone()));
    let once = filled(&emulator, &specified("1", &[("Type", "request")]));
    let refused = ask(&emulator, "ModifySpotFleetRequest", &[("SpotFleetRequestId", &once), ("TargetCapacity", "2")]);
    assert_eq!(refused.code(), "FleetNotInModifiableState");
}

#[test]
fn a_cancel_must_say_whether_hosts_end_and_each_request_is_answered_for() {
    let emulator = frozen();
    let (with, without) = (filled(&emulator, &specified("2", &[])), filled(&emulator, &specified("2", &[])));
    let cancel = |id: &str, terminate: &str| {
        ask(&emulator, "CancelSpotFleetRequests", &[("SpotFleetRequestId.1", id), ("TerminateInstances", terminate)])
    };
    let silent = ask(&emulator, "CancelSpotFleetRequests", &[("SpotFleetRequestId.1", &with)]);
    assert_eq!(silent.code(), "MissingParameter");
    let done = cancel(&with, "true");
    assert_eq!(done.one("currentSpotFleetRequestState"), "cancelled_terminating");
    assert_eq!((done.one("previousSpotFleetRequestState"), done.one("spotFleetRequestId")), ("active", with.as_str()));
    assert_eq!(cancel(&without, "false").one("currentSpotFleetRequestState"), "cancelled_running");
    assert_eq!(emulator.truth().live().len(), 2);
    assert_eq!(emulator.truth().ended_by_calls().len(), 2);
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(described(&emulator, &with).one("spotFleetRequestState"), "cancelled");
    assert_eq!(cancel(&with, "true").one("code"), "fleetRequestNotInCancellableState");
    assert_eq!(cancel("sfr-1", "true").one("code"), "fleetRequestIdMalformed");
    let unknown = "sfr-00000000-0000-0000-0000-000000000000";
    assert_eq!(cancel(unknown, "true").one("code"), "fleetRequestIdDoesNotExist");
    emulator.kill_by_hand(&members(&emulator, &without)[0]).unwrap();
    emulator.clock_advance(Duration::from_hours(1));
    assert_eq!((emulator.truth().len(), members(&emulator, &without).len()), (4, 1), "nothing is replaced");
    emulator.clock_advance(Duration::from_hours(48));
    assert_eq!(ask(&emulator, "DescribeSpotFleetRequests", &[]).all("spotFleetRequestId"), [without.as_str()]);
}

#[test]
fn the_history_tells_of_hosts_and_of_prices_that_are_too_low() {
    let emulator = frozen();
    emulator.edit(hostfactory_emulator::Edit::SpotPrice { price: 0.05 }).unwrap();
    let id = filled(&emulator, &specified("1", &[("SpotPrice", "0.04")]));
    let history = |kind: &str| {
        let parameters =
            [("SpotFleetRequestId", id.as_str()), ("StartTime", "2020-01-01T00:00:00Z"), ("EventType", kind)];
        let answer = ask(&emulator, "DescribeSpotFleetRequestHistory", &parameters);
        answer.all("eventSubType").join(" ")
    };
    assert_eq!(history("information"), "launchSpecUnusable");
    assert_eq!(history("fleetRequestChange"), "submitted active");
    emulator.edit(hostfactory_emulator::Edit::SpotPrice { price: 0.03 }).unwrap();
    emulator.clock_advance(Duration::from_mins(1));
    assert_eq!(history("instanceChange"), "launched");
    ask(&emulator, "CancelSpotFleetRequests", &[("SpotFleetRequestId.1", &id), ("TerminateInstances", "true")]);
    assert_eq!(history("fleetRequestChange"), "submitted active cancelled_terminating");
}
