//! `DescribeSpotInstanceRequests` (`aws-semantics.md` section 14).

use std::sync::Arc;

use super::listing::{self, Sight};
use super::{Context, tags};
use crate::clock::iso;
use crate::instances::{Market, spot_request_id};
use crate::query::Filter;
use crate::refusal::Refusal;
use crate::xml::Xml;

const FILTERS: [&str; 6] =
    ["instance-id", "spot-instance-request-id", "state", "status-code", "tag-key", "launched-availability-zone"];

/// `DescribeSpotInstanceRequests`: each spot instance has a request of its own.
pub(super) fn describe(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let wanted = parameters.list("SpotInstanceRequestId");
    context.dry_run()?;
    let spot = |sight: &Sight<'_>| {
        let named = wanted.is_empty() || wanted.contains(&spot_request_id(sight.number).as_str());
        sight.launch.market == Market::Spot && named
    };
    let (found, next) = listing::select(context, &[], spot, passes, &FILTERS)?;
    if let Some(unknown) = wanted.iter().find(|id| found.iter().all(|number| spot_request_id(*number) != **id)) {
        let text = format!("The spot instance request ID '{unknown}' does not exist");
        return Err(Refusal::new("InvalidSpotInstanceRequestID.NotFound", text));
    }
    let mut xml = Xml::default();
    let sights = found.iter().filter_map(|number| listing::sight(context.world, *number, context.region));
    xml.items("spotInstanceRequestSet", sights, |xml, sight| {
        let (state, code, at) = status(&sight);
        let launch = sight.launch;
        xml.leaf("spotInstanceRequestId", spot_request_id(sight.number)).leaf("type", "one-time").leaf("state", state);
        xml.element("status", |xml| {
            xml.leaf("code", &code).leaf("updateTime", iso(at)).leaf("message", &code);
        });
        xml.leaf("instanceId", sight.id()).leaf("createTime", iso(launch.at));
        xml.leaf("launchedAvailabilityZone", &launch.zone).leaf("productDescription", "Linux/UNIX");
        tags::write(xml, &launch.spot_tags);
    });
    xml.leaf("nextToken", next);
    Ok(xml.into_text())
}

/// Returns the state and the status code of a request, and since when.
fn status(sight: &Sight<'_>) -> (&'static str, String, i64) {
    let end = sight.instance.end();
    let marked = sight.instance.mark(|marks| marks.spot.clone()).flatten();
    let state = if end.is_some() { "closed" } else { "active" };
    match (marked, end) {
        (Some((code, at)), None) => (state, code, at),
        (Some((code, at)), Some(_)) if code.starts_with("instance-") => (state, code, at),
        (_, Some(end)) if end.code.starts_with("Server.Spot") => {
            (state, "instance-terminated-no-capacity".to_owned(), end.at)
        }
        (_, Some(end)) => (state, "instance-terminated-by-user".to_owned(), end.at),
        (None, None) => (state, "fulfilled".to_owned(), sight.launch.at),
    }
}

fn passes(filter: &Filter, sight: &Sight<'_>) -> Option<bool> {
    let tags = &sight.launch.spot_tags;
    if let Some(key) = filter.name.strip_prefix("tag:") {
        return Some(tags.get(key).is_some_and(|value| filter.takes(value)));
    }
    Some(match filter.name.as_str() {
        "instance-id" => filter.takes(&sight.id()),
        "spot-instance-request-id" => filter.takes(&spot_request_id(sight.number)),
        "state" => filter.takes(status(sight).0),
        "status-code" => filter.takes(&status(sight).1),
        "tag-key" => tags.keys().any(|key| filter.takes(key)),
        "launched-availability-zone" => filter.takes(&sight.launch.zone),
        _ => return None,
    })
}
