//! The configuration in force.
//!
//! Invariant: `Debug` and [`Settings::describe`] show no password and no credential.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::address::masked;
use super::folders::{FolderOptions, Folders};
use super::keys::{KEYS, Kind, Setting};
use super::layers::Layers;
use super::sinks::SinkSettings;
use super::templates::{Dialect, TemplateSettings};
use super::typed::is_host;
use super::{ConfigurationError, Environment, Origin, env, folders, layers};
use crate::application::settings::{AwsSettings, CareSettings, HealthSettings, SimulatedSettings, StorageStrategy};
use crate::domain::InstallationId;
use crate::domain::request::RequestPolicy;
use crate::domain::template::ProviderKind;

/// How state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageSettings {
    /// Where, for a work folder that has no store yet.
    pub strategy: StorageStrategy,
    /// How long a commit waits for another process.
    pub lock_timeout: Duration,
}

/// What is logged, and where to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The least important level that is logged.
    pub level: tracing::Level,
    /// The size in bytes at which the file is rotated.
    pub max_bytes: u64,
    /// How many rotated files are kept.
    pub max_files: u32,
    /// The file.
    pub file: PathBuf,
}

/// What the command line says about the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Folders.
    pub folders: FolderOptions,
    /// `--set section.key=value`, in order.
    pub settings: Vec<(String, String)>,
}

/// The configuration in force.
pub struct Settings {
    /// The provider instance's name.
    pub instance: String,
    /// Its folders.
    pub folders: Folders,
    /// Who rents out the hosts.
    pub provider_kind: ProviderKind,
    /// How to reach AWS.
    pub aws: AwsSettings,
    /// How the simulated provider behaves.
    pub simulated: SimulatedSettings,
    /// The operator's choices about requests.
    pub policy: RequestPolicy,
    /// The operator's choices about what nobody asks for.
    pub care: CareSettings,
    /// What of a host's health counts.
    pub health: HealthSettings,
    /// How long after its start a call still begins new cloud steps.
    pub soft_budget: Duration,
    /// How long a call may take.
    pub hard_budget: Duration,
    /// How state is kept.
    pub storage: StorageSettings,
    /// How long the history of events is kept.
    pub event_retention: Duration,
    /// What is logged, and where to.
    pub logging: LogSettings,
    /// Who is told of events.
    pub sinks: SinkSettings,
    /// The file of metrics that calls keep up to date, and how often.
    pub metrics: Option<(PathBuf, Duration)>,
    /// The id under which hosts are owned, where the operator chose one.
    pub installation_id: Option<InstallationId>,
    /// How templates are found and read.
    pub templates: TemplateSettings,
    /// What is odd and can be lived with; for the log.
    pub warnings: Vec<String>,
    pub(super) layers: Layers,
}

