//! The SDK clients, built once and on first use (R-49: a call that is answered from the store builds none).

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ec2::config::IdentityCache;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use shaku::{Component, Interface};
use tokio::sync::OnceCell;

use super::held::Held;
use super::identity::Identity;
use super::limit::Limiter;
use super::retry::Gate;
use super::whole::WholeAnswers;
use super::{credentials, http};
use crate::application::ProviderError;
use crate::application::ports::{Clock, Notebook};
use crate::application::settings::AwsSettings;
use crate::domain::FailureClass;

/// The clients of the services we ask.
#[derive(Clone)]
pub struct Clients {
    pub(super) ec2: aws_sdk_ec2::Client,
    pub(super) groups: aws_sdk_autoscaling::Client,
    pub(super) ssm: aws_sdk_ssm::Client,
    /// For services that a call of Host Factory never asks, whose clients are built where they are needed.
    pub(super) config: SdkConfig,
    pub(super) gate: Gate,
    pub(super) notebook: Arc<dyn Notebook>,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clients").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// Gives clients and settings to the components of this provider.
#[async_trait]
pub trait ClientSource: Interface {
    /// Returns the clients, built by the first call, which also finds the credentials and makes sure whose they are.
    ///
    /// # Errors
    /// [`ProviderError`] of class `Invalid` when the settings do not do; of class `AuthExpired` when there are no
    /// credentials, or those of another account than the work folder's.
    async fn clients(&self) -> Result<&Clients, ProviderError>;

    /// Returns the settings.
    fn settings(&self) -> &AwsSettings;
}

/// Builds the clients from [`AwsSettings`].
#[derive(Component)]
#[shaku(interface = ClientSource)]
pub struct AwsClients {
    #[shaku(inject)]
    notebook: Arc<dyn Notebook>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
    /// How to reach AWS.
    #[shaku(default)]
    settings: AwsSettings,
    /// Another way to speak HTTP, for tests.
    #[shaku(default)]
    http_client: Option<SharedHttpClient>,
    /// Filled by the first call.
    #[shaku(default)]
    clients: OnceCell<Clients>,
}

impl AwsClients {
    /// Returns clients that speak through `http_client`.
    #[cfg(test)]
    pub(super) fn over(
        settings: AwsSettings,
        http_client: SharedHttpClient,
        notebook: Arc<dyn Notebook>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { notebook, clock, settings, http_client: Some(http_client), clients: OnceCell::new() }
    }

    async fn build(&self) -> Result<Clients, ProviderError> {
        let settings = &self.settings;
        let region =
            settings.region.as_deref().map(str::trim).filter(|region| !region.is_empty()).ok_or_else(|| {
                let text = "no AWS region is configured; set provider.aws.region or AWS_REGION";
                ProviderError::new("configuration", FailureClass::Invalid, text)
            })?;
        let name = region.to_owned();
        let region = Region::new(name.clone());
        let (http, metadata_http) = match &self.http_client {
            Some(client) => (client.clone(), client.clone()),
            None => (http::client(settings)?, http::direct_client()),
        };
        let credentials = credentials::provider(settings, &region, http.clone(), metadata_http).await;
        let credentials = Arc::new(Held::new(credentials, self.clock.clone()));
        let shared: Arc<dyn ProvideCredentials> = credentials.clone();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(settings.connect_timeout)
            .operation_attempt_timeout(settings.attempt_timeout)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .region(region)
            .http_client(http)
            .credentials_provider(SharedCredentialsProvider::from(shared))
            // `Held` keeps them, and lets go of them when AWS refuses them.
            .identity_cache(IdentityCache::no_cache())
            .timeout_config(timeouts)
            // One attempt each: `retry` decides what is sent again.
            .retry_config(RetryConfig::disabled());
        if let Some(profile) = &settings.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = &settings.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        let config = loader.load().await;
        let ec2 = aws_sdk_ec2::config::Builder::from(&config).interceptor(WholeAnswers).build();
        let (notebook, clock) = (self.notebook.clone(), self.clock.clone());
        Ok(Clients {
            ec2: aws_sdk_ec2::Client::from_conf(ec2),
            groups: aws_sdk_autoscaling::Client::new(&config),
            ssm: aws_sdk_ssm::Client::new(&config),
            config: config.clone(),
            notebook: notebook.clone(),
            gate: Gate {
                limiter: Arc::new(Limiter::new(settings, notebook.clone(), clock.clone())),
                identity: Arc::new(Identity::new(config, credentials, name, notebook, clock.clone())),
                clock,
            },
        })
    }
}

#[async_trait]
impl ClientSource for AwsClients {
    async fn clients(&self) -> Result<&Clients, ProviderError> {
        let clients = self.clients.get_or_try_init(|| self.build()).await?;
        clients.gate.identity.check().await?;
        Ok(clients)
    }

