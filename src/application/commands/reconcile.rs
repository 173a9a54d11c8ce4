//! Finishes or undoes what other processes left, and puts right what store and cloud disagree on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::engine::{Engine, EngineSource, Orphan, Recovered};
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::Purged;
use crate::domain::notes::Duty;
use crate::domain::{MachineId, RequestId};

/// Brings forward requests that nobody asks about, ends or adopts hosts that no request accounts for, and forgets what
/// has been settled for long.
#[derive(Debug, Clone)]
pub enum Reconcile {
    /// Beside another call: what is due of it, in a small share of the call's time. The call has seen to `except`.
    InPassing {
        /// Requests that are left out.
        except: Vec<RequestId>,
    },
    /// All of it, now.
    Whole,
    /// Nothing; only says what would be done.
    DryRun,
}

impl Message for Reconcile {
    const NAME: &'static str = "Reconcile";
    type Output = ReconcileReport;
}

impl Command for Reconcile {}

/// What was done, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReconcileReport {
    /// About requests.
    pub recovered: Recovered,
    /// About hosts that no request accounts for.
    pub orphans: BTreeMap<MachineId, Orphan>,
    /// What was forgotten.
    pub purged: Purged,
    /// What could not be done, and why.
    pub problems: Vec<String>,
}

/// Carries out [`Reconcile`].
#[derive(Component)]
#[shaku(interface = Handler<Reconcile>)]
pub struct ReconcileHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

/// The share of a call's time that is spent on what it was not asked for.
const IN_PASSING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(5));
/// How many requests and hosts are forgotten at a time.
const PURGED_AT_A_TIME: usize = 1000;

impl ReconcileHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }

    async fn in_passing(&self, except: &[RequestId]) -> Result<ReconcileReport, ApplicationError> {
        let engine = self.engine.engine();
        let mut report = ReconcileReport::default();
        let due = due(engine).await;
        let (soft, hard) = IN_PASSING;
        let current = Budget::current();
        if due.is_empty() || current.left() < hard || !current.allows_new_step() {
            return Ok(report);
        }
        let work = async {
            if due.contains(&Duty::Recovery) {
                let recovered = engine.recover(except, false).await;
                note(&mut report, "requests could not be brought forward", recovered, |r, done| r.recovered = done);
            }
            if due.contains(&Duty::Collection) {
                let collected = engine.collect(false).await;
                note(&mut report, "hosts could not be looked for", collected, |r, found| r.orphans = found);
            }
            if due.contains(&Duty::Purge) {
                let before = engine.clock.now().before(engine.care.keep);
                let purged = engine.store.purge(before, PURGED_AT_A_TIME).await.map_err(Into::into);
                note(&mut report, "old requests could not be forgotten", purged, |r, purged| r.purged = purged);
            }
        };
        if Budget::starting_now(soft, hard).scope(tokio::time::timeout(hard, work)).await.is_err() {
            report.problems.push("the time for it was used up; a later call goes on".to_owned());
        }
        Ok(report)
    }

    async fn whole(&self, dry: bool) -> ReconcileReport {
        let engine = self.engine.engine();
        let mut report = ReconcileReport::default();
        let recovered = engine.recover(&[], dry).await;
        note(&mut report, "requests could not be brought forward", recovered, |r, done| r.recovered = done);
        let collected = engine.collect(dry).await;
        note(&mut report, "hosts could not be looked for", collected, |r, found| r.orphans = found);
        let before = engine.clock.now().before(engine.care.keep);
        while !dry && Budget::current().allows_new_step() {
            let step = engine.store.purge(before, PURGED_AT_A_TIME).await.map_err(Into::into);
            let mut more = false;
            note(&mut report, "old requests could not be forgotten", step, |report, step| {
                more = step != Purged::default();
                report.purged.requests += step.requests;
                report.purged.machines += step.machines;
            });
            if !more {
                break;
            }
        }
        report
    }
}

/// Takes on the duties that are due.
async fn due(engine: &Engine) -> Vec<Duty> {
    let now = engine.clock.now();
    let duties = [
        (Duty::Recovery, engine.care.recover_every),
        (Duty::Collection, engine.care.collect_every),
        (Duty::Purge, engine.care.purge_every),
    ];
    let notes = engine.notebook.read().await;
    if !duties.iter().any(|(duty, every)| notes.is_due(*duty, *every, now)) {
        return Vec::new();
    }
    let mut taken = Vec::new();
    engine
        .notebook
        .edit(&mut |notes| {
            let taken_on = duties.iter().filter(|(duty, every)| notes.take_on(*duty, *every, now));
            taken = taken_on.map(|(duty, _)| *duty).collect();
        })
        .await;
    taken
}

/// Keeps what one part found, or why it failed; the other parts are done all the same.
fn note<T>(
    report: &mut ReconcileReport,
    what: &str,
    outcome: Result<T, ApplicationError>,
    keep: impl FnOnce(&mut ReconcileReport, T),
) {
    match outcome {
        Ok(found) => keep(report, found),
        Err(error) => {
            warn!(%error, "{what}");
            report.problems.push(format!("{what}: {error}"));
        }
    }
}

#[async_trait]
impl Handler<Reconcile> for ReconcileHandler {
    async fn handle(&self, command: Reconcile) -> Result<ReconcileReport, ApplicationError> {
        match command {
            Reconcile::InPassing { except } => self.in_passing(&except).await,
            Reconcile::Whole => Ok(self.whole(false).await),
            Reconcile::DryRun => Ok(self.whole(true).await),
        }
    }
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "reconcile_orphan_tests.rs"]
mod orphan_tests;
