//! A hundred thousand hosts: what a look costs is counted in hosts looked at, not in time.

use std::time::Duration;

use hostfactory_emulator::SUBNETS;

use crate::client::{ask, ask_about, filtered, frozen, hosts};
use crate::fleets::fleet;

#[test]
fn a_look_at_a_few_of_a_hundred_thousand_costs_a_few() {
    let emulator = frozen();
    emulator.subnet_free(SUBNETS[0], 200_000).unwrap();
    let mut ids = Vec::new();
    for request in 0..20 {
        let name = format!("req-{request}");
        let tags = [
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "hostfactory:request-id"),
            ("TagSpecification.1.Tag.1.Value", name.as_str()),
        ];
        ids.extend(hosts(&emulator, 5_000, &tags));
    }
    assert_eq!(ids.len(), 100_000);
    let cost = |ask: &dyn Fn() -> usize| {
        let before = emulator.examined();
        (ask(), emulator.examined() - before)
    };
    let page = |token: &str| ask(&emulator, "DescribeInstances", &[("MaxResults", "1000"), ("NextToken", token)]);
    let first = page("");
    let token = first.one("nextToken").to_owned();
    assert_eq!(cost(&|| page(&token).all("instanceId").len()), (1_000, 1_001));
    assert_eq!(
        cost(&|| ask_about(&emulator, "DescribeInstances", &ids[50_000..50_200]).all("instanceId").len()),
        (200, 200)
    );
    assert_eq!(cost(&|| filtered(&emulator, "instance-id", &ids[99_999]).all("instanceId").len()), (1, 1));
    let tag = "tag:hostfactory:request-id";
    assert_eq!(cost(&|| filtered(&emulator, tag, "req-7").all("instanceId").len()), (5_000, 5_000));
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids[..1_000]).all("instanceId").len(), 1_000);
    assert_eq!(emulator.truth().live().len(), 99_000);
}

#[test]
fn a_hundred_thousand_hosts_of_fleets_are_kept_by_fleet() {
    let emulator = frozen();
    emulator.subnet_free(SUBNETS[0], 200_000).unwrap();
    let fleets: Vec<String> =
        (0..10).map(|_| fleet(&emulator, "maintain", 10_000, &[]).one("fleetId").to_owned()).collect();
    emulator.clock_advance(Duration::from_secs(1));
    assert_eq!(emulator.truth().len(), 100_000);
    let before = emulator.examined();
    let members = |id: &str| {
        let answer = ask(&emulator, "DescribeFleetInstances", &[("FleetId", id), ("MaxResults", "1000")]);
        answer.all("instanceId").into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    for id in &fleets {
        let seen = members(id);
        assert_eq!(seen.len(), 1_000);
        ask_about(&emulator, "TerminateInstances", &seen[..500]);
        assert_eq!(ask(&emulator, "DescribeFleets", &[("FleetId.1", id)]).one("fulfilledCapacity"), "9500");
    }
    emulator.clock_advance(Duration::from_secs(1));
    assert_eq!(emulator.examined(), before, "no listing of instances");
    assert_eq!((emulator.truth().len(), emulator.truth().live().len()), (105_000, 100_000));
}
