//! Every noun that an operator can name, and the way to what its verbs do.

use clap::Subcommand;

use super::about::{self, CompletionsArgs};
use super::config::{self, ConfigVerb};
use super::doctor::{self, DoctorArgs};
use super::events::{self, EventsVerb};
use super::import::{self, TakeOverArgs};
use super::init::{self, InitArgs};
use super::later::Later;
use super::machines::{self, MachinesVerb};
use super::metrics::{self, MetricsArgs};
use super::provider::{self, ProvidersVerb};
use super::reconcile::{self, ReconcileArgs};
use super::requests::{self, RequestsVerb};
use super::resources::{self, ResourcesVerb};
use super::storage::{self, StorageVerb};
use super::templates::{self, TemplatesVerb};
use crate::interface::cli::desk::{App, Desk, Ended, wait};
use crate::interface::cli::report::Report;
use crate::interface::cli::screen::Format;
use crate::interface::cli::{Composition, StartOptions, Started};

/// What there is to do for operators.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorVerb {
    /// Lists, shows, waits for and cancels requests.
    #[command(subcommand, alias = "request")]
    Requests(Later<RequestsVerb>),
    /// Lists and shows hosts, asks for them and gives them back.
    #[command(subcommand, alias = "machine")]
    Machines(Later<MachinesVerb>),
    /// Lists what happened, and follows what happens.
    #[command(subcommand, alias = "event")]
    Events(Later<EventsVerb>),
    /// Tells what there is to measure in Prometheus' text format.
    #[command(after_help = "\
Examples:
  hostfactory metrics
  hostfactory metrics --file /var/lib/node_exporter/hostfactory.prom

With metrics.file set, calls renew that file by themselves (docs/metrics.md).")]
    Metrics(Later<MetricsArgs>),
    /// Lists, shows, checks and changes templates.
    #[command(subcommand, alias = "template")]
    Templates(Later<TemplatesVerb>),
    /// Lists what the cloud holds of ours beside hosts.
    #[command(subcommand, alias = "resource")]
    Resources(Later<ResourcesVerb>),
    /// Lists the providers, and asks the one in use how it is.
    #[command(subcommand, alias = "provider")]
    Providers(Later<ProvidersVerb>),
    /// Shows and checks the configuration.
    #[command(subcommand)]
    Config(Later<ConfigVerb>),
    /// Checks the store, recovers it from a copy and forgets what has ended long ago.
    #[command(subcommand)]
    Storage(Later<StorageVerb>),
    /// Takes an installation of another plug-in over: its requests go on answering, its hosts can be given back. Nothing
    /// of it is changed.
    Import(Later<TakeOverArgs>),
    /// Finishes or undoes what killed processes left, and ends hosts of ours that no request accounts for. Calls do the
    /// same in passing; this does all of it now.
    Reconcile(Later<ReconcileArgs>),
    /// Makes a new installation: folders, config.json, a template file, the five scripts, and the two entries that register it
    /// with Host Factory. No file is replaced, and nothing is left of what fails.
    #[command(after_help = "\
Examples:
  hostfactory init try                          asks for what it has to know
  hostfactory init try --provider simulated     hosts on paper, below ./try
  hostfactory init try --region eu-west-1 --discover     what AWS tells, unasked
  hostfactory init try --region eu-west-1 --subnet subnet-… --no-discover
  hostfactory init --config-dir CONF --work-dir WORK     in folders of your own

On a terminal AWS is asked what there is (VPCs, subnets with free addresses,
security groups, images, key pairs, instance profiles), and numbered lists are
shown to choose from. Where AWS does not answer, ids are asked for. --discover
takes the default VPC, in each zone the subnet with most free addresses (but for
zones with old instance types alone), the default security group and Amazon
Linux 2023. Nothing is made in AWS. What to do next is in the answer.")]
    Init(Later<Box<InitArgs>>),
    /// Looks at everything that must be right before a host can come, and says how to mend what is not: configuration,
    /// folders, registration, templates, store, credentials, clock, what templates name in the cloud, each right that they
    /// need, and quotas.
    #[command(after_help = "\
Examples:
  hostfactory doctor              as the user that Host Factory runs as
  hostfactory doctor --offline    without asking the cloud
  hostfactory doctor --json       for a monitor
  hostfactory doctor --bundle support.tar.gz    for whoever is to help

Exit code 1 says that a check failed. Nothing is changed and nothing is
launched: rights are tried with AWS's own dry run, on something of ours where
there is something, since a policy that is bound to our tag refuses all else.
What is not clear from the answer is skipped, never taken for allowed.")]
    Doctor(Later<DoctorArgs>),
    /// Prints the script that completes this command line in a shell.
    #[command(after_help = "\
