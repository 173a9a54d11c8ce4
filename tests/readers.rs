//! The readers that take what others wrote: whatever comes, they answer in order, and what they take in is sound.
//!
//! Documents that are right are cut, repeated and filled with odd pieces. `HOSTFACTORY_TEST_TRIALS=n` draws n times as many.

use std::sync::Arc;

use proptest::prelude::*;

use hostfactory::application::ports::TemplateCatalogue;
use hostfactory::domain::template::{OnDemandShare, ProviderApi, ProviderKind, Template};
use hostfactory::infrastructure::config::templates::FileCatalogue;
use hostfactory::infrastructure::config::{Environment, FolderOptions, Overrides, Settings};
use hostfactory::infrastructure::instance_types::KnownInstanceTypes;
use hostfactory::interface::hostfactory::{self as wire, Asked, Empty, Source};

use super::{draw, root};
use crate::support::Sandbox;

/// Pieces that have upset readers of JSON, of numbers and of paths.
const PIECES: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "true",
    "[[[[[[[[[[[[[[[[",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "-0",
    "1e999",
    "99999999999999999999",
    "0.1",
    "\"\"",
    "\"../../etc/passwd\"",
    "\"a\\nb\"",
    "\"$(id)\"",
    "\u{feff}",
    "\u{202e}",
    "\\",
    "//",
    "{\"a\":1,\"a\":2}",
    "\"i-0aa11bb22cc33dd44\"",
    "NaN",
    "\"-1\"",
];

/// A fleet file with every member that is taken.
const FLEET_FILE: &str = r#"{
  "OnDemandOptions": {"AllocationStrategy": "lowest-price"},
  "SpotOptions": {"AllocationStrategy": "lowest-price", "InstancePoolsToUseCount": 2, "InstanceInterruptionBehavior": "terminate"},
  "LaunchTemplateConfigs": [{
    "LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0a", "Version": "1"},
    "Overrides": [
      {"InstanceType": "c5.xlarge", "SubnetId": "subnet-a", "WeightedCapacity": 1, "Priority": 2, "MaxPrice": "0.5"},
      {"InstanceType": "c5.2xlarge", "SubnetId": "subnet-b", "WeightedCapacity": 2, "Priority": 4, "MaxPrice": "0.5"}
    ]
  }],
  "TargetCapacitySpecification": {
    "TotalTargetCapacity": $LSF_TOTAL_TARGET_CAPACITY,
    "OnDemandTargetCapacity": $LSF_ONDEMAND_TARGET_CAPACITY,
    "SpotTargetCapacity": 10,
    "DefaultTargetCapacityType": "spot"
  },
  "Context": "x",
  "Type": "instant"
}"#;

