//! A whole store in memory, and what a commit does to it. The JSON store and the memory store share it.
//!
//! Invariant: [`StoreState::commit`] checks everything before it changes anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::rules;
use crate::application::StorageError;
use crate::application::ports::{Admission, Changes, Purged};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineSnapshot, MachineStatus};
use crate::domain::request::{Request, RequestSnapshot};
use crate::domain::template::{Template, TemplateParts};
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp, Version};

/// Everything a store keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreState {
    /// Templates as requests have frozen them, by content.
    pub templates: BTreeMap<Digest, TemplateParts>,
    /// Requests.
    pub requests: BTreeMap<RequestId, RequestSnapshot>,
    /// Machines.
    pub machines: BTreeMap<MachineId, MachineSnapshot>,
    /// Events in the order of their sequence numbers.
    pub events: Vec<EventEnvelope>,
    /// The sequence number of the next event.
    pub next_sequence: u64,
}

impl Default for StoreState {
    fn default() -> Self {
        Self {
            templates: BTreeMap::new(),
            requests: BTreeMap::new(),
            machines: BTreeMap::new(),
            events: Vec::new(),
            next_sequence: 1,
        }
    }
}

impl StoreState {
    /// Returns the request, if there is one.
    pub fn request(&self, id: &RequestId) -> Option<Request> {
        self.requests.get(id).cloned().map(Request::from_snapshot)
    }

    /// Returns the requests that are not settled, oldest first.
    pub fn open_requests(&self) -> Vec<RequestId> {
        by_age(self.requests.values().filter(|request| !request.status.is_settled()))
    }

    /// Returns the acquire requests made before `before` that nobody asked about and that have something to end.
    pub fn unclaimed(&self, before: Timestamp) -> Vec<RequestId> {
        let mut found: BTreeMap<&RequestId, &RequestSnapshot> = self.never_claimed(before).collect();
        if found.is_empty() {
            return Vec::new();
        }
        let mut held = BTreeSet::new();
        for machine in self.machines.values() {
            let Some(id) = &machine.request_id else { continue };
            if machine.listed {
                found.remove(id);
            } else if rules::is_held(machine) {
                held.insert(id);
            }
        }
        by_age(found.into_values().filter(|request| !request.status.is_settled() || held.contains(&request.id)))
    }

    /// Returns the acquire requests made before `before` that nobody asked about.
    pub fn never_claimed(&self, before: Timestamp) -> impl Iterator<Item = (&RequestId, &RequestSnapshot)> {
        self.requests.iter().filter(move |(_, request)| rules::is_unclaimed(request) && request.created_at < before)
    }

    /// Forgets what [`crate::application::ports::UnitOfWork::purge`] says.
    pub fn purge(&mut self, before: Timestamp, limit: usize) -> Purged {
        let counts = (self.requests.len(), self.machines.len());
        let is_open = |id: &Option<RequestId>| {
            id.as_ref().and_then(|id| self.requests.get(id)).is_some_and(|request| !request.status.is_settled())
        };
        let is_over = |machine: &MachineSnapshot| {
            let waited_for = is_open(&machine.request_id) || is_open(&machine.return_id);
            machine.status == MachineStatus::Terminated || (!rules::is_held(machine) && !waited_for)
        };
        let mut ended: Vec<_> = self
            .machines
            .values()
            .filter(|machine| is_over(machine) && machine.changed_at < before)
            .map(|machine| (machine.changed_at, machine.id.clone()))
            .collect();
        ended.sort_unstable();
        for (_, id) in ended.into_iter().take(limit) {
            self.machines.remove(&id);
        }
        let kept: BTreeSet<_> = self.machines.values().filter_map(|machine| machine.request_id.as_ref()).collect();
        let mut settled: Vec<_> = self
            .requests
            .values()
            .filter(|r| r.status.is_settled() && r.changed_at < before && !kept.contains(&r.id))
            .map(|request| (request.changed_at, request.id.clone()))
            .collect();
        settled.sort_unstable();
        for (_, id) in settled.into_iter().take(limit) {
            self.requests.remove(&id);
        }
        let named: BTreeSet<_> = self.requests.values().filter_map(rules::template_of).cloned().collect();
        self.templates.retain(|digest, _| named.contains(digest));
        Purged { requests: counts.0 - self.requests.len(), machines: counts.1 - self.machines.len() }
    }

    /// Returns the machines of an acquire request, ordered by id.
    pub fn machines_of(&self, request: &RequestId) -> Vec<Machine> {
        self.machines_where(|machine| machine.request_id.as_ref() == Some(request))
    }

    /// Returns those of these machines that there are.
    pub fn machines(&self, ids: &[MachineId]) -> Vec<Machine> {
        let unique: BTreeSet<_> = ids.iter().collect();
        unique.into_iter().filter_map(|id| self.machines.get(id)).cloned().map(Machine::from_snapshot).collect()
    }

    /// Returns the machines with one of these names.
    pub fn machines_named(&self, names: &[HostName]) -> Vec<Machine> {
        let names: BTreeSet<_> = names.iter().collect();
        self.machines_where(|machine| machine.name.as_ref().is_some_and(|name| names.contains(name)))
    }

