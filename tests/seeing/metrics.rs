//! Metrics, on standard output and in a file.

use std::collections::BTreeMap;
use std::path::Path;

use hostfactory::application::metrics::FAMILIES;
use serde_json::json;

use super::{configured, order, ran, told};
use crate::root;
use crate::support::{Sandbox, stores};

/// The samples of a document.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

fn taken(sandbox: &Sandbox) -> BTreeMap<String, f64> {
    let output = ran(sandbox, "metrics");
    assert!(output.status.success(), "{output:?}");
    samples(std::str::from_utf8(&output.stdout).unwrap())
}

#[test]
fn metrics_tell_what_is_there_and_what_has_happened() {
    for store in stores() {
        let sandbox = configured(store, &json!({}));
        let empty = taken(&sandbox);
        assert!((empty["hostfactory_store_readable"] - 1.0).abs() < f64::EPSILON);
        order(&sandbox, 2);
        order(&sandbox, 1);
        let metrics = taken(&sandbox);
        for (name, value) in [
            (r#"hostfactory_requests{kind="acquire",status="complete",template="Simulated-1"}"#, 2.0),
            (r#"hostfactory_machines{status="running",template="Simulated-1"}"#, 3.0),
            (r#"hostfactory_requests_total{kind="acquire",template="Simulated-1"}"#, 2.0),
            (r#"hostfactory_requested_hosts_total{kind="acquire",template="Simulated-1"}"#, 3.0),
            (r#"hostfactory_requests_settled_total{kind="acquire",status="complete",template="Simulated-1"}"#, 2.0),
            (r#"hostfactory_launch_attempts_total{outcome="ok"}"#, 2.0),
            (r#"hostfactory_events_total{event="MachineCreated"}"#, 3.0),
            ("hostfactory_request_first_host_seconds_count", 2.0),
            (r#"hostfactory_request_settled_seconds_count{kind="acquire"}"#, 2.0),
            ("hostfactory_events_uncounted_total", 0.0),
        ] {
            assert_eq!(metrics.get(name).copied(), Some(value), "{store}: {name}");
        }
        assert!(metrics[r#"hostfactory_store_bytes{part="store"}"#] > 500.0);
    }
}

#[test]
fn counters_outlast_the_events_that_they_were_counted_from() {
    for store in stores() {
        let sandbox = configured(store, &json!({"events": {"retentionHours": 1}}));
        let name = r#"hostfactory_requests_total{kind="acquire",template="Simulated-1"}"#;
        order(&sandbox, 1);
        assert!((taken(&sandbox)[name] - 1.0).abs() < f64::EPSILON);
        // Two days later the events of today are forgotten with the next commit.
        let order = json!({"template": {"templateId": "Simulated-1", "machineCount": 1}}).to_string();
        let later = |line: &[&str]| {
            let output = sandbox.program().env("HOSTFACTORY_TEST_CLOCK", "172800").args(line).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        later(&["requestMachines", "--data", &order]);
        later(&["requestMachines", "--data", &order]);
        let kept = later(&["events", "list", "--limit", "0", "--name", "RequestCreated", "--output", "name"]);
        assert_eq!(kept.lines().count(), 2, "{store}: the first one is forgotten: {kept}");
        assert!((samples(&later(&["metrics"]))[name] - 3.0).abs() < f64::EPSILON, "{store}");
    }
}

fn still_is(path: &Path, text: &str) -> bool {
    std::fs::read_to_string(path).unwrap() == text
}

#[test]
fn a_file_is_written_as_a_whole_and_calls_renew_it_when_it_is_old() {
    for store in stores() {
        let sandbox = configured(store, &json!({}));
        let path = sandbox.path("hostfactory.prom");
        let given = told(&sandbox, "metrics --file");
        assert_eq!(given.code, 2, "no file is configured: {given:?}");
        sandbox.write("conf/config.json", {
            let text = std::fs::read_to_string(sandbox.path("conf/config.json")).unwrap();
            let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
            config["metrics"] = json!({"file": path, "everySeconds": 3600});
            config.to_string()
        });
        order(&sandbox, 1);
        let first = std::fs::read_to_string(&path).unwrap();
        assert!(samples(&first)[r#"hostfactory_events_total{event="RequestCreated"}"#] > 0.0, "{store}: {first}");
        order(&sandbox, 1);
        assert!(still_is(&path, &first), "{store}: an hour has not passed");
        let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000);
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        order(&sandbox, 1);
        assert!(!still_is(&path, &first), "{store}: an old one is renewed");
        let given = told(&sandbox, "metrics --file").document;
        assert_eq!(given["file"], json!(path));
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(given["samples"], samples(&text).len());
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap().flatten();
        assert_eq!(beside.filter(|entry| entry.file_name().to_string_lossy().contains("prom")).count(), 1);
    }
}

#[test]
fn row_112_a_file_of_metrics_that_cannot_be_written_changes_no_answer() {
    for store in stores() {
        let folder = |sandbox: &Sandbox| sandbox.path("taken.prom");
        let sandbox = configured(store, &json!({}));
        std::fs::create_dir(folder(&sandbox)).unwrap();
        for path in [folder(&sandbox), sandbox.path("missing/a.prom")] {
            let order = json!({"template": {"templateId": "Simulated-1", "machineCount": 1}}).to_string();
            let setting = format!("metrics.file={}", path.display());
            let output =
                sandbox.program().args(["requestMachines", "--data", &order, "--set", &setting]).output().unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
            let failed = sandbox.program().args(["metrics", "--set", &setting, "--file"]).output().unwrap();
            assert_eq!(failed.status.code(), Some(1), "{failed:?}");
            assert!(String::from_utf8_lossy(&failed.stdout).contains("prom"), "{failed:?}");
        }
    }
}

#[test]
fn metrics_of_a_damaged_store_say_so_and_tell_the_rest() {
    let sandbox = configured("json", &json!({}));
    order(&sandbox, 1);
    let before = taken(&sandbox);
    sandbox.write("work/data/request_database.json", "{\"requests\":");
    let metrics = taken(&sandbox);
    assert!(metrics["hostfactory_store_readable"].abs() < f64::EPSILON);
    let counter = r#"hostfactory_requests_total{kind="acquire",template="Simulated-1"}"#;
    assert_eq!(metrics[counter].to_bits(), before[counter].to_bits());
    assert!(metrics.keys().all(|name| !name.starts_with("hostfactory_machines{")));
}

#[test]
fn the_page_about_metrics_lists_every_one_with_its_kind_and_meaning() {
    let page = std::fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let rows: Vec<String> =
        FAMILIES.map(|family| format!("| `{}` | {} | {} |", family.name, family.kind.word(), family.help)).into();
    let missing: Vec<&String> = rows.iter().filter(|row| !page.lines().any(|line| line == *row)).collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks these rows: {missing:#?}");
    let listed = page.lines().filter(|line| line.starts_with("| `hostfactory_")).count();
    assert_eq!(listed, rows.len(), "docs/metrics.md lists metrics that there are not");
}
