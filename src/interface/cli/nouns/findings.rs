//! What checks found, as a document and as lines that can be followed.

use serde_json::{Value, json};

use crate::application::ports::{Finding, Outcome};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};

fn tone(outcome: Outcome) -> Tone {
    match outcome {
        Outcome::Ok => Tone::Good,
        Outcome::Skipped => Tone::Faint,
        Outcome::Warning => Tone::Busy,
        Outcome::Failed => Tone::Bad,
    }
}

/// Returns the report of these findings, whose document has them under `noun`; each section is the name of some findings
/// and begins a table of its own. The process fails when one of them did.
pub(super) fn report(findings: &[Finding], noun: &str, sections: &[(&'static str, usize)]) -> Report {
    let whole = [("", findings.len())];
    let sections = if sections.is_empty() { &whole } else { sections };
    let documents: Vec<Value> = findings
        .iter()
        .map(|finding| {
            json!({
                "name": finding.name,
                "outcome": finding.outcome.word(),
                "found": finding.found,
                "mend": finding.mend,
            })
        })
        .collect();
    let count = |outcome| findings.iter().filter(|finding| finding.outcome == outcome).count();
    let (failed, warned) = (count(Outcome::Failed), count(Outcome::Warning));
    let document = json!({ noun: documents, "failed": failed, "warnings": warned });
    let bad = findings.iter().filter(|finding| finding.outcome == Outcome::Failed);
    let mut report = Report::of(document).named(bad.map(|finding| finding.name.clone()).collect());
    let mut rest = findings;
    for (title, length) in sections {
        let (own, others) = rest.split_at(rest.len().min(*length));
        rest = others;
        if own.is_empty() {
            continue;
        }
        let title = if title.is_empty() { "CHECK" } else { *title };
        let mut table = Table::new(&[Column::fixed("OUTCOME"), Column::fixed(title), Column::elastic("FOUND")], "");
        for finding in own {
            let outcome = Cell::toned(finding.outcome.word(), tone(finding.outcome));
            table.push(vec![outcome, finding.name.as_str().into(), finding.found.as_str().into()]);
        }
        report = report.with(Block::Table(table));
    }
    // What is cut in a table is of no use to whoever has to mend it.
    let odd = findings.iter().filter(|finding| finding.mend.is_some());
    let advice: Vec<String> = odd
        .map(|finding| {
            let mend = finding.mend.as_deref().unwrap_or_default();
            let text =
                format!("{}: {}\n  found: {}\n  mend:  {mend}", finding.outcome.word(), finding.name, finding.found);
            text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
        })
        .collect();
    if !advice.is_empty() {
        report = report.with(Block::Text(advice.join("\n")));
    }
    let summary = match (failed, warned) {
        (0, 0) => "Everything that was looked at is as it should be.".to_owned(),
        _ => format!("{failed} failed, {warned} warnings."),
    };
    report.with(Block::Text(summary)).ending(if failed == 0 { Exit::Done } else { Exit::Failed })
}
