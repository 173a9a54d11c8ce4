//! Fleets and groups that launch by themselves: their hosts are taken in as they come, until everything is there, nothing
//! more can come, or the time is over.
//!
//! Invariant: an attempt is resolved only once its fleet or group launches nothing more, and was looked at after that.

use tracing::{info, warn};

use super::launching::member;
use super::resources::{More, Resource};
use super::{Case, Engine, Seen};
use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::ports::{Hold, Progress, Search};
use crate::domain::failure::AttemptVerdict;
use crate::domain::machine::{Machine, Sighting};
use crate::domain::request::{Acquire, Attempt, Refusal};
use crate::domain::{FailureClass, RequestId};

impl Engine {
    /// Brings forward what launches by itself for a request. `seen` takes in what was seen of its hosts.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used, or the cloud does not list the hosts.
    pub(super) async fn fill(&self, id: &RequestId, seen: &mut Seen) -> Result<(), ApplicationError> {
        let Some(Case { request, .. }) = self.load(id).await? else { return Ok(()) };
        let Some(acquire) = request.as_acquire().filter(|_| !request.is_settled()) else { return Ok(()) };
        if acquire.attempts.iter().all(|attempt| attempt.filling().is_none()) {
            return Ok(());
        }
        let brought = self.take_members(id, acquire, seen).await?;
        for attempt in brought.attempts.iter().filter(|attempt| attempt.filling().is_some()) {
            let Some(name) = attempt.filling() else { continue };
            let resource = Resource { api: brought.api, name: name.to_owned(), request: Some(id.clone()) };
            let full = attempt.brought() >= attempt.count;
            let late = self.clock.now() >= brought.fill_until(attempt, request.snapshot().deadline);
            let Progress { over, refusals } = if full {
                Progress { over: true, refusals: Vec::new() }
            } else {
                if !Budget::current().allows_new_step() {
                    return Ok(());
                }
                self.fulfilment(resource.api)?.progress(&resource.name).await?
            };
            if over || late {
                self.conclude(id, attempt, &resource, Shortfall { full, late, refusals }, seen).await?;
            } else {
                self.change(id, |case| {
                    case.request.attempt_progress(attempt.number, 0, Some(refusals.clone()));
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Takes in the hosts that bear the tag of a request and were not known, and returns its order as it is then.
    async fn take_members(
        &self,
        id: &RequestId,
        acquire: &Acquire,
        seen: &mut Seen,
    ) -> Result<Acquire, ApplicationError> {
        let search = Search::Request(self.installation.id()?, id.clone());
        let found = self.observation(acquire.api.kind())?.find(&search).await?;
        let brought = self
            .change(id, |case| {
                for host in &found {
                    self.take_member(case, host);
                }
                let Some(acquire) = case.request.as_acquire().cloned() else { return Ok(None) };
                for attempt in &acquire.attempts {
                    let members =
                        case.machines.iter().filter(|m| m.resource().is_some() && m.resource() == attempt.filling());
                    let units = members.map(Machine::weight).fold(0, u32::saturating_add);
                    case.request.attempt_progress(attempt.number, units, None);
                }
                Ok(case.request.as_acquire().cloned())
            })
            .await?;
        seen.take(found);
        Ok(brought.unwrap_or_else(|| acquire.clone()))
    }

    fn take_member(&self, case: &mut Case, host: &Sighting) {
        if case.machines.iter().any(|machine| *machine.id() == host.id) {
            return;
        }
        let Some(acquire) = case.request.as_acquire() else { return };
        // A cloud that does not tell whose member a host is leaves one answer where one attempt is being filled.
        let mut filling = acquire.attempts.iter().filter_map(Attempt::filling);
        let resource = match (&host.resource, filling.next(), filling.next()) {
            (Some(resource), ..) => Some(resource.clone()),
            (None, only, None) => only.map(str::to_owned),
            (None, ..) => None,
        };
        info!(request_id = %case.request.id(), machine_id = %host.id, resource, "a host has come");
        let machine = member(case, host, resource.as_ref(), self.clock.now());
        case.machines.extend(machine);
    }

    /// Ends the launching of a fleet or group, looks once more at what it has brought, and resolves its attempt.
    async fn conclude(
        &self,
        id: &RequestId,
        attempt: &Attempt,
        resource: &Resource,
        short: Shortfall,
        seen: &mut Seen,
    ) -> Result<(), ApplicationError> {
        match self.hold(resource, &[], More::Unwanted).await? {
            Ok(Hold::Holds) => {}
            Ok(Hold::NotYet(reason)) => {
                info!(request_id = %id, resource = resource.name, reason, "what launches by itself is not held yet");
                return Ok(());
            }
            // It can never be held, for want of a permission perhaps. Waiting would not help the request; what comes later is
            // an orphan.
            Err(error) if error.class.verdict() == AttemptVerdict::Final => {
                warn!(request_id = %id, resource = resource.name, %error, "what launches by itself cannot be held");
            }
            Err(error) => return Err(error.into()),
        }
        let Some(Case { request, .. }) = self.load(id).await? else { return Ok(()) };
        let Some(acquire) = request.as_acquire() else { return Ok(()) };
        // A host may have come just before.
        let acquire = if short.full { acquire.clone() } else { self.take_members(id, acquire, seen).await? };
        let brought = acquire.attempts.iter().find(|now| now.number == attempt.number).map_or(0, Attempt::brought);
        let installation = self.installation.id()?;
        let emptied = self
            .change(id, |case| {
                let refusals = if brought >= attempt.count { Vec::new() } else { short.reasons(attempt) };
                let name = Some(resource.name.clone());
                if case.request.attempt_launched(attempt.number, brought, name, refusals) {
                    case.request.plan_attempts(&installation, self.moment());
                }
                Ok(case.machines.iter().all(|machine| machine.resource() != Some(&resource.name)))
            })
            .await?;
        if emptied {
            self.retire(resource).await?;
        }
        Ok(())
    }
}

/// Why a fleet or group is concluded.
#[derive(Debug, Clone)]
struct Shortfall {
    full: bool,
    late: bool,
    refusals: Vec<Refusal>,
}

impl Shortfall {
    /// Returns why hosts are missing. At least one reason stands for all pools, so that they are not asked again.
    fn reasons(&self, attempt: &Attempt) -> Vec<Refusal> {
        let mut reasons = self.refusals.clone();
        let decided = reasons.iter().any(|refusal| refusal.pool.is_none());
        if !decided {
            let message = if self.late {
                format!("{} of {} came in time", attempt.brought(), attempt.count)
            } else {
                format!("{} of {} came, and no more will", attempt.brought(), attempt.count)
            };
            reasons.push(Refusal { pool: None, class: FailureClass::Capacity, code: None, message });
        }
        reasons
    }
}

#[cfg(test)]
#[path = "filling_tests.rs"]
mod tests;
