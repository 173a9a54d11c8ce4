//! What groups do by themselves, on the emulator's clock: launch what they lack, end what they have too many of, replace
//! what has ended.
//!
//! [`World::settle`] has them do it when their time has come.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::actions::{group_launch, user_initiated};
use crate::agenda::Due;
use crate::clock::{Millis, iso};
use crate::groups::{Activity, Deed, GroupId, Phase};
use crate::habits::{Candidate, Victims};
use crate::instances::{Actor, State, instance_id};
use crate::world::World;

/// The longest that a group waits after launches that failed, and the shortest.
const LONGEST_WAIT: Millis = 3_600_000;
const SHORTEST_WAIT: Millis = 15_000;

/// Has a group act whose time has come, unless something else has come in between.
pub(crate) fn wake(world: &mut World, id: GroupId) {
    let due = world.groups.get(id).and_then(|group| group.due);
    if due.is_some_and(|at| at <= world.now()) {
        act(world, id);
    }
}

/// Has a group act after `delay`, where it has fewer or more hosts than it wants.
pub(crate) fn consider(world: &mut World, id: GroupId, delay: Millis) {
    let at = world.now() + delay;
    let Some(group) = world.groups.get_mut(id).filter(|group| !group.deleted) else { return };
    let launches = group.units < group.desired && !group.is_suspended("Launch");
    let ends = group.units > group.desired && !group.is_suspended("Terminate");
    if !launches && !ends {
        group.due = None;
        return;
    }
    if group.due.is_none_or(|due| due > at) {
        group.due = Some(at);
        world.agenda.add(at, Due::Group(id));
    }
    if delay == 0 {
        act(world, id);
    }
}

/// The same, after the time that a group takes for a wish.
pub(crate) fn consider_soon(world: &mut World, id: GroupId) {
    consider(world, id, world.habits.group_delay);
}

fn act(world: &mut World, id: GroupId) {
    let Some(group) = world.groups.get_mut(id).filter(|group| !group.deleted) else { return };
    group.due = None;
    let (units, desired) = (group.units, group.desired);
    if units < desired && !group.is_suspended("Launch") {
        let launched = group_launch::launch(world, id, desired - units);
        let now = world.now();
        let Some(group) = world.groups.get_mut(id) else { return };
        if units + launched >= desired {
            group.failures = 0;
            return;
        }
        group.failures = if launched > 0 { 0 } else { group.failures + 1 };
        let at = now + (SHORTEST_WAIT << group.failures.min(16)).min(LONGEST_WAIT);
        group.due = Some(at);
        world.agenda.add(at, Due::Group(id));
    } else if units > desired && !group.is_suspended("Terminate") {
        shrink(world, id);
    }
}

/// Ends as many hosts as there are too many. A host is only chosen when no more than the excess goes with it.
fn shrink(world: &mut World, id: GroupId) {
    let Some(group) = world.groups.get(id) else { return };
    let (mut excess, name, units) = (group.units - group.desired, group.name.clone(), group.units);
    let mut line = candidates(world, id, false);
    let guarded = line.is_empty() && units > 0;
    let now = world.now();
    let text = format!(
        "{}  At {} an instance was taken out of service in response to a difference between desired and actual \
         capacity, shrinking the capacity from {units} to {}.",
        group.wish,
        iso(now),
        group.desired
    );
    let cause: Arc<str> = text.into();
    while let Some(number) = line.pop_front().filter(|_| excess > 0) {
        let units = world.groups.member(number).map_or(1, |(_, _, member)| member.units());
        if units <= excess {
            excess -= units;
            end(world, number, Actor::Group(name.clone()), &cause);
        }
    }
    let last = world.groups.get(id).and_then(|group| group.activities.last()).copied();
    let last = last.and_then(|number| world.groups.activities.get(usize::try_from(number).ok()?));
    if guarded && !last.is_some_and(|activity| matches!(activity.deed, Deed::NoVictim)) {
        world.groups.note(Activity { group: id, at: now, deed: Deed::NoVictim, cause });
    }
}

/// Returns the hosts that a group may end, in the order in which it would.
fn candidates(world: &World, id: GroupId, protected_too: bool) -> VecDeque<u32> {
    let Some(group) = world.groups.get(id) else { return VecDeque::new() };
    let live = group.members.iter().filter(|(_, member)| member.phase == Phase::Live);
    let live = live.map(|(number, member)| (*number, member.subnet.as_str(), protected_too || !member.protected));
    let live: Vec<Candidate<'_>> = live.collect();
    let own = match group.parameters.get("TerminationPolicies.member.1") {
        Some("OldestInstance") => Victims::Oldest,
        Some("NewestInstance") => Victims::Newest,
        _ => Victims::Balanced,
    };
    world.habits.victims.as_ref().unwrap_or(&own).order(&live)
}

