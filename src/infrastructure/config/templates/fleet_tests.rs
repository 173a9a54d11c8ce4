//! Fleets and groups: which way a template takes, and what it is asked for.

use super::field_tests::{fleet, plain, read_all, reading, types};
use super::*;
use crate::domain::template::{AllocationStrategy, OnDemandShare, PriceType, ProviderApi, ProviderKind, Template};

pub(super) type Members<'a> = &'a [(&'a str, &'a str)];

pub(super) const NONE: (&str, &str) = ("vmType", "");
const SPOT: (&str, &str) = ("priceType", "\"spot\"");
const MIXED: (&str, &str) = ("priceType", "\"heterogeneous\"");
pub(super) const EC2: (&str, &str) = ("providerApi", "\"EC2Fleet\"");
pub(super) const RUN: (&str, &str) = ("providerApi", "\"RunInstances\"");
const GROUP: (&str, &str) = ("providerApi", "\"ASG\"");
const SPOT_FLEET: (&str, &str) = ("providerApi", "\"SpotFleet\"");
const ROLE: (&str, &str) = ("fleetRole", "\"a-role\"");
const EQUAL: (&str, &str) = ("vmTypes", r#"{"m6i.large": 1, "c6i.large": "1.0"}"#);
const WEIGHTS: (&str, &str) = ("vmTypes", r#"{"m6i.large": 1, "m6i.xlarge": 2}"#);
pub(super) const SMALL: &str = r#""VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 4096}"#;

pub(super) fn taken(members: Members<'_>) -> (Template, String) {
    read_all(members).unwrap_or_else(|reason| panic!("{members:?}: {reason}"))
}

pub(super) fn refusal(members: Members<'_>) -> String {
    match read_all(members) {
        Ok((template, notes)) => panic!("{members:?} was taken: {template:?} {notes}"),
        Err(reason) => reason,
    }
}

#[test]
fn a_way_that_is_named_is_taken_under_every_spelling() {
    for (api, kind, wanted) in [
        ("RunInstances", "", ProviderApi::RunInstances),
        ("run_instances", "maintain", ProviderApi::RunInstances),
        ("EC2Fleet", "", ProviderApi::Ec2FleetInstant),
        ("ec2_fleet", "Instant", ProviderApi::Ec2FleetInstant),
        ("ec2fleet", "REQUEST", ProviderApi::Ec2FleetRequest),
        ("EC2-Fleet", "maintain", ProviderApi::Ec2FleetMaintain),
        ("SpotFleet", "", ProviderApi::SpotFleetRequest),
        ("spot_fleet", "request", ProviderApi::SpotFleetRequest),
        ("SPOTFLEET", "maintain", ProviderApi::SpotFleetMaintain),
        ("ASG", "", ProviderApi::AutoScaling),
        ("asg", "request", ProviderApi::AutoScaling),
        ("AutoScalingGroup", "", ProviderApi::AutoScaling),
        ("auto_scaling_group", "", ProviderApi::AutoScaling),
    ] {
        let (api, kind) = (format!("\"{api}\""), format!("\"{kind}\""));
        let nested = format!("{{\"providerConfig\": {{\"fleet_type\": {kind}}}}}");
        for place in [("fleetType", &kind), ("metadata", &nested)] {
            let (template, notes) = taken(&[("providerApi", &api), (place.0, place.1), ROLE]);
            assert_eq!(template.api(), wanted, "{api} {kind}");
            let idle = matches!(wanted, ProviderApi::RunInstances | ProviderApi::AutoScaling) && kind != "\"\"";
            assert_eq!(notes.contains("fleetType has no effect"), idle, "{api} {kind}: {notes}");
        }
    }
    let reason = refusal(&[SPOT_FLEET, ROLE, ("fleetType", "\"instant\"")]);
    assert!(reason.contains("fleetType") && reason.contains("EC2Fleet"), "{reason}");
    let reason = refusal(&[("providerApi", "\"MicroVM\"")]);
    assert!(reason.contains("Lambda") && reason.contains("RunInstances"), "{reason}");
    assert!(refusal(&[("providerApi", "\"EC2Flete\"")]).contains("did you mean EC2Fleet?"));
    assert!(refusal(&[SPOT_FLEET]).contains("fleetRole"));
    let (template, notes) = taken(&[SPOT_FLEET, ROLE]);
    assert!(template.price_type() == PriceType::Spot && notes.contains("AWS advises against"), "{notes}");
    let (template, _) = taken(&[SPOT_FLEET, ROLE, ("priceType", "\"ondemand\"")]);
    assert_eq!(template.price_type(), PriceType::OnDemand);
}

#[test]
fn a_way_that_is_not_named_follows_from_what_the_template_asks_for() {
    let abis = format!("{{{SMALL}}}");
    let abis = ("abisInstanceRequirements", abis.as_str());
    let own = ("launchTemplateId", "\"lt-1\"");
    let kind = |word: &'static str| ("fleetType", word);
    for (members, wanted, note) in [
        (&[] as Members<'_>, ProviderApi::RunInstances, ""),
        (&[NONE, EQUAL], ProviderApi::RunInstances, ""),
        (&[NONE, ("vmTypes", r#"{"m6i.large": 4}"#)], ProviderApi::RunInstances, "its weights do not count"),
        (&[NONE, WEIGHTS], ProviderApi::Ec2FleetInstant, "types with weights"),
        // On demand `vmType` goes first.
        (&[WEIGHTS], ProviderApi::RunInstances, "vmTypes has no effect: vmType goes before it"),
        (&[NONE, abis], ProviderApi::Ec2FleetInstant, "types by attributes"),
        (&[ROLE], ProviderApi::RunInstances, "fleetRole has no effect"),
        (&[SPOT], ProviderApi::RunInstances, ""),
        (&[("spotPrice", "0.5")], ProviderApi::RunInstances, ""),
        (&[SPOT, NONE, ("vmTypes", r#"{"m6i.large": 4}"#)], ProviderApi::RunInstances, "its weights do not count"),
        (&[SPOT, NONE, EQUAL], ProviderApi::Ec2FleetInstant, "spot hosts of several types"),
        (&[SPOT, EQUAL], ProviderApi::Ec2FleetInstant, "vmType has no effect: vmTypes goes before it"),
        (&[SPOT, ("vmType", "\"m6i.large,c6i.large\"")], ProviderApi::Ec2FleetInstant, "spot hosts of several types"),
        (&[SPOT, NONE, WEIGHTS], ProviderApi::Ec2FleetInstant, "types with weights"),
        (&[SPOT, NONE, abis], ProviderApi::Ec2FleetInstant, "types by attributes"),
        (&[SPOT, ("percentOnDemand", "30")], ProviderApi::Ec2FleetInstant, "a mix of spot and on-demand"),
        (&[SPOT, ("percentOnDemand", "0")], ProviderApi::RunInstances, ""),
        (&[MIXED], ProviderApi::Ec2FleetInstant, "a mix of spot and on-demand"),
        (&[MIXED, ROLE], ProviderApi::SpotFleetRequest, "AWS advises against"),
        (&[SPOT, ROLE], ProviderApi::SpotFleetRequest, ""),
        (&[("spotPrice", "0.5"), ROLE, EQUAL], ProviderApi::SpotFleetRequest, ""),
        (&[SPOT, ROLE, kind("\"maintain\"")], ProviderApi::SpotFleetMaintain, ""),
        (&[SPOT, ROLE, EQUAL, kind("\"instant\"")], ProviderApi::Ec2FleetInstant, "fleetRole has no effect"),
        // A Spot Fleet cannot take the operator's launch template.
        (&[SPOT, ROLE, own], ProviderApi::RunInstances, "fleetRole has no effect"),
        (&[MIXED, ROLE, own], ProviderApi::Ec2FleetInstant, "fleetRole has no effect"),
        (&[kind("\"instant\"")], ProviderApi::RunInstances, "fleetType has no effect"),
        (&[kind("\"request\"")], ProviderApi::Ec2FleetRequest, "taken for an EC2Fleet"),
        (&[SPOT, kind("\"maintain\"")], ProviderApi::Ec2FleetMaintain, "taken for an EC2Fleet"),
    ] {
        let (template, notes) = taken(members);
        assert_eq!(template.api(), wanted, "{members:?}");
        assert!(notes.contains(note) && (!note.is_empty() || !notes.contains("without")), "{members:?}: {notes}");
    }
    for (kind, wanted, notes) in [
        ("", ProviderApi::Ec2FleetInstant, 1),
        ("\"request\"", ProviderApi::Ec2FleetRequest, 0),
        ("\"instant\"", ProviderApi::Ec2FleetInstant, 0),
    ] {
        let orb = reading(ProviderKind::Aws, Dialect::Orb, &[("fleetType", kind)]);
        assert_eq!((orb.entries[0].template.api(), orb.warnings.len()), (wanted, notes), "{kind}");
    }
    let orb = reading(ProviderKind::Aws, Dialect::Orb, &[RUN]);
    assert_eq!(orb.entries[0].template.api(), ProviderApi::RunInstances);
}

#[test]
fn weights_are_kept_where_units_are_asked_for_and_decimals_are_refused() {
    for way in [EC2, GROUP] {
        let (template, _) = taken(&[way, WEIGHTS]);
        let weights: Vec<_> = template.launch().instance_types.iter().map(|one| one.weight).collect();
        assert_eq!((types(&template), weights), (vec!["m6i.large", "m6i.xlarge"], vec![1, 2]));
    }
    let (template, notes) = taken(&[RUN, NONE, WEIGHTS]);
    assert!(template.launch().instance_types.iter().all(|one| one.weight == 1) && notes.contains("weights"), "{notes}");
    for weight in ["0", "1001", "1.5", "\"two\"", "null"] {
        for field in ["vmTypes", "vmTypesOnDemand"] {
            let value = format!("{{\"c6i.large\": {weight}}}");
            let reason = refusal(&[EC2, MIXED, (field, &value)]);
            assert!(reason.contains(&format!("{field}.c6i.large")) && reason.contains("1 to 1000"), "{reason}");
        }
    }
    let (template, _) = taken(&[EC2, NONE, ("vmTypes", r#"["m6i.large", "c6i.large"]"#)]);
    assert_eq!(types(&template), ["m6i.large", "c6i.large"]);
}

#[test]
fn the_on_demand_share_is_a_percentage_or_the_rest() {
    for (members, wanted) in [
        (&[SPOT] as Members<'_>, OnDemandShare::None),
        (&[SPOT, ("percentOnDemand", "\"30\"")], OnDemandShare::Percent(30)),
        (&[SPOT, ("percentOnDemand", "100")], OnDemandShare::Percent(100)),
        (&[SPOT, ("percent_on_demand", "0")], OnDemandShare::None),
        (&[SPOT, ("providerConfig", r#"{"percent_on_demand": 7}"#)], OnDemandShare::Percent(7)),
        (&[MIXED], OnDemandShare::Rest),
        (&[MIXED, ("percentOnDemand", "40")], OnDemandShare::Percent(40)),
        (&[MIXED, ("percentOnDemand", "0")], OnDemandShare::None),
        (&[SPOT, ("onDemandTargetCapacityRatio", "0.29")], OnDemandShare::Percent(29)),
        (&[SPOT, ("onDemandTargetCapacityRatio", "\"0.125\"")], OnDemandShare::Percent(13)),
        (&[SPOT, ("onDemandTargetCapacityRatio", "1")], OnDemandShare::Percent(100)),
        (&[SPOT, ("onDemandTargetCapacityRatio", "0.5"), ("percentOnDemand", "10")], OnDemandShare::Percent(10)),
    ] {
        for way in [EC2, GROUP] {
            let (template, _) = taken(&[members, &[way]].concat());
            assert_eq!(fleet(&template).on_demand_share, wanted, "{members:?}");
        }
    }
    let (template, _) = taken(&[RUN, MIXED]);
    assert_eq!(template.markets(), [PriceType::Spot, PriceType::OnDemand], "one call after the other");
    let (template, notes) = taken(&[MIXED, ("percentOnDemand", "0")]);
    assert!(template.price_type() == PriceType::Spot && notes.contains("no host is on demand"), "{notes}");
    for (members, words) in [
        (&[("percentOnDemand", "20")] as Members<'_>, ["percentOnDemand", "set priceType to spot"]),
        (&[EC2, ("percentOnDemand", "20")], ["percentOnDemand", "set priceType to spot"]),
        (&[("onDemandTargetCapacityRatio", "0.5")], ["onDemandTargetCapacityRatio", "set priceType to spot"]),
        (&[RUN, SPOT, ("percentOnDemand", "20")], ["percentOnDemand", "providerApi to EC2Fleet"]),
        (&[RUN, SPOT, ("onDemandTargetCapacityRatio", "0.5")], ["onDemandTargetCapacityRatio", "to EC2Fleet"]),
        (&[SPOT, ("percentOnDemand", "101")], ["percentOnDemand", "0 to 100"]),
        (&[SPOT, ("percentOnDemand", "12.5")], ["percentOnDemand", "0 to 100"]),
        (&[SPOT, ("onDemandTargetCapacityRatio", "1.5")], ["onDemandTargetCapacityRatio", "0 to 1"]),
        (&[SPOT, ("onDemandTargetCapacityRatio", "\"NaN\"")], ["onDemandTargetCapacityRatio", "0 to 1"]),
    ] {
        let reason = refusal(members);
        assert!(words.iter().all(|word| reason.contains(word)), "{members:?}: {reason}");
    }
}

#[test]
fn the_market_order_goes_before_the_price_type_and_gives_on_demand_types_an_effect() {
    let order = ("marketOrder", r#"["reserved", "spot", "on-demand"]"#);
    let (template, notes) = taken(&[EC2, MIXED, order, ("vmTypesOnDemand", r#"{"c6i.large": 1}"#)]);
    assert_eq!(template.markets(), [PriceType::Reserved, PriceType::Spot, PriceType::OnDemand]);
    assert_eq!((fleet(&template).on_demand_share, fleet(&template).on_demand_types.len()), (OnDemandShare::None, 1));
    assert!(
        notes.contains("priceType has no effect: marketOrder goes before it") && !notes.contains("vmTypes"),
        "{notes}"
    );
    let (template, _) = taken(&[("marketOrder", "\"reserved,on-demand\"")]);
    assert_eq!((template.api(), template.price_type()), (ProviderApi::RunInstances, PriceType::OnDemand));
    let reason = refusal(&[GROUP, order]);
    assert!(reason.contains("marketOrder") && reason.contains("fleetType instant"), "{reason}");
    let reason = refusal(&[EC2, ("marketOrder", "\"spot,on-demand\""), ("percentOnDemand", "20")]);
    assert!(reason.contains("percentOnDemand") && reason.contains("marketOrder"), "{reason}");
}

#[test]
fn strategies_are_taken_in_every_spelling_and_held_against_the_market() {
    for (spellings, wanted) in [
        (["lowestPrice", "lowest-price", "LOWEST_PRICE"], AllocationStrategy::LowestPrice),
        (["diversified", "Diversified", "DIVERSIFIED"], AllocationStrategy::Diversified),
        (["capacityOptimized", "capacity-optimized", "capacity_optimized"], AllocationStrategy::CapacityOptimized),
        (
            ["capacityOptimizedPrioritized", "capacity-optimized-prioritized", "capacity_optimized_prioritized"],
            AllocationStrategy::CapacityOptimizedPrioritized,
        ),
        (
            ["priceCapacityOptimized", "price-capacity-optimized", "PRICE_CAPACITY_OPTIMIZED"],
            AllocationStrategy::PriceCapacityOptimized,
        ),
    ] {
        for spelling in spellings {
            let value = format!("\"{spelling}\"");
            let (template, _) = taken(&[EC2, SPOT, ("allocationStrategy", &value)]);
            assert_eq!(fleet(&template).spot_strategy, Some(wanted), "{spelling}");
        }
    }
    let set = |template: &Template| (fleet(template).spot_strategy, fleet(template).on_demand_strategy);
    let prioritized = ("allocationStrategy", "\"prioritized\"");
    let cheap = ("allocationStrategyOnDemand", "\"lowest_price\"");
    // ORB's files have one strategy for either market.
    assert_eq!(set(&taken(&[EC2, prioritized]).0), (None, Some(AllocationStrategy::Prioritized)));
    let (template, notes) = taken(&[EC2, prioritized, cheap]);
    assert_eq!(set(&template), (None, Some(AllocationStrategy::LowestPrice)));
    assert!(notes.contains("allocationStrategy has no effect"), "{notes}");
    let (template, notes) = taken(&[EC2, ("allocationStrategy", "\"diversified\"")]);
    assert!(set(&template) == (None, None) && notes.contains("these are on demand"), "{notes}");
    let (template, notes) = taken(&[EC2, SPOT, cheap]);
    assert!(set(&template) == (None, None) && notes.contains("allocationStrategyOnDemand has no effect"), "{notes}");
    for (members, words) in [
        (&[EC2, SPOT, prioritized] as Members<'_>, ["allocationStrategy", "capacityOptimizedPrioritized"]),
        (&[GROUP, SPOT, ("allocationStrategy", "\"diversified\"")], ["allocationStrategy", "Auto Scaling"]),
        (
            &[EC2, SPOT, ("allocationStrategy", "\"capacity_optimised\"")],
            ["allocationStrategy", "did you mean capacityOptimized?"],
        ),
        (&[EC2, SPOT, ("allocationStrategy", "\"x\"")], ["allocationStrategy", "priceCapacityOptimized"]),
        (&[EC2, ("allocationStrategyOnDemand", "\"diversified\"")], ["allocationStrategyOnDemand", "lowestPrice"]),
        (&[EC2, SPOT, ("poolsCount", "0")], ["poolsCount", "1 to"]),
        (&[GROUP, SPOT, ("poolsCount", "21")], ["poolsCount", "1 to 20"]),
        (&[EC2, SPOT, ("poolsCount", "2"), ("allocationStrategy", "\"diversified\"")], ["poolsCount", "lowestPrice"]),
    ] {
        let reason = refusal(members);
        assert!(words.iter().all(|word| reason.contains(word)), "{members:?}: {reason}");
    }
}

#[test]
fn priorities_are_whole_numbers_of_types_that_are_asked_for() {
    let of = |value: &'static str| ("vmTypesPriority", value);
    let (template, notes) =
        taken(&[EC2, NONE, WEIGHTS, of(r#"{"m6i.large": "2", "m6i.xlarge": 1.0, "c5.large": 0, "_x": 1}"#)]);
    let held: Vec<_> = fleet(&template).priorities.iter().map(|(name, number)| (name.as_str(), *number)).collect();
    assert_eq!(held, [("m6i.large", 2), ("m6i.xlarge", 1)]);
    assert!(notes.contains("vmTypesPriority.c5.large has no effect"), "{notes}");
    // A group knows the order of its types alone.
    let (template, _) = taken(&[GROUP, NONE, WEIGHTS, of(r#"{"m6i.xlarge": 0}"#)]);
    assert_eq!(types(&template), ["m6i.xlarge", "m6i.large"]);
    let spot = taken(&[EC2, SPOT, of(r#"{"m6i.large": 0}"#)]).1;
    assert!(spot.contains("vmTypesPriority has no effect"), "{spot}");
    let strategy = ("allocationStrategy", "\"capacityOptimizedPrioritized\"");
    assert_eq!(taken(&[EC2, SPOT, strategy, of(r#"{"m6i.large": 0}"#)]).1, "");
    let on_demand = ("vmTypesOnDemand", r#"{"c6i.large": 1}"#);
    let (template, notes) = taken(&[EC2, MIXED, on_demand, of(r#"{"c6i.large": 3}"#)]);
    assert_eq!((fleet(&template).priorities["c6i.large"], notes.as_str()), (3, ""));
    for value in
        [r#"{"m6i.large": -1}"#, r#"{"m6i.large": 1.5}"#, r#"{"m6i.large": "first"}"#, r#"{"large": 1}"#, "[1]"]
    {
        assert!(refusal(&[EC2, of(value)]).contains("vmTypesPriority"), "{value}");
    }
}

#[test]
fn a_role_is_a_name_or_an_arn_of_any_partition() {
    for (role, wanted) in [
        ("aws-ec2-spot-fleet-tagging-role", ""),
        ("arn:aws:iam::123456789012:role/fleet", ""),
        ("arn:aws-cn:iam::123456789012:role/a/b/fleet", ""),
        ("arn:aws-us-gov:iam::123456789012:role/fleet", ""),
        (
            "arn:aws:iam::123456789012:role/aws-service-role/ec2fleet.amazonaws.com/AWSServiceRoleForEC2Fleet",
            "arn:aws:iam::123456789012:role/aws-service-role/spotfleet.amazonaws.com/AWSServiceRoleForEC2SpotFleet",
        ),
        ("AWSServiceRoleForEC2SpotFleet", ""),
    ] {
        let value = format!("\"{role}\"");
        let nested = format!("{{\"fleet_role\": {value}}}");
        for place in [("fleetRole", &value), ("providerConfig", &nested)] {
            let (template, notes) = taken(&[SPOT_FLEET, (place.0, place.1)]);
            assert_eq!(fleet(&template).role.as_deref(), Some(if wanted.is_empty() { role } else { wanted }));
            assert_eq!(notes.contains("fleetRole is the role of EC2 Fleets"), !wanted.is_empty(), "{notes}");
        }
    }
    for role in [
        "arn:aws:iam::12:role/x",
        "arn:aws:iam::123456789012:instance-profile/x",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:sts::123456789012:role/x",
        "a role",
        &"x".repeat(65),
    ] {
        let reason = refusal(&[SPOT_FLEET, ("fleetRole", &format!("\"{role}\""))]);
        assert!(reason.contains("fleetRole"), "{reason}");
    }
    assert!(taken(&[EC2, ("fleetRole", "\"not read at all\"")]).1.contains("a Spot Fleet alone takes a role"));
}

#[test]
fn a_request_goes_on_for_so_many_minutes() {
    let request = ("fleetType", "\"request\"");
    let of = |members: Members<'_>| fleet(&taken(members).0).expiry_minutes;
    assert_eq!(of(&[EC2, request]), None);
    assert_eq!(of(&[EC2, request, ("spot_fleet_request_expiry", "30.0")]), Some(30));
    assert_eq!(of(&[SPOT_FLEET, ROLE, ("requestValidity", "\"0:30\"")]), Some(30));
    assert_eq!(of(&[SPOT_FLEET, ROLE, ("requestValidity", "\"02:05\"")]), Some(125));
    let both = [EC2, request, ("requestValidity", "\"2:00\""), ("spotFleetRequestExpiry", "9")];
    assert_eq!(of(&both), Some(9));
    assert!(taken(&both).1.contains("requestValidity has no effect: spotFleetRequestExpiry"));
    for (field, value) in [
        ("spotFleetRequestExpiry", "0"),
        ("spotFleetRequestExpiry", "1.5"),
        ("spotFleetRequestExpiry", "43201"),
        ("requestValidity", "\"30\""),
        ("requestValidity", "\"0:60\""),
        ("requestValidity", "\"0:00\""),
        ("requestValidity", "\"-1:30\""),
        ("requestValidity", "\"721:00\""),
        ("requestValidity", "\"1:\""),
    ] {
        assert!(refusal(&[EC2, request, (field, value)]).contains(field), "{field} {value}");
    }
    for (way, word) in [(EC2, "instant fleet"), (GROUP, "a group")] {
        let (template, notes) = taken(&[way, ("spotFleetRequestExpiry", "30")]);
        assert!(fleet(&template).expiry_minutes.is_none() && notes.contains(word), "{notes}");
    }
}

#[test]
fn what_does_nothing_on_the_way_that_is_taken_is_set_aside() {
    let any = "\"anything\"";
    for field in [
        "vmTypesOnDemand",
        "vmTypesPriority",
        "context",
        "fleetRole",
        "allocationStrategy",
        "allocationStrategyOnDemand",
        "poolsCount",
        "spotFleetRequestExpiry",
        "requestValidity",
    ] {
        let (template, notes) = taken(&[(field, any)]);
        assert_eq!(template.launch(), &plain(), "{field}");
        assert!(notes.contains(&format!("{field} has no effect")), "{field}: {notes}");
    }
    for (members, word) in [
        (&[EC2, SPOT, ("vmTypesOnDemand", any)] as Members<'_>, "percentOnDemand"),
        (&[EC2, ("vmTypesOnDemand", any)], "these are on demand"),
        (&[GROUP, MIXED, ("vmTypesOnDemand", any)], "one list of types"),
        (&[EC2, ("poolsCount", any)], "these are on demand"),
        (&[RUN, ("ec2FleetConfig", "\"fleet.json\"")], "providerApi names another way"),
    ] {
        let (template, notes) = taken(members);
        assert!(fleet(&template).on_demand_types.is_empty() && notes.contains(word), "{members:?}: {notes}");
    }
    let long = format!("\"{}\"", "x".repeat(1025));
    assert!(refusal(&[EC2, ("context", &long)]).contains("context"));
}
