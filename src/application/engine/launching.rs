//! Sends the attempts of a request, and writes down the next ones until nothing more can be had.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use super::{Case, Engine};
use crate::application::budget::Budget;
use crate::application::ports::{Acquired, Launch};
use crate::application::{ApplicationError, ProviderError};
use crate::domain::failure::AttemptVerdict;
use crate::domain::machine::{Machine, Origin, Sighting};
use crate::domain::request::{Acquire, Attempt};
use crate::domain::{FailureClass, RequestId, Timestamp};

/// How long after an attempt's last possible send an empty look-up by token proves that it launched nothing.
const LOOKUP_PROVES: Duration = Duration::from_mins(5);

/// What came of one attempt in this process.
pub(super) enum Sent {
    Answered(Result<Acquired, ProviderError>),
    GivenUp,
    Waits,
}

impl Sent {
    /// Returns whether the outcome of the attempt is known now.
    fn is_known(&self, fresh: bool) -> bool {
        match self {
            Self::Answered(Ok(_)) | Self::GivenUp => true,
            Self::Answered(Err(error)) => {
                error.class.verdict() != AttemptVerdict::Open || (fresh && error.class.proves_nothing_was_done())
            }
            Self::Waits => false,
        }
    }
}

/// What failed while attempts were sent.
#[derive(Debug, Default)]
pub(crate) struct LaunchReport {
    /// The last failure that left an attempt open: its outcome is not known, or nothing can be sent at present.
    pub(crate) obstacle: Option<ProviderError>,
    /// The last failure that settled an attempt: the cloud refused.
    pub(crate) refusal: Option<ProviderError>,
}

impl Engine {
    /// Sends every attempt of a request whose outcome is not known, takes in what comes back, and goes on with the next
    /// attempts that follow from it, as long as the call's time allows. Safe to repeat, and safe in two processes at
    /// once: the token of an attempt launches once.
    ///
    /// `fresh` says that no process can have sent the attempts that are written down now. Returns what failed on the
    /// way.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used or the provider is missing.
    pub(crate) async fn launch(&self, id: &RequestId, fresh: bool) -> Result<LaunchReport, ApplicationError> {
        if !self.lease(id.as_str()).await {
            info!(request_id = %id, "another process is at this request; its outcome is awaited");
            return Ok(LaunchReport::default());
        }
        let report = self.launch_all(id, fresh).await;
        self.free(id.as_str()).await;
        report
    }

    async fn launch_all(&self, id: &RequestId, fresh: bool) -> Result<LaunchReport, ApplicationError> {
        let mut sent = BTreeSet::new();
        let mut report = LaunchReport::default();
        loop {
            let Some(Case { request, .. }) = self.load(id).await? else { return Ok(report) };
            let Some(acquire) = request.as_acquire().filter(|_| !request.is_settled()) else { return Ok(report) };
            let due: Vec<&Attempt> =
                acquire.attempts.iter().filter(|a| a.is_open() && !sent.contains(&a.number)).collect();
            if due.is_empty() {
                return Ok(report);
            }
            let user_data = self.user_data(acquire).await?;
            let expired = request.is_overdue(self.clock.now());
            let mut outcomes = Vec::with_capacity(due.len());
            for attempt in due {
                // The first is sent whatever the time.
                if !sent.is_empty() && !Budget::current().allows_new_step() {
                    break;
                }
                sent.insert(attempt.number);
                outcomes.push((attempt.number, self.send(id, acquire, attempt, &user_data, expired).await?));
            }
            self.record(id, &outcomes, fresh).await?;
            self.note_outcomes(acquire, &outcomes).await;
            let all_known = outcomes.iter().all(|(_, sent)| sent.is_known(fresh));
            for (attempt, sent) in outcomes {
                let known = sent.is_known(fresh);
                if let Sent::Answered(Err(error)) = sent {
                    warn!(request_id = %id, attempt, %error, "a launch failed");
                    if known {
                        report.refusal = Some(error);
                    } else {
                        report.obstacle = Some(error);
                    }
                }
            }
            if !all_known || !Budget::current().allows_new_step() {
                return Ok(report);
            }
        }
    }

