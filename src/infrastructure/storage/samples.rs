//! Aggregates for the stores' tests.

use std::collections::BTreeMap;

use crate::domain::machine::{Machine, MachineStatus, Origin, Sighting};
use crate::domain::request::{LaunchPlan, Pool, Request, RequestPolicy, ReturnItem};
use crate::domain::template::{
    Attribute, AttributeType, Attributes, LaunchSettings, PriceType, ProviderApi, Template, TemplateParts, UserData,
};
use crate::domain::{FailureClass, InstallationId, MachineCount, MachineId, RequestId, TemplateId, Timestamp};

pub(super) const SECRET: &str = "#!/bin/sh\nexport PASSWORD=hunter2\n";

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_760_000_000 + seconds)
}

pub(super) fn acquire_id(number: u32) -> RequestId {
    format!("req-00000000-0000-4000-8000-{number:012x}").parse().unwrap()
}

pub(super) fn return_id(number: u32) -> RequestId {
    format!("ret-00000000-0000-4000-8000-{number:012x}").parse().unwrap()
}

pub(super) fn machine_id(number: u32) -> MachineId {
    format!("i-{number:017x}").parse().unwrap()
}

pub(super) fn template_id() -> TemplateId {
    "Template-1".parse().unwrap()
}

pub(super) fn template() -> Template {
    let entry = |name: &str, kind, value: &str| (name.to_owned(), Attribute(kind, value.to_owned()));
    let parts = TemplateParts {
        id: template_id(),
        max_number: 10.try_into().unwrap(),
        attributes: Attributes::new(vec![
            entry("type", AttributeType::String, "X86_64"),
            entry("ncpus", AttributeType::Numeric, "2"),
            entry("nram", AttributeType::Numeric, "4096"),
        ])
        .unwrap(),
        api: ProviderApi::Simulated,
        price_type: PriceType::Spot,
        launch: LaunchSettings {
            user_data: Some(UserData::new(SECRET.to_owned())),
            tags: BTreeMap::from([("owner".to_owned(), "Zoë \"quoted\" \\ \u{1f600}\n".to_owned())]),
            ..LaunchSettings::default()
        },
        priority: Some(3),
    };
    Template::new(parts).unwrap()
}

/// An open request for `wanted` hosts with nothing tried yet.
pub(super) fn acquire(number: u32, wanted: u32) -> Request {
    let wanted = MachineCount::try_from(wanted).unwrap();
    let pool = |subnet: &str| Pool {
        instance_type: Some("m6i.large".to_owned()),
        subnet: Some(subnet.to_owned()),
        price_type: PriceType::Spot,
    };
    let plan = LaunchPlan {
        tiers: vec![vec![pool("subnet-a")], vec![pool("subnet-b")]],
        parameters: serde_json::json!({"imageId": "ami-1", "nested": {"numbers": [1, 2.5, null, true]}}),
        weights: [("m6i.large".to_owned(), 2)].into(),
        ..LaunchPlan::default()
    };
    let account = Some("grid account".parse().unwrap());
    Request::acquire(acquire_id(number), &template(), wanted, account, plan, &RequestPolicy::default(), at(0))
}

/// A settled request whose only attempt could not be sent.
pub(super) fn unsent(number: u32) -> Request {
    let mut request = acquire(number, 1);
    request.plan_attempts(&"grid-1".parse().unwrap(), at(0).into());
    request.attempt_not_sent(1, FailureClass::Unreachable, None, "refused".to_owned());
    request.settle(&[], &RequestPolicy::default(), at(1).into()).unwrap();
    request
}

/// A settled request with attempts of every outcome, for two hosts of which `usable` became usable.
pub(super) fn settled(number: u32) -> (Request, Vec<Machine>) {
    let installation: InstallationId = "grid-1".parse().unwrap();
    let mut request = acquire(number, 2);
    assert_eq!(request.plan_attempts(&installation, at(1).into()), 1);
    assert!(request.attempt_failed(1, FailureClass::Capacity, Some("Insufficient".to_owned()), "none left".to_owned()));
    assert_eq!(request.plan_attempts(&installation, at(2).into()), 1);
    assert!(request.attempt_launched(2, 2, Some("r-1".to_owned()), Vec::new()));
    let machines = vec![
        machine(number * 100, Some(number), MachineStatus::Running),
        machine(number * 100 + 1, Some(number), MachineStatus::Terminated),
    ];
    assert!(request.settle(&machines, &RequestPolicy::default(), at(3).into()).unwrap());
    (request, machines)
}

pub(super) fn give_back(number: u32) -> Request {
    let items = vec![
        ReturnItem::named(Some(machine_id(number)), Some("host-1.example".parse().unwrap())),
        ReturnItem::named(None, Some("host-2.example".parse().unwrap())),
    ];
    Request::give_back(return_id(number), items, &RequestPolicy::default(), at(0)).unwrap()
}

pub(super) fn machine(number: u32, request: Option<u32>, status: MachineStatus) -> Machine {
    let sighting = Sighting {
        id: machine_id(number),
        status,
        name: Some(format!("ip-{number}.example").parse().unwrap()),
        private_ip: Some("10.0.0.1".to_owned()),
        public_ip: None,
        launched_at: Some(at(1)),
        instance_type: Some("m6i.large".to_owned()),
        price_type: PriceType::Spot,
        zone: Some("eu-west-1a".to_owned()),
        tags: "a=b;c=d".to_owned(),
        reason: None,
        owner: None,
        request: None,
        template: None,
        resource: None,
        api: None,
    };
    let origin = match request {
        Some(request) => Origin::Request(acquire_id(request), template_id()),
        None => Origin::HostFactory,
    };
    Machine::seen(&sighting, ProviderApi::Simulated, origin, at(1))
}