impl Settings {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`ConfigurationError`] naming the key and the file, variable or option at fault.
    pub fn load(overrides: &Overrides, environment: &Environment) -> Result<Self, ConfigurationError> {
        Self::load_with(overrides, environment, None)
    }

    /// Reads the configuration as it would be with `draft` as the text of our own file.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub(super) fn load_with(
        overrides: &Overrides,
        environment: &Environment,
        draft: Option<&str>,
    ) -> Result<Self, ConfigurationError> {
        environment.check()?;
        let (instance, folders) = folders::resolve(&overrides.folders, environment)?;
        let mut layers = layers::read(&folders.config, &instance, environment, &overrides.settings, draft)?;
        let mut warnings = std::mem::take(&mut layers.warnings);
        let provider_kind = match layers.text("provider.type") {
            Some("simulated") => ProviderKind::Simulated,
            _ => ProviderKind::Aws,
        };
        let aws = layers.aws()?;
        if provider_kind == ProviderKind::Aws && aws.region.is_none() {
            warnings.push("provider.aws.region is not set; no call to AWS can be made without it".to_owned());
        }
        let hard_budget = layers.hard_budget(environment, &mut warnings);
        let log_name = match environment.get(env::EGOSC_INSTANCE_HOST).filter(|host| is_host(host)) {
            Some(host) => format!("{instance}-hostfactory.{host}.log"),
            None => format!("{instance}-hostfactory.log"),
        };
        let logging = LogSettings {
            level: layers.text("logging.level").and_then(|level| level.parse().ok()).unwrap_or(tracing::Level::INFO),
            max_bytes: layers.number("logging.maxFileSizeMb").saturating_mul(1024 * 1024),
            max_files: layers.small("logging.maxFiles"),
            file: folders.log.join(log_name),
        };
        let templates = TemplateSettings {
            file: layers.text("template.file").map(PathBuf::from),
            dialect: if layers.text("template.defaultApi") == Some("orb") { Dialect::Orb } else { Dialect::Awsprov },
            common_tags: aws.tags.iter().map(|(key, _)| key.clone()).collect(),
            home: environment.get(env::HOME).map(PathBuf::from),
            variables: environment.clone(),
        };
        Ok(Self {
            provider_kind,
            simulated: layers.simulated(),
            policy: layers.policy(),
            care: layers.care(),
            health: layers.health(),
            soft_budget: Duration::from_secs(layers.number("hostFactory.softBudgetSeconds")).min(hard_budget),
            hard_budget,
            storage: StorageSettings {
                strategy: match layers.text("storage.strategy") {
                    Some("sqlite") => StorageStrategy::Sqlite,
                    _ => StorageStrategy::Json,
                },
                lock_timeout: Duration::from_millis(layers.number("storage.lockTimeoutMs")),
            },
            event_retention: Duration::from_hours(layers.number("events.retentionHours")),
            sinks: layers.sinks(&instance, &aws),
            metrics: layers
                .text("metrics.file")
                .map(|path| (PathBuf::from(path), layers.seconds("metrics.everySeconds"))),
            installation_id: layers.text("installationId").and_then(|id| id.parse().ok()),
            instance,
            folders,
            aws,
            logging,
            templates,
            warnings,
            layers,
        })
    }

    /// Returns the place in which `storage.strategy` was set.
    pub fn strategy_origin(&self) -> String {
        self.layers.get("storage.strategy").map_or(Origin::Default, |(_, origin)| origin.clone()).to_string()
    }

    /// Returns the configuration in force as one document, secrets masked; with `origins`, each value with the place
    /// it came from.
    pub fn describe(&self, origins: bool) -> Value {
        let leaf = |value: Value, origin: &Origin| {
            if origins { json!({ "value": value, "origin": origin.to_string() }) } else { value }
        };
        let mut document = Map::new();
        document.insert("instance".to_owned(), json!(self.instance));
        let paths = [("config", &self.folders.config), ("work", &self.folders.work), ("log", &self.folders.log)];
        let folders: Map<String, Value> = paths
            .into_iter()
            .zip(&self.folders.origins)
            .map(|((name, path), origin)| (name.to_owned(), leaf(json!(path.display().to_string()), origin)))
            .collect();
        document.insert("folders".to_owned(), Value::Object(folders));
        document.insert("logFile".to_owned(), json!(self.logging.file.display().to_string()));
        document.insert("callDeadlineSecondsInForce".to_owned(), json!(self.hard_budget.as_secs()));
        for key in KEYS {
            let shown = match self.layers.get(key.name) {
                None => leaf(Value::Null, &Origin::Default),
                Some((setting, origin)) => leaf(shown(key.kind, setting), origin),
            };
            insert(&mut document, key.name, shown);
        }
        document.insert("warnings".to_owned(), json!(self.warnings));
        Value::Object(document)
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Settings({})", self.describe(false))
    }
}

fn insert(document: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => {
            document.insert(name.to_owned(), value);
        }
        Some((section, rest)) => {
            let section = document.entry(section.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(members) = section {
                insert(members, rest, value);
            }
        }
    }
}

pub(super) fn shown(kind: Kind, setting: &Setting) -> Value {
    match setting {
        Setting::Text(text) if kind == Kind::SecretUrl => json!(masked(text)),
        Setting::Text(_) if kind == Kind::SecretHeader => json!("***"),
        Setting::Text(text) => json!(text),
        Setting::Number(number) => json!(number),
        Setting::Flag(flag) => json!(flag),
        Setting::Tags(tags) => tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect(),
    }
}
