//! The operator's verbs on events.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{lists, receivers, words};
use crate::application::bus::Catalogue;
use crate::application::commands::DeliverEvents;
use crate::application::ports::EventFilter;
use crate::application::queries::{CheckSinks, ListEvents, Listed};
use crate::domain::event::EventEnvelope;
use crate::domain::{MachineId, RequestId};
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::Report;
use crate::interface::cli::screen::{Format, Screen};
use crate::interface::cli::table::{Column, Table};
use crate::interface::cli::watching::{Pace, PaceArgs};
use crate::interface::cli::{Composition, output, when};

/// What there is to do with events.
#[derive(Debug, Subcommand)]
pub(crate) enum EventsVerb {
    /// Lists what happened, oldest first, as far as it is kept (events.retentionHours).
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  hostfactory events list --since 1h
  hostfactory events list --request req-… --name MachineCreated"
    )]
    List {
        #[command(flatten)]
        filter: FilterArgs,
        /// The most events to list, the newest ones; 0 lists all.
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
    },
    /// Shows the newest events; with --follow, those to come too.
    #[command(after_help = "\
Examples:
  hostfactory events tail --follow
  hostfactory events tail -n 0 --follow -o json    one document a line")]
    Tail {
        #[command(flatten)]
        filter: FilterArgs,
        /// How many of the newest events to show first.
        #[arg(long, short = 'n', value_name = "N", default_value_t = 10)]
        lines: usize,
        /// Goes on with what happens, until Ctrl-C.
        #[arg(long, short)]
        follow: bool,
        #[command(flatten)]
        pace: PaceArgs,
    },
    /// Delivers what waits for webhook, command and SNS, and tells how each of them is.
    #[command(after_help = "\
Examples:
  hostfactory events deliver              also to those who failed lately
  hostfactory events deliver --dry-run    how far each has come
  hostfactory events deliver --skip       what waits is delivered to nobody")]
    Deliver {
        /// Delivers nothing.
        #[arg(long)]
        dry_run: bool,
        /// Sets aside what waits: each is told of what is still to come.
        #[arg(long, conflicts_with = "dry_run")]
        skip: bool,
    },
}

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct FilterArgs {
    /// Only those about this request; may be given more than once.
    #[arg(long, value_name = "ID")]
    request: Vec<RequestId>,
    /// Only those about this host; may be given more than once.
    #[arg(long, value_name = "ID")]
    machine: Vec<MachineId>,
    /// Only those with this name, such as `RequestCreated`; may be given more than once.
    #[arg(long, value_name = "NAME", value_parser = name())]
    name: Vec<String>,
    /// Only what happened within this time: 90s, 30m, 2h, 7d.
    #[arg(long, value_name = "TIME", value_parser = when::parse_span)]
    since: Option<Duration>,
}

/// Reads the name of an event, and has clap offer the nearest one for any other.
fn name() -> clap::builder::PossibleValuesParser {
    EventEnvelope::NAMES.into()
}

impl FilterArgs {
    fn query(&self, after: u64, limit: usize) -> ListEvents {
        let filter = EventFilter {
            requests: self.request.clone(),
            machines: self.machine.clone(),
            names: self.name.clone(),
            since: None,
            after,
            limit,
        };
        ListEvents { filter, within: self.since }
    }
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    verb: EventsVerb,
) -> Result<Report, Ended> {
    match verb {
        EventsVerb::List { filter, limit } => {
            let list = app.queries().ask(filter.query(0, lists::most(limit))).await?;
            let more = Some(list.more);
            Ok(listed(list, desk.screen.format, more))
        }
        EventsVerb::Tail { filter, lines, follow: false, .. } => {
            Ok(listed(app.queries().ask(filter.query(0, lines)).await?, desk.screen.format, None))
        }
        EventsVerb::Deliver { dry_run: true, .. } => Ok(receivers::delivered(&app.queries().ask(CheckSinks).await?)),
        EventsVerb::Deliver { skip, .. } => {
            Ok(receivers::delivered(&app.commands().dispatch(DeliverEvents { skip }).await?))
        }
        EventsVerb::Tail { filter, lines, follow: true, pace } => follow(desk.screen, app, &filter, lines, pace).await,
    }
}

async fn follow<M: Catalogue>(
    screen: Screen,
    app: App<'_, M>,
    filter: &FilterArgs,
    lines: usize,
    pace: PaceArgs,
) -> Result<Report, Ended> {
    let pace = Pace::begin(pace)?;
    // One is looked at even when none is to be shown: it tells where what is to come begins.
    let everything = EventFilter { limit: 1, ..EventFilter::default() };
    let newest = app.queries().ask(ListEvents { filter: everything, within: None }).await?;
    let mut after = newest.entries.last().map_or(0, |event| event.sequence);
    let first = app.queries().ask(filter.query(0, lines)).await?;
    let mut news = first.entries;
    news.retain(|event| event.sequence <= after);
    loop {
        if !news.is_empty() {
            output::append(&news.iter().map(|event| line(event, screen)).collect::<Vec<_>>().join("\n"))?;
        }
        if !pace.goes_on().await {
            return Ok(Report::of(Value::Null).silent().ending(Exit::Interrupted));
        }
        news = app.anew().queries().ask(filter.query(after, lists::most(0))).await?.entries;
        after = news.last().map_or(after, |event| event.sequence);
    }
}

/// Returns an event as one line.
fn line(event: &EventEnvelope, screen: Screen) -> String {
    match screen.format {
        Format::Json => words::event(event, None).to_string(),
        Format::Yaml => format!("---\n{}", crate::interface::cli::yaml::text(&words::event(event, None))),
        Format::Name => event.sequence.to_string(),
        Format::Table | Format::Wide => {
            let mut table = Table::new(&COLUMNS, "");
            table.push(row(event));
            table.lines_only(screen)
        }
    }
}

const COLUMNS: [Column; 4] =
    [Column::fixed("AT"), Column::fixed("EVENT"), Column::elastic("ABOUT"), Column::elastic("DETAIL")];

fn row(event: &EventEnvelope) -> Vec<crate::interface::cli::table::Cell> {
    let facts = event.event.facts();
    let about = [facts.machine.map(ToString::to_string), facts.request.map(ToString::to_string)];
    let about = about.into_iter().flatten().chain(facts.template.map(ToString::to_string)).next();
    vec![when::rfc3339(event.at).into(), facts.name.into(), about.into(), facts.detail.into()]
}

fn listed(list: Listed<EventEnvelope>, format: Format, more: Option<bool>) -> Report {
    let mut table = Table::new(&COLUMNS, "Nothing of that kind is kept.");
    // Only what is shown is made: a list may be long.
    for event in list.entries.iter().filter(|_| format.has_columns()) {
        table.push(row(event));
    }
    let names =
        list.entries.iter().filter(|_| format == Format::Name).map(|event| event.sequence.to_string()).collect();
    let entries = list.entries.into_iter().map(words::EventEntry).collect();
    Report::entries("events", entries, names, table, more)
}
