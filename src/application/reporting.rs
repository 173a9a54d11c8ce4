//! Tells others what happens: receivers of events, and monitors; on demand, and after the answer of a call.
//!
//! Invariants: nothing that is done after an answer is on its way, and nothing that goes wrong there changes it; where
//! nothing is configured nothing is done.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shaku::{Component, Interface};
use tracing::warn;

use super::StorageError;
use super::budget::Budget;
use super::metrics::{self, Meter};
use super::notifying::{Effort, Notifier};
use super::ports::{Clock, MetricsKeeper, Notebook, Outside, UnitOfWork};

/// Does what comes after the answer, and gives access to the [`Reporter`] for what is asked for.
#[async_trait]
pub trait Reporting: Interface {
    /// Returns whether there is anything to do after the answer. Costs next to nothing.
    fn is_due(&self) -> bool;

    /// Does it. What goes wrong is logged.
    async fn conclude(&self, budget: Budget);

    /// Returns the reporter itself.
    fn reporter(&self) -> &Reporter;
}

/// How much longer a call takes at most because of those who are told of events.
const MOST: Duration = Duration::from_secs(2);

/// The ports that reports are made from.
#[derive(Component)]
#[shaku(interface = Reporting)]
pub struct Reporter {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    notebook: Arc<dyn Notebook>,
    #[shaku(inject)]
    outside: Arc<dyn Outside>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

impl Reporter {
    pub(crate) fn notifier(&self) -> Notifier<'_> {
        Notifier {
            store: &*self.store,
            sinks: self.outside.sinks(),
            ledger: self.outside.ledger(),
            clock: &*self.clock,
        }
    }

    /// Returns the files of the metrics.
    pub(crate) fn files(&self) -> &dyn MetricsKeeper {
        self.outside.metrics()
    }

    /// Takes metrics, and puts them into this file if there is one; returns their text.
    pub(crate) async fn metrics(&self, file: Option<&Path>) -> Result<String, StorageError> {
        let meter =
            Meter { store: &*self.store, notebook: &*self.notebook, outside: &*self.outside, clock: &*self.clock };
        let text = metrics::text(&meter.measure().await);
        if let Some(path) = file {
            self.files().publish(path, &text)?;
        }
        Ok(text)
    }

    fn has_receivers(&self) -> bool {
        !self.outside.sinks().configured().is_empty()
    }
}

#[async_trait]
impl Reporting for Reporter {
    fn is_due(&self) -> bool {
        self.notebook.has_uncounted() || self.has_receivers() || self.files().is_due()
    }

    async fn conclude(&self, budget: Budget) {
        if self.notebook.has_uncounted() {
            self.notebook.edit(&mut |_| {}).await;
        }
        if self.has_receivers() {
            let time = MOST.min(budget.left());
            if let Err(error) = self.notifier().deliver(Effort::InPassing(time)).await {
                warn!(%error, "events wait for whoever is to be told of them");
            }
        }
        if let Some(path) = self.files().file().filter(|_| self.files().is_due())
            && let Err(error) = self.metrics(Some(&path)).await
        {
            warn!(%error, "the file of metrics is not renewed");
        }
    }

    fn reporter(&self) -> &Reporter {
        self
    }
}
