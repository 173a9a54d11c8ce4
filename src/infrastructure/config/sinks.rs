//! Who is told of events, as the operator configured it.
//!
//! Invariant: `Debug` shows no address and no header.

use std::fmt;
use std::path::PathBuf;

use super::address::masked;
use super::layers::Layers;
use crate::application::settings::AwsSettings;
use crate::domain::delivery::Wanted;

/// A receiver of JSON over HTTP.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// Its address.
    pub url: String,
    /// A header's name and value.
    pub header: Option<(String, String)>,
    /// What it is told of.
    pub wanted: Wanted,
}

/// A program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSettings {
    /// Where it is.
    pub program: PathBuf,
    /// What it is told of.
    pub wanted: Wanted,
}

/// Which of SNS's forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnsForm {
    /// What SNS posts to the subscribers of a topic.
    Notification,
    /// The call `Publish`.
    Publish,
}

/// A receiver that speaks as Amazon SNS does.
#[derive(Clone, PartialEq, Eq)]
pub struct SnsSettings {
    /// Its address.
    pub url: String,
    /// Which form it takes.
    pub form: SnsForm,
    /// The topic that is named.
    pub topic: String,
    /// What it is told of.
    pub wanted: Wanted,
}

/// Everybody who is told of events.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SinkSettings {
    /// The provider instance's name, which stands in each document.
    pub instance: String,
    /// A receiver of JSON over HTTP.
    pub webhook: Option<WebhookSettings>,
    /// A program.
    pub command: Option<CommandSettings>,
    /// A receiver that speaks as Amazon SNS does.
    pub sns: Option<SnsSettings>,
    /// Whether they may be reached through a proxy.
    pub may_use_proxy: bool,
    /// The proxy that is configured.
    pub proxy: Option<String>,
    /// A PEM file with the certificates to trust; else the system's.
    pub ca_bundle: Option<PathBuf>,
}

impl fmt::Debug for SinkSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkSettings")
            .field("webhook", &self.webhook.is_some())
            .field("command", &self.command)
            .field("sns", &self.sns.is_some())
            .finish_non_exhaustive()
    }
}

impl WebhookSettings {
    /// Returns the address without what may be a secret.
    pub fn shown(&self) -> String {
        masked(&self.url).into_owned()
    }
}

impl SnsSettings {
    /// Returns the address without what may be a secret.
    pub fn shown(&self) -> String {
        masked(&self.url).into_owned()
    }
}

impl Layers {
    pub(super) fn sinks(&self, instance: &str, aws: &AwsSettings) -> SinkSettings {
        let wanted = |name| {
            let words: Vec<&str> = self
                .text(name)
                .into_iter()
                .flat_map(|words| words.split(','))
                .filter(|word| !word.is_empty())
                .collect();
            Wanted::of(&words)
        };
        let header = self.text("events.webhook.header").and_then(|header| header.split_once(':'));
        SinkSettings {
            instance: instance.to_owned(),
            webhook: self.text("events.webhook.url").map(|url| WebhookSettings {
                url: url.to_owned(),
                header: header.map(|(name, value)| (name.to_owned(), value.trim().to_owned())),
                wanted: wanted("events.webhook.only"),
            }),
            command: self.text("events.command.program").map(|program| CommandSettings {
                program: PathBuf::from(program),
                wanted: wanted("events.command.only"),
            }),
            sns: self.text("events.sns.url").map(|url| SnsSettings {
                url: url.to_owned(),
                form: if self.text("events.sns.form") == Some("publish") {
                    SnsForm::Publish
                } else {
                    SnsForm::Notification
                },
                topic: self.text("events.sns.topicArn").unwrap_or_default().to_owned(),
                wanted: wanted("events.sns.only"),
            }),
            may_use_proxy: self.text("events.proxy") != Some("none"),
            proxy: aws.proxy.clone(),
            ca_bundle: aws.ca_bundle.clone(),
        }
    }
}
