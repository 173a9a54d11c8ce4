//! The operator's verbs on hosts.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::lists::{self, ListArgs};
use super::{orders, story, words};
use crate::application::bus::Catalogue;
use crate::application::commands::HostRef;
use crate::application::ports::{MachineFilter, MachineSort};
use crate::application::queries::{ListMachines, Listed, ReadConsole, ShowMachine};
use crate::domain::machine::{MachineSnapshot, MachineStatus};
use crate::domain::nearest::nearest;
use crate::domain::{DomainError, HostName, MachineId, RequestId, TemplateId};
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::report::Report;
use crate::interface::cli::screen::Format;
use crate::interface::cli::table::{Column, Table};
use crate::interface::cli::{Composition, when};
use crate::interface::hostfactory::Failure;

/// What there is to do with hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum MachinesVerb {
    /// Lists hosts, those that changed last first.
    #[command(
        visible_alias = "ls",
        after_help = "\
Examples:
  hostfactory machines list --status running --template Small
  hostfactory machines list --request req-… --sort name --output wide
  hostfactory machines list --held -o name    the ids of hosts that live"
    )]
    List(ListMachinesArgs),
    /// Shows a host, and everything that happened to it.
    #[command(visible_alias = "describe")]
    Show {
        /// The host: its id or its name.
        #[arg(value_parser = host)]
        host: HostRef,
    },
    /// Asks for hosts of a template.
    #[command(after_help = "\
Examples:
  hostfactory machines request Small -n 2            the request's id, at once
  hostfactory machines request Small -n 2 --wait     once the hosts are usable
  hostfactory machines request Small --dry-run       what would be sent
  hostfactory machines request Small --key job-7     once, however often it runs")]
    Request(orders::RequestArgs),
    /// Gives hosts back, which ends them.
    #[command(after_help = "\
Examples:
  hostfactory machines return i-0123456789abcdef0 --yes
  hostfactory machines return --all-of req-… --wait --yes")]
    Return(orders::ReturnArgs),
    /// Shows the end of what a host wrote to its console, if the cloud has kept any of it.
    Console {
        /// The host.
        id: MachineId,
    },
}

impl MachinesVerb {
    /// Returns whether it may change anything or asks the cloud, of which events and metrics tell.
    pub(super) const fn changes(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Show { .. })
    }
}

/// Which hosts to list.
#[derive(Debug, Args)]
pub(crate) struct ListMachinesArgs {
    /// Only those in this status; may be given more than once.
    #[arg(long, value_name = "STATUS")]
    status: Vec<StatusWord>,
    /// Only those of this template.
    #[arg(long, value_name = "ID")]
    template: Option<TemplateId>,
    /// Only those launched for this request, or returned by it.
    #[arg(long, value_name = "ID")]
    request: Option<RequestId>,
    /// Only those that live and that nobody has asked to end.
    #[arg(long)]
    held: bool,
    /// What to order by: times newest first.
    #[arg(long, value_name = "FIELD", default_value = "changed")]
    sort: SortWord,
    #[command(flatten)]
    list: ListArgs,
}

/// A status of hosts, as the command line has it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum StatusWord {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SortWord {
    Changed,
    Launched,
    Id,
    Name,
    Status,
    Template,
    Request,
}

impl From<&ListMachinesArgs> for ListMachines {
    fn from(args: &ListMachinesArgs) -> Self {
        let status = |word: &StatusWord| match word {
            StatusWord::Pending => MachineStatus::Pending,
            StatusWord::Running => MachineStatus::Running,
            StatusWord::Stopping => MachineStatus::Stopping,
            StatusWord::Stopped => MachineStatus::Stopped,
            StatusWord::ShuttingDown => MachineStatus::ShuttingDown,
            StatusWord::Terminated => MachineStatus::Terminated,
        };
        let filter = MachineFilter {
            statuses: args.status.iter().map(status).collect(),
            template: args.template.clone(),
            request: args.request.clone(),
            only_held: args.held,
            changed_since: None,
            sort: match args.sort {
                SortWord::Changed => MachineSort::Changed,
                SortWord::Launched => MachineSort::Launched,
                SortWord::Id => MachineSort::Id,
                SortWord::Name => MachineSort::Name,
                SortWord::Status => MachineSort::Status,
                SortWord::Template => MachineSort::Template,
                SortWord::Request => MachineSort::Request,
            },
            reversed: args.list.reverse,
            limit: args.list.most(),
        };
        Self { filter, within: args.list.since }
    }
}

