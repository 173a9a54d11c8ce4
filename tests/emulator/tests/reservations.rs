//! Capacity reservations, placement and processor: section 13 of the notes on AWS.

use hostfactory_emulator::{Edit, Emulator, Reservation, ReservationKind, SUBNETS, Which};

use crate::client::{Answer, ask, filtered, frozen, hosts, run};
use crate::fleets::{fleet, ids};
use crate::templates;

const ID: (&str, &str) = ("CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId", "cr-1");
const GROUP: &str = "CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationResourceGroupArn";
const PREFERENCE: &str = "CapacityReservationSpecification.CapacityReservationPreference";
const ONLY: (&str, &str) = (PREFERENCE, "capacity-reservations-only");
const MARKET: &str = "InstanceMarketOptions.MarketType";

fn with(kind: ReservationKind) -> Emulator {
    let emulator = frozen();
    emulator.reservation("cr-1", "m6i.large", "us-east-1a", kind, 3);
    emulator
}

fn reserved(emulator: &Emulator) -> usize {
    emulator.truth().matching(|host| host.launch.reserved.as_deref() == Some("cr-1")).len()
}

#[test]
fn a_reservation_gives_what_it_has_beside_the_pools_and_gets_it_back() {
    let emulator = with(ReservationKind::Targeted);
    emulator.pool("*", "*", None, 0);
    assert_eq!(hosts(&emulator, 5, &[ID, ONLY]).len(), 3);
    let full = run(&emulator, 1, &[ID]);
    assert_eq!(full.refusal().1, "ReservationCapacityExceeded", "{}", full.body);
    assert_eq!(run(&emulator, 1, &[]).code(), "InsufficientInstanceCapacity", "others have none of it");
    emulator.kill_by_hand(Which::Newest(2)).unwrap();
    assert_eq!((hosts(&emulator, 5, &[ID]).len(), reserved(&emulator)), (2, 5));
    let seen = filtered(&emulator, "instance-state-name", "pending");
    assert_eq!(seen.all("capacityReservationId"), ["cr-1"; 3]);
    for (more, what) in
        [([ID, ("InstanceType", "m5.large")], "another type"), ([ID, ("SubnetId", SUBNETS[1])], "another zone")]
    {
        assert_eq!(run(&emulator, 1, &more).code(), "ReservationCapacityExceeded", "{what}");
    }
    let gone = run(&emulator, 1, &[(ID.0, "cr-2")]);
    assert_eq!(gone.code(), "InvalidCapacityReservationId.NotFound");
}

#[test]
fn open_reservations_and_groups_are_found_by_who_asks_for_any_or_for_the_group() {
    let emulator = with(ReservationKind::Open);
    assert_eq!((hosts(&emulator, 1, &[ONLY]).len(), reserved(&emulator)), (1, 1));
    for word in ["open", "none"] {
        assert_eq!(hosts(&emulator, 1, &[(PREFERENCE, word)]).len(), 1, "{word}");
    }
    let (id, zone) = ("cr-2".to_owned(), "us-east-1a".to_owned());
    let (kind, group) = (ReservationKind::Targeted, Some("arn:ours".to_owned()));
    emulator
        .edit(Edit::Reservation(Reservation { id, instance_type: "m6i.large".to_owned(), zone, kind, group, left: 1 }))
        .unwrap();
    assert_eq!(hosts(&emulator, 2, &[(GROUP, "arn:ours")]).len(), 1);
    assert_eq!(run(&emulator, 1, &[(GROUP, "arn:theirs")]).code(), "ReservationCapacityExceeded");
}

