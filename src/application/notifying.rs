//! Tells receivers outside of what happened: each at its own place in the history, in order, and at least once.
//!
//! Invariants: the log has been told by [`super::events`] whatever happens here, and the other way round; a receiver that
//! fails costs the others nothing but time, and is left alone for a while, longer each time; a position is kept only after
//! the receiver has taken everything before it.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tracing::warn;

use super::StorageError;
use super::ports::{Clock, HeldLedger, SinkLedger, SinkProfile, Sinks, Standings, UnitOfWork};
use crate::domain::delivery::{Standing, Wanted};
use crate::domain::event::{DomainEvent, EventEnvelope};
use crate::domain::machine::MachineEvent;
use crate::domain::{MachineId, Timestamp};

/// How a receiver is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkReport {
    /// Which one.
    pub profile: SinkProfile,
    /// How far it has come.
    pub standing: Standing,
    /// How many events that it wants are kept and not delivered.
    pub waiting: usize,
    /// How many it has taken just now.
    pub taken: usize,
    /// Until when it is left alone in passing.
    pub paused_until: Option<Timestamp>,
}

/// How hard to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effort {
    /// Within this time, and nobody who has failed lately.
    InPassing(Duration),
    /// Everybody, each send with this much time.
    OnDemand(Duration),
}

/// How many events are read at a time.
const PAGE: usize = 1000;
/// How many events are sent at a time.
const PARCEL: usize = 100;
/// Less time than this is not worth a try.
const LEAST: Duration = Duration::from_millis(100);
/// How long whoever delivers on demand waits for a process that does so.
const PATIENCE: Duration = Duration::from_secs(10);

/// Delivers to receivers from the history in the store.
pub(crate) struct Notifier<'p> {
    pub(crate) store: &'p dyn UnitOfWork,
    pub(crate) sinks: &'p dyn Sinks,
    pub(crate) ledger: &'p dyn SinkLedger,
    pub(crate) clock: &'p dyn Clock,
}

impl Notifier<'_> {
    /// Returns those of these events that are wanted.
    async fn chosen(&self, wanted: &Wanted, events: &[EventEnvelope]) -> Result<Vec<EventEnvelope>, StorageError> {
        let ended = |event: &EventEnvelope| match &event.event {
            DomainEvent::Machine(MachineEvent::MachineTerminated { machine_id, .. }) => Some(machine_id.clone()),
            _ => None,
        };
        let names_lost = matches!(wanted, Wanted::Some(words) if words.iter().any(|word| word == Wanted::LOST));
        let ids: Vec<MachineId> = if names_lost { events.iter().filter_map(ended).collect() } else { Vec::new() };
        let machines = if ids.is_empty() { Vec::new() } else { self.store.machines(&ids).await? };
        let asked: HashSet<&MachineId> = machines
            .iter()
            .filter(|machine| machine.is_ending() || machine.snapshot().return_id.is_some())
            .map(crate::domain::machine::Machine::id)
            .collect();
        let is_wanted =
            |event: &&EventEnvelope| wanted.includes(event, ended(event).is_some_and(|id| asked.contains(&id)));
        Ok(events.iter().filter(is_wanted).cloned().collect())
    }

    /// Delivers to one receiver as long as it takes events and there is time.
    async fn serve(
        &self,
        profile: &SinkProfile,
        standing: &mut Standing,
        last: u64,
        time: impl Fn() -> Duration,
        mut keep: impl FnMut(&Standing) -> Result<(), StorageError>,
    ) -> Result<usize, StorageError> {
        let mut taken = 0;
        standing.fit(last, None);
        loop {
            let events = self.store.events_after(standing.position, PAGE).await?;
            let (Some(first), Some(end)) = (events.first(), events.last()) else { return Ok(taken) };
            standing.fit(last.max(end.sequence), Some(first.sequence));
            let chosen = self.chosen(&profile.wanted, &events).await?;
            let mut parcels = chosen.chunks(PARCEL).peekable();
            while let Some(parcel) = parcels.next() {
                let time = time();
                if time < LEAST {
                    keep(standing)?;
                    return Ok(taken);
                }
                let sent = self.sinks.send(profile.name, parcel, self.clock.now(), time).await;
                let now = self.clock.now();
                match sent {
                    Ok(()) => {
                        taken += parcel.len();
                        let rest_is_unwanted = parcels.peek().is_none();
                        let position = if rest_is_unwanted { Some(end) } else { parcel.last() };
                        standing.succeeded(position.map_or(0, |event| event.sequence), parcel.len(), now);
                        keep(standing)?;
                    }
                    Err(why) => {
                        standing.failed(&why, now);
                        warn!(sink = profile.name, why, failures = standing.failures, "events could not be delivered");
                        keep(standing)?;
                        return Ok(taken);
                    }
                }
            }
            if chosen.is_empty() {
                standing.pass(end.sequence);
                keep(standing)?;
            }
        }
    }
}

