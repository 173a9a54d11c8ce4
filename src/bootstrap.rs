//! The composition root: configuration -> components -> buses. The only place that sees every room.
//!
//! Invariant: composing opens no store, builds no cloud client and reads no template; each component does so at its
//! first use.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use shaku::module;
use tracing::{error, warn};

use crate::application::StorageError;
use crate::application::budget::Budget;
use crate::application::bus::Catalogue;
use crate::application::commands::{
    AdoptHostsHandler, CancelRequestHandler, CreateTemplatesHandler, DeleteTemplateHandler, DeliverEventsHandler,
    ImportArchiveHandler, MigrateStoreHandler, PurgeStoreHandler, ReconcileHandler, RecoverStoreHandler,
    RefreshInstanceTypesHandler, RequestMachinesHandler, ReturnMachinesHandler, SyncMachinesHandler,
    SyncRequestsHandler, TakeMetricsHandler, TakeOverHandler, UpdateTemplateHandler,
};
use crate::application::engine::{Engine, EngineParameters};
use crate::application::events::OutboxDelivery;
use crate::application::ports::{Finding, Fulfilment, Inspection, InstanceTypeSource, InstanceTypes as _, Observation};
#[cfg(feature = "sqlite")]
use crate::application::ports::{StoreKeeper, UnitOfWork};
use crate::application::queries::{
    CheckProvidersHandler, CheckSinksHandler, CheckStoreHandler, ChooseTypesHandler, DiscoverSiteHandler,
    ExamineTemplatesHandler, ExportStoreHandler, GetAvailableTemplatesHandler, GetRequestStatusHandler,
    GetRequestStatusHandlerParameters, GetReturnRequestsHandler, ListEventsHandler, ListMachinesHandler,
    ListRequestsHandler, ListResourcesHandler, ReadConsoleHandler, ReadNotesHandler, RehearseRequestHandler,
    ReviewTemplatesHandler, ShowMachineHandler, ShowRequestHandler, ShowTemplateHandler,
};
use crate::application::reporting::Reporter;
use crate::application::settings::StorageStrategy;
use crate::domain::template::{InstanceShape, ProviderApi, ProviderKind};
use crate::infrastructure::clock::SystemClock;
#[cfg(debug_assertions)]
use crate::infrastructure::clock::SystemClockParameters;
use crate::infrastructure::config::templates::{FileCatalogue, FileEditor};
use crate::infrastructure::config::{
    self, ConfigurationError, Edited, Environment, FolderOptions, NewSite, Overrides, Settings, Site,
};
use crate::infrastructure::ids::RandomIds;
use crate::infrastructure::instance_types::{KnownInstanceTypes, KnownInstanceTypesParameters};
use crate::infrastructure::notify::Others;
use crate::infrastructure::prices::KnownPrices;
use crate::infrastructure::storage::{
    FileInstallation, FileMover, FileNotebook, FileNotebookParameters, JsonKeeper, JsonKeeperParameters, JsonStore,
    JsonStoreParameters, migrated_to,
};
#[cfg(feature = "sqlite")]
use crate::infrastructure::storage::{SqliteKeeper, SqliteStore};
use crate::infrastructure::takeover::FileReader;
use crate::infrastructure::telemetry::{self, AuditLog};
use crate::infrastructure::{bundle, checkup};
use crate::interface::chain::Chain;
use crate::interface::cli::{
    Apart, Bundle, Composition, Configured, Draft, LaidOut, Section, StartError, StartOptions, Started, run,
};
#[cfg(feature = "aws")]
use crate::providers::aws::{
    AutoScaling, AwsClients, AwsClientsParameters, AwsInspection, AwsInstanceTypes, AwsObservation, InstantFleet,
    MaintainFleet, MaintainSpotFleet, RequestFleet, RequestSpotFleet, RunInstances,
};
use crate::providers::simulated::{
    SimulatedFulfilment, SimulatedInspection, SimulatedInstanceTypes, SimulatedObservation, Simulation,
    SimulationParameters,
};

