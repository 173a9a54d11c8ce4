//! Events as a store keeps them: an envelope around what happened to an aggregate.

use serde::{Deserialize, Serialize};

use super::machine::MachineEvent;
use super::request::RequestEvent;
use super::{Digest, MachineId, RequestId, TemplateId, Timestamp};

/// What happened to a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum TemplateEvent {
    /// An operator added a template to the template file, or a request used this content of a template for the first time
    /// and it is kept from now on.
    TemplateCreated {
        /// The template.
        template_id: TemplateId,
        /// Its content.
        digest: Digest,
    },
    /// An operator changed a template in the template file; requests that were made before go on with what they have.
    TemplateUpdated {
        /// The template.
        template_id: TemplateId,
        /// Its content until then.
        former: Digest,
        /// Its content.
        digest: Digest,
    },
    /// An operator took a template out of the template file; its requests and hosts go on.
    TemplateDeleted {
        /// The template.
        template_id: TemplateId,
        /// Its content until then.
        former: Digest,
    },
}

/// A fact about any aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "aggregate", content = "fact", rename_all = "camelCase")]
pub enum DomainEvent {
    /// About a template.
    Template(TemplateEvent),
    /// About a request.
    Request(RequestEvent),
    /// About a machine.
    Machine(MachineEvent),
}

/// An event in the order in which the store committed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventEnvelope {
    /// Its place in the store's history, from 1 and without repetition.
    pub sequence: u64,
    /// When it was committed.
    pub at: Timestamp,
    /// The form of `event`; readers upgrade older ones.
    pub schema_version: u32,
    /// What happened.
    #[serde(flatten)]
    pub event: DomainEvent,
}

impl DomainEvent {
    /// Returns what the event says of itself.
    pub fn facts(&self) -> Facts<'_> {
        match self {
            Self::Template(event) => event.facts(),
            Self::Request(event) => event.facts(),
            Self::Machine(event) => event.facts(),
        }
    }
}

/// What an event says of itself, for people and for whoever looks for events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts<'e> {
    /// Its name, such as `RequestCreated`.
    pub name: &'static str,
    /// The request it is about.
    pub request: Option<&'e RequestId>,
    /// The machine it is about.
    pub machine: Option<&'e MachineId>,
    /// The template it is about.
    pub template: Option<&'e TemplateId>,
    /// The rest, in words.
    pub detail: String,
}

impl TemplateEvent {
    fn facts(&self) -> Facts<'_> {
        let (name, template, detail) = match self {
            Self::TemplateCreated { template_id, digest } => {
                ("TemplateCreated", template_id, format!("digest {digest}"))
            }
            Self::TemplateUpdated { template_id, former, digest } => {
                ("TemplateUpdated", template_id, format!("digest {digest}, formerly {former}"))
            }
            Self::TemplateDeleted { template_id, former } => {
                ("TemplateDeleted", template_id, format!("formerly digest {former}"))
            }
        };
        Facts { name, template: Some(template), detail, ..Facts::default() }
    }
}

/// Returns `reason` as the end of a sentence, or nothing where there is none.
pub(super) fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}

impl EventEnvelope {
    /// The form in which this version writes events.
    pub const SCHEMA_VERSION: u32 = 1;

    /// The names of all events.
    pub const NAMES: [&'static str; 20] = [
        "TemplateCreated",
        "TemplateUpdated",
        "TemplateDeleted",
        "RequestCreated",
        "IntentRecorded",
        "ResourceMade",
        "IntentResolved",
        "HostsAdopted",
        "RequestClaimed",
        "RequestCancelled",
        "RequestWithdrawn",
        "RequestStatusChanged",
        "MachineCreated",
        "MachineStatusChanged",
        "MachineInterrupted",
        "MachineInterruptionOver",
        "MachineListed",
        "MachineGivenUp",
        "MachineEndRequested",
        "MachineTerminated",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::machine::MachineStatus;
    use crate::domain::request::RequestStatus;

    #[test]
    fn a_change_is_told_in_the_words_of_the_documents() {
        let id: RequestId = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
        let change = |message: &str| RequestEvent::RequestStatusChanged {
            request_id: id.clone(),
            from: RequestStatus::Running,
            to: RequestStatus::CompleteWithError,
            message: message.to_owned(),
        };
        assert_eq!(change("").facts().detail, "running to complete_with_error");
        assert_eq!(change("no host came").facts().detail, "running to complete_with_error: no host came");
        let ended = MachineEvent::MachineStatusChanged {
            machine_id: "i-0123456789abcdef0".parse().unwrap(),
            from: MachineStatus::Running,
            to: MachineStatus::ShuttingDown,
            reason: None,
        };
        assert_eq!(ended.facts().detail, "running to shutting-down");
    }
}
