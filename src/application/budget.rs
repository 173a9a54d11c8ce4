//! How much time a call has.

use std::time::{Duration, Instant};

/// The time a call has: a soft limit after which no new cloud step is begun, and a hard one at which it answers.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    started: Instant,
    soft: Duration,
    hard: Duration,
}

tokio::task_local! {
    static CURRENT: Budget;
}

impl Budget {
    /// What a call keeps back of its time to write down what it has learnt and to answer.
    const TO_ANSWER: Duration = Duration::from_secs(2);

    /// Returns a budget that started when the process did.
    pub fn starting_at(started: Instant, soft: Duration, hard: Duration) -> Self {
        Self { started, soft, hard }
    }

    /// Returns a budget that starts now.
    pub fn starting_now(soft: Duration, hard: Duration) -> Self {
        Self::starting_at(Instant::now(), soft, hard)
    }

    /// Returns a budget like this one that starts now, for the next round of something that goes on.
    #[must_use]
    pub fn anew(&self) -> Self {
        Self::starting_now(self.soft, self.hard)
    }

    /// Returns the budget of the call that is being handled.
    pub fn current() -> Self {
        CURRENT
            .try_with(|budget| *budget)
            .unwrap_or_else(|_| Self::starting_now(Duration::from_secs(10), Duration::from_mins(4)))
    }

    /// Runs `work` under this budget.
    pub async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Returns the whole time of the call.
    pub fn hard_limit(&self) -> Duration {
        self.hard
    }

    /// Returns the time left until the call must answer.
    pub fn left(&self) -> Duration {
        self.hard.saturating_sub(self.started.elapsed())
    }

    /// Returns the time a cloud call may still take, so that its outcome can be written down.
    pub fn for_cloud_call(&self) -> Duration {
        let left = self.left();
        left.saturating_sub(Self::TO_ANSWER.min(left / 4))
    }

    /// Returns the time left in which new cloud steps are begun.
    pub fn until_soft(&self) -> Duration {
        self.soft.min(self.hard).saturating_sub(self.started.elapsed())
    }

    /// Returns whether a new cloud step may still be begun.
    pub fn allows_new_step(&self) -> bool {
        !self.until_soft().is_zero()
    }
}
