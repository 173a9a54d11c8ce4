//! `DescribeFleets` (`aws-semantics.md` section 4).

use std::sync::Arc;

use super::fleet_writing::{found, write_failures, write_groups};
use super::pages::Window;
use super::{Context, tags};
use crate::clock::iso;
use crate::fleets::{Api, Fleet, Kind};
use crate::instances::Market;
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::tree::{Tree, of_templates};
use crate::world::World;
use crate::xml::Xml;

const FILTERS: [&str; 5] =
    ["activity-status", "excess-capacity-termination-policy", "fleet-state", "replace-unhealthy-instances", "type"];

/// `DescribeFleets`: those that are named, or all; an instant fleet only when it is named.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let parameters = Arc::clone(context.parameters);
    let window = Window::of(context, 1..=1_000)?;
    let filters = parameters.filters()?;
    if let Some(unknown) = filters.iter().find(|filter| !FILTERS.contains(&filter.name.as_str())) {
        return Err(Refusal::invalid(format!("The filter '{}' is invalid", unknown.name)));
    }
    let ids = parameters.list("FleetId");
    let named = ids.iter().map(|id| found(context, Api::Ec2, id)).collect::<Result<Vec<usize>, _>>()?;
    let world = &*context.world;
    let all: Vec<(usize, &Fleet)> = if ids.is_empty() {
        world.fleets.listed(Api::Ec2, &world.account, context.region, world.now()).collect()
    } else {
        named.into_iter().map(|index| (index, &world.fleets.all[index])).collect()
    };
    let start = usize::try_from(window.start).unwrap_or(usize::MAX);
    let passing = all
        .into_iter()
        .filter(|(index, fleet)| *index >= start && filters.iter().all(|filter| passes(filter, world, fleet)))
        .map(|(index, fleet)| (u32::try_from(index).unwrap_or(u32::MAX), fleet));
    let (page, next) = window.cut(context, passing);
    let mut xml = Xml::default();
    xml.items("fleetSet", page, |xml, fleet| write(xml, world, fleet));
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

/// A filter spells with hyphens what an answer spells with underscores (section 4.4).
fn passes(filter: &Filter, world: &World, fleet: &Fleet) -> bool {
    let now = world.now();
    let unhealthy = fleet.spec.parameters.get("ReplaceUnhealthyInstances").unwrap_or("false");
    match filter.name.as_str() {
        "activity-status" => fleet.activity(now).is_some_and(|activity| filter.takes(&activity.replace('_', "-"))),
        "excess-capacity-termination-policy" => filter.takes(&fleet.target.ends_excess.to_string()),
        "fleet-state" => filter.takes(&fleet.state(now).replace('_', "-")),
        "replace-unhealthy-instances" => filter.takes(unhealthy),
        _ => filter.takes(fleet.spec.kind.name()),
    }
}

fn write(xml: &mut Xml, world: &World, fleet: &Fleet) {
    let (spec, now, target) = (&fleet.spec, world.now(), &fleet.target);
    let parameters = &spec.parameters;
    let said = |name: &str| parameters.get(name).unwrap_or("false").to_owned();
    xml.leaf("activityStatus", fleet.activity(now)).leaf("createTime", iso(fleet.created));
    xml.leaf("fleetId", &spec.id).leaf("fleetState", fleet.state(now)).leaf("clientToken", spec.token.as_deref());
    let policy = if target.ends_excess { "termination" } else { "no-termination" };
    xml.leaf("excessCapacityTerminationPolicy", policy);
    xml.leaf("fulfilledCapacity", fleet.fulfilled.sum().to_string());
    xml.leaf("fulfilledOnDemandCapacity", fleet.fulfilled.on_demand.to_string());
    Tree::below(parameters, "").only(&["LaunchTemplateConfigs"]).write(xml, of_templates);
    xml.element("targetCapacitySpecification", |xml| {
        xml.leaf("totalTargetCapacity", target.units.sum().to_string());
        xml.leaf("onDemandTargetCapacity", target.units.on_demand.to_string());
        xml.leaf("spotTargetCapacity", target.units.spot.to_string());
        xml.leaf("defaultTargetCapacityType", if target.default == Market::Spot { "spot" } else { "on-demand" });
        xml.leaf("targetCapacityUnitType", parameters.get("TargetCapacitySpecification.TargetCapacityUnitType"));
    });
    xml.leaf("terminateInstancesWithExpiration", said("TerminateInstancesWithExpiration"));
    xml.leaf("type", spec.kind.name()).leaf("validFrom", spec.valid_from.map(iso));
    xml.leaf("validUntil", spec.valid_until.map(iso));
    xml.leaf("replaceUnhealthyInstances", said("ReplaceUnhealthyInstances"));
    Tree::below(parameters, "").only(&["SpotOptions", "OnDemandOptions"]).write(xml, of_templates);
    tags::write(xml, &spec.tags);
    if spec.kind == Kind::Instant {
        write_failures(xml, world, fleet);
        write_groups(xml, world, fleet);
    }
}
