//! The fault fuzz: one emulated day of calls by several processes at a time, for hosts by every way, on a cloud that goes
//! wrong at random; then the oracle judges.
//!
//! `HOSTFACTORY_TEST_TRIALS=n` runs n seeds on each store, `HOSTFACTORY_TEST_SEED=n` begins with that seed; it is the whole
//! of what is drawn, up to the order in which processes that run together come to the emulator.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hostfactory_emulator::{Edit, Fault, Garble, Market, SUBNETS, Truth};
use serde_json::{Value, json};

use super::oracle;
use crate::draw::{self, Draw};
use crate::faults::bench::{Bench, Running};
use crate::faults::fleets;
use crate::faults::words::{order_from, template};
use crate::support::{say, stores};

/// The seeds that are run when nobody says how many, on each store.
const SEEDS: u64 = 2;
/// How many times Host Factory comes round in a day; most of it passes in long gaps.
const ROUNDS: u64 = 24;
/// What goes wrong, of a hundred calls or rounds.
const WRONG: u64 = 20;
/// How long a call goes on beginning something: what waits for a fleet waits for a clock that stands still.
const SOFT_BUDGET_SECONDS: u64 = 2;
/// What may be forbidden for a while.
const FORBIDDEN: [&str; 9] = [
    "RunInstances",
    "TerminateInstances",
    "CreateFleet",
    "ModifyFleet",
    "DeleteFleets",
    "RequestSpotFleet",
    "CancelSpotFleetRequests",
    "CreateAutoScalingGroup",
    "TerminateInstanceInAutoScalingGroup",
];
/// What is only asked, and may be answered with any refusal.
const QUESTIONS: [&str; 5] = [
    "DescribeInstances",
    "DescribeFleets",
    "DescribeSpotFleetRequests",
    "DescribeAutoScalingGroups",
    "DescribeScalingActivities",
];

/// The templates of a day: RunInstances, and one named after each of the other ways.
fn templates() -> Vec<Value> {
    let small = template("Small", &json!({"subnetId": SUBNETS, "vmType": "m6i.large"}));
    let others = fleets::all().into_iter().map(|way| {
        let mut template = fleets::template_of(way);
        template["templateId"] = json!(way.replace(' ', "-"));
        template
    });
    std::iter::once(small).chain(others).collect()
}

impl Draw {
    fn happens(&mut self) -> bool {
        self.below(100) < WRONG
    }

    /// What an AWS call meets. Nothing that AWS would never say: a token that has launched is not refused for want of
    /// capacity, nor is a host that lives unknown.
    fn fault(&mut self) -> Fault {
        match self.below(16) {
            0 => Fault::throttle(),
            1 => Fault::e500(),
            2 => Fault::e500().after_effect(),
            3 => Fault::e503(),
            4 => Fault::e503().after_effect(),
            5 => Fault::drop_before(),
            6 | 7 => Fault::drop_after(),
            8 => Fault::delay(self.below(300)),
            9 => Fault::delay_after(self.below(300)),
            10 => Fault::stall(),
            11 => Fault::garbage(),
            12 => Fault::empty().on("DescribeInstances"),
            13 => Fault::garble([Garble::Frozen, Garble::NoId, Garble::NoLaunchTime][self.index(3)]),
            14 => [Fault::page_loop(), Fault::bad_page(1)][self.index(2)].clone(),
            _ => {
                let code = self.of(&["RequestExpired", "AuthFailure", "SomethingNew"]);
                Fault::code(code).on(self.of(&QUESTIONS))
            }
        }
    }
}

/// One day on one bench.
struct Day<'b> {
    bench: &'b Bench,
    draw: Draw,
    /// What was done, for whoever has to find out why.
    schedule: Vec<String>,
    templates: Vec<String>,
    open: Vec<String>,
    held: BTreeMap<String, Value>,
}

