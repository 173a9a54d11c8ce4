//! The whole life of hosts on an EC2 endpoint, through the real SDK and the scripts: the same cases on moto, which nobody
//! here wrote, and on our own emulator, which can do more (`tests/emulator/README.md`).
//!
//! Where the two differ, a comment at the case says which one is as AWS.

mod emulated;
mod moto;

use std::time::Duration;

use hostfactory_emulator::{Emulator, Settings};
use serde_json::{Value, json};

use self::moto::Moto;
use crate::life::{Grid, anywhere};
use crate::support::{Answered, Sandbox};

/// Which endpoint.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Moto,
    Emulated,
}

/// An endpoint of this test's own.
enum Cloud {
    Moto(Moto),
    Emulated(Emulator),
}

impl Cloud {
    fn start(kind: Kind) -> Self {
        match kind {
            Kind::Moto => Self::Moto(Moto::start()),
            Kind::Emulated => {
                let quick = Duration::from_millis(200);
                let settings = Settings { boot: quick, shutdown: quick, ..Settings::default() };
                Self::Emulated(Emulator::with(settings).unwrap())
            }
        }
    }

    /// What there is: `endpoint`, `image`, `subnets`.
    fn about(&self) -> Value {
        match self {
            Self::Moto(moto) => moto.about.clone(),
            Self::Emulated(emulator) => emulator.about(),
        }
    }

    fn actions(&self) -> Vec<String> {
        match self {
            Self::Moto(moto) => moto.actions(),
            Self::Emulated(emulator) => emulator.actions(),
        }
    }

    fn template(&self, id: &str, more: &Value) -> Value {
        let about = self.about();
        let mut template = json!({
            "templateId": id, "maxNumber": 50,
            "attributes": {"type": ["String", "X86_64"], "ncpus": ["Numeric", "1"], "nram": ["Numeric", "1024"]},
            "imageId": about["image"], "vmType": "t3.micro", "subnetId": about["subnets"][0],
        });
        for (key, value) in more.as_object().unwrap() {
            template[key] = value.clone();
        }
        template
    }

