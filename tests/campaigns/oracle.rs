//! The universal oracle: whatever the case was about, these hold once faults stop.
//!
//! It compares what the emulator knows to be true with everything that the program ever printed. INV-02 no host too many,
//! INV-03 no host that nobody knows, INV-04 no id forgotten, INV-05 nothing goes back, INV-07 and 08 no wrong victim,
//! INV-09 one document a call, INV-12 the store opens, INV-15 no secret told, INV-18 everything settles.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hostfactory_emulator::{Actor, End, State, TrueInstance, Truth};
use serde_json::{Value, json};

use crate::faults::bench::{Bench, Said};
use crate::life::anywhere;

/// How often Host Factory asks before everything must be in order.
const ROUNDS: usize = 20;
/// How many rounds more it must stay in order.
const STEADY: usize = 2;

/// Stops the faults, lets Host Factory go on asking while both clocks move on, and returns every violation.
pub(crate) fn judge(bench: &Bench) -> Vec<String> {
    bench.emulator.clear_faults();
    let mut orderly = 0;
    let mut found = Vec::new();
    for round in 0..ROUNDS {
        ask(bench, round);
        found = violations(bench);
        orderly = if found.is_empty() { orderly + 1 } else { 0 };
        if orderly > STEADY {
            break;
        }
        // A call at least every five minutes, or nothing counts as watched.
        bench.pass(if round < 3 { Duration::from_secs(30) } else { Duration::from_secs(270) });
    }
    for folder in ["work", "log"] {
        for secret in bench.keys().iter().map(String::as_str).chain(["a-canary-secret-key"]) {
            if anywhere(&bench.sandbox.path(folder), secret) {
                found.push(format!("INV-15: {secret} is in {folder}"));
            }
        }
    }
    found
}

/// One round of Host Factory's questions, and the recovery on demand.
fn ask(bench: &Bench, round: usize) {
    let view = View::of(&bench.said());
    let open = view.printed().any(|id| view.last(id).is_none_or(|entry| text(entry, "status") == "running"));
    let printed: Vec<Value> = view.printed().map(|id| json!({"requestId": id})).collect();
    // What is settled is asked about now and then, since it must stay as it is.
    if !printed.is_empty() && (open || round.is_multiple_of(3)) {
        bench.start("getRequestStatus", &json!({"requests": printed})).answered();
    }
    bench.start("getReturnRequests", &json!({"machines": view.held()})).answered();
    bench.start("reconcile", &json!({})).answered();
}

/// What a request or a host came to, each time it was told.
#[derive(Debug, Default)]
struct View {
    /// Hosts asked for, by the ids that were printed.
    orders: BTreeMap<String, u32>,
    /// Returns whose ids were printed, with the hosts as they were named.
    returns: BTreeMap<String, Vec<Value>>,
    /// Hosts asked for by calls that printed no id.
    unprinted: Vec<u32>,
    /// Every host that any return named, printed or not.
    named: Vec<Value>,
    /// What was told about each request, in order.
    statuses: BTreeMap<String, Vec<Told>>,
    /// What getReturnRequests said last, and about which hosts.
    lost: Option<(Vec<Value>, BTreeSet<String>)>,
    /// What the calls did wrong by themselves.
    wrong: Vec<String>,
}

/// One answer about a request, and when it was asked for and had.
#[derive(Debug)]
struct Told {
    entry: Value,
    began: Instant,
    ended: Instant,
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(host: &Value, named: &Value) -> bool {
    match (text(named, "machineId"), text(named, "name")) {
        ("", "") => named.as_str().is_some_and(|word| word == text(host, "machineId") || word == text(host, "name")),
        ("", name) => name == text(host, "name"),
        (id, _) => id == text(host, "machineId"),
    }
}

impl View {
    fn of(said: &[Said]) -> Self {
        let mut view = Self::default();
        for said in said {
            view.read(said);
        }
        view
    }

    fn read(&mut self, said: &Said) {
        let document = said.document();
        let whole = document.is_some() || said.stdout.is_empty();
        match said.code {
            // A killed process prints its document whole or not at all.
            None if !whole => self.wrong.push(format!("INV-09: {} died in its answer: {:?}", said.call, said.stdout)),
            None => {}
            Some(0 | 1) if document.is_some() => {}
            Some(code) => {
                self.wrong.push(format!("INV-09: {} left with {code}: {:?} {}", said.call, said.stdout, said.stderr));
            }
        }
        if said.stdout.contains("a-canary") || said.stderr.contains("a-canary") {
            self.wrong.push(format!("INV-15: {} tells a secret: {} {}", said.call, said.stdout, said.stderr));
        }
        let answer = document.filter(|_| said.code != Some(1)).unwrap_or_default();
        let id = text(&answer, "requestId").to_owned();
        match said.call.as_str() {
            "requestMachines" => {
                let order = &said.input["template"]["machineCount"];
                let wanted = order.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or_default();
                if id.is_empty() {
                    self.unprinted.push(wanted);
                } else {
                    self.orders.insert(id, wanted);
                }
            }
            "requestReturnMachines" => {
                let hosts = list(&said.input["machines"]).to_vec();
                self.named.extend(hosts.iter().cloned());
                if !id.is_empty() {
                    self.returns.insert(id, hosts);
                }
            }
            "getRequestStatus" => {
                for entry in list(&answer["requests"]) {
                    let told = Told { entry: entry.clone(), began: said.began, ended: said.ended };
                    self.statuses.entry(text(entry, "requestId").to_owned()).or_default().push(told);
                }
            }
            "getReturnRequests" if said.code == Some(0) => {
                let told = list(&answer["requests"]).iter().map(|lost| text(lost, "machine").to_owned());
                self.lost = Some((list(&said.input["machines"]).to_vec(), told.collect()));
            }
            // A report of what stood in the way ends with 1 as well, and says so under `problems`.
            "reconcile" if said.code == Some(1) && said.document().is_none_or(|told| told["problems"].is_null()) => {
                self.wrong.push(format!("INV-12: reconcile cannot run: {}", said.stdout));
            }
            _ => {}
        }
    }

