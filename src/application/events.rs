//! Takes committed events from the outbox to whoever listens.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::{Component, Interface};
use tracing::warn;

use super::ports::{EventHandler, UnitOfWork};

/// Delivers what is in the outbox.
#[async_trait]
pub trait EventDelivery: Interface {
    /// Offers every undelivered event to the handlers. What fails stays in the outbox and is offered again after the
    /// next command; the answer of the command does not change.
    async fn deliver(&self);
}

/// How many events are taken at a time.
const PAGE: usize = 1000;

/// Delivers from the store's outbox, in order.
#[derive(Component)]
#[shaku(interface = EventDelivery)]
pub struct OutboxDelivery {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    handler: Arc<dyn EventHandler>,
}

impl OutboxDelivery {
    /// Returns a delivery from `store` to `handler`.
    pub fn new(store: Arc<dyn UnitOfWork>, handler: Arc<dyn EventHandler>) -> Self {
        Self { store, handler }
    }
}

#[async_trait]
impl EventDelivery for OutboxDelivery {
    async fn deliver(&self) {
        loop {
            let events = match self.store.undelivered(PAGE).await {
                Ok(events) => events,
                Err(error) => return warn!(%error, "events stay in the outbox"),
            };
            let mut last = None;
            for event in &events {
                if let Err(error) = self.handler.on_event(event) {
                    warn!(%error, sequence = event.sequence, "an event handler failed; the event is offered again");
                    break;
                }
                last = Some(event.sequence);
            }
            let Some(last) = last else { return };
            if let Err(error) = self.store.acknowledge(last).await {
                return warn!(%error, "delivered events stay in the outbox");
            }
            if events.len() < PAGE || events.last().map(|event| event.sequence) != Some(last) {
                return;
            }
        }
    }
}
