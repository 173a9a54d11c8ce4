//! Hosts through an EC2 Fleet of type `instant`: one call asks several pools, and answers with the hosts and with what each
//! pool refused.
//!
//! Invariant: the fleet itself is never deleted, since that would end all its hosts; its record costs nothing.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_ec2::operation::create_fleet::CreateFleetOutput;
use aws_sdk_ec2::types::{FleetType, InstanceLifecycle, InstanceType};
use aws_smithy_types::timeout::TimeoutConfig;
use shaku::{Component, Keyed};

use super::client::{ClientSource, Clients};
use super::error::{incomplete, provider_error};
use super::fleet::{self, CREATE, Sources};
use super::identity::Certainty;
use super::launch_template::Tagging;
use super::limit::Call;
use super::overlay::Overlay;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{launch_template, observation, prepare, rehearsal, terminate, user_data};
use crate::application::ProviderError;
use crate::application::ports::{Acquired, Fulfilment, Launch, Owner, Rehearsal, Released};
use crate::domain::machine::{MachineStatus, Sighting};
use crate::domain::request::{Attempt, LaunchPlan, Refusal};
use crate::domain::template::{PriceType, ProviderApi, Template};
use crate::domain::{FailureClass, InstallationId, MachineId};

/// Gets hosts through instant EC2 Fleets.
#[derive(Component)]
#[shaku(interface = Fulfilment)]
pub struct InstantFleet {
    #[shaku(inject)]
    clients: Arc<dyn ClientSource>,
}

impl Keyed for InstantFleet {
    type KeyType = ProviderApi;
    const KEY: ProviderApi = ProviderApi::Ec2FleetInstant;
}

/// Returns the hosts of an answer; what they are doing is not in it.
fn hosts(answer: &CreateFleetOutput) -> Result<Vec<Sighting>, ProviderError> {
    let mut hosts = Vec::new();
    for group in answer.instances() {
        for id in group.instance_ids() {
            let id: MachineId = id.parse().map_err(|error| incomplete(CREATE, &format!("{error}")))?;
            hosts.push(Sighting {
                id,
                status: MachineStatus::Pending,
                name: None,
                private_ip: None,
                public_ip: None,
                launched_at: None,
                instance_type: group.instance_type().map(|kind: &InstanceType| kind.as_str().to_owned()),
                price_type: match group.lifecycle() {
                    Some(InstanceLifecycle::Spot) => PriceType::Spot,
                    _ => PriceType::OnDemand,
                },
                zone: group.availability_zone().map(str::to_owned),
                tags: String::new(),
                reason: None,
                owner: None,
                request: None,
                template: None,
                resource: answer.fleet_id().map(str::to_owned),
                api: Some(ProviderApi::Ec2FleetInstant),
            });
        }
    }
    Ok(hosts)
}

fn acquired(attempt: &Attempt, answer: &CreateFleetOutput) -> Result<Acquired, ProviderError> {
    let mut refusals = fleet::refusals(attempt, answer.errors());
    for refusal in &mut refusals {
        // The template is made anew, and the same pools are asked again under another token.
        if refusal.class == FailureClass::Gone && refusal.message.contains("LaunchTemplate") {
            refusal.class = FailureClass::Busy;
        }
    }
    Ok(Acquired { hosts: hosts(answer)?, resource: answer.fleet_id().map(str::to_owned), filling: false, refusals })
}

impl InstantFleet {
    /// Returns the component over these clients.
    #[cfg(test)]
    pub(super) fn over(clients: Arc<dyn ClientSource>) -> Self {
        Self { clients }
    }

