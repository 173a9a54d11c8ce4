//! Hosts of a group by name: ended, detached, protected (`aws-semantics.md` section 6.3).

use std::sync::Arc;

use super::Context;
use super::group_activities;
use super::group_query::{flag, group, invalid, required};
use crate::clock::iso;
use crate::groups::{Activity, Deed, GroupId, Phase, lifecycle, uuid};
use crate::habits::Again;
use crate::instances::{Actor, instance_id};
use crate::refusal::Refusal;
use crate::scaling;
use crate::xml::Xml;

/// The most ids of one call.
const MOST_TO_END: usize = 100;
const MOST_TO_DETACH: usize = 20;
const MOST_TO_PROTECT: usize = 50;

/// Returns a parameter that must be `true` or `false`.
fn required_flag(context: &Context<'_>, name: &str) -> Result<bool, Refusal> {
    required(context.parameters, name)?;
    Ok(flag(context.parameters, name)?.unwrap_or(false))
}

/// `TerminateInstanceInAutoScalingGroup`: one host, or up to 100 of a group that is named. One that cannot be ended ends
/// none.
pub(super) fn terminate(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let decrement = required_flag(context, "ShouldDecrementDesiredCapacity")?;
    let many = parameters.list("InstanceIds.member");
    let (ids, named) = if many.is_empty() {
        (vec![required(&parameters, "InstanceId")?], None)
    } else {
        (many.clone(), Some(group(context)?))
    };
    if ids.len() > MOST_TO_END {
        return Err(invalid(format!("At most {MOST_TO_END} instances can be terminated in one request.")));
    }
    let mut hosts = Vec::new();
    let mut group = None;
    for id in ids {
        let (number, owner) = managed(context, id, named)?;
        group = Some(owner);
        if !hosts.contains(&number) {
            hosts.push(number);
        }
    }
    let Some(group) = group else { return Ok(String::new()) };
    let again = context.world.habits.again;
    let mut less = 0;
    for number in &hosts {
        let Some((_, _, member)) = context.world.groups.member(*number) else { continue };
        let live = member.phase == Phase::Live;
        if !live && again == Again::Refused {
            let text = format!("Activity {} is in progress.", uuid(ending(context, group, *number), "6163"));
            return Err(Refusal::new("ScalingActivityInProgress", text));
        }
        if live || again == Again::Decrements {
            less += member.units();
        }
    }
    let before = shrink(context, group, if decrement { less } else { 0 }, |min, _, _| {
        format!(
            "Currently, desiredSize equals minSize ({min}). Terminating instance without replacement will violate \
             group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min \
             size."
        )
    })?;
    let mut noted = Vec::new();
    for number in hosts {
        let live = context.world.groups.member(number).is_some_and(|(_, _, member)| member.phase == Phase::Live);
        if !live {
            noted.push(ending(context, group, number));
            continue;
        }
        let cause = cause(context, group, number, "taken out of service", before);
        noted.extend(scaling::end(context.world, number, Actor::Call(context.call), &cause));
    }
    scaling::consider_soon(context.world, group);
    let mut xml = Xml::default();
    if many.is_empty() {
        for number in noted {
            xml.element("Activity", |xml| group_activities::write(xml, context, number));
        }
    } else {
        xml.members("Activities", noted, |xml, number| group_activities::write(xml, context, number));
    }
    Ok(xml.into_text())
}

/// Returns a member by its id, with its group; it must be of the group that is named, if one is.
fn managed(context: &Context<'_>, id: &str, named: Option<GroupId>) -> Result<(u32, GroupId), Refusal> {
    let world = &*context.world;
    let found = world.instances.number(id).and_then(|number| {
        let (owner, group, _) = world.groups.member(number)?;
        let ours = group.account == world.account && group.region == context.region;
        (ours && named.is_none_or(|named| named == owner)).then_some((number, owner))
    });
    found.ok_or_else(|| invalid(format!("Instance Id not found - No managed instance found for instance ID: {id}")))
}

/// Lowers the desired number, and returns what it was; `why` refuses it with the sizes min, max, desired.
fn shrink(
    context: &mut Context<'_>,
    id: GroupId,
    less: u32,
    why: impl Fn(u32, u32, u32) -> String,
) -> Result<u32, Refusal> {
    let Some(group) = context.world.groups.get_mut(id) else { return Ok(0) };
    let before = group.desired;
    let after = before.checked_sub(less).filter(|after| less == 0 || *after >= group.min);
    group.desired = after.ok_or_else(|| invalid(why(group.min, group.max, before)))?;
    if less > 0 {
        group.call = context.call;
    }
    Ok(before)
}

