//! Everybody outside who is told what happens, as one component.

use shaku::Component;

use super::{FileLedger, Receivers};
use crate::application::ports::{MetricsKeeper, Outside, SinkLedger, Sinks};
use crate::infrastructure::config::Settings;
use crate::infrastructure::metrics::MetricsFiles;

/// Receivers, how far they have come, and the files of the metrics.
#[derive(Debug, Component)]
#[shaku(interface = Outside)]
pub struct Others {
    /// Receivers of events.
    #[shaku(default)]
    receivers: Receivers,
    /// How far they have come.
    #[shaku(default)]
    ledger: FileLedger,
    /// The files of the metrics.
    #[shaku(default)]
    metrics: MetricsFiles,
}

impl Others {
    /// Returns what to compose it with.
    pub fn parameters(settings: &Settings) -> OthersParameters {
        let work_dir = settings.folders.work.clone();
        OthersParameters {
            receivers: Receivers { settings: settings.sinks.clone() },
            ledger: FileLedger { work_dir: work_dir.clone() },
            metrics: MetricsFiles { work_dir, published: settings.metrics.clone() },
        }
    }
}

impl Outside for Others {
    fn sinks(&self) -> &dyn Sinks {
        &self.receivers
    }

    fn ledger(&self) -> &dyn SinkLedger {
        &self.ledger
    }

    fn metrics(&self) -> &dyn MetricsKeeper {
        &self.metrics
    }
}
