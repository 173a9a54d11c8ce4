//! The machine aggregate: one host, from the first sight of it to its end.
//!
//! Invariants: the status only moves forward; name, address and launch time, once known, never change
//! (`hostfactory.md` 3.4); only a complete and successful answer of the cloud counts as not having seen a host.

use std::time::Duration;

use super::{Interruption, MachineEvent, MachineSnapshot, MachineStatus, Sighting, Unseen};
use crate::domain::template::{PriceType, ProviderApi};
use crate::domain::{HostName, MachineId, Moment, RequestId, TemplateId, Timestamp, Version};

/// Where a host comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Launched for this request from this template.
    Request(RequestId, TemplateId),
    /// Found by the tag of this request, and of this template if it had one.
    Adopted(RequestId, Option<TemplateId>),
    /// Named by Host Factory; we did not launch it, or forgot.
    HostFactory,
}

/// One host.
#[derive(Debug, Clone)]
pub struct Machine {
    state: MachineSnapshot,
    pending: Vec<MachineEvent>,
}

/// How many complete answers must miss a host, and for how long, before it counts as gone (R-15; the same figures
/// guard against an answer that is suddenly empty).
const GONE_AFTER: (u32, Duration) = (3, Duration::from_mins(5));
/// The same for a host that we have asked to end.
const ENDED_AFTER: u32 = 2;

impl Machine {
    /// Returns a machine for a host first heard of at `at`, in the state of the sighting.
    pub fn seen(sighting: &Sighting, api: ProviderApi, origin: Origin, at: Timestamp) -> Self {
        let mut machine = Self::heard_of(sighting.id.clone(), api, origin, at);
        machine.see(sighting);
        machine
    }

    /// Returns a machine for a host of which nothing is known but its id.
    pub fn heard_of(id: MachineId, api: ProviderApi, origin: Origin, at: Timestamp) -> Self {
        let (request_id, template_id) = match origin {
            Origin::Request(request, template) => (Some(request), Some(template)),
            Origin::Adopted(request, template) => (Some(request), template),
            Origin::HostFactory => (None, None),
        };
        let created = MachineEvent::MachineCreated { machine_id: id.clone(), request_id: request_id.clone() };
        Self {
            state: MachineSnapshot {
                id,
                api,
                resource: None,
                weight: 1,
                request_id,
                return_id: None,
                template_id,
                status: MachineStatus::Pending,
                reason: None,
                name: None,
                private_ip: None,
                public_ip: None,
                launched_at: at,
                known_since: at,
                instance_type: None,
                price_type: PriceType::OnDemand,
                zone: None,
                tags: String::new(),
                unseen: None,
                interruption: None,
                given_up: None,
                ending_since: None,
                listed: false,
                taken_over: false,
                changed_at: at,
                version: Version::default(),
            },
            pending: vec![created],
        }
    }

    /// Returns a machine for a host that bears our tag, that no request accounts for, and that is to be ended for this
    /// reason.
    pub fn orphan(sighting: &Sighting, api: ProviderApi, at: Timestamp, reason: &str) -> Self {
        let mut machine = Self::seen(sighting, api, Origin::HostFactory, at);
        machine.give_up(reason);
        machine
    }

    /// Returns a machine that is new to the store and that another plug-in launched.
    pub fn taken_over(snapshot: MachineSnapshot) -> Self {
        let (machine_id, request_id) = (snapshot.id.clone(), snapshot.request_id.clone());
        // The hosts of a request stand in the request's own event.
        let alone = request_id.is_none().then_some(MachineEvent::MachineCreated { machine_id, request_id });
        Self { state: MachineSnapshot { taken_over: true, ..snapshot }, pending: alone.into_iter().collect() }
    }

    /// Returns the machine that a store kept as `snapshot`.
    pub fn from_snapshot(snapshot: MachineSnapshot) -> Self {
        Self { state: snapshot, pending: Vec::new() }
    }

    /// Takes in what the cloud showed. An older view changes nothing that is newer.
    pub fn see(&mut self, sighting: &Sighting) {
        let state = &mut self.state;
        state.unseen = None;
        keep_first(&mut state.name, sighting.name.as_ref());
        keep_first(&mut state.private_ip, sighting.private_ip.as_ref());
        keep_first(&mut state.public_ip, sighting.public_ip.as_ref());
        keep_first(&mut state.zone, sighting.zone.as_ref());
        keep_first(&mut state.resource, sighting.resource.as_ref());
        // Of a host that Host Factory named and we forgot, its own tags tell the way, and so how it is given back.
        if let (None, Some(api)) = (&state.request_id, sighting.api) {
            state.api = api;
        }
        if let Some(at) = sighting.launched_at
            && state.instance_type.is_none()
        {
            state.launched_at = at;
        }
        if state.instance_type.is_none() {
            state.price_type = sighting.price_type;
            state.tags.clone_from(&sighting.tags);
        }
        keep_first(&mut state.instance_type, sighting.instance_type.as_ref());
        self.become_status(sighting.status, sighting.reason.clone());
    }