    fn settings(&self) -> &AwsSettings {
        &self.settings
    }
}

impl fmt::Debug for AwsClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsClients").field("region", &self.settings.region).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use shaku::{HasComponent, HasComponentMap, module};

    use super::*;
    use crate::application::ports::{Fulfilment, Host, Observation};
    use crate::domain::template::{PriceType, ProviderApi, ProviderKind};
    use crate::infrastructure::clock::SystemClock;
    use crate::infrastructure::storage::{FileInstallation, FileNotebook, FileNotebookParameters};
    use crate::providers::aws::fake::{FakeAws, Reply};
    use crate::providers::aws::{AwsObservation, RunInstances};

    module! {
        Wired {
            components = [
                #[lazy] SystemClock,
                #[lazy] FileNotebook,
                #[lazy] FileInstallation,
                #[lazy] AwsClients,
                #[lazy] #[keyed(dyn Fulfilment, ProviderApi)] RunInstances,
                #[lazy] #[keyed(dyn Observation, ProviderKind)] AwsObservation
            ],
            providers = []
        }
    }

    fn hosts() -> Vec<Host> {
        vec![Host { id: "i-0123456789abcdef0".parse().unwrap(), price_type: PriceType::OnDemand, ending_since: None }]
    }

    #[tokio::test]
    async fn components_share_one_source_and_ask_nobody_when_they_are_built() {
        let fake = FakeAws::new(|_| Reply::Lost);
        let work = tempfile::tempdir().unwrap();
        let module = Wired::builder()
            .with_component_parameters::<FileNotebook>(FileNotebookParameters { work_dir: work.path().to_owned() })
            .with_component_parameters::<AwsClients>(AwsClientsParameters {
                settings: fake.settings(),
                http_client: Some(fake.http_client()),
                ..Default::default()
            })
            .build();
        let fulfilments: &std::collections::HashMap<ProviderApi, Arc<dyn Fulfilment>> = module.resolve_map();
        assert!(fulfilments.contains_key(&ProviderApi::RunInstances));
        let observations: &std::collections::HashMap<ProviderKind, Arc<dyn Observation>> = module.resolve_map();
        let observation = &observations[&ProviderKind::Aws];
        assert!(observation.observe(&[]).await.unwrap().is_empty());
        let source: &dyn ClientSource = module.resolve_ref();
        assert_eq!(source.settings().region.as_deref(), Some("eu-west-1"));
        assert!(fake.seen().is_empty());
        assert_eq!(observation.observe(&hosts()).await.unwrap_err().class, FailureClass::Network);
        assert_eq!(
            fake.actions(),
            ["GetCallerIdentity", "DescribeInstances", "DescribeInstances", "DescribeInstances"]
        );
    }

    #[tokio::test]
    async fn a_missing_region_names_the_key_and_the_variable() {
        let fake = FakeAws::new(|_| Reply::Lost);
        for region in [None, Some("  ".to_owned())] {
            let clients = fake.clients_with(AwsSettings { region, ..fake.settings() });
            let error = clients.clients().await.unwrap_err();
            assert_eq!(error.class, FailureClass::Invalid);
            assert!(error.message.contains("provider.aws.region") && error.message.contains("AWS_REGION"), "{error}");
        }
    }

    #[tokio::test]
    async fn credentials_that_cannot_be_loaded_are_no_network_error() {
        let fake = FakeAws::new(|_| Reply::Lost);
        let settings = AwsSettings { credential_file: Some("/nonexistent/keys".into()), ..fake.settings() };
        let clients = fake.clients_with(settings);
        let error = clients.clients().await.unwrap_err();
        assert_eq!(error.class, FailureClass::AuthExpired);
        assert!(error.is_auth() && error.message.contains("/nonexistent/keys"), "{error}");
        assert!(fake.seen().is_empty());
    }

    #[tokio::test]
    async fn the_endpoint_is_the_configured_one() {
        let fake = FakeAws::new(|_| Reply::Lost);
        let settings = AwsSettings { endpoint_url: Some("http://127.0.0.1:5000".to_owned()), ..fake.settings() };
        let clients = fake.clients_with(settings);
        let _ = clients.clients().await.unwrap().ec2.describe_instances().send().await;
        assert_eq!(fake.seen()[0].get("Uri"), Some("http://127.0.0.1:5000/"));
    }
}
