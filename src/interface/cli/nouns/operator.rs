//! Every noun that an operator can name, and the way to what its verbs do.

use clap::Subcommand;

use super::config::{self, ConfigVerb};
use super::reconcile::{self, ReconcileArgs};
use super::storage::{self, StorageVerb};
use crate::interface::cli::Composition;
use crate::interface::cli::desk::{Desk, Ended, wait};
use crate::interface::cli::report::Report;

/// What there is to do for operators.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorVerb {
    /// Finishes or undoes what killed processes left, and ends hosts of ours that no request accounts for. Calls do the
    /// same in passing; this does all of it now.
    Reconcile(ReconcileArgs),
    /// Shows and checks the configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Checks the store, recovers it from a copy and forgets what has ended long ago.
    #[command(subcommand)]
    Storage(StorageVerb),
}

/// Does what an operator asks.
pub(crate) fn operate<C: Composition>(verb: OperatorVerb, desk: &Desk<'_, C>) -> Result<Report, Ended> {
    match verb {
        OperatorVerb::Config(verb) => config::run(desk, verb),
        OperatorVerb::Reconcile(args) => {
            let app = desk.start()?;
            wait(reconcile::run(&app, &args)).map_err(Ended::failed)?
        }
        OperatorVerb::Storage(verb) => {
            storage::check_confirmed(desk, verb)?;
            let app = desk.start()?;
            wait(storage::run(&app, verb)).map_err(Ended::failed)?
        }
    }
}
