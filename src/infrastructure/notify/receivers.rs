//! Everybody who is told of events, by name.

use std::time::Duration;

use async_trait::async_trait;

use super::http::{self, Post};
use super::{document, program};
use crate::application::ports::{SinkProfile, Sinks};
use crate::domain::Timestamp;
use crate::domain::event::EventEnvelope;
use crate::infrastructure::config::{SinkSettings, SnsForm, SnsSettings, WebhookSettings};

const WEBHOOK: &str = "webhook";
const COMMAND: &str = "command";
const SNS: &str = "sns";

/// Tells those that are configured.
#[derive(Debug, Default)]
pub struct Receivers {
    /// Who they are.
    pub settings: SinkSettings,
}

impl Receivers {
    fn to_webhook(&self, webhook: &WebhookSettings, events: &[EventEnvelope]) -> Post {
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(webhook.header.clone());
        let body = document::of(&self.settings.instance, events).to_string().into_bytes();
        Post { url: webhook.url.clone(), headers, body }
    }

    fn to_sns(&self, sns: &SnsSettings, events: &[EventEnvelope], now: Timestamp) -> Post {
        let instance = self.settings.instance.as_str();
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let (headers, body) = match sns.form {
            SnsForm::Notification => {
                let headers = vec![
                    header("content-type", "text/plain; charset=UTF-8"),
                    header("x-amz-sns-message-type", "Notification"),
                    header("x-amz-sns-message-id", &document::message_id(instance, events)),
                    header("x-amz-sns-topic-arn", &sns.topic),
                ];
                (headers, document::notification(&sns.topic, instance, events, now).to_string())
            }
            SnsForm::Publish => {
                let members = document::publication(&sns.topic, instance, events);
                let pairs: Vec<String> =
                    members.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
                (vec![header("content-type", "application/x-www-form-urlencoded")], pairs.join("&"))
            }
        };
        Post { url: sns.url.clone(), headers, body: body.into_bytes() }
    }

    async fn post(&self, post: Post, within: Duration) -> Result<(), String> {
        let settings = self.settings.clone();
        // Looking up a name cannot be bounded, so another thread does it, and the process ends without it.
        let sent = tokio::task::spawn_blocking(move || http::send(&post, &settings, within));
        match tokio::time::timeout(within, sent).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("an internal error stopped it".to_owned()),
            Err(_) => Err(format!("it did not take it within {:.1} seconds", within.as_secs_f64())),
        }
    }
}

/// Returns a value as it stands in a form.
fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len() * 2);
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.extend([format!("%{byte:02X}")]);
        }
    }
    text
}

#[async_trait]
impl Sinks for Receivers {
    fn configured(&self) -> Vec<SinkProfile> {
        let SinkSettings { webhook, command, sns, .. } = &self.settings;
        let webhook = webhook.as_ref().map(|webhook| SinkProfile {
            name: WEBHOOK,
            target: webhook.shown(),
            wanted: webhook.wanted.clone(),
        });
        let command = command.as_ref().map(|command| SinkProfile {
            name: COMMAND,
            target: command.program.display().to_string(),
            wanted: command.wanted.clone(),
        });
        let sns = sns.as_ref().map(|sns| SinkProfile { name: SNS, target: sns.shown(), wanted: sns.wanted.clone() });
        [webhook, command, sns].into_iter().flatten().collect()
    }

    async fn send(&self, sink: &str, events: &[EventEnvelope], now: Timestamp, within: Duration) -> Result<(), String> {
        match (sink, &self.settings) {
            (WEBHOOK, SinkSettings { webhook: Some(webhook), .. }) => {
                self.post(self.to_webhook(webhook, events), within).await
            }
            (SNS, SinkSettings { sns: Some(sns), .. }) => self.post(self.to_sns(sns, events, now), within).await,
            (COMMAND, SinkSettings { command: Some(command), .. }) => {
                let document = document::of(&self.settings.instance, events).to_string();
                program::run(&command.program, document.as_bytes(), within).await
            }
            _ => Err("it is not configured".to_owned()),
        }
    }
}

#[cfg(test)]
#[path = "receivers_tests.rs"]
mod tests;
