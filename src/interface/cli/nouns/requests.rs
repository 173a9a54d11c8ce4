//! The operator's verbs on requests.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::lists::{self, ListArgs};
use super::{story, waiting, words};
use crate::application::ApplicationError;
use crate::application::bus::Catalogue;
use crate::application::commands::CancelRequest;
use crate::application::ports::{RequestFilter, RequestSort, RequestSummary};
use crate::application::queries::{ListRequests, Listed, ShowRequest};
use crate::domain::nearest::nearest;
use crate::domain::request::RequestStatus;
use crate::domain::{DomainError, RequestId, RequestKind, TemplateId};
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::Report;
use crate::interface::cli::screen::Format;
use crate::interface::cli::table::{Cell, Column, Table};
use crate::interface::cli::watching::PaceArgs;
use crate::interface::cli::{Composition, when};
use crate::interface::hostfactory::Failure;

/// What there is to do with requests.
#[derive(Debug, Subcommand)]
pub(crate) enum RequestsVerb {
    /// Lists requests, the newest first.
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  hostfactory requests list --status running
  hostfactory requests list --template Small --since 2h --sort changed
  hostfactory requests list --status error -o name     the ids alone, one a line"
    )]
    List(ListRequestsArgs),
    /// Shows a request with its hosts, and everything that happened to it with the time each step took.
    #[command(visible_alias = "describe")]
    Show {
        /// The request: req-… or ret-…
        id: RequestId,
    },
    /// Brings requests up to date with the cloud and tells how they stand, as getRequestStatus does.
    #[command(after_help = "\
Examples:
  hostfactory requests status req-…           now
  hostfactory requests status req-… --wait    once it is settled
Exit code 1 says that one is not known, or, with --wait, ended in an error.")]
    Status {
        /// The requests: req-… or ret-…
        #[arg(required = true)]
        ids: Vec<RequestId>,
        /// Waits until all of them are settled.
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        pace: PaceArgs,
    },
    /// Shows a request again and again until it is settled, or Ctrl-C.
    Watch {
        /// The request: req-… or ret-…
        id: RequestId,
        #[command(flatten)]
        pace: PaceArgs,
    },
    /// Gives up what a request for hosts still waits for, and ends the hosts that it has got.
    #[command(after_help = "\
Host Factory learns of it with its next question: the request ends as
complete_with_error. A settled request cannot be cancelled; give its hosts back
with: hostfactory machines return --all-of req-…")]
    Cancel {
        /// The request: req-…
        id: RequestId,
        /// Does it without asking.
        #[arg(long, short)]
        yes: bool,
    },
}

impl RequestsVerb {
    /// Returns whether it may change anything or asks the cloud, of which events and metrics tell.
    pub(super) const fn changes(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Show { .. })
    }
}

/// Which requests to list.
#[derive(Debug, Args)]
pub(crate) struct ListRequestsArgs {
    /// Only those in this status; may be given more than once.
    #[arg(long, value_name = "STATUS")]
    status: Vec<StatusWord>,
    /// Only those for hosts of this template.
    #[arg(long, value_name = "ID")]
    template: Option<TemplateId>,
    /// Only those that get hosts, or those that give hosts back.
    #[arg(long)]
    kind: Option<KindWord>,
    /// What to order by: times newest first.
    #[arg(long, value_name = "FIELD", default_value = "created")]
    sort: SortWord,
    #[command(flatten)]
    list: ListArgs,
}