    async fn send(
        &self,
        clients: &Clients,
        launch: Launch<'_>,
        frozen: &FrozenParameters,
        sources: &Sources,
    ) -> Result<Acquired, ProviderError> {
        let policy = Policy::creates(self.clients.settings());
        sources.ensure(clients, policy).await?;
        let call = fleet::of_attempt(&clients.ec2, FleetType::Instant, launch.attempt, launch.plan, frozen, sources);
        let patience = self.clients.settings().attempt_timeout.max(fleet::INSTANT_TIMEOUT);
        let timeouts = TimeoutConfig::builder().operation_attempt_timeout(patience).build();
        let overlay = Overlay(frozen.native.call.clone());
        let limit = Call { operation: CREATE, hosts: launch.attempt.count };
        // Launches that AWS throttled are told among the errors of an answer that is a success (4.3).
        let throttled = |acquired: &Acquired| acquired.refusals.iter().any(|r| r.class == FailureClass::Throttle);
        retry::send_heeding(&clients.gate, limit, policy, throttled, || async {
            let patient = aws_sdk_ec2::config::Builder::new().timeout_config(timeouts.clone());
            let call = call.clone().customize().config_override(patient).interceptor(overlay.clone());
            let answer = call.send().await;
            acquired(launch.attempt, &answer.map_err(|error| provider_error(CREATE, &error))?)
        })
        .await
    }

    /// Finds the hosts of an attempt by its tags.
    async fn find(&self, clients: &Clients, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
        let frozen = FrozenParameters::from_plan(CREATE, &launch.plan.parameters)?;
        let policy = Policy::describes(self.clients.settings());
        let hosts = observation::of_attempt(clients, policy, &frozen.tags, launch.attempt.number).await?;
        let resource = hosts.first().and_then(|host| host.resource.clone());
        let weight = |host: &Sighting| launch.plan.weight(host.instance_type.as_deref());
        let short = hosts.iter().map(weight).sum::<u32>() < launch.attempt.count;
        let message = "its answer was lost, and fewer hosts were found than it asked for".to_owned();
        let refusal = Refusal { pool: None, class: FailureClass::Capacity, code: None, message };
        let refusals = short.then_some(refusal).into_iter().collect();
        Ok((!hosts.is_empty()).then_some(Acquired { hosts, resource, filling: false, refusals }))
    }

    async fn launched_before(
        &self,
        clients: &Clients,
        launch: Launch<'_>,
        error: ProviderError,
    ) -> Result<Acquired, ProviderError> {
        match self.find(clients, launch).await {
            Ok(Some(acquired)) => Ok(acquired),
            Ok(None) | Err(_) => Err(error),
        }
    }
}

#[async_trait]
impl Fulfilment for InstantFleet {
    async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
        let clients = self.clients.clients().await?;
        prepare::of_fleet(clients, self.clients.settings(), template, owner).await
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let frozen = FrozenParameters::from_plan(CREATE, &launch.plan.parameters)?;
        let clients = self.clients.clients().await?;
        let user_data = match user_data::encoded(CREATE, launch.user_data, frozen.user_data_digest.as_ref()) {
            Ok(user_data) => user_data,
            // The attempt may have been sent before the script changed.
            Err(error) => return self.launched_before(clients, launch, error).await,
        };
        let sources = Sources::of(&frozen, launch.attempt, user_data.as_ref(), Tagging::Call);
        let mut outcome = self.send(clients, launch, &frozen, &sources).await;
        let lacks_template = match &outcome {
            Err(error) => error.class == FailureClass::Gone,
            Ok(acquired) => acquired.refusals.iter().any(|refusal| refusal.class == FailureClass::Busy),
        };
        if lacks_template {
            sources.forget(clients).await;
            if outcome.is_err() {
                outcome = self.send(clients, launch, &frozen, &sources).await;
            }
        }
        match outcome {
            Err(error) if error.class == FailureClass::Idempotency => {
                self.launched_before(clients, launch, error).await
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
        let found = self.find(clients, launch).await?;
        if found.is_none() && clients.gate.identity.certainty().await == Certainty::Doubtful {
            return Err(observation::unconfirmed());
        }
        Ok(found)
    }

    async fn release(&self, _: Option<&str>, hosts: &[MachineId]) -> Released {
        terminate::release(self.clients.as_ref(), hosts).await
    }

    async fn sweep(&self, installation: &InstallationId) -> Result<(), ProviderError> {
        launch_template::sweep(self.clients.as_ref(), installation, None, &HashSet::new()).await
    }
}

#[cfg(test)]
#[path = "instant_fleet_tests.rs"]
mod tests;