impl Day<'_> {
    fn note(&mut self, text: impl std::fmt::Debug) {
        self.schedule.push(format!("{text:?}"));
    }

    fn edit(&mut self, edit: Edit) {
        self.note(&edit);
        self.bench.emulator.edit(edit).unwrap();
    }

    /// What goes wrong in the world this round, and what the calls of this round meet.
    fn go_wrong(&mut self) {
        self.bench.emulator.clear_faults();
        let mut gap = 0;
        for _ in 0..30 {
            if self.draw.happens() {
                let fault = self.draw.fault().skip(gap);
                self.note(&fault);
                self.bench.emulator.fault(fault);
                gap = 0;
            } else {
                gap += 1;
            }
        }
        let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][self.draw.index(3)];
        let (few, seconds) = (self.draw.small(0, 4), f64::from(self.draw.small(0, 90)));
        let denied = self.draw.of(&FORBIDDEN);
        let edits = [
            Edit::Pool { instance_type: "*".to_owned(), zone: zone.to_owned(), market: None, places: few },
            Edit::SubnetFree { subnet: SUBNETS[self.draw.index(3)].to_owned(), addresses: few },
            Edit::Quota { market: Market::OnDemand, family: "standard".to_owned(), vcpus: 40 * few },
            Edit::Lag { seconds },
            Edit::TagLag { seconds },
            Edit::Boot { seconds: seconds * 3.0 },
            Edit::Refill { seconds },
            Edit::MemberLag { seconds },
            Edit::FleetFill { seconds },
            Edit::FleetModifying { seconds },
            Edit::GroupDelay { seconds },
            Edit::Unauthorized { action: denied.to_owned(), on: true },
            Edit::ExpireCredentials { access_key: self.bench.keys().remove(0), on: true },
            Edit::Throttling { on: true },
        ];
        for edit in edits {
            if self.draw.below(100) < WRONG / 2 {
                self.edit(edit);
            }
        }
        if self.draw.happens() {
            self.kill_one();
        }
    }

    fn kill_one(&mut self) {
        let live: Truth = self.bench.emulator.truth().live();
        if live.is_empty() {
            return;
        }
        let id = live.ids()[self.draw.index(live.len())].clone();
        let code = ["Client.InternalError", "Server.InsufficientInstanceCapacity", "Client.UserInitiatedShutdown"];
        let code = code[self.draw.index(3)];
        self.note((&id, code));
        self.bench.emulator.kill(&id, code, "by the fuzz").unwrap();
    }

    /// The world as it should be.
    fn mend(&mut self) {
        self.bench.emulator.clear_faults();
        for action in FORBIDDEN {
            self.bench.emulator.unauthorized(action, false);
        }
        let fine = [
            Edit::NoPools,
            Edit::Quota { market: Market::OnDemand, family: "standard".to_owned(), vcpus: 100_000 },
            Edit::Lag { seconds: 0.0 },
            Edit::TagLag { seconds: 0.0 },
            Edit::Boot { seconds: 20.0 },
            Edit::Refill { seconds: 1.0 },
            Edit::MemberLag { seconds: 0.0 },
            Edit::FleetFill { seconds: 1.0 },
            Edit::FleetModifying { seconds: 0.0 },
            Edit::GroupDelay { seconds: 1.0 },
            Edit::ExpireCredentials { access_key: self.bench.keys().remove(0), on: false },
            Edit::Throttling { on: false },
        ];
        for edit in fine {
            self.bench.emulator.edit(edit).unwrap();
        }
        for subnet in SUBNETS {
            self.bench.emulator.subnet_free(subnet, 4_000).unwrap();
        }
    }

    /// One call that Host Factory might make.
    fn call(&mut self) -> (&'static str, Value) {
        match self.draw.below(10) {
            0..=2 => {
                let template = self.draw.of(&self.templates);
                ("requestMachines", order_from(&template, self.draw.small(1, 8)))
            }
            3 | 4 if !self.held.is_empty() => {
                let count = self.draw.index(self.held.len().min(4)) + 1;
                let ids: Vec<String> = self.held.keys().take(count).cloned().collect();
                let hosts: Vec<Value> = ids.iter().filter_map(|id| self.held.remove(id)).collect();
                ("requestReturnMachines", json!({"machines": hosts}))
            }
            5 | 6 => ("getReturnRequests", json!({"machines": self.held.values().collect::<Vec<_>>()})),
            7 => ("reconcile", json!({})),
            8 if self.draw.below(2) == 0 => ("getAvailableTemplates", json!({})),
            _ if self.open.is_empty() => ("getReturnRequests", json!({"machines": []})),
            _ => {
                let asked: Vec<Value> = self.open.iter().map(|id| json!({"requestId": id})).collect();
                ("getRequestStatus", json!({"requests": asked}))
            }
        }
    }

    /// Several processes at a time; now and then one is killed.
    fn round(&mut self) {
        let count = self.draw.small(4, 9);
        let calls: Vec<_> = (0..count).map(|_| self.call()).collect();
        let victim = (self.draw.below(4) == 0).then(|| self.draw.index(calls.len()));
        self.note((&calls, victim));
        let running: Vec<Running<'_>> = calls.iter().map(|(call, input)| self.bench.start(call, input)).collect();
        for (number, running) in running.into_iter().enumerate() {
            if Some(number) == victim {
                running.kill();
            } else {
                let answered = running.answered();
                self.take_in(&answered.document);
            }
        }
    }

    fn take_in(&mut self, answer: &Value) {
        if let Some(id) = answer["requestId"].as_str() {
            self.open.push(id.to_owned());
        }
        let entries = answer["requests"].as_array().cloned().unwrap_or_default();
        for entry in entries.iter().filter(|entry| entry["requestId"].is_string() && entry["status"] != "running") {
            let id = entry["requestId"].as_str().unwrap();
            if self.open.iter().any(|open| open == id) && !id.starts_with("ret-") {
                for host in entry["machines"].as_array().unwrap().iter().filter(|host| host["result"] == "succeed") {
                    let named = json!({"name": host["name"], "machineId": host["machineId"]});
                    self.held.insert(host["machineId"].as_str().unwrap().to_owned(), named);
                }
            }
            self.open.retain(|open| open != id);
        }
    }

    fn live(&mut self) {
        for round in 0..ROUNDS {
            if self.draw.below(3) == 0 {
                self.mend();
            }
            self.go_wrong();
            self.round();
            let gap = round % 3 == 2;
            let time = if gap { 9_000 + self.draw.below(1_800) } else { self.draw.below(240) };
            self.note(time);
            self.bench.pass(Duration::from_secs(time));
        }
        self.mend();
    }
}