/// Ends a member, as somebody wants who says why, and returns the number of the activity.
pub(crate) fn end(world: &mut World, number: u32, by: Actor, cause: &Arc<str>) -> Option<u32> {
    let id = *world.groups.of.get(&number)?;
    let activity = Activity { group: id, at: world.now(), deed: Deed::Terminate(number), cause: Arc::clone(cause) };
    let noted = world.groups.note(activity);
    let held = match (&by, world.groups.get(id)) {
        (Actor::Call(call), Some(group)) if group.is_suspended("Terminate") => Some(*call),
        _ => None,
    };
    if let Some(call) = held {
        world.groups.retire(number, Phase::Held(call));
        return Some(noted);
    }
    world.groups.retire(number, Phase::Terminating);
    let (code, words) = user_initiated();
    let takes = world.settings.shutdown;
    world.end(number, takes, by, code, words);
    look(world, number);
    Some(noted)
}

/// Looks at one member: whether it is gone, or must be replaced.
pub(crate) fn look(world: &mut World, number: u32) {
    let now = world.now();
    let Some((id, group, member)) = world.groups.member(number) else { return };
    let Some((instance, launch)) = world.instances.get(number) else { return };
    match member.phase {
        Phase::Held(_) => {}
        Phase::Terminating => {
            if instance.state(launch, now) == State::Terminated {
                world.groups.leave(number);
            }
        }
        Phase::Live => {
            let refill = world.habits.refill;
            let stopped = instance.mark(|marks| marks.stopped).flatten().map(|(at, _)| at);
            let since = instance.end().map(|end| end.at).or(stopped);
            let impaired = instance.mark(|marks| marks.checks.fail()).unwrap_or_default();
            let sick = impaired || since.is_some_and(|at| at + refill <= now);
            if !sick || group.is_suspended("HealthCheck") {
                return;
            }
            let stays = group.is_suspended("ReplaceUnhealthy") || group.is_suspended("Terminate");
            let by = Actor::Group(group.name.clone());
            if let Some(member) = world.groups.member_mut(number) {
                member.unhealthy = true;
            }
            if stays {
                return;
            }
            let said = if since.is_some() { "it has been terminated or stopped" } else { "that it is impaired" };
            let cause = format!(
                "At {} an instance was taken out of service in response to an EC2 health check indicating {said}.",
                iso(now)
            );
            end(world, number, by, &cause.into());
            consider(world, id, 0);
        }
    }
}

/// Has the group of an instance look at it when it would notice: something has happened to it.
pub(crate) fn look_later(world: &mut World, id: &str) {
    if let Some(number) = world.instances.number(id).filter(|number| world.groups.of.contains_key(number)) {
        let at = world.now() + world.habits.refill;
        world.agenda.add(at, Due::Member(number));
    }
}

/// Does what was left while processes were suspended.
pub(crate) fn resume(world: &mut World, id: GroupId) {
    let Some(group) = world.groups.get(id) else { return };
    let terminates = !group.is_suspended("Terminate");
    let phases: Vec<(u32, Phase)> = group.members.iter().map(|(number, member)| (*number, member.phase)).collect();
    let (code, words) = user_initiated();
    for (number, phase) in phases {
        match phase {
            Phase::Held(call) if terminates => {
                world.groups.retire(number, Phase::Terminating);
                world.end(number, world.settings.shutdown, Actor::Call(call), code, words);
                look(world, number);
            }
            Phase::Live => look(world, number),
            Phase::Held(_) | Phase::Terminating => {}
        }
    }
    consider_soon(world, id);
}

/// Launches one host and ends another, as `AZRebalance` does, unless it may not.
///
/// Whether AWS spares hosts that are protected from scale-in is not documented: here it does not.
pub(crate) fn rebalance(world: &mut World, id: GroupId) {
    let Some(group) = world.groups.get(id) else { return };
    if ["AZRebalance", "Launch", "Terminate"].into_iter().any(|process| group.is_suspended(process)) {
        return;
    }
    let name = group.name.clone();
    let Some(number) = candidates(world, id, true).pop_front() else { return };
    let units = world.groups.member(number).map_or(1, |(_, _, member)| member.units());
    if group_launch::launch(world, id, units) >= units {
        let cause = format!(
            "At {} an instance was launched to aid in balancing the group's zones.  At {} instance {} was taken out of \
             service in response to an imbalance.",
            iso(world.now()),
            iso(world.now()),
            instance_id(number)
        );
        end(world, number, Actor::Group(name), &cause.into());
    }
}
