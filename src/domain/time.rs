//! Points in time, as the domain sees them: milliseconds since the Unix epoch, UTC.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A point in time in milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// Returns the point in time that lies `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns the point in time that lies `seconds` seconds after the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Returns milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since the epoch, the unit of `launchtime` on the wire (`hostfactory.md` 3.4).
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns how long ago `earlier` was; zero when it lies in the future (a clock that jumped back).
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns whether the time lies so far ahead of `now` that only a clock that was set back explains it; other
    /// machines with the same store may be a little ahead.
    pub fn is_ahead_of(self, now: Self) -> bool {
        self.since(now) > Duration::from_mins(1)
    }

    /// Returns the point in time `duration` later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Returns the point in time `duration` earlier.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// Now, and since when we have been watching without a long gap.
///
/// A deadline counts watched time alone: after a gap, be it that nobody called us or that the clock jumped, nothing is
/// given up or ended on the first look (`faults.md` row 41).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Now.
    pub now: Timestamp,
    /// When the time without a long gap began.
    pub watched_since: Timestamp,
}

impl Moment {
    /// How long we must have been watching before a deadline counts.
    const SETTLING: Duration = Duration::from_mins(5);

    /// Returns how much watched time has passed since `earlier`.
    pub fn watched(&self, earlier: Timestamp) -> Duration {
        self.now.since(earlier.max(self.watched_since))
    }

    /// Returns whether a deadline has passed, and not just during a gap.
    pub fn is_past(&self, deadline: Timestamp) -> bool {
        self.now >= deadline && (deadline >= self.watched_since || self.watched(deadline) >= Self::SETTLING)
    }

    /// Returns the moment for whoever is to see nothing as overdue.
    pub fn at_first_sight(now: Timestamp) -> Self {
        Self { now, watched_since: now.after(Duration::from_secs(1)) }
    }
}

impl From<Timestamp> for Moment {
    /// Returns the moment of somebody who has always been watching.
    fn from(now: Timestamp) -> Self {
        Self { now, watched_since: Timestamp(i64::MIN) }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_those_before_the_epoch_too() {
        for (millis, seconds) in [(0, 0), (1_999, 1), (-1, -1), (1_760_000_000_000, 1_760_000_000)] {
            assert_eq!(Timestamp::from_millis(millis).as_seconds(), seconds);
        }
        assert_eq!(Timestamp::from_seconds(2).to_string(), "2000");
    }

    #[test]
    fn a_time_that_is_more_than_a_minute_ahead_tells_of_a_clock_that_was_set_back() {
        let now = Timestamp::from_seconds(1_000);
        assert!(!Timestamp::from_seconds(1_060).is_ahead_of(now));
        assert!(Timestamp::from_millis(1_060_001).is_ahead_of(now));
        assert!(!Timestamp::from_seconds(900).is_ahead_of(now));
    }
}
