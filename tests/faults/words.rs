//! What the cases have in common: inputs, templates, and what is read out of answers.

use std::time::{Duration, Instant};

use hostfactory_emulator::{IMAGES, SUBNETS};
use serde_json::{Value, json};

pub(crate) const MINUTE: Duration = Duration::from_mins(1);

/// The input that asks for hosts of the template `Small`.
pub(crate) fn order(count: u32) -> Value {
    order_from("Small", count)
}

/// The input that asks for hosts of a template.
pub(crate) fn order_from(template: &str, count: u32) -> Value {
    json!({"template": {"templateId": template, "machineCount": count}})
}

/// The input of a question about one request.
pub(crate) fn about(request: &str) -> Value {
    json!({"requests": [{"requestId": request}]})
}

/// The request id of an answer.
pub(crate) fn id_of(answer: &Value) -> String {
    answer["requestId"].as_str().unwrap().to_owned()
}

/// The instance ids of hosts as Host Factory names them.
pub(crate) fn ids(hosts: &[Value]) -> Vec<String> {
    hosts.iter().map(|host| host["machineId"].as_str().unwrap().to_owned()).collect()
}

/// The message of a status entry.
pub(crate) fn told(status: &Value) -> &str {
    status["message"].as_str().unwrap_or_default()
}

/// A template of one type in one subnet, with more fields or others.
pub(crate) fn template(id: &str, more: &Value) -> Value {
    let mut template = json!({
        "templateId": id, "maxNumber": 10_000,
        "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]},
        "imageId": IMAGES[0], "vmType": "m6i.large", "subnetId": SUBNETS[0],
    });
    merge(&mut template, more);
    template
}

/// Puts the fields of `more` into `into`, objects field by field.
pub(crate) fn merge(into: &mut Value, more: &Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more.clone(),
    }
}

/// Runs `work` and returns what it returned, having checked that it took less than `most`.
pub(crate) fn within<T>(most: Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let answer = work();
    let taken = started.elapsed();
    assert!(taken < most, "it took {taken:?}; at most {most:?}");
    answer
}
