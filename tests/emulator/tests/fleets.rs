//! Instant fleets, and what every `CreateFleet` may say: sections 1, 4.1 to 4.4 and 5.1 of the notes on AWS.

use hostfactory_emulator::{Edit, Emulator, Fault, IMAGES, LAUNCH_TEMPLATE, Market, SUBNETS};

use crate::client::{Answer, ask, filtered, frozen};
use crate::templates;

/// Asks for a fleet, with further parameters over the usual ones.
pub(crate) fn fleet(emulator: &Emulator, kind: &str, total: u32, more: &[(&str, &str)]) -> Answer {
    let total = total.to_string();
    let mut parameters = vec![
        ("Type", kind),
        ("TargetCapacitySpecification.TotalTargetCapacity", total.as_str()),
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", LAUNCH_TEMPLATE),
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version", "1"),
        ("LaunchTemplateConfigs.1.Overrides.1.InstanceType", "m6i.large"),
        ("LaunchTemplateConfigs.1.Overrides.1.SubnetId", SUBNETS[0]),
        ("LaunchTemplateConfigs.1.Overrides.2.InstanceType", "c6i.xlarge"),
        ("LaunchTemplateConfigs.1.Overrides.2.SubnetId", SUBNETS[1]),
    ];
    for (name, value) in more {
        parameters.retain(|(other, _)| other != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    ask(emulator, "CreateFleet", &parameters)
}

/// Returns the ids in the `instanceIds` of an answer.
pub(crate) fn ids(answer: &Answer) -> Vec<String> {
    let items = |list: &str| list.split("</item>").map(|item| item.replace("<item>", "")).collect::<Vec<_>>();
    answer.all("instanceIds").into_iter().flat_map(items).filter(|id| !id.is_empty()).collect()
}

const SPOT: (&str, &str) = ("TargetCapacitySpecification.DefaultTargetCapacityType", "spot");
const SECOND_TYPE: &str = "LaunchTemplateConfigs.1.Overrides.2.InstanceType";
const FIRST_WEIGHT: (&str, &str) = ("LaunchTemplateConfigs.1.Overrides.1.WeightedCapacity", "3");
const SECOND_WEIGHT: (&str, &str) = ("LaunchTemplateConfigs.1.Overrides.2.WeightedCapacity", "5");

#[test]
fn an_instant_fleet_answers_with_its_hosts_by_override_and_market() {
    let emulator = frozen();
    let answer = fleet(&emulator, "instant", 3, &[SPOT, ("TargetCapacitySpecification.OnDemandTargetCapacity", "1")]);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(answer.one("fleetId").starts_with("fleet-") && answer.one("fleetId").len() == 42);
    assert_eq!(answer.all("lifecycle"), ["on-demand", "spot"]);
    assert_eq!(answer.all("instanceIds").len(), 2);
    let overrides =
        format!("<overrides><instanceType>m6i.large</instanceType><subnetId>{}</subnetId></overrides>", SUBNETS[0]);
    let template = format!("<launchTemplateId>{LAUNCH_TEMPLATE}</launchTemplateId><version>1</version>");
    assert!(answer.body.contains(&overrides) && answer.body.contains(&template), "{}", answer.body);
    assert!(answer.body.contains("<errorSet></errorSet>"));
    let truth = emulator.truth();
    assert_eq!(truth.of_fleet(answer.one("fleetId")).ids(), ids(&answer));
    let launch = &truth.instances[1].launch;
    assert_eq!(
        (launch.market, launch.call, launch.tags["aws:ec2:fleet-id"].as_str()),
        (Market::Spot, 1, answer.one("fleetId"))
    );
    assert_eq!(filtered(&emulator, "tag:aws:ec2:fleet-id", answer.one("fleetId")).all("instanceId").len(), 3);
    let requests = ask(&emulator, "DescribeSpotInstanceRequests", &[("MaxResults", "100")]);
    assert_eq!(requests.all("instanceId").len(), 2, "spot hosts have requests of their own");
}

#[test]
fn the_same_token_gives_the_same_fleet_and_other_parameters_are_a_mismatch() {
    let emulator = frozen();
    let token = ("ClientToken", "t");
    let first = fleet(&emulator, "instant", 2, &[token]);
    let again = fleet(&emulator, "instant", 2, &[token]);
    assert_eq!((first.one("fleetId"), ids(&first)), (again.one("fleetId"), ids(&again)));
    assert_eq!(fleet(&emulator, "instant", 3, &[token]).code(), "IdempotentParameterMismatch");
    emulator.edit(Edit::BareReplays { on: true }).unwrap();
    let bare = fleet(&emulator, "instant", 2, &[token]);
    assert_eq!((bare.one("fleetId"), ids(&bare).len()), (first.one("fleetId"), 0));
    let long = "x".repeat(65);
    assert_eq!(fleet(&emulator, "instant", 2, &[("ClientToken", &long)]).code(), "InvalidClientToken");
    assert_eq!(emulator.truth().len(), 2);
}

#[test]
fn a_latest_version_that_moved_is_a_mismatch() {
    let emulator = frozen();
    let more = [("ClientToken", "t"), ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version", "$Latest")];
    let first = fleet(&emulator, "instant", 1, &more);
    assert_eq!(fleet(&emulator, "instant", 1, &more).one("fleetId"), first.one("fleetId"));
    let id = LAUNCH_TEMPLATE.to_owned();
    emulator.edit(Edit::LaunchTemplate { id, data: [("ImageId".to_owned(), IMAGES[1].to_owned())].into() }).unwrap();
    assert_eq!(fleet(&emulator, "instant", 1, &more).code(), "IdempotentParameterMismatch");
}

#[test]
fn each_override_that_fails_has_an_entry_and_the_next_one_gives_the_rest() {
    let emulator = frozen();
    emulator.pool("m6i.large", "us-east-1a", None, 2);
    let answer = fleet(&emulator, "instant", 5, &[]);
    assert_eq!((answer.status, ids(&answer).len()), (200, 5));
    assert_eq!(answer.all("errorCode"), ["InsufficientInstanceCapacity"]);
    assert_eq!(answer.all("lifecycle"), ["on-demand"; 3]);
    emulator.pool("*", "*", None, 0);
    let none = fleet(&emulator, "instant", 5, &[SPOT]);
    assert_eq!((none.status, ids(&none).len()), (200, 0), "no host and only errors is a success");
    assert_eq!(none.all("errorCode"), ["InsufficientInstanceCapacity"; 2]);
    assert!(none.body.contains("<fleetInstanceSet></fleetInstanceSet>"));
}

#[test]
fn what_a_launch_would_be_refused_for_is_among_the_errors() {
    let emulator = frozen();
    let first = "LaunchTemplateConfigs.1.Overrides.1.ImageId";
    let image = fleet(&emulator, "instant", 1, &[(first, "ami-00000000000000000")]);
    assert_eq!((image.all("errorCode"), ids(&image).len()), (vec!["InvalidAMIID.NotFound"], 1));
    let kind = fleet(&emulator, "instant", 1, &[(SECOND_TYPE, "m99.huge")]);
    assert_eq!(kind.all("errorCode"), ["InvalidFleetConfiguration"], "an unknown type is not offered in the zone");
    emulator.subnet_free(SUBNETS[0], 0).unwrap();
    emulator.quota(Market::OnDemand, "standard", 12);
    let room = fleet(&emulator, "instant", 9, &[]);
    assert_eq!(room.all("errorCode"), ["InsufficientFreeAddressesInSubnet", "VcpuLimitExceeded"], "{}", room.body);
    emulator.edit(Edit::SpotPrice { price: 0.05 }).unwrap();
    let low = [SPOT, ("LaunchTemplateConfigs.1.Overrides.2.MaxPrice", "0.04")];
    assert_eq!(
        fleet(&emulator, "instant", 1, &low).all("errorCode"),
        ["SpotMaxPriceTooLow", "InsufficientFreeAddressesInSubnet"]
    );
    emulator.unauthorized("RunInstances", true);
    assert_eq!(fleet(&emulator, "instant", 1, &[]).all("errorCode"), ["UnauthorizedOperation"; 2]);
}

#[test]
fn errors_can_be_given_and_throttling_is_one_of_them() {
    let emulator = frozen();
    emulator.fleet_errors(&[("RequestLimitExceeded", 90)], 10);
    let answer = fleet(&emulator, "instant", 100, &[]);
    assert_eq!((answer.status, ids(&answer).len(), answer.all("errorCode").len()), (200, 10, 90));
    assert!(answer.all("errorCode").iter().all(|code| *code == "RequestLimitExceeded"));
    assert_eq!(ids(&fleet(&emulator, "instant", 100, &[])).len(), 100, "once");
}

#[test]
fn weights_are_rounded_up_and_pass_the_target_by_less_than_one_host() {
    let emulator = frozen();
    let weights = [FIRST_WEIGHT, SECOND_WEIGHT];
    let answer = fleet(&emulator, "instant", 7, &weights);
    assert_eq!(ids(&answer).len(), 2, "two of 5, which are cheaper by the unit");
    assert_eq!(answer.one("instanceType"), "c6i.xlarge");
    let id = answer.one("fleetId").to_owned();
    let seen = ask(&emulator, "DescribeFleets", &[("FleetId.1", &id)]);
    assert_eq!((seen.one("fulfilledCapacity"), seen.one("totalTargetCapacity")), ("10", "7"));
    emulator.pool("c6i.xlarge", "*", None, 1);
    assert_eq!(ids(&fleet(&emulator, "instant", 7, &weights)).len(), 2, "one of 5 and one of 3");
    let parts = [weights[0], weights[1], SPOT, ("TargetCapacitySpecification.OnDemandTargetCapacity", "1")];
    let both = fleet(&emulator, "instant", 3, &parts);
    assert_eq!(ids(&both).len(), 1, "what one market overshoots, the other does not launch too");
}

#[test]
fn strategies_choose_among_the_overrides() {
    let emulator = frozen();
    let types = |more: &[(&str, &str)]| -> Vec<String> {
        let answer = fleet(&emulator, "instant", 4, more);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let truth = emulator.truth();
        let mut all: Vec<String> = truth
            .of_fleet(answer.one("fleetId"))
            .instances
            .iter()
            .map(|host| host.launch.instance_type.clone())
            .collect();
        all.dedup();
        all
    };
    let prioritized = [
        ("OnDemandOptions.AllocationStrategy", "prioritized"),
        ("LaunchTemplateConfigs.1.Overrides.2.Priority", "0"),
        ("LaunchTemplateConfigs.1.Overrides.1.Priority", "1"),
    ];
    assert_eq!(types(&[]), ["m6i.large"], "the cheapest");
    assert_eq!(types(&prioritized), ["c6i.xlarge"]);
    let strategy = |name| [SPOT, ("SpotOptions.AllocationStrategy", name)];
    assert_eq!(types(&strategy("diversified")), ["m6i.large", "c6i.xlarge"]);
    emulator.pool("m6i.large", "us-east-1a", Market::Spot, 100);
    assert_eq!(types(&strategy("capacity-optimized")), ["c6i.xlarge"]);
    assert_eq!(types(&strategy("price-capacity-optimized")), ["m6i.large"]);
    emulator.pool("m6i.large", "us-east-1a", Market::Spot, 1);
    assert_eq!(types(&strategy("price-capacity-optimized")), ["c6i.xlarge"]);
}

#[test]
fn a_least_number_is_met_or_nothing_is_launched() {
    let emulator = frozen();
    let least = [("OnDemandOptions.MinTargetCapacity", "4"), ("OnDemandOptions.SingleInstanceType", "true")];
    emulator.pool("*", "*", None, 3);
    let none = fleet(&emulator, "instant", 5, &least);
    assert_eq!((none.status, ids(&none).len()), (200, 0));
    assert_eq!(none.all("errorCode"), ["InsufficientInstanceCapacity", "UnfulfillableCapacity"]);
    assert!(emulator.truth().is_empty());
    emulator.pool("*", "*", None, 4);
    assert_eq!(ids(&fleet(&emulator, "instant", 5, &least)).len(), 4);
}

#[test]
fn instances_are_tagged_in_the_call_of_an_instant_fleet_and_of_no_other() {
    let emulator = frozen();
    templates::create(&emulator, "tagged", &[]);
    let tags = [
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", ""),
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateName", "tagged"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "of"),
        ("TagSpecification.1.Tag.1.Value", "call"),
        ("TagSpecification.2.ResourceType", "fleet"),
        ("TagSpecification.2.Tag.1.Key", "owner"),
        ("TagSpecification.2.Tag.1.Value", "me"),
    ];
    let answer = fleet(&emulator, "instant", 1, &tags);
    let launch = emulator.truth().instances[0].launch.clone();
    assert_eq!((launch.tags["of"].as_str(), launch.tags["from"].as_str()), ("call", "template"));
    assert_eq!(launch.tags["aws:ec2launchtemplate:version"], "1");
    assert!(!launch.tags.contains_key("owner"));
    let seen = ask(&emulator, "DescribeFleets", &[("FleetId.1", answer.one("fleetId"))]);
    assert!(seen.body.contains("<key>owner</key><value>me</value>"), "{}", seen.body);
    for kind in ["request", "maintain"] {
        assert_eq!(fleet(&emulator, kind, 1, &tags).code(), "InvalidParameterValue");
    }
}

#[test]
fn an_instant_fleet_is_described_only_by_its_id_and_is_fulfilled_whatever_it_got() {
    let emulator = frozen();
    emulator.pool("*", "*", None, 1);
    let answer = fleet(&emulator, "instant", 2, &[("ClientToken", "t")]);
    let id = answer.one("fleetId");
    assert!(ask(&emulator, "DescribeFleets", &[]).all("fleetId").is_empty());
    let seen = ask(&emulator, "DescribeFleets", &[("FleetId.1", id)]);
    for (name, wanted) in [
        ("fleetId", id),
        ("fleetState", "active"),
        ("activityStatus", "fulfilled"),
        ("type", "instant"),
        ("clientToken", "t"),
        ("fulfilledCapacity", "1"),
        ("totalTargetCapacity", "2"),
        ("onDemandTargetCapacity", "2"),
        ("errorCode", "InsufficientInstanceCapacity"),
    ] {
        assert_eq!(seen.one(name), wanted, "{name}");
    }
    assert_eq!(ids(&seen), ids(&answer));
    assert_eq!(ask(&emulator, "DescribeFleetInstances", &[("FleetId", id)]).code(), "UnsupportedOperation");
    let other = "fleet-00000000-0000-0000-0000-000000000000";
    assert_eq!(ask(&emulator, "DescribeFleets", &[("FleetId.1", other)]).code(), "InvalidFleetId.NotFound");
    assert_eq!(ask(&emulator, "DescribeFleets", &[("FleetId.1", "fleet-1")]).code(), "InvalidFleetId.Malformed");
}

#[test]
fn types_are_found_by_their_attributes() {
    let emulator = frozen();
    let prefix = "LaunchTemplateConfigs.1.Overrides.1";
    let names = ["InstanceType", "InstanceRequirements.VCpuCount.Min", "InstanceRequirements.MemoryMiB.Min"];
    let [kind, vcpus, memory] = names.map(|name| format!("{prefix}.{name}"));
    let allowed = format!("{prefix}.InstanceRequirements.AllowedInstanceType.1");
    let unit = "TargetCapacitySpecification.TargetCapacityUnitType";
    let mut more = vec![
        (kind.as_str(), ""),
        (vcpus.as_str(), "4"),
        (memory.as_str(), "8192"),
        (allowed.as_str(), "m6*"),
        (unit, "vcpu"),
    ];
    more.extend([(SECOND_TYPE, ""), ("LaunchTemplateConfigs.1.Overrides.2.SubnetId", "")]);
    let answer = fleet(&emulator, "instant", 6, &more);
    assert_eq!((answer.one("instanceType"), ids(&answer).len()), ("m6i.xlarge", 2), "{}", answer.body);
    assert!(answer.body.contains("<allowedInstanceTypeSet><item>m6*</item>"), "{}", answer.body);
    more[0].1 = "m5.large";
    assert_eq!(fleet(&emulator, "instant", 6, &more).code(), "InvalidFleetConfig", "a type or its attributes");
    assert_eq!(fleet(&emulator, "instant", 6, &[(unit, "vcpu")]).code(), "InvalidFleetConfig", "attributes only");
}

#[test]
fn a_configuration_that_makes_no_sense_is_refused() {
    let emulator = frozen();
    let first = |name: &str| format!("LaunchTemplateConfigs.1.Overrides.1.{name}");
    let template = |name: &str| format!("LaunchTemplateConfigs.1.LaunchTemplateSpecification.{name}");
    let both = format!("{},{}", SUBNETS[0], SUBNETS[1]);
    let target = |name: &str| format!("TargetCapacitySpecification.{name}");
    for (kind, name, value, wanted) in [
        ("instant", first("SubnetId"), both.as_str(), "InvalidFleetConfig"),
        ("maintain", first("ImageId"), IMAGES[0], "InvalidFleetConfig"),
        ("request", first("KeyName"), "grid", "InvalidFleetConfig"),
        ("instant", first("MaxPrice"), "0.001", "InvalidParameterValue"),
        ("instant", first("WeightedCapacity"), "0", "InvalidParameterValue"),
        ("instant", first("Priority"), "-1", "InvalidParameterValue"),
        ("instant", "LaunchTemplateConfigs.1.Overrides.3.InstanceType".to_owned(), "m6i.large", ""),
        ("instant", template("Version"), "", "MissingParameter"),
        ("instant", template("Version"), "9", "InvalidLaunchTemplateId.VersionNotFound"),
        ("instant", template("LaunchTemplateId"), "lt-00000000000000000", "InvalidLaunchTemplateId.NotFound"),
        ("instant", target("TotalTargetCapacity"), "", "MissingParameter"),
        ("instant", target("TotalTargetCapacity"), "0", "InvalidFleetConfig"),
        ("maintain", target("TotalTargetCapacity"), "10001", "TargetCapacityLimitExceededException"),
        ("instant", target("OnDemandTargetCapacity"), "2", "InvalidFleetConfig"),
        ("instant", target("DefaultTargetCapacityType"), "flea", "InvalidParameterValue"),
        ("flying", "Type".to_owned(), "flying", "InvalidParameterValue"),
        ("instant", "SpotOptions.AllocationStrategy".to_owned(), "lowestPrice", "InvalidParameterValue"),
        ("instant", "SpotOptions.MinTargetCapacity".to_owned(), "1", "InvalidFleetConfig"),
        ("maintain", "SpotOptions.SingleInstanceType".to_owned(), "true", "InvalidFleetConfig"),
        ("instant", "ReplaceUnhealthyInstances".to_owned(), "true", "InvalidFleetConfig"),
        ("maintain", "ExcessCapacityTerminationPolicy".to_owned(), "default", "InvalidParameterValue"),
        ("maintain", "ValidUntil".to_owned(), "2020-01-01T00:00:00Z", "InvalidParameterValue"),
        ("maintain", "ValidUntil".to_owned(), "soon", "InvalidParameterValue"),
        ("instant", "DryRun".to_owned(), "true", "DryRunOperation"),
    ] {
        let answer = fleet(&emulator, kind, 1, &[(&name, value)]);
        assert_eq!(answer.code(), wanted, "{kind} {name}={value}: {}", answer.body);
    }
    let same = [(SECOND_TYPE, "m6i.large"), ("LaunchTemplateConfigs.1.Overrides.2.SubnetId", SUBNETS[0])];
    let twice = fleet(&emulator, "instant", 1, &same);
    assert_eq!(
        twice.refusal(),
        (400, "InvalidFleetConfig", "The fleet configuration contains duplicate instance pools.")
    );
}

#[test]
fn a_fault_can_be_for_fleets_that_name_a_zone_or_a_type() {
    let emulator = frozen();
    emulator.fault(Fault::e500().on("CreateFleet").zone("us-east-1c"));
    assert_eq!(fleet(&emulator, "instant", 1, &[]).status, 200);
    emulator.clear_faults();
    emulator.fault(Fault::e500().on("CreateFleet").instance_type("c6i.xlarge").zone("us-east-1b"));
    assert_eq!(fleet(&emulator, "instant", 1, &[]).code(), "InternalError");
}

#[test]
fn fleets_have_the_buckets_of_changes() {
    let emulator = frozen();
    emulator.edit(Edit::Throttling { on: true }).unwrap();
    let dry = [("DryRun", "true")];
    assert!((0..50).all(|_| fleet(&emulator, "instant", 1, &dry).code() == "DryRunOperation"));
    assert_eq!(fleet(&emulator, "instant", 1, &dry).code(), "RequestLimitExceeded");
    emulator.clock_advance(std::time::Duration::from_secs(1));
    assert!((0..5).all(|_| fleet(&emulator, "instant", 1, &dry).code() == "DryRunOperation"));
    assert_eq!(fleet(&emulator, "instant", 1, &dry).code(), "RequestLimitExceeded");
}
