//! When a call is sent again, within one process: our own rule, since the SDK would repeat capacity errors, which are
//! HTTP 500 (`aws-semantics.md` section 12).
//!
//! Invariants: a call is repeated unchanged, so with the same token; never after the budget allows no new step.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tracing::debug;

use crate::application::ProviderError;
use crate::application::budget::Budget;
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

    /// The wait before the `number`-th repetition, counted from 1.
    fn wait(self, number: u32) -> Duration {
        match self.wait {
            Wait::Jitter => {
                let ceiling = Self::FIRST_CEILING.saturating_mul(1 << (number - 1).min(10)).min(Self::LAST_CEILING);
                // A fresh hasher is seeded at random.
                let share = RandomState::new().hash_one(number) % 1_000;
                ceiling.mul_f64(f64::from(u32::try_from(share).unwrap_or(0)) / 1_000.0)
            }
            Wait::Linear(interval) => interval.saturating_mul(number),
        }
    }
}

/// Returns whether the same call may succeed when it is sent again.
fn is_passing(class: FailureClass) -> bool {
    matches!(class, FailureClass::Throttle | FailureClass::Server | FailureClass::Network)
}

/// Sends until it succeeds, fails for good, or the policy or the budget is used up.
///
/// # Errors
/// The last failure; class `Network` when the time ran out, which for a create call tells nothing about its effect.
pub(super) async fn send<T, F, S>(operation: &str, policy: Policy, mut send_once: S) -> Result<T, ProviderError>
where
    F: Future<Output = Result<T, ProviderError>>,
    S: FnMut() -> F,
{
    let mut number = 0;
    let mut may_have_worked = false;
    loop {
        let time = Budget::current().for_cloud_call();
        if time.is_zero() {
            return Err(ProviderError::new(operation, FailureClass::Network, "no time is left to ask AWS"));
        }
        let error = match tokio::time::timeout(time, send_once()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => {
                let text = format!("no answer of AWS within the {} seconds that were left", time.as_secs());
                return Err(ProviderError::new(operation, FailureClass::Network, text));
            }
        };
        debug!(operation, number, class = error.class.word(), code = error.code.as_deref(), "AWS call failed");
        number += 1;
        let wait = policy.wait(number);
        let budget = Budget::current();
        let may_wait = budget.allows_new_step() && wait < budget.for_cloud_call();
        may_have_worked |= matches!(error.class, FailureClass::Server | FailureClass::Network);
        if !is_passing(error.class) || number > policy.retries || !may_wait {
            // What could not be sent now may have been sent, and have worked, a moment ago.
            let class = if may_have_worked && error.class.proves_nothing_was_done() {
                FailureClass::Network
            } else {
                error.class
            };
            return Err(ProviderError { class, ..error });
        }
        tokio::time::sleep(wait).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn quick(retries: u32) -> Policy {
        Policy { retries, wait: Wait::Linear(Duration::ZERO) }
    }

    async fn calls_until_given_up(class: FailureClass, policy: Policy) -> u32 {
        let calls = Cell::new(0);
        let outcome: Result<(), _> = send("RunInstances", policy, || {
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
            let outcome: Result<(), _> = send("RunInstances", quick(2), || {
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
        let outcome: Result<(), _> =
            budget.scope(send("RunInstances", quick(5), || async { std::future::pending().await })).await;
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
