//! What every store decides in the same way.

use crate::application::StorageError;
use crate::application::ports::Admission;
use crate::domain::machine::Machine;
use crate::domain::request::{Body, Request, RequestSnapshot};
use crate::domain::template::{Template, TemplateParts};
use crate::domain::{Digest, TemplateId, Timestamp, machine::MachineSnapshot};

/// Returns the request as it is to be stored: with the version that it has once it is committed.
pub(super) fn next_request(request: &Request, at: Timestamp) -> RequestSnapshot {
    let mut snapshot = request.snapshot().clone();
    snapshot.changed_at = at;
    snapshot.version = snapshot.version.next();
    snapshot
}

/// Returns the machine as it is to be stored: with the version that it has once it is committed.
pub(super) fn next_machine(machine: &Machine, at: Timestamp) -> MachineSnapshot {
    let mut snapshot = machine.snapshot().clone();
    snapshot.changed_at = at;
    snapshot.version = snapshot.version.next();
    snapshot
}

/// Returns whether a stored machine lives and nobody has asked it to end.
pub(super) fn is_held(machine: &MachineSnapshot) -> bool {
    machine.status.is_live() && machine.ending_since.is_none()
}

/// Returns whether a stored request is one to get hosts that Host Factory has never asked about.
pub(super) fn is_unclaimed(request: &RequestSnapshot) -> bool {
    matches!(request.body, Body::Acquire(_)) && request.claimed_at.is_none()
}

/// Returns how many hosts an open acquire request has on order, and of which template.
pub(super) fn on_order(request: &RequestSnapshot) -> Option<(&TemplateId, u32)> {
    match &request.body {
        Body::Acquire(acquire) if !request.status.is_settled() => {
            acquire.template_id.as_ref().map(|template| (template, acquire.wanted.get()))
        }
        Body::Acquire(_) | Body::Return(_) => None,
    }
}

/// Returns the content of the template that a request was frozen with.
pub(super) fn template_of(request: &RequestSnapshot) -> Option<&Digest> {
    match &request.body {
        Body::Acquire(acquire) => acquire.template_digest.as_ref(),
        Body::Return(_) => None,
    }
}

/// Brings a request of schema 1 to schema 2. That version did not note who asked, so it counts as asked about.
pub(super) fn upgrade_request(request: &mut RequestSnapshot) {
    request.claimed_at.get_or_insert(request.created_at);
    request.changed_at = request.changed_at.max(request.created_at);
}

/// Brings a machine of schema 1 to schema 2.
pub(super) fn upgrade_machine(machine: &mut MachineSnapshot) {
    machine.changed_at = machine.changed_at.max(machine.known_since);
}

/// Checks that a change set may be committed beside `committed` hosts.
pub(super) fn admit(admission: &Admission, committed: u32) -> Result<(), StorageError> {
    if committed.saturating_add(admission.adding) > admission.maximum {
        return Err(StorageError::OverMaximum { committed, maximum: admission.maximum });
    }
    Ok(())
}

/// Returns the conflict over `id`.
pub(super) fn conflict(id: &impl ToString) -> StorageError {
    StorageError::Conflict { id: id.to_string() }
}

/// Returns the JSON text of a template as it is kept: without the text of its user data.
pub(super) fn template_text(template: &Template) -> Result<String, StorageError> {
    text_of(template, "writing down a template")
}

/// Returns the JSON text of anything that is kept.
pub(super) fn text_of(value: &impl serde::Serialize, operation: &str) -> Result<String, StorageError> {
    serde_json::to_string(value).map_err(|error| unwritable(operation, error))
}

/// Returns the error of a value that cannot be turned into JSON.
pub(super) fn unwritable(operation: &str, error: serde_json::Error) -> StorageError {
    StorageError::Unavailable { operation: operation.to_owned(), source: Box::new(error) }
}

/// Returns the template that was kept as these parts.
pub(super) fn template_from(parts: TemplateParts) -> Result<Template, StorageError> {
    let id = parts.id.clone();
    Template::new(parts).map_err(|error| StorageError::Corrupt {
        what: format!("the kept template {id} breaks a rule of this version ({error})"),
        advice: "settle its requests with the version that made them".to_owned(),
    })
}
