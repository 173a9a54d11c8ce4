//! The operator's verbs on what the cloud holds of ours beside hosts.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::application::bus::Catalogue;
use crate::application::queries::{ListResources, ResourceEntry, ResourceList};
use crate::domain::request::RequestStatus;
use crate::interface::chain::Chain;
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Column, Table, Tone};
use crate::interface::cli::when;

/// What there is to do with resources.
#[derive(Debug, Subcommand)]
pub(crate) enum ResourcesVerb {
    /// Lists the fleets, groups and launch templates in the cloud that bear our owner tag, the oldest first.
    #[command(
        visible_alias = "ls",
        after_help = "\
What belongs to a request that is over, or that the store does not have, is
marked; hostfactory reconcile removes it. Launch templates that requests share
belong to none, and go when nothing has used them for a day. What other
installations have (--all) is theirs to judge. Exit code 1 says that a part
could not be listed."
    )]
    List {
        /// Also those of other installations in the account.
        #[arg(long)]
        all: bool,
    },
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<M: Catalogue>(app: App<'_, M>, verb: ResourcesVerb) -> Result<Report, Ended> {
    match verb {
        ResourcesVerb::List { all } => Ok(listed(&app.queries().ask(ListResources { all }).await?, all)),
    }
}

fn standing(entry: &ResourceEntry) -> &'static str {
    if !entry.is_ours {
        return "of others";
    }
    match (&entry.resource.request, entry.status) {
        (None, _) => "shared",
        (Some(_), Some(RequestStatus::Running)) => "in use",
        (Some(_), Some(RequestStatus::Complete | RequestStatus::CompleteWithError)) => "request is over",
        (Some(_), None) => "request unknown",
    }
}

fn listed(list: &ResourceList, all: bool) -> Report {
    let columns = [
        Column::fixed("KIND"),
        Column::elastic("NAME"),
        Column::fixed("AGE"),
        Column::fixed("STANDING"),
        Column::wide("STATE"),
        Column::wide("REQUEST"),
        if all { Column::elastic("OWNER") } else { Column::wide("OWNER") },
    ];
    let mut table = Table::new(&columns, "The cloud holds nothing of ours beside hosts.");
    let mut documents = Vec::new();
    for entry in &list.entries {
        let resource = &entry.resource;
        let tone = if entry.is_left_over() { Tone::Busy } else { Tone::Plain };
        table.push(vec![
            resource.kind.word().into(),
            resource.name.as_str().into(),
            resource.made_at.map(|at| when::age(list.at, at)).into(),
            Cell::toned(standing(entry), tone),
            resource.state.as_deref().into(),
            resource.request.as_deref().into(),
            resource.owner.as_str().into(),
        ]);
        documents.push(json!({
            "kind": resource.kind.word(),
            "name": resource.name,
            "owner": resource.owner,
            "requestId": resource.request,
            "requestStatus": entry.status.map(RequestStatus::word),
            "leftOver": entry.is_left_over(),
            "state": resource.state,
            "createdAt": resource.made_at.map(when::rfc3339),
        }));
    }
    let names = list.entries.iter().map(|entry| entry.resource.name.clone()).collect();
    let mut report = Report::list("resources", documents, names, table);
    let unread: Vec<String> = list.unread.iter().map(|error| Chain(error).to_string()).collect();
    if let Value::Object(members) = &mut report.document {
        members.insert("installation".to_owned(), json!(list.installation));
        members.insert("unread".to_owned(), json!(unread));
    }
    if unread.is_empty() {
        return report;
    }
    let lines: Vec<String> = unread.iter().map(|text| format!("Could not be listed: {text}")).collect();
    report.with(Block::Text(lines.join("\n"))).ending(Exit::Failed)
}
