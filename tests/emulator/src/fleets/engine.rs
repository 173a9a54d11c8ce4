//! What fleets do as time passes: they fill, refill, change, shrink and expire.

use std::sync::Arc;

use super::launching::{Outcome, attempt};
use super::{Fleet, Kind, Phase, Target, Units, What};
use crate::actions::user_initiated;
use crate::agenda::Due;
use crate::clock::{Millis, millis};
use crate::habits::{Candidate, Victims};
use crate::instances::Actor;
use crate::world::World;

/// The longest pause between two attempts that come out short.
const LONGEST_PAUSE: Millis = 60_000;

impl World {
    /// Takes a fleet in: an instant one launches at once, another one after a while.
    pub(crate) fn add_fleet(&mut self, fleet: Fleet) -> usize {
        let now = self.now();
        let (is_instant, from) = (fleet.spec.is_instant(), fleet.spec.valid_from);
        let index = self.fleets.add(fleet);
        if is_instant {
            self.fill_fleet(index);
        } else {
            let at = now + self.habits.fill;
            if let Some(fleet) = self.fleets.all.get_mut(index) {
                fleet.note(now, What::Fleet("submitted"));
                fleet.fill_at = Some(from.map_or(at, |from| from.max(at)));
            }
            self.reschedule(index);
        }
        index
    }

    /// Lets one fleet do what it has to do by now.
    pub(crate) fn act_for_fleet(&mut self, index: usize) {
        let now = self.now();
        let Some(fleet) = self.fleets.all.get_mut(index).filter(|fleet| !fleet.is_deleted()) else { return };
        if fleet.spec.valid_until.is_some_and(|until| until <= now) {
            self.expire_fleet(index);
        } else if let Phase::Modifying(target, at) = fleet.phase
            && at <= now
        {
            self.change_fleet(index, target);
        } else if fleet.fill_at.is_some_and(|at| at <= now) {
            self.fill_fleet(index);
        } else {
            self.reschedule(index);
        }
    }

    fn fill_fleet(&mut self, index: usize) {
        let now = self.now();
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        let (spec, need) = (Arc::clone(&fleet.spec), fleet.need());
        fleet.fill_at = None;
        if fleet.phase == Phase::Submitted {
            fleet.phase = Phase::Active;
            fleet.note(now, What::Fleet("active"));
        }
        let outcome = if need.sum().is_zero() { Outcome::default() } else { attempt(self, &spec, need) };
        for group in &outcome.groups {
            let weight = spec.slots.get(group.slot).map_or(Units::ONE, |slot| slot.weight);
            for number in group.instances.clone() {
                self.fleets.joined(index, number, weight, group.market, now);
            }
        }
        let pause = self.habits.fill.max(1_000);
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        fleet.failing = outcome.groups.is_empty() && !outcome.failures.is_empty();
        for failure in &outcome.failures {
            // An error that goes on is told once.
            if !fleet.failures.contains(failure) {
                fleet.history.push(super::Event { at: now, what: What::Failed(failure.clone()) });
            }
        }
        fleet.failures = outcome.failures;
        if spec.kind == Kind::Instant {
            fleet.groups = outcome.groups;
        } else if fleet.need().sum().is_zero() {
            fleet.short = 0;
        } else {
            let pause = pause.saturating_mul(1 << fleet.short.min(6)).min(LONGEST_PAUSE);
            fleet.short += 1;
            fleet.fill_at = Some(now + pause);
        }
        self.reschedule(index);
    }

    /// The change of a fleet comes into force.
    fn change_fleet(&mut self, index: usize, target: Target) {
        let now = self.now();
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        fleet.phase = Phase::Active;
        fleet.target = target;
        fleet.short = 0;
        fleet.note(now, What::Fleet("modify_succeeded"));
        fleet.fill_at = (!fleet.need().sum().is_zero()).then_some(now);
        if target.ends_excess {
            self.shrink_fleet(index);
        }
        self.reschedule(index);
    }

