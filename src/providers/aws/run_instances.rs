//! Hosts through EC2 `RunInstances`: one call is one pool, and its token makes it safe to send again.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::operation::run_instances::RunInstancesOutput;
use shaku::{Component, Keyed};

use super::client::{ClientSource, Clients};
use super::error::{incomplete, provider_error};
use super::limit::Call;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{observation, prepare, request, sighting, tags, terminate};
use crate::application::ProviderError;
use crate::application::ports::{Acquired, Fulfilment, Launch, Owner, Released};
use crate::domain::request::LaunchPlan;
use crate::domain::template::{ProviderApi, Template};
use crate::domain::{ClientToken, Digest, FailureClass, MachineId};

const OPERATION: &str = "RunInstances";
/// The most user data, before base64 (`aws-semantics.md` section 2).
const MOST_USER_DATA: usize = 16 * 1024;

/// Gets hosts through `RunInstances`.
#[derive(Component)]
#[shaku(interface = Fulfilment)]
pub struct RunInstances {
    #[shaku(inject)]
    clients: Arc<dyn ClientSource>,
}

impl Keyed for RunInstances {
    type KeyType = ProviderApi;
    const KEY: ProviderApi = ProviderApi::RunInstances;
}

fn invalid(text: impl Into<String>) -> ProviderError {
    ProviderError::new(OPERATION, FailureClass::Invalid, text)
}

/// Checks the boot script against what the request was frozen with, and encodes it.
fn encoded(user_data: Option<&str>, frozen: Option<&Digest>) -> Result<Option<String>, ProviderError> {
    if user_data.map(|text| Digest::of(&[text])).as_ref() != frozen {
        let text =
            "the boot script (userDataScript) is not the one the request was made with; put it back, or ask anew";
        return Err(invalid(text));
    }
    user_data.map(|text| fits(text).map(|()| aws_smithy_types::base64::encode(text))).transpose()
}

fn fits(user_data: &str) -> Result<(), ProviderError> {
    if user_data.len() > MOST_USER_DATA {
        let size = user_data.len();
        return Err(invalid(format!("the boot script has {size} bytes; AWS takes at most {MOST_USER_DATA}")));
    }
    Ok(())
}

fn acquired(answer: &RunInstancesOutput) -> Result<Acquired, ProviderError> {
    let instances = answer.instances();
    if instances.is_empty() {
        return Err(incomplete(OPERATION, "it names no instance"));
    }
    let hosts =
        instances.iter().map(|instance| sighting::of_instance(OPERATION, instance)).collect::<Result<_, _>>()?;
    Ok(Acquired { hosts, resource: answer.reservation_id().map(str::to_owned) })
}

impl RunInstances {
    /// Returns the component over these clients.
    #[cfg(test)]
    pub(super) fn over(clients: Arc<dyn ClientSource>) -> Self {
        Self { clients }
    }

    /// Takes in what the token has launched already; where that is nothing, or cannot be seen, `error` stands.
    async fn launched_before(
        &self,
        clients: &Clients,
        token: &ClientToken,
        error: ProviderError,
    ) -> Result<Acquired, ProviderError> {
        let policy = Policy::describes(self.clients.settings());
        match observation::launched_with(clients, policy, token).await {
            Ok((hosts, resource)) if !hosts.is_empty() => Ok(Acquired { hosts, resource }),
            Ok(_) | Err(_) => Err(error),
        }
    }
}

#[async_trait]
impl Fulfilment for RunInstances {
    async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
        let settings = self.clients.settings();
        let launch = template.launch();
        let tags = tags::launch_tags(&settings.tags, &launch.tags, owner, ProviderApi::RunInstances)?;
        if let Some(text) = launch.user_data.as_ref().and_then(|data| data.text()) {
            fits(text)?;
        }
        let clients = self.clients.clients().await?;
        let frozen = prepare::frozen(clients, Policy::describes(settings), launch, tags).await?;
        let parameters = serde_json::to_value(&frozen)
            .map_err(|error| invalid(format!("the parameters cannot be written down: {error}")))?;
        Ok(LaunchPlan { pools: prepare::pools(launch, template.price_type()), parameters })
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let frozen = FrozenParameters::from_plan(OPERATION, &launch.plan.parameters)?;
        let clients = self.clients.clients().await?;
        let token = &launch.attempt.token;
        let user_data = match encoded(launch.user_data, frozen.user_data_digest.as_ref()) {
            Ok(user_data) => user_data,
            // The attempt may have been sent before the script changed.
            Err(error) => return self.launched_before(clients, token, error).await,
        };
        let call = request::of_attempt(&clients.ec2, launch.attempt, &frozen, user_data);
        let policy = Policy::creates(self.clients.settings());
        let outcome =
            retry::send(&clients.gate, Call { operation: OPERATION, hosts: launch.attempt.count }, policy, || async {
                let answer = call.clone().send().await.map_err(|error| provider_error(OPERATION, &error))?;
                acquired(&answer)
            })
            .await;
        match outcome {
            Err(error) if error.class == FailureClass::Idempotency => self.launched_before(clients, token, error).await,
            other => other,
        }
    }

    async fn release(&self, hosts: &[MachineId]) -> Released {
        terminate::release(self.clients.as_ref(), hosts).await
    }
}

#[cfg(test)]
#[path = "run_instances_tests.rs"]
mod tests;
