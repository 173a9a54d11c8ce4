//! What groups do by themselves, on the emulator's clock: launch what they lack, end what they have too many of, replace
//! what has ended.
//!
//! Nothing waits in a thread: [`World::settle`] carries out what has become due, in the order of time and at its own
//! time, before a call or an edit looks at the world.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::actions::{group_launch, user_initiated};
use crate::clock::{Millis, iso};
use crate::group_edits::Victims;
use crate::groups::{Activity, Deed, GroupId, Phase};
use crate::instances::{Actor, State, instance_id};
use crate::world::World;

/// The longest that a group waits after launches that failed, and the shortest.
const LONGEST_WAIT: Millis = 3_600_000;
const SHORTEST_WAIT: Millis = 15_000;

/// What is to be looked at when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Wake {
    /// A group that may launch or end hosts.
    Group(GroupId),
    /// A member that may have ended.
    Member(u32),
}

/// Looks at what has become due.
pub(crate) fn wake(world: &mut World, wake: Wake) {
    match wake {
        Wake::Member(number) => look(world, number),
        Wake::Group(id) => {
            let due = world.groups.get(id).and_then(|group| group.due);
            if due.is_some_and(|at| at <= world.now()) {
                act(world, id);
            }
        }
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
        world.wakes.push(std::cmp::Reverse((at, Wake::Group(id))));
    }
    if delay == 0 {
        act(world, id);
    }
}

/// The same, after the time that a group takes for a wish.
pub(crate) fn consider_soon(world: &mut World, id: GroupId) {
    consider(world, id, world.groups.habits.delay);
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
        world.wakes.push(std::cmp::Reverse((at, Wake::Group(id))));
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
    let free = group.members.iter().filter(|(_, member)| {
        let is_free = protected_too || !member.protected;
        is_free && member.phase == Phase::Live
    });
    let oldest: Vec<(u32, &str)> = free.map(|(number, member)| (*number, member.subnet.as_str())).collect();
    let own = match group.parameters.get("TerminationPolicies.member.1").map(String::as_str) {
        Some("OldestInstance") => Victims::Oldest,
        Some("NewestInstance") => Victims::Newest,
        _ => Victims::Default,
    };
    match world.groups.habits.victims.unwrap_or(own) {
        Victims::Oldest => oldest.into_iter().map(|(number, _)| number).collect(),
        Victims::Newest => oldest.into_iter().rev().map(|(number, _)| number).collect(),
        Victims::Default => {
            let mut subnets: HashMap<&str, VecDeque<u32>> = HashMap::new();
            for (number, subnet) in &oldest {
                subnets.entry(subnet).or_default().push_back(*number);
            }
            let mut crowd = group.spread.clone();
            let mut line = VecDeque::new();
            // The fullest subnet that has any left; of several, the one that is first by name.
            while let Some(fullest) = subnets
                .keys()
                .copied()
                .max_by_key(|subnet| (crowd.get(*subnet).copied().unwrap_or_default(), std::cmp::Reverse(*subnet)))
            {
                line.extend(subnets.get_mut(fullest).and_then(VecDeque::pop_front));
                if let Some(count) = crowd.get_mut(fullest) {
                    *count = count.saturating_sub(1);
                }
                subnets.retain(|_, left| !left.is_empty());
            }
            line
        }
    }
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
fn look(world: &mut World, number: u32) {
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
            let refill = world.groups.habits.refill;
            let stopped = instance.mark(|marks| marks.stopped).flatten().map(|(at, _)| at);
            let since = instance.end().map(|end| end.at).or(stopped);
            let impaired = instance.mark(|marks| marks.impaired).unwrap_or_default();
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
        let at = world.now() + world.groups.habits.refill;
        world.wakes.push(std::cmp::Reverse((at, Wake::Member(number))));
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
