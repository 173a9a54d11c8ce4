//! The shape of each answer, member by member; the schemas are checked in `tests/contract.rs`.

use serde_json::{Value, json};

use super::*;
use crate::domain::Timestamp;
use crate::domain::machine::MachineStatus;
use crate::domain::template::{
    Attributes, LaunchSettings, MaxNumber, Placement, PriceType, ProviderApi, TemplateParts,
};

const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

fn value(answer: &Answer) -> Value {
    serde_json::to_value(answer).unwrap()
}

fn attribute(name: &str, kind: AttributeType, value: &str) -> (String, Attribute) {
    (name.to_owned(), Attribute(kind, value.to_owned()))
}

fn template(launch: LaunchSettings, priority: Option<i64>) -> Template {
    let attributes = vec![
        attribute("zone", AttributeType::String, "a"),
        attribute("type", AttributeType::String, "X86_64"),
        attribute("ncpus", AttributeType::Numeric, "2"),
        attribute("nram", AttributeType::Numeric, "4096"),
    ];
    Template::new(TemplateParts {
        id: "Spot_Mixed".parse().unwrap(),
        max_number: MaxNumber::try_from(-1).unwrap(),
        attributes: Attributes::new(attributes).unwrap(),
        api: ProviderApi::Simulated,
        price_type: PriceType::Spot,
        launch,
        priority,
    })
    .unwrap()
}

fn listing(template: Template) -> Answer {
    templates(&Listing { templates: vec![template], refused: Vec::new() })
}

fn host() -> HostView {
    HostView {
        id: "i-0aa11bb22cc33dd44".parse().unwrap(),
        name: "ip-10-1-2-11.ec2.internal".to_owned(),
        result: HostResult::Succeed,
        status: MachineStatus::Running,
        private_ip: "10.1.2.11".to_owned(),
        public_ip: None,
        launched_at: Timestamp::from_millis(1_760_000_000_999),
        message: String::new(),
        price_type: PriceType::OnDemand,
        instance_type: Some("m6i.xlarge".to_owned()),
        tags: String::new(),
    }
}

fn view(status: RequestStatus, message: &str, host: HostView) -> RequestView {
    RequestView { id: REQUEST.parse().unwrap(), status, message: message.to_owned(), hosts: vec![host] }
}

#[test]
fn a_plain_template_has_the_captured_members_and_no_other() {
    assert_eq!(
        serde_json::to_string(&listing(template(LaunchSettings::default(), None))).unwrap(),
        concat!(
            r#"{"templates":[{"templateId":"Spot_Mixed","maxNumber":-1,"attributes":{"zone":["String","a"],"#,
            r#""type":["String","X86_64"],"ncpus":["Numeric","2"],"nram":["Numeric","4096"],"#,
            r#""ncores":["Numeric","1"]},"pgrpName":null,"onDemandCapacity":0}],"#,
            r#""message":"Get available templates success."}"#
        )
    );
}

#[test]
fn what_a_template_adds_is_told_in_the_operators_order() {
    let weighted = |name: &str, weight| WeightedType { name: name.to_owned(), weight };
    let launch = LaunchSettings {
        instance_types: vec![weighted("m6i.xlarge", 1), weighted("c6i.2xlarge", 2)],
        tags: [("project", "risk"), ("owner", "grid")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        placement: Placement { group: Some("near".to_owned()), ..Placement::default() },
        ..LaunchSettings::default()
    };
    let text = serde_json::to_string(&listing(template(launch, Some(5)))).unwrap();
    assert!(
        text.contains(concat!(
            r#""vmTypes":{"m6i.xlarge":1,"c6i.2xlarge":2},"instanceTags":"owner=grid;project=risk","#,
            r#""pgrpName":"near","onDemandCapacity":0,"priority":5}"#
        )),
        "{text}"
    );
}

#[test]
fn a_machine_has_the_captured_members_and_no_other() {
    let entry = RequestEntry::of(&view(RequestStatus::Complete, "", host()));
    assert_eq!(
        value(&status(vec![entry])),
        json!({"requests": [{"requestId": REQUEST, "status": "complete", "message": "", "machines": [{
            "machineId": "i-0aa11bb22cc33dd44", "name": "ip-10-1-2-11.ec2.internal", "result": "succeed",
            "status": "running", "privateIpAddress": "10.1.2.11", "launchtime": 1_760_000_000, "message": "",
            "priceType": "ondemand", "instanceType": "m6i.xlarge", "instanceTags": "", "cloudHostId": null,
        }]}]})
    );
}

#[test]
fn what_failed_says_why() {
    let failed = HostView { result: HostResult::Fail, ..host() };
    let entry = RequestEntry::of(&view(RequestStatus::CompleteWithError, "", failed));
    let answer = value(&status(vec![entry]));
    assert_eq!(answer["requests"][0]["message"], "the request failed");
    assert_eq!(answer["requests"][0]["machines"][0]["message"], "the host failed");
}

#[test]
fn an_unconfirmed_request_runs_with_its_hosts_and_the_note() {
    let stored = view(RequestStatus::Complete, "x", host());
    let entry = RequestEntry::unconfirmed(&stored.id, Some(&stored), "throttled\n");
    let answer = value(&status(vec![entry]));
    let request = &answer["requests"][0];
    assert_eq!((&request["status"], &request["message"]), (&json!("running"), &json!(r"throttled\n")));
    assert_eq!(request["machines"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unknown_request_is_an_error_without_machines() {
    let answer = value(&status(vec![RequestEntry::unknown("r-0123", "")]));
    let wanted = json!({"requestId": "r-0123", "status": "complete_with_error", "message": "Unknown request id.",
        "machines": []});
    assert_eq!(answer["requests"][0], wanted);
}

#[test]
fn accepted_orders_have_an_id_and_a_message() {
    assert_eq!(
        value(&requested(&REQUEST.parse().unwrap())),
        json!({"requestId": REQUEST, "message": "Request VM success."})
    );
    let id: RequestId = REQUEST.replace("req-", "ret-").parse().unwrap();
    for (any_active, message) in [(true, "Delete VM success."), (false, "No Active VM.")] {
        let answer = value(&returned(&ReturnAccepted { id: id.clone(), any_active }));
        assert_eq!(answer, json!({"requestId": id.as_str(), "message": message}));
    }
}

#[test]
fn hosts_to_return_have_a_name_and_a_grace_period() {
    let answer = value(&to_return(vec![LostHost { name: "a".to_owned(), grace_seconds: 87 }]));
    assert_eq!(answer["requests"], json!([{"machine": "a", "gracePeriod": 87}]));
    assert_eq!(value(&to_return(Vec::new()))["requests"], json!([]));
}
