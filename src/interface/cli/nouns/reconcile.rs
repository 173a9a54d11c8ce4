//! `reconcile`: what no call asks for.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use crate::application::bus::Catalogue;
use crate::application::commands::{Reconcile, ReconcileReport};
use crate::application::engine::Orphan;
use crate::domain::MachineId;
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::Report;

/// How to reconcile.
#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// Only says what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Does what no call asks for, or only says what there is, and returns what to print.
pub(super) async fn run<M: Catalogue>(app: App<'_, M>, args: &ReconcileArgs) -> Result<Report, Ended> {
    let command = if args.dry_run { Reconcile::DryRun } else { Reconcile::Whole };
    let report = app.commands().dispatch(command).await?;
    let exit = if report.problems.is_empty() { Exit::Done } else { Exit::Failed };
    Ok(Report::of(reconciled(&report, args.dry_run)).ending(exit))
}

/// Returns the document of `reconcile`.
fn reconciled(report: &ReconcileReport, dry_run: bool) -> Value {
    let recovered = &report.recovered;
    json!({
        "dryRun": dry_run,
        "requests": {
            "broughtForward": recovered.brought_forward,
            "unconfirmed": recovered.unconfirmed,
            "givenUp": recovered.given_up,
        },
        "orphans": orphans(&report.orphans),
        "forgotten": { "requests": report.purged.requests, "machines": report.purged.machines },
        "problems": report.problems,
    })
}

fn orphans(found: &BTreeMap<MachineId, Orphan>) -> Value {
    let entry = |(id, orphan): (&MachineId, &Orphan)| {
        let (outcome, detail) = match orphan {
            Orphan::Adopted(request) => ("adopted", format!("its request {request} lacked it")),
            Orphan::Ended(reason) => ("ended", reason.clone()),
            Orphan::Watched(reason) => ("watched", reason.clone()),
            Orphan::NotEnded(reason) => ("notEnded", reason.clone()),
            Orphan::LeftForLater(reason) => ("leftForLater", reason.clone()),
        };
        json!({ "machineId": id, "outcome": outcome, "reason": detail })
    };
    found.iter().map(entry).collect()
}
