//! The configuration in the types that the program works with.

use std::path::PathBuf;
use std::time::Duration;

use super::keys::Setting;
use super::layers::Layers;
use super::{ConfigurationError, Environment, env};
use crate::application::settings::{AwsSettings, CareSettings, HealthSettings, ScheduledEvents, SimulatedSettings};
use crate::domain::notes::BrakePolicy;
use crate::domain::request::{OverMaximum, PartialStatus, RequestPolicy};

/// Returns whether a text is the name or address of a host.
pub(super) fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

/// Typed access. Every value was checked when it was put in; a key without a value reads as nothing.
impl Layers {
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some((Setting::Text(text), _)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&self, name: &str) -> u64 {
        match self.get(name) {
            Some((Setting::Number(number), _)) => *number,
            _ => 0,
        }
    }

    pub(super) fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).unwrap_or(u32::MAX)
    }

    pub(super) fn percent(&self, name: &str) -> u8 {
        u8::try_from(self.number(name)).unwrap_or(100)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some((Setting::Flag(true), _)))
    }

    pub(super) fn seconds(&self, name: &str) -> Duration {
        Duration::from_secs(self.number(name))
    }

    pub(super) fn minutes(&self, name: &str) -> Duration {
        Duration::from_mins(self.number(name))
    }

    pub(super) fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }

    pub(super) fn aws(&self) -> Result<AwsSettings, ConfigurationError> {
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

    pub(super) fn proxy(&self) -> Result<Option<String>, ConfigurationError> {
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

    pub(super) fn simulated(&self) -> SimulatedSettings {
        SimulatedSettings {
            boot: self.seconds("provider.simulated.bootSeconds"),
            shutdown: self.seconds("provider.simulated.shutdownSeconds"),
            failure_percent: self.percent("provider.simulated.failurePercent"),
            reclaim_percent: self.percent("provider.simulated.reclaimPercent"),
            reclaim_after: self.seconds("provider.simulated.reclaimAfterSeconds"),
        }
    }

    pub(super) fn care(&self) -> CareSettings {
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

    pub(super) fn health(&self) -> HealthSettings {
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

    pub(super) fn policy(&self) -> RequestPolicy {
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
    pub(super) fn hard_budget(&self, environment: &Environment, warnings: &mut Vec<String>) -> Duration {
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
