//! What groups look like: `DescribeAutoScalingGroups`, `DescribeAutoScalingInstances`, `DescribeInstanceRefreshes`
//! (`aws-semantics.md` sections 6.2 and 9).

use std::sync::Arc;

use super::group_query::{filters, flag, group, invalid, page};
use super::groups::COOLDOWN;
use super::pages::Window;
use super::{Context, group_launch};
use crate::clock::iso;
use crate::groups::{Group, GroupId, Launched, Member, lifecycle, shows, uuid};
use crate::instances::instance_id;
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::tree::{Tree, of_groups};
use crate::xml::Xml;

/// The most ids of `DescribeAutoScalingInstances`.
const MOST_IDS: usize = 50;

/// `DescribeAutoScalingGroups`: those that are named, or all; names that are unknown are missing.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let page = page(context, 50, 100)?;
    let filters = filters(&parameters, &["tag-key", "tag-value", "tag:"])?;
    let names = parameters.list("AutoScalingGroupNames.member");
    if names.len() > page.most {
        return Err(invalid(format!("At most {} group names can be specified.", page.most)));
    }
    let with_instances = flag(&parameters, "IncludeInstances")?.unwrap_or(true);
    let (groups, account) = (&context.world.groups, context.world.account.as_str());
    let mut ids: Vec<GroupId> = if names.is_empty() {
        groups.ever(account, context.region).filter(|(_, group)| !group.deleted).map(|(id, _)| id).collect()
    } else {
        names.iter().filter_map(|name| groups.named(account, context.region, name)).collect()
    };
    ids.sort_unstable();
    ids.dedup();
    let found = ids.into_iter().filter_map(|id| Some((id, (id, groups.get(id)?))));
    let found = found.filter(|(_, (_, group))| filters.iter().all(|filter| passes(filter, group)));
    let (found, next) = page.cut(context, found);
    let mut examined = 0;
    let mut xml = Xml::default();
    xml.element("AutoScalingGroups", |xml| {
        for (id, group) in found {
            xml.element("member", |xml| write(xml, context, id, group, with_instances));
            examined += if with_instances { group.members.len() } else { 0 };
        }
    });
    xml.leaf("NextToken", next);
    context.world.examined += u64::try_from(examined).unwrap_or_default();
    Ok(xml.into_text())
}

fn passes(filter: &Filter, group: &Group) -> bool {
    match filter.name.as_str() {
        "tag-key" => group.tags.keys().any(|key| filter.takes(key)),
        "tag-value" => group.tags.values().any(|(value, _)| filter.takes(value)),
        name => {
            let key = name.strip_prefix("tag:").unwrap_or_default();
            group.tags.get(key).is_some_and(|(value, _)| filter.takes(value))
        }
    }
}

fn write(xml: &mut Xml, context: &Context<'_>, id: GroupId, group: &Group, with_instances: bool) {
    let sent = |name: &str| group.parameters.get(name);
    let number = |name: &str, otherwise: u32| sent(name).map_or_else(|| otherwise.to_string(), str::to_owned);
    xml.leaf("AutoScalingGroupName", &group.name).leaf("AutoScalingGroupARN", group.arn(id));
    let told = group_launch::told(context.world, group);
    Tree::below(&told, "").only(&["LaunchTemplate", "MixedInstancesPolicy"]).write(xml, of_groups);
    xml.leaf("MinSize", group.min).leaf("MaxSize", group.max).leaf("DesiredCapacity", group.desired);
    xml.leaf("DesiredCapacityType", sent("DesiredCapacityType"));
    xml.leaf("DefaultCooldown", number("DefaultCooldown", COOLDOWN));
    let catalogue = &context.world.catalogue;
    let zones = group.subnets.iter().filter_map(|subnet| Some(catalogue.subnet(subnet)?.zone_in(&group.region)));
    xml.members("AvailabilityZones", zones, |xml, zone| {
        xml.text(&zone);
    });
    xml.element("LoadBalancerNames", |_| {}).element("TargetGroupARNs", |_| {});
    xml.leaf("HealthCheckType", sent("HealthCheckType").unwrap_or("EC2"));
    xml.leaf("HealthCheckGracePeriod", number("HealthCheckGracePeriod", 0));
    let members = group.members.iter().filter(|(number, _)| with_instances && is_shown(context, **number));
    xml.members("Instances", members, |xml, (number, member)| write_member(xml, context, *number, member));
    xml.leaf("CreatedTime", iso(group.created));
    xml.members("SuspendedProcesses", &group.suspended, |xml, (process, at)| {
        xml.leaf("ProcessName", process).leaf("SuspensionReason", format!("User suspended at {}", iso(*at)));
    });
    xml.leaf("PlacementGroup", sent("PlacementGroup"));
    xml.leaf("VPCZoneIdentifier", group.subnets.join(",")).element("EnabledMetrics", |_| {});
    xml.members("Tags", &group.tags, |xml, (key, (value, passes))| write_tag(xml, group, key, value, *passes));
    let mut policies = group.parameters.list("TerminationPolicies.member");
    if policies.is_empty() {
        policies.push("Default");
    }
    xml.members("TerminationPolicies", policies, |xml, policy| {
        xml.text(policy);
    });
    xml.leaf("NewInstancesProtectedFromScaleIn", group.protects);
    let role = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";
    xml.leaf("ServiceLinkedRoleARN", format!("arn:aws:iam::{}:role/{role}", group.account));
    xml.leaf("MaxInstanceLifetime", sent("MaxInstanceLifetime")).leaf("CapacityRebalance", sent("CapacityRebalance"));
    xml.element("TrafficSources", |_| {});
    xml.leaf("DeletionProtection", sent("DeletionProtection").unwrap_or("none"));
}

