//! When a call is sent again, within one process: our own rule, since the SDK would repeat capacity errors, which are
//! HTTP 500 (`aws-semantics.md` section 12).
//!
//! Invariants: a call is repeated unchanged, so with the same token; never after the budget allows no new step.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::error::with_skew;
use super::identity::Identity;
use super::limit::{Call, Limiter, jitter};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::Clock;
use crate::application::settings::AwsSettings;
use crate::domain::FailureClass;

/// How often, and after which wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    retries: u32,
    wait: Wait,
}

#[derive(Debug, Clone, Copy)]
enum Wait {
    /// A random part of a ceiling that doubles.
    Jitter,
    /// So much longer each time (`AWS_DESCRIBE_REQUEST_INTERVAL`).
    Linear(Duration),
}

impl Policy {
    const FIRST_CEILING: Duration = Duration::from_secs(1);
    const LAST_CEILING: Duration = Duration::from_secs(20);

    /// For calls that create or end something.
    pub(super) fn creates(settings: &AwsSettings) -> Self {
        Self { retries: settings.create_retries, wait: Wait::Jitter }
    }

    /// For calls that look.
    pub(super) fn describes(settings: &AwsSettings) -> Self {
        Self { retries: settings.describe_retries, wait: Wait::Linear(settings.describe_interval) }
    }

    /// The same without any repetition, for calls whose repetition is not harmless.
    pub(super) const fn once(self) -> Self {
        Self { retries: 0, ..self }
    }

    /// The wait before the `number`-th repetition, counted from 1.
    fn wait(self, number: u32) -> Duration {
        match self.wait {
            Wait::Jitter => {
                let ceiling = Self::FIRST_CEILING.saturating_mul(1 << (number - 1).min(10)).min(Self::LAST_CEILING);
                jitter(ceiling, number)
            }
            Wait::Linear(interval) => interval.saturating_mul(number),
        }
    }
}

/// What every call to AWS passes through.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) limiter: Arc<Limiter>,
    pub(super) identity: Arc<Identity>,
    pub(super) clock: Arc<dyn Clock>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("limiter", &self.limiter).field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Returns whether other credentials may help.
fn is_about_credentials(error: &ProviderError) -> bool {
    error.class == FailureClass::AuthExpired && error.code.as_deref().is_some_and(|code| code != "RequestExpired")
}

/// Sends until it succeeds, fails for good, or the policy or the budget is used up. Credentials that AWS refuses are
/// looked for once more.
///
/// # Errors
/// The last failure of AWS; class `Network` when the time ran out, which for a create call tells nothing about its effect;
/// class `Throttle` when our own limiter let nothing pass.
pub(super) async fn send<T, F, S>(
    gate: &Gate,
    call: impl Into<Call>,
    policy: Policy,
    send_once: S,
) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
    S: FnMut() -> F,
{
    send_heeding(gate, call, policy, |_| false, send_once).await
}

/// Does what [`send`] does; an answer that is a success and of which `asks_for_pause` holds slows later calls down as a refusal
/// would.
///
/// # Errors
/// Those of [`send`].
pub(super) async fn send_heeding<T, F, S>(
    gate: &Gate,
    call: impl Into<Call>,
    policy: Policy,
    asks_for_pause: impl Fn(&T) -> bool,
    mut send_once: S,
) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
    S: FnMut() -> F,
{
    let call: Call = call.into();
    let operation = call.operation;
    let mut former: Option<ProviderError> = None;
    let mut number = 0;
    let mut may_have_worked = false;
    loop {
        if let Err(error) = gate.limiter.pass(call).await {
            gate.limiter.count(call, Some("held back"));
            return Err(settled(former.unwrap_or(error), may_have_worked));
        }
        let time = Budget::current().for_cloud_call();
        if time.is_zero() {
            return Err(ProviderError::new(operation, FailureClass::Network, "no time is left to ask AWS"));
        }
        let begun = gate.clock.now();
        let error = match tokio::time::timeout(time, send_once()).await {
            Ok(Ok(answer)) => {
                let ms = gate.clock.now().as_millis().saturating_sub(begun.as_millis());
                debug!(operation, number, ms, "AWS call answered");
                if asks_for_pause(&answer) {
                    gate.limiter.slow_down(call).await;
                } else {
                    gate.limiter.answered(call);
                }
                gate.limiter.count(call, None);
                return Ok(answer);
            }
            Ok(Err(error)) => {
                gate.limiter.count(call, Some(error.class.word()));
                with_skew(error, gate.clock.now())
            }
            Err(_) => {
                gate.limiter.count(call, Some(FailureClass::Network.word()));
                let text = format!("no answer of AWS within the {} seconds that were left", time.as_secs());
                return Err(ProviderError::new(operation, FailureClass::Network, text));
            }
        };
        debug!(operation, number, class = error.class.word(), code = error.code.as_deref(), "AWS call failed");
        number += 1;
        may_have_worked |= matches!(error.class, FailureClass::Server | FailureClass::Network);
        let (may_pass, wait) = match error.class {
            FailureClass::Throttle => {
                let again = gate.limiter.slow_down(call).await;
                // The limiter holds the next try up, where it is on.
                (
                    again && number <= policy.retries,
                    if gate.limiter.is_on() { Duration::ZERO } else { policy.wait(number) },
                )
            }
            FailureClass::Server | FailureClass::Network => (number <= policy.retries, policy.wait(number)),
            _ if is_about_credentials(&error) => match gate.identity.renew().await {
                Ok(others) => (others, Duration::ZERO),
                Err(refused) => return Err(settled(refused, may_have_worked)),
            },
            _ => (false, Duration::ZERO),
        };
        let budget = Budget::current();
        if !may_pass || !budget.allows_new_step() || wait >= budget.for_cloud_call() {
            return Err(settled(error, may_have_worked));
        }
        former = Some(error);
        tokio::time::sleep(wait).await;
    }
}

