//! Members and histories of fleets, of both APIs: `DescribeFleetInstances`, `DescribeFleetHistory`,
//! `DescribeSpotFleetInstances`, `DescribeSpotFleetRequestHistory` (`aws-semantics.md` sections 4.4 and 5).

use std::sync::Arc;

use super::Context;
use super::fleet_writing::{found, spot_state};
use super::pages::Window;
use crate::clock::{Millis, iso, parsed};
use crate::fleets::{Api, Event, Failure, Fleet, Kind, What};
use crate::instances::{Market, instance_id, spot_request_id};
use crate::refusal::Refusal;
use crate::world::World;
use crate::xml::Xml;

/// How long events are kept.
const KEPT: Millis = 48 * 3_600_000;

const fn id_name(api: Api) -> (&'static str, &'static str) {
    match api {
        Api::Ec2 => ("FleetId", "fleetId"),
        Api::Spot => ("SpotFleetRequestId", "spotFleetRequestId"),
    }
}

/// `DescribeFleetInstances`: the members that have not ended, as late as lists of members are.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    members(context, Api::Ec2)
}

/// `DescribeSpotFleetInstances`: the same of a Spot Fleet request.
pub(super) fn describe_spot(context: &mut Context<'_>) -> Result<String, Refusal> {
    members(context, Api::Spot)
}

/// `DescribeFleetHistory`: what happened since a time, errors of launches among it.
pub(super) fn history(context: &mut Context<'_>) -> Result<String, Refusal> {
    events(context, Api::Ec2)
}

/// `DescribeSpotFleetRequestHistory`: the same of a Spot Fleet request.
pub(super) fn spot_history(context: &mut Context<'_>) -> Result<String, Refusal> {
    events(context, Api::Spot)
}

fn members(context: &mut Context<'_>, api: Api) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let id = parameters.required(id_name(api).0)?;
    let index = found(context, api, id)?;
    let window = Window::of(context, 1..=1_000)?;
    let filters = parameters.filters()?;
    if let Some(unknown) = filters.iter().find(|filter| filter.name != "instance-type") {
        return Err(Refusal::invalid(format!("The filter '{}' is invalid", unknown.name)));
    }
    context.dry_run()?;
    let world = &*context.world;
    let fleet = &world.fleets.all[index];
    if fleet.spec.kind == Kind::Instant {
        let text = "This operation is not supported for fleets of type instant. Use DescribeFleets instead.";
        return Err(Refusal::new("UnsupportedOperation", text));
    }
    let launched_at = |number: u32| world.instances.get(number).map_or(Millis::MAX / 4, |(_, launch)| launch.at);
    let seen = fleet.members(window.start, world.now(), world.habits.member_lag, launched_at);
    let passing = seen.filter_map(|number| {
        let (instance, launch) = world.instances.get(number)?;
        let passes = filters.iter().all(|filter| filter.takes(&launch.instance_type));
        passes.then_some((number, (number, instance, launch)))
    });
    let (page, next) = window.cut(context, passing);
    let mut xml = Xml::default();
    xml.items("activeInstanceSet", page, |xml, (number, instance, launch)| {
        let is_spot = launch.market == Market::Spot;
        let impaired = instance.mark(|marks| marks.checks.fail()).unwrap_or(false);
        xml.leaf("instanceId", instance_id(number)).leaf("instanceType", &launch.instance_type);
        xml.leaf("spotInstanceRequestId", is_spot.then(|| spot_request_id(number)));
        xml.leaf("instanceHealth", if impaired { "unhealthy" } else { "healthy" });
    });
    xml.leaf("nextToken", next).leaf(id_name(api).1, id);
    Ok(xml.into_text())
}

