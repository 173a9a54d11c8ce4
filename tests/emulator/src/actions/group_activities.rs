//! `DescribeScalingActivities`: the only place that tells of launches that failed (`aws-semantics.md` section 6.2).

use std::sync::Arc;

use super::Context;
use super::group_query::{filters, flag, invalid, page, required};
use crate::clock::{Millis, iso, parsed};
use crate::groups::{Activity, Deed, Group, uuid};
use crate::instances::{State, instance_id};
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::xml::Xml;

const NO_VICTIM: &str =
    "Could not scale to desired capacity because all remaining instances are protected from scale-in.";
const FILTERS: [&str; 3] = ["Status", "StartTimeLowerBound", "StartTimeUpperBound"];
const MOST_IDS: usize = 50;

/// `DescribeScalingActivities`: the newest first, of one group or of all.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let page = page(context, 100, 100)?;
    let filters = filters(&parameters, &FILTERS)?;
    let deleted_too = flag(&parameters, "IncludeDeletedGroups")?.unwrap_or(false);
    let ids = parameters.list("ActivityIds.member");
    if ids.len() > MOST_IDS {
        return Err(invalid(format!("At most {MOST_IDS} activity ids can be specified.")));
    }
    let groups = &context.world.groups;
    let account = &context.world.account;
    let numbers: Box<dyn Iterator<Item = u32>> = match parameters.get("AutoScalingGroupName") {
        Some(_) => {
            let name = required(&parameters, "AutoScalingGroupName")?;
            let mut same: Vec<&Group> = groups
                .ever(account, context.region)
                .map(|(_, group)| group)
                .filter(|group| group.name == name && (deleted_too || !group.deleted))
                .collect();
            same.reverse();
            if same.is_empty() {
                let text = format!("AutoScalingGroup name not found - AutoScalingGroup '{name}' not found");
                return Err(invalid(text));
            }
            Box::new(same.into_iter().flat_map(|group| group.activities.iter().rev().copied()))
        }
        None if filters.iter().any(|filter| filter.name == "Status") => {
            return Err(invalid("The filter Status can only be used with AutoScalingGroupName."));
        }
        None => Box::new((0..u32::try_from(groups.activities.len()).unwrap_or(u32::MAX)).rev()),
    };
    let found = numbers.filter_map(|number| {
        let activity = groups.activities.get(usize::try_from(number).ok()?)?;
        let group = groups.get(activity.group)?;
        let ours = group.account == *account && group.region == context.region && (deleted_too || !group.deleted);
        let asked = ids.is_empty() || ids.contains(&uuid(number, "6163").as_str());
        let passes = filters.iter().all(|filter| passes(context, filter, activity));
        // The newest come first, and the keys of a page rise.
        (ours && asked && passes).then_some((u32::MAX - number, number))
    });
    let (numbers, next) = page.cut(context, found);
    let mut xml = Xml::default();
    xml.members("Activities", numbers, |xml, number| write(xml, context, number));
    xml.leaf("NextToken", next);
    Ok(xml.into_text())
}

fn passes(context: &Context<'_>, filter: &Filter, activity: &Activity) -> bool {
    match filter.name.as_str() {
        "StartTimeLowerBound" => filter.values.iter().filter_map(|text| parsed(text)).any(|bound| activity.at >= bound),
        "StartTimeUpperBound" => filter.values.iter().filter_map(|text| parsed(text)).any(|bound| activity.at <= bound),
        _ => filter.takes(outcome(context, activity.at, &activity.deed).status),
    }
}

/// Writes what is inside an `Activity`.
pub(super) fn write(xml: &mut Xml, context: &Context<'_>, number: u32) {
    let groups = &context.world.groups;
    let Some(activity) = usize::try_from(number).ok().and_then(|at| groups.activities.get(at)) else { return };
    let Some(group) = groups.get(activity.group) else { return };
    let Outcome { status, message, ended } = outcome(context, activity.at, &activity.deed);
    let place = |id: u32| context.world.instances.get(id).map(|(_, launch)| launch.subnet.clone());
    let (description, subnet) = match &activity.deed {
        Deed::Launch(id) => (format!("Launching a new EC2 instance: {}", instance_id(*id)), place(*id)),
        Deed::Terminate(id) => (format!("Terminating EC2 instance: {}", instance_id(*id)), place(*id)),
        Deed::Detach(id) => (format!("Detaching EC2 instance: {}", instance_id(*id)), place(*id)),
        Deed::NoLaunch(subnet, text) => {
            (format!("Launching a new EC2 instance.  Status Reason: {text}"), Some(subnet.clone()))
        }
        Deed::NoVictim => (NO_VICTIM.to_owned(), None),
    };
    let details = subnet.map(|subnet| {
        let zone = context.world.catalogue.subnet(&subnet).map(|subnet| subnet.zone_in(&group.region));
        serde_json::json!({"Subnet ID": subnet, "Availability Zone": zone}).to_string()
    });
    xml.leaf("ActivityId", uuid(number, "6163"))
        .leaf("AutoScalingGroupName", &group.name)
        .leaf("AutoScalingGroupARN", group.arn(activity.group))
        .leaf("Description", description)
        .leaf("Cause", activity.cause.as_ref())
        .leaf("StartTime", iso(activity.at))
        .leaf("EndTime", ended.map(iso))
        .leaf("StatusCode", status)
        .leaf("StatusMessage", message)
        .leaf("Progress", if ended.is_some() { 100_u32 } else { 50 })
        .leaf("Details", details);
    if group.deleted {
        xml.leaf("AutoScalingGroupState", "Deleted");
    }
}

/// How an activity went: its status, its text, and when it ended.
struct Outcome {
    status: &'static str,
    message: Option<String>,
    ended: Option<Millis>,
}

/// Returns how an activity went, as its instance shows it.
fn outcome(context: &Context<'_>, at: Millis, deed: &Deed) -> Outcome {
    let now = context.world.now();
    let done = |status, message, ended| Outcome { status, message, ended: Some(ended) };
    let going = Outcome { status: "InProgress", message: None, ended: None };
    match deed {
        Deed::NoLaunch(_, text) => done("Failed", Some(text.clone()), at),
        Deed::NoVictim => done("Cancelled", Some(NO_VICTIM.to_owned()), at),
        Deed::Detach(_) if now > at => done("Successful", None, at),
        Deed::Detach(_) => going,
        Deed::Launch(number) => match context.world.instances.get(*number) {
            Some((instance, launch)) => match instance.end() {
                Some(end) if end.at < launch.running_at => {
                    let text = format!(
                        "Instance became unhealthy while waiting for instance to be in InService state. Termination \
                         Reason: {}: {}",
                        end.code, end.message
                    );
                    done("Failed", Some(text), end.at)
                }
                _ if now >= launch.running_at => done("Successful", None, launch.running_at),
                _ => going,
            },
            None => going,
        },
        Deed::Terminate(number) => match context.world.instances.get(*number) {
            Some((instance, launch)) if instance.state(launch, now) == State::Terminated => {
                done("Successful", None, instance.end().map_or(at, |end| end.terminated_at.max(at)))
            }
            _ => going,
        },
    }
}
