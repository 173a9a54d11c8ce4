//! How those are who are told of events: as a table, and for `doctor`.

use serde_json::{Value, json};

use crate::application::notifying::SinkReport;
use crate::application::ports::Finding;
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};
use crate::interface::cli::when;

/// Returns the report of what was delivered to whom. The process fails when somebody did not take it.
pub(super) fn delivered(sinks: &[SinkReport]) -> Report {
    let nobody = "Nobody is configured to be told of events; docs/notifications.md says how.";
    let mut table = Table::new(
        &[
            Column::fixed("RECEIVER"),
            Column::fixed("STATE"),
            Column::fixed("TAKEN"),
            Column::fixed("WAITING"),
            Column::fixed("POSITION"),
            Column::elastic("TARGET"),
        ],
        nobody,
    );
    for sink in sinks {
        let (word, tone) = if sink.standing.failures > 0 { ("failing", Tone::Bad) } else { ("good", Tone::Good) };
        table.push(vec![
            sink.profile.name.into(),
            Cell::toned(word, tone),
            sink.taken.to_string().into(),
            sink.waiting.to_string().into(),
            sink.standing.position.to_string().into(),
            sink.profile.target.as_str().into(),
        ]);
    }
    let names = sinks.iter().map(|sink| sink.profile.name.to_owned()).collect();
    let mut report = Report::list("receivers", sinks.iter().map(document).collect(), names, table);
    let complaints: Vec<String> =
        sinks.iter().filter_map(|sink| Some(format!("{}: {}", sink.profile.name, complaint(sink)?))).collect();
    if !complaints.is_empty() {
        report = report.with(Block::Text(complaints.join("\n"))).ending(Exit::Failed);
    }
    report
}

fn document(sink: &SinkReport) -> Value {
    let SinkReport { profile, standing, waiting, taken, paused_until } = sink;
    json!({
        "receiver": profile.name,
        "target": profile.target,
        "position": standing.position,
        "taken": taken,
        "waiting": waiting,
        "delivered": standing.delivered,
        "missed": standing.missed,
        "lastSuccess": standing.last_success.map(when::rfc3339),
        "failures": standing.failures,
        "lastFailure": standing.failed_at.map(when::rfc3339),
        "lastError": standing.last_error,
        "leftAloneUntil": paused_until.map(when::rfc3339),
    })
}

fn complaint(sink: &SinkReport) -> Option<String> {
    let standing = &sink.standing;
    let why = standing.last_error.as_deref().filter(|_| standing.failures > 0)?;
    let since = standing
        .last_success
        .map_or("never took anything".to_owned(), |at| format!("last took something at {}", when::rfc3339(at)));
    Some(format!("failed {} times in a row, {since}: {why}", standing.failures))
}

/// Returns what there is to find about them.
pub(super) fn findings(sinks: &[SinkReport]) -> Vec<Finding> {
    let mend = "see that it is there and answers; hostfactory events deliver tries at once; docs/notifications.md";
    let mut findings = Vec::new();
    for sink in sinks {
        let name = format!("receiver of events: {}", sink.profile.name);
        let target = &sink.profile.target;
        findings.push(if let Some(why) = complaint(sink) {
            Finding::warning(name.clone(), format!("{target}: {why}; {} events wait", sink.waiting), mend)
        } else {
            Finding::good(name.clone(), format!("{target}: {} taken, {} wait", sink.standing.delivered, sink.waiting))
        });
        if sink.standing.missed > 0 {
            let found = format!("{} events were forgotten before it was told of them", sink.standing.missed);
            let mend = "raise events.retentionHours, so that they are kept for as long as it may be away";
            findings.push(Finding::warning(name, found, mend));
        }
    }
    findings
}
