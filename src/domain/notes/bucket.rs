//! How fast the cloud may be asked: a token bucket that all processes share.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// How many tokens there are at most, and how fast they come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The most at once.
    pub burst: u32,
    /// How many come back each second; at least 1.
    pub per_second: u32,
}

/// What is left of a rate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bucket {
    /// Thousandths of tokens that are used; what callers who still wait have reserved is in it.
    used: i64,
    at: Timestamp,
    /// Until when nobody asks, because the cloud said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cool_until: Option<Timestamp>,
}

impl Bucket {
    /// The longest that a refusal of the cloud keeps everybody waiting.
    const LONGEST_COOLING: Duration = Duration::from_secs(20);

    /// Reserves tokens and returns how long to wait before using them.
    ///
    /// # Errors
    /// How long it would take, when that is more than `most`; nothing is reserved then.
    pub fn take(&mut self, tokens: u32, rate: Rate, most: Duration, now: Timestamp) -> Result<Duration, Duration> {
        let wanted = i64::from(tokens).saturating_mul(1000);
        let burst = i64::from(rate.burst).saturating_mul(1000);
        // Thousandths of a token come back each millisecond as whole tokens do each second. A time that lies ahead was
        // noted before the clock was set back.
        let back = millis(now.since(self.at)).saturating_mul(i64::from(rate.per_second));
        let used = self.used.min(burst.saturating_mul(100)).saturating_sub(back).max(0);
        let lacking = used.saturating_add(wanted).saturating_sub(burst).max(0);
        let mut wait = Duration::from_millis(u64::try_from(lacking / i64::from(rate.per_second.max(1))).unwrap_or(0));
        if let Some(until) = self.cool_until {
            wait = wait.max(until.since(now).min(Self::LONGEST_COOLING));
        }
        if wait > most {
            return Err(wait);
        }
        *self = Self { used: used.saturating_add(wanted), at: now, cool_until: self.cool_until.filter(|t| *t > now) };
        Ok(wait)
    }

    /// Takes in that the cloud asked to slow down: nobody asks for `pause`.
    pub fn cool(&mut self, pause: Duration, now: Timestamp) {
        let until = now.after(pause.min(Self::LONGEST_COOLING));
        self.cool_until = Some(self.cool_until.map_or(until, |earlier| earlier.max(until)));
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 5, per_second: 2 };
    const LONG: Duration = Duration::from_mins(1);

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_760_000_000_000 + millis)
    }

    #[test]
    fn a_burst_passes_at_once_and_the_rest_at_the_rate() {
        let mut bucket = Bucket::default();
        let waits: Vec<u128> = (0..8).map(|_| bucket.take(1, RATE, LONG, at(0)).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 500, 1000, 1500]);
        assert_eq!(bucket.take(1, RATE, LONG, at(1500)).unwrap().as_millis(), 500);
        assert_eq!(bucket.take(1, RATE, LONG, at(60_000)).unwrap(), Duration::ZERO, "all has come back");
    }

    #[test]
    fn who_cannot_wait_reserves_nothing() {
        let mut bucket = Bucket::default();
        for _ in 0..5 {
            bucket.take(1, RATE, LONG, at(0)).unwrap();
        }
        for _ in 0..100 {
            assert_eq!(bucket.take(1, RATE, Duration::from_millis(499), at(0)), Err(Duration::from_millis(500)));
        }
        assert_eq!(bucket.take(1, RATE, LONG, at(0)).unwrap().as_millis(), 500);
    }

    #[test]
    fn after_a_refusal_nobody_asks_for_a_while() {
        let mut bucket = Bucket::default();
        bucket.cool(Duration::from_secs(4), at(0));
        bucket.cool(Duration::from_secs(2), at(0));
        assert_eq!(bucket.take(1, RATE, LONG, at(1000)).unwrap().as_millis(), 3000);
        assert_eq!(bucket.take(1, RATE, LONG, at(4000)).unwrap(), Duration::ZERO);
    }

    #[test]
    fn a_clock_that_jumps_holds_nobody_up_for_long() {
        let mut bucket = Bucket::default();
        bucket.cool(LONG, at(86_400_000));
        assert!(bucket.take(1, RATE, LONG, at(0)).unwrap() <= Duration::from_secs(20));
        let mut bucket = Bucket::default();
        for _ in 0..5 {
            bucket.take(1, RATE, LONG, at(86_400_000)).unwrap();
        }
        assert_eq!(bucket.take(1, RATE, LONG, at(0)).unwrap().as_millis(), 500);
    }

    #[test]
    fn whoever_waits_for_a_cloud_that_asked_to_slow_down_leaves_the_others_waiting_too() {
        let mut bucket = Bucket::default();
        bucket.cool(Duration::from_secs(10), at(0));
        for _ in 0..2 {
            assert_eq!(bucket.take(1, RATE, LONG, at(4_000)), Ok(Duration::from_secs(6)));
        }
        assert_eq!(bucket.take(1, RATE, LONG, at(10_000)), Ok(Duration::ZERO));
        assert_eq!(bucket.cool_until, None);
    }

    #[test]
    fn a_wait_as_long_as_there_is_time_is_taken_and_a_longer_one_refused() {
        let mut bucket = Bucket::default();
        assert_eq!(bucket.take(7, RATE, Duration::from_secs(1), at(0)), Ok(Duration::from_secs(1)));
        assert_eq!(bucket.take(1, RATE, Duration::from_secs(1), at(0)), Err(Duration::from_millis(1500)));
    }
}
