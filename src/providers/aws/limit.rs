//! How fast AWS is asked, by all processes together (R-39, `aws-semantics.md` section 8).
//!
//! What is left of each rate is in the notes of the work folder; a call costs one edit of them. A "slow down" of AWS is
//! noted there too, so that processes that run beside each other slow down together.
//! Invariants: whoever cannot wait within the budget sends nothing; an action that AWS refused [`MOST_REFUSALS`] times in
//! a row is not sent again by this process (INV-11).

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::{Clock, Notebook};
use crate::application::settings::AwsSettings;
use crate::domain::notes::{Bucket, Notes, Rate};
use crate::domain::tally::outcome_word;
use crate::domain::{FailureClass, Timestamp};

/// How often one process hears "slow down" about an action before it stops asking.
pub(super) const MOST_REFUSALS: u32 = 3;

const fn rate(burst: u32, per_second: u32) -> Rate {
    Rate { burst, per_second }
}

/// Requests, by action (section 8.1).
const REQUESTS: [(&str, Rate); 3] =
    [("RunInstances", rate(5, 2)), ("TerminateInstances", rate(100, 5)), ("CreateTags", rate(100, 10))];
/// Requests of every other action that looks: ours are all filtered or paged.
const LOOKS: Rate = rate(100, 20);
/// Requests of every other action.
const CHANGES: Rate = rate(50, 5);
/// Hosts, by action (section 8.2).
const HOSTS: [(&str, Rate); 2] = [("RunInstances", rate(1_000, 2)), ("TerminateInstances", rate(1_000, 20))];
/// So fast that only a pause of AWS holds anybody up.
const UNLIMITED: Rate = rate(u32::MAX, u32::MAX);

/// A call, as far as rates are concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call {
    /// The action, in AWS's own name for it.
    pub(super) operation: &'static str,
    /// How many hosts it is about, where AWS counts them.
    pub(super) hosts: u32,
}

impl From<&'static str> for Call {
    fn from(operation: &'static str) -> Self {
        Self { operation, hosts: 0 }
    }
}

fn requests_of(operation: &str) -> Rate {
    let looks = ["Describe", "Get", "List"].iter().any(|prefix| operation.starts_with(prefix));
    let named = REQUESTS.iter().find(|(name, _)| *name == operation);
    named.map_or(if looks { LOOKS } else { CHANGES }, |(_, rate)| *rate)
}

fn hosts_of(operation: &str) -> Option<Rate> {
    HOSTS.iter().find(|(name, _)| *name == operation).map(|(_, rate)| *rate)
}

/// Lets calls pass at the rates of this installation.
pub(super) struct Limiter {
    notebook: Arc<dyn Notebook>,
    clock: Arc<dyn Clock>,
    percent: u32,
    first_pause: Duration,
    /// How often AWS said "slow down" to this process, in a row, by action.
    refusals: Mutex<HashMap<&'static str, u32>>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("percent", &self.percent).finish_non_exhaustive()
    }
}

impl Limiter {
    pub(super) fn new(settings: &AwsSettings, notebook: Arc<dyn Notebook>, clock: Arc<dyn Clock>) -> Self {
        let (percent, first_pause) = (settings.rate_percent, settings.first_pause);
        Self { notebook, clock, percent, first_pause, refusals: Mutex::default() }
    }

    /// Returns whether it limits anything.
    pub(super) fn is_on(&self) -> bool {
        self.percent > 0
    }

    fn scaled(&self, rate: Rate) -> Rate {
        let scaled = |number: u32| {
            let number = u64::from(number) * u64::from(self.percent) / 100;
            u32::try_from(number).unwrap_or(u32::MAX).max(1)
        };
        Rate { burst: scaled(rate.burst), per_second: scaled(rate.per_second) }
    }

    fn refusals_of(&self, operation: &str) -> u32 {
        let refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        refusals.get(operation).copied().unwrap_or(0)
    }

