//! Groups themselves: made, changed, suspended, deleted (`aws-semantics.md` sections 6.1, 6.3 and 6.4).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::group_query::{find, flag, group, invalid, number, required};
use super::group_settings::{recipe, subnets, tags, updated};
use super::{Context, group_launch};
use crate::clock::{Millis, iso};
use crate::group_edits;
use crate::groups::{Group, GroupId, PROCESSES, Phase, uuid};
use crate::instances::Actor;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::scaling;

/// Groups of an account in a region.
const MOST: usize = 500;
const LONGEST_NAME: usize = 255;
/// Between a scaling activity and the next one that honours the cooldown, in seconds.
pub(super) const COOLDOWN: u32 = 300;

/// The bounds of a group, in units.
struct Sizes {
    min: u32,
    max: u32,
    desired: u32,
}

impl Sizes {
    fn checked(self) -> Result<Self, Refusal> {
        let Self { min, max, desired } = self;
        if max < min {
            return Err(invalid(format!("Max bound, {max}, must be greater than or equal to min bound, {min}")));
        }
        if desired < min || desired > max {
            return Err(invalid(format!(
                "Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}"
            )));
        }
        Ok(self)
    }
}

/// `CreateAutoScalingGroup`: there is no token; a name that is taken is `AlreadyExists`.
pub(super) fn create(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let name = required(&parameters, "AutoScalingGroupName")?;
    if name.len() > LONGEST_NAME || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        let text = format!("A group's name has 1 to {LONGEST_NAME} printable ASCII characters, and no colon.");
        return Err(invalid(text));
    }
    required(&parameters, "MinSize")?;
    required(&parameters, "MaxSize")?;
    let (min, max) = (number(&parameters, "MinSize")?.unwrap_or(0), number(&parameters, "MaxSize")?.unwrap_or(0));
    let desired = number(&parameters, "DesiredCapacity")?.unwrap_or(min);
    let sizes = Sizes { min, max, desired }.checked()?;
    if find(context, name).is_ok() {
        let text =
            format!("AutoScalingGroup by this name already exists - A group with the name {name} already exists");
        return Err(Refusal::new("AlreadyExists", text));
    }
    let recipe = recipe(&parameters)?.ok_or_else(|| {
        let text = "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or \
                    MixedInstancesPolicy parameter.";
        invalid(text)
    })?;
    let subnets = subnets(context, &parameters)?;
    let Some(first) = subnets.first() else {
        return Err(invalid("At least one Availability Zone or VPC Subnet is required."));
    };
    check_rest(&parameters)?;
    let tags = tags(&parameters, Some(name))?.remove(name).unwrap_or_default();
    group_launch::check(context, &parameters, &recipe, first)?;
    let now = context.world.now();
    let world = &mut *context.world;
    if world.groups.ever(&world.account, context.region).filter(|(_, group)| !group.deleted).count() >= MOST {
        return Err(Refusal::new("LimitExceeded", format!("You have already reached the limit of {MOST} groups.")));
    }
    let wish = format!(
        "At {} a user request created an AutoScalingGroup changing the desired capacity from 0 to {desired}.",
        iso(now)
    );
    let id = world.groups.add(Group {
        name: name.to_owned(),
        region: context.region.to_owned(),
        account: world.account.clone(),
        created: now,
        recipe,
        subnets,
        min: sizes.min,
        max: sizes.max,
        desired: sizes.desired,
        tags,
        suspended: BTreeMap::new(),
        protects: flag(&parameters, "NewInstancesProtectedFromScaleIn")?.unwrap_or(false),
        members: BTreeMap::new(),
        units: 0,
        on_demand: 0,
        spread: HashMap::new(),
        activities: Vec::new(),
        refreshes: Vec::new(),
        call: context.call,
        wish,
        due: None,
        failures: 0,
        deleted: false,
        parameters,
    });
    scaling::consider_soon(world, id);
    Ok(String::new())
}

/// Refuses values of parameters that change nothing here.
fn check_rest(parameters: &Parameters) -> Result<(), Refusal> {
    for name in ["DefaultCooldown", "HealthCheckGracePeriod", "MaxInstanceLifetime"] {
        number(parameters, name)?;
    }
    let one_of = |name: &str, allowed: &[&str]| match parameters.get(name) {
        Some(value) if !allowed.contains(&value) => Err(invalid(format!("Invalid value '{value}' for {name}."))),
        _ => Ok(()),
    };
    one_of("DeletionProtection", &["none", "prevent-force-deletion", "prevent-all-deletion"])?;
    one_of("DesiredCapacityType", &["units", "vcpu", "memory-mib"])?;
    if number(parameters, "MaxInstanceLifetime")?.is_some_and(|time| time != 0 && time < 86_400) {
        return Err(invalid("MaxInstanceLifetime must be 0, or at least 86400."));
    }
    flag(parameters, "NewInstancesProtectedFromScaleIn")?;
    Ok(())
}

