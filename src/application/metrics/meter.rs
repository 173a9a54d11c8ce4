//! Takes the measurements: what the store counts, what its events add up to, and what calls noted down.
//!
//! Invariant: a store that cannot be read costs the figures that come from it, and nothing else.

use std::collections::BTreeMap;

use tracing::warn;

use crate::application::StorageError;
use crate::application::ports::{Census, Clock, Notebook, Outside, Standings, UnitOfWork};
use crate::domain::Timestamp;
use crate::domain::notes::Notes;
use crate::domain::tally::Tally;

/// What was measured.
#[derive(Debug, Default)]
pub struct Measurements {
    /// When.
    pub at: Timestamp,
    /// What is kept, unless the store cannot be read.
    pub census: Option<Census>,
    /// What the events add up to.
    pub tally: Tally,
    /// What calls noted down.
    pub notes: Notes,
    /// The size of the store.
    pub store_bytes: BTreeMap<&'static str, u64>,
    /// How far each receiver of events has come that is configured.
    pub sinks: Standings,
    /// The sequence number of the last event.
    pub last_sequence: u64,
}

/// How many events are counted at a time.
const PAGE: usize = 5000;

/// What is measured.
pub(crate) struct Meter<'p> {
    pub(crate) store: &'p dyn UnitOfWork,
    pub(crate) notebook: &'p dyn Notebook,
    pub(crate) outside: &'p dyn Outside,
    pub(crate) clock: &'p dyn Clock,
}

impl Meter<'_> {
    /// Takes all measurements, and keeps what was counted of the events for the next time.
    pub(crate) async fn measure(&self) -> Measurements {
        let keeper = self.outside.metrics();
        let mut tally = keeper.tally();
        let former = tally.clone();
        let last = self.count(&mut tally).await;
        if tally != former {
            keeper.keep(&tally, former.sequence);
        }
        let census = match &last {
            Ok(_) => self.store.census().await,
            Err(_) => Ok(Census::default()),
        };
        for error in last.as_ref().err().into_iter().chain(census.as_ref().err()) {
            warn!(%error, "metrics are taken without the store");
        }
        Measurements {
            at: self.clock.now(),
            census: census.ok().filter(|_| last.is_ok()),
            last_sequence: last.unwrap_or(tally.sequence),
            tally,
            notes: self.notebook.read().await,
            store_bytes: keeper.store_bytes(),
            sinks: self.standings(),
        }
    }

    /// Counts the events that were not counted yet.
    async fn count(&self, tally: &mut Tally) -> Result<u64, StorageError> {
        let last = self.store.last_sequence().await?;
        tally.go_back_to(last);
        loop {
            let events = self.store.events_after(tally.sequence, PAGE).await?;
            for event in &events {
                tally.take(event);
            }
            if events.len() < PAGE {
                return Ok(last);
            }
        }
    }

    fn standings(&self) -> Standings {
        let mut kept = self.outside.ledger().read();
        let configured = self.outside.sinks().configured();
        let names = configured.iter().map(|profile| profile.name.to_owned());
        names.map(|name| (name.clone(), kept.remove(&name).unwrap_or_default())).collect()
    }
}
