//! Fleets and groups: what they keep, and the order in which their hosts are ended, so that none is replaced.
//!
//! Invariants: what goes on launching by itself is held before a host of it is ended; what it keeps follows from the store
//! alone, so that doing it again changes nothing; no two processes change the same at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::{info, warn};

use super::Engine;
use crate::application::budget::Budget;
use crate::application::error::NotEnded;
use crate::application::ports::{Hold, Keep, Released};
use crate::application::{ApplicationError, ProviderError, StorageError};
use crate::domain::machine::Machine;
use crate::domain::notes::Duty;
use crate::domain::request::AttemptState;
use crate::domain::template::{PriceType, ProviderApi, Template};
use crate::domain::{FailureClass, InstallationId, MachineId, RequestId};

/// How often launch templates that nobody uses are looked for.
const BETWEEN_SWEEPS: Duration = Duration::from_hours(24);

/// A fleet or group, and the request that it was made for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource {
    pub(super) api: ProviderApi,
    pub(super) name: String,
    pub(super) request: Option<RequestId>,
}

impl Resource {
    /// Returns what the host is a member of, if that has to be held before the host is ended.
    fn of(machine: &Machine) -> Option<Self> {
        let name = machine.resource().filter(|_| machine.api().launches_by_itself())?.to_owned();
        Some(Self { api: machine.api(), name, request: machine.request_id().cloned() })
    }
}

/// Whether a fleet or group may bring what it still lacks for an open request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum More {
    Wanted,
    Unwanted,
}

/// A host that is to be ended.
#[derive(Debug, Clone)]
pub(super) struct Leaving {
    pub(super) id: MachineId,
    api: ProviderApi,
    resource: Option<Resource>,
}

impl From<&Machine> for Leaving {
    fn from(machine: &Machine) -> Self {
        Self { id: machine.id().clone(), api: machine.api(), resource: Resource::of(machine) }
    }
}

/// Whether a machine goes on living as far as anybody has decided.
fn stays(machine: &Machine) -> bool {
    machine.is_held() && machine.given_up().is_none() && machine.return_id().is_none()
}

impl Engine {
    /// Orders the cloud to end these hosts. That they are to end is on record already.
    pub(super) async fn end(&self, hosts: impl IntoIterator<Item = Leaving>) -> Result<Released, ApplicationError> {
        let mut groups: BTreeMap<(ProviderApi, Option<Resource>), Vec<MachineId>> = BTreeMap::new();
        for host in hosts {
            groups.entry((host.api, host.resource)).or_default().push(host.id);
        }
        let mut all = Released::default();
        for ((api, resource), ids) in groups {
            let held = match &resource {
                Some(resource) if self.may_launch(resource).await? => self.hold(resource, &ids, More::Wanted).await?,
                Some(_) | None => Ok(Hold::Holds),
            };
            let obstacle = match held {
                Ok(Hold::Holds) => None,
                Ok(Hold::NotYet(reason)) => Some((FailureClass::Busy, reason)),
                Err(error) => Some((error.class, error.to_string())),
            };
            if let Some((class, reason)) = obstacle {
                all.not_ended.extend(ids.into_iter().map(|id| NotEnded { id, class, reason: reason.clone() }));
                continue;
            }
            let name = resource.as_ref().map(|resource| resource.name.as_str());
            let released = self.fulfilment(api)?.release(name, &ids).await;
            all.accepted.extend(released.accepted);
            all.gone.extend(released.gone);
            all.not_ended.extend(released.not_ended);
        }
        Ok(all)
    }

    /// Returns whether a fleet or group may launch anything. What does not refill launches nothing once its attempt is
    /// resolved: it was held then.
    async fn may_launch(&self, resource: &Resource) -> Result<bool, StorageError> {
        let Some(request) = resource.request.as_ref().filter(|_| !resource.api.refills()) else { return Ok(true) };
        let Some(request) = self.store.request(request).await? else { return Ok(true) };
        let resolved = |state: &AttemptState| matches!(state, AttemptState::Launched { resource: Some(name), .. } if *name == resource.name);
        let attempts = request.as_acquire().map_or(&[][..], |acquire| acquire.attempts.as_slice());
        Ok(!attempts.iter().any(|attempt| resolved(&attempt.state)))
    }

    /// Sees to it that a fleet or group launches nothing beyond the hosts that stay, and what it may still bring; `leaving`
    /// do not stay.
    pub(super) async fn hold(
        &self,
        resource: &Resource,
        leaving: &[MachineId],
        more: More,
    ) -> Result<Result<Hold, ProviderError>, ApplicationError> {
        if !self.lease(&resource.name).await {
            let text = format!("another process is changing {}; the next call goes on", resource.name);
            return Ok(Ok(Hold::NotYet(text)));
        }
        let keep = self.keep(resource, leaving, more).await;
        let held = match keep {
            Ok(keep) => {
                info!(resource = resource.name, units = keep.total(), "a fleet or group is held at what stays");
                let time = Budget::current().for_cloud_call();
                let hold = self.fulfilment(resource.api)?.hold(&resource.name, keep);
                Ok(tokio::time::timeout(time, hold).await.unwrap_or_else(|_| {
                    Ok(Hold::NotYet("the time of this call is over; the next call goes on".to_owned()))
                }))
            }
            Err(error) => Err(error.into()),
        };
        self.free(&resource.name).await;
        held
    }

