//! What is counted of the events, so that figures outlast the events themselves.
//!
//! Invariants: every number only grows; the same events in the same order give the same tally; an event that is counted
//! already changes nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{DomainEvent, EventEnvelope};
use super::machine::{MachineEvent, MachineStatus};
use super::request::RequestEvent;
use super::{MachineId, RequestId, RequestKind, Timestamp};

/// How many things took how long.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Durations {
    /// How many took no longer than each of [`Durations::BOUNDS`], the smaller ones included.
    within: Vec<u64>,
    /// How many there were.
    count: u64,
    /// How long all of them took together, in milliseconds.
    millis: u64,
}

impl Durations {
    /// The bounds in seconds: from a host that was there at once to the longest deadline by default.
    pub const BOUNDS: [u64; 12] = [5, 10, 20, 30, 60, 120, 180, 300, 600, 900, 1800, 3600];

    /// Takes one in.
    fn take(&mut self, duration: std::time::Duration) {
        self.within.resize(Self::BOUNDS.len(), 0);
        for (bound, within) in Self::BOUNDS.iter().zip(&mut self.within) {
            *within += u64::from(duration <= std::time::Duration::from_secs(*bound));
        }
        self.count += 1;
        self.millis = self.millis.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    }

    /// Returns each bound in seconds with how many took no longer.
    pub fn within(&self) -> impl Iterator<Item = (u64, u64)> {
        let within = self.within.iter().copied().chain(std::iter::repeat(0));
        Self::BOUNDS.into_iter().zip(within)
    }

    /// Returns how many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns how many milliseconds all of them took together.
    pub fn millis(&self) -> u64 {
        self.millis
    }
}

/// A request whose first usable host, or whose end, is still to come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Open {
    since: Timestamp,
    template: String,
    hosts: Vec<MachineId>,
    has_host: bool,
}

/// What is counted of the events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Tally {
    /// The sequence number of the last event that is counted.
    pub sequence: u64,
    /// How many events were forgotten before they could be counted.
    pub missed: u64,
    /// Events by name.
    pub events: BTreeMap<String, u64>,
    /// Requests by kind and template, as `kind|template`.
    pub requests: BTreeMap<String, u64>,
    /// Hosts that were asked for or given back, by kind and template, as `kind|template`.
    pub hosts: BTreeMap<String, u64>,
    /// Verdicts by kind, status and template, as `kind|status|template`.
    pub settled: BTreeMap<String, u64>,
    /// Create calls by what came of them: `ok`, or the class of the failure.
    pub attempts: BTreeMap<String, u64>,
    /// How long requests to get hosts took to their first usable host.
    pub to_first_host: Durations,
    /// How long requests took to their verdict, by kind.
    pub to_verdict: BTreeMap<String, Durations>,
    open: BTreeMap<RequestId, Open>,
    booting: BTreeMap<MachineId, RequestId>,
    /// Requests with a verdict of this very moment: their hosts' events may still follow.
    settling: Vec<RequestId>,
    at: Timestamp,
}

impl Tally {
    /// The most templates that are told apart; further ones are counted as [`Self::OTHERS`].
    const MOST_TEMPLATES: usize = 500;
    /// The most requests that are waited for; the figures of durations leave further ones out.
    const MOST_OPEN: usize = 10_000;
    /// What stands for the templates above that.
    pub const OTHERS: &'static str = "others";

    /// Counts an event.
    pub fn take(&mut self, event: &EventEnvelope) {
        if event.sequence <= self.sequence {
            return;
        }
        if self.sequence > 0 {
            self.missed += event.sequence - self.sequence - 1;
        }
        self.sequence = event.sequence;
        if event.at != self.at {
            self.at = event.at;
            for id in std::mem::take(&mut self.settling) {
                self.forget(&id);
            }
        }
        raise(&mut self.events, event.event.facts().name.to_owned(), 1);
        match &event.event {
            DomainEvent::Template(_) => {}
            DomainEvent::Request(told) => self.take_request(told, event.at),
            DomainEvent::Machine(told) => self.take_machine(told, event.at),
        }
    }

    /// Takes in that the store has no event above `last`: it was put back to an earlier state, and counts on from there.
    pub fn go_back_to(&mut self, last: u64) {
        self.sequence = self.sequence.min(last);
    }

