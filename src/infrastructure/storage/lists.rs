//! Lists for operators, out of a store that is in memory.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::state::StoreState;
use crate::application::ports::{
    Census, EventFilter, MachineFilter, MachineSort, RequestFilter, RequestSort, RequestSummary,
};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineSnapshot};
use crate::domain::request::{Body, RequestSnapshot};
use crate::domain::{HostName, MachineId, RequestId, RequestKind, TemplateId};

use super::glance::Member;
use super::rules;

impl StoreState {
    /// Returns what [`crate::application::ports::Listings::list_requests`] says.
    pub fn list_requests(&self, filter: &RequestFilter) -> Vec<RequestSummary> {
        requests(self.requests.values().map(RequestSummary::from).collect(), filter)
    }

    /// Returns what [`crate::application::ports::Listings::list_machines`] says.
    pub fn list_machines(&self, filter: &MachineFilter) -> Vec<Machine> {
        let mut found: Vec<_> = self.machines.values().filter(|machine| fits_machine(filter, machine)).collect();
        found.sort_by(|one, two| turned(by_machine(filter.sort, one, two), filter.reversed).then(one.id.cmp(&two.id)));
        found.into_iter().take(filter.limit).cloned().map(Machine::from_snapshot).collect()
    }

    /// Returns what [`crate::application::ports::Listings::list_events`] says.
    pub fn list_events(&self, filter: &EventFilter) -> Vec<EventEnvelope> {
        let fitting = self.events.iter().rev().take_while(|event| event.sequence > filter.after);
        let mut found: Vec<_> = fitting.filter(|event| fits_event(filter, event)).take(filter.limit).cloned().collect();
        found.reverse();
        found
    }

    /// Returns what [`crate::application::ports::Listings::census`] says.
    pub fn census(&self) -> Census {
        let mut census = Census::default();
        for request in self.requests.values() {
            let kind = request.id.as_str().chars().take(3).collect();
            let template = template_of(request).map(ToString::to_string).unwrap_or_default();
            *census.requests.entry((kind, request.status.word().to_owned(), template)).or_default() += 1;
        }
        for machine in self.machines.values() {
            let template = machine.template_id.as_ref().map(ToString::to_string).unwrap_or_default();
            *census.machines.entry((machine.status.word().to_owned(), template)).or_default() += 1;
        }
        census
    }
}

/// Tells of a document of an event at a glance that it does not fit.
pub(super) struct EventGlance<'f> {
    filter: &'f EventFilter,
    requests: BTreeSet<&'f str>,
    machines: BTreeSet<&'f str>,
    name: Member,
    request: Member,
    machine: Member,
}

impl<'f> EventGlance<'f> {
    /// Returns a glance for what this filter asks for.
    pub(super) fn new(filter: &'f EventFilter) -> Self {
        Self {
            filter,
            requests: filter.requests.iter().map(RequestId::as_str).collect(),
            machines: filter.machines.iter().map(MachineId::as_str).collect(),
            name: Member::named("type"),
            request: Member::named("requestId"),
            machine: Member::named("machineId"),
        }
    }

    /// Returns whether the event could be one that is asked for.
    pub(super) fn may_fit(&self, document: &[u8]) -> bool {
        let about = |member: &Member, ids: &BTreeSet<&str>| {
            !ids.is_empty() && member.word(document).is_some_and(|id| ids.contains(id))
        };
        let everything = self.requests.is_empty() && self.machines.is_empty();
        let names = &self.filter.names;
        (everything || about(&self.request, &self.requests) || about(&self.machine, &self.machines))
            && (names.is_empty() || self.name.may_be(document, |word| names.iter().any(|name| name == word)))
    }
}

/// Returns those requests that fit, in their order.
pub(super) fn requests(mut all: Vec<RequestSummary>, filter: &RequestFilter) -> Vec<RequestSummary> {
    all.retain(|request| fits_request(filter, request));
    all.sort_by(|one, two| turned(by_request(filter.sort, one, two), filter.reversed).then(one.id.cmp(&two.id)));
    all.truncate(filter.limit);
    all
}

fn turned(order: Ordering, reversed: bool) -> Ordering {
    if reversed { order.reverse() } else { order }
}

fn template_of(request: &RequestSnapshot) -> Option<&TemplateId> {
    match &request.body {
        Body::Acquire(acquire) => acquire.template_id.as_ref(),
        Body::Return(_) => None,
    }
}

fn fits_request(filter: &RequestFilter, request: &RequestSummary) -> bool {
    (filter.statuses.is_empty() || filter.statuses.contains(&request.status))
        && filter.kind.is_none_or(|kind| request.id.kind() == kind)
        && filter.template.as_ref().is_none_or(|template| request.template() == Some(template))
        && filter.changed_since.is_none_or(|since| request.changed_at >= since)
}

fn by_request(sort: RequestSort, one: &RequestSummary, two: &RequestSummary) -> Ordering {
    fn template(request: &RequestSummary) -> &str {
        request.template().map_or("", TemplateId::as_str)
    }
    match sort {
        RequestSort::Created => two.created_at.cmp(&one.created_at),
        RequestSort::Changed => two.changed_at.cmp(&one.changed_at),
        RequestSort::Id => one.id.cmp(&two.id),
        RequestSort::Status => one.status.word().cmp(two.status.word()),
        RequestSort::Template => template(one).cmp(template(two)),
    }
}

fn fits_machine(filter: &MachineFilter, machine: &MachineSnapshot) -> bool {
    let request = |id: &RequestId| match id.kind() {
        RequestKind::Acquire => machine.request_id.as_ref() == Some(id),
        RequestKind::Return => machine.return_id.as_ref() == Some(id),
    };
    (filter.statuses.is_empty() || filter.statuses.contains(&machine.status))
        && filter.template.as_ref().is_none_or(|template| machine.template_id.as_ref() == Some(template))
        && filter.request.as_ref().is_none_or(request)
        && (!filter.only_held || rules::is_held(machine))
        && filter.changed_since.is_none_or(|since| machine.changed_at >= since)
}

fn by_machine(sort: MachineSort, one: &MachineSnapshot, two: &MachineSnapshot) -> Ordering {
    fn name(machine: &MachineSnapshot) -> &str {
        machine.name.as_ref().map_or("", HostName::as_str)
    }
    fn template(machine: &MachineSnapshot) -> &str {
        machine.template_id.as_ref().map_or("", TemplateId::as_str)
    }
    fn request(machine: &MachineSnapshot) -> &str {
        machine.request_id.as_ref().map_or("", RequestId::as_str)
    }
    match sort {
        MachineSort::Changed => two.changed_at.cmp(&one.changed_at),
        MachineSort::Launched => two.launched_at.cmp(&one.launched_at),
        MachineSort::Id => one.id.cmp(&two.id),
        MachineSort::Name => name(one).cmp(name(two)),
        MachineSort::Status => one.status.word().cmp(two.status.word()),
        MachineSort::Template => template(one).cmp(template(two)),
        MachineSort::Request => request(one).cmp(request(two)),
    }
}

/// Returns whether an event is one that is asked for, wherever it stands.
pub(super) fn fits_event(filter: &EventFilter, event: &EventEnvelope) -> bool {
    let facts = event.event.facts();
    let everything = filter.requests.is_empty() && filter.machines.is_empty();
    let about = facts.request.is_some_and(|id| filter.requests.contains(id))
        || facts.machine.is_some_and(|id| filter.machines.contains(id));
    (everything || about)
        && (filter.names.is_empty() || filter.names.iter().any(|name| name == facts.name))
        && filter.since.is_none_or(|since| event.at >= since)
}