    /// Returns what a fleet or group keeps: its hosts that stay, and what it has still to bring for an open request.
    async fn keep(&self, resource: &Resource, leaving: &[MachineId], more: More) -> Result<Keep, StorageError> {
        let mut keep = Keep::default();
        let Some(request) = &resource.request else { return Ok(keep) };
        let Some(case) = self.load(request).await? else { return Ok(keep) };
        let is_member = |machine: &&Machine| machine.resource() == Some(&resource.name);
        for machine in case.machines.iter().filter(is_member).filter(|machine| stays(machine)) {
            if leaving.contains(machine.id()) {
                continue;
            }
            let units = match machine.snapshot().price_type {
                PriceType::OnDemand | PriceType::Reserved => &mut keep.on_demand,
                PriceType::Spot => &mut keep.spot,
            };
            *units = units.saturating_add(machine.weight());
        }
        if more == More::Wanted
            && !case.request.is_overdue(self.clock.now())
            && let Some(acquire) = case.request.as_acquire()
        {
            let filling = acquire.attempts.iter().filter(|attempt| attempt.filling() == Some(&resource.name));
            keep.more = filling.map(|attempt| attempt.count.saturating_sub(attempt.brought())).sum();
        }
        Ok(keep)
    }

    /// Removes the fleets and groups whose hosts have all ended, among those that these hosts are members of. What cannot
    /// be removed now is removed by a later sweep.
    pub(super) async fn retire_emptied(&self, machines: &[Machine]) -> Result<(), ApplicationError> {
        // What does not refill went with its attempt.
        let refilling = machines.iter().filter(|machine| machine.api().refills());
        let mut resources: Vec<Resource> = refilling.filter_map(Resource::of).collect();
        resources.sort_unstable();
        resources.dedup();
        for resource in resources {
            let Some(request) = &resource.request else { continue };
            let Some(case) = self.load(request).await? else { continue };
            let lives = |machine: &Machine| machine.resource() == Some(&resource.name) && machine.status().is_live();
            if case.request.is_settled() && !case.machines.iter().any(lives) {
                self.retire(&resource).await?;
            }
        }
        Ok(())
    }

    /// Removes the fleets and groups of ours that no request and no host needs any more: those whose return never came, or
    /// could not be removed when it did. Asked are the ways that templates name, or that hosts were got by.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used.
    pub(super) async fn sweep_resources(&self) -> Result<(), ApplicationError> {
        let listed = self.templates.list().map(|listing| listing.templates).unwrap_or_default();
        let named: BTreeSet<ProviderApi> = listed.iter().map(Template::api).collect();
        let mut used = self.notebook.read().await.ways;
        used.retain(|api| api.kind() == self.default_api.kind() && self.fulfilments.contains_key(api));
        let installation = self.installation.id()?;
        let swept = self.sweep_leavings(&installation, named.union(&used)).await?;
        for api in named.union(&used).copied().filter(|api| api.launches_by_itself()) {
            if !Budget::current().allows_new_step() {
                return Ok(());
            }
            let found = match self.fulfilment(api)?.leftovers().await {
                Ok(found) => found,
                Err(error) => {
                    warn!(%error, "fleets and groups could not be listed");
                    continue;
                }
            };
            let ours: Vec<_> = found.into_iter().filter(|found| found.owner == installation.as_str()).collect();
            if ours.is_empty() && swept && !named.contains(&api) {
                self.notebook
                    .edit(&mut |notes| {
                        notes.ways.remove(&api);
                    })
                    .await;
            }
            for leftover in ours {
                let Ok(request) = leftover.request.parse::<RequestId>() else { continue };
                // A request that is not known may be known to a store that was put aside: it is left alone.
                let Some(case) = self.load(&request).await? else { continue };
                let lives =
                    |machine: &Machine| machine.resource() == Some(&leftover.name) && machine.status().is_live();
                if case.request.is_settled() && !case.machines.iter().any(lives) {
                    self.retire(&Resource { api, name: leftover.name, request: Some(request) }).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes what launches of these ways left behind beside hosts, fleets and groups, once a day. Returns whether this was
    /// the time.
    async fn sweep_leavings(
        &self,
        installation: &InstallationId,
        apis: impl Iterator<Item = &ProviderApi>,
    ) -> Result<bool, ApplicationError> {
        let (mut due, now) = (false, self.clock.now());
        self.notebook.edit(&mut |notes| due = notes.take_on(Duty::Sweep, BETWEEN_SWEEPS, now)).await;
        for api in apis.filter(|_| due) {
            if let Err(error) = self.fulfilment(*api)?.sweep(installation).await {
                warn!(%error, "what launches left behind could not be removed");
            }
        }
        Ok(due)
    }

    /// Removes a fleet or group.
    pub(super) async fn retire(&self, resource: &Resource) -> Result<(), ApplicationError> {
        if !Budget::current().allows_new_step() {
            return Ok(());
        }
        match self.fulfilment(resource.api)?.retire(&resource.name).await {
            Ok(()) => info!(resource = resource.name, "an empty fleet or group is removed"),
            Err(error) => warn!(resource = resource.name, %error, "an empty fleet or group could not be removed"),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::domain::machine::Origin;

    #[test]
    fn a_host_stays_until_it_is_given_up_returned_or_told_to_end() {
        let host = || {
            let request: RequestId = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
            let id = "i-0123456789abcdef0".parse().unwrap();
            let origin = Origin::Adopted(request, None);
            Machine::heard_of(id, ProviderApi::Ec2FleetMaintain, origin, Timestamp::default())
        };
        assert!(stays(&host()));
        let (mut given_up, mut returned, mut ending) = (host(), host(), host());
        given_up.give_up("too late");
        returned.join_return(&"ret-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap());
        ending.end_accepted(Timestamp::default(), "it was returned");
        assert!(!stays(&given_up) && !stays(&returned) && !stays(&ending));
    }
}
