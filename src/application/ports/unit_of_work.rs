//! The store, as the application sees it: loads by id, and one atomic commit of a change set.

use async_trait::async_trait;
use shaku::Interface;

use super::{Listings, Outbox};
use crate::application::StorageError;
use crate::domain::event::{DomainEvent, EventEnvelope, TemplateEvent};
use crate::domain::machine::Machine;
use crate::domain::request::Request;
use crate::domain::template::Template;
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp};

/// Requests by id.
#[async_trait]
pub trait RequestRepository {
    /// Returns the request, or `None` when the store was read and does not have it.
    async fn request(&self, id: &RequestId) -> Result<Option<Request>, StorageError>;

    /// Returns the requests that are not settled, oldest first.
    async fn open_requests(&self) -> Result<Vec<RequestId>, StorageError>;

    /// Returns the acquire requests, accepted before `before`, that Host Factory has never asked about, that are open or
    /// have a host that is held, and none of whose hosts Host Factory has ever named; oldest first.
    async fn unclaimed(&self, before: Timestamp) -> Result<Vec<RequestId>, StorageError>;
}

/// Machines by what they belong to.
#[async_trait]
pub trait MachineRepository {
    /// Returns the machines launched or adopted for an acquire request, ordered by id.
    async fn machines_of(&self, request: &RequestId) -> Result<Vec<Machine>, StorageError>;

    /// Returns those of these machines that the store has, in any order.
    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<Machine>, StorageError>;

    /// Returns every machine that has one of these names, live or not.
    async fn machines_named(&self, names: &[HostName]) -> Result<Vec<Machine>, StorageError>;

    /// Returns how many hosts of a template live or are on order: what open acquire requests want, plus the machines of
    /// settled ones that are live and not asked to end.
    async fn committed_hosts(&self, template: &TemplateId) -> Result<u32, StorageError>;
}

/// Templates as requests have frozen them, by content.
#[async_trait]
pub trait TemplateRepository {
    /// Returns the template with this content, or `None`. Its user data is not kept.
    async fn template(&self, digest: &Digest) -> Result<Option<Template>, StorageError>;
}

/// A condition under which alone a change set may be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// The template whose hosts are counted (see [`MachineRepository::committed_hosts`]), the change set not included.
    pub template: TemplateId,
    /// How many the change set adds.
    pub adding: u32,
    /// The most there may be, the added ones included.
    pub maximum: u32,
}

/// What one transaction writes: aggregates, with the events they have pending.
#[derive(Debug, Default)]
pub struct Changes<'a> {
    /// Changed or new requests.
    pub requests: Vec<&'a mut Request>,
    /// Changed or new machines.
    pub machines: Vec<&'a mut Machine>,
    /// A template that may not be kept yet.
    pub template: Option<&'a Template>,
    /// What happened to templates in the template file, which the store does not keep.
    pub template_facts: Vec<TemplateEvent>,
    /// A condition to check inside the transaction.
    pub admission: Option<Admission>,
}

impl Changes<'_> {
    /// Returns whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
            && self.machines.is_empty()
            && self.template.is_none()
            && self.template_facts.is_empty()
    }

    /// Returns the pending events of all aggregates in their envelopes, numbered from `first`. `template_is_new` says
    /// that the store does not keep the template yet.
    pub fn envelopes(&self, first: u64, at: Timestamp, template_is_new: bool) -> Vec<EventEnvelope> {
        let template = self.template.filter(|_| template_is_new).map(|template| {
            DomainEvent::Template(TemplateEvent::TemplateCreated {
                template_id: template.id().clone(),
                digest: template.digest(),
            })
        });
        let requests = self.requests.iter().flat_map(|r| r.pending_events().iter().cloned().map(DomainEvent::Request));
        let machines = self.machines.iter().flat_map(|m| m.pending_events().iter().cloned().map(DomainEvent::Machine));
        let template_facts = self.template_facts.iter().cloned().map(DomainEvent::Template);
        template
            .into_iter()
            .chain(template_facts)
            .chain(requests)
            .chain(machines)
            .zip(first..)
            .map(|(event, sequence)| EventEnvelope {
                sequence,
                at,
                schema_version: EventEnvelope::SCHEMA_VERSION,
                event,
            })
            .collect()
    }

    /// Tells every aggregate that it is committed. For stores, after the transaction is durable.
    pub fn mark_committed(&mut self, at: Timestamp) {
        self.requests.iter_mut().for_each(|request| request.mark_committed(at));
        self.machines.iter_mut().for_each(|machine| machine.mark_committed(at));
    }
}

/// The store.
#[async_trait]
pub trait UnitOfWork:
    RequestRepository + MachineRepository + TemplateRepository + Listings + Outbox + Interface
{
    /// Writes every change and its events in one transaction, or nothing, and marks the aggregates committed after the
    /// transaction is durable. Implementations MUST sync to disk before they return, and MUST NOT hold a lock before or
    /// after. An aggregate of version 0 must not exist yet; any other must be stored with the version it was loaded at.
    /// A withdrawn request is removed instead of written; its events are written all the same.
    ///
    /// # Errors
    /// [`StorageError::Conflict`] when a stored version differs from the loaded one; [`StorageError::OverMaximum`] when
    /// the admission does not hold; others when the store cannot be used. Nothing was written in either case.
    async fn commit(&self, changes: Changes<'_>, at: Timestamp) -> Result<(), StorageError>;

    /// Forgets settled requests, and machines that have ended, or were told to and are waited for by no open request,
    /// that were last committed before `before`, at most `limit` of each, oldest first, and templates that no request
    /// names any more. A request is kept as long as one of its machines is. Returns how many of each it forgot.
    ///
    /// # Errors
    /// Those of [`Self::commit`]; nothing was forgotten then.
    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StorageError>;
}

/// What a store forgot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Requests.
    pub requests: usize,
    /// Machines.
    pub machines: usize,
}