/// Reads a host as the command line names it.
pub(super) fn host(text: &str) -> Result<HostRef, DomainError> {
    if text.starts_with("i-") {
        return Ok(HostRef { id: Some(text.parse()?), name: None });
    }
    text.parse::<HostName>().map(|name| HostRef { id: None, name: Some(name) })
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    verb: MachinesVerb,
) -> Result<Report, Ended> {
    match verb {
        MachinesVerb::List(args) => {
            let watch = args.list.watch.then_some(args.list.pace);
            lists::shown(desk.screen, watch, async || {
                let query = ListMachines::from(&args);
                Ok(listed(app.anew().queries().ask(query).await?, desk.screen.format))
            })
            .await
        }
        MachinesVerb::Show { host } => {
            let named = host.id.as_ref().map(ToString::to_string).or(host.name.as_ref().map(ToString::to_string));
            let stories = app.queries().ask(ShowMachine { host }).await?;
            if stories.is_empty() {
                return Err(unknown(app, &named.unwrap_or_default()).await);
            }
            Ok(story::of_machines(&stories))
        }
        MachinesVerb::Request(args) => orders::request(app, args).await,
        MachinesVerb::Return(args) => orders::give_back(desk, app, args).await,
        MachinesVerb::Console { id } => {
            let text = app.queries().ask(ReadConsole { id: id.clone() }).await?;
            let document = json!({ "machineId": id, "console": text });
            let lines =
                text.map_or_else(|| "The cloud has kept nothing of its console.".to_owned(), |text| readable(&text));
            Ok(Report::verbatim(document, lines).named(vec![id.to_string()]))
        }
    }
}

/// Returns the failure over a host that the store does not have, with the one that was probably meant.
async fn unknown<M: Catalogue>(app: App<'_, M>, named: &str) -> Ended {
    let filter = MachineFilter { limit: lists::COMPARED, ..MachineFilter::default() };
    let known = app.anew().queries().ask(ListMachines { filter, within: None }).await;
    let of_host = |host: &MachineSnapshot| [Some(host.id.to_string()), host.name.as_ref().map(ToString::to_string)];
    let known: Vec<String> =
        known.map_or_else(|_| Vec::new(), |list| list.entries.iter().flat_map(of_host).flatten().collect());
    let text = match nearest(named, known.iter().map(String::as_str)) {
        Some(near) => format!("the store has no host {named}; did you mean {near}?"),
        None => format!("the store has no host {named}; hostfactory machines list shows those it has"),
    };
    Ended::failed(Failure::new(&text))
}

/// Returns a console's text without what would move the cursor of whoever reads it.
fn readable(text: &str) -> String {
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

fn listed(list: Listed<MachineSnapshot>, format: Format) -> Report {
    let columns = [
        Column::fixed("ID"),
        Column::fixed("STATUS"),
        Column::elastic("NAME"),
        Column::elastic("TYPE"),
        Column::fixed("ADDRESS"),
        Column::fixed("AGE"),
        Column::wide("TEMPLATE"),
        Column::wide("MARKET"),
        Column::wide("ZONE"),
        Column::wide("REQUEST"),
        Column::wide("RETURN"),
        Column::wide("REASON"),
    ];
    let mut table = Table::new(&columns, "There are no such hosts.");
    // Only what is shown is made: a list may be long.
    for machine in list.entries.iter().filter(|_| format.has_columns()) {
        table.push(vec![
            machine.id.as_str().into(),
            words::machine_status(machine.status),
            machine.name.as_ref().map(HostName::as_str).into(),
            machine.instance_type.as_deref().into(),
            machine.private_ip.as_deref().into(),
            when::age(list.at, machine.launched_at).into(),
            machine.template_id.as_ref().map(TemplateId::as_str).into(),
            machine.price_type.word().into(),
            machine.zone.as_deref().into(),
            machine.request_id.as_ref().map(RequestId::as_str).into(),
            machine.return_id.as_ref().map(RequestId::as_str).into(),
            machine.given_up.as_deref().or(machine.reason.as_deref()).into(),
        ]);
    }
    let names = list.entries.iter().filter(|_| format == Format::Name).map(|machine| machine.id.to_string()).collect();
    let entries = list.entries.into_iter().map(words::MachineEntry).collect();
    Report::entries("machines", entries, names, table, Some(list.more))
}