    /// Takes in that the clock was set back to `now`: what lies ahead of it counts as having happened now.
    pub fn take_back_times(&mut self, now: Timestamp) {
        let state = &mut self.state;
        let times =
            [Some(&mut state.known_since), state.ending_since.as_mut(), state.unseen.as_mut().map(|u| &mut u.since)];
        for time in times.into_iter().flatten().filter(|time| time.is_ahead_of(now)) {
            *time = now;
        }
    }

    /// Takes in that a complete and successful answer of the cloud did not have the host. Only enough of these over
    /// enough time mean that it is gone.
    pub fn miss(&mut self, at: Moment) {
        if self.state.status == MachineStatus::Terminated {
            return;
        }
        let unseen = self.state.unseen.get_or_insert(Unseen { times: 0, since: at.now });
        unseen.times = unseen.times.saturating_add(1);
        let (times, span) = GONE_AFTER;
        let unseen = *unseen;
        // A host that Host Factory returned and that no answer ever showed is not young: it is gone.
        let never_seen = self.state.instance_type.is_none() && self.state.request_id.is_none();
        let returned = self.state.ending_since.is_some() || (never_seen && self.state.return_id.is_some());
        let ended = returned && unseen.times >= ENDED_AFTER;
        if ended || (unseen.times >= times && at.watched(unseen.since) >= span) {
            self.become_status(MachineStatus::Terminated, Some("no longer known to the cloud".to_owned()));
        }
    }

    /// Takes in the notice of the spot market that it takes the host away. It goes before whatever else is known.
    pub fn interrupt(&mut self, interruption: Interruption) {
        if !self.state.interruption.as_ref().is_some_and(Interruption::is_reclaim) {
            self.note_interruption(&interruption.code);
            self.state.interruption = Some(interruption);
        }
    }

    /// Takes in everything that a complete answer of the cloud says about the health of the host; nothing means that
    /// what was said before is over. What is known stays the one that counts as long as it is true, and of what is new the
    /// soonest is taken up. A host that is on its way out keeps what is known.
    pub fn take_health(&mut self, said: &[Interruption], now: Timestamp) {
        let going = self.is_ending() || self.state.status > MachineStatus::Running;
        if going || self.state.interruption.as_ref().is_some_and(Interruption::is_reclaim) {
            return;
        }
        if let Some(known) = &mut self.state.interruption {
            if let Some(same) = said.iter().find(|notice| notice.code == known.code) {
                if known.seen_again(same, now) {
                    let code = known.code.clone();
                    self.note_interruption(&code);
                }
                return;
            }
            let known = self.state.interruption.take().filter(|known| !known.unconfirmed);
            let machine_id = self.state.id.clone();
            self.pending
                .extend(known.map(|known| MachineEvent::MachineInterruptionOver { machine_id, code: known.code }));
        }
        self.state.interruption = said.iter().min_by_key(|notice| (notice.deadline, &notice.code)).cloned();
    }

    fn note_interruption(&mut self, code: &str) {
        let (machine_id, code) = (self.state.id.clone(), code.to_owned());
        self.pending.push(MachineEvent::MachineInterrupted { machine_id, code });
    }

    /// Notes what a launch knows of its host beside what the cloud shows: the fleet or group that it is a member of, and the
    /// capacity units that it counts for.
    pub fn belong(&mut self, resource: Option<&String>, weight: u32) {
        keep_first(&mut self.state.resource, resource);
        self.state.weight = weight;
    }

    /// Returns the fleet or group that the host is a member of.
    pub fn resource(&self) -> Option<&str> {
        self.state.resource.as_deref()
    }

    /// Returns the capacity units that the host counts for.
    pub fn weight(&self) -> u32 {
        self.state.weight
    }

    /// Notes under which return the host ends.
    pub fn join_return(&mut self, id: &RequestId) {
        self.state.return_id = Some(id.clone());
    }

    /// Takes in that Host Factory named the host.
    pub fn list(&mut self) {
        if !self.state.listed {
            self.state.listed = true;
            self.pending.push(MachineEvent::MachineListed { machine_id: self.state.id.clone() });
        }
    }