/// Declares the module with the components of every build and those of one feature set.
macro_rules! application {
    ($($cloud:tt)*) => {
        module! {
            pub(crate) App {
                components = [
                    #[lazy] SystemClock,
                    #[lazy] RandomIds,
                    #[lazy] FileCatalogue,
                    #[lazy] FileEditor,
                    #[lazy] KnownInstanceTypes,
                    #[lazy] KnownPrices,
                    #[lazy] FileInstallation,
                    #[lazy] FileNotebook,
                    #[lazy] JsonStore,
                    #[lazy] JsonKeeper,
                    #[lazy] FileMover,
                    #[lazy] FileReader,
                    #[lazy] AuditLog,
                    #[lazy] OutboxDelivery,
                    #[lazy] Others,
                    #[lazy] Reporter,
                    #[lazy] Simulation,
                    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] SimulatedFulfilment,
                    #[lazy] #[keyed(dyn Observation, ProviderKind)] SimulatedObservation,
                    #[lazy] #[keyed(dyn InstanceTypeSource, ProviderKind)] SimulatedInstanceTypes,
                    #[lazy] #[keyed(dyn Inspection, ProviderKind)] SimulatedInspection,
                    $($cloud)*
                    #[lazy] Engine,
                    #[lazy] RequestMachinesHandler,
                    #[lazy] ReturnMachinesHandler,
                    #[lazy] SyncRequestsHandler,
                    #[lazy] SyncMachinesHandler,
                    #[lazy] ReconcileHandler,
                    #[lazy] AdoptHostsHandler,
                    #[lazy] CancelRequestHandler,
                    #[lazy] RecoverStoreHandler,
                    #[lazy] PurgeStoreHandler,
                    #[lazy] RefreshInstanceTypesHandler,
                    #[lazy] CreateTemplatesHandler,
                    #[lazy] UpdateTemplateHandler,
                    #[lazy] DeleteTemplateHandler,
                    #[lazy] MigrateStoreHandler,
                    #[lazy] ImportArchiveHandler,
                    #[lazy] TakeOverHandler,
                    #[lazy] TakeMetricsHandler,
                    #[lazy] DeliverEventsHandler,
                    #[lazy] CheckSinksHandler,
                    #[lazy] ReadNotesHandler,
                    #[lazy] CheckStoreHandler,
                    #[lazy] ExportStoreHandler,
                    #[lazy] GetAvailableTemplatesHandler,
                    #[lazy] GetRequestStatusHandler,
                    #[lazy] GetReturnRequestsHandler,
                    #[lazy] RehearseRequestHandler,
                    #[lazy] ListRequestsHandler,
                    #[lazy] ListMachinesHandler,
                    #[lazy] ListEventsHandler,
                    #[lazy] ShowRequestHandler,
                    #[lazy] ShowMachineHandler,
                    #[lazy] ShowTemplateHandler,
                    #[lazy] ReviewTemplatesHandler,
                    #[lazy] ReadConsoleHandler,
                    #[lazy] ListResourcesHandler,
                    #[lazy] CheckProvidersHandler,
                    #[lazy] ExamineTemplatesHandler,
                    #[lazy] DiscoverSiteHandler,
                    #[lazy] ChooseTypesHandler,
                ],
                providers = [],
            }
        }
    };
}

#[cfg(not(feature = "aws"))]
application! {}
#[cfg(feature = "aws")]
application! {
    #[lazy] AwsClients,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] RunInstances,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] InstantFleet,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] RequestFleet,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] MaintainFleet,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] RequestSpotFleet,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] MaintainSpotFleet,
    #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] AutoScaling,
    #[lazy] #[keyed(dyn Observation, ProviderKind)] AwsObservation,
    #[lazy] #[keyed(dyn InstanceTypeSource, ProviderKind)] AwsInstanceTypes,
    #[lazy] #[keyed(dyn Inspection, ProviderKind)] AwsInspection,
}

impl Catalogue for App {}

/// Composes the application from the configuration that the command line and the environment point to.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    started: Instant,
}

/// Runs the program.
pub fn main() -> ExitCode {
    run(std::env::args_os(), &Bootstrap { started: Instant::now() })
}

impl Bootstrap {
    fn settings(options: &StartOptions) -> Result<Settings, StartError> {
        Settings::load(&overrides(options), &Environment::capture()).map_err(|error| refused(&error))
    }
}

fn overrides(options: &StartOptions) -> Overrides {
    let folders = FolderOptions {
        config: options.config_dir.clone(),
        work: options.work_dir.clone(),
        log: options.log_dir.clone(),
    };
    Overrides { folders, settings: options.settings.clone() }
}

fn refused(error: &ConfigurationError) -> StartError {
    StartError { message: format!("the configuration cannot be used: {}", Chain(error)) }
}

