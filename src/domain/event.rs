//! Events as a store keeps them: an envelope around what happened to an aggregate.

use serde::{Deserialize, Serialize};

use super::machine::MachineEvent;
use super::request::RequestEvent;
use super::{Digest, TemplateId, Timestamp};

/// What happened to a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum TemplateEvent {
    /// A request used this content of a template for the first time; it is kept from now on.
    TemplateCreated {
        /// The template.
        template_id: TemplateId,
        /// Its content.
        digest: Digest,
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

impl EventEnvelope {
    /// The form in which this version writes events.
    pub const SCHEMA_VERSION: u32 = 1;
}
