//! Notices that a host will not stay: the spot market takes it back, an event is scheduled, its status checks fail.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;

/// Where a notice comes from, which decides what follows from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// The spot market takes the host back. The cloud ends it by itself, and never takes the notice back.
    #[default]
    Spot,
    /// A scheduled event or failing status checks. We advise to give the host back; the notice may go away again.
    Health,
}

/// A notice that a host will not stay.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interruption {
    /// Where it comes from; stores of earlier versions know the spot market only.
    #[serde(default, skip_serializing_if = "Cause::is_spot")]
    pub cause: Cause,
    /// The spot status code, such as `marked-for-termination`, the code of a scheduled event, or the check that fails.
    pub code: String,
    /// When the spot market gave notice, by the cloud's clock; when the host's health was first seen to be so, by ours.
    pub at: Timestamp,
    /// When the host ends or cannot be used any more; without it, two minutes after the notice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Seen by one answer of the cloud so far, and so not told to anybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unconfirmed: bool,
}

impl Cause {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
    fn is_spot(&self) -> bool {
        *self == Self::Spot
    }
}

impl Interruption {
    /// How long a spot host lives after its notice (`aws-semantics.md` section 14).
    const NOTICE: Duration = Duration::from_mins(2);
    /// How far apart two looks must be that both show a host's health to be so, before it counts (`faults.md` row 79).
    const SECOND_LOOK: Duration = Duration::from_secs(30);

    /// Returns the notice of this code that the spot market gave.
    pub fn spot(code: impl Into<String>, at: Timestamp) -> Self {
        Self { cause: Cause::Spot, code: code.into(), at, deadline: None, unconfirmed: false }
    }

    /// Returns what was seen of a host's health at `at`, for the first time as far as this value knows.
    pub fn health(code: impl Into<String>, at: Timestamp, deadline: Timestamp) -> Self {
        Self { cause: Cause::Health, code: code.into(), at, deadline: Some(deadline), unconfirmed: true }
    }

    /// Returns whether the spot market takes the host, so that it ends without us.
    pub fn is_reclaim(&self) -> bool {
        self.cause.is_spot()
    }

    /// Returns the seconds left at `now`, 0 when the time is up (R-52).
    pub fn grace_seconds(&self, now: Timestamp) -> u64 {
        match self.deadline {
            Some(deadline) => deadline.since(now).as_secs(),
            None => Self::NOTICE.saturating_sub(now.since(self.at)).as_secs(),
        }
    }

    /// Takes in that a look at `now` shows the same, and returns whether it counts from now on.
    pub(super) fn seen_again(&mut self, news: &Self, now: Timestamp) -> bool {
        self.deadline = news.deadline;
        if self.at.is_ahead_of(now) {
            self.at = now;
        }
        let confirmed = self.unconfirmed && now.since(self.at) >= Self::SECOND_LOOK;
        self.unconfirmed &= !confirmed;
        confirmed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_760_000_000 + seconds)
    }

    #[test]
    fn grace_is_what_is_left_of_two_minutes() {
        let notice = Interruption::spot("marked-for-termination", at(0));
        assert_eq!([at(33), at(500), at(-9)].map(|now| notice.grace_seconds(now)), [87, 0, 120]);
    }

    #[test]
    fn grace_of_an_event_is_the_time_until_it_begins() {
        let event = Interruption::health("instance-retirement", at(0), at(86_400));
        assert_eq!([at(0), at(86_399), at(90_000)].map(|now| event.grace_seconds(now)), [86_400, 1, 0]);
    }

    #[test]
    fn a_notice_of_an_earlier_version_is_one_of_the_spot_market_and_is_written_as_it_was() {
        let text = r#"{"code":"marked-for-termination","at":1760000000000}"#;
        let notice: Interruption = serde_json::from_str(text).unwrap();
        assert_eq!(notice, Interruption::spot("marked-for-termination", at(0)));
        assert_eq!(serde_json::to_string(&notice).unwrap(), text);
    }
}
