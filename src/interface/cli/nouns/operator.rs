//! Every noun that an operator can name, and the way to what its verbs do.

use clap::Subcommand;

use super::about::{self, CompletionsArgs};
use super::config::{self, ConfigVerb};
use super::events::{self, EventsVerb};
use super::import::{self, TakeOverArgs};
use super::machines::{self, MachinesVerb};
use super::reconcile::{self, ReconcileArgs};
use super::requests::{self, RequestsVerb};
use super::storage::{self, StorageVerb};
use super::templates::{self, TemplatesVerb};
use crate::interface::cli::Composition;
use crate::interface::cli::desk::{App, Desk, Ended, wait};
use crate::interface::cli::report::Report;

/// What there is to do for operators.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorVerb {
    /// Lists, shows, waits for and cancels requests.
    #[command(subcommand, alias = "request")]
    Requests(RequestsVerb),
    /// Lists and shows hosts, asks for them and gives them back.
    #[command(subcommand, alias = "machine")]
    Machines(MachinesVerb),
    /// Lists what happened, and follows what happens.
    #[command(subcommand, alias = "event")]
    Events(EventsVerb),
    /// Lists, shows and checks templates.
    #[command(subcommand, alias = "template")]
    Templates(TemplatesVerb),
    /// Shows and checks the configuration.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// Checks the store, recovers it from a copy and forgets what has ended long ago.
    #[command(subcommand)]
    Storage(StorageVerb),
    /// Takes an installation of another plug-in over: its requests go on answering, its hosts can be given back. Nothing
    /// of it is changed.
    Import(TakeOverArgs),
    /// Finishes or undoes what killed processes left, and ends hosts of ours that no request accounts for. Calls do the
    /// same in passing; this does all of it now.
    Reconcile(ReconcileArgs),
    /// Prints the script that completes this command line in a shell.
    #[command(after_help = "\
Examples:
  hostfactory completions bash > /etc/bash_completion.d/hostfactory
  hostfactory completions zsh > ~/.zfunc/_hostfactory")]
    Completions(CompletionsArgs),
    /// Tells the version, and what this binary was built with.
    Version,
    /// Prints the reference page of the command line.
    #[command(hide = true)]
    Reference,
}

/// Does what an operator asks.
pub(crate) fn operate<C: Composition>(verb: OperatorVerb, desk: &Desk<'_, C>) -> Result<Report, Ended> {
    match verb {
        OperatorVerb::Config(verb) => return config::run(desk, verb),
        OperatorVerb::Completions(args) => return Ok(about::completions(&args)),
        OperatorVerb::Version => return Ok(about::version()),
        OperatorVerb::Reference => return Ok(about::reference()),
        OperatorVerb::Storage(ref verb) => storage::check_confirmed(desk, verb)?,
        OperatorVerb::Requests(_)
        | OperatorVerb::Machines(_)
        | OperatorVerb::Events(_)
        | OperatorVerb::Templates(_)
        | OperatorVerb::Import(_)
        | OperatorVerb::Reconcile(_) => {}
    }
    let started = desk.start()?;
    wait(carry_out(verb, desk, App::of(&started))).map_err(Ended::failed)?
}

/// Does what takes the composed application.
async fn carry_out<C: Composition>(
    verb: OperatorVerb,
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
) -> Result<Report, Ended> {
    match verb {
        OperatorVerb::Requests(verb) => requests::run(desk, app, verb).await,
        OperatorVerb::Machines(verb) => machines::run(desk, app, verb).await,
        OperatorVerb::Events(verb) => events::run(desk, app, verb).await,
        OperatorVerb::Templates(verb) => templates::run(app, verb).await,
        OperatorVerb::Config(verb) => config::run(desk, verb),
        OperatorVerb::Completions(args) => Ok(about::completions(&args)),
        OperatorVerb::Version => Ok(about::version()),
        OperatorVerb::Reference => Ok(about::reference()),
        OperatorVerb::Storage(verb) => storage::run(app, verb).await,
        OperatorVerb::Import(args) => import::take_over(app, args).await,
        OperatorVerb::Reconcile(args) => reconcile::run(app, &args).await,
    }
}
