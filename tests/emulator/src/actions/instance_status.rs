//! `DescribeInstanceStatus` (`aws-semantics.md` sections 9 and 14).

use std::sync::Arc;

use super::Context;
use super::instances::write_state;
use super::listing::{self, Sight};
use crate::clock::iso;
use crate::instances::State;
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The most ids of one call.
const MOST: usize = 100;
const FILTERS: [&str; 4] = ["availability-zone", "instance-state-name", "instance-status.status", "event.code"];
/// From now until a scheduled event.
const NOTICE: i64 = 14 * 86_400_000;

/// `DescribeInstanceStatus`: running instances, or all of them when it is asked for.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let ids = parameters.list("InstanceId");
    if ids.len() > MOST {
        return Err(Refusal::invalid(format!("At most {MOST} instance ids can be named in one request")));
    }
    context.dry_run()?;
    let all = parameters.get("IncludeAllInstances") == Some("true");
    let keep = |sight: &Sight<'_>| all || sight.state == State::Running;
    let (found, next) = listing::select(context, &ids, keep, passes, &FILTERS)?;
    let mut xml = Xml::default();
    let sights = found.iter().filter_map(|number| listing::sight(context.world, *number, context.region));
    xml.items("instanceStatusSet", sights, |xml, sight| {
        xml.leaf("instanceId", sight.id()).leaf("availabilityZone", &sight.launch.zone);
        write_state(xml, "instanceState", sight.state);
        xml.element("systemStatus", |xml| {
            xml.leaf("status", if sight.state == State::Running { "ok" } else { "not-applicable" });
        });
        xml.element("instanceStatus", |xml| {
            xml.leaf("status", status(&sight));
        });
        let events = sight.instance.mark(|marks| marks.events.clone()).unwrap_or_default();
        xml.items("eventsSet", events, |xml, code| {
            xml.leaf("code", &code).leaf("description", &code).leaf("notBefore", iso(sight.now + NOTICE));
        });
    });
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

fn status(sight: &Sight<'_>) -> &'static str {
    match sight.state {
        State::Running if sight.instance.mark(|marks| marks.impaired).unwrap_or(false) => "impaired",
        State::Running => "ok",
        State::Pending => "initializing",
        _ => "not-applicable",
    }
}

fn passes(filter: &Filter, sight: &Sight<'_>) -> Option<bool> {
    Some(match filter.name.as_str() {
        "availability-zone" => filter.takes(&sight.launch.zone),
        "instance-state-name" => filter.takes(sight.state.name()),
        "instance-status.status" => filter.takes(status(sight)),
        "event.code" => sight.instance.mark(|marks| marks.events.iter().any(|code| filter.takes(code)))?,
        _ => return None,
    })
}
