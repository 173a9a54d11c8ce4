//! The clock of this machine.

use std::time::{SystemTime, UNIX_EPOCH};

use shaku::Component;

use crate::application::ports::Clock;
use crate::domain::Timestamp;

/// Tells the time of this machine.
#[derive(Debug, Default, Component)]
#[shaku(interface = Clock)]
pub struct SystemClock {
    /// By how many milliseconds the clock is wrong. Tests let time pass with it; the release build cannot set it.
    #[shaku(default)]
    wrong_by: i64,
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter behind the Clock port")]
    fn now(&self) -> Timestamp {
        // A clock before 1970 is a machine without a set clock; the epoch itself is as good a guess as any.
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(millis.saturating_add(self.wrong_by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_tells_a_time_after_this_was_written() {
        assert!(SystemClock::default().now() > Timestamp::from_seconds(1_760_000_000));
    }
}