/// Writes a tag of a group.
pub(super) fn write_tag(xml: &mut Xml, group: &Group, key: &str, value: &str, passes: bool) {
    xml.leaf("ResourceId", &group.name).leaf("ResourceType", "auto-scaling-group");
    xml.leaf("Key", key).leaf("Value", value).leaf("PropagateAtLaunch", passes);
}

fn is_shown(context: &Context<'_>, number: u32) -> bool {
    let found = context.world.instances.get(number);
    let vanished = found.and_then(|(instance, _)| instance.mark(|marks| marks.vanished)).unwrap_or(false);
    shows(context.world, number) && !vanished
}

fn write_member(xml: &mut Xml, context: &Context<'_>, number: u32, member: &Member) {
    let Some((_, launch)) = context.world.instances.get(number) else { return };
    let (state, healthy) = lifecycle(context.world, number, member);
    xml.leaf("InstanceId", instance_id(number)).leaf("InstanceType", &launch.instance_type);
    xml.leaf("AvailabilityZone", &launch.zone).leaf("LifecycleState", state);
    xml.leaf("HealthStatus", if healthy { "Healthy" } else { "Unhealthy" });
    xml.element("LaunchTemplate", |xml| {
        let Launched { id, name, version } = member.template.as_ref();
        xml.leaf("LaunchTemplateId", id).leaf("LaunchTemplateName", name).leaf("Version", *version);
    });
    xml.leaf("ImageId", &launch.image).leaf("ProtectedFromScaleIn", member.protected);
    xml.leaf("WeightedCapacity", member.weight);
}

/// `DescribeAutoScalingInstances`: those that are named, or all members of all groups; strangers are missing.
pub(super) fn describe_instances(context: &mut Context<'_>) -> Result<String, Refusal> {
    let page = page(context, 50, 50)?;
    let ids = context.parameters.list("InstanceIds.member");
    if ids.len() > MOST_IDS {
        return Err(invalid(format!("At most {MOST_IDS} instance ids can be specified.")));
    }
    let world = &*context.world;
    let mut examined = 0;
    let (found, next) = if ids.is_empty() {
        let from = world.groups.of.range(page.start..).map(|(number, _)| *number);
        members(context, page, from.inspect(|_| examined += 1))
    } else {
        let mut numbers: Vec<u32> = ids.iter().filter_map(|id| world.instances.number(id)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        members(context, page, numbers.into_iter().inspect(|_| examined += 1))
    };
    let mut xml = Xml::default();
    xml.members("AutoScalingInstances", found, |xml, number| {
        let Some((_, group, member)) = world.groups.member(number) else { return };
        write_member(xml, context, number, member);
        xml.leaf("AutoScalingGroupName", &group.name);
    });
    xml.leaf("NextToken", next);
    context.world.examined += examined;
    Ok(xml.into_text())
}

fn members(context: &Context<'_>, page: Window, numbers: impl Iterator<Item = u32>) -> (Vec<u32>, Option<String>) {
    let world = &*context.world;
    let ours = numbers.filter(|number| {
        let group = world.groups.member(*number).map(|(_, group, _)| group);
        let ours = group.is_some_and(|group| group.account == world.account && group.region == context.region);
        ours && is_shown(context, *number)
    });
    page.cut(context, ours.map(|number| (number, number)))
}

/// `DescribeInstanceRefreshes`: the newest first.
pub(super) fn describe_refreshes(context: &mut Context<'_>) -> Result<String, Refusal> {
    let id = group(context)?;
    let page = page(context, 50, 100)?;
    let ids = context.parameters.list("InstanceRefreshIds.member");
    let Some(group) = context.world.groups.get(id) else { return Ok(String::new()) };
    let name_of = |number: usize| uuid(u32::try_from(number).unwrap_or_default(), "7266");
    let newest = group.refreshes.iter().enumerate().rev();
    let asked = newest.filter(|(number, _)| ids.is_empty() || ids.contains(&name_of(*number).as_str()));
    let (found, next) = page.cut(context, (0..).zip(asked));
    let mut xml = Xml::default();
    xml.members("InstanceRefreshes", found, |xml, (number, refresh)| {
        xml.leaf("InstanceRefreshId", name_of(number)).leaf("AutoScalingGroupName", &group.name);
        xml.leaf("Status", &refresh.status).leaf("StartTime", iso(refresh.started));
        xml.leaf("EndTime", refresh.ended.map(iso));
        xml.leaf("PercentageComplete", if refresh.ended.is_some() { 100_u32 } else { 0 });
        xml.leaf("InstancesToUpdate", if refresh.ended.is_some() { 0 } else { group.members.len() });
    });
    xml.leaf("NextToken", next);
    Ok(xml.into_text())
}
