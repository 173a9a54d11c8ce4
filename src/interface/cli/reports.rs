//! Documents of the operator's verbs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::application::commands::ReconcileReport;
use crate::application::engine::Orphan;
use crate::domain::MachineId;

/// Returns the document of `reconcile`.
pub(super) fn reconciled(report: &ReconcileReport, dry_run: bool) -> Value {
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
