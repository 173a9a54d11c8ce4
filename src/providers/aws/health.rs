//! Scheduled events and status checks of hosts (`aws-semantics.md` section 14).
//!
//! Asked is which instances of the region have an event of a wanted kind, or fail a check: the call has no filter for
//! instance ids, and their list takes a hundred, unpaged, of which one unknown id fails the whole call (section 9). So the
//! answer is short, however many hosts there are.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{
    EventCode, Filter, InstanceStatus, InstanceStatusEvent, InstanceStatusSummary, SummaryStatus,
};

use super::client::Clients;
use super::error::{incomplete, provider_error};
use super::observation::{all_pages, filter};
use super::retry::Policy;
use super::sighting::timestamp;
use crate::application::ProviderError;
use crate::application::settings::{HealthSettings, ScheduledEvents};
use crate::domain::machine::Interruption;
use crate::domain::{MachineId, Timestamp};

const STATUS: &str = "DescribeInstanceStatus";
/// The largest page.
const PAGE: i32 = 1_000;
/// The codes of scheduled events, those that end or stop a host first.
const EVENTS: [&str; 5] =
    ["instance-retirement", "instance-stop", "instance-reboot", "system-reboot", "system-maintenance"];
const ENDING: usize = 2;
/// What the description of an event begins with that is over; AWS shows it for another week.
const OVER: [&str; 3] = ["[completed]", "[canceled]", "[cancelled]"];

/// Returns what is wanted to be known, now, of the hosts with these ids, sorted.
///
/// # Errors
/// [`ProviderError`] when any part of an answer is missing.
pub(super) async fn notices(
    clients: &Clients,
    policy: Policy,
    ids: &[&str],
    wanted: HealthSettings,
    now: Timestamp,
) -> Result<Vec<(MachineId, Interruption)>, ProviderError> {
    let codes = match wanted.events {
        ScheduledEvents::Ignored => &[][..],
        ScheduledEvents::Ending => &EVENTS[..ENDING],
        ScheduledEvents::All => &EVENTS[..],
    };
    let mut filters = Vec::new();
    if !codes.is_empty() {
        filters.push(filter("event.code", codes.iter().copied()));
    }
    if wanted.impaired_after.is_some() {
        let of = |check: &str| filter(format!("{check}.status"), ["impaired"]);
        filters.extend([of("system-status"), of("instance-status")]);
    }
    // An instance may pass several filters.
    let mut found: BTreeMap<String, InstanceStatus> = BTreeMap::new();
    for filter in filters {
        for status in listed(clients, policy, &filter).await? {
            let id = status.instance_id().ok_or_else(|| incomplete(STATUS, "missing field instance_id"))?;
            if ids.binary_search(&id).is_ok() {
                found.insert(id.to_owned(), status);
            }
        }
    }
    let mut notices = Vec::new();
    for (id, status) in found {
        let id: MachineId = id.parse().map_err(|error| incomplete(STATUS, &format!("{error}")))?;
        for event in status.events() {
            notices.extend(of_event(event, codes, now)?.map(|notice| (id.clone(), notice)));
        }
        if let Some(limit) = wanted.impaired_after {
            let checks = [
                ("system-status-impaired", status.system_status()),
                ("instance-status-impaired", status.instance_status()),
            ];
            let failing = checks.into_iter().filter_map(|(code, check)| of_check(code, check?, limit, now));
            notices.extend(failing.map(|notice| (id.clone(), notice)));
        }
    }
    Ok(notices)
}

async fn listed(clients: &Clients, policy: Policy, filter: &Filter) -> Result<Vec<InstanceStatus>, ProviderError> {
    all_pages(clients, STATUS, policy, |token| async move {
        let call = clients.ec2.describe_instance_status().filters(filter.clone()).max_results(PAGE);
        let answer = call.set_next_token(token).send().await.map_err(|error| provider_error(STATUS, &error))?;
        Ok((answer.instance_statuses.unwrap_or_default(), answer.next_token))
    })
    .await
}

/// Returns the notice of an event that is still to come, or under way.
fn of_event(
    event: &InstanceStatusEvent,
    codes: &[&str],
    now: Timestamp,
) -> Result<Option<Interruption>, ProviderError> {
    let description = event.description().unwrap_or_default().trim_start().to_ascii_lowercase();
    let Some(code) = event.code().map(EventCode::as_str).filter(|code| codes.contains(code)) else {
        return Ok(None);
    };
    if OVER.iter().any(|over| description.starts_with(over)) {
        return Ok(None);
    }
    let begins =
        event.not_before().and_then(timestamp).ok_or_else(|| incomplete(STATUS, "missing field events.not_before"))?;
    Ok(Some(Interruption::health(code, now, begins)))
}

/// Returns the notice of a check that has failed for longer than `limit`; AWS says since when.
fn of_check(code: &str, check: &InstanceStatusSummary, limit: Duration, now: Timestamp) -> Option<Interruption> {
    if check.status() != Some(&SummaryStatus::Impaired) {
        return None;
    }
    let since = check.details().iter().filter_map(|detail| timestamp(detail.impaired_since()?)).min()?;
    (now.since(since) >= limit).then(|| Interruption::health(code, now, since.after(limit)))
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
