//! What each reader takes and refuses, case by case.

use super::*;
use crate::interface::hostfactory::{Empty, Source, read};

const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";
const RETURN: &str = "ret-0d2a5b61-7a0e-4f0c-8a11-52c0d7e3f902";
const ID: &str = "i-0aa11bb22cc33dd44";
const NAME: &str = "ip-10-1-2-11.ec2.internal";

fn input(text: &str) -> Members {
    let text = text.replace("$REQ", REQUEST).replace("$RET", RETURN).replace("$ID", ID).replace("$NAME", NAME);
    read(&Source::Argument(text), Empty::IsRefused).unwrap()
}

fn host(id: Option<&str>, name: Option<&str>) -> HostRef {
    HostRef { id: id.map(|id| id.parse().unwrap()), name: name.map(|name| name.parse().unwrap()) }
}

#[test]
fn orders_are_read_in_every_form() {
    for (text, count) in [
        (r#"{"template": {"templateId": "A-1", "machineCount": 10}}"#, 10),
        (r#"{"template": {"templateId": "A-1", "machineCount": 1}, "rc_account": "", "userData": {}}"#, 1),
        (r#"{"template": {"template_id": "A-1", "machine_count": "7", "maxNumber": 500}, "machines": []}"#, 7),
        (r#"{"template": {"templateId": "A-1", "machineCount": 3, "machine_count": 3}, "machines": null}"#, 3),
        (r#"{"template_id": "A-1", "requested_count": "10000"}"#, 10_000),
        (r#"{"templateId": "A-1", "maxNumber": 4}"#, 4),
        (r#"{"templateId": "A-1", "maxNumber": 4, "machineCount": 2.0, "rc_account": null}"#, 2),
    ] {
        let order = request_machines(&input(text)).unwrap();
        assert_eq!((order.template.as_str(), order.count.get(), order.account), ("A-1", count, None), "{text}");
    }
    let order = request_machines(&input(r#"{"templateId": "A", "machineCount": 1, "rc_account": "risk"}"#)).unwrap();
    assert_eq!(order.account.unwrap().as_str(), "risk");
    assert_eq!(order.key, None);
    for key in ["requestKey", "clientToken"] {
        let order = format!(r#"{{"template": {{"templateId": "A", "machineCount": 1}}, "{key}": "order-7"}}"#);
        assert_eq!(request_machines(&input(&order)).unwrap().key.unwrap().as_str(), "order-7");
    }
    let order = r#"{"templateId": "A", "machineCount": 1, "requestKey": ""}"#;
    assert_eq!(request_machines(&input(order)).unwrap().key, None);
}

#[test]
fn senseless_counts_are_refused_by_key() {
    for count in ["0", "-1", "1e9", "1.5", "\"abc\"", "true", "null", "10001", "\"\"", "\"03\"", "\"+3\"", "[1]", "-0"]
    {
        for key in ["machineCount", "machine_count", "requested_count", "maxNumber"] {
            let flat = request_machines(&input(&format!(r#"{{"templateId": "A", "{key}": {count}}}"#)));
            let error = flat.unwrap_err().to_string();
            assert!(error.starts_with(key) || (count == "null" && error.starts_with("machineCount: ")), "{error}");
            let nested = format!(r#"{{"template": {{"templateId": "A", "{key}": {count}}}}}"#);
            let error = request_machines(&input(&nested)).unwrap_err().to_string();
            assert!(error.starts_with("template."), "{error}");
        }
    }
}

#[test]
fn orders_that_could_be_misread_are_refused() {
    for (text, key) in [
        ("{}", "templateId: "),
        (r#"{"template": {}}"#, "template.templateId: "),
        (r#"{"template": "A", "machineCount": 1}"#, "template: "),
        (r#"{"template": {"templateId": "A"}}"#, "template.machineCount: "),
        (r#"{"template": {"templateId": "A", "maxNumber": 10}}"#, "template.machineCount: "),
        (r#"{"template": {"templateId": "../A", "machineCount": 1}}"#, "template.templateId: "),
        (r#"{"template": {"templateId": 7, "machineCount": 1}}"#, "template.templateId: "),
        (r#"{"template": {"templateId": "", "machineCount": 1}}"#, "template.templateId: "),
        (r#"{"templateId": "A", "template_id": "B", "machineCount": 1}"#, "template_id: "),
        (r#"{"templateId": "A", "machineCount": 1, "machine_count": 2}"#, "machine_count: "),
        (r#"{"templateId": "A", "machineCount": 1, "machines": ["$ID"]}"#, "machines: "),
        (r#"{"templateId": "A", "machineCount": 1, "machines": {}}"#, "machines: "),
        (r#"{"templateId": "A", "machineCount": 1, "rc_account": 5}"#, "rc_account: "),
        (r#"{"templateId": "A", "machineCount": 1, "rc_account": "a\nb"}"#, "rc_account: "),
        (r#"{"templateId": "A", "machineCount": 1, "requestKey": "a b"}"#, "requestKey: "),
        (r#"{"template": {"templateId": "A", "machineCount": 1}, "clientToken": 5}"#, "clientToken: "),
        (r#"{"templateId": "A", "machineCount": 1, "requestKey": "a", "clientToken": "b"}"#, "clientToken: "),
    ] {
        let error = request_machines(&input(text)).unwrap_err().to_string();
        assert!(error.starts_with(key), "{text}: {error}");
    }
}

#[test]
fn hosts_to_return_are_read_in_every_form() {
    let (id, name, both) = (host(Some(ID), None), host(None, Some(NAME)), host(Some(ID), Some(NAME)));
    for (text, wanted) in [
        (r#"{"machines": [{"name": "$NAME", "machineId": "$ID"}]}"#, vec![&both]),
        (r#"{"machines": {"name": "$NAME", "machine_id": "$ID"}}"#, vec![&both]),
        (r#"{"machines": {"name": "$NAME"}}"#, vec![&name]),
        (r#"{"machines": [{"name": "$NAME", "machineId": ""}, {"name": "", "machineId": "$ID"}]}"#, vec![&name, &id]),
        (r#"{"machines": [{"name": "$NAME", "machineId": null}]}"#, vec![&name]),
        (r#"{"machines": ["$ID", "$NAME", "$ID"]}"#, vec![&id, &name]),
        (r#"{"machines": "$NAME"}"#, vec![&name]),
        (r#"{"machineIds": ["$ID"]}"#, vec![&id]),
        (r#"{"machine_ids": ["$ID"], "machines": null}"#, vec![&id]),
    ] {
        let hosts = return_machines(&input(text)).unwrap().hosts;
        assert_eq!(hosts.iter().collect::<Vec<_>>(), wanted, "{text}");
    }
}

#[test]
fn a_name_is_told_from_an_id() {
    let resource_name = format!("{ID}.ec2.internal");
    let hosts = return_machines(&input(r#"{"machines": ["$ID.ec2.internal", {"name": "$ID"}]}"#)).unwrap().hosts;
    assert_eq!(hosts, [host(None, Some(&resource_name)), host(Some(ID), Some(ID))]);
}

#[test]
fn one_bad_host_refuses_the_whole_return() {
    for (text, key) in [
        ("{}", "machines: "),
        (r#"{"all": true}"#, "machines: "),
        (r#"{"machines": null}"#, "machines: "),
        (r#"{"machines": []}"#, "machines: "),
        (r#"{"machine_ids": []}"#, "machine_ids: "),
        (r#"{"machines": ["$ID"], "machine_ids": ["$NAME"]}"#, "machine_ids: "),
        (r#"{"machines": [{"name": "$NAME"}, {}]}"#, "machines[1].machineId: "),
        (r#"{"machines": [{"name": "", "machineId": null}]}"#, "machines[0].machineId: "),
        (r#"{"machines": [{"name": "$NAME", "machineId": "i-XYZ"}]}"#, "machines[0].machineId: "),
        (r#"{"machines": [{"name": "../etc", "machineId": "$ID"}]}"#, "machines[0].name: "),
        (r#"{"machines": [{"name": "a\u0000b"}]}"#, "machines[0].name: "),
        (r#"{"machines": [{"name": 5}]}"#, "machines[0].name: "),
        (r#"{"machines": [{"machineId": "$ID", "machine_id": "i-00000000"}]}"#, "machines[0].machine_id: "),
        (r#"{"machines": ["$ID", "i-$(reboot)"]}"#, "machines[1]: "),
        (r#"{"machines": ["$ID", ""]}"#, "machines[1]: "),
        (r#"{"machines": ["$ID", null]}"#, "machines[1]: "),
        (r#"{"machines": ["$ID", ["$ID"]]}"#, "machines[1]: "),
        (r#"{"machines": 5}"#, "machines: "),
    ] {
        let error = return_machines(&input(text)).unwrap_err().to_string();
        assert!(error.starts_with(key), "{text}: {error}");
    }
}

#[test]
fn held_hosts_that_cannot_be_read_are_left_out() {
    for nothing in ["{}", r#"{"machines": null}"#, r#"{"machines": []}"#] {
        assert_eq!(held_hosts(&input(nothing)), HeldHosts::default());
    }
    let text = r#"{"machines": [{"name": "$NAME", "machineId": "$ID"}, {"name": "a b"}, 5, {}, null, "$NAME"]}"#;
    let held = held_hosts(&input(text));
    assert_eq!(held.hosts, [host(Some(ID), Some(NAME)), host(None, Some(NAME))]);
    assert_eq!((held.skipped, held.problems.len()), (4, 4));
    assert_eq!(held_hosts(&input(r#"{"machines": 5}"#)).skipped, 1);
    let crowd = held_hosts(&input(&format!(r#"{{"machines": [{}0]}}"#, "0,".repeat(1000))));
    assert_eq!((crowd.skipped, crowd.problems.len()), (1001, HeldHosts::MOST_PROBLEMS));
}

#[test]
fn request_ids_are_read_in_every_form_and_order() {
    let ours = |id: &str| Asked::Ours(id.parse().unwrap());
    let foreign = |id: &str| Asked::Foreign(id.to_owned());
    for (text, wanted) in [
        (r#"{"requests": [{"requestId": "$REQ"}]}"#, vec![ours(REQUEST)]),
        (r#"{"requests": {"requestId": "$RET"}}"#, vec![ours(RETURN)]),
        (r#"{"requests": ["$REQ", {"request_id": "$RET"}, "$REQ"]}"#, vec![ours(REQUEST), ours(RETURN), ours(REQUEST)]),
        (r#"{"requests": "$REQ"}"#, vec![ours(REQUEST)]),
        (r#"{"requestId": "$REQ"}"#, vec![ours(REQUEST)]),
        (r#"{"request_id": "$REQ", "requests": null}"#, vec![ours(REQUEST)]),
        (
            r#"{"requests": ["r-0123", "sfr-1-2", "req-unknown", "dir-1-2", "fleet-1"]}"#,
            vec![foreign("r-0123"), foreign("sfr-1-2"), foreign("req-unknown"), foreign("dir-1-2"), foreign("fleet-1")],
        ),
    ] {
        assert_eq!(request_ids(&input(text)).unwrap(), wanted, "{text}");
    }
}

#[test]
fn one_hostile_request_id_refuses_the_whole_call() {
    for hostile in
        ["", "../x", "..", "a b", "a/b", r"a\\b", r#"a\"b"#, "a'b", "a`b", r"a\nb", r"a\u0000", "ａ", &"x".repeat(257)]
    {
        let text = format!(r#"{{"requests": [{{"requestId": "$REQ"}}, {{"requestId": "{hostile}"}}]}}"#);
        let error = request_ids(&input(&text)).unwrap_err().to_string();
        assert!(error.starts_with("requests[1].requestId: ") && error.len() < 300, "{error}");
    }
    for (text, key) in [
        ("{}", "requests: "),
        (r#"{"requests": null}"#, "requests: "),
        (r#"{"requests": []}"#, "requests: "),
        (r#"{"requests": [{}]}"#, "requests[0].requestId: "),
        (r#"{"requests": [5]}"#, "requests[0]: "),
        (r#"{"requestId": 5}"#, "requestId: "),
        (r#"{"requestId": "$REQ", "request_id": "$RET"}"#, "request_id: "),
    ] {
        let error = request_ids(&input(text)).unwrap_err().to_string();
        assert!(error.starts_with(key), "{text}: {error}");
    }
}