/// Returns the application for these settings.
///
/// # Errors
/// [`StartError`] when the settings ask for what this binary does not have.
fn compose(settings: &Settings) -> Result<App, StartError> {
    let in_force = strategy_in_force(settings)?;
    let lacks = |what: &str, feature: &str| StartError {
        message: format!("this binary was built without {what}; build it with the cargo feature {feature}"),
    };
    if settings.provider_kind == ProviderKind::Aws && cfg!(not(feature = "aws")) {
        return Err(lacks("AWS (provider.type is aws)", "aws"));
    }
    let (work, timeout) = (settings.folders.work.clone(), settings.storage.lock_timeout);
    let retention = settings.event_retention;
    let builder = App::builder()
        .with_component_parameters::<FileCatalogue>(FileCatalogue::parameters(settings))
        .with_component_parameters::<FileEditor>(FileEditor::parameters(settings))
        .with_component_parameters::<KnownInstanceTypes>(KnownInstanceTypesParameters { work_dir: work.clone() })
        .with_component_parameters::<KnownPrices>(KnownPrices::parameters(settings))
        .with_component_parameters::<FileInstallation>(FileInstallation::parameters(settings))
        .with_component_parameters::<FileReader>(FileReader::parameters(settings))
        .with_component_parameters::<FileMover>(FileMover::parameters(settings, in_force, strategy_origin(settings)))
        .with_component_parameters::<Others>(Others::parameters(settings))
        .with_component_parameters::<FileNotebook>(FileNotebookParameters { work_dir: work.clone() })
        .with_component_parameters::<Simulation>(SimulationParameters { settings: settings.simulated.clone() })
        .with_component_parameters::<Engine>(EngineParameters {
            policy: settings.policy.clone(),
            care: settings.care.clone(),
            health: settings.health,
            default_api: match settings.provider_kind {
                ProviderKind::Aws => ProviderApi::RunInstances,
                ProviderKind::Simulated => ProviderApi::Simulated,
            },
        })
        .with_component_parameters::<GetRequestStatusHandler>(GetRequestStatusHandlerParameters {
            policy: settings.policy.clone(),
        });
    #[cfg(debug_assertions)]
    let builder = builder.with_component_parameters::<SystemClock>(SystemClockParameters { wrong_by: test_clock() });
    #[cfg(feature = "aws")]
    let builder = builder.with_component_parameters::<AwsClients>(AwsClientsParameters {
        settings: settings.aws.clone(),
        ..Default::default()
    });
    let builder = match in_force {
        StorageStrategy::Json => builder
            .with_component_parameters::<JsonKeeper>(JsonKeeperParameters {
                work_dir: work.clone(),
                lock_timeout: timeout,
            })
            .with_component_parameters::<JsonStore>(JsonStoreParameters {
                work_dir: work,
                lock_timeout: timeout,
                retention,
            }),
        #[cfg(feature = "sqlite")]
        StorageStrategy::Sqlite => {
            let keeper = SqliteKeeper::new(work.clone(), timeout);
            builder
                .with_component_override::<dyn StoreKeeper>(Box::new(keeper))
                .with_component_override::<dyn UnitOfWork>(Box::new(SqliteStore::new(work, timeout, retention)))
        }
        #[cfg(not(feature = "sqlite"))]
        StorageStrategy::Sqlite => return Err(lacks("SQLite (storage.strategy is sqlite)", "sqlite")),
    };
    Ok(builder.build())
}

/// Returns the place in which `storage.strategy` was set.
fn strategy_origin(settings: &Settings) -> String {
    let found = settings.value("storage.strategy").ok().flatten();
    found.map_or_else(|| "default".to_owned(), |(_, origin)| origin)
}

/// Returns the strategy whose store is used: after a migration that of the store, whatever is configured.
///
/// # Errors
/// [`StartError`] when it is not clear which of two stores is the newer.
fn strategy_in_force(settings: &Settings) -> Result<StorageStrategy, StartError> {
    let configured = settings.storage.strategy;
    match migrated_to(&settings.folders.work) {
        Ok(Some(migrated)) if migrated != configured => {
            warn!(
                configured = configured.word(),
                origin = strategy_origin(settings),
                used = migrated.word(),
                "the store of this work folder was migrated; storage.strategy should say so too"
            );
            Ok(migrated)
        }
        Err(StorageError::Corrupt { what, advice }) if what.ends_with("does not name a strategy") => {
            Err(StartError { message: format!("{what}: {advice}") })
        }
        // A folder that cannot be looked at stops whoever needs the store, with a better message.
        Ok(_) | Err(_) => Ok(configured),
    }
}

