//! The whole life of hosts on an EC2 endpoint that nobody here wrote: moto, through the real SDK and the scripts.
//!
//! `tests/moto/server.py` says where moto is corrected.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::life::{Grid, anywhere};
use crate::support::Sandbox;

/// A moto of this test's own, on a free port; it ends with its standard input.
struct Moto {
    server: Child,
    about: Value,
}

impl Moto {
    fn start(sandbox: &Sandbox) -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests read the variables that test.sh sets")]
        let python = std::env::var("HOSTFACTORY_TEST_PYTHON").expect(
            "these tests need moto: run scripts/test.sh, or set HOSTFACTORY_TEST_PYTHON to a Python that has \
             tests/moto/requirements.txt",
        );
        let mut server = Command::new(python)
            .arg(crate::root().join("tests/moto/server.py"))
            .arg(sandbox.path("calls"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let about = serde_json::from_str(&line).expect("moto says where it listens");
        Self { server, about }
    }

    fn template(&self, id: &str, more: &Value) -> Value {
        let mut template = json!({
            "templateId": id, "maxNumber": 50,
            "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]},
            "imageId": self.about["image"], "vmType": "t3.micro", "subnetId": self.about["subnets"][0],
        });
        for (key, value) in more.as_object().unwrap() {
            template[key] = value.clone();
        }
        template
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

fn configure(sandbox: &Sandbox, strategy: &str, endpoint: &str, templates: &[Value]) {
    sandbox.write(
        "conf/testinstprov_config.json",
        json!({"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": endpoint}).to_string(),
    );
    sandbox.write("conf/config.json", json!({"storage": {"strategy": strategy}}).to_string());
    sandbox.write("conf/testinstprov_templates.json", json!({"templates": templates}).to_string());
}

fn grid(sandbox: &Sandbox) -> Grid<'_> {
    let variables = vec![
        ("AWS_ACCESS_KEY_ID", "AKIDCANARY".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "a-canary-secret-key".to_owned()),
        ("HF_LOGLEVEL", "LOG_DEBUG".to_owned()),
    ];
    Grid { sandbox, variables }
}

fn calls(sandbox: &Sandbox) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path("calls")).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(ToOwned::to_owned).collect()
}

fn whole_life_on(strategy: &str) {
    let sandbox = Sandbox::new();
    let moto = Moto::start(&sandbox);
    let template = moto
        .template("Small", &json!({"instanceTags": "project=risk", "userData": "#!/bin/sh\n: a-canary-in-user-data"}));
    configure(&sandbox, strategy, moto.about["endpoint"].as_str().unwrap(), &[template]);
    grid(&sandbox).whole_life("Small");
    for folder in ["work", "log"] {
        for canary in ["a-canary-in-user-data", "a-canary-secret-key", "AKIDCANARY"] {
            assert!(!anywhere(&sandbox.path(folder), canary), "{canary} in {folder}");
        }
    }
}

#[test]
fn hosts_come_and_go_on_moto_with_the_json_store() {
    whole_life_on("json");
}

#[cfg(feature = "sqlite")]
#[test]
fn hosts_come_and_go_on_moto_with_the_sqlite_store() {
    whole_life_on("sqlite");
}

#[test]
fn a_request_costs_one_launch_a_poll_one_look_and_a_settled_request_nothing() {
    let sandbox = Sandbox::new();
    let moto = Moto::start(&sandbox);
    configure(&sandbox, "json", moto.about["endpoint"].as_str().unwrap(), &[moto.template("Small", &json!({}))]);
    let grid = grid(&sandbox);
    let request = grid.request("Small", 40);
    // Whose credentials these are is asked once for a work folder and a key.
    assert_eq!(calls(&sandbox), ["GetCallerIdentity", "RunInstances"]);
    assert_eq!(grid.settled(&request)["machines"].as_array().unwrap().len(), 40);
    assert_eq!(calls(&sandbox)[2..], ["DescribeInstances"]);
    grid.status(&request);
    grid.request("Small", 5);
    assert_eq!(calls(&sandbox)[3..], ["RunInstances"]);
}

#[test]
fn an_alias_a_larger_root_volume_and_spot_reach_the_cloud() {
    let sandbox = Sandbox::new();
    let moto = Moto::start(&sandbox);
    let more = json!({
        "imageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
        "rootDeviceVolumeSize": "30", "volumeType": "gp3", "priceType": "spot", "vmType": "t3.large",
        "instanceTags": {"project": "risk"}, "metadataOptions": {"httpPutResponseHopLimit": 2},
    });
    configure(&sandbox, "json", moto.about["endpoint"].as_str().unwrap(), &[moto.template("Spot", &more)]);
    let grid = grid(&sandbox);
    let status = grid.settled(&grid.request("Spot", 2));
    for host in status["machines"].as_array().unwrap() {
        assert_eq!(
            (host["priceType"].as_str(), host["instanceType"].as_str(), host["instanceTags"].as_str()),
            (Some("spot"), Some("t3.large"), Some("project=risk")),
            "{host}"
        );
    }
    assert_eq!(calls(&sandbox)[1..4], ["AmazonSSM.GetParameter", "DescribeImages", "RunInstances"]);
}

#[test]
fn the_aliases_of_a_request_that_cannot_be_resolved_launch_nothing() {
    let sandbox = Sandbox::new();
    let moto = Moto::start(&sandbox);
    let template = moto.template("Small", &json!({"imageId": "/no/such/parameter"}));
    configure(&sandbox, "json", moto.about["endpoint"].as_str().unwrap(), &[template]);
    let answered =
        grid(&sandbox).ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
    assert_eq!(answered.code, 1);
    assert!(answered.message().contains("/no/such/parameter"), "{}", answered.message());
    assert!(!calls(&sandbox).contains(&"RunInstances".to_owned()));
}

#[test]
fn without_credentials_nothing_is_sent_and_the_answer_says_what_to_set() {
    let sandbox = Sandbox::new();
    let moto = Moto::start(&sandbox);
    configure(&sandbox, "json", moto.about["endpoint"].as_str().unwrap(), &[moto.template("Small", &json!({}))]);
    let variables = vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
    let grid = Grid { sandbox: &sandbox, variables };
    let answered = grid.ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
    assert_eq!(answered.code, 1);
    assert!(answered.message().contains("credentials"), "{}", answered.message());
    assert_eq!(calls(&sandbox), Vec::<String>::new());
}

#[test]
fn an_endpoint_that_is_down_is_an_error_at_once_and_polls_go_on_running() {
    let sandbox = Sandbox::new();
    let moto = Moto::start(&sandbox);
    configure(&sandbox, "json", moto.about["endpoint"].as_str().unwrap(), &[moto.template("Small", &json!({}))]);
    let grid = grid(&sandbox);
    let request = grid.request("Small", 2);
    drop(moto);
    let answered = grid.ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
    assert_eq!(answered.code, 1, "{}", answered.document);
    let status = grid.status(&request);
    assert_eq!(status["status"], "running");
    assert!(!status["message"].as_str().unwrap().is_empty());
    let host = json!([{"name": "ip-10-0-0-1.ec2.internal", "machineId": "i-0123456789abcdef0"}]);
    assert!(grid.lost(&host).is_empty());
}