/// `UpdateAutoScalingGroup`: what is not sent stays; new hosts are launched as the update says.
pub(super) fn update(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = group(context)?;
    let sent = Arc::clone(context.parameters);
    let gone = || invalid("The group is gone.");
    let before = context.world.groups.get(id).ok_or_else(gone)?;
    let (old_min, old_max, old_desired) = (before.min, before.max, before.desired);
    let merged = updated(&before.parameters, &sent);
    let min = number(&sent, "MinSize")?.unwrap_or(old_min);
    let max = number(&sent, "MaxSize")?.unwrap_or(old_max);
    // New bounds move the desired number, where the call does not say it.
    let desired = number(&sent, "DesiredCapacity")?.unwrap_or_else(|| old_desired.max(min).min(max.max(min)));
    let sizes = Sizes { min, max, desired }.checked()?;
    check_rest(&sent)?;
    let recipe = recipe(&merged)?.ok_or_else(gone)?;
    let subnets = subnets(context, &merged)?;
    let first = subnets.first().ok_or_else(|| invalid("At least one Availability Zone or VPC Subnet is required."))?;
    if sent.has_below("LaunchTemplate.") || sent.has_below("MixedInstancesPolicy.") {
        group_launch::check(context, &merged, &recipe, first)?;
    }
    let protects = flag(&sent, "NewInstancesProtectedFromScaleIn")?;
    let now = context.world.now();
    let Some(group) = context.world.groups.get_mut(id) else { return Err(gone()) };
    group.wish = format!(
        "At {} a user request update of AutoScalingGroup constraints to min: {min}, max: {max}, desired: {desired} \
         changing the desired capacity from {old_desired} to {desired}.",
        iso(now)
    );
    (group.min, group.max, group.desired) = (sizes.min, sizes.max, sizes.desired);
    (group.recipe, group.subnets, group.parameters) = (recipe, subnets, Arc::new(merged));
    group.protects = protects.unwrap_or(group.protects);
    group.call = context.call;
    scaling::consider_soon(context.world, id);
    Ok(String::new())
}

/// `SetDesiredCapacity`: an absolute number; which hosts end for a smaller one is the group's choice.
pub(super) fn set_desired(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = group(context)?;
    required(context.parameters, "DesiredCapacity")?;
    let desired = number(context.parameters, "DesiredCapacity")?.unwrap_or_default();
    let honors = flag(context.parameters, "HonorCooldown")?.unwrap_or(false);
    let now = context.world.now();
    if let Some(activity) = latest_activity(context, id, now).filter(|_| honors) {
        let text = format!("Scaling activity {} is in progress and blocks this action", uuid(activity, "6163"));
        return Err(Refusal::new("ScalingActivityInProgress", text));
    }
    let Some(group) = context.world.groups.get_mut(id) else { return Ok(String::new()) };
    let (min, max, before) = (group.min, group.max, group.desired);
    if desired > max {
        let text = format!("New SetDesiredCapacity value {desired} is above max value {max} for the AutoScalingGroup.");
        return Err(invalid(text));
    }
    if desired < min {
        let text = format!("New SetDesiredCapacity value {desired} is below min value {min} for the AutoScalingGroup.");
        return Err(invalid(text));
    }
    group.wish = format!(
        "At {} a user request explicitly set group desired capacity changing the desired capacity from {before} to \
         {desired}.",
        iso(now)
    );
    group.desired = desired;
    group.call = context.call;
    scaling::consider_soon(context.world, id);
    Ok(String::new())
}

/// Returns the last activity of a group, while its cooldown lasts.
fn latest_activity(context: &Context<'_>, id: GroupId, now: Millis) -> Option<u32> {
    let group = context.world.groups.get(id)?;
    let cooldown = group.parameters.get("DefaultCooldown").and_then(|text| text.parse().ok()).unwrap_or(COOLDOWN);
    let number = *group.activities.last()?;
    let at = context.world.groups.activities.get(usize::try_from(number).ok()?)?.at;
    (now < at + i64::from(cooldown) * 1_000).then_some(number)
}

/// `SuspendProcesses`: those that are named, or all.
pub(super) fn suspend(context: &mut Context<'_>) -> Result<String, Refusal> {
    switch(context, true)
}

/// `ResumeProcesses`: those that are named, or all.
pub(super) fn resume(context: &mut Context<'_>) -> Result<String, Refusal> {
    switch(context, false)
}

fn switch(context: &mut Context<'_>, on: bool) -> Result<String, Refusal> {
    let id = group(context)?;
    let mut named = context.parameters.list("ScalingProcesses.member");
    if let Some(unknown) = named.iter().find(|name| !PROCESSES.contains(*name)) {
        return Err(invalid(format!("Invalid scaling process: {unknown}")));
    }
    if named.is_empty() {
        named = PROCESSES.to_vec();
    }
    group_edits::suspend(context.world, id, &named, on);
    Ok(String::new())
}

/// `DeleteAutoScalingGroup`: an empty group, or any with `ForceDelete`, which does not wait for the hosts.
pub(super) fn delete(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = group(context)?;
    let force = flag(context.parameters, "ForceDelete")?.unwrap_or(false);
    let world = &mut *context.world;
    let Some(group) = world.groups.get(id) else { return Ok(String::new()) };
    let protection = group.parameters.get("DeletionProtection").unwrap_or("none");
    if protection == "prevent-all-deletion" || (protection == "prevent-force-deletion" && force) {
        let text = format!("The group {} has deletion protection: {protection}.", group.name);
        return Err(Refusal::new("ResourceInUse", text));
    }
    if !force {
        if group.members.values().any(|member| member.phase == Phase::Live) {
            let text = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance \
                        request(s) still in the group.";
            return Err(Refusal::new("ResourceInUse", text));
        }
        if !group.members.is_empty() || group.due.is_some() {
            let text = "You cannot delete an AutoScalingGroup while there are scaling activities in progress for that \
                        group.";
            return Err(Refusal::new("ScalingActivityInProgress", text));
        }
    }
    group_edits::delete(world, id, Some(Actor::Call(context.call)));
    Ok(String::new())
}