/// One change of a text; places are drawn from the whole range and taken modulo its length.
#[derive(Debug, Clone)]
enum Change {
    Cut(usize, usize),
    Put(usize, usize),
    Repeat(usize, usize),
    Byte(usize, u8),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let place = any::<usize>;
    let change = prop_oneof![
        (place(), 0..40_usize).prop_map(|(at, length)| Change::Cut(at, length)),
        (place(), 0..PIECES.len()).prop_map(|(at, piece)| Change::Put(at, piece)),
        (place(), 0..40_usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        (place(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
    ];
    prop::collection::vec(change, 0..8)
}

fn changed(text: &str, changes: &[Change]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for change in changes {
        let place = |at: usize| at % (bytes.len() + 1);
        let part = |at: usize, length: usize| place(at)..(place(at) + length).min(bytes.len());
        match *change {
            Change::Cut(at, length) => drop(bytes.drain(part(at, length))),
            Change::Put(at, piece) => {
                let at = place(at);
                bytes.splice(at..at, PIECES[piece].bytes());
            }
            Change::Repeat(at, length) => {
                let repeated = bytes[part(at, length)].to_vec();
                let at = place(at);
                bytes.splice(at..at, repeated);
            }
            Change::Byte(at, byte) => {
                let at = place(at);
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
        }
    }
    bytes
}

fn cases() -> ProptestConfig {
    let times = u32::try_from(draw::times()).unwrap_or(u32::MAX);
    ProptestConfig { cases: times.saturating_mul(400), failure_persistence: None, ..ProptestConfig::default() }
}

fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found: Vec<_> =
        std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_str().is_some_and(|path| path.ends_with(ending) && !path.contains("output")));
    found.sort();
    found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// What every refusal must be: short, on one line, and about something.
fn assert_told(message: &str) {
    assert!(!message.trim().is_empty());
    assert!(message.chars().count() < 2_000 && !message.chars().any(char::is_control), "{message:?}");
}

/// What every template that is read must be.
fn assert_sound(template: &Template) {
    assert!(!template.id().as_str().contains('/'));
    let launch = template.launch();
    let plain = template.api() == ProviderApi::RunInstances;
    for one in launch.instance_types.iter().chain(&launch.fleet.on_demand_types) {
        assert!((1..=1000).contains(&one.weight) && (!plain || one.weight == 1), "{template:?}");
    }
    if let OnDemandShare::Percent(percent) = launch.fleet.on_demand_share {
        assert!((1..=100).contains(&percent), "{template:?}");
    }
    assert!(!plain || launch.fleet.is_default(), "{template:?}");
    let kept = serde_json::to_string(template).unwrap();
    assert_eq!(&serde_json::from_str::<Template>(&kept).unwrap(), template, "what is kept is read again");
}

fn is_sound(id: &str) -> bool {
    id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !id.starts_with('.')
}

fn load(sandbox: &Sandbox) -> Result<Settings, String> {
    let below = |name: &str| Some(sandbox.path(name));
    let folders = FolderOptions { config: below("conf"), work: below("work"), log: below("log") };
    let overrides = Overrides { folders, settings: Vec::new() };
    Settings::load(&overrides, &Environment::capture()).map_err(|error| error.to_string())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn inputs_are_read_or_refused(which in any::<usize>(), changes in changes()) {
        let examples = files("tests/fixtures/examples", ".json");
        let bytes = changed(&examples[which % examples.len()], &changes);
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, &bytes).unwrap();
        let input = match wire::read(&Source::File(file.path().to_owned()), Empty::IsObject) {
            Ok(input) => input,
            Err(error) => {
                assert_told(&error.to_string());
                return Ok(());
            }
        };
        match wire::request_machines(&input) {
            Ok(order) => {
                prop_assert!((1..=10_000).contains(&order.count.get()) && !order.template.as_str().contains('/'));
            }
            Err(error) => assert_told(&error.to_string()),
        }
        match wire::return_machines(&input) {
            Ok(order) => for host in order.hosts {
                prop_assert!(host.id.is_some() || host.name.is_some());
                prop_assert!(host.id.is_none_or(|id| is_sound(id.as_str())));
                prop_assert!(host.name.is_none_or(|name| is_sound(name.as_str())));
            },
            Err(error) => assert_told(&error.to_string()),
        }
        match wire::request_ids(&input) {
            Ok(ids) => for id in ids {
                if let Asked::Ours(id) = id {
                    prop_assert!(is_sound(id.as_str()));
                }
            },
            Err(error) => assert_told(&error.to_string()),
        }
        let held = wire::held_hosts(&input);
        held.problems.iter().for_each(|problem| assert_told(&problem.to_string()));
    }

    #[test]
    fn configurations_are_read_or_refused_by_name(
        which in prop::sample::select(vec!["config.json", "testinstprov_config.json"]),
        changes in changes(),
    ) {
        let ours = r#"{"provider": {"type": "simulated", "simulated": {"bootSeconds": 3}}, "storage": {"strategy": "json",
            "lockTimeoutSeconds": "30"}, "template": {"brake": {"deaths": 10}}, "logging": {"level": "info"}}"#;
        let ibm = r#"{"AWS_REGION": "us-east-1", "AWS_CREDENTIAL_FILE": "/etc/aws", "AWS_SPOT_TERMINATE_ON_RECLAIM": "false",
            "LogLevel": "INFO", "AWS_REQUEST_RETRY_ATTEMPTS": 2}"#;
        let sandbox = Sandbox::new();
        sandbox.write("conf/config.json", ours);
        let right = if which == "config.json" { ours } else { ibm };
        sandbox.write(&format!("conf/{which}"), changed(right, &changes));
        match load(&sandbox) {
            Ok(settings) => prop_assert!(settings.describe(true).is_object()),
            Err(message) => {
                assert_told(&message);
                prop_assert!(message.contains(which) || !changes.is_empty());
            }
        }
    }

    #[test]
    fn template_files_are_read_or_refused_one_by_one(which in any::<usize>(), changes in changes()) {
        let sandbox = Sandbox::new();
        sandbox.write("conf/config.json", r#"{"provider": {"type": "aws"}}"#);
        let examples = files("config", "templates.json");
        let bytes = changed(&examples[which % examples.len()], &changes);
        sandbox.write("conf/testinstprov_templates.json", bytes);
        let settings = load(&sandbox).map_err(TestCaseError::fail)?.templates;
        let types = Arc::new(KnownInstanceTypes::new(sandbox.path("work")));
        let catalogue =
            FileCatalogue::new(sandbox.path("conf"), "testinst".to_owned(), ProviderKind::Aws, settings, types);
        match catalogue.list() {
            Ok(listing) => {
                prop_assert!(!listing.templates.is_empty(), "never a success without a template");
                listing.refused.iter().for_each(|refused| assert_told(&refused.reason));
                listing.templates.iter().for_each(assert_sound);
            }
            Err(error) => assert_told(&error.to_string()),
        }
    }

    #[test]
    fn fleet_files_are_read_or_refused_by_name(changes in changes()) {
        let sandbox = Sandbox::new();
        sandbox.write("conf/config.json", r#"{"provider": {"type": "aws"}}"#);
        sandbox.write("conf/fleet.json", changed(FLEET_FILE, &changes));
        sandbox.write("conf/testinstprov_templates.json", r#"[{"templateId": "t", "maxNumber": 1, "imageId": "ami-1",
            "vmType": "m6i.large", "subnetId": "subnet-1", "attributes": {"type": "X86_64", "ncpus": 1, "nram": 1},
            "ec2FleetConfig": "fleet.json"}]"#);
        let settings = load(&sandbox).map_err(TestCaseError::fail)?.templates;
        let types = Arc::new(KnownInstanceTypes::new(sandbox.path("work")));
        let catalogue =
            FileCatalogue::new(sandbox.path("conf"), "testinst".to_owned(), ProviderKind::Aws, settings, types);
        match catalogue.list() {
            Ok(listing) => listing.templates.iter().for_each(assert_sound),
            Err(error) => {
                assert_told(&error.to_string());
                prop_assert!(!changes.is_empty(), "{error}");
            }
        }
    }
}
