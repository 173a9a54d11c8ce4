//! Hosts through Auto Scaling groups: one group for each attempt, which launches until it has everything and is then kept
//! from launching (`aws-semantics.md` section 6).
//!
//! Invariants: the name follows from the request and the attempt, so that making it again finds it; a desired number is
//! never lowered to end a host; groups that bear another tag are left alone.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_autoscaling::operation::create_auto_scaling_group::builders::CreateAutoScalingGroupFluentBuilder;
use aws_sdk_autoscaling::types::{AutoScalingGroup as Group, Filter, ScalingActivityStatusCode};
use shaku::{Component, Keyed};

use super::client::{ClientSource, Clients};
use super::codes::class_in;
use super::error::{explained, provider_error};
use super::fleet::Sources;
use super::launch_template::Tagging;
use super::overlay::Overlay;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{
    group_creation, group_return, launch_template, observation, prepare, rehearsal, tags, terminate, user_data,
};
use crate::application::ProviderError;
use crate::application::ports::{
    Acquired, Fulfilment, Hold, Keep, Launch, Leftover, Owner, Progress, Rehearsal, Released,
};
use crate::domain::failure::AttemptVerdict;
use crate::domain::request::{Attempt, LaunchPlan, Refusal};
use crate::domain::template::{ProviderApi, Template};
use crate::domain::{FailureClass, InstallationId, MachineId};

const CREATE: &str = "CreateAutoScalingGroup";
const SUSPEND: &str = "SuspendProcesses";
const DESCRIBE: &str = "DescribeAutoScalingGroups";
const ACTIVITIES: &str = "DescribeScalingActivities";
const DELETE: &str = "DeleteAutoScalingGroup";
/// What a group would do by itself to hosts that Symphony uses.
const UNWANTED: [&str; 4] = ["AZRebalance", "ReplaceUnhealthy", "AlarmNotification", "ScheduledActions"];
const LAUNCH: &str = "Launch";
/// The latest activities say what goes wrong; AWS gives the newest first.
const MOST_ACTIVITIES: i32 = 50;

/// Gets hosts through Auto Scaling groups.
#[derive(Component)]
#[shaku(interface = Fulfilment)]
pub struct AutoScaling {
    #[shaku(inject)]
    pub(super) clients: Arc<dyn ClientSource>,
}

impl Keyed for AutoScaling {
    type KeyType = ProviderApi;
    const KEY: ProviderApi = ProviderApi::AutoScaling;
}

/// The name of an attempt's group.
fn name_of(attempt: &Attempt, frozen: &FrozenParameters) -> String {
    let request = frozen.tags.get(tags::REQUEST).map(String::as_str).unwrap_or_default();
    format!("hostfactory-{request}-{}", attempt.number)
}

impl AutoScaling {
    fn policy(&self) -> Policy {
        Policy::creates(self.clients.settings())
    }

    /// Returns a group as it stands; `None` for one that is gone.
    async fn look(&self, name: &str) -> Result<Option<Group>, ProviderError> {
        let clients = self.clients.clients().await?;
        let answer = retry::send(&clients.gate, DESCRIBE, Policy::describes(self.clients.settings()), || async {
            let call = clients.groups.describe_auto_scaling_groups().auto_scaling_group_names(name);
            call.send().await.map_err(|error| provider_error(DESCRIBE, &error))
        })
        .await?;
        let found = answer.auto_scaling_groups.unwrap_or_default();
        Ok(found.into_iter().find(|group| group.auto_scaling_group_name() == Some(name)))
    }