    /// Waits until the call may be sent.
    ///
    /// # Errors
    /// Class `Throttle` when that would take longer than the budget allows; nothing may be sent then.
    pub(super) async fn pass(&self, call: Call) -> Result<(), ProviderError> {
        if !self.is_on() {
            return Ok(());
        }
        if self.refusals_of(call.operation) >= MOST_REFUSALS {
            let text =
                format!("AWS asked this call {MOST_REFUSALS} times to slow down; nothing was sent; ask again later");
            return Err(ProviderError::new(call.operation, FailureClass::Throttle, text));
        }
        let budget = Budget::current();
        let until = Instant::now() + budget.until_soft().min(budget.for_cloud_call());
        let most = until.saturating_duration_since(Instant::now());
        let now = self.clock.now();
        let mut taken = Ok(Duration::ZERO);
        self.notebook.edit(&mut |notes| taken = self.take(notes, call, most, now)).await;
        let mut wait = taken.map_err(|wait| held_up(call.operation, wait))?;
        while !wait.is_zero() {
            tokio::time::sleep(wait).await;
            // Meanwhile another process may have been told to slow down.
            let notes = self.notebook.read().await;
            wait =
                notes.buckets.get(call.operation).map_or(Duration::ZERO, |bucket| pause_of(bucket, self.clock.now()));
            if wait > until.saturating_duration_since(Instant::now()) {
                return Err(held_up(call.operation, wait));
            }
        }
        Ok(())
    }

    /// Takes all that the call needs, or nothing.
    fn take(&self, notes: &mut Notes, call: Call, most: Duration, now: Timestamp) -> Result<Duration, Duration> {
        let mut requests = notes.buckets.get(call.operation).cloned().unwrap_or_default();
        let mut wait = requests.take(1, self.scaled(requests_of(call.operation)), most, now)?;
        if let Some(rate) = hosts_of(call.operation).filter(|_| call.hosts > 0) {
            let rate = self.scaled(rate);
            let name = format!("{}:hosts", call.operation);
            let mut hosts = notes.buckets.get(&name).cloned().unwrap_or_default();
            // Who asks for more than ever are there waits until all are there.
            wait = wait.max(hosts.take(call.hosts.min(rate.burst), rate, most, now)?);
            notes.buckets.insert(name, hosts);
        }
        notes.buckets.insert(call.operation.to_owned(), requests);
        Ok(wait)
    }

    /// Takes in that AWS asked to slow down. Returns whether this process may ask again, once the pause is over.
    pub(super) async fn slow_down(&self, call: Call) -> bool {
        let number = {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            let number = refusals.entry(call.operation).or_default();
            *number += 1;
            *number
        };
        if self.is_on() {
            let rate = self.scaled(requests_of(call.operation));
            let ceiling = self.first_pause.saturating_mul(1 << (number - 1).min(10));
            let pause = ceiling / 2 + jitter(ceiling / 2, number);
            let now = self.clock.now();
            let mut edit = |notes: &mut Notes| {
                let bucket = notes.buckets.entry(call.operation.to_owned()).or_default();
                let pause = pause.max(pause_of(bucket, now));
                // AWS has no tokens left for us, whatever we counted.
                *bucket = Bucket::default();
                let _ = bucket.take(rate.burst, rate, Duration::MAX, now);
                bucket.cool(pause, now);
            };
            self.notebook.edit(&mut edit).await;
        }
        number < MOST_REFUSALS
    }

    /// Counts what came of a call; `failure` is the word for it.
    pub(super) fn count(&self, call: Call, failure: Option<&str>) {
        self.notebook.count_call(call.operation, outcome_word(failure));
    }

    /// Takes in that AWS answered.
    pub(super) fn answered(&self, call: Call) {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).remove(call.operation);
    }
}

/// How long AWS wants nobody to ask.
fn pause_of(bucket: &Bucket, now: Timestamp) -> Duration {
    bucket.clone().take(0, UNLIMITED, Duration::MAX, now).unwrap_or_default()
}

fn held_up(operation: &str, wait: Duration) -> ProviderError {
    let text = format!(
        "our own limiter lets this through in {:.1} seconds, which is more than this call has; nothing was sent; ask again, \
         or raise provider.aws.rateScalePercent if AWS allows this account more",
        wait.as_secs_f64()
    );
    ProviderError::new(operation, FailureClass::Throttle, text)
}

/// A random part of `most`.
pub(super) fn jitter(most: Duration, seed: u32) -> Duration {
    // A fresh hasher is seeded at random.
    let share = RandomState::new().hash_one(seed) % 1_000;
    most.mul_f64(f64::from(u32::try_from(share).unwrap_or(0)) / 1_000.0)
}

#[cfg(test)]
#[path = "limit_tests.rs"]
mod tests;