    fn machines_where(&self, wanted: impl Fn(&MachineSnapshot) -> bool) -> Vec<Machine> {
        self.machines.values().filter(|machine| wanted(machine)).cloned().map(Machine::from_snapshot).collect()
    }

    /// Returns how many capacity units of a template live or are on order. A host whose request is not kept counts as that of a
    /// settled one.
    pub fn committed_hosts(&self, template: &TemplateId) -> u32 {
        let on_order = self.requests.values().filter_map(rules::on_order);
        let on_order =
            on_order.filter(|(of, _)| *of == template).map(|(_, wanted)| wanted).fold(0, u32::saturating_add);
        let is_open = |id: &RequestId| self.requests.get(id).is_some_and(|request| !request.status.is_settled());
        let held = self.machines.values().filter(|machine| {
            machine.template_id.as_ref() == Some(template)
                && rules::is_held(machine)
                && !machine.request_id.as_ref().is_some_and(is_open)
        });
        held.map(|machine| machine.weight).fold(on_order, u32::saturating_add)
    }

    /// Returns the template with this content, if it is kept.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when it breaks a rule of this version.
    pub fn template(&self, digest: &Digest) -> Result<Option<Template>, StorageError> {
        self.templates.get(digest).cloned().map(rules::template_from).transpose()
    }

    /// Returns up to `limit` events after `delivered`, oldest first.
    pub fn undelivered(&self, delivered: u64, limit: usize) -> Vec<EventEnvelope> {
        let first = self.events.partition_point(|event| event.sequence <= delivered);
        self.events.iter().skip(first).take(limit).cloned().collect()
    }

    /// Forgets delivered events that are older than `retention`.
    pub fn forget_delivered(&mut self, delivered: u64, retention: Duration, now: Timestamp) {
        self.events.retain(|event| event.sequence > delivered || now.since(event.at) <= retention);
    }

    /// Returns whether a commit of `changes` would change nothing: they hold at most a template that is kept already.
    pub fn has_all_of(&self, changes: &Changes<'_>) -> bool {
        let template_is_kept = changes.template.is_none_or(|t| self.templates.contains_key(&t.digest()));
        let nothing_else =
            changes.requests.is_empty() && changes.machines.is_empty() && changes.template_facts.is_empty();
        nothing_else && template_is_kept
    }

    /// Takes in a change set and its events, or refuses and changes nothing. The aggregates themselves stay as they are;
    /// the store marks them committed once the state is durable.
    ///
    /// # Errors
    /// [`StorageError::OverMaximum`] when the admission does not hold; [`StorageError::Conflict`] when a stored version
    /// is not the loaded one.
    pub fn commit(&mut self, changes: &Changes<'_>, at: Timestamp) -> Result<(), StorageError> {
        self.check(changes)?;
        let template = changes.template.map(|template| (template.digest(), template));
        let new_template = template.filter(|(digest, _)| !self.templates.contains_key(digest));
        let template_is_new = new_template.is_some();
        if let Some((digest, template)) = new_template {
            self.templates.insert(digest, without_user_data(template)?);
        }
        let events = changes.envelopes(self.next_sequence, at, template_is_new);
        self.next_sequence = self.next_sequence.saturating_add(events.len() as u64);
        self.events.extend(events);
        for request in &changes.requests {
            if request.is_withdrawn() {
                self.requests.remove(request.id());
            } else {
                self.requests.insert(request.id().clone(), rules::next_request(request, at));
            }
        }
        for machine in &changes.machines {
            self.machines.insert(machine.id().clone(), rules::next_machine(machine, at));
        }
        Ok(())
    }

    fn check(&self, changes: &Changes<'_>) -> Result<(), StorageError> {
        if let Some(admission @ Admission { template, .. }) = &changes.admission {
            rules::admit(admission, self.committed_hosts(template))?;
        }
        let mut requests = BTreeSet::new();
        for request in &changes.requests {
            let stored = self.requests.get(request.id()).map(|stored| stored.version);
            if !fits(stored, request.snapshot().version) || !requests.insert(request.id()) {
                return Err(rules::conflict(request.id()));
            }
        }
        let mut machines = BTreeSet::new();
        for machine in &changes.machines {
            let stored = self.machines.get(machine.id()).map(|stored| stored.version);
            if !fits(stored, machine.snapshot().version) || !machines.insert(machine.id()) {
                return Err(rules::conflict(machine.id()));
            }
        }
        Ok(())
    }
}

fn by_age<'r>(requests: impl Iterator<Item = &'r RequestSnapshot>) -> Vec<RequestId> {
    let mut found: Vec<_> = requests.map(|request| (request.created_at, &request.id)).collect();
    found.sort_unstable();
    found.into_iter().map(|(_, id)| id.clone()).collect()
}

/// Returns whether an aggregate loaded at `loaded` may be written over what is stored.
fn fits(stored: Option<Version>, loaded: Version) -> bool {
    stored.map_or(loaded.is_new(), |stored| stored == loaded && !loaded.is_new())
}

/// Returns the parts of a template as they are read back from a disk: the text of the user data is not written.
fn without_user_data(template: &Template) -> Result<TemplateParts, StorageError> {
    let text = rules::template_text(template)?;
    serde_json::from_str(&text).map_err(|error| rules::unwritable("writing down a template", error))
}
