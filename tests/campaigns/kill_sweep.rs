//! The kill sweep: every operation is killed at each of its AWS calls, before and after the effect, and at instants drawn
//! at random; then the oracle judges.
//!
//! `HOSTFACTORY_TEST_TRIALS=n` makes n trials for each store, `HOSTFACTORY_TEST_SEED=n` draws the same instants again.

use std::time::{Duration, Instant};

use hostfactory_emulator::{Fault, Phase};
use serde_json::{Value, json};

use super::oracle;
use crate::draw::{self, Draw};
use crate::faults::bench::{Bench, PATIENCE};
use crate::faults::fleets;
use crate::faults::words::{ids, order};
use crate::support::{say, stores};

/// The instants that are drawn for each store when nobody says how many.
const DRAWN: usize = 14;

/// What is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Request,
    RequestInBatches,
    Status,
    StatusOfLostAnswer,
    Return,
    ReturnRequests,
    ReconcileWithOrphan,
}

const OPERATIONS: [Operation; 7] = [
    Operation::Request,
    Operation::RequestInBatches,
    Operation::Status,
    Operation::StatusOfLostAnswer,
    Operation::Return,
    Operation::ReturnRequests,
    Operation::ReconcileWithOrphan,
];

/// When it is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// At the n-th AWS call, the first is 0.
    Call(u32, Phase),
    /// So long after its start.
    After(Duration),
}

/// The shortest patience with requests that nobody asks about, so that the oracle is soon done.
fn settings(host_factory: &Value) -> Value {
    json!({
        "recovery": {"unclaimedMinutes": 20},
        "hostFactory": host_factory,
        "provider": {"aws": {"rateScalePercent": 100}},
    })
}

/// What the sweep goes over: a store, and one of the ways to get hosts beside RunInstances.
#[derive(Debug, Clone, Copy)]
struct Ground {
    store: &'static str,
    way: Option<&'static str>,
}

impl Ground {
    fn bench(self) -> Bench {
        let bench = Bench::new(self.store);
        if let Some(way) = self.way {
            bench.emulator.fleet_modifying(Duration::ZERO);
            let mut template = fleets::template_of(way);
            template["templateId"] = json!("Small");
            bench.offer(&[template]);
        }
        bench
    }
}

/// Makes a bench on which `operation` has everything to do that it can have, and returns its call and input.
fn prepare(ground: Ground, operation: Operation) -> (Bench, &'static str, Value) {
    let bench = ground.bench();
    bench.configure(&settings(&json!({})));
    match operation {
        Operation::Request => (bench, "requestMachines", order(3)),
        Operation::RequestInBatches => {
            bench.configure(&settings(&json!({"batchLimit": 2})));
            (bench, "requestMachines", order(6))
        }
        Operation::Status => {
            let id = bench.request(3);
            bench.pass(Duration::from_mins(1));
            (bench, "getRequestStatus", json!({"requests": [{"requestId": id}]}))
        }
        Operation::StatusOfLostAnswer => {
            let action = ground.way.map_or("RunInstances", fleets::creation_of);
            bench.emulator.fault(Fault::drop_after().on(action).times(3));
            let id = bench.request(3);
            bench.emulator.clear_faults();
            bench.pass(Duration::from_mins(1));
            (bench, "getRequestStatus", json!({"requests": [{"requestId": id}]}))
        }
        Operation::Return => {
            let (_, hosts) = bench.running(3);
            (bench, "requestReturnMachines", json!({"machines": hosts[..2]}))
        }
        Operation::ReturnRequests => {
            let (_, hosts) = bench.running(3);
            bench.emulator.kill_by_hand(&ids(&hosts)[0]).unwrap();
            bench.pass(Duration::from_mins(1));
            (bench, "getReturnRequests", json!({"machines": hosts}))
        }
        Operation::ReconcileWithOrphan => {
            bench.running(1);
            let before = bench.backup();
            killed(&bench, "requestMachines", &order(2), Moment::Call(0, Phase::After));
            bench.restore(&before);
            bench.reconcile();
            bench.watched(6);
            (bench, "reconcile", json!({}))
        }
    }
}

/// Starts a call and kills it at this moment. Returns whether it was still at work.
fn killed(bench: &Bench, call: &str, input: &Value, moment: Moment) -> bool {
    let (number, phase) = match moment {
        Moment::Call(number, phase) => (number, phase),
        Moment::After(time) => {
            bench.kill_after(time, call, input);
            return true;
        }
    };
    bench.emulator.fault(Fault::hold(phase).skip(number));
    let mut running = bench.start(call, input);
    let until = Instant::now() + PATIENCE;
    let held = loop {
        if let Ok(held) = bench.emulator.wait_held(Duration::from_millis(5)) {
            break Some(held);
        }
        if running.child.try_wait().unwrap().is_some() {
            break None;
        }
        assert!(Instant::now() < until, "{call} neither ends nor makes call {number}");
    };
    running.kill();
    let was_held = held.is_some();
    drop(held);
    bench.emulator.clear_faults();
    was_held
}