Examples:
  hostfactory completions bash > /etc/bash_completion.d/hostfactory
  hostfactory completions zsh > ~/.zfunc/_hostfactory

The script asks the hostfactory of the search path what may come next: also the
ids of requests, hosts and templates, and the keys of the configuration.")]
    Completions(Later<CompletionsArgs>),
    /// Tells the version, and what this binary was built with.
    Version,
    /// Prints the reference page of the command line.
    #[command(hide = true)]
    Reference,
}

impl OperatorVerb {
    /// Returns the form of answer that the verb itself asks for.
    pub(crate) fn format(&self) -> Option<Format> {
        match self {
            Self::Doctor(Later(args)) if args.json => Some(Format::Json),
            _ => None,
        }
    }
}

/// Does what an operator asks.
pub(crate) fn operate<C: Composition>(
    verb: OperatorVerb,
    desk: &Desk<'_, C>,
    left: &mut Option<Started<C::Module>>,
) -> Result<Report, Ended> {
    let mut may_change = false;
    match verb {
        OperatorVerb::Config(Later(verb)) => return config::run(desk, verb),
        OperatorVerb::Completions(Later(args)) => return about::completions(&args),
        OperatorVerb::Doctor(Later(args)) => return doctor::run(desk, &args),
        OperatorVerb::Init(Later(args)) => return init::run(desk, *args),
        OperatorVerb::Version => return Ok(about::version()),
        OperatorVerb::Reference => return Ok(about::reference()),
        OperatorVerb::Templates(Later(TemplatesVerb::Generate { need, file })) => {
            return templates::generate(desk, &need, file.as_deref());
        }
        OperatorVerb::Templates(Later(TemplatesVerb::Schema)) => return Ok(templates::schema(desk)),
        OperatorVerb::Storage(Later(ref verb)) => storage::check_confirmed(desk, verb)?,
        OperatorVerb::Templates(Later(ref verb)) => may_change = verb.changes(),
        OperatorVerb::Requests(Later(ref verb)) => may_change = verb.changes(),
        OperatorVerb::Machines(Later(ref verb)) => may_change = verb.changes(),
        OperatorVerb::Import(_) | OperatorVerb::Reconcile(_) => may_change = true,
        OperatorVerb::Events(_)
        | OperatorVerb::Metrics(_)
        | OperatorVerb::Resources(_)
        | OperatorVerb::Providers(_) => {}
    }
    let options = match &verb {
        // Its --set names fields of the template too.
        OperatorVerb::Templates(Later(TemplatesVerb::Update(_))) => {
            let settings = desk.options.settings.iter().filter(|(key, _)| desk.composition.is_setting(key));
            &StartOptions { settings: settings.cloned().collect(), ..desk.options.clone() }
        }
        _ => desk.options,
    };
    let desk = &Desk::new(desk.composition, options, desk.screen);
    let started = desk.start()?;
    let report = wait(carry_out(verb, desk, App::of(&started))).map_err(Ended::failed);
    // However long the verb waited, what comes after the answer has its own time.
    let budget = started.budget.anew();
    *left = may_change.then_some(Started { budget, ..started });
    report?
}

/// Does what takes the composed application.
async fn carry_out<C: Composition>(
    verb: OperatorVerb,
    desk: &Desk<'_, C>,
    app: App<'_, C::Module>,
) -> Result<Report, Ended> {
    match verb {
        OperatorVerb::Requests(Later(verb)) => requests::run(desk, app, verb).await,
        OperatorVerb::Machines(Later(verb)) => machines::run(desk, app, verb).await,
        OperatorVerb::Events(Later(verb)) => events::run(desk, app, verb).await,
        OperatorVerb::Metrics(Later(args)) => metrics::run(app, args).await,
        OperatorVerb::Templates(Later(verb)) => templates::run(desk, app, verb).await,
        OperatorVerb::Resources(Later(verb)) => resources::run(app, verb).await,
        OperatorVerb::Providers(Later(verb)) => provider::run(app, verb).await,
        OperatorVerb::Config(Later(verb)) => config::run(desk, verb),
        OperatorVerb::Completions(Later(args)) => about::completions(&args),
        OperatorVerb::Doctor(Later(args)) => doctor::run(desk, &args),
        OperatorVerb::Init(Later(args)) => init::run(desk, *args),
        OperatorVerb::Version => Ok(about::version()),
        OperatorVerb::Reference => Ok(about::reference()),
        OperatorVerb::Storage(Later(verb)) => storage::run(app, verb).await,
        OperatorVerb::Import(Later(args)) => import::take_over(app, args).await,
        OperatorVerb::Reconcile(Later(args)) => reconcile::run(app, &args).await,
    }
}
