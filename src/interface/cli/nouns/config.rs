//! The operator's verbs on the configuration.

use clap::Subcommand;

use crate::interface::cli::Composition;
use crate::interface::cli::desk::{Desk, Ended};
use crate::interface::cli::report::Report;

/// What there is to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Shows the configuration in force, secrets masked.
    Show {
        /// Shows where each value comes from.
        #[arg(long)]
        origin: bool,
    },
}

/// Does what `verb` says and returns what to print.
pub(super) fn run<C: Composition>(desk: &Desk<'_, C>, verb: ConfigVerb) -> Result<Report, Ended> {
    match verb {
        ConfigVerb::Show { origin } => Ok(Report::of(desk.composition.configuration(desk.options, origin)?)),
    }
}