fn events(context: &mut Context<'_>, api: Api) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let id = parameters.required(id_name(api).0)?;
    let index = found(context, api, id)?;
    let text = parameters.required("StartTime")?;
    let refused = || Refusal::invalid(format!("Value ({text}) for parameter StartTime is invalid. It is no time."));
    let start = parsed(text).ok_or_else(refused)?;
    let window = Window::of(context, 1..=1_000)?;
    context.dry_run()?;
    let world = &*context.world;
    let fleet = &world.fleets.all[index];
    let now = world.now();
    let (from, until) = (start.max(now - KEPT), now - world.habits.member_lag);
    let wanted = parameters.get("EventType");
    let seen = fleet.history.iter().filter(|event| {
        (from..=until).contains(&event.at) && wanted.is_none_or(|wanted| wanted == kind(&event.what, api))
    });
    let (page, next) = window.cut_list(context, seen);
    let mut xml = Xml::default();
    xml.items("historyRecordSet", page, |xml, event| write(xml, world, fleet, event));
    xml.leaf("lastEvaluatedTime", iso(until)).leaf("nextToken", next).leaf(id_name(api).1, id);
    xml.leaf("startTime", iso(start));
    Ok(xml.into_text())
}

fn kind(what: &What, api: Api) -> &'static str {
    match (what, api) {
        (What::Fleet(_), Api::Ec2) => "fleet-change",
        (What::Fleet(_), Api::Spot) => "fleetRequestChange",
        (What::Launched(_) | What::Terminated(_), Api::Ec2) => "instance-change",
        (What::Launched(_) | What::Terminated(_), Api::Spot) => "instanceChange",
        (What::Failed(_), Api::Ec2) => "service-error",
        (What::Failed(failure), Api::Spot) if failure.code == "MaxSpotInstanceCountExceeded" => "error",
        (What::Failed(_), Api::Spot) => "information",
    }
}

fn write(xml: &mut Xml, world: &World, fleet: &Fleet, event: &Event) {
    let api = fleet.spec.api;
    xml.element("eventInformation", |xml| match &event.what {
        What::Fleet(state) => {
            xml.leaf("eventSubType", if api == Api::Spot { spot_state(state) } else { state });
        }
        What::Launched(number) | What::Terminated(number) => {
            let description = world.instances.get(*number).map(|(_, launch)| {
                format!(
                    "{{\"instanceType\":\"{}\",\"image\":\"{}\",\"productDescription\":\"Linux/UNIX\",\"availabilityZone\":\
                     \"{}\"}}",
                    launch.instance_type, launch.image, launch.zone
                )
            });
            let launched = matches!(event.what, What::Launched(_));
            xml.leaf("eventDescription", description);
            xml.leaf("eventSubType", if launched { "launched" } else { "terminated" });
            xml.leaf("instanceId", instance_id(*number));
        }
        What::Failed(failure) => {
            xml.leaf("eventDescription", words(fleet, failure)).leaf("eventSubType", sub_type(failure));
        }
    });
    xml.leaf("eventType", kind(&event.what, api)).leaf("timestamp", iso(event.at));
}

fn sub_type(failure: &Failure) -> &'static str {
    match failure.code.as_str() {
        "MaxSpotInstanceCountExceeded" => "spotInstanceCountLimitExceeded",
        "SpotMaxPriceTooLow" => "launchSpecUnusable",
        _ => "launchSpecTemporarilyBlacklisted",
    }
}

/// AWS hides the code of a failed launch in a sentence.
fn words(fleet: &Fleet, failure: &Failure) -> String {
    let kind = fleet.spec.slots.get(failure.slot).and_then(|slot| slot.own.get("InstanceType"));
    let subnet = fleet.spec.slots.get(failure.slot).and_then(|slot| slot.subnet.as_deref());
    format!(
        "Repeated errors have occurred processing the launch specification \"{}, {}, Linux/UNIX (Amazon VPC)\". It will not \
         be retried for at least 13 minutes. Error message: {} (Service: AmazonEC2; Status Code: {}; Error Code: {}; Request \
         ID: 00000000-0000-4000-8000-000000000000)",
        kind.map_or("-", String::as_str),
        subnet.unwrap_or("-"),
        failure.message,
        failure.status,
        failure.code,
    )
}
