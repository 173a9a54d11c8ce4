//! Documents of the operator's verbs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::exit::Exit;
use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::bus::{Catalogue, CommandBus};
use crate::application::commands::{Reconcile, ReconcileReport};
use crate::application::engine::Orphan;
use crate::domain::MachineId;

/// Does what no call asks for, or only says what there is, and returns what to print.
pub(super) async fn reconcile<M: Catalogue>(
    module: &M,
    budget: Budget,
    dry_run: bool,
) -> Result<(Exit, Value), ApplicationError> {
    let command = if dry_run { Reconcile::DryRun } else { Reconcile::Whole };
    let report = CommandBus::new(module, budget).dispatch(command).await?;
    let exit = if report.problems.is_empty() { Exit::Done } else { Exit::Again };
    Ok((exit, reconciled(&report, dry_run)))
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
