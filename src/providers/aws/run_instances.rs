//! Hosts through EC2 `RunInstances`: one call is one pool, and its token makes it safe to send again.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::operation::run_instances::RunInstancesOutput;
use shaku::{Component, Keyed};

use super::client::{ClientSource, Clients};
use super::error::{incomplete, provider_error};
use super::identity::Certainty;
use super::limit::Call;
use super::overlay::Overlay;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{observation, prepare, rehearsal, request, sighting, terminate, user_data};
use crate::application::ProviderError;
use crate::application::ports::{Acquired, Fulfilment, Launch, Owner, Rehearsal, Released};
use crate::domain::machine::Sighting;
use crate::domain::request::{Attempt, LaunchPlan, Refusal};
use crate::domain::template::{ProviderApi, Template};
use crate::domain::{FailureClass, MachineId};

const OPERATION: &str = "RunInstances";

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

fn acquired(attempt: &Attempt, answer: &RunInstancesOutput) -> Result<Acquired, ProviderError> {
    let instances = answer.instances();
    if instances.is_empty() {
        return Err(incomplete(OPERATION, "it names no instance"));
    }
    let hosts =
        instances.iter().map(|instance| sighting::of_instance(OPERATION, instance)).collect::<Result<_, _>>()?;
    Ok(of_hosts(attempt, hosts, answer.reservation_id().map(str::to_owned)))
}

/// What a call brought. Fewer hosts than were asked for are all that the pool has.
fn of_hosts(attempt: &Attempt, hosts: Vec<Sighting>, resource: Option<String>) -> Acquired {
    let short = hosts.len() < attempt.count as usize;
    let message = format!("a pool gave fewer hosts than asked for ({} of {})", hosts.len(), attempt.count);
    let refusal = Refusal { pool: None, class: FailureClass::Capacity, code: None, message };
    Acquired { hosts, resource, filling: false, refusals: short.then_some(refusal).into_iter().collect() }
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
        attempt: &Attempt,
        error: ProviderError,
    ) -> Result<Acquired, ProviderError> {
        match self.find(clients, attempt).await {
            Ok(Some(acquired)) => Ok(acquired),
            Ok(None) | Err(_) => Err(error),
        }
    }

    async fn find(&self, clients: &Clients, attempt: &Attempt) -> Result<Option<Acquired>, ProviderError> {
        let policy = Policy::describes(self.clients.settings());
        let (hosts, resource) = observation::launched_with(clients, policy, &attempt.token).await?;
        Ok((!hosts.is_empty()).then(|| of_hosts(attempt, hosts, resource)))
    }
}

#[async_trait]
impl Fulfilment for RunInstances {
    async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
        let clients = self.clients.clients().await?;
        prepare::of_one_pool_at_a_time(clients, self.clients.settings(), template, owner).await
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let frozen = FrozenParameters::from_plan(OPERATION, &launch.plan.parameters)?;
        let clients = self.clients.clients().await?;
        let user_data = match user_data::encoded(OPERATION, launch.user_data, frozen.user_data_digest.as_ref()) {
            Ok(user_data) => user_data,
            // The attempt may have been sent before the script changed.
            Err(error) => return self.launched_before(clients, launch.attempt, error).await,
        };
        let [pool] = launch.attempt.pools.as_slice() else {
            return Err(invalid("the stored attempt names not one pool; RunInstances takes one"));
        };
        let call = request::of_attempt(&clients.ec2, launch.attempt, pool, &frozen, user_data);
        let overlay = Overlay(frozen.native.call.clone());
        let policy = Policy::creates(self.clients.settings());
        let outcome =
            retry::send(&clients.gate, Call { operation: OPERATION, hosts: launch.attempt.count }, policy, || async {
                let call = call.clone().customize().interceptor(overlay.clone());
                let answer = call.send().await.map_err(|error| provider_error(OPERATION, &error))?;
                acquired(launch.attempt, &answer)
            })
            .await;
        match outcome {
            Err(error) if error.class == FailureClass::Idempotency => {
                self.launched_before(clients, launch.attempt, error).await
            }
            other => other,
        }
    }

    async fn rehearse(&self, launch: Launch<'_>, check: bool) -> Result<Rehearsal, ProviderError> {
        rehearsal::of(self.clients.as_ref(), check, |clients| async move { Self { clients }.acquire(launch).await })
            .await
    }

    async fn recall(&self, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
        let clients = self.clients.clients().await?;
        let found = self.find(clients, launch.attempt).await?;
        if found.is_none() && clients.gate.identity.certainty().await == Certainty::Doubtful {
            return Err(observation::unconfirmed());
        }
        Ok(found)
    }

    async fn release(&self, _: Option<&str>, hosts: &[MachineId]) -> Released {
        terminate::release(self.clients.as_ref(), hosts).await
    }
}

#[cfg(test)]
#[path = "run_instances_tests.rs"]
mod tests;
