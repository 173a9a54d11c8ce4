//! What happened to a request.

use serde::{Deserialize, Serialize};

use super::RequestStatus;
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