    /// Returns whether a group of this name is this request's own; `None` when there is none.
    async fn is_ours(&self, name: &str, frozen: &FrozenParameters) -> Result<Option<bool>, ProviderError> {
        let Some(group) = self.look(name).await? else { return Ok(None) };
        let value = |key: &str| group.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value());
        let fits = |key: &str| value(key).is_some() && value(key) == frozen.tags.get(key).map(String::as_str);
        Ok(Some(fits(tags::OWNER) && fits(tags::REQUEST)))
    }

    async fn suspend(&self, name: &str, processes: &[&str]) -> Result<(), ProviderError> {
        let clients = self.clients.clients().await?;
        retry::send(&clients.gate, SUSPEND, self.policy(), || async {
            let names = processes.iter().map(|process| (*process).to_owned()).collect();
            let call = clients.groups.suspend_processes().auto_scaling_group_name(name);
            let call = call.set_scaling_processes(Some(names));
            call.send().await.map_err(|error| provider_error(SUSPEND, &error))
        })
        .await
        .map(drop)
    }

    async fn create(
        &self,
        clients: &Clients,
        call: &CreateAutoScalingGroupFluentBuilder,
        overlay: &Overlay,
    ) -> Result<(), ProviderError> {
        retry::send(&clients.gate, CREATE, self.policy(), || async {
            let call = call.clone().customize().interceptor(overlay.clone());
            call.send().await.map_err(|error| provider_error(CREATE, &error))
        })
        .await
        .map(drop)
    }

    /// Removes a group, if need be with the members that it still lists.
    async fn delete(&self, name: &str, force: bool) -> Result<(), ProviderError> {
        let clients = self.clients.clients().await?;
        let deleted = retry::send(&clients.gate, DELETE, self.policy(), || async {
            let call = clients.groups.delete_auto_scaling_group().auto_scaling_group_name(name);
            let call = call.set_force_delete(force.then_some(true));
            call.send().await.map_err(|error| provider_error(DELETE, &error))
        })
        .await;
        match deleted {
            Err(error) if !group_return::is_gone(&error) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// What went wrong with the latest launches, each cause once, and whether the very latest failed.
    async fn troubles(&self, name: &str) -> Result<(Vec<Refusal>, bool), ProviderError> {
        let clients = self.clients.clients().await?;
        let answer = retry::send(&clients.gate, ACTIVITIES, Policy::describes(self.clients.settings()), || async {
            let call = clients.groups.describe_scaling_activities().auto_scaling_group_name(name);
            call.max_records(MOST_ACTIVITIES).send().await.map_err(|error| provider_error(ACTIVITIES, &error))
        })
        .await?;
        let mut refusals: Vec<Refusal> = Vec::new();
        for activity in answer.activities() {
            if activity.status_code() != Some(&ScalingActivityStatusCode::Failed) {
                continue;
            }
            let text = activity.status_message().unwrap_or_default();
            let (code, class) = class_in(text).unwrap_or_else(|| group_return::class_of_words(text));
            if refusals.iter().all(|known| known.code.as_deref() != Some(code)) {
                let message =
                    format!("{}: {name} could not launch. Error Code: {code}. {}", class.word(), explained(text));
                refusals.push(Refusal { pool: None, class, code: Some(code.to_owned()), message });
            }
        }
        let latest = answer.activities().first().and_then(|activity| activity.status_code());
        Ok((refusals, latest == Some(&ScalingActivityStatusCode::Failed)))
    }
}

#[async_trait]
impl Fulfilment for AutoScaling {
    async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
        prepare::of_fleet(self.clients.clients().await?, self.clients.settings(), template, owner).await
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let frozen = FrozenParameters::from_plan(CREATE, &launch.plan.parameters)?;
        let clients = self.clients.clients().await?;
        let user_data = match user_data::encoded(CREATE, launch.user_data, frozen.user_data_digest.as_ref()) {
            Ok(user_data) => user_data,
            Err(error) => return self.recall(launch).await?.ok_or(error),
        };
        let sources = Sources::of(&frozen, launch.attempt, user_data.as_ref(), Tagging::Group);
        let name = name_of(launch.attempt, &frozen);
        let call = group_creation::of_attempt(clients, &name, launch.attempt, launch.plan, &frozen, &sources);
        sources.ensure(clients, self.policy()).await?;
        let overlay = Overlay(frozen.native.call.clone());
        let mut made = self.create(clients, &call, &overlay).await;
        if made.as_ref().is_err_and(|error| error.class == FailureClass::Gone || names_no_template(error)) {
            sources.forget(clients).await;
            sources.ensure(clients, self.policy()).await?;
            made = self.create(clients, &call, &overlay).await;
        }
        match made {
            Ok(()) => {}
            // A replay finds what it made; anything else of that name is not ours to use.
            Err(error) if error.code.as_deref() == Some("AlreadyExists") => match self.is_ours(&name, &frozen).await? {
                Some(true) => {}
                Some(false) => {
                    let text =
                        format!("a group named {name} is there already and bears other tags; remove or rename it");
                    return Err(ProviderError::new(CREATE, FailureClass::Invalid, text));
                }
                None => return Err(ProviderError { class: FailureClass::Busy, ..error }),
            },
            Err(error) => return Err(error),
        }
        self.suspend(&name, &UNWANTED).await?;
        Ok(Acquired { resource: Some(name), filling: true, ..Acquired::default() })
    }

    async fn rehearse(&self, launch: Launch<'_>, check: bool) -> Result<Rehearsal, ProviderError> {
        rehearsal::of(self.clients.as_ref(), check, |clients| async move { Self { clients }.acquire(launch).await })
            .await
    }

    async fn recall(&self, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
        let frozen = FrozenParameters::from_plan(CREATE, &launch.plan.parameters)?;
        let name = name_of(launch.attempt, &frozen);
        if self.is_ours(&name, &frozen).await? != Some(true) {
            return Ok(None);
        }
        self.suspend(&name, &UNWANTED).await?;
        Ok(Some(Acquired { resource: Some(name), filling: true, ..Acquired::default() }))
    }

    async fn progress(&self, resource: &str) -> Result<Progress, ProviderError> {
        if self.look(resource).await?.is_none() {
            return Ok(Progress { over: true, refusals: Vec::new() });
        }
        let (refusals, failed) = self.troubles(resource).await?;
        // It goes on trying for a day; another pool may have hosts now, or Symphony may ask elsewhere.
        let hopeless = refusals
            .iter()
            .any(|refusal| matches!(refusal.class.verdict(), AttemptVerdict::NextPool | AttemptVerdict::Final));
        Ok(Progress { over: failed && hopeless, refusals })
    }

    async fn hold(&self, resource: &str, keep: Keep) -> Result<Hold, ProviderError> {
        let Some(group) = self.look(resource).await? else { return Ok(Hold::Holds) };
        let suspended = |process: &str| {
            group.suspended_processes().iter().any(|suspended| suspended.process_name() == Some(process))
        };
        let wanted = UNWANTED.into_iter().chain((keep.more == 0).then_some(LAUNCH));
        let missing: Vec<&str> = wanted.filter(|process| !suspended(process)).collect();
        if !missing.is_empty() {
            self.suspend(resource, &missing).await?;
        }
        Ok(Hold::Holds)
    }

    async fn release(&self, resource: Option<&str>, hosts: &[MachineId]) -> Released {
        let source = self.clients.as_ref();
        let Some(name) = resource else { return terminate::release(source, hosts).await };
        let obstacle = match self.look(name).await {
            Ok(Some(group)) => group_return::obstacle(source, &group).await,
            Ok(None) => return terminate::release(source, hosts).await,
            Err(error) => Err(error),
        };
        match obstacle {
            Ok(None) => group_return::release(source, name, hosts).await,
            Ok(Some(reason)) => group_return::refused(hosts, FailureClass::Busy, &reason),
            Err(error) => group_return::refused(hosts, error.class, &error.to_string()),
        }
    }

    async fn sweep(&self, installation: &InstallationId) -> Result<(), ProviderError> {
        launch_template::sweep(self.clients.as_ref(), installation, None, &HashSet::new()).await
    }

    async fn retire(&self, resource: &str) -> Result<(), ProviderError> {
        match self.delete(resource, false).await {
            // Hosts that died by themselves stay members, since nothing replaces them any more.
            Err(error) if error.code.as_deref() == Some("ResourceInUse") => match self.look(resource).await? {
                Some(group) if group_return::has_only_dead(self.clients.as_ref(), &group).await? => {
                    self.delete(resource, true).await
                }
                Some(_) => Err(error),
                None => Ok(()),
            },
            other => other,
        }
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, ProviderError> {
        let clients = self.clients.clients().await?;
        let bears_tag = Filter::builder().name("tag-key").values(tags::OWNER).build();
        let policy = Policy::describes(self.clients.settings());
        let groups = observation::all_pages(clients, DESCRIBE, policy, |token| {
            let bears_tag = bears_tag.clone();
            async move {
                let call = clients.groups.describe_auto_scaling_groups().filters(bears_tag).set_next_token(token);
                let answer = call.send().await.map_err(|error| provider_error(DESCRIBE, &error))?;
                Ok((answer.auto_scaling_groups.unwrap_or_default(), answer.next_token))
            }
        })
        .await?;
        Ok(groups
            .iter()
            .filter_map(|group| {
                let tag = |key: &str| {
                    let found = group.tags().iter().find(|tag| tag.key() == Some(key));
                    found.and_then(|tag| tag.value()).map(str::to_owned)
                };
                let (id, owner, request) = (group.auto_scaling_group_name()?, tag(tags::OWNER)?, tag(tags::REQUEST)?);
                Some(Leftover { name: id.to_owned(), owner, request })
            })
            .collect())
    }
}

/// Auto Scaling says of a missing template in a validation error's words alone.
fn names_no_template(error: &ProviderError) -> bool {
    error.code.as_deref() == Some("ValidationError") && error.message.to_lowercase().contains("launch template")
}

#[cfg(test)]
#[path = "auto_scaling_tests.rs"]
mod tests;