    fn take_request(&mut self, event: &RequestEvent, at: Timestamp) {
        match event {
            RequestEvent::RequestCreated { request_id, template_id, hosts } => {
                let template = self.label(template_id.as_ref().map(super::TemplateId::as_str).unwrap_or_default());
                let key = format!("{}|{template}", kind_word(request_id.kind()));
                raise(&mut self.requests, key.clone(), 1);
                raise(&mut self.hosts, key, u64::from(*hosts));
                if self.open.len() < Self::MOST_OPEN {
                    let open = Open { since: at, template, hosts: Vec::new(), has_host: false };
                    self.open.insert(request_id.clone(), open);
                }
            }
            RequestEvent::IntentResolved { failure, .. } => {
                raise(&mut self.attempts, outcome_word(failure.map(super::FailureClass::word)), 1);
            }
            RequestEvent::RequestStatusChanged { request_id, from, to, .. } if to.is_settled() => {
                let kind = kind_word(request_id.kind());
                let open = self.open.get(request_id);
                let template = open.map(|open| open.template.as_str()).unwrap_or_default();
                raise(&mut self.settled, format!("{kind}|{}|{template}", to.word()), 1);
                if let Some(open) = open.filter(|_| !from.is_settled()) {
                    self.to_verdict.entry(kind.to_owned()).or_default().take(at.since(open.since));
                }
                self.settling.push(request_id.clone());
            }
            RequestEvent::RequestWithdrawn { request_id, .. } => self.forget(request_id),
            RequestEvent::RequestStatusChanged { .. }
            | RequestEvent::IntentRecorded { .. }
            | RequestEvent::ResourceMade { .. }
            | RequestEvent::HostsAdopted { .. }
            | RequestEvent::RequestClaimed { .. }
            | RequestEvent::RequestCancelled { .. } => {}
        }
    }

    fn take_machine(&mut self, event: &MachineEvent, at: Timestamp) {
        match event {
            MachineEvent::MachineCreated { machine_id, request_id: Some(request) } => {
                if let Some(open) = self.open.get_mut(request).filter(|open| !open.has_host) {
                    open.hosts.push(machine_id.clone());
                    self.booting.insert(machine_id.clone(), request.clone());
                }
            }
            MachineEvent::MachineStatusChanged { machine_id, to: MachineStatus::Running, .. } => {
                let Some(request) = self.booting.get(machine_id) else { return };
                if let Some(open) = self.open.get_mut(request) {
                    open.has_host = true;
                    self.to_first_host.take(at.since(open.since));
                    for host in std::mem::take(&mut open.hosts) {
                        self.booting.remove(&host);
                    }
                }
            }
            MachineEvent::MachineCreated { .. }
            | MachineEvent::MachineStatusChanged { .. }
            | MachineEvent::MachineInterrupted { .. }
            | MachineEvent::MachineInterruptionOver { .. }
            | MachineEvent::MachineListed { .. }
            | MachineEvent::MachineEndRequested { .. }
            | MachineEvent::MachineGivenUp { .. }
            | MachineEvent::MachineTerminated { .. } => {}
        }
    }

    fn forget(&mut self, id: &RequestId) {
        for host in self.open.remove(id).into_iter().flat_map(|open| open.hosts) {
            self.booting.remove(&host);
        }
    }

    /// Returns the name under which a template is counted.
    fn label(&self, template: &str) -> String {
        let is_known = self.requests.contains_key(&format!("{}|{template}", kind_word(RequestKind::Acquire)));
        if is_known || self.requests.len() < Self::MOST_TEMPLATES { template } else { Self::OTHERS }.to_owned()
    }
}

fn raise(counts: &mut BTreeMap<String, u64>, key: String, by: u64) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(by);
}

/// Returns the word for a kind of request.
pub fn kind_word(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::Acquire => "acquire",
        RequestKind::Return => "return",
    }
}