    /// Keeps the name by which Host Factory knows the host, where the cloud has not told one.
    pub fn keep_name(&mut self, name: &HostName) {
        keep_first(&mut self.state.name, Some(name));
    }

    /// Decides that the host is to be ended. This is never taken back; the first reason stays.
    pub fn give_up(&mut self, reason: &str) {
        if self.state.given_up.is_none() && self.is_held() {
            self.state.given_up = Some(reason.to_owned());
            let machine_id = self.state.id.clone();
            self.pending.push(MachineEvent::MachineGivenUp { machine_id, reason: reason.to_owned() });
        }
    }

    /// Returns why the host is to be ended, if that was decided.
    pub fn given_up(&self) -> Option<&str> {
        self.state.given_up.as_deref()
    }

    /// Takes in that the cloud accepted the order to end the host.
    pub fn end_accepted(&mut self, at: Timestamp, reason: &str) {
        if self.state.ending_since.is_none() && self.state.status != MachineStatus::Terminated {
            self.state.ending_since = Some(at);
            self.state.reason.get_or_insert_with(|| reason.to_owned());
            self.pending.push(MachineEvent::MachineEndRequested {
                machine_id: self.state.id.clone(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Takes in that the cloud, asked to end the host, does not know it: it is gone.
    pub fn gone(&mut self) {
        self.become_status(MachineStatus::Terminated, Some("no longer known to the cloud".to_owned()));
    }

    fn become_status(&mut self, next: MachineStatus, reason: Option<String>) {
        let from = self.state.status;
        if !from.may_become(next) {
            return;
        }
        self.state.status = next;
        if reason.is_some() {
            self.state.reason = reason;
        }
        let machine_id = self.state.id.clone();
        let reason = self.state.reason.clone();
        self.pending.push(if next == MachineStatus::Terminated {
            MachineEvent::MachineTerminated { machine_id, reason }
        } else {
            MachineEvent::MachineStatusChanged { machine_id, from, to: next, reason }
        });
    }

    /// Returns the instance id.
    pub fn id(&self) -> &MachineId {
        &self.state.id
    }

    /// Returns the way the host was got.
    pub fn api(&self) -> ProviderApi {
        self.state.api
    }

    /// Returns what the host is doing.
    pub fn status(&self) -> MachineStatus {
        self.state.status
    }

    /// Returns the host name, once it is known.
    pub fn name(&self) -> Option<&HostName> {
        self.state.name.as_ref()
    }

    /// Returns the request the host was launched for.
    pub fn request_id(&self) -> Option<&RequestId> {
        self.state.request_id.as_ref()
    }

    /// Returns whether another plug-in launched the host, so that it is never ended of our own accord.
    pub fn is_taken_over(&self) -> bool {
        self.state.taken_over
    }

    /// Returns whether we launched the host, so that it is ours to end without a look at its owner tag.
    pub fn is_own(&self) -> bool {
        self.state.request_id.is_some() && !self.state.taken_over
    }

    /// Returns the latest return the host is part of.
    pub fn return_id(&self) -> Option<&RequestId> {
        self.state.return_id.as_ref()
    }

    /// Returns the notice that the host will not stay, if one came and counts.
    pub fn interruption(&self) -> Option<&Interruption> {
        self.state.interruption.as_ref().filter(|notice| !notice.unconfirmed)
    }

    /// Returns whether the cloud has accepted our order to end the host.
    pub fn is_ending(&self) -> bool {
        self.state.ending_since.is_some()
    }

    /// Returns whether the host lives and nobody has asked it to end.
    pub fn is_held(&self) -> bool {
        self.state.status.is_live() && !self.is_ending()
    }

    /// Returns everything that a store keeps and a view shows.
    pub fn snapshot(&self) -> &MachineSnapshot {
        &self.state
    }

    /// Returns everything that a store keeps and a view shows, for good.
    pub fn into_snapshot(self) -> MachineSnapshot {
        self.state
    }

    /// Returns the facts that the next commit records.
    pub fn pending_events(&self) -> &[MachineEvent] {
        &self.pending
    }

    /// Takes in that a store has committed the machine and its events.
    pub fn mark_committed(&mut self, at: Timestamp) {
        self.state.changed_at = at;
        self.state.version = self.state.version.next();
        self.pending.clear();
    }
}

fn keep_first<T: Clone>(kept: &mut Option<T>, news: Option<&T>) {
    if kept.is_none() {
        *kept = news.cloned();
    }
}

#[cfg(test)]
#[path = "machine_tests.rs"]
mod tests;
