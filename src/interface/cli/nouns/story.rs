//! One request or one host, with what happened to it.

use serde_json::{Value, json};

use super::words;
use crate::application::ports::RequestSummary;
use crate::application::queries::{MachineStory, RequestStory};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::MachineSnapshot;
use crate::domain::request::{Body, RequestStatus};
use crate::domain::{TemplateId, Timestamp};
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table};
use crate::interface::cli::when;

/// Returns a request with its attempts, its hosts and its timeline.
pub(super) fn of_request(story: &RequestStory) -> Report {
    let request = &story.request;
    let summary = RequestSummary::from(request);
    let mut document = words::request(&summary);
    let timeline: Vec<Value> = story.events.iter().map(|event| words::event(event, Some(request.created_at))).collect();
    let machines: Vec<Value> = story.machines.iter().map(words::machine).collect();
    let more = match &request.body {
        Body::Acquire(acquire) => {
            json!({ "account": acquire.account, "attempts": acquire.attempts, "outcomes": acquire.outcomes })
        }
        Body::Return(give_back) => json!({ "items": give_back.items }),
    };
    if let (Value::Object(members), Value::Object(more)) = (&mut document, more) {
        members.extend(more);
        members.insert("machines".to_owned(), Value::Array(machines));
        members.insert("timeline".to_owned(), Value::Array(timeline));
    }
    let until = if request.status.is_settled() { settled_at(story) } else { story.at };
    let what = if request.status.is_settled() { "Took" } else { "Running for" };
    let mut pairs = vec![
        ("Request", Cell::from(request.id.as_str())),
        ("Status", words::request_status(request.status)),
        ("Template", Cell::from(summary.template().map(TemplateId::as_str))),
        ("Hosts", words::hosts(&summary)),
        ("Accepted", when::rfc3339(request.created_at).into()),
        (what, when::span(until.since(request.created_at)).into()),
    ];
    if !request.message.is_empty() {
        pairs.push(("Message", request.message.as_str().into()));
    }
    let report = Report::of(document).named(vec![request.id.to_string()]).with(Block::Pairs(pairs));
    let report =
        if story.machines.is_empty() { report } else { report.with(Block::Table(hosts(&story.machines, story.at))) };
    timeline_of(report, &story.events, request.created_at, "RequestCreated")
}

/// Returns when a settled request settled, as its last change of status tells.
fn settled_at(story: &RequestStory) -> Timestamp {
    let last = story.events.iter().rev().find(|event| event.event.facts().name == "RequestStatusChanged");
    last.map_or(story.request.changed_at, |event| event.at)
}

/// Returns hosts with their timelines.
pub(super) fn of_machines(stories: &[MachineStory]) -> Report {
    let document = |story: &MachineStory| {
        let mut document = words::machine(&story.machine);
        if let Value::Object(members) = &mut document {
            let events = story.events.iter().map(|event| words::event(event, Some(story.machine.known_since)));
            members.insert("timeline".to_owned(), events.collect());
        }
        document
    };
    let names = stories.iter().map(|story| story.machine.id.to_string()).collect();
    let documents: Vec<Value> = stories.iter().map(document).collect();
    let mut report = Report::of(json!({ "machines": documents })).named(names);
    for story in stories {
        report = report.with(Block::Pairs(facts(&story.machine, story.at)));
        report = timeline_of(report, &story.events, story.machine.known_since, "MachineCreated");
    }
    report
}

fn facts(machine: &MachineSnapshot, now: Timestamp) -> Vec<(&'static str, Cell)> {
    let text = |text: &Option<String>| Cell::from(text.as_deref());
    let mut pairs = vec![
        ("Host", Cell::from(machine.id.as_str())),
        ("Status", words::machine_status(machine.status)),
        ("Name", machine.name.as_ref().map(ToString::to_string).into()),
        ("Address", text(&machine.private_ip)),
        ("Type", text(&machine.instance_type)),
        ("Market", machine.price_type.word().into()),
        ("Zone", text(&machine.zone)),
        ("Template", machine.template_id.as_ref().map(ToString::to_string).into()),
        ("Request", machine.request_id.as_ref().map(ToString::to_string).into()),
        (
            "Launched",
            format!("{} ({} ago)", when::rfc3339(machine.launched_at), when::age(now, machine.launched_at)).into(),
        ),
    ];
    let notice = machine.interruption.as_ref().filter(|notice| !notice.unconfirmed);
    let optional = [
        ("Public address", machine.public_ip.clone()),
        ("Member of", machine.resource.clone()),
        ("Return", machine.return_id.as_ref().map(ToString::to_string)),
        ("Reason", machine.given_up.clone().or_else(|| machine.reason.clone())),
        ("Will not stay", notice.map(|notice| notice.code.clone())),
        ("Tags", Some(machine.tags.clone()).filter(|tags| !tags.is_empty())),
    ];
    pairs.extend(optional.into_iter().filter_map(|(name, text)| text.map(|text| (name, text.into()))));
    pairs
}

fn hosts(machines: &[MachineSnapshot], now: Timestamp) -> Table {
    let columns = [
        Column::fixed("HOST"),
        Column::fixed("STATUS"),
        Column::elastic("NAME"),
        Column::fixed("ADDRESS"),
        Column::fixed("AGE"),
        Column::wide("REASON"),
    ];
    let mut table = Table::new(&columns, "");
    for machine in machines {
        table.push(vec![
            machine.id.as_str().into(),
            words::machine_status(machine.status),
            machine.name.as_ref().map(ToString::to_string).into(),
            machine.private_ip.as_deref().into(),
            when::age(now, machine.launched_at).into(),
            machine.given_up.as_deref().or(machine.reason.as_deref()).into(),
        ]);
    }
    table
}

/// Adds what happened: each event with the time since `start` and since the event before it. `first` is the event that
/// stands at the beginning, unless it is forgotten.
fn timeline_of(report: Report, events: &[EventEnvelope], start: Timestamp, first: &str) -> Report {
    let columns = [
        Column::fixed("AFTER"),
        Column::fixed("STEP"),
        Column::fixed("EVENT"),
        Column::elastic("HOST"),
        Column::elastic("DETAIL"),
    ];
    let mut table =
        Table::new(&columns, "Nothing of what happened is kept; events.retentionHours says for how long it is.");
    let mut before = start;
    for event in events {
        let facts = event.event.facts();
        table.push(vec![
            when::span(event.at.since(start)).into(),
            format!("+{}", when::span(event.at.since(before))).into(),
            facts.name.into(),
            facts.machine.map(ToString::to_string).into(),
            facts.detail.into(),
        ]);
        before = event.at;
    }
    let is_whole = events.first().is_none_or(|event| event.event.facts().name == first);
    let report = report.with(Block::Table(table));
    if is_whole {
        return report;
    }
    report.with(Block::Text("Earlier events are no longer kept (events.retentionHours).".to_owned()))
}

/// Returns how the process ends over requests that were waited for.
pub(super) fn exit_over(statuses: &[Option<RequestStatus>]) -> crate::interface::cli::exit::Exit {
    use crate::interface::cli::exit::Exit;
    let well = statuses.iter().all(|status| status.is_some_and(|status| status != RequestStatus::CompleteWithError));
    if well { Exit::Done } else { Exit::Failed }
}
