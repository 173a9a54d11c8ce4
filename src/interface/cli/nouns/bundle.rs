//! `doctor --bundle`: everything that helps whoever has to find out what is wrong, in one file, without secrets.
//!
//! Invariant: whatever cannot be had is named with the reason, and the rest is there all the same.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{about, receivers, storage, templates, words};
use crate::application::ApplicationError;
use crate::application::bus::Catalogue;
use crate::application::commands::{Publish, TakeMetrics};
use crate::application::ports::{Depth, EventFilter};
use crate::application::queries::{CheckSinks, CheckStore, ListEvents, ReadNotes, ReviewTemplates};
use crate::interface::chain::Chain;
use crate::interface::cli::Composition;
use crate::interface::cli::composition::Section;
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::report::{Block, Report};

/// What happened within this time is told.
const DAYS: Duration = Duration::from_hours(3 * 24);
/// The most events that are told, the newest ones.
const MOST: usize = 20_000;

/// Returns what the composed application has to tell.
pub(super) async fn told<M: Catalogue>(app: App<'_, M>) -> Vec<Section> {
    let filter = EventFilter { limit: MOST, ..EventFilter::default() };
    let events = app.anew().queries().ask(ListEvents { filter, within: Some(DAYS) }).await;
    let lines = |events: crate::application::queries::Listed<_>| {
        let lines = events.entries.iter().map(|event| words::event(event, None).to_string());
        lines.flat_map(|line| [line, "\n".to_owned()]).collect::<String>()
    };
    let metrics = app.anew().commands().dispatch(TakeMetrics { publish: Publish::Nowhere }).await;
    let review = app.anew().queries().ask(ReviewTemplates { file: None }).await;
    let sinks = app.anew().queries().ask(CheckSinks).await;
    let notes = app.anew().queries().ask(ReadNotes).await;
    vec![
        section(
            "store.json",
            app.anew()
                .queries()
                .ask(CheckStore { depth: Depth::Everything })
                .await
                .map(|report| text(&storage::check(&report))),
        ),
        section("templates.json", review.map(|review| text(&templates::judged(&review).document))),
        section("events.jsonl", events.map(lines)),
        section("metrics.prom", metrics.map(|taken| taken.map(|taken| taken.text).unwrap_or_default())),
        section("notes.json", notes.map(|notes| text(&json!(notes)))),
        section("receivers.json", sinks.map(|sinks| text(&receivers::delivered(&sinks).document))),
    ]
}

/// Returns what would have been told by the application, had it been composed.
pub(super) fn untold(why: &str) -> Vec<Section> {
    let names = ["store.json", "templates.json", "events.jsonl", "metrics.prom", "notes.json", "receivers.json"];
    names.map(|name| (name.to_owned(), Err(why.to_owned()))).into()
}

fn section(name: &str, told: Result<String, ApplicationError>) -> Section {
    (name.to_owned(), told.map_err(|error| Chain(&error).to_string()))
}

fn text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// Packs everything into `path` and returns the report of it, which has the doctor's within it.
pub(super) fn pack<C: Composition>(
    desk: &Desk<'_, C>,
    path: &Path,
    doctor: &Report,
    told: Vec<Section>,
) -> Result<Report, Ended> {
    let configuration = desk.composition.configuration(desk.options, true);
    let mut sections = vec![
        ("version.json".to_owned(), Ok(text(&about::version().document))),
        ("doctor.json".to_owned(), Ok(text(&doctor.document))),
        ("configuration.json".to_owned(), configuration.map(|c| text(&c)).map_err(|error| error.message)),
    ];
    sections.extend(told);
    let bundle = desk.composition.bundle(desk.options, path, sections)?;
    let file = path.display().to_string();
    let mut lines = vec![format!("{file} holds {} files in {} bytes.", bundle.files.len(), bundle.bytes)];
    lines.extend(bundle.missing.iter().map(|(name, why)| format!("missing: {name}: {why}")));
    lines.push("Known secrets are masked. Look through it before you hand it on.".to_owned());
    let missing: Vec<Value> = bundle.missing.iter().map(|(name, why)| json!({ "file": name, "reason": why })).collect();
    let document = json!({
        "bundle": file,
        "bytes": bundle.bytes,
        "files": bundle.files,
        "missing": missing,
        "failed": doctor.document["failed"],
        "warnings": doctor.document["warnings"],
    });
    Ok(Report::of(document).with(Block::Text(lines.join("\n"))).named(vec![file]))
}
