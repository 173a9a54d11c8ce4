//! What becomes of requests whose process died, whose id nobody knows, or that a store has lost.

use std::time::Duration;

use super::{Acquire, Body, LaunchPlan, Request, RequestEvent, RequestPolicy, RequestStatus, Verdict};
use crate::domain::machine::Machine;
use crate::domain::template::ProviderApi;
use crate::domain::{DomainError, MachineCount, MachineId, RequestId, Timestamp};

impl Request {
    /// Rebuilds a request that the store does not know from hosts that bear its tag (`design.md` 5.17).
    ///
    /// # Errors
    /// [`DomainError::Validation`] when there are no hosts.
    pub fn adopt(
        id: RequestId,
        hosts: &[Machine],
        api: ProviderApi,
        policy: &RequestPolicy,
        at: Timestamp,
    ) -> Result<Self, DomainError> {
        let found = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
        let acquire = Acquire {
            template_id: hosts.iter().find_map(|host| host.snapshot().template_id.clone()),
            template_digest: None,
            api,
            wanted: MachineCount::try_from(found)?,
            account: None,
            plan: LaunchPlan::default(),
            batch_limit: policy.batch_limit,
            attempts: Vec::new(),
            adopted: found,
            lost: 0,
            outcomes: Vec::new(),
        };
        let machine_ids = hosts.iter().map(|host| host.id().clone()).collect();
        let mut request = Self::open(id.clone(), Body::Acquire(acquire), found, at, at.after(policy.acquire_deadline));
        request.pending.push(RequestEvent::HostsAdopted { request_id: id, machine_ids });
        Ok(request)
    }

    /// Takes in that the clock was set back to `now` since the request was made: its time begins anew, or its deadline
    /// would be as much later as the clock was set back.
    pub fn take_back_times(&mut self, now: Timestamp) {
        if !self.state.created_at.is_ahead_of(now) {
            return;
        }
        let term = self.state.deadline.since(self.state.created_at);
        self.state.created_at = now;
        self.state.deadline = now.after(term);
        if let Body::Acquire(acquire) = &mut self.state.body {
            acquire.attempts.iter_mut().for_each(|attempt| attempt.recorded_at = attempt.recorded_at.min(now));
        }
    }

    /// Takes in that Host Factory asked about the request.
    pub fn claim(&mut self, at: Timestamp) {
        if self.state.claimed_at.is_none() {
            self.state.claimed_at = Some(at);
            self.pending.push(RequestEvent::RequestClaimed { request_id: self.state.id.clone() });
        }
    }

    /// Returns whether Host Factory is known to know the request.
    pub fn is_claimed(&self) -> bool {
        self.state.claimed_at.is_some()
    }

    /// Gives up an acquire request that nobody has ever asked about: its id was never printed, or nobody read it
    /// (`aws-semantics.md` 17.4). Even a settled one, since nobody has been told its verdict. The caller ends its hosts.
    /// Returns whether it did; an attempt whose outcome is not known stands in the way.
    ///
    /// # Errors
    /// [`DomainError::InvalidTransition`] never in practice; the table is asked all the same.
    pub fn abandon(&mut self, after: Duration) -> Result<bool, DomainError> {
        let open = self.as_acquire().is_none_or(Acquire::may_bring_more);
        if self.is_claimed() || open {
            return Ok(false);
        }
        let minutes = after.as_secs() / 60;
        let message = format!("nobody asked about this request within {minutes} minutes; its hosts were ended");
        if let Body::Acquire(acquire) = &mut self.state.body {
            let usable = acquire.outcomes.iter_mut().filter(|outcome| outcome.verdict == Verdict::Usable);
            usable.for_each(|outcome| outcome.verdict = Verdict::Failed(message.clone()));
        }
        if self.state.status != RequestStatus::CompleteWithError {
            self.change_status(RequestStatus::CompleteWithError, message)?;
        }
        Ok(true)
    }

    /// Takes in that hosts were lost before they ran because the cloud had no capacity for them after all, so that others
    /// are asked for in their stead as long as there is time (`faults.md` row 74).
    pub fn count_lost(&mut self, machines: &[Machine]) {
        let settled = self.is_settled();
        if let Body::Acquire(acquire) = &mut self.state.body
            && !settled
        {
            acquire.count_lost(machines);
        }
    }

    /// Takes in a host of an open request that was found by its tag and that no attempt accounts for, if the request still
    /// lacks as many capacity units. Returns whether it did.
    pub fn adopt_more(&mut self, host: &MachineId, units: u32) -> bool {
        let settled = self.is_settled();
        let Body::Acquire(acquire) = &mut self.state.body else { return false };
        if settled || acquire.may_bring_more() || acquire.claimed().saturating_add(units) > acquire.wanted.get() {
            return false;
        }
        acquire.adopted = acquire.adopted.saturating_add(units);
        let (request_id, machine_ids) = (self.state.id.clone(), vec![host.clone()]);
        self.pending.push(RequestEvent::HostsAdopted { request_id, machine_ids });
        true
    }

    /// Withdraws a settled request of which no attempt could be sent, before anybody was told its id. The commit that
    /// follows removes it; its events stay.
    pub fn withdraw(&mut self) {
        let never_sent = self.as_acquire().is_some_and(Acquire::was_never_sent);
        if self.is_settled() && never_sent && !self.withdrawn {
            self.withdrawn = true;
            let reason = self.state.message.clone();
            self.pending.push(RequestEvent::RequestWithdrawn { request_id: self.state.id.clone(), reason });
        }
    }

    /// Returns whether the next commit removes the request.
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn
    }
}
