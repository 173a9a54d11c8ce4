//! Requests, machines and events as documents and as cells.

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::application::ports::{Purpose, RequestSummary};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{MachineSnapshot, MachineStatus};
use crate::domain::request::RequestStatus;
use crate::domain::template::ProviderApi;
use crate::domain::{HostName, MachineId, RequestId, TemplateId, Timestamp};
use crate::interface::cli::table::{Cell, Tone};
use crate::interface::cli::when;

/// A request as lists have it.
pub(super) struct RequestEntry(pub(super) RequestSummary);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestLine<'r> {
    request_id: &'r RequestId,
    status: &'static str,
    message: &'r str,
    created_at: String,
    changed_at: String,
    deadline: String,
    #[serde(flatten)]
    purpose: PurposeLine<'r>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
enum PurposeLine<'r> {
    Acquire { template_id: Option<&'r TemplateId>, api: ProviderApi, wanted: u32, launched: u32, usable: Option<usize> },
    Return { hosts: usize },
}

impl<'r> From<&'r RequestSummary> for RequestLine<'r> {
    fn from(request: &'r RequestSummary) -> Self {
        Self {
            request_id: &request.id,
            status: request.status.word(),
            message: &request.message,
            created_at: when::rfc3339(request.created_at),
            changed_at: when::rfc3339(request.changed_at),
            deadline: when::rfc3339(request.deadline),
            purpose: match &request.purpose {
                Purpose::Acquire { template_id, api, wanted, launched, usable } => PurposeLine::Acquire {
                    template_id: template_id.as_ref(),
                    api: *api,
                    wanted: *wanted,
                    launched: *launched,
                    usable: *usable,
                },
                Purpose::Return { hosts } => PurposeLine::Return { hosts: *hosts },
            },
        }
    }
}

impl Serialize for RequestEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RequestLine::from(&self.0).serialize(serializer)
    }
}

/// Returns the document of a request, as lists have it.
pub(super) fn request(request: &RequestSummary) -> Value {
    tree(&RequestLine::from(request))
}

/// Plain structs of texts and numbers always have a tree.
fn tree(line: &impl Serialize) -> Value {
    serde_json::to_value(line).unwrap_or_default()
}

/// Returns how many hosts of how many a request has, or gives back.
pub(super) fn hosts(request: &RequestSummary) -> Cell {
    match request.purpose {
        Purpose::Acquire { wanted, launched, usable, .. } => {
            let so_far = usable.map_or_else(|| launched.to_string(), |usable| usable.to_string());
            format!("{so_far}/{wanted}").into()
        }
        Purpose::Return { hosts } => format!("-{hosts}").into(),
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

/// A host as lists have it.
pub(super) struct MachineEntry(pub(super) MachineSnapshot);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MachineLine<'m> {
    machine_id: &'m MachineId,
    status: &'static str,
    name: Option<&'m HostName>,
    private_ip: Option<&'m str>,
    public_ip: Option<&'m str>,
    instance_type: Option<&'m str>,
    price_type: &'static str,
    zone: Option<&'m str>,
    template_id: Option<&'m TemplateId>,
    request_id: Option<&'m RequestId>,
    return_id: Option<&'m RequestId>,
    resource: &'m Option<String>,
    reason: Option<&'m str>,
    tags: &'m str,
    launched_at: String,
    changed_at: String,
    ending_since: Option<String>,
    interruption: Option<&'m str>,
}

impl<'m> From<&'m MachineSnapshot> for MachineLine<'m> {
    fn from(machine: &'m MachineSnapshot) -> Self {
        let notice = machine.interruption.as_ref().filter(|notice| !notice.unconfirmed);
        Self {
            machine_id: &machine.id,
            status: machine.status.word(),
            name: machine.name.as_ref(),
            private_ip: machine.private_ip.as_deref(),
            public_ip: machine.public_ip.as_deref(),
            instance_type: machine.instance_type.as_deref(),
            price_type: machine.price_type.word(),
            zone: machine.zone.as_deref(),
            template_id: machine.template_id.as_ref(),
            request_id: machine.request_id.as_ref(),
            return_id: machine.return_id.as_ref(),
            resource: &machine.resource,
            reason: machine.given_up.as_deref().or(machine.reason.as_deref()),
            tags: &machine.tags,
            launched_at: when::rfc3339(machine.launched_at),
            changed_at: when::rfc3339(machine.changed_at),
            ending_since: machine.ending_since.map(when::rfc3339),
            interruption: notice.map(|notice| notice.code.as_str()),
        }
    }
}

impl Serialize for MachineEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        MachineLine::from(&self.0).serialize(serializer)
    }
}

/// Returns the document of a host.
pub(super) fn machine(machine: &MachineSnapshot) -> Value {
    tree(&MachineLine::from(machine))
}

/// An event as lists have it.
pub(super) struct EventEntry(pub(super) EventEnvelope);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventLine<'e> {
    sequence: u64,
    at: String,
    event: &'static str,
    request_id: Option<&'e RequestId>,
    machine_id: Option<&'e MachineId>,
    template_id: Option<&'e TemplateId>,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_after_start: Option<f64>,
}

impl<'e> EventLine<'e> {
    fn of(event: &'e EventEnvelope, start: Option<Timestamp>) -> Self {
        let facts = event.event.facts();
        Self {
            sequence: event.sequence,
            at: when::rfc3339(event.at),
            event: facts.name,
            request_id: facts.request,
            machine_id: facts.machine,
            template_id: facts.template,
            detail: facts.detail,
            seconds_after_start: start.map(|start| event.at.since(start).as_secs_f64()),
        }
    }
}

impl Serialize for EventEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        EventLine::of(&self.0, None).serialize(serializer)
    }
}

/// Returns the document of an event; with `start`, how long after it the event came.
pub(super) fn event(event: &EventEnvelope, start: Option<Timestamp>) -> Value {
    tree(&EventLine::of(event, start))
}