    /// Configures a sandbox for this endpoint, with one template.
    fn configure(&self, sandbox: &Sandbox, strategy: &str, template: &Value) {
        let about = json!({"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.about()["endpoint"]});
        sandbox.write("conf/testinstprov_config.json", about.to_string());
        sandbox.write("conf/config.json", json!({"storage": {"strategy": strategy}}).to_string());
        sandbox.write("conf/testinstprov_templates.json", json!({"templates": [template]}).to_string());
    }
}

fn grid(sandbox: &Sandbox) -> Grid<'_> {
    let variables = vec![
        ("AWS_ACCESS_KEY_ID", "AKIDCANARY".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "a-canary-secret-key".to_owned()),
        ("HF_LOGLEVEL", "LOG_DEBUG".to_owned()),
    ];
    Grid { sandbox, variables }
}

/// Runs each case on moto and on the emulator.
macro_rules! on_both {
    ($($(#[$attribute:meta])* $case:ident,)*) => {
        mod on_moto {
            $(#[test] $(#[$attribute])* fn $case() { super::$case(super::Kind::Moto); })*
        }
        mod on_the_emulator {
            $(#[test] $(#[$attribute])* fn $case() { super::$case(super::Kind::Emulated); })*
        }
    };
}

on_both! {
    hosts_come_and_go_with_the_json_store,
    #[cfg(feature = "sqlite")]
    hosts_come_and_go_with_the_sqlite_store,
    hosts_come_and_go_through_an_instant_fleet,
    hosts_come_and_go_through_a_request_fleet,
    hosts_come_and_go_through_a_spot_fleet,
    hosts_come_and_go_through_a_spot_fleet_that_keeps_its_size,
    hosts_come_and_go_through_a_group,
    a_request_costs_one_launch_a_poll_one_look_and_a_settled_request_nothing,
    an_alias_a_larger_root_volume_and_spot_reach_the_cloud,
    the_aliases_of_a_request_that_cannot_be_resolved_launch_nothing,
    without_credentials_nothing_is_sent_and_the_answer_says_what_to_set,
    an_endpoint_that_is_down_is_an_error_at_once_and_polls_go_on_running,
}

fn whole_life_on(kind: Kind, strategy: &str) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    let more = json!({"instanceTags": "project=risk", "userData": "#!/bin/sh\n: a-canary-in-user-data"});
    cloud.configure(&sandbox, strategy, &cloud.template("Small", &more));
    grid(&sandbox).whole_life("Small");
    for folder in ["work", "log"] {
        for canary in ["a-canary-in-user-data", "a-canary-secret-key", "AKIDCANARY"] {
            assert!(!anywhere(&sandbox.path(folder), canary), "{canary} in {folder}");
        }
    }
    if let Cloud::Emulated(emulator) = &cloud {
        let truth = emulator.truth();
        assert_eq!((truth.len(), truth.live().len(), truth.ended_by_calls().len()), (3, 0, 3));
    }
}

fn hosts_come_and_go_with_the_json_store(kind: Kind) {
    whole_life_on(kind, "json");
}

#[cfg(feature = "sqlite")]
fn hosts_come_and_go_with_the_sqlite_store(kind: Kind) {
    whole_life_on(kind, "sqlite");
}

/// EC2 Fleets of type `maintain` are on the emulator alone (`tests/faults/fleets.rs`); `tests/moto/README.md` lists what moto cannot
/// run. The hosts of moto's fleets bear no `aws:` tags; AWS's do.
fn life_through(kind: Kind, more: &Value) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    cloud.configure(&sandbox, "json", &cloud.template("Fleet", more));
    grid(&sandbox).whole_life("Fleet");
    if let Cloud::Emulated(emulator) = &cloud {
        assert_eq!((emulator.truth().len(), emulator.truth().live().len()), (3, 0));
    }
}

fn hosts_come_and_go_through_an_instant_fleet(kind: Kind) {
    life_through(kind, &json!({"providerApi": "EC2Fleet", "fleetType": "instant"}));
}

fn hosts_come_and_go_through_a_request_fleet(kind: Kind) {
    life_through(kind, &json!({"providerApi": "EC2Fleet", "fleetType": "request"}));
}

fn through_a_spot_fleet(kind: Kind, fleet_type: &str) {
    let role = "arn:aws:iam::123456789012:role/aws-ec2-spot-fleet-tagging-role";
    life_through(
        kind,
        &json!({"providerApi": "SpotFleet", "fleetType": fleet_type, "fleetRole": role, "priceType": "spot"}),
    );
}

fn hosts_come_and_go_through_a_spot_fleet(kind: Kind) {
    through_a_spot_fleet(kind, "request");
}

fn hosts_come_and_go_through_a_spot_fleet_that_keeps_its_size(kind: Kind) {
    through_a_spot_fleet(kind, "maintain");
}

fn hosts_come_and_go_through_a_group(kind: Kind) {
    life_through(kind, &json!({"providerApi": "ASG"}));
}

fn a_request_costs_one_launch_a_poll_one_look_and_a_settled_request_nothing(kind: Kind) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    cloud.configure(&sandbox, "json", &cloud.template("Small", &json!({})));
    let grid = grid(&sandbox);
    let request = grid.request("Small", 40);
    // Whose credentials these are is asked once for a work folder and a key.
    assert_eq!(cloud.actions(), ["GetCallerIdentity", "RunInstances"]);
    let mut polls = 1;
    let mut status = grid.status(&request);
    while status["status"] == "running" {
        status = grid.status(&request);
        polls += 1;
    }
    assert_eq!(status["machines"].as_array().unwrap().len(), 40);
    assert_eq!(cloud.actions()[2..], vec!["DescribeInstances"; polls]);
    // Moto's hosts run when they are first looked at; AWS's take a while, as the emulator's do.
    assert!(matches!(kind, Kind::Emulated) || polls == 1);
    assert_eq!(grid.status(&request), status);
    assert_eq!(cloud.actions().len(), 2 + polls);
    grid.request("Small", 5);
    assert_eq!(cloud.actions()[2 + polls..], ["RunInstances"]);
}

fn an_alias_a_larger_root_volume_and_spot_reach_the_cloud(kind: Kind) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    let more = json!({
        "imageId": "resolve:ssm:/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2",
        "rootDeviceVolumeSize": "30", "volumeType": "gp3", "priceType": "spot", "vmType": "t3.large",
        "instanceTags": {"project": "risk"}, "metadataOptions": {"httpPutResponseHopLimit": 2},
    });
    cloud.configure(&sandbox, "json", &cloud.template("Spot", &more));
    let grid = grid(&sandbox);
    let status = grid.settled(&grid.request("Spot", 2));
    for host in status["machines"].as_array().unwrap() {
        assert_eq!(
            (host["priceType"].as_str(), host["instanceType"].as_str(), host["instanceTags"].as_str()),
            (Some("spot"), Some("t3.large"), Some("project=risk")),
            "{host}"
        );
    }
    assert_eq!(cloud.actions()[1..4], ["GetParameter", "DescribeImages", "RunInstances"]);
}

fn the_aliases_of_a_request_that_cannot_be_resolved_launch_nothing(kind: Kind) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    cloud.configure(&sandbox, "json", &cloud.template("Small", &json!({"imageId": "/no/such/parameter"})));
    let answered =
        grid(&sandbox).ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
    assert_eq!(answered.code, 1);
    assert!(answered.message().contains("/no/such/parameter"), "{}", answered.message());
    assert!(!cloud.actions().contains(&"RunInstances".to_owned()));
}

