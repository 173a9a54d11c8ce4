//! Where committed events go.

use async_trait::async_trait;
use shaku::Interface;

use crate::application::StorageError;
use crate::application::error::Cause;
use crate::domain::event::EventEnvelope;

/// Listens to committed events.
pub trait EventHandler: Interface {
    /// Takes in one event. It may come more than once; its sequence number tells.
    ///
    /// # Errors
    /// Any; the event is offered again after the next command. A failure never changes a command's answer.
    fn on_event(&self, event: &EventEnvelope) -> Result<(), Cause>;
}

/// Events that are committed and not yet delivered, in order.
#[async_trait]
pub trait Outbox {
    /// Returns up to `limit` undelivered events, oldest first.
    async fn undelivered(&self, limit: usize) -> Result<Vec<EventEnvelope>, StorageError>;

    /// Notes that everything up to and including `sequence` is delivered. Implementations MAY lose this in a crash; the
    /// events are then delivered again.
    async fn acknowledge(&self, sequence: u64) -> Result<(), StorageError>;

    /// Returns up to `limit` of the events that are kept with a sequence number above `sequence`, delivered or not, oldest
    /// first.
    async fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<EventEnvelope>, StorageError>;

    /// Returns the sequence number of the last event that was ever committed; 0 for none.
    async fn last_sequence(&self) -> Result<u64, StorageError>;
}
