//! What happened to a request.

use serde::{Deserialize, Serialize};

use super::RequestStatus;
use crate::domain::event::{Facts, because};
use crate::domain::{ClientToken, FailureClass, MachineId, RequestId, TemplateId};

/// A fact about a request, for the audit log and whoever else listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum RequestEvent {
    /// It was accepted.
    RequestCreated {
        /// The request.
        request_id: RequestId,
        /// The template, for an acquire request.
        template_id: Option<TemplateId>,
        /// How many hosts it asks for or gives back.
        hosts: u32,
    },
    /// A create call was written down before it is sent (INV-01).
    IntentRecorded {
        /// The request.
        request_id: RequestId,
        /// The attempt's number within the request.
        attempt: u32,
        /// How many hosts it asks for.
        count: u32,
        /// Where it asks for them.
        pool: String,
        /// The token it is sent with.
        token: ClientToken,
    },
    /// The cloud has made something that goes on launching by itself.
    ResourceMade {
        /// The request.
        request_id: RequestId,
        /// The attempt's number within the request.
        attempt: u32,
        /// What it made: a fleet or a group.
        resource: String,
    },
    /// The outcome of a create call is known.
    IntentResolved {
        /// The request.
        request_id: RequestId,
        /// The attempt's number within the request.
        attempt: u32,
        /// How many hosts it launched.
        launched: u32,
        /// The kind of failure, if it failed.
        failure: Option<FailureClass>,
        /// The cloud's code, if it failed with one.
        code: Option<String>,
    },
    /// Hosts that the store did not know were found by the request's tag and taken in.
    HostsAdopted {
        /// The request.
        request_id: RequestId,
        /// The hosts.
        machine_ids: Vec<MachineId>,
    },
    /// Host Factory asked about it for the first time, and so knows its id.
    RequestClaimed {
        /// The request.
        request_id: RequestId,
    },
    /// It was given up by hand: nothing more is asked for, and its hosts are ended.
    RequestCancelled {
        /// The request.
        request_id: RequestId,
    },
    /// It could not even be sent and nobody knows its id, so it is not kept.
    RequestWithdrawn {
        /// The request.
        request_id: RequestId,
        /// Why it could not be sent.
        reason: String,
    },
    /// Its status changed.
    RequestStatusChanged {
        /// The request.
        request_id: RequestId,
        /// Before.
        from: RequestStatus,
        /// After.
        to: RequestStatus,
        /// The explanation shown to Host Factory.
        message: String,
    },
}

impl RequestEvent {
    /// Returns what the event says of itself.
    pub(crate) fn facts(&self) -> Facts<'_> {
        match self {
            Self::RequestCreated { request_id, template_id, hosts } => Facts {
                name: "RequestCreated",
                request: Some(request_id),
                template: template_id.as_ref(),
                detail: format!("{hosts} {}", if *hosts == 1 { "host" } else { "hosts" }),
                ..Facts::default()
            },
            Self::IntentRecorded { request_id, attempt, count, pool, token } => Facts {
                name: "IntentRecorded",
                request: Some(request_id),
                detail: format!("attempt {attempt}: {count} hosts from {pool}, token {token}"),
                ..Facts::default()
            },
            Self::ResourceMade { request_id, attempt, resource } => Facts {
                name: "ResourceMade",
                request: Some(request_id),
                detail: format!("attempt {attempt}: {resource}"),
                ..Facts::default()
            },
            Self::IntentResolved { request_id, attempt, launched, failure, code } => Facts {
                name: "IntentResolved",
                request: Some(request_id),
                detail: format!(
                    "attempt {attempt}: {launched} launched{}{}",
                    failure.map(|class| format!(", {}", class.word())).unwrap_or_default(),
                    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
                ),
                ..Facts::default()
            },
            Self::HostsAdopted { request_id, machine_ids } => Facts {
                name: "HostsAdopted",
                request: Some(request_id),
                detail: machine_ids.iter().map(MachineId::as_str).collect::<Vec<_>>().join(" "),
                ..Facts::default()
            },
            Self::RequestWithdrawn { request_id, reason } => Facts {
                name: "RequestWithdrawn",
                request: Some(request_id),
                detail: reason.clone(),
                ..Facts::default()
            },
            Self::RequestCancelled { request_id } => {
                Facts { name: "RequestCancelled", request: Some(request_id), ..Facts::default() }
            }
            Self::RequestClaimed { request_id } => {
                Facts { name: "RequestClaimed", request: Some(request_id), ..Facts::default() }
            }
            Self::RequestStatusChanged { request_id, from, to, message } => Facts {
                name: "RequestStatusChanged",
                request: Some(request_id),
                detail: format!("{} to {}{}", from.word(), to.word(), because(message)),
                ..Facts::default()
            },
        }
    }
}