/// Returns by how many milliseconds a test wants the clock to be wrong: `HOSTFACTORY_TEST_CLOCK`, in seconds.
#[cfg(debug_assertions)]
fn test_clock() -> i64 {
    let environment = Environment::capture();
    environment
        .get("HOSTFACTORY_TEST_CLOCK")
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(0)
        .saturating_mul(1000)
}

impl Composition for Bootstrap {
    type Module = App;

    fn start(&self, options: &StartOptions) -> Result<Started<App>, StartError> {
        let settings = Self::settings(options)?;
        let without_log = telemetry::start(&settings.logging);
        for warning in settings.warnings.iter().chain(&without_log) {
            warn!(warning, "configuration");
        }
        let module = compose(&settings)?;
        let budget = Budget::starting_at(self.started, settings.soft_budget, settings.hard_budget);
        Ok(Started { module, budget, hint: without_log })
    }

    fn start_apart(&self, settings: &[(String, String)]) -> Result<Apart<App>, StartError> {
        let unmade =
            |error: std::io::Error| StartError { message: format!("a temporary folder cannot be made: {error}") };
        let folder = tempfile::Builder::new().prefix("hostfactory-").tempdir().map_err(unmade)?;
        let at = folder.path().to_owned();
        let options = StartOptions {
            config_dir: Some(at.clone()),
            work_dir: Some(at),
            settings: settings.to_vec(),
            log_dir: None,
        };
        let settings = Self::settings(&options)?;
        let budget = Budget::starting_now(settings.soft_budget, settings.hard_budget);
        let started = Started { module: compose(&settings)?, budget, hint: None };
        Ok(Apart { started, folders: Box::new(folder) })
    }

    fn configuration(&self, options: &StartOptions, origins: bool) -> Result<Value, StartError> {
        Ok(Self::settings(options)?.describe(origins))
    }

    fn is_setting(&self, key: &str) -> bool {
        config::is_in_a_section(key)
    }

    fn configured(&self, options: &StartOptions, key: &str) -> Result<Option<(Value, String)>, StartError> {
        Self::settings(options)?.value(key).map_err(|error| refused(&error))
    }

    fn configure(&self, options: &StartOptions, key: &str, value: &str) -> Result<Configured, StartError> {
        let edited = config::set(&overrides(options), &Environment::capture(), key, value);
        let Edited { path, former, before, after, origin, warnings } = edited.map_err(|error| refused(&error))?;
        Ok(Configured { path, former, before, after, origin, warnings })
    }

    fn lay_out(&self, options: &StartOptions, draft: &Draft) -> Result<LaidOut, StartError> {
        let (overrides, environment) = (overrides(options), Environment::capture());
        let types = Arc::new(KnownInstanceTypes::new(""));
        let Draft { config, templates, schemas, scripts, registration } = draft.clone();
        let site = Site { config, templates, schemas, scripts, registration };
        let made = config::lay_out(&overrides, &environment, &site, types).map_err(|error| refused(&error))?;
        let NewSite { instance, folders, files, registration } = made;
        let (plugins, providers) = (registration.plugins, registration.providers);
        let config::Folders { config, work, log, .. } = folders;
        Ok(LaidOut { instance, config, work, log, files, plugins, providers })
    }

    fn config_schema(&self) -> Value {
        config::config_schema()
    }

    fn template_schema(&self) -> Value {
        config::templates::template_schema()
    }

    fn instance_types(&self) -> Vec<InstanceShape> {
        KnownInstanceTypes::new("").all()
    }

    fn write_new(&self, path: &Path, text: &str) -> Result<(), StartError> {
        config::write_new(path, text).map_err(|error| StartError { message: Chain(&error).to_string() })
    }

    fn examine(&self, options: &StartOptions) -> Vec<Finding> {
        checkup::examine(&overrides(options), &Environment::capture())
    }

    fn bundle(&self, options: &StartOptions, path: &Path, sections: Vec<Section>) -> Result<Bundle, StartError> {
        bundle::made(path, sections, &overrides(options), &Environment::capture())
            .map(|(bytes, files, missing)| Bundle { bytes, files, missing })
            .map_err(|error| StartError { message: Chain(&error).to_string() })
    }

    fn variable(&self, name: &str) -> Option<String> {
        Environment::capture().get(name).map(ToOwned::to_owned)
    }

    fn log_failure(&self, message: &str) {
        error!(reason = message, "the call failed");
    }
}
