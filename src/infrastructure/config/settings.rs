//! The configuration in force.
//!
//! Invariant: `Debug` and [`Settings::describe`] show no password and no credential.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::folders::{FolderOptions, Folders};
use super::keys::{KEYS, Kind, Setting, masked};
use super::layers::Layers;
use super::templates::{Dialect, TemplateSettings};
use super::{ConfigurationError, Environment, Origin, env, folders, layers};
use crate::application::settings::{
    AwsSettings, CareSettings, HealthSettings, ScheduledEvents, SimulatedSettings, StorageStrategy,
};
use crate::domain::InstallationId;
use crate::domain::notes::BrakePolicy;
use crate::domain::request::{OverMaximum, PartialStatus, RequestPolicy};
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
        Setting::Text(text) => json!(text),
        Setting::Number(number) => json!(number),
        Setting::Flag(flag) => json!(flag),
        Setting::Tags(tags) => tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect(),
    }
}

fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Typed access. Every value was checked when it was put in; a key without a value reads as nothing.
impl Layers {
    fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some((Setting::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    fn number(&self, name: &str) -> u64 {
        match self.get(name) {
            Some((Setting::Number(number), _)) => *number,
            _ => 0,
        }
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(u32::MAX)
    }

    fn percent(&self, name: &str) -> u8 {
        u8::try_from(self.number(name)).unwrap_or(100)
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some((Setting::Flag(true), _)))
    }

    fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    fn minutes(&self, name: &str) -> Duration {
        Duration::from_mins(self.number(name))
    }

    fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }

    fn aws(&self) -> Result<AwsSettings, ConfigurationError> {
        let owned = |name| self.text(name).map(str::to_owned);
        let path = |name| self.text(name).map(PathBuf::from);
        Ok(AwsSettings {
            region: owned("provider.aws.region"),
            profile: owned("provider.aws.profile"),
            endpoint_url: owned("provider.aws.endpointUrl"),
            credential_file: path("provider.aws.credentialFile"),
            credential_script: path("provider.aws.credentialScript"),
            proxy: self.proxy()?,
            ca_bundle: path("provider.aws.caBundle"),
            connect_timeout: self.millis("provider.aws.connectTimeoutMs"),
            attempt_timeout: self.millis("provider.aws.attemptTimeoutMs"),
            create_retries: self.small("provider.aws.createRetries"),
            describe_retries: self.small("provider.aws.describeRetries"),
            describe_interval: self.millis("provider.aws.describeIntervalMs"),
            rate_percent: self.small("provider.aws.rateScalePercent"),
            tags: match self.get("provider.aws.tags") {
                Some((Setting::Tags(tags), _)) => tags.clone(),
                _ => Vec::new(),
            },
            ..AwsSettings::default()
        })
    }

    fn proxy(&self) -> Result<Option<String>, ConfigurationError> {
        if let Some(url) = self.text("provider.aws.proxyUrl") {
            return Ok(Some(url.to_owned()));
        }
        let Some((Setting::Text(host), origin)) = self.get("provider.aws.proxy.host") else { return Ok(None) };
        let Some((Setting::Number(port), _)) = self.get("provider.aws.proxy.port") else {
            let reason = "a proxy host needs its port; set provider.aws.proxy.port (AWS_PROXY_PORT)";
            return Err(ConfigurationError::invalid("provider.aws.proxy.host", origin, reason));
        };
        if !is_host(host) {
            let reason = "is not a host name or address; a whole address goes into provider.aws.proxyUrl";
            return Err(ConfigurationError::invalid("provider.aws.proxy.host", origin, reason));
        }
        Ok(Some(format!("http://{host}:{port}")))
    }

    fn simulated(&self) -> SimulatedSettings {
        SimulatedSettings {
            boot: self.seconds("provider.simulated.bootSeconds"),
            shutdown: self.seconds("provider.simulated.shutdownSeconds"),
            failure_percent: self.percent("provider.simulated.failurePercent"),
            reclaim_percent: self.percent("provider.simulated.reclaimPercent"),
            reclaim_after: self.seconds("provider.simulated.reclaimAfterSeconds"),
        }
    }

    fn care(&self) -> CareSettings {
        CareSettings {
            recover_every: self.seconds("recovery.everySeconds"),
            unclaimed_after: self.minutes("recovery.unclaimedMinutes"),
            collect_every: self.minutes("recovery.collectMinutes"),
            orphan_age: self.minutes("recovery.orphanMinutes"),
            most_ended: usize::try_from(self.number("recovery.mostEnded")).unwrap_or(usize::MAX),
            keep: Duration::from_hours(self.number("recovery.keepDays").saturating_mul(24)),
            brake: BrakePolicy {
                deaths: self.small("template.brake.deaths"),
                within: self.minutes("template.brake.withinMinutes"),
                pause: self.minutes("template.brake.pauseMinutes"),
            },
            ..CareSettings::default()
        }
    }

    fn health(&self) -> HealthSettings {
        let impaired = Some(self.seconds("hostFactory.impairedAfterSeconds")).filter(|time| !time.is_zero());
        HealthSettings {
            events: match self.text("hostFactory.scheduledEvents") {
                Some("ignore") => ScheduledEvents::Ignored,
                Some("all") => ScheduledEvents::All,
                _ => ScheduledEvents::Ending,
            },
            impaired_after: impaired.map(|time| time.max(HealthSettings::SHORTEST_IMPAIRMENT)),
        }
    }

    fn policy(&self) -> RequestPolicy {
        RequestPolicy {
            acquire_deadline: self.seconds("hostFactory.acquireDeadlineSeconds"),
            return_deadline: self.seconds("hostFactory.returnDeadlineSeconds"),
            pending_timeout: self.seconds("hostFactory.pendingTimeoutSeconds"),
            batch_limit: self.small("hostFactory.batchLimit"),
            partial: match self.text("hostFactory.partialStatus") {
                Some("completeWithError") => PartialStatus::CompleteWithError,
                _ => PartialStatus::Complete,
            },
            over_maximum: match self.text("template.overMaximum") {
                Some("clip") => OverMaximum::Clip,
                _ => OverMaximum::Refuse,
            },
            strict_owner: self.flag("hostFactory.strictOwner"),
            terminate_on_reclaim: self.flag("hostFactory.terminateOnReclaim"),
        }
    }

    /// The operator's deadline, and always a little less than Host Factory's own.
    fn hard_budget(&self, environment: &Environment, warnings: &mut Vec<String>) -> Duration {
        let own = self.seconds("hostFactory.callDeadlineSeconds");
        let Some(text) = environment.get(env::HF_PROVIDER_ACTION_TIMEOUT) else { return own };
        match text.parse::<u64>() {
            Ok(limit) if limit > 0 => {
                let limit = Duration::from_secs(limit);
                let margin = (limit / 10).clamp(Duration::from_millis(500), Duration::from_secs(10));
                own.min(limit.saturating_sub(margin))
            }
            _ => {
                warnings
                    .push(format!("set aside: {} is not a number of seconds above 0", env::HF_PROVIDER_ACTION_TIMEOUT));
                own
            }
        }
    }
}
