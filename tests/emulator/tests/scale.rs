//! A hundred thousand hosts: what a look costs is counted in hosts looked at, not in time.

use hostfactory_emulator::SUBNETS;

use crate::client::{ask, ask_about, filtered, frozen, hosts};

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