/// A status of requests, as the command line has it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusWord {
    Running,
    Complete,
    #[value(alias = "complete_with_error", alias = "complete-with-error", alias = "failed")]
    Error,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindWord {
    Acquire,
    Return,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SortWord {
    Created,
    Changed,
    Id,
    Status,
    Template,
}

impl From<&ListRequestsArgs> for ListRequests {
    fn from(args: &ListRequestsArgs) -> Self {
        let status = |word: &StatusWord| match word {
            StatusWord::Running => RequestStatus::Running,
            StatusWord::Complete => RequestStatus::Complete,
            StatusWord::Error => RequestStatus::CompleteWithError,
        };
        let filter = RequestFilter {
            statuses: args.status.iter().map(status).collect(),
            kind: args.kind.map(|kind| match kind {
                KindWord::Acquire => RequestKind::Acquire,
                KindWord::Return => RequestKind::Return,
            }),
            template: args.template.clone(),
            changed_since: None,
            sort: match args.sort {
                SortWord::Created => RequestSort::Created,
                SortWord::Changed => RequestSort::Changed,
                SortWord::Id => RequestSort::Id,
                SortWord::Status => RequestSort::Status,
                SortWord::Template => RequestSort::Template,
            },
            reversed: args.list.reverse,
            limit: args.list.most(),
        };
        Self { filter, within: args.list.since }
    }
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    verb: RequestsVerb,
) -> Result<Report, Ended> {
    match verb {
        RequestsVerb::List(args) => {
            let watch = args.list.watch.then_some(args.list.pace);
            lists::shown(desk.screen, watch, async || {
                let query = ListRequests::from(&args);
                Ok(listed(app.anew().queries().ask(query).await?, desk.screen.format))
            })
            .await
        }
        RequestsVerb::Show { id } => show(app, id).await,
        RequestsVerb::Status { ids, wait, pace } => waiting::status(app, ids, wait.then_some(pace)).await,
        RequestsVerb::Watch { id, pace } => waiting::watch(desk, app, id, pace).await,
        RequestsVerb::Cancel { id, yes } => {
            desk.confirm(&format!("cancels {id} and ends the hosts that it has got"), yes)?;
            let outcome = match app.commands().dispatch(CancelRequest { id: id.clone() }).await {
                Err(ApplicationError::Domain(DomainError::NotFound { .. })) => return Err(unknown(app, &id).await),
                outcome => outcome?,
            };
            let document = json!({ "requestId": id, "status": outcome.status.word(), "hostsEnded": outcome.hosts });
            let line = format!("{id} is cancelled; {} hosts are ended", outcome.hosts);
            Ok(Report::line(document, line).named(vec![id.to_string()]))
        }
    }
}

fn listed(list: Listed<RequestSummary>, format: Format) -> Report {
    let columns = [
        Column::fixed("ID"),
        Column::fixed("STATUS"),
        Column::fixed("HOSTS"),
        Column::elastic("TEMPLATE"),
        Column::fixed("AGE"),
        Column::wide("CHANGED"),
        Column::wide("MESSAGE"),
    ];
    let mut table = Table::new(&columns, "There are no such requests.");
    // Only what is shown is made: a list may be long.
    for request in list.entries.iter().filter(|_| format.has_columns()) {
        let mut row = vec![
            request.id.as_str().into(),
            words::request_status(request.status),
            words::hosts(request),
            Cell::from(request.template().map(TemplateId::as_str)),
            when::age(list.at, request.created_at).into(),
        ];
        if format == Format::Wide {
            row.extend([when::age(list.at, request.changed_at).into(), request.message.as_str().into()]);
        }
        table.push(row);
    }
    let names = list.entries.iter().filter(|_| format == Format::Name).map(|request| request.id.to_string()).collect();
    let entries = list.entries.into_iter().map(words::RequestEntry).collect();
    Report::entries("requests", entries, names, table, Some(list.more))
}

/// Returns everything that is known of a request.
pub(super) async fn show<M: Catalogue>(app: App<'_, M>, id: RequestId) -> Result<Report, Ended> {
    let found = app.queries().ask(ShowRequest { id: id.clone() }).await?;
    let Some(found) = found else { return Err(unknown(app, &id).await) };
    Ok(story::of_request(&found))
}

/// Returns the failure over a request that the store does not have, with the id that was probably meant.
pub(super) async fn unknown<M: Catalogue>(app: App<'_, M>, id: &RequestId) -> Ended {
    let filter = RequestFilter { limit: lists::COMPARED, ..RequestFilter::default() };
    let known = app.anew().queries().ask(ListRequests { filter, within: None }).await;
    let known: Vec<String> =
        known.map_or_else(|_| Vec::new(), |list| list.entries.iter().map(|one| one.id.to_string()).collect());
    let text = match nearest(id.as_str(), known.iter().map(String::as_str)) {
        Some(near) => format!("the store has no request {id}; did you mean {near}?"),
        None => format!("the store has no request {id}; hostfactory requests list shows those it has"),
    };
    Ended { exit: Exit::Failed, failure: Failure::new(&text) }
}