/// What could not be sent now may have been sent, and have worked, a moment ago.
fn settled(error: ProviderError, may_have_worked: bool) -> ProviderError {
    let hides = may_have_worked && error.class.proves_nothing_was_done();
    ProviderError { class: if hides { FailureClass::Network } else { error.class }, ..error }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::providers::aws::client::ClientSource;
    use crate::providers::aws::fake::{FakeAws, Reply};

    async fn gate() -> Gate {
        let fake = FakeAws::new(|_| Reply::Lost);
        fake.clients().clients().await.unwrap().gate.clone()
    }

    fn quick(retries: u32) -> Policy {
        Policy { retries, wait: Wait::Linear(Duration::ZERO) }
    }

    async fn calls_until_given_up(class: FailureClass, policy: Policy) -> u32 {
        let calls = Cell::new(0);
        let outcome: Result<(), _> = send(&gate().await, "RunInstances", policy, || {
            calls.set(calls.get() + 1);
            async { Err(ProviderError::new("RunInstances", class, "scripted")) }
        })
        .await;
        assert_eq!(outcome.unwrap_err().class, class);
        calls.get()
    }

    #[tokio::test]
    async fn only_passing_failures_are_repeated() {
        for class in FailureClass::ALL {
            let wanted = match class {
                FailureClass::Throttle | FailureClass::Server | FailureClass::Network => 3,
                _ => 1,
            };
            assert_eq!(calls_until_given_up(class, quick(2)).await, wanted, "{class:?}");
        }
    }

    #[tokio::test]
    async fn a_call_that_may_have_worked_stays_ambiguous_when_it_cannot_be_sent_again() {
        for (first, last) in [
            (FailureClass::Network, FailureClass::Network),
            (FailureClass::Server, FailureClass::Network),
            (FailureClass::Throttle, FailureClass::Unreachable),
        ] {
            let calls = Cell::new(0);
            let outcome: Result<(), _> = send(&gate().await, "RunInstances", quick(2), || {
                calls.set(calls.get() + 1);
                let class = if calls.get() == 1 { first } else { FailureClass::Unreachable };
                async move { Err(ProviderError::new("RunInstances", class, "scripted")) }
            })
            .await;
            assert_eq!((outcome.unwrap_err().class, calls.get()), (last, 2));
        }
    }

    #[tokio::test]
    async fn nothing_is_repeated_once_the_budget_allows_no_new_step() {
        let budget = Budget::starting_now(Duration::ZERO, Duration::from_mins(1));
        assert_eq!(budget.scope(calls_until_given_up(FailureClass::Throttle, quick(5))).await, 1);
    }

    #[tokio::test]
    async fn a_call_that_outlives_the_budget_is_ambiguous() {
        let budget = Budget::starting_now(Duration::from_secs(1), Duration::from_millis(40));
        let gate = gate().await;
        let outcome: Result<(), _> =
            budget.scope(send(&gate, "RunInstances", quick(5), || async { std::future::pending().await })).await;
        assert_eq!(outcome.unwrap_err().class, FailureClass::Network);
    }

    #[test]
    fn waits_grow_and_stay_bounded() {
        let jitter = Policy { retries: 9, wait: Wait::Jitter };
        assert!((1..40).all(|n| jitter.wait(n) <= Duration::from_secs(20)));
        let linear = Policy { retries: 9, wait: Wait::Linear(Duration::from_millis(500)) };
        assert_eq!(linear.wait(3), Duration::from_millis(1500));
    }
}