/// One sweep over a store: what was tried, and what was violated.
#[derive(Debug)]
struct Sweep {
    ground: Ground,
    draw: Draw,
    trials: usize,
    violations: Vec<String>,
}

impl Sweep {
    /// Kills an operation at a moment and then others, judges, and returns whether it was still at work then.
    fn attempt(&mut self, operation: Operation, moment: Moment, further: u64) -> bool {
        let (bench, call, input) = prepare(self.ground, operation);
        let at_work = killed(&bench, call, &input, moment);
        if at_work {
            for _ in 0..further {
                self.kill_another(&bench, call, &input);
            }
            self.trials += 1;
            let found = oracle::judge(&bench);
            if !found.is_empty() {
                let folder = bench.keep();
                let case = format!("{:?} {operation:?} {moment:?}: {found:#?}, see {}", self.ground, folder.display());
                self.violations.push(case);
            }
        }
        at_work
    }

    /// Host Factory goes on, and the process is killed again.
    fn kill_another(&mut self, bench: &Bench, call: &str, input: &Value) {
        bench.pass(Duration::from_secs(self.draw.below(90)));
        let instant = Moment::After(self.draw.duration(Duration::from_millis(60)));
        match self.draw.below(3) {
            0 => killed(bench, call, input, instant),
            1 => killed(bench, "reconcile", &json!({}), instant),
            _ => killed(bench, "getReturnRequests", &json!({}), instant),
        };
    }

    /// Kills these operations at each of their calls.
    fn at_each_call(&mut self, operations: &[Operation]) {
        for operation in operations.iter().copied() {
            for number in 0.. {
                let before = self.attempt(operation, Moment::Call(number, Phase::Before), 0);
                if !before {
                    assert!(number > 0, "{operation:?} makes no call at all");
                    break;
                }
                self.attempt(operation, Moment::Call(number, Phase::After), 0);
            }
        }
    }

    /// Kills operations at instants that are spread over the time that each takes.
    fn at_instants(&mut self, trials: usize) {
        let lengths = OPERATIONS.map(|operation| {
            let (bench, call, input) = prepare(self.ground, operation);
            let start = Instant::now();
            bench.ask(call, &input);
            start.elapsed() * 11 / 10
        });
        while self.trials < trials {
            let number = self.trials % OPERATIONS.len();
            let instant = self.draw.duration(lengths[number]);
            let further = self.draw.below(3);
            self.attempt(OPERATIONS[number], Moment::After(instant), further);
        }
    }
}

#[test]
fn a_kill_at_any_instant_leaves_nothing_lost_nothing_doubled_and_no_wrong_victim() {
    let (seed, trials) = (draw::seed(), draw::trials().and_then(|trials| usize::try_from(trials).ok()));
    let sweep = |store: &'static str| {
        let start = Instant::now();
        let ground = Ground { store, way: None };
        let mut sweep = Sweep { ground, draw: Draw(seed), trials: 0, violations: Vec::new() };
        sweep.at_each_call(&OPERATIONS);
        sweep.at_instants(trials.unwrap_or(sweep.trials + DRAWN));
        let (done, found, seconds) = (sweep.trials, sweep.violations.len(), start.elapsed().as_secs());
        say(&format!("kill sweep: {store}, {done} trials, {found} violations, seed {seed}, {seconds} s"));
        sweep.violations
    };
    let found: Vec<String> = std::thread::scope(|scope| {
        let sweeps: Vec<_> = stores().iter().map(|store| scope.spawn(move || sweep(store))).collect();
        sweeps.into_iter().flat_map(|sweep| sweep.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "seed {seed}: {}", found.join("\n"));
}

#[test]
fn row_09_a_kill_at_any_call_on_any_way_loses_nothing_and_replaces_nothing() {
    let (seed, times) = (draw::seed(), draw::times());
    let sweep = |number: usize, way: &'static str| {
        let start = Instant::now();
        let mut violations = Vec::new();
        for (turn, store) in stores().iter().cycle().skip(number).take(stores().len()).enumerate() {
            let ground = Ground { store, way: Some(way) };
            let mut sweep = Sweep { ground, draw: Draw(seed), trials: 0, violations: Vec::new() };
            sweep.at_each_call(&[Operation::Return]);
            // The others on one store at first, on both when there is time.
            if turn == 0 || times > 1 {
                sweep.at_each_call(&[Operation::Request, Operation::Status]);
            }
            if times > 1 {
                sweep.at_each_call(&[
                    Operation::StatusOfLostAnswer,
                    Operation::ReturnRequests,
                    Operation::ReconcileWithOrphan,
                ]);
                sweep.at_instants(times.max(sweep.trials));
            }
            let (done, found, seconds) = (sweep.trials, sweep.violations.len(), start.elapsed().as_secs());
            say(&format!("kill sweep: {way}, {store}, {done} trials, {found} violations, seed {seed}, {seconds} s"));
            violations.extend(sweep.violations);
        }
        violations
    };
    let found: Vec<String> =
        fleets::ways().iter().enumerate().flat_map(|(number, (way, _))| sweep(number, way)).collect();
    assert!(found.is_empty(), "seed {seed}: {}", found.join("\n"));
}
