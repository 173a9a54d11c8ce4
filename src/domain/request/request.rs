//! The request aggregate: acquires hosts or gives them back, and settles exactly once.
//!
//! Invariants: the status only moves forward; a settled request never changes again; an attempt is resolved once.

use serde::{Deserialize, Serialize};

use super::attempt::words_for;
use super::{
    Acquire, Body, CANCELLED, LaunchPlan, Outcome, PartialStatus, RequestEvent, RequestPolicy, RequestStatus, Return,
    ReturnItem, Verdict,
};
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::template::Template;
use crate::domain::{
    AccountName, DomainError, InstallationId, MachineCount, MachineId, Moment, RequestId, Timestamp, Version,
};

/// A request as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestSnapshot {
    /// The id.
    pub id: RequestId,
    /// How it stands.
    pub status: RequestStatus,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it settles whatever is missing.
    pub deadline: Timestamp,
    /// The explanation shown to Host Factory.
    pub message: String,
    /// When Host Factory first asked about it, which proves that it knows the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// When it was given up by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Timestamp>,
    /// When it was last committed.
    #[serde(default)]
    pub changed_at: Timestamp,
    /// What it is for.
    pub body: Body,
    /// The version.
    pub version: Version,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) state: RequestSnapshot,
    pub(super) pending: Vec<RequestEvent>,
    pub(super) withdrawn: bool,
}

impl Request {
    /// Opens a request for `wanted` hosts of `template`.
    pub fn acquire(
        id: RequestId,
        template: &Template,
        wanted: MachineCount,
        account: Option<AccountName>,
        plan: LaunchPlan,
        policy: &RequestPolicy,
        at: Timestamp,
    ) -> Self {
        let acquire = Acquire {
            template_id: Some(template.id().clone()),
            template_digest: Some(template.digest()),
            api: template.api(),
            wanted,
            account,
            batch_limit: plan.batch_limit.unwrap_or(policy.batch_limit),
            plan,
            attempts: Vec::new(),
            adopted: 0,
            lost: 0,
            outcomes: Vec::new(),
        };
        let hosts = wanted.get();
        Self::open(id, Body::Acquire(acquire), hosts, at, at.after(policy.acquire_deadline))
    }

    /// Opens a return of exactly these hosts.
    ///
    /// # Errors
    /// [`DomainError::Validation`] when there are none.
    pub fn give_back(
        id: RequestId,
        items: Vec<ReturnItem>,
        policy: &RequestPolicy,
        at: Timestamp,
    ) -> Result<Self, DomainError> {
        if items.is_empty() {
            return Err(DomainError::validation("machines", "is empty; name at least one host to return"));
        }
        let hosts = u32::try_from(items.len()).unwrap_or(u32::MAX);
        Ok(Self::open(id, Body::Return(Return { items }), hosts, at, at.after(policy.return_deadline)))
    }

    pub(super) fn open(id: RequestId, body: Body, hosts: u32, at: Timestamp, deadline: Timestamp) -> Self {
        let template_id = match &body {
            Body::Acquire(acquire) => acquire.template_id.clone(),
            Body::Return(_) => None,
        };
        Self {
            withdrawn: false,
            pending: vec![RequestEvent::RequestCreated { request_id: id.clone(), template_id, hosts }],
            state: RequestSnapshot {
                id,
                status: RequestStatus::Running,
                created_at: at,
                deadline,
                message: String::new(),
                claimed_at: None,
                cancelled_at: None,
                changed_at: at,
                body,
                version: Version::default(),
            },
        }
    }

    /// Returns the request that a store kept as `snapshot`.
    pub fn from_snapshot(snapshot: RequestSnapshot) -> Self {
        Self { state: snapshot, pending: Vec::new(), withdrawn: false }
    }

    /// Writes down attempts for everything that is still wanted and returns how many there are. None after the
    /// deadline.
    pub fn plan_attempts(&mut self, installation: &InstallationId, at: Moment) -> usize {
        if self.is_settled() || self.is_overdue(at.now) {
            return 0;
        }
        let Body::Acquire(acquire) = &mut self.state.body else { return 0 };
        let planned = acquire.plan_attempts(&self.state.id, installation, at.now);
        let first = acquire.attempts.len().saturating_sub(planned);
        self.pending.extend(acquire.attempts.iter().skip(first).map(|attempt| RequestEvent::IntentRecorded {
            request_id: self.state.id.clone(),
            attempt: attempt.number,
            count: attempt.count,
            pool: words_for(&attempt.pools),
            token: attempt.token.clone(),
        }));
        planned
    }

