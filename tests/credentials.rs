//! Calls that find no credentials (fault 68).

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answered, Sandbox};

/// Asks for hosts without any credentials; returns the answer and how long it took.
fn ask_without_credentials(variable: (&str, String)) -> (Answered, Duration) {
    let sandbox = Sandbox::new();
    sandbox.write("conf/testinstprov_config.json", json!({"AWS_REGION": "eu-west-1"}).to_string());
    let template = json!({
        "templateId": "Small", "maxNumber": 5, "imageId": "ami-0123456789abcdef0", "vmType": "t3.micro",
        "subnetId": "subnet-0123456789abcdef0",
        "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]},
    });
    sandbox.write("conf/testinstprov_templates.json", json!({"templates": [template]}).to_string());
    let order = json!({"template": {"templateId": "Small", "machineCount": 2}}).to_string();
    let input = sandbox.write("input/order.json", order);
    let started = Instant::now();
    let mut program = sandbox.program();
    program.env("HOME", sandbox.path("home")).env(variable.0, variable.1);
    let output = program.arg("requestMachines").arg("-f").arg(input).output().unwrap();
    (Answered::of(&output), started.elapsed())
}

#[test]
fn row_68_without_credentials_a_call_ends_soon_and_says_what_to_set() {
    // It takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    for (variable, most) in [
        (("AWS_EC2_METADATA_DISABLED", "true".to_owned()), Duration::from_secs(5)),
        (("AWS_EC2_METADATA_SERVICE_ENDPOINT", address), Duration::from_secs(15)),
    ] {
        let (answered, time) = ask_without_credentials(variable);
        assert_eq!(answered.code, 1);
        assert!(answered.message().contains("no AWS credentials were found; set AWS_ACCESS_KEY_ID"), "{answered:?}");
        assert!(time < most, "{time:?}");
    }
}
