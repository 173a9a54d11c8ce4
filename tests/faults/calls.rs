//! How many calls a life of hosts costs on each way, against what `docs/aws-calls.md` promises (INV-11).

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::bench::Bench;
use super::fleets::{template_of, ways};
use super::words::template;
use crate::root;
use crate::support::say;

/// The figures of the document: way, and the most calls of a life.
fn promised() -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(root().join("docs/aws-calls.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let name = cells.first()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
        Some((name, cells.last()?.parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

/// A life: an order, a question while hosts boot, one when they run, a return, a question when they have ended.
fn live(bench: &Bench) -> Vec<String> {
    let before = bench.emulator.actions().len();
    let id = bench.request(10);
    bench.status(&id);
    bench.pass(Duration::from_mins(1));
    let status = bench.status(&id);
    assert_eq!(status["status"], "complete", "{status}");
    let back = bench.give_back(&json!(crate::life::Grid::named(&status)));
    bench.pass(Duration::from_mins(1));
    assert_eq!(bench.status(&back)["status"], "complete");
    bench.emulator.actions().split_off(before)
}

#[test]
fn a_life_of_ten_hosts_costs_no_more_calls_than_the_document_promises() {
    let promised = promised();
    let mut names = vec!["RunInstances"];
    names.extend(ways().iter().map(|(name, _)| *name));
    assert_eq!(
        promised.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
        names.iter().copied().collect()
    );
    for name in names {
        let bench = Bench::new("json");
        bench.emulator.fleet_modifying(Duration::ZERO);
        let mut offer = if name == "RunInstances" { template("Small", &json!({})) } else { template_of(name) };
        offer["templateId"] = json!("Small");
        bench.offer(&[offer]);
        // The first life makes the launch template, and asks whose credentials these are.
        let first = live(&bench);
        let calls = live(&bench);
        say(&format!("{name}: {} {calls:?}, the first time {}", calls.len(), first.len()));
        assert!(calls.len() <= promised[name], "{name}: {} calls: {calls:?}", calls.len());
    }
}
