//! LSF's fleet file.

use super::field_tests::{FLEET_FILE, fleet, outcome, reading_beside, types};
use super::fleet_tests::{Members, NONE};
use super::*;
use crate::domain::template::{
    AllocationStrategy, LaunchTemplate, OnDemandShare, PriceType, ProviderApi, ProviderKind, Template,
};

const NAMED: (&str, &str) = ("ec2FleetConfig", "\"fleet.json\"");

fn read(fleet_file: &str, members: Members<'_>) -> Result<(Template, String), String> {
    let members = [&[NAMED], members].concat();
    outcome(reading_beside(fleet_file, ProviderKind::Aws, Dialect::Awsprov, &members))
}

fn taken(fleet_file: &str, members: Members<'_>) -> (Template, String) {
    read(fleet_file, members).unwrap_or_else(|reason| panic!("{fleet_file}\n{members:?}: {reason}"))
}

/// A fleet file of one type with this in place of what it says otherwise.
fn with(member: &str) -> String {
    let all = [
        ("Type", r#""Type": "instant""#),
        ("LaunchTemplateConfigs", r#""LaunchTemplateConfigs": [{"Overrides": [{"InstanceType": "c5.large"}]}]"#),
        ("TargetCapacitySpecification", r#""TargetCapacitySpecification": {"TotalTargetCapacity": 10}"#),
    ];
    let kept =
        all.into_iter().filter(|(name, _)| !member.to_lowercase().contains(&format!("\"{}\"", name.to_lowercase())));
    format!("{{{}, {member}}}", kept.map(|(_, text)| text).collect::<Vec<_>>().join(", "))
}

fn overrides(all: &str) -> String {
    with(&format!("\"LaunchTemplateConfigs\": [{{\"Overrides\": [{all}]}}]"))
}

fn target(all: &str) -> String {
    with(&format!("\"TargetCapacitySpecification\": {{{all}}}"))
}

#[test]
fn lsfs_own_sample_says_what_is_launched() {
    let (template, notes) = taken(FLEET_FILE, &[NONE, ("subnetId", "")]);
    let (launch, fleet) = (template.launch(), fleet(&template));
    assert_eq!((template.api(), template.price_type()), (ProviderApi::Ec2FleetInstant, PriceType::Spot));
    assert_eq!(types(&template), ["c5.xlarge", "c5.2xlarge"]);
    assert_eq!(launch.instance_types.iter().map(|one| one.weight).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(launch.subnets, ["subnet-a", "subnet-b"]);
    assert_eq!(launch.launch_template, Some(LaunchTemplate { id: "lt-0a".to_owned(), version: Some("1".to_owned()) }));
    assert_eq!((fleet.priorities["c5.xlarge"], fleet.priorities["c5.2xlarge"]), (2, 4));
    assert_eq!(fleet.spot_strategy, Some(AllocationStrategy::PriceCapacityOptimized));
    assert_eq!(fleet.on_demand_strategy, Some(AllocationStrategy::LowestPrice));
    assert_eq!((fleet.on_demand_share, fleet.pools_count), (OnDemandShare::None, None));
    assert!(notes.contains("each type is asked for in each of them"), "{notes}");
    let (template, _) = taken(FLEET_FILE, &[("onDemandTargetCapacityRatio", "0.4")]);
    assert_eq!(template.launch().fleet.on_demand_share, OnDemandShare::Percent(40));
    let (template, notes) = taken(FLEET_FILE, &[("launchTemplateId", "\"lt-1\"")]);
    assert_eq!(template.launch().launch_template.as_ref().unwrap().id, "lt-0a");
    for field in ["vmType", "subnetId", "launchTemplateId"] {
        assert!(notes.contains(&format!("{field} has no effect: ec2FleetConfig goes before it")), "{notes}");
    }
}

#[test]
fn what_the_file_leaves_open_comes_from_the_template() {
    let (template, notes) = taken(r#"{"TYPE": "Instant", "_comment": "x"}"#, &[]);
    assert_eq!((types(&template), template.api()), (vec!["m6i.large"], ProviderApi::Ec2FleetInstant));
    assert_eq!((template.price_type(), notes.as_str()), (PriceType::OnDemand, ""));
    let file = with(
        r#""TYPE": "request", "launchtemplateconfigs": [{"overrides": [{"instancetype": "c5.large",
        "maxprice": 0.5, "subnetid": "subnet-a, subnet-b"}]}], "spotoptions": {"allocationstrategy": "lowestPrice",
        "instancepoolstousecount": "2"}, "context": "x", "TerminateInstancesWithExpiration": false"#,
    );
    let (template, notes) = taken(&file, &[("priceType", "\"spot\"")]);
    assert_eq!((template.api(), notes.contains("vmType has no effect")), (ProviderApi::Ec2FleetRequest, true));
    assert_eq!(template.launch().max_spot_price.as_deref(), Some("0.5"));
    assert_eq!(template.launch().subnets, ["subnet-a", "subnet-b"]);
    assert_eq!((fleet(&template).pools_count, fleet(&template).context.as_deref()), (Some(2), Some("x")));
    // The template's own words go first.
    let own: Members<'_> = &[
        ("priceType", "\"spot\""),
        ("fleetType", "\"maintain\""),
        ("maxSpotPrice", "0.2"),
        ("context", "\"y\""),
        ("vmTypesPriority", r#"{"c5.large": 7}"#),
        ("poolsCount", "3"),
    ];
    let (template, notes) = taken(&file, own);
    assert_eq!(template.api(), ProviderApi::Ec2FleetMaintain);
    assert_eq!(template.launch().max_spot_price.as_deref(), Some("0.2"));
    assert_eq!((fleet(&template).pools_count, fleet(&template).context.as_deref()), (Some(3), Some("y")));
    assert_eq!(fleet(&template).priorities["c5.large"], 7);
    assert!(notes.contains("fleetType maintain goes before the Type request of ec2FleetConfig"), "{notes}");
    assert!(notes.contains("context goes before what ec2FleetConfig says"), "{notes}");
    // A type that comes with several subnets has the best of its priorities.
    let (template, notes) = taken(
        &overrides(
            r#"{"InstanceType": "c5.large", "SubnetId": "subnet-a", "Priority": 3},
               {"InstanceType": "c5.large", "SubnetId": "subnet-b", "Priority": "1.0"}"#,
        ),
        &[NONE],
    );
    assert_eq!((types(&template), fleet(&template).priorities["c5.large"]), (vec!["c5.large"], 1));
    assert!(!notes.contains("each type"), "{notes}");
}

#[test]
fn of_numbers_that_are_written_out_the_proportion_counts() {
    let spot = r#""DefaultTargetCapacityType": "spot""#;
    for (all, price, share) in [
        (r#""TotalTargetCapacity": 10"#, PriceType::OnDemand, OnDemandShare::None),
        (spot, PriceType::Spot, OnDemandShare::None),
        (r#""DefaultTargetCapacityType": "on-demand""#, PriceType::OnDemand, OnDemandShare::None),
        (r#""TotalTargetCapacity": 10, "OnDemandTargetCapacity": 3"#, PriceType::Spot, OnDemandShare::Percent(30)),
        (r#""OnDemandTargetCapacity": 1, "SpotTargetCapacity": "3""#, PriceType::Spot, OnDemandShare::Percent(25)),
        (r#""TotalTargetCapacity": $LSF_TOTAL_TARGET_CAPACITY"#, PriceType::OnDemand, OnDemandShare::None),
        (
            r#""TotalTargetCapacity": "$LSF_TOTAL_TARGET_CAPACITY", "OnDemandTargetCapacity": 0"#,
            PriceType::OnDemand,
            OnDemandShare::None,
        ),
    ] {
        let (template, _) = taken(&target(all), &[]);
        assert_eq!((template.price_type(), fleet(&template).on_demand_share), (price, share), "{all}");
    }
    // The template's own price and share go first.
    let third = target(r#""TotalTargetCapacity": 10, "OnDemandTargetCapacity": 3"#);
    let (template, _) = taken(&third, &[("priceType", "\"ondemand\"")]);
    assert_eq!((template.price_type(), fleet(&template).on_demand_share), (PriceType::OnDemand, OnDemandShare::None));
    let (template, _) = taken(&third, &[("onDemandTargetCapacityRatio", "0.5")]);
    assert_eq!(fleet(&template).on_demand_share, OnDemandShare::Percent(50));
}

#[test]
fn what_has_no_field_here_is_refused_by_its_name() {
    let one = r#"{"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-1"}}"#;
    let other = r#"{"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-2"}}"#;
    for (file, words) in [
        ("{".to_owned(), ["fleet.json", "line 1"]),
        ("[]".to_owned(), ["a list", "not an object"]),
        ("{}".to_owned(), ["Type", "is missing"]),
        (with(r#""Type": "maintain""#), ["Type", "Instant or Request"]),
        (with(r#""type": 7"#), ["Type", "is 7"]),
        (r#"{"Type": "instant", "TYPE": "request"}"#.to_owned(), ["Type", "comes twice"]),
        (with(r#""ClientToken": "x""#), ["ClientToken", "not taken from a fleet file"]),
        (with(r#""TagSpecifications": [{"ResourceType": "instance"}]"#), ["TagSpecifications", "own fields"]),
        (with(r#""ReplaceUnhealthyInstances": true"#), ["ReplaceUnhealthyInstances", "takes false alone"]),
        (with(r#""SpotOptions": {"InstanceInterruptionBehavior": "stop"}"#), ["InterruptionBehavior", "terminate"]),
        (with(r#""SpotOptions": {"MaxTotalPrice": "1"}"#), ["SpotOptions.MaxTotalPrice", "not taken"]),
        (with(r#""SpotOptions": {"AllocationStrategy": "cheapest"}"#), ["SpotOptions.AllocationStrategy", "unknown"]),
        (with(r#""SpotOptions": {"InstancePoolsToUseCount": 0}"#), ["InstancePoolsToUseCount", "1 to 1000"]),
        (with(r#""OnDemandOptions": {"MinTargetCapacity": 1}"#), ["OnDemandOptions.MinTargetCapacity", "not taken"]),
        (with(r#""LaunchTemplateConfigs": {}"#), ["vmType", "is missing"]),
        (with(r#""LaunchTemplateConfigs": 7"#), ["LaunchTemplateConfigs", "not a list"]),
        (with(&format!("\"LaunchTemplateConfigs\": [{one}, {other}]")), ["Configs[1].Launch", "one launch template"]),
        (
            with(r#""LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {"LaunchTemplateName": "x"}}]"#),
            ["LaunchTemplateConfigs[0].LaunchTemplateSpecification.LaunchTemplateName", "not taken"],
        ),
        (
            with(r#""LaunchTemplateConfigs": [{"LaunchTemplateSpecification": {"Version": "1"}}]"#),
            ["LaunchTemplateSpecification.LaunchTemplateId", "lt-"],
        ),
        (
            with(&format!("\"LaunchTemplateConfigs\": [{}]", one.replace("\"lt-1\"", "\"lt-1\", \"Version\": \"$x\""))),
            ["LaunchTemplateSpecification.Version", "'$x'"],
        ),
        (overrides("7"), ["Overrides[0].", "not an object"]),
        (overrides(r#"{"InstanceType": "large"}"#), ["Overrides[0].InstanceType", "m6i.xlarge"]),
        (overrides(r#"{"InstanceRequirements": {"a": 1}}"#), ["Overrides[0].InstanceRequirements", "own fields"]),
        (overrides(r#"{"InstanceType": "a.b", "WeightedCapacity": 1.5}"#), ["[0].WeightedCapacity", "1 to 1000"]),
        (overrides(r#"{"InstanceType": "a.b", "Priority": -1}"#), ["Overrides[0].Priority", "whole number"]),
        (overrides(r#"{"InstanceType": "a.b", "MaxPrice": "free"}"#), ["Overrides[0].MaxPrice", "dollars"]),
        (overrides(r#"{"InstanceType": "a.b", "SubnetId": "vpc-1"}"#), ["Overrides[0].SubnetId", "vpc-1"]),
        (overrides(r#"{"InstanceType": "a.b", "MaxPrice": "1"}, {"InstanceType": "a.c"}"#), ["MaxPrice", "the same"]),
        (
            overrides(r#"{"InstanceType": "a.b"}, {"InstanceType": "a.b", "WeightedCapacity": 2}"#),
            ["Overrides[1].WeightedCapacity", "differs"],
        ),
        (target(r#""TargetCapacityUnitType": "vcpu""#), ["TargetCapacityUnitType", "not taken"]),
        (target(r#""TotalTargetCapacity": "many""#), ["TotalTargetCapacity", "whole number"]),
        (
            target(r#""DefaultTargetCapacityType": "capacity-block""#),
            ["DefaultTargetCapacityType", "spot or on-demand"],
        ),
        (
            target(r#""TotalTargetCapacity": $LSF_TOTAL_TARGET_CAPACITY, "OnDemandTargetCapacity": 2"#),
            ["OnDemandTargetCapacity", "percentOnDemand"],
        ),
    ] {
        let reason = match read(&file, &[NONE]) {
            Ok((template, _)) => panic!("{file} was taken: {template:?}"),
            Err(reason) => reason,
        };
        assert!(words.iter().all(|word| reason.contains(word)), "{file}: {reason}");
        assert!(reason.starts_with("ec2FleetConfig") || reason.starts_with("vmType"), "{reason}");
    }
    // Such a fleet could not tag its hosts through the operator's launch template.
    let reason = read(&FLEET_FILE.replace("instant", "request"), &[]).unwrap_err();
    assert!(reason.contains("launchTemplateId") && reason.contains("instant"), "{reason}");
    let file = FLEET_FILE.replace("instant", "request");
    assert_eq!(taken(&file, &[("fleetType", "\"instant\"")]).0.api(), ProviderApi::Ec2FleetInstant);
}

#[test]
fn placeholders_in_texts_stay_as_they_are() {
    let file = with(r#""Context": "a \" $LSF_TOTAL_TARGET_CAPACITY \\", "DryRun": "false""#);
    let (template, _) = taken(&file, &[]);
    assert_eq!(fleet(&template).context.as_deref(), Some("a \" $LSF_TOTAL_TARGET_CAPACITY \\"));
}
