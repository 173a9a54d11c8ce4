//! `TerminateInstances` (`aws-semantics.md` section 11).

use std::collections::BTreeSet;

use super::instances::{USER, USER_WORDS, write_state};
use super::{Context, listing};
use crate::instances::{Actor, instance_id};
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The most ids of one call.
const MOST: usize = 1_000;

/// Returns how many resource tokens a call takes.
pub(super) fn count(parameters: &Parameters) -> u32 {
    u32::try_from(parameters.list("InstanceId").len()).unwrap_or(u32::MAX)
}

/// `TerminateInstances`: an unknown id ends none; a protected host fails its zone, and the others end all the same.
pub(super) fn run(context: &mut Context<'_>) -> Result<String, Refusal> {
    let ids = context.parameters.list("InstanceId");
    if ids.is_empty() {
        return Err(Refusal::new("MissingParameter", "The request must contain the parameter InstanceId"));
    }
    if ids.len() > MOST {
        return Err(Refusal::invalid(format!("At most {MOST} instances can be terminated in one request")));
    }
    let numbers = listing::numbers(context, &ids, false)?;
    context.dry_run()?;
    let mut refused = None;
    let mut closed = BTreeSet::new();
    for number in &numbers {
        let Some((instance, launch)) = context.world.instances.get(*number) else { continue };
        if instance.end().is_none() && instance.mark(|marks| marks.protected).unwrap_or(false) {
            closed.insert(launch.zone.clone());
            refused.get_or_insert(*number);
        }
    }
    let mut xml = Xml::default();
    let takes = context.world.settings.shutdown;
    xml.element("instancesSet", |xml| {
        for number in numbers {
            let Some((before, zone)) = state(context, number) else { continue };
            if closed.contains(&zone) {
                continue;
            }
            context.world.end(number, takes, Actor::Call(context.call), USER, USER_WORDS);
            let Some((after, _)) = state(context, number) else { continue };
            xml.element("item", |xml| {
                xml.leaf("instanceId", instance_id(number));
                write_state(xml, "currentState", after);
                write_state(xml, "previousState", before);
            });
        }
    });
    match refused {
        None => Ok(xml.into_text()),
        Some(number) => {
            let text = format!(
                "The instance '{}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try \
                 again.",
                instance_id(number)
            );
            Err(Refusal::new("OperationNotPermitted", text))
        }
    }
}

fn state(context: &Context<'_>, number: u32) -> Option<(crate::instances::State, String)> {
    let (instance, launch) = context.world.instances.get(number)?;
    Some((instance.state(launch, context.world.now()), launch.zone.clone()))
}