fn without_credentials_nothing_is_sent_and_the_answer_says_what_to_set(kind: Kind) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    cloud.configure(&sandbox, "json", &cloud.template("Small", &json!({})));
    let variables = vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
    let grid = Grid { sandbox: &sandbox, variables };
    let answered = grid.ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
    assert_eq!(answered.code, 1);
    assert!(answered.message().contains("credentials"), "{}", answered.message());
    assert_eq!(cloud.actions(), Vec::<String>::new());
}

fn an_endpoint_that_is_down_is_an_error_at_once_and_polls_go_on_running(kind: Kind) {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(kind);
    cloud.configure(&sandbox, "json", &cloud.template("Small", &json!({})));
    let grid = grid(&sandbox);
    let request = grid.request("Small", 2);
    drop(cloud);
    let answered = grid.ask("requestMachines", &json!({"template": {"templateId": "Small", "machineCount": 1}}));
    assert_eq!(answered.code, 1, "{}", answered.document);
    let status = grid.status(&request);
    assert_eq!(status["status"], "running");
    assert!(!status["message"].as_str().unwrap().is_empty());
    let host = json!([{"name": "ip-10-0-0-1.ec2.internal", "machineId": "i-0123456789abcdef0"}]);
    assert!(grid.lost(&host).is_empty());
}

/// Replaces what is another value at every run.
fn masked(value: &Value) -> Value {
    match value {
        Value::Array(values) => values.iter().map(masked).collect(),
        // Moto gives every host a public address. On AWS that is for the subnet or the template to say, and the emulator's
        // subnets give none.
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| *key != "publicIpAddress")
            .map(|(key, value)| match key.as_str() {
                "requestId" | "machineId" | "name" | "privateIpAddress" | "launchtime" => (key.clone(), json!("…")),
                _ => (key.clone(), masked(value)),
            })
            .collect(),
        other => other.clone(),
    }
}

#[test]
fn the_documents_are_the_same_on_moto_and_on_the_emulator() {
    let told = |kind: Kind| {
        let sandbox = Sandbox::new();
        let cloud = Cloud::start(kind);
        let more = json!({"instanceTags": "project=risk", "priceType": "spot"});
        cloud.configure(&sandbox, "json", &cloud.template("Small", &more));
        let grid = grid(&sandbox);
        let came = grid.settled(&grid.request("Small", 2));
        let hosts = json!(Grid::named(&came));
        let went = grid.settled(&grid.give_back(&hosts));
        let lost = grid.done("getReturnRequests", &json!({"machines": hosts}));
        ([came, went].map(|document| masked(&document)), lost["requests"].as_array().unwrap().len())
    };
    assert_eq!(told(Kind::Moto), told(Kind::Emulated));
}

#[test]
fn what_moto_knows_of_instance_types_is_learnt_as_the_shipped_table_has_it() {
    let sandbox = Sandbox::new();
    let cloud = Cloud::start(Kind::Moto);
    cloud.configure(&sandbox, "json", &cloud.template("Small", &json!({})));
    let mut program = sandbox.program();
    program.envs(grid(&sandbox).variables).args(["templates", "refresh"]);
    let learnt = Answered::of(&program.output().unwrap());
    assert_eq!((learnt.code, &learnt.document["new"], &learnt.document["changed"]), (0, &json!(0), &json!(0)));
    assert!(
        learnt.document["kept"].as_u64() > Some(900) && learnt.document["leftOut"].as_u64() > Some(0),
        "{learnt:?}"
    );
}