    /// Settles the request if no part of it can change any more, given all its hosts. Returns whether it did.
    ///
    /// # Errors
    /// [`DomainError::InvalidTransition`] never in practice; the table is asked all the same.
    pub fn settle(&mut self, machines: &[Machine], policy: &RequestPolicy, at: Moment) -> Result<bool, DomainError> {
        if self.is_settled() {
            return Ok(false);
        }
        let expired = self.is_expired(at);
        let verdicts: Vec<Verdict> = machines.iter().map(|machine| self.verdict(machine, at, policy)).collect();
        let cancelled = self.is_cancelled();
        match &mut self.state.body {
            Body::Acquire(acquire) => {
                if acquire.may_bring_more() || (acquire.wants_attempts() && !expired) {
                    return Ok(false);
                }
                let mut outcomes = Vec::with_capacity(machines.len());
                let mut usable: u32 = 0;
                for (machine, verdict) in machines.iter().zip(verdicts) {
                    // Nobody else ends what we report as failed, so it is reported once the cloud took our order.
                    let failed_yet_held =
                        matches!(verdict, Verdict::Failed(_)) && machine.is_held() && !machine.is_taken_over();
                    if verdict == Verdict::Executing || failed_yet_held {
                        return Ok(false);
                    }
                    if verdict == Verdict::Usable {
                        usable = usable.saturating_add(machine.weight());
                    }
                    outcomes.push(Outcome { machine_id: machine.id().clone(), status: machine.status(), verdict });
                }
                acquire.outcomes = outcomes;
                let wanted = acquire.wanted.get();
                let message = match usable >= wanted {
                    true => String::new(),
                    false if cancelled => format!("{CANCELLED}. {}", acquire.shortfall(usable)),
                    false => acquire.shortfall(usable),
                };
                let to = match policy.partial {
                    _ if usable == 0 => RequestStatus::CompleteWithError,
                    PartialStatus::CompleteWithError if usable < wanted => RequestStatus::CompleteWithError,
                    PartialStatus::Complete | PartialStatus::CompleteWithError => RequestStatus::Complete,
                };
                self.change_status(to, message)?;
            }
            Body::Return(give_back) => {
                let ended =
                    |id: &MachineId| machines.iter().any(|m| m.id() == id && m.status() == MachineStatus::Terminated);
                let mut left = Vec::new();
                for item in &mut give_back.items {
                    if item.refused.is_none() && !item.machine_id.as_ref().is_some_and(ended) {
                        if !expired {
                            return Ok(false);
                        }
                        let problem = item.problem.clone().unwrap_or_else(|| "the cloud still shows it".to_owned());
                        let limit = policy.return_deadline.as_secs();
                        item.refused = Some(format!("not ended within {limit} seconds: {problem}"));
                    }
                    left.extend(item.refused.as_ref().map(|reason| format!("{}: {reason}", item.label())));
                }
                let (to, message) = if left.is_empty() {
                    (RequestStatus::Complete, String::new())
                } else {
                    (RequestStatus::CompleteWithError, format!("not returned: {}", left.join("; ")))
                };
                self.change_status(to, message)?;
            }
        }
        Ok(true)
    }

    pub(super) fn change_status(&mut self, to: RequestStatus, message: String) -> Result<(), DomainError> {
        let from = self.state.status;
        from.check_transition(to)?;
        self.state.status = to;
        self.state.message.clone_from(&message);
        self.pending.push(RequestEvent::RequestStatusChanged { request_id: self.state.id.clone(), from, to, message });
        Ok(())
    }

    /// Gives access to the hosts of a return that is not settled; empty for any other request.
    pub fn open_items_mut(&mut self) -> &mut [ReturnItem] {
        match &mut self.state.body {
            Body::Return(give_back) if !self.state.status.is_settled() => &mut give_back.items,
            Body::Return(_) | Body::Acquire(_) => &mut [],
        }
    }

    /// Returns the id.
    pub fn id(&self) -> &RequestId {
        &self.state.id
    }

    /// Returns how the request stands.
    pub fn status(&self) -> RequestStatus {
        self.state.status
    }

    /// Returns whether no part of the request can change any more.
    pub fn is_settled(&self) -> bool {
        self.state.status.is_settled()
    }

    /// Returns whether it is too late to send anything for the request, whether we have been watching or not.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        now >= self.state.deadline
    }

    /// Returns whether the deadline has passed, so that what is missing counts as missing.
    pub fn is_expired(&self, at: Moment) -> bool {
        self.is_cancelled() || at.is_past(self.state.deadline)
    }

    /// Returns the explanation shown to Host Factory.
    pub fn message(&self) -> &str {
        &self.state.message
    }

    /// Returns the order for hosts, if that is what the request is.
    pub fn as_acquire(&self) -> Option<&Acquire> {
        match &self.state.body {
            Body::Acquire(acquire) => Some(acquire),
            Body::Return(_) => None,
        }
    }

    /// Returns the hosts to give back, if that is what the request is.
    pub fn as_return(&self) -> Option<&Return> {
        match &self.state.body {
            Body::Acquire(_) => None,
            Body::Return(give_back) => Some(give_back),
        }
    }

    /// Returns everything that a store keeps and a view shows.
    pub fn snapshot(&self) -> &RequestSnapshot {
        &self.state
    }

    /// Returns everything that a store keeps and a view shows, for good.
    pub fn into_snapshot(self) -> RequestSnapshot {
        self.state
    }

    /// Returns the facts that the next commit records.
    pub fn pending_events(&self) -> &[RequestEvent] {
        &self.pending
    }

    /// Takes in that a store has committed the request and its events.
    pub fn mark_committed(&mut self, at: Timestamp) {
        self.state.changed_at = at;
        self.state.version = self.state.version.next();
        self.pending.clear();
    }
}

#[cfg(test)]
#[path = "request_tests.rs"]
pub(super) mod tests;
