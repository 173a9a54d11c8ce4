//! Whoever is told of events beside the log, and how far each of them has come.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Interface;

use super::MetricsKeeper;
use crate::application::StorageError;
use crate::domain::Timestamp;
use crate::domain::delivery::{Standing, Wanted};
use crate::domain::event::EventEnvelope;

/// A receiver of events that is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkProfile {
    /// Its name: one of each kind.
    pub name: &'static str,
    /// Where the events go, without any secret.
    pub target: String,
    /// Which ones.
    pub wanted: Wanted,
}

/// Hands events to receivers outside.
#[async_trait]
pub trait Sinks: Send + Sync {
    /// Returns the receivers that are configured.
    fn configured(&self) -> Vec<SinkProfile>;

    /// Hands events to one of them, in order and all together. Implementations MUST come back within this time, and MUST
    /// NOT try twice.
    ///
    /// # Errors
    /// Why it is not known to have taken all of them, without any secret.
    async fn send(&self, sink: &str, events: &[EventEnvelope], now: Timestamp, within: Duration) -> Result<(), String>;
}

/// How far each receiver has come, by its name.
pub type Standings = BTreeMap<String, Standing>;

/// Keeps how far receivers have come. It may be lost; events are delivered again then, as far as they are kept.
#[async_trait]
pub trait SinkLedger: Send + Sync {
    /// Returns what is kept; nothing when it cannot be read.
    fn read(&self) -> Standings;

    /// Takes the ledger, so that no other process delivers at the same time; `None` when another one has it for longer
    /// than `patience`.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be written.
    async fn take(&self, patience: Duration) -> Result<Option<Box<dyn HeldLedger>>, StorageError>;
}

/// The ledger, in the hands of one process; dropping it gives it back.
pub trait HeldLedger: Send + Sync {
    /// Writes it anew. Implementations need not sync to disk.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be written.
    fn write(&mut self, standings: &Standings) -> Result<(), StorageError>;
}

/// Gives access to everything outside that is told what happens. One component, since each one more makes the composed
/// module slower to compile than the one before.
pub trait Outside: Interface {
    /// Returns the receivers of events.
    fn sinks(&self) -> &dyn Sinks;

    /// Returns how far they have come.
    fn ledger(&self) -> &dyn SinkLedger;

    /// Returns the files of the metrics.
    fn metrics(&self) -> &dyn MetricsKeeper;
}
