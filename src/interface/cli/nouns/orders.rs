//! Asking for hosts and giving them back by hand, with the commands of the five calls.

use clap::Args;
use serde_json::json;

use super::machines::host;
use super::{rehearsal, waiting};
use crate::application::bus::Catalogue;
use crate::application::commands::{HostRef, RequestMachines, ReturnMachines, SyncRequests};
use crate::application::ports::MachineFilter;
use crate::application::queries::{ListMachines, RehearseRequest};
use crate::domain::{AccountName, DomainError, MachineCount, RequestId, RequestKey, TemplateId};
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::report::Report;
use crate::interface::cli::watching::PaceArgs;
use crate::interface::cli::{Composition, output};
use crate::interface::hostfactory::Failure;

/// Which hosts to ask for.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// The template; hostfactory templates list shows what there is.
    template: TemplateId,
    /// How many hosts.
    #[arg(long, short = 'n', value_name = "N", default_value = "1", value_parser = count)]
    count: MachineCount,
    /// The account that the hosts are charged to.
    #[arg(long, value_name = "NAME")]
    account: Option<AccountName>,
    /// A word of yours that stands for this order: the same word never gets hosts twice.
    #[arg(long, value_name = "KEY")]
    key: Option<RequestKey>,
    /// Shows what would be sent, and sends nothing.
    #[arg(long, conflicts_with_all = ["wait", "key", "account"])]
    dry_run: bool,
    /// Asks AWS whether it would do it, by its own dry run.
    #[arg(long, requires = "dry_run")]
    check: bool,
    /// Waits until the request is settled.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    pace: PaceArgs,
}

/// Which hosts to give back.
#[derive(Debug, Args)]
pub(crate) struct ReturnArgs {
    /// The hosts: their ids or names.
    #[arg(value_name = "HOST", value_parser = host, required_unless_present = "all_of")]
    hosts: Vec<HostRef>,
    /// Every host of this request that lives.
    #[arg(long, value_name = "REQUEST", conflicts_with = "hosts")]
    all_of: Option<RequestId>,
    /// Does it without asking.
    #[arg(long, short)]
    yes: bool,
    /// Waits until the hosts have ended.
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    pace: PaceArgs,
}

pub(super) fn count(text: &str) -> Result<MachineCount, DomainError> {
    let number = text.parse::<u32>().map_err(|_| {
        let reason = format!("{text:?} is not a whole number from 1 to {}", MachineCount::MOST);
        DomainError::validation("count", reason)
    })?;
    number.try_into()
}

/// Asks for hosts.
pub(super) async fn request<M: Catalogue>(app: App<'_, M>, args: RequestArgs) -> Result<Report, Ended> {
    let RequestArgs { template, count, account, key, dry_run, check, wait, pace } = args;
    if dry_run {
        return rehearsal::rehearse(app, RehearseRequest { template, count, check }).await;
    }
    let id = app.commands().dispatch(RequestMachines { template, count, account, key }).await?;
    accepted(app, id, wait.then_some(pace)).await
}

/// Gives hosts back.
pub(super) async fn give_back<C: Composition>(
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
    args: ReturnArgs,
) -> Result<Report, Ended> {
    let hosts = match &args.all_of {
        None => args.hosts,
        Some(request) => {
            let filter = MachineFilter {
                request: Some(request.clone()),
                only_held: true,
                limit: usize::MAX - 1,
                ..MachineFilter::default()
            };
            let found = app.queries().ask(ListMachines { filter, within: None }).await?;
            let host = |machine: &crate::domain::machine::MachineSnapshot| HostRef {
                id: Some(machine.id.clone()),
                name: machine.name.clone(),
            };
            found.entries.iter().map(host).collect()
        }
    };
    if hosts.is_empty() {
        return Err(Ended::failed(Failure::new("that request has no host that lives; there is nothing to return")));
    }
    let what = match hosts.len() {
        1 => "returns a host, which ends".to_owned(),
        more => format!("returns {more} hosts, which end"),
    };
    desk.confirm(&what, args.yes)?;
    let accepted_return = app.commands().dispatch(ReturnMachines { hosts }).await?;
    accepted(app, accepted_return.id, args.wait.then_some(args.pace)).await
}

/// Tells the id of a request; waits for it, if that is wanted.
async fn accepted<M: Catalogue>(app: App<'_, M>, id: RequestId, wait: Option<PaceArgs>) -> Result<Report, Ended> {
    if wait.is_some() {
        // It must not be lost when the wait is broken off.
        output::hint(&format!("request {id}"));
        return waiting::status(app, vec![id], wait).await;
    }
    // Somebody knows the id from here on: nobody is to take the hosts for forgotten ones.
    if let Err(error) = app.commands().dispatch(SyncRequests { ids: vec![id.clone()] }).await {
        output::hint(&format!("the request is accepted, but how it stands is not known: {error}"));
    }
    let document = json!({ "requestId": id });
    let line = format!("{id}\n\nHow it stands: hostfactory requests status {id}");
    Ok(Report::line(document, line).named(vec![id.to_string()]))
}
