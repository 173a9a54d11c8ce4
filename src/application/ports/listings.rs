//! Lists for operators: filtered, ordered and cut by the store itself.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::RequestSummary;
use crate::application::StorageError;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::request::RequestStatus;
use crate::domain::{MachineId, RequestId, RequestKind, TemplateId, Timestamp};

/// What a list of requests is ordered by: times newest first, everything else from small to large; what is equal, by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RequestSort {
    /// When it was accepted.
    #[default]
    Created,
    /// When it last changed.
    Changed,
    /// Its id.
    Id,
    /// The word for its status.
    Status,
    /// Its template.
    Template,
}

/// Which requests to list. What is empty or unset leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestFilter {
    /// In one of these statuses.
    pub statuses: Vec<RequestStatus>,
    /// Of this kind.
    pub kind: Option<RequestKind>,
    /// For hosts of this template.
    pub template: Option<TemplateId>,
    /// Changed at this time or later.
    pub changed_since: Option<Timestamp>,
    /// The order.
    pub sort: RequestSort,
    /// Whether the order is turned round.
    pub reversed: bool,
    /// The most to return.
    pub limit: usize,
}

/// What a list of machines is ordered by: times newest first, everything else from small to large; what is equal, by id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MachineSort {
    /// When it last changed.
    #[default]
    Changed,
    /// When it was launched.
    Launched,
    /// Its id.
    Id,
    /// Its name; those without one first.
    Name,
    /// The word for its status.
    Status,
    /// Its template; those without one first.
    Template,
    /// Its request; those without one first.
    Request,
}

/// Which machines to list. What is empty or unset leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachineFilter {
    /// In one of these statuses.
    pub statuses: Vec<MachineStatus>,
    /// Of this template.
    pub template: Option<TemplateId>,
    /// Launched for this request, or last returned by it.
    pub request: Option<RequestId>,
    /// That live and that nobody has asked to end.
    pub only_held: bool,
    /// Changed at this time or later.
    pub changed_since: Option<Timestamp>,
    /// The order.
    pub sort: MachineSort,
    /// Whether the order is turned round.
    pub reversed: bool,
    /// The most to return.
    pub limit: usize,
}

/// Which events to list. What is empty or unset leaves nothing out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// About one of these requests, or one of `machines`.
    pub requests: Vec<RequestId>,
    /// About one of these machines, or one of `requests`.
    pub machines: Vec<MachineId>,
    /// With one of these names, such as `RequestCreated`.
    pub names: Vec<String>,
    /// Committed at this time or later.
    pub since: Option<Timestamp>,
    /// With a sequence number above this one.
    pub after: u64,
    /// The most to return: the newest ones.
    pub limit: usize,
}

/// How many requests and machines are kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Census {
    /// Requests by the prefix of their kind (`req` or `ret`), the word for their status, and their template or nothing.
    pub requests: BTreeMap<(String, String, String), u64>,
    /// Machines by the word for their status, and their template or nothing.
    pub machines: BTreeMap<(String, String), u64>,
}

/// Lists for operators. Implementations MUST filter before they cut, and agree on the order of whatever is equal.
#[async_trait]
pub trait Listings {
    /// Returns requests, as far as lists show them.
    async fn list_requests(&self, filter: &RequestFilter) -> Result<Vec<RequestSummary>, StorageError>;

    /// Returns machines.
    async fn list_machines(&self, filter: &MachineFilter) -> Result<Vec<Machine>, StorageError>;

    /// Returns the newest of the events that are kept, oldest first.
    async fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventEnvelope>, StorageError>;

    /// Counts what is kept.
    async fn census(&self) -> Result<Census, StorageError>;
}
