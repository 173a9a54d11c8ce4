//! What a thousand units and ten thousand hosts cost: hosts exactly, calls, pages and memory.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use hostfactory_emulator::SUBNETS;
use serde_json::{Value, json};

use super::bench::Bench;
use super::fleets::{creation_of, on_ways, template_of};
use super::words::{MINUTE, about, ids};
use crate::life::Grid;
use crate::support::say;

/// The ids of hosts, each once.
fn set(ids: Vec<String>) -> BTreeSet<String> {
    let count = ids.len();
    let set: BTreeSet<String> = ids.into_iter().collect();
    assert_eq!(set.len(), count, "none is told twice");
    set
}

/// The calls of `work`, by action.
fn calls_of<T>(bench: &Bench, work: impl FnOnce() -> T) -> (T, Vec<String>) {
    let before = bench.emulator.actions().len();
    let answer = work();
    (answer, bench.emulator.actions().split_off(before))
}

fn count(calls: &[String], action: &str) -> usize {
    calls.iter().filter(|call| *call == action).count()
}

#[test]
fn a_thousand_weighted_hosts_are_one_fleet_exactly_its_hosts_and_few_calls() {
    on_ways(&["instant", "maintain", "spot request"], |bench, way| {
        let mut template = template_of(way);
        template["vmTypes"] = json!({"m6i.large": 3, "c6i.large": 4});
        bench.offer(&[template]);
        bench.emulator.pool("c6i.large", "*", None, 150);
        // A thousand hosts of an instant fleet, and of the others a thousand units, which is some 300.
        let (order, pages) = if way == "instant" { (3_500, 6) } else { (1_000, 4) };
        let (id, made) = calls_of(bench, || bench.request_from("Fleet", order));
        bench.pass(MINUTE);
        let (status, asked) = calls_of(bench, || bench.status(&id));
        let hosts = Grid::named(&status);
        assert_eq!(status["status"], "complete", "{}", status["message"]);
        let truth = bench.emulator.truth();
        assert_eq!(set(ids(&hosts)), set(truth.live().ids()), "each host is told, and no other");
        let weight = |kind: &str| if kind == "m6i.large" { 3 } else { 4 };
        let units: u32 = truth.live().instances.iter().map(|host| weight(&host.launch.instance_type)).sum();
        assert!((order..order + 4).contains(&units), "{units} units");
        assert!(way != "instant" || hosts.len() > 1_000, "{} hosts", hosts.len());
        assert_eq!(truth.len(), hosts.len(), "none was launched in vain");
        assert_eq!(count(&made, creation_of(way)) + count(&asked, creation_of(way)), 1, "{made:?} {asked:?}");
        // Hosts are looked at 200 by id, or a thousand by tag; the rest is what the fleet itself takes.
        say(&format!("{way}: {} hosts, {made:?}, {asked:?}", hosts.len()));
        assert!(made.len() <= 5, "{made:?}");
        assert!(asked.len() <= 12 && count(&asked, "DescribeInstances") <= pages, "{asked:?}");
        let (back, ended) = calls_of(bench, || bench.give_back(&json!(hosts)));
        bench.pass(MINUTE);
        assert_eq!(bench.status(&back)["status"], "complete");
        say(&format!("{way}: {ended:?}"));
        assert!(ended.len() <= 12, "{ended:?}");
        assert_eq!(bench.emulator.truth().live().len(), 0);
        assert_eq!(bench.emulator.truth().len(), hosts.len(), "none was replaced");
    });
}

/// The most that a call may hold in memory, in KiB.
const MOST_MEMORY: u32 = 64 * 1024;

/// Carries out a call that may hold so much in memory: heap, stacks, and everything else that it can write to. The JSON
/// store, which is one document, may hold what it needs.
fn within_memory(bench: &Bench, call: &str, input: &Value) -> Value {
    if bench.store == "json" {
        return bench.done(call, input);
    }
    let program = bench.command(call);
    let mut limited = Command::new("/bin/sh");
    let variables = program.get_envs().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    limited.env_clear().envs(variables.collect::<Vec<_>>());
    let script = format!("ulimit -d {MOST_MEMORY}; exec \"$0\" \"$@\"");
    limited.args(["-c", &script]).arg(program.get_program()).args(program.get_args());
    limited.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let answered = bench.start_with(call, input, limited).answered();
    assert_eq!(answered.code, 0, "{call}: {} {}", answered.message(), answered.stderr);
    answered.document
}

#[test]
fn row_103_ten_thousand_hosts_are_looked_at_by_pages_of_a_thousand_and_in_64_mebibytes() {
    on_ways(&["instant"], |bench, _| {
        let most = if bench.store == "json" { 3_000 } else { 10_000 };
        for subnet in &SUBNETS[..2] {
            bench.emulator.subnet_free(subnet, 10_000).unwrap();
        }
        let id = bench.request_from("Fleet", most);
        assert_eq!((bench.emulator.truth().len(), bench.count_of("CreateFleet")), (most as usize, 1));
        bench.pass(Duration::from_secs(5));
        let (status, booting) = calls_of(bench, || within_memory(bench, "getRequestStatus", &about(&id)));
        assert_eq!(status["requests"][0]["status"], "running");
        bench.pass(MINUTE);
        let (status, running) = calls_of(bench, || within_memory(bench, "getRequestStatus", &about(&id)));
        let hosts = Grid::named(&status["requests"][0]);
        assert_eq!(set(ids(&hosts)), set(bench.emulator.truth().live().ids()));
        let (lost, asked) = calls_of(bench, || bench.lost(&json!(hosts)));
        assert!(lost.is_empty());
        for calls in [booting, running, asked] {
            say(&format!("{} pages of {} calls", count(&calls, "DescribeInstances"), calls.len()));
            assert!(calls.len() <= 50 && count(&calls, "DescribeInstances") <= most as usize / 1_000, "{calls:?}");
        }
        assert_eq!(bench.emulator.truth().len(), most as usize);
    });
}