/// Returns the activity that ends a host.
fn ending(context: &Context<'_>, id: GroupId, number: u32) -> u32 {
    let groups = &context.world.groups;
    let ends = |at: &&u32| {
        let activity = usize::try_from(**at).ok().and_then(|at| groups.activities.get(at));
        activity.is_some_and(|activity| matches!(activity.deed, Deed::Terminate(host) if host == number))
    };
    groups.get(id).and_then(|group| group.activities.iter().rev().find(ends)).copied().unwrap_or_default()
}

fn cause(context: &Context<'_>, id: GroupId, number: u32, what: &str, before: u32) -> Arc<str> {
    let after = context.world.groups.get(id).map_or(before, |group| group.desired);
    let shrinking =
        if after < before { format!(", shrinking the capacity from {before} to {after}") } else { String::new() };
    let (at, host) = (iso(context.world.now()), instance_id(number));
    format!("At {at} instance {host} was {what} in response to a user request{shrinking}.").into()
}

/// Returns the hosts of a call that names their group too; each must be a member, and in one of these states.
fn hosts(context: &Context<'_>, id: GroupId, most: usize, states: &[&str], said: &str) -> Result<Vec<u32>, Refusal> {
    let ids = context.parameters.list("InstanceIds.member");
    if ids.is_empty() || ids.len() > most {
        return Err(invalid(format!("The request must name 1 to {most} instances.")));
    }
    let mut hosts = Vec::new();
    for host in ids {
        let member = context.world.instances.number(host).and_then(|number| {
            let (owner, group, member) = context.world.groups.member(number)?;
            (owner == id).then_some((number, group, member))
        });
        let Some((number, _, member)) = member else {
            let name = context.parameters.get("AutoScalingGroupName").unwrap_or_default();
            return Err(invalid(format!("The instance {host} is not part of Auto Scaling group {name}.")));
        };
        if !states.contains(&lifecycle(context.world, number, member).0) {
            return Err(invalid(format!("The instance {host} is not in {said}.")));
        }
        hosts.push(number);
    }
    hosts.sort_unstable();
    hosts.dedup();
    Ok(hosts)
}

/// `DetachInstances`: up to 20 hosts, all or none; they live on.
pub(super) fn detach(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = group(context)?;
    let decrement = required_flag(context, "ShouldDecrementDesiredCapacity")?;
    let hosts = hosts(context, id, MOST_TO_DETACH, &["InService"], "InService or Standby")?;
    let by_weight = context.world.habits.detach_by_weight;
    let weight = |number: &u32| match context.world.groups.member(*number) {
        Some((_, _, member)) if by_weight => member.units(),
        _ => 1,
    };
    let less = if decrement { hosts.iter().map(weight).sum() } else { 0 };
    let name = context.parameters.get("AutoScalingGroupName").unwrap_or_default();
    let before = shrink(context, id, less, |min, max, desired| {
        format!(
            "AutoScalingGroup {name} has min-size={min}, max-size={max}, and desired-size={desired}. To detach {} \
             instance, please update the AutoScalingGroup sizes appropriately.",
            hosts.len()
        )
    })?;
    let at = context.world.now();
    let mut noted = Vec::new();
    for number in hosts {
        let cause = cause(context, id, number, "detached", before);
        context.world.groups.leave(number);
        noted.push(context.world.groups.note(Activity { group: id, at, deed: Deed::Detach(number), cause }));
    }
    scaling::consider_soon(context.world, id);
    let mut xml = Xml::default();
    xml.members("Activities", noted, |xml, number| group_activities::write(xml, context, number));
    Ok(xml.into_text())
}

/// `SetInstanceProtection`: from scale-in, and from nothing else.
pub(super) fn protect(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = group(context)?;
    let on = required_flag(context, "ProtectedFromScaleIn")?;
    let states = ["Pending", "InService"];
    for number in hosts(context, id, MOST_TO_PROTECT, &states, "InService or EnteringStandby or Standby")? {
        if let Some(member) = context.world.groups.member_mut(number) {
            member.protected = on;
        }
    }
    scaling::consider_soon(context.world, id);
    Ok(String::new())
}