fn standing_of(standings: &Standings, profile: &SinkProfile) -> Standing {
    standings.get(profile.name).cloned().unwrap_or_default()
}

impl Notifier<'_> {
    /// Delivers what is waiting; returns how many events each receiver has taken.
    ///
    /// # Errors
    /// [`StorageError`] when the history cannot be read or the positions cannot be kept.
    pub(crate) async fn deliver(&self, effort: Effort) -> Result<Vec<(String, usize)>, StorageError> {
        let begun = Instant::now();
        let last = self.store.last_sequence().await?;
        let now = self.clock.now();
        let is_due = |standings: &Standings, profile: &SinkProfile| {
            let standing = standing_of(standings, profile);
            let paused = standing.paused_until(now).is_some() && matches!(effort, Effort::InPassing(_));
            standing.position != last && !paused
        };
        let mut due = self.sinks.configured();
        let standings = self.ledger.read();
        due.retain(|profile| is_due(&standings, profile));
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let patience = if matches!(effort, Effort::OnDemand(_)) { PATIENCE } else { Duration::ZERO };
        let Some(mut held) = self.ledger.take(patience).await? else { return Ok(Vec::new()) };
        // Another process may have been at it until now.
        let mut standings = self.ledger.read();
        due.retain(|profile| is_due(&standings, profile));
        // Whoever fails takes time away from nobody but others who fail.
        due.sort_by_key(|profile| standing_of(&standings, profile).failures);
        let time = || match effort {
            Effort::InPassing(whole) => whole.saturating_sub(begun.elapsed()),
            Effort::OnDemand(each) => each,
        };
        let mut taken = Vec::new();
        for profile in &due {
            let mut standing = standing_of(&standings, profile);
            let keep = |standing: &Standing| keep_in(&mut standings, &mut *held, profile.name, standing);
            let count = self.serve(profile, &mut standing, last, time, keep).await?;
            taken.push((profile.name.to_owned(), count));
        }
        Ok(taken)
    }

    /// Tells every receiver from here on only of what is still to come.
    ///
    /// # Errors
    /// As [`Self::deliver`].
    pub(crate) async fn skip(&self) -> Result<(), StorageError> {
        let last = self.store.last_sequence().await?;
        let Some(mut held) = self.ledger.take(PATIENCE).await? else {
            let resource = "the ledger of the receivers of events".to_owned();
            return Err(StorageError::Busy { resource, waited: PATIENCE });
        };
        let mut standings = self.ledger.read();
        for profile in self.sinks.configured() {
            let mut standing = standing_of(&standings, &profile);
            standing.fit(last, None);
            standing.pass(last);
            keep_in(&mut standings, &mut *held, profile.name, &standing)?;
        }
        Ok(())
    }

    /// Tells how every receiver is, and asks none.
    ///
    /// # Errors
    /// [`StorageError`] when the history cannot be read.
    pub(crate) async fn look(&self) -> Result<Vec<SinkReport>, StorageError> {
        let (standings, now) = (self.ledger.read(), self.clock.now());
        let mut reports = Vec::new();
        for profile in self.sinks.configured() {
            let mut standing = standing_of(&standings, &profile);
            standing.fit(self.store.last_sequence().await?, None);
            let kept = self.store.events_after(standing.position, usize::MAX).await?;
            let waiting = self.chosen(&profile.wanted, &kept).await?.len();
            let paused_until = standing.paused_until(now);
            reports.push(SinkReport { profile, standing, waiting, taken: 0, paused_until });
        }
        Ok(reports)
    }
}

fn keep_in(
    standings: &mut Standings,
    held: &mut dyn HeldLedger,
    name: &str,
    standing: &Standing,
) -> Result<(), StorageError> {
    standings.insert(name.to_owned(), standing.clone());
    held.write(standings)
}

#[cfg(test)]
#[path = "notifying_tests.rs"]
mod tests;