    fn printed(&self) -> impl Iterator<Item = &String> {
        self.orders.keys().chain(self.returns.keys())
    }

    fn last(&self, id: &str) -> Option<&Value> {
        self.statuses.get(id).and_then(|told| told.last()).map(|told| &told.entry)
    }

    /// The hosts that a settled order reported as `succeed` when it was last asked about. Host Factory takes no others.
    fn delivered(&self) -> Vec<Value> {
        let settled = |id: &String| self.last(id).filter(|entry| text(entry, "status") != "running");
        let of = |id: &String| settled(id).map(|entry| list(&entry["machines"]).to_vec()).unwrap_or_default();
        self.orders.keys().flat_map(of).filter(|host| text(host, "result") == "succeed").collect()
    }

    /// Whether any answer ever reported the host as usable.
    fn was_delivered(&self, host: &str) -> bool {
        let told = self.orders.keys().filter_map(|id| self.statuses.get(id)).flatten();
        told.filter(|told| text(&told.entry, "status") != "running").any(|told| {
            list(&told.entry["machines"]).iter().any(|h| text(h, "machineId") == host && text(h, "result") == "succeed")
        })
    }

    fn was_returned(&self, host: &Value) -> bool {
        self.named.iter().any(|named| is(host, named))
    }

    /// The hosts that Host Factory holds: delivered, and not given back.
    fn held(&self) -> Vec<Value> {
        let host = |host: &Value| json!({"name": host["name"], "machineId": host["machineId"]});
        self.delivered().iter().filter(|delivered| !self.was_returned(delivered)).map(host).collect()
    }
}

/// Returns every violation that shows now.
fn violations(bench: &Bench) -> Vec<String> {
    let view = View::of(&bench.said());
    let truth = bench.emulator.truth();
    let mut found = view.wrong.clone();
    found.extend(told_in_order(&view));
    let Some(installation) = bench.installation() else { return found };
    let ours = truth.tagged("hostfactory:owner", &installation);
    found.extend(too_many(&view, &ours));
    found.extend(unknown_hosts(bench, &view, &ours));
    found.extend(victims(bench, &view, &truth, &installation));
    found.extend(lost_hosts(bench, &view, &ours));
    found
}

/// INV-04, 05, 18: each id answers, nothing goes back, everything settles.
fn told_in_order(view: &View) -> Vec<String> {
    let mut found = Vec::new();
    for id in view.printed() {
        let Some(told) = view.statuses.get(id) else {
            found.push(format!("INV-04: {id} was never answered"));
            continue;
        };
        for (number, later) in told.iter().enumerate() {
            if text(&later.entry, "message").starts_with("Unknown request id") {
                found.push(format!("INV-04: {id} was printed and is not known: {}", later.entry));
            }
            // Of two calls at once each may be the first.
            for earlier in told[..number].iter().filter(|earlier| earlier.ended <= later.began) {
                found.extend(went_back(&earlier.entry, &later.entry).map(|what| format!("INV-05: {id}: {what}")));
            }
        }
        if told.last().is_none_or(|last| text(&last.entry, "status") == "running") {
            found.push(format!("INV-18: {id} is still running: {:?}", told.last()));
        }
    }
    found
}

/// What a later answer about a request takes back of an earlier one.
fn went_back(earlier: &Value, later: &Value) -> Option<String> {
    let (was, is) = (text(earlier, "status"), text(later, "status"));
    if was != "running" && was != is {
        return Some(format!("from {was} to {is}"));
    }
    let before: BTreeMap<&str, &str> =
        list(&earlier["machines"]).iter().map(|host| (text(host, "machineId"), text(host, "result"))).collect();
    list(&later["machines"]).iter().find_map(|host| {
        let (id, now) = (text(host, "machineId"), text(host, "result"));
        let told = *before.get(id).filter(|told| **told != "executing" && **told != now)?;
        // A host of an open request can still fail (`aws-semantics.md` section 15).
        (was != "running" || now != "fail").then(|| format!("{id} from {told} to {now}"))
    })
}

/// INV-02: never more hosts than wanted, neither live nor told.
fn too_many(view: &View, ours: &Truth) -> Vec<String> {
    let mut found = Vec::new();
    let requests: BTreeSet<&str> = ours.instances.iter().filter_map(|i| i.tag("hostfactory:request-id")).collect();
    for id in requests {
        let most = ours.of_request(id).most_at_once();
        // A request whose id was not printed is one of those calls that printed none.
        let wanted = view.orders.get(id).or_else(|| view.unprinted.iter().max()).copied().unwrap_or_default();
        if most > wanted as usize {
            found.push(format!("INV-02: {id} had {most} hosts at once and wanted {wanted}"));
        }
    }
    let mut owners: BTreeMap<String, &String> = BTreeMap::new();
    for (id, wanted) in &view.orders {
        let hosts = view.last(id).map(|entry| list(&entry["machines"]).to_vec()).unwrap_or_default();
        let usable: Vec<&Value> = hosts.iter().filter(|host| text(host, "result") == "succeed").collect();
        if usable.len() > *wanted as usize {
            found.push(format!("INV-02: {id} delivered {} hosts and wanted {wanted}", usable.len()));
        }
        for host in usable {
            if let Some(other) = owners.insert(text(host, "machineId").to_owned(), id) {
                found.push(format!("INV-02: {} was delivered by {other} and {id}", text(host, "machineId")));
            }
            if ours.instance(text(host, "machineId")).is_none() {
                found.push(format!("INV-02: {} of {id} does not exist", text(host, "machineId")));
            }
        }
    }
    found
}

/// INV-03 and 20: each live host of ours is one that Host Factory holds, or one whose return says why it is not ended.
fn unknown_hosts(bench: &Bench, view: &View, ours: &Truth) -> Vec<String> {
    let delivered = view.delivered();
    let refused: Vec<Value> = view
        .returns
        .keys()
        .filter_map(|id| view.last(id))
        .flat_map(|entry| list(&entry["machines"]).to_vec())
        .filter(|host| text(host, "result") == "fail" && !text(host, "message").is_empty())
        .collect();
    let given_back: Vec<&Value> = view.returns.values().flatten().collect();
    let mut found = Vec::new();
    for host in ours.live().instances.iter().filter(|host| !bench.is_tampered(&host.id)) {
        let Some(told) = delivered.iter().find(|told| text(told, "machineId") == host.id) else {
            let request = host.tag("hostfactory:request-id");
            found.push(format!("INV-03: {} of {request:?} lives and Host Factory does not hold it", host.id));
            continue;
        };
        let kept = |host: &Value| !given_back.iter().any(|named| is(host, named));
        if !kept(told) && refused.iter().all(|item| text(item, "machineId") != host.id) {
            found.push(format!("INV-20: {} was given back and lives", host.id));
        }
    }
    found
}

/// INV-07 and 08: what our calls ended was named by Host Factory, or was ours and never delivered.
///
/// A fleet or group that has a lower number than hosts chooses by itself which of them end: that is a call of ours as well.
fn victims(bench: &Bench, view: &View, truth: &Truth, installation: &str) -> Vec<String> {
    let (calls, keys) = (bench.emulator.calls(), bench.keys());
    let by_us = |instance: &&TrueInstance| match &instance.end {
        Some(End { by: Actor::Call(number), .. }) => {
            calls.iter().any(|call| call.number == *number && keys.contains(&call.access_key))
        }
        _ => false,
    };
    let mut found = Vec::new();
    let delivered: Vec<Value> =
        view.statuses.values().flatten().flat_map(|told| list(&told.entry["machines"]).to_vec()).collect();
    let chosen = [truth.ended_by_fleets(), truth.ended_by_groups()];
    // A group also ends what the case made stop or fail its checks.
    let chosen = chosen.iter().flat_map(|ended| &ended.instances).filter(|host| !bench.is_tampered(&host.id));
    for victim in truth.instances.iter().filter(by_us).chain(chosen) {
        let named = json!({"machineId": victim.id});
        let told = delivered.iter().find(|host| is(host, &named)).cloned().unwrap_or(named);
        if view.was_returned(&told) {
            continue;
        }
        let ours = victim.tag("hostfactory:owner") == Some(installation);
        if !ours {
            found.push(format!("INV-08: {} is not ours, nobody named it, and we ended it", victim.id));
        } else if view.was_delivered(&victim.id) {
            found.push(format!("INV-07: {} was delivered and not given back, and we ended it", victim.id));
        }
    }
    found
}

/// Host Factory is told of exactly those of its hosts that are gone or going.
fn lost_hosts(bench: &Bench, view: &View, ours: &Truth) -> Vec<String> {
    let Some((held, told)) = &view.lost else { return Vec::new() };
    let mut found = Vec::new();
    for host in held {
        let Some(instance) = ours.instance(text(host, "machineId")) else { continue };
        if bench.is_tampered(&instance.id) {
            continue;
        }
        let gone = matches!(instance.state, State::ShuttingDown | State::Terminated | State::Stopping | State::Stopped);
        if gone != told.contains(text(host, "name")) {
            found.push(format!("row 75: {} is {:?}, and getReturnRequests says {told:?}", instance.id, instance.state));
        }
    }
    found
}
