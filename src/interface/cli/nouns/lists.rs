//! What the lists of all nouns have in common.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use crate::interface::cli::desk::Ended;
use crate::interface::cli::exit::Exit;
use crate::interface::cli::output;
use crate::interface::cli::report::Report;
use crate::interface::cli::screen::Screen;
use crate::interface::cli::watching::{Pace, PaceArgs};
use crate::interface::cli::when;

/// How many of the newest requests or hosts are looked through for one that was probably meant.
pub(super) const COMPARED: usize = 1000;

/// How to cut and turn a list.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ListArgs {
    /// Only what changed within this time: 90s, 30m, 2h, 7d.
    #[arg(long, value_name = "TIME", value_parser = when::parse_span)]
    pub(super) since: Option<Duration>,
    /// The most entries to list; 0 lists all.
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
    /// Turns the order round.
    #[arg(long)]
    pub(super) reverse: bool,
    /// Lists again and again, until Ctrl-C.
    #[arg(long)]
    pub(super) watch: bool,
    #[command(flatten)]
    pub(super) pace: PaceArgs,
}

impl ListArgs {
    /// Returns the most entries that are wanted.
    pub(super) fn most(&self) -> usize {
        most(self.limit)
    }
}

/// Returns the limit that an option means, where 0 is none.
pub(super) fn most(limit: usize) -> usize {
    // Stores add one to find out whether there are more.
    if limit == 0 { usize::MAX - 1 } else { limit }
}

/// Makes a report once, or again and again until Ctrl-C: on a terminal in the same place, elsewhere whenever it is another.
pub(super) async fn shown(
    screen: Screen,
    watch: Option<PaceArgs>,
    mut make: impl AsyncFnMut() -> Result<Report, Ended>,
) -> Result<Report, Ended> {
    let Some(pace) = watch else { return make().await };
    let pace = Pace::begin(pace)?;
    let mut last = String::new();
    loop {
        let report = make().await?;
        last = output::refresh(&report, screen, &last)?;
        if !pace.goes_on().await {
            return Ok(Report::of(Value::Null).silent().ending(Exit::Interrupted));
        }
    }
}
