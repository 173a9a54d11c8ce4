//! `DescribeSpotFleetRequests`, `ModifySpotFleetRequest`, `CancelSpotFleetRequests` (`aws-semantics.md` section 5).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change_fleets::check_modifiable;
use super::fleet_writing::{found, index, is_well_formed, spot_state};
use super::pages::Window;
use super::request_spot_fleet::{CONFIG, target};
use super::{Context, tags};
use crate::clock::iso;
use crate::fleets::{Api, Fleet};
use crate::instances::Actor;
use crate::refusal::Refusal;
use crate::tree::{Tree, of_spot_fleets};
use crate::world::World;
use crate::xml::Xml;

/// The most requests that one call cancels.
const MOST: usize = 100;
/// What is written from what the fleet is now, not from what was asked for.
const OF_TODAY: [&str; 5] =
    ["TargetCapacity", "OnDemandTargetCapacity", "ExcessCapacityTerminationPolicy", "Type", "TagSpecification"];

/// `DescribeSpotFleetRequests`: those that are named, or all.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let parameters = Arc::clone(context.parameters);
    let window = Window::of(context, 1..=1_000)?;
    let ids = parameters.list("SpotFleetRequestId");
    let named = ids.iter().map(|id| found(context, Api::Spot, id)).collect::<Result<Vec<usize>, _>>()?;
    let world = &*context.world;
    let all: Vec<(usize, &Fleet)> = if ids.is_empty() {
        world.fleets.listed(Api::Spot, &world.account, context.region, world.now()).collect()
    } else {
        named.into_iter().map(|index| (index, &world.fleets.all[index])).collect()
    };
    let start = usize::try_from(window.start).unwrap_or(usize::MAX);
    let rest = all.into_iter().filter(|(index, _)| *index >= start);
    let (page, next) =
        window.cut(context, rest.map(|(index, fleet)| (u32::try_from(index).unwrap_or(u32::MAX), fleet)));
    let mut xml = Xml::default();
    xml.items("spotFleetRequestConfigSet", page, |xml, fleet| write(xml, world, fleet));
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

fn write(xml: &mut Xml, world: &World, fleet: &Fleet) {
    let (spec, target, now) = (&fleet.spec, &fleet.target, world.now());
    xml.leaf("activityStatus", fleet.activity(now)).leaf("createTime", iso(fleet.created));
    xml.element("spotFleetRequestConfig", |xml| {
        Tree::below(&spec.parameters, CONFIG).without(&OF_TODAY).write(xml, of_spot_fleets);
        xml.leaf("targetCapacity", target.units.sum().to_string());
        xml.leaf("onDemandTargetCapacity", target.units.on_demand.to_string());
        xml.leaf("excessCapacityTerminationPolicy", if target.ends_excess { "default" } else { "noTermination" });
        xml.leaf("type", spec.kind.name()).leaf("fulfilledCapacity", fleet.fulfilled.sum().to_string());
        xml.leaf("onDemandFulfilledCapacity", fleet.fulfilled.on_demand.to_string());
    });
    xml.leaf("spotFleetRequestId", &spec.id).leaf("spotFleetRequestState", spot_state(fleet.state(now)));
    tags::write(xml, &spec.tags);
}

/// `ModifySpotFleetRequest`: as `ModifyFleet`.
pub(super) fn modify(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let index = found(context, Api::Spot, parameters.required("SpotFleetRequestId")?)?;
    if parameters.has_below("LaunchTemplateConfig.") {
        let text = "The emulator does not change the launch templates of a fleet.";
        return Err(Refusal::new("UnsupportedOperation", text));
    }
    let fleet = &context.world.fleets.all[index];
    let target = target(&parameters, "", Some(&fleet.target))?;
    check_modifiable(fleet)?;
    context.world.modify_fleet(index, target);
    context.world.settle();
    let mut xml = Xml::default();
    xml.leaf("return", true);
    Ok(xml.into_text())
}

/// `CancelSpotFleetRequests`: it must say whether the instances end too.
pub(super) fn cancel(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let ids: BTreeSet<&str> = parameters.list("SpotFleetRequestId").into_iter().collect();
    if ids.is_empty() {
        let text = "The request must contain the parameter SpotFleetRequestId";
        return Err(Refusal::new("MissingParameter", text));
    }
    let ends = match parameters.required("TerminateInstances")? {
        "true" => true,
        "false" => false,
        other => return Err(Refusal::invalid(format!("Invalid value '{other}' for TerminateInstances."))),
    };
    if ids.len() > MOST {
        return Err(Refusal::invalid(format!("At most {MOST} Spot Fleet requests can be cancelled in one request")));
    }
    context.dry_run()?;
    let mut xml = Xml::default();
    let mut refused = Vec::new();
    xml.element("successfulFleetRequestSet", |xml| {
        for id in ids {
            let index = match cancellable(context, id) {
                Ok(index) => index,
                Err((code, text)) => {
                    refused.push((id, code, text));
                    continue;
                }
            };
            let now = context.world.now();
            let before = spot_state(context.world.fleets.all[index].state(now));
            context.world.delete_fleet(index, ends.then_some(Actor::Call(context.call)));
            xml.element("item", |xml| {
                let state = if ends { "cancelled_terminating" } else { "cancelled_running" };
                xml.leaf("currentSpotFleetRequestState", state).leaf("previousSpotFleetRequestState", before);
                xml.leaf("spotFleetRequestId", id);
            });
        }
    });
    xml.items("unsuccessfulFleetRequestSet", refused, |xml, (id, code, text)| {
        xml.element("error", |xml| {
            xml.leaf("code", code).leaf("message", text);
        });
        xml.leaf("spotFleetRequestId", id);
    });
    Ok(xml.into_text())
}

/// Returns where a request is, or the code and the words that say why it cannot be cancelled.
fn cancellable(context: &Context<'_>, id: &str) -> Result<usize, (&'static str, &'static str)> {
    if !is_well_formed(Api::Spot, id) {
        return Err(("fleetRequestIdMalformed", "The Spot Fleet request ID is malformed."));
    }
    let Some(index) = index(context, id) else {
        return Err(("fleetRequestIdDoesNotExist", "The Spot Fleet request does not exist."));
    };
    if context.world.fleets.all[index].state(context.world.now()) == "deleted" {
        return Err(("fleetRequestNotInCancellableState", "The Spot Fleet request is cancelled."));
    }
    Ok(index)
}
