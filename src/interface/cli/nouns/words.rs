//! Requests, machines and events as documents and as cells.

use serde_json::{Value, json};

use crate::domain::Timestamp;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{MachineSnapshot, MachineStatus};
use crate::domain::request::{Acquire, Attempt, Body, RequestSnapshot, RequestStatus, Verdict};
use crate::interface::cli::table::{Cell, Tone};
use crate::interface::cli::when;

/// Returns the document of a request, as lists have it.
pub(super) fn request(request: &RequestSnapshot) -> Value {
    let mut document = json!({
        "requestId": request.id,
        "status": request.status.word(),
        "message": request.message,
        "createdAt": when::rfc3339(request.created_at),
        "changedAt": when::rfc3339(request.changed_at),
        "deadline": when::rfc3339(request.deadline),
    });
    let more = match &request.body {
        Body::Acquire(acquire) => json!({
            "kind": "acquire",
            "templateId": acquire.template_id,
            "api": acquire.api,
            "wanted": acquire.wanted.get(),
            "launched": launched(acquire),
            "usable": usable(request, acquire),
        }),
        Body::Return(give_back) => json!({ "kind": "return", "hosts": give_back.items.len() }),
    };
    if let (Value::Object(members), Value::Object(more)) = (&mut document, more) {
        members.extend(more);
    }
    document
}

fn launched(acquire: &Acquire) -> u32 {
    acquire.attempts.iter().map(Attempt::brought).sum::<u32>().saturating_add(acquire.adopted)
}

/// Returns how many hosts are usable, once that is decided.
fn usable(request: &RequestSnapshot, acquire: &Acquire) -> Option<usize> {
    let usable = || acquire.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Usable).count();
    request.status.is_settled().then(usable)
}

/// Returns how many hosts of how many a request has, or gives back.
pub(super) fn hosts(request: &RequestSnapshot) -> Cell {
    match &request.body {
        Body::Acquire(acquire) => {
            let so_far =
                usable(request, acquire).map_or_else(|| launched(acquire).to_string(), |usable| usable.to_string());
            format!("{so_far}/{}", acquire.wanted).into()
        }
        Body::Return(give_back) => format!("-{}", give_back.items.len()).into(),
    }
}

/// Returns the template of a request, if it has one.
pub(super) fn template_of(request: &RequestSnapshot) -> Option<&str> {
    match &request.body {
        Body::Acquire(acquire) => acquire.template_id.as_ref().map(crate::domain::TemplateId::as_str),
        Body::Return(_) => None,
    }
}

/// Returns the cell of a request's status.
pub(super) fn request_status(status: RequestStatus) -> Cell {
    match status {
        RequestStatus::Running => Cell::toned("running", Tone::Busy),
        RequestStatus::Complete => Cell::toned("complete", Tone::Good),
        RequestStatus::CompleteWithError => Cell::toned("error", Tone::Bad),
    }
}

/// Returns the cell of a host's status.
pub(super) fn machine_status(status: MachineStatus) -> Cell {
    let tone = match status {
        MachineStatus::Pending | MachineStatus::Stopping | MachineStatus::ShuttingDown => Tone::Busy,
        MachineStatus::Running => Tone::Good,
        MachineStatus::Stopped => Tone::Bad,
        MachineStatus::Terminated => Tone::Faint,
    };
    Cell::toned(status.word(), tone)
}

/// Returns the document of a host.
pub(super) fn machine(machine: &MachineSnapshot) -> Value {
    json!({
        "machineId": machine.id,
        "status": machine.status.word(),
        "name": machine.name,
        "privateIp": machine.private_ip,
        "publicIp": machine.public_ip,
        "instanceType": machine.instance_type,
        "priceType": machine.price_type.word(),
        "zone": machine.zone,
        "templateId": machine.template_id,
        "requestId": machine.request_id,
        "returnId": machine.return_id,
        "resource": machine.resource,
        "reason": machine.given_up.as_ref().or(machine.reason.as_ref()),
        "tags": machine.tags,
        "launchedAt": when::rfc3339(machine.launched_at),
        "changedAt": when::rfc3339(machine.changed_at),
        "endingSince": machine.ending_since.map(when::rfc3339),
        "interruption": machine.interruption.as_ref().map(|notice| notice.code.clone()),
    })
}

/// Returns the document of an event; with `start`, how long after it the event came.
pub(super) fn event(event: &EventEnvelope, start: Option<Timestamp>) -> Value {
    let facts = event.event.facts();
    let mut document = json!({
        "sequence": event.sequence,
        "at": when::rfc3339(event.at),
        "event": facts.name,
        "requestId": facts.request,
        "machineId": facts.machine,
        "templateId": facts.template,
        "detail": facts.detail,
    });
    if let (Value::Object(members), Some(start)) = (&mut document, start) {
        let after = event.at.since(start).as_secs_f64();
        members.insert("secondsAfterStart".to_owned(), json!(after));
    }
    document
}
