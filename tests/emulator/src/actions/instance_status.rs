//! `DescribeInstanceStatus` (`aws-semantics.md` sections 9 and 14).

use std::sync::Arc;

use super::Context;
use super::instances::write_state;
use super::listing::{self, Sight};
use crate::clock::{Millis, iso};
use crate::health::Check;
use crate::instances::State;
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// The most ids of one call.
const MOST: usize = 100;
/// There is none for the id.
const FILTERS: [&str; 5] =
    ["availability-zone", "instance-state-name", "instance-status.status", "system-status.status", "event.code"];

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
        for (element, check) in [("systemStatus", Check::System), ("instanceStatus", Check::Instance)] {
            xml.element(element, |xml| {
                let since = failing_since(&sight, check);
                xml.leaf("status", status(&sight, check));
                xml.items("details", (sight.state == State::Running).then_some(()), |xml, ()| {
                    xml.leaf("name", "reachability").leaf("status", if since.is_some() { "failed" } else { "passed" });
                    xml.leaf("impairedSince", since.map(iso));
                });
            });
        }
        let events = sight.instance.mark(|marks| marks.events.clone()).unwrap_or_default();
        xml.items("eventsSet", events, |xml, event| {
            let over = event.over.map(|how| format!("[{how}] ")).unwrap_or_default();
            let description = format!("{over}{} is scheduled", event.code);
            xml.leaf("code", event.code).leaf("description", description).leaf("notBefore", iso(event.not_before));
        });
    });
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

/// Returns since when a check has failed.
fn failing_since(sight: &Sight<'_>, check: Check) -> Option<Millis> {
    let checks = sight.instance.mark(|marks| marks.checks)?;
    match check {
        Check::System => checks.system,
        Check::Instance => checks.instance,
    }
}

fn status(sight: &Sight<'_>, check: Check) -> &'static str {
    match sight.state {
        State::Running if failing_since(sight, check).is_some() => "impaired",
        State::Running => "ok",
        State::Pending => "initializing",
        _ => "not-applicable",
    }
}

fn passes(filter: &Filter, sight: &Sight<'_>) -> Option<bool> {
    Some(match filter.name.as_str() {
        "availability-zone" => filter.takes(&sight.launch.zone),
        "instance-state-name" => filter.takes(sight.state.name()),
        "instance-status.status" => filter.takes(status(sight, Check::Instance)),
        "system-status.status" => filter.takes(status(sight, Check::System)),
        "event.code" => sight.instance.mark(|marks| marks.events.iter().any(|event| filter.takes(&event.code)))?,
        _ => return None,
    })
}
