//! `ModifyFleet` and `DeleteFleets` (`aws-semantics.md` sections 4.5 and 4.6).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Context;
use super::create_fleet::target;
use super::fleet_writing::{found, index, is_well_formed};
use crate::fleets::{Api, Fleet, Kind, Phase};
use crate::instances::Actor;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The most fleets that one call deletes.
const MOST_INSTANT: usize = 25;
const MOST_OTHER: usize = 100;
/// An instant fleet with more instances is not deleted.
const MOST_INSTANCES: usize = 1_000;

/// Refuses to change a fleet that is not in force or does not maintain itself.
pub(super) fn check_modifiable(fleet: &Fleet) -> Result<(), Refusal> {
    if fleet.spec.kind == Kind::Maintain && fleet.phase == Phase::Active {
        return Ok(());
    }
    let text = format!(
        "The fleet '{}' is not in a modifiable state: only an active fleet of type maintain can be modified.",
        fleet.spec.id
    );
    Err(Refusal::new("FleetNotInModifiableState", text))
}

/// `ModifyFleet`: the fleet is `modifying` for a while, and shows its old target as long.
pub(super) fn modify(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let index = found(context, Api::Ec2, parameters.required("FleetId")?)?;
    if parameters.has_below("LaunchTemplateConfig.") {
        let text = "The emulator does not change the launch templates of a fleet.";
        return Err(Refusal::new("UnsupportedOperation", text));
    }
    let fleet = &context.world.fleets.all[index];
    let target = target(&parameters, Some(&fleet.target))?;
    check_modifiable(fleet)?;
    context.dry_run()?;
    context.world.modify_fleet(index, target);
    context.world.settle();
    let mut xml = Xml::default();
    xml.leaf("return", true);
    Ok(xml.into_text())
}

/// `DeleteFleets`: with their instances, unless it is told not to; an instant fleet never without.
pub(super) fn delete(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let ids: BTreeSet<&str> = parameters.list("FleetId").into_iter().collect();
    if ids.is_empty() {
        return Err(Refusal::new("MissingParameter", "The request must contain the parameter FleetId"));
    }
    let ends = match parameters.get("TerminateInstances") {
        None | Some("true") => true,
        Some("false") => false,
        Some(other) => return Err(Refusal::invalid(format!("Invalid value '{other}' for TerminateInstances."))),
    };
    let kind = |id: &str| index(context, id).map(|index| context.world.fleets.all[index].spec.kind);
    let instant = ids.iter().filter(|id| kind(id) == Some(Kind::Instant)).count();
    if ids.len() - instant > MOST_OTHER {
        return Err(Refusal::invalid(format!("At most {MOST_OTHER} fleets can be deleted in one request")));
    }
    context.dry_run()?;
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for id in &ids {
        match deletable(context, id, ends, instant) {
            Ok(index) => done.push((*id, index)),
            Err((code, text)) => refused.push((*id, code, text)),
        }
    }
    if instant > MOST_INSTANT {
        // Then nothing is deleted.
        done.clear();
    }
    let mut xml = Xml::default();
    xml.element("successfulFleetDeletionSet", |xml| {
        for (id, index) in done {
            let now = context.world.now();
            let before = context.world.fleets.all[index].state(now);
            context.world.delete_fleet(index, ends.then_some(Actor::Call(context.call)));
            xml.element("item", |xml| {
                let state = if ends { "deleted_terminating" } else { "deleted_running" };
                xml.leaf("currentFleetState", state).leaf("previousFleetState", before).leaf("fleetId", id);
            });
        }
    });
    xml.items("unsuccessfulFleetDeletionSet", refused, |xml, (id, code, text)| {
        xml.element("error", |xml| {
            xml.leaf("code", code).leaf("message", text);
        });
        xml.leaf("fleetId", id);
    });
    Ok(xml.into_text())
}

/// Returns where a fleet is, or the code and the words that say why it cannot be deleted.
fn deletable(
    context: &Context<'_>,
    id: &str,
    ends: bool,
    instant: usize,
) -> Result<usize, (&'static str, &'static str)> {
    if !is_well_formed(Api::Ec2, id) {
        return Err(("fleetIdMalformed", "The fleet ID is malformed."));
    }
    let Some(index) = index(context, id) else {
        return Err(("fleetIdDoesNotExist", "The fleet does not exist."));
    };
    let fleet = &context.world.fleets.all[index];
    let is_instant = fleet.spec.kind == Kind::Instant;
    if instant > MOST_INSTANT {
        return Err((
            "ExceededInstantFleetNumForDeletion",
            "Too many fleets of type instant: at most 25 in a request.",
        ));
    }
    if is_instant && !ends {
        let text = "A fleet of type instant cannot be deleted without terminating its instances.";
        return Err(("NoTerminateInstancesNotSupported", text));
    }
    if is_instant && fleet.live.len() > MOST_INSTANCES {
        return Err(("unexpectedError", "The fleet has more than 1,000 instances."));
    }
    if fleet.state(context.world.now()) == "deleted" {
        return Err(("fleetNotInDeletableState", "The fleet is deleted."));
    }
    Ok(index)
}