/// Lives one day; returns what was violated.
fn day(store: &'static str, seed: u64) -> Vec<String> {
    let bench = Bench::new(store);
    let mut draw = Draw(seed);
    let rate = [0, 1_000][draw.index(2)];
    let aws = json!({"attemptTimeoutMs": 400, "describeIntervalMs": 5, "rateScalePercent": rate});
    bench.configure(&json!({
        "provider": {"aws": aws},
        "hostFactory": {"softBudgetSeconds": SOFT_BUDGET_SECONDS},
        "recovery": {"unclaimedMinutes": 20},
        "template": {"brake": {"deaths": 0}},
    }));
    bench.emulator.fleet_modifying(Duration::ZERO);
    let offered = templates();
    bench.offer(&offered);
    let templates = offered.iter().map(|template| template["templateId"].as_str().unwrap().to_owned()).collect();
    let mut day = Day { bench: &bench, draw, schedule: Vec::new(), templates, open: Vec::new(), held: BTreeMap::new() };
    day.live();
    let schedule = day.schedule.join("\n");
    let violations = oracle::judge(&bench);
    if !violations.is_empty() {
        bench.sandbox.write("case/schedule", schedule);
        say(&format!("{store}, seed {seed}: {violations:#?}, see {}", bench.keep().display()));
    }
    violations
}

#[test]
fn a_day_on_a_cloud_that_goes_wrong_at_random_ends_in_order() {
    let (first, seeds) = (draw::seed(), draw::trials().unwrap_or(SEEDS));
    let campaign = |store: &'static str| {
        let start = Instant::now();
        let mut failed = Vec::new();
        for seed in (0..seeds).map(|number| first.wrapping_add(number)) {
            let violations = day(store, seed);
            if !violations.is_empty() {
                failed.push((seed, violations));
            }
        }
        let (found, seconds) = (failed.len(), start.elapsed().as_secs());
        say(&format!("fault fuzz: {store}, {seeds} seeds, {found} violations, first seed {first}, {seconds} s"));
        failed
    };
    let failed: Vec<_> = std::thread::scope(|scope| {
        let campaigns: Vec<_> = stores().iter().map(|store| scope.spawn(move || campaign(store))).collect();
        campaigns.into_iter().flat_map(|campaign| campaign.join().unwrap()).collect()
    });
    assert!(failed.is_empty(), "{failed:#?}");
}
