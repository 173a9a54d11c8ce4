//! How fleets write their slots, what these gave and what they failed with; and how they are named and found.

use super::Context;
use crate::fleets::{Api, Failure, Fleet, Group};
use crate::instances::{Market, instance_id};
use crate::refusal::Refusal;
use crate::tree::{Tree, of_templates};
use crate::world::World;
use crate::xml::Xml;

/// Returns where a fleet is that a call names.
pub(super) fn found(context: &Context<'_>, api: Api, id: &str) -> Result<usize, Refusal> {
    let (code, prefix) = match api {
        Api::Ec2 => ("InvalidFleetId", "fleet-"),
        Api::Spot => ("InvalidSpotFleetRequestId", "sfr-"),
    };
    if !is_well_formed(api, id) {
        let text = format!("Invalid id: \"{id}\" (expecting \"{prefix}...\")");
        return Err(Refusal::new(format!("{code}.Malformed"), text));
    }
    index(context, id)
        .ok_or_else(|| Refusal::new(format!("{code}.NotFound"), format!("The fleet '{id}' does not exist")))
}

/// Returns where a fleet is that this call can see.
pub(super) fn index(context: &Context<'_>, id: &str) -> Option<usize> {
    let world = &*context.world;
    world.fleets.find(id, &world.account, context.region, world.now())
}

pub(super) fn is_well_formed(api: Api, id: &str) -> bool {
    let rest = match api {
        Api::Ec2 => id.strip_prefix("fleet-"),
        Api::Spot => id.strip_prefix("sfr-"),
    };
    rest.is_some_and(|rest| rest.len() == 36 && rest.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit()))
}

/// Returns the state in the words of Spot Fleet.
pub(super) fn spot_state(state: &'static str) -> &'static str {
    match state {
        "deleted" => "cancelled",
        "deleted_running" => "cancelled_running",
        "deleted_terminating" => "cancelled_terminating",
        other => other,
    }
}

const fn lifecycle(market: Market) -> &'static str {
    match market {
        Market::OnDemand => "on-demand",
        Market::Spot => "spot",
    }
}

/// Writes what the slots of an instant fleet failed with: an entry for each time.
pub(super) fn write_failures(xml: &mut Xml, world: &World, fleet: &Fleet) {
    xml.items("errorSet", &fleet.failures, |xml, Failure { slot, market, code, message, .. }| {
        write_slot(xml, world, fleet, *slot, None);
        xml.leaf("lifecycle", lifecycle(*market)).leaf("errorCode", code).leaf("errorMessage", message);
    });
}

/// Writes what an instant fleet got, by slot and market.
pub(super) fn write_groups(xml: &mut Xml, world: &World, fleet: &Fleet) {
    xml.items("fleetInstanceSet", &fleet.groups, |xml, Group { slot, market, instances }| {
        let Some((_, launch)) = world.instances.get(instances.start) else { return };
        write_slot(xml, world, fleet, *slot, launch.template_version);
        xml.leaf("lifecycle", lifecycle(*market));
        xml.element("instanceIds", |xml| {
            for number in instances.clone() {
                xml.leaf("item", instance_id(number));
            }
        });
        xml.leaf("instanceType", &launch.instance_type);
        xml.leaf("availabilityZone", &launch.zone).leaf("subnetId", &launch.subnet);
    });
}

fn write_slot(xml: &mut Xml, world: &World, fleet: &Fleet, slot: usize, version: Option<u32>) {
    let Some(slot) = fleet.spec.slots.get(slot) else { return };
    let parameters = &fleet.spec.parameters;
    xml.element("launchTemplateAndOverrides", |xml| {
        if let Some(prefix) = &slot.template {
            let said = |name: &str| parameters.get(&format!("{prefix}{name}"));
            let id = world.catalogue.named_template(parameters, prefix).map(|(id, _)| id);
            xml.element("launchTemplateSpecification", |xml| {
                xml.leaf("launchTemplateId", id.ok().or_else(|| said("LaunchTemplateId")));
                let version = version.map(|version| version.to_string());
                xml.leaf("version", version.or_else(|| said("Version").map(str::to_owned)));
            });
        }
        xml.element("overrides", |xml| {
            if slot.by_attributes {
                xml.leaf("instanceType", slot.own.get("InstanceType"));
            }
            if let Some(place) = &slot.place {
                Tree::below(parameters, place).write(xml, of_templates);
            }
        });
    });
}
