//! What others see of an installation, with the built program on the provider without a cloud: metrics, notifications and
//! the support bundle.

mod bundle;
mod metrics;
mod notifications;
mod receiver;

use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Answered, Sandbox};

/// Runs the program and returns what it left behind.
fn ran(sandbox: &Sandbox, line: &str) -> Output {
    sandbox.program().args(line.split_whitespace()).output().unwrap()
}

/// Runs the program and returns its document.
fn told(sandbox: &Sandbox, line: &str) -> Answered {
    Answered::of(&ran(sandbox, line))
}

/// A sandbox without a cloud, hosts ready at once, with more configuration.
fn configured(store: &str, more: &Value) -> Sandbox {
    let sandbox = Sandbox::simulated();
    let mut config = json!({"provider": {"type": "simulated", "simulated": {"bootSeconds": 0, "shutdownSeconds": 0}},
        "storage": {"strategy": store}});
    for (section, members) in more.as_object().unwrap() {
        config[section] = members.clone();
    }
    sandbox.write("conf/config.json", config.to_string());
    sandbox
}

/// Orders hosts and polls the request once; returns its id.
fn order(sandbox: &Sandbox, hosts: u32) -> String {
    let order = json!({"template": {"templateId": "Simulated-1", "machineCount": hosts}});
    let answer = sandbox.call("requestMachines", order.to_string());
    let id = answer.document["requestId"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
    poll(sandbox, &id);
    id
}

fn poll(sandbox: &Sandbox, id: &str) -> Answered {
    sandbox.call("getRequestStatus", json!({"requests": [{"requestId": id}]}).to_string())
}

/// The names and sequence numbers of the events that are kept.
fn history(sandbox: &Sandbox) -> Vec<(u64, String)> {
    let listed = told(sandbox, "events list --limit 0").document;
    let events = listed["events"].as_array().unwrap().iter();
    events.map(|event| (event["sequence"].as_u64().unwrap(), event["event"].as_str().unwrap().to_owned())).collect()
}
