//! Takes an installation of another plug-in over: its requests go on answering, and its hosts can be given back.
//!
//! Invariants: nothing of theirs is changed; no record of ours is ever overwritten; everything comes in one transaction or
//! nothing; done twice, the second time adds nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::info;

use super::translation::{self, Left, Rules, Translated};
use crate::application::engine::{EngineSource, pause};
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Changes, ForeignPlace, ForeignReader, Found, UnitOfWork};
use crate::application::{ApplicationError, StorageError, progress};
use crate::domain::machine::{Machine, MachineSnapshot};
use crate::domain::request::{Body, Request, RequestSnapshot};
use crate::domain::{MachineId, RequestId};

/// Asks for an installation of another plug-in to be taken over.
#[derive(Debug, Clone)]
pub struct TakeOver {
    /// Where it lies.
    pub place: ForeignPlace,
    /// Whether to only say what would be done.
    pub dry: bool,
}

impl Message for TakeOver {
    const NAME: &'static str = "TakeOver";
    type Output = TakeOverReport;
}

impl Command for TakeOver {}

/// What became of records of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were found.
    pub found: usize,
    /// How many are new to the store.
    pub added: usize,
    /// How many the store had taken over before.
    pub known: usize,
    /// Those that the store has as something else, and why they are left.
    pub conflicts: Left,
    /// Those that could not be taken, and why.
    pub left: Left,
}

/// What was taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct TakeOverReport {
    /// Whether it was only looked at.
    pub dry: bool,
    /// The installation as it was found; its records are left out.
    pub found: Found,
    /// Requests.
    pub requests: Tally,
    /// Hosts.
    pub machines: Tally,
    /// What was taken as something else.
    pub changed: Left,
}

/// Handles [`TakeOver`].
#[derive(Component)]
#[shaku(interface = Handler<TakeOver>)]
pub struct TakeOverHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    reader: Arc<dyn ForeignReader>,
}

impl TakeOverHandler {
    /// Returns a handler over `engine` and `reader`.
    pub fn new(engine: Arc<dyn EngineSource>, reader: Arc<dyn ForeignReader>) -> Self {
        Self { engine, reader }
    }
}

/// How many machines are asked for at a time.
const STEP: usize = 1000;

#[async_trait]
impl Handler<TakeOver> for TakeOverHandler {
    async fn handle(&self, command: TakeOver) -> Result<TakeOverReport, ApplicationError> {
        let engine = self.engine.engine();
        progress::tell(|| "reading the other installation".to_owned());
        let mut found = self.reader.read(&command.place)?;
        let now = engine.clock.now();
        let rules = Rules { policy: &engine.policy, default_api: engine.default_api, now };
        let mut translated = translation::translate(&found, &rules);
        let counts = (found.requests.len(), found.machines.len());
        let (requests, machines) = (std::mem::take(&mut found.requests), std::mem::take(&mut found.machines));
        drop((requests, machines));
        let mut report = TakeOverReport {
            dry: command.dry,
            found,
            requests: Tally {
                found: counts.0,
                left: std::mem::take(&mut translated.left_requests),
                ..Tally::default()
            },
            machines: Tally {
                found: counts.1,
                left: std::mem::take(&mut translated.left_machines),
                ..Tally::default()
            },
            changed: std::mem::take(&mut translated.changed),
        };
        let mut tries = 0;
        loop {
            let (mut requests, mut machines) = fresh(&*engine.store, &translated, &mut report).await?;
            if command.dry || (requests.is_empty() && machines.is_empty()) {
                return Ok(report);
            }
            progress::tell(|| format!("writing {} requests and {} hosts", requests.len(), machines.len()));
            let changes = Changes {
                requests: requests.iter_mut().collect(),
                machines: machines.iter_mut().collect(),
                ..Changes::default()
            };
            match engine.store.commit(changes, now).await {
                // A call took one of them in meanwhile.
                Err(StorageError::Conflict { .. }) if tries < 12 => {
                    tries += 1;
                    tokio::time::sleep(pause(tries)).await;
                }
                other => {
                    other?;
                    info!(requests = requests.len(), machines = machines.len(), "an installation was taken over");
                    return Ok(report);
                }
            }
        }
    }
}

/// Returns what the store does not have, and tells in the report what it has.
async fn fresh(
    store: &dyn UnitOfWork,
    translated: &Translated,
    report: &mut TakeOverReport,
) -> Result<(Vec<Request>, Vec<Machine>), StorageError> {
    let forget = |tally: &mut Tally| {
        (tally.added, tally.known) = (0, 0);
        tally.conflicts.clear();
    };
    forget(&mut report.requests);
    forget(&mut report.machines);
    let mut machines: BTreeMap<&MachineId, &MachineSnapshot> = translated.machines.iter().collect();
    let ids: Vec<MachineId> = translated.machines.keys().cloned().collect();
    for (number, step) in ids.chunks(STEP).enumerate() {
        progress::tell(|| format!("comparing hosts with the store, {} of {}", number * STEP, ids.len()));
        for known in store.machines(step).await? {
            let Some(theirs) = machines.remove(known.id()) else { continue };
            let ours = known.snapshot();
            if ours.taken_over && ours.request_id == theirs.request_id {
                report.machines.known += 1;
                continue;
            }
            let why = match &ours.request_id {
                Some(request) => format!("the store has it as a host of {request}; that stays"),
                None => "the store has it as a host that Host Factory named; that stays".to_owned(),
            };
            report.machines.conflicts.push((known.id().to_string(), why));
        }
    }
    let mut by_request: BTreeMap<&RequestId, Vec<MachineId>> = BTreeMap::new();
    for machine in machines.values() {
        if let Some(request) = &machine.request_id {
            by_request.entry(request).or_default().push(machine.id.clone());
        }
    }
    let mut requests = Vec::new();
    for (number, (id, theirs)) in translated.requests.iter().enumerate() {
        if number % STEP == 0 {
            let all = translated.requests.len();
            progress::tell(|| format!("comparing requests with the store, {number} of {all}"));
        }
        match store.request(id).await? {
            None => {
                let hosts = by_request.remove(id).unwrap_or_default();
                requests.push(Request::taken_over(theirs.clone(), hosts));
            }
            Some(ours) if is_the_same(ours.snapshot(), theirs) => report.requests.known += 1,
            Some(_) => {
                let why = "the store has another request of this id; that stays".to_owned();
                report.requests.conflicts.push((id.to_string(), why));
            }
        }
    }
    report.requests.added = requests.len();
    report.machines.added = machines.len();
    let machines = machines.into_values().cloned().map(Machine::taken_over).collect();
    Ok((requests, machines))
}

/// Returns whether a stored request can be what was taken over before, whatever has become of it.
fn is_the_same(ours: &RequestSnapshot, theirs: &RequestSnapshot) -> bool {
    match (&ours.body, &theirs.body) {
        (Body::Acquire(ours), Body::Acquire(theirs)) => {
            ours.attempts.is_empty() && ours.template_id == theirs.template_id && ours.wanted == theirs.wanted
        }
        (Body::Return(ours), Body::Return(theirs)) => {
            ours.items.iter().map(|item| &item.machine_id).eq(theirs.items.iter().map(|item| &item.machine_id))
        }
        (Body::Acquire(_), Body::Return(_)) | (Body::Return(_), Body::Acquire(_)) => false,
    }
}

#[cfg(test)]
#[path = "take_over_tests.rs"]
mod tests;