#[test]
fn a_block_is_launched_into_by_its_own_market_alone() {
    let emulator = with(ReservationKind::Block);
    let block = (MARKET, "capacity-block");
    assert_eq!(run(&emulator, 1, &[ID]).code(), "InvalidParameterCombination");
    assert_eq!(run(&emulator, 1, &[block]).code(), "InvalidParameterCombination");
    let answer = run(&emulator, 2, &[ID, block]);
    assert_eq!(answer.all("instanceLifecycle"), ["capacity-block"; 2], "{}", answer.body);
    let data = |name: &str| format!("LaunchTemplateData.{name}");
    let (target, market) = (data(ID.0), data(MARKET));
    let template = templates::create(&emulator, "block", &[(&target, ID.1), (&market, block.1)]);
    let id = template.one("launchTemplateId");
    let named = [
        ("LaunchTemplateConfigs.1.LaunchTemplateSpecification.LaunchTemplateId", id),
        ("TargetCapacitySpecification.DefaultTargetCapacityType", "capacity-block"),
        ("LaunchTemplateConfigs.1.Overrides.2.InstanceType", ""),
        ("LaunchTemplateConfigs.1.Overrides.2.SubnetId", ""),
    ];
    let came = fleet(&emulator, "instant", 5, &named);
    assert_eq!((ids(&came).len(), came.one("errorCode")), (1, "ReservationCapacityExceeded"), "{}", came.body);
    let parts = [&named[..], &[("TargetCapacitySpecification.OnDemandTargetCapacity", "1")]].concat();
    let plain = [&named[1..], &[("LaunchTemplateConfigs.1.LaunchTemplateSpecification.Version", "1")]].concat();
    for (kind, more) in [("request", &named[..]), ("instant", &parts), ("instant", &plain)] {
        assert_eq!(fleet(&emulator, kind, 1, more).code(), "InvalidFleetConfig", "{kind} {more:?}");
    }
}

#[test]
fn what_cannot_go_together_is_refused() {
    let emulator = with(ReservationKind::Targeted);
    let combination = "InvalidParameterCombination";
    let host = ("Placement.Tenancy", "host");
    let (name, id) = (("Placement.GroupName", "pg"), ("Placement.GroupId", "pg-1"));
    let (cores, threads) = (("CpuOptions.CoreCount", "1"), ("CpuOptions.ThreadsPerCore", "1"));
    let of_group = ("Placement.HostResourceGroupArn", "arn:hosts");
    for (more, code) in [
        (vec![ID, (PREFERENCE, "open")], combination),
        (vec![ID, (GROUP, "arn:ours")], combination),
        (vec![(PREFERENCE, "some")], "InvalidParameterValue"),
        (vec![ID, (MARKET, "spot")], combination),
        (vec![ID, host], combination),
        (vec![name, id], combination),
        (vec![("Placement.PartitionNumber", "1")], combination),
        (vec![("Placement.HostId", "h-1")], combination),
        (vec![("Placement.HostId", "h-1"), host, of_group], combination),
        (vec![of_group, ("Placement.Tenancy", "dedicated")], combination),
        (vec![("Placement.Affinity", "host")], combination),
        (vec![host, (MARKET, "spot")], combination),
        (vec![("Placement.Tenancy", "shared")], "InvalidParameterValue"),
        (vec![cores], combination),
        (vec![("CpuOptions.CoreCount", "2"), threads], "InvalidParameterValue"),
    ] {
        assert_eq!(run(&emulator, 1, &more).code(), code, "{more:?}");
    }
    assert!(emulator.truth().is_empty());
    let shown = |more: &[(&str, &str)]| -> Answer { run(&emulator, 1, more) };
    let on_host = shown(&[host, ("Placement.HostId", "h-1"), ("Placement.Affinity", "host"), cores, threads]);
    assert_eq!((on_host.one("hostId"), on_host.one("affinity"), on_host.one("coreCount")), ("h-1", "host", "1"));
    let in_group = shown(&[id, ("Placement.PartitionNumber", "2")]);
    assert_eq!((in_group.one("groupId"), in_group.one("partitionNumber")), ("pg-1", "2"));
}

#[test]
fn subnets_tell_the_id_of_their_zone() {
    let emulator = frozen();
    let found = ask(&emulator, "DescribeSubnets", &[("SubnetId.1", SUBNETS[1])]);
    assert_eq!((found.one("availabilityZone"), found.one("availabilityZoneId")), ("us-east-1b", "use1-az2"));
    let filter = [("Filter.1.Name", "availability-zone-id"), ("Filter.1.Value.1", "use1-az3")];
    assert_eq!(ask(&emulator, "DescribeSubnets", &filter).all("subnetId"), [SUBNETS[2]]);
}