    /// Sends one attempt, or looks for its hosts where it may no longer be sent.
    async fn send(
        &self,
        id: &RequestId,
        acquire: &Acquire,
        attempt: &Attempt,
        user_data: &Result<Option<String>, String>,
        expired: bool,
    ) -> Result<Sent, ApplicationError> {
        match user_data {
            Ok(user_data) if !expired => {
                let launch = Launch { attempt, plan: &acquire.plan, user_data: user_data.as_deref() };
                let time = Budget::current().for_cloud_call();
                let answer = tokio::time::timeout(time, self.fulfilment(acquire.api)?.acquire(launch)).await;
                Ok(Sent::Answered(answer.unwrap_or_else(|_| {
                    let message = "no answer within the time of this call; the attempt is taken up again later";
                    Err(ProviderError::new("launching hosts", FailureClass::Network, message))
                })))
            }
            _ => {
                if let Err(reason) = user_data {
                    warn!(request_id = %id, reason, "an attempt cannot be sent again and is looked up instead");
                }
                let proves_from = if expired { deadline_of(attempt, self) } else { attempt.recorded_at };
                let launch = Launch { attempt, plan: &acquire.plan, user_data: None };
                match self.fulfilment(acquire.api)?.recall(launch).await {
                    Ok(Some(acquired)) => Ok(Sent::Answered(Ok(acquired))),
                    Ok(None) if self.moment().watched(proves_from) >= LOOKUP_PROVES => Ok(Sent::GivenUp),
                    Ok(None) => Ok(Sent::Waits),
                    Err(error) => Ok(Sent::Answered(Err(error))),
                }
            }
        }
    }

    /// Commits what came of attempts together with the attempts that follow from it.
    async fn record(&self, id: &RequestId, outcomes: &[(u32, Sent)], fresh: bool) -> Result<(), ApplicationError> {
        let installation = self.installation.id()?;
        self.change(id, |case| {
            let now = self.clock.now();
            for (number, sent) in outcomes {
                match sent {
                    Sent::Answered(Ok(acquired)) => take_in(case, *number, acquired, now),
                    Sent::Answered(Err(error)) => {
                        let (class, code, message) = (error.class, error.code.clone(), error.to_string());
                        if fresh && class.proves_nothing_was_done() {
                            case.request.attempt_not_sent(*number, class, code, message);
                        } else {
                            case.request.attempt_failed(*number, class, code, message);
                        }
                    }
                    Sent::GivenUp => {
                        case.request.attempt_given_up(*number);
                    }
                    Sent::Waits => {}
                }
            }
            case.request.plan_attempts(&installation, self.moment());
            // A request that got nothing and can get nothing is settled at once rather than at its first poll.
            case.request.settle(&case.machines, &self.policy, self.moment())?;
            if fresh {
                case.request.withdraw();
            }
            Ok(())
        })
        .await
    }

    /// Returns the boot script that the request was frozen with, read anew; or why it cannot be had any more.
    async fn user_data(&self, acquire: &Acquire) -> Result<Result<Option<String>, String>, ApplicationError> {
        let (Some(id), Some(digest)) = (&acquire.template_id, &acquire.template_digest) else { return Ok(Ok(None)) };
        let Some(frozen) = self.store.template(digest).await? else { return Ok(Ok(None)) };
        let Some(wanted) = frozen.launch().user_data.as_ref() else { return Ok(Ok(None)) };
        Ok(match self.templates.find(id) {
            Ok(current) => match current.launch().user_data.as_ref() {
                Some(now) if now == wanted => Ok(now.text().map(ToOwned::to_owned)),
                Some(_) | None => Err(format!("the user data of template {id} has changed since the request was made")),
            },
            Err(error) => Err(error.to_string()),
        })
    }
}

/// Returns the time after which no process sends the attempt any more.
fn deadline_of(attempt: &Attempt, engine: &Engine) -> Timestamp {
    attempt.recorded_at.after(engine.policy.acquire_deadline)
}

/// Adds the hosts of an attempt to its request, unless another process has done so.
fn take_in(case: &mut Case, number: u32, acquired: &Acquired, now: Timestamp) {
    let Some(plan) = case.request.as_acquire().map(|acquire| acquire.plan.clone()) else { return };
    let weight = |host: &Sighting| plan.weight(host.instance_type.as_deref());
    let units = acquired.hosts.iter().map(weight).fold(0, u32::saturating_add);
    let (request_id, resource) = (case.request.id().clone(), acquired.resource.clone());
    let news = match (acquired.filling, &resource) {
        (true, Some(resource)) => case.request.attempt_filling(number, resource.clone()),
        _ => case.request.attempt_launched(number, units, resource.clone(), acquired.refusals.clone()),
    };
    if !news {
        return;
    }
    info!(%request_id, attempt = number, hosts = acquired.hosts.len(), resource, "hosts launched");
    for sighting in &acquired.hosts {
        if case.machines.iter().all(|machine| *machine.id() != sighting.id) {
            let machine = member(case, sighting, resource.as_ref(), now);
            case.machines.extend(machine);
        }
    }
}

/// Returns a host of a request that was not known; `None` for a request that is not for hosts.
pub(super) fn member(case: &Case, host: &Sighting, resource: Option<&String>, now: Timestamp) -> Option<Machine> {
    let acquire = case.request.as_acquire()?;
    let origin = match &acquire.template_id {
        Some(template) => Origin::Request(case.request.id().clone(), template.clone()),
        None => Origin::Adopted(case.request.id().clone(), None),
    };
    let mut machine = Machine::seen(host, acquire.api, origin, now);
    machine.belong(resource, acquire.plan.weight(host.instance_type.as_deref()));
    Some(machine)
}