    /// Ends what is more than the target; never so many that it is missed.
    fn shrink_fleet(&mut self, index: usize) {
        let Some(fleet) = self.fleets.all.get(index) else { return };
        let hosts = fleet.live.keys().filter_map(|number| {
            let (_, launch) = self.instances.get(*number)?;
            Some((*number, launch.subnet.as_str(), true))
        });
        let hosts: Vec<Candidate<'_>> = hosts.collect();
        let order = self.habits.victims.as_ref().unwrap_or(&Victims::Newest).order(&hosts);
        let id = fleet.spec.id.clone();
        let (mut has, target) = (fleet.fulfilled, fleet.target.units);
        let mut victims = Vec::new();
        for number in order {
            let Some((weight, market)) = fleet.live.get(&number).copied() else { continue };
            let after = has.of(market).less(weight);
            if after >= *target.of(market) && *has.of(market) >= weight {
                *has.of_mut(market) = after;
                victims.push(number);
            }
        }
        let until = if victims.is_empty() { 0 } else { self.now() + millis(self.settings.shutdown) };
        self.end_members(victims, &Actor::Fleet(id));
        if let Some(fleet) = self.fleets.all.get_mut(index) {
            fleet.shrinking_until = until;
        }
    }

    /// Ends members of a fleet, except for protected ones.
    fn end_members(&mut self, members: Vec<u32>, by: &Actor) {
        let takes = self.settings.shutdown;
        let (code, message) = user_initiated();
        for number in members {
            let is_protected = |world: &Self| {
                let instance = world.instances.get(number).map(|(instance, _)| instance);
                instance.and_then(|instance| instance.mark(|marks| marks.protected)).unwrap_or(false)
            };
            if !is_protected(self) {
                self.end(number, takes, by.clone(), code, message);
            }
        }
    }

    fn expire_fleet(&mut self, index: usize) {
        let now = self.now();
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        fleet.note(now, What::Fleet("expired"));
        let (id, ending) = (fleet.spec.id.clone(), fleet.spec.ends_with_expiry);
        self.delete_fleet(index, ending.then_some(Actor::Fleet(id)));
    }

    /// Deletes a fleet; with an actor it ends its members.
    pub(crate) fn delete_fleet(&mut self, index: usize, ends: Option<Actor>) {
        let now = self.now();
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        let (at, was_ending) = match fleet.phase {
            Phase::Deleted { at, ending } => (at, ending),
            _ => (now, false),
        };
        fleet.phase = Phase::Deleted { at, ending: was_ending || ends.is_some() };
        fleet.fill_at = None;
        let members: Vec<u32> = fleet.live.keys().copied().collect();
        let state = if ends.is_some() { "deleted_terminating" } else { "deleted_running" };
        fleet.note(now, What::Fleet(state));
        if let Some(by) = ends {
            self.end_members(members, &by);
        }
        self.reschedule(index);
    }

    /// Begins to change a fleet.
    pub(crate) fn modify_fleet(&mut self, index: usize, target: Target) {
        let now = self.now();
        let at = now + self.habits.modifying;
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        fleet.phase = Phase::Modifying(target, at);
        fleet.note(now, What::Fleet("modify_in_progress"));
        self.reschedule(index);
    }

    /// Notes when a fleet acts next.
    fn reschedule(&mut self, index: usize) {
        let Some(fleet) = self.fleets.all.get(index).filter(|fleet| !fleet.is_deleted()) else { return };
        let modified = match fleet.phase {
            Phase::Modifying(_, at) => Some(at),
            _ => None,
        };
        let expires = fleet.spec.valid_until.filter(|_| !fleet.spec.is_instant());
        if let Some(at) = [fleet.fill_at, modified, expires].into_iter().flatten().min() {
            self.agenda.add(at, Due::Fleet(index));
        }
    }

    /// An instance was told to end; a fleet that maintains itself will replace it.
    pub(crate) fn leave_fleet(&mut self, number: u32, at: Millis, terminated_at: Millis) {
        let id = self.instances.get(number).and_then(|(_, launch)| launch.fleet.as_deref());
        let Some(index) = id.and_then(|id| self.fleets.index(id)) else { return };
        let Some(fleet) = self.fleets.all.get_mut(index) else { return };
        let Some((weight, market)) = fleet.live.remove(&number) else { return };
        let fulfilled = fleet.fulfilled.of_mut(market);
        *fulfilled = fulfilled.less(weight);
        fleet.left.push((at, number));
        fleet.ended_at = fleet.ended_at.max(terminated_at);
        fleet.note(at, What::Terminated(number));
        if fleet.spec.kind == Kind::Maintain && !fleet.is_deleted() && !fleet.need().sum().is_zero() {
            let at = at + self.habits.refill;
            fleet.fill_at = Some(fleet.fill_at.map_or(at, |other| other.min(at)));
            self.reschedule(index);
        }
    }
}