/// Returns the word for what came of a call: `ok`, or that for its failure in one piece.
pub fn outcome_word(failure: Option<&str>) -> String {
    failure.unwrap_or("ok").replace(' ', "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureClass;
    use crate::domain::request::RequestStatus;

    const REQUEST: &str = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101";

    fn host(number: u32) -> MachineId {
        format!("i-{number:017x}").parse().unwrap()
    }

    fn created(template: &str) -> DomainEvent {
        DomainEvent::Request(RequestEvent::RequestCreated {
            request_id: REQUEST.parse().unwrap(),
            template_id: Some(template.parse().unwrap()),
            hosts: 2,
        })
    }

    fn settled(from: RequestStatus, to: RequestStatus) -> DomainEvent {
        let (request_id, message) = (REQUEST.parse().unwrap(), String::new());
        DomainEvent::Request(RequestEvent::RequestStatusChanged { request_id, from, to, message })
    }

    fn launched(number: u32) -> DomainEvent {
        let request_id = Some(REQUEST.parse().unwrap());
        DomainEvent::Machine(MachineEvent::MachineCreated { machine_id: host(number), request_id })
    }

    fn running(number: u32) -> DomainEvent {
        let (from, to) = (MachineStatus::Pending, MachineStatus::Running);
        DomainEvent::Machine(MachineEvent::MachineStatusChanged { machine_id: host(number), from, to, reason: None })
    }

    /// Counts these, each with the second at which it was committed.
    fn counted(tally: &mut Tally, events: impl IntoIterator<Item = (i64, DomainEvent)>) {
        for (second, event) in events {
            let (sequence, at) = (tally.sequence + 1, Timestamp::from_seconds(1_760_000_000 + second));
            tally.take(&EventEnvelope { sequence, at, schema_version: 1, event });
        }
    }

    #[test]
    fn a_request_is_timed_to_its_first_host_and_to_its_verdict() {
        let mut tally = Tally::default();
        let verdict = settled(RequestStatus::Running, RequestStatus::Complete);
        // In one commit the verdict is told before the host that it rests on.
        counted(
            &mut tally,
            [(0, created("a")), (1, launched(1)), (1, launched(2)), (40, verdict), (40, running(2)), (50, running(1))],
        );
        assert_eq!((tally.to_first_host.count(), tally.to_first_host.millis()), (1, 40_000));
        let within: Vec<u64> = tally.to_first_host.within().map(|(_, count)| count).collect();
        assert_eq!(within, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(tally.to_verdict["acquire"].millis(), 40_000);
        assert_eq!(tally.settled, BTreeMap::from([("acquire|complete|a".to_owned(), 1)]));
        assert_eq!((tally.requests["acquire|a"], tally.hosts["acquire|a"]), (1, 2));
        assert_eq!((tally.events["MachineCreated"], tally.events["MachineStatusChanged"]), (2, 2));
        assert!(tally.open.is_empty() && tally.booting.is_empty(), "nothing is waited for any more");
    }

    #[test]
    fn create_calls_are_counted_by_what_came_of_them() {
        let mut tally = Tally::default();
        let resolved = |failure| {
            let (request_id, code) = (REQUEST.parse().unwrap(), None);
            DomainEvent::Request(RequestEvent::IntentResolved { request_id, attempt: 1, launched: 0, failure, code })
        };
        counted(
            &mut tally,
            [
                (0, resolved(None)),
                (0, resolved(Some(FailureClass::Capacity))),
                (1, resolved(Some(FailureClass::Quota))),
            ],
        );
        let wanted = [("no_capacity", 1), ("ok", 1), ("quota_reached", 1)];
        assert_eq!(tally.attempts, wanted.map(|(word, count)| (word.to_owned(), count)).into());
    }

    #[test]
    fn an_event_counts_once_and_a_gap_is_told() {
        let mut tally = Tally::default();
        counted(&mut tally, [(0, created("a"))]);
        let again = EventEnvelope { sequence: 1, at: Timestamp::default(), schema_version: 1, event: created("a") };
        tally.take(&again);
        tally.take(&EventEnvelope { sequence: 5, ..again.clone() });
        assert_eq!((tally.requests["acquire|a"], tally.missed, tally.sequence), (2, 3, 5));
        tally.go_back_to(3);
        tally.take(&EventEnvelope { sequence: 4, ..again });
        assert_eq!((tally.requests["acquire|a"], tally.missed, tally.sequence), (3, 3, 4));
    }

    #[test]
    fn however_many_templates_there_are_only_so_many_are_told_apart() {
        let mut tally = Tally::default();
        counted(&mut tally, (0..600).map(|number| (number, created(&format!("t{number}")))));
        counted(&mut tally, [(601, created("t7"))]);
        assert_eq!(tally.requests.len(), 501);
        assert_eq!((tally.requests["acquire|others"], tally.requests["acquire|t7"]), (100, 2));
    }
}
