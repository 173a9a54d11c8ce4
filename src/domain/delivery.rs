//! How events are handed to whoever wants to be told: which ones, how far it has come, and when it is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use super::event::{DomainEvent, EventEnvelope};
use super::machine::MachineEvent;
use super::request::{RequestEvent, RequestStatus};

/// Which events a receiver is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    All,
    /// Those that one of these words stands for.
    Some(Vec<String>),
}

impl Wanted {
    /// Stands for everything that went wrong: create calls that failed, requests that settled with an error, hosts that
    /// were given up.
    pub const FAILURES: &'static str = "failures";
    /// Stands for hosts that are going, or have gone, without having been asked to.
    pub const LOST: &'static str = "lost";
    /// Stands for all events.
    pub const ALL: &'static str = "all";

    /// Returns the words that there are: names of events, and the three above.
    pub fn words() -> impl Iterator<Item = &'static str> {
        [Self::ALL, Self::FAILURES, Self::LOST].into_iter().chain(EventEnvelope::NAMES)
    }

    /// Returns what these words stand for; no word at all stands for everything.
    pub fn of(words: &[&str]) -> Self {
        if words.is_empty() || words.contains(&Self::ALL) {
            return Self::All;
        }
        Self::Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// Returns whether an event is wanted. `was_asked_to_end` says so of the host that the event is about.
    pub fn includes(&self, event: &EventEnvelope, was_asked_to_end: bool) -> bool {
        let Self::Some(words) = self else { return true };
        let name = event.event.facts().name;
        words.iter().any(|word| match word.as_str() {
            Self::FAILURES => is_failure(&event.event),
            Self::LOST => match &event.event {
                DomainEvent::Machine(MachineEvent::MachineInterrupted { .. }) => true,
                DomainEvent::Machine(MachineEvent::MachineTerminated { .. }) => !was_asked_to_end,
                _ => false,
            },
            word => word == name,
        })
    }
}

fn is_failure(event: &DomainEvent) -> bool {
    match event {
        DomainEvent::Request(RequestEvent::IntentResolved { failure, .. }) => failure.is_some(),
        DomainEvent::Request(RequestEvent::RequestStatusChanged { to, .. }) => *to == RequestStatus::CompleteWithError,
        DomainEvent::Machine(MachineEvent::MachineGivenUp { .. }) => true,
        DomainEvent::Request(_) | DomainEvent::Machine(_) | DomainEvent::Template(_) => false,
    }
}

/// How far a receiver has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Standing {
    /// The sequence number up to which it has been told everything that it wants.
    pub position: u64,
    /// How many events it has taken.
    pub delivered: u64,
    /// How many events were forgotten before it could be told.
    pub missed: u64,
    /// How often in a row it has failed.
    pub failures: u32,
    /// When it last took something.
    pub last_success: Option<Timestamp>,
    /// When it last failed.
    pub failed_at: Option<Timestamp>,
    /// Why it failed the last time; kept until it succeeds.
    pub last_error: Option<String>,
}

impl Standing {
    /// How long a receiver is left alone after its first failure, and after many in a row.
    const PAUSE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_mins(15));

    /// Takes in that `events` were delivered, and that there is nothing else for it up to `position`.
    pub fn succeeded(&mut self, position: u64, events: usize, now: Timestamp) {
        self.pass(position);
        self.delivered = self.delivered.saturating_add(events as u64);
        (self.failures, self.failed_at, self.last_error) = (0, None, None);
        self.last_success = Some(now);
    }

    /// Takes in that there is nothing for it up to `position`.
    pub fn pass(&mut self, position: u64) {
        self.position = self.position.max(position);
    }

    /// Takes in that it failed.
    pub fn failed(&mut self, why: &str, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(now);
        self.last_error = Some(why.chars().take(500).map(|c| if c.is_control() { ' ' } else { c }).collect());
    }

    /// Takes in where the history is: it ends at `last`, and its oldest event that is kept above the position is `next`.
    pub fn fit(&mut self, last: u64, next: Option<u64>) {
        // The store was put back to an earlier state, and counts on from there.
        self.position = self.position.min(last);
        let gone = next.map_or(0, |next| next.saturating_sub(self.position.saturating_add(1)));
        // What was forgotten before it was told of anything is nothing that it has missed.
        if self.position > 0 {
            self.missed = self.missed.saturating_add(gone);
        }
        self.position = self.position.saturating_add(gone);
    }

    /// Returns until when it is left alone, if it is.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let (first, longest) = Self::PAUSE;
        let pause = first.saturating_mul(1 << self.failures.saturating_sub(1).min(10)).min(longest);
        // A failure that lies ahead was noted before the clock was set back.
        let failed_at = self.failed_at.filter(|at| self.failures > 0 && *at <= now)?;
        Some(failed_at.after(pause)).filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FailureClass;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_seconds(1_760_000_000 + second)
    }

    fn event(event: DomainEvent) -> EventEnvelope {
        EventEnvelope { sequence: 1, at: at(0), schema_version: 1, event }
    }

    fn host(event: fn(crate::domain::MachineId) -> MachineEvent) -> EventEnvelope {
        self::event(DomainEvent::Machine(event("i-0123456789abcdef0".parse().unwrap())))
    }

    #[test]
    fn words_stand_for_names_and_for_what_matters() {
        let request_id: crate::domain::RequestId = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
        let resolved = |failure| {
            let request_id = request_id.clone();
            let resolved = RequestEvent::IntentResolved { request_id, attempt: 1, launched: 0, failure, code: None };
            event(DomainEvent::Request(resolved))
        };
        let settled = |to| {
            let (request_id, from, message) = (request_id.clone(), RequestStatus::Running, String::new());
            event(DomainEvent::Request(RequestEvent::RequestStatusChanged { request_id, from, to, message }))
        };
        let ended = host(|machine_id| MachineEvent::MachineTerminated { machine_id, reason: None });
        let notice = host(|machine_id| MachineEvent::MachineInterrupted { machine_id, code: "x".to_owned() });
        let given_up = host(|machine_id| MachineEvent::MachineGivenUp { machine_id, reason: "x".to_owned() });
        let failures = Wanted::of(&["failures"]);
        for (event, wanted) in [
            (resolved(None), false),
            (resolved(Some(FailureClass::Quota)), true),
            (settled(RequestStatus::Complete), false),
            (settled(RequestStatus::CompleteWithError), true),
            (given_up, true),
            (ended.clone(), false),
        ] {
            assert_eq!(failures.includes(&event, false), wanted, "{event:?}");
        }
        let lost = Wanted::of(&["lost"]);
        assert!(lost.includes(&notice, true) && lost.includes(&ended, false) && !lost.includes(&ended, true));
        let named = Wanted::of(&["MachineTerminated", "failures"]);
        assert!(named.includes(&ended, true) && !named.includes(&notice, false));
        for words in [&[][..], &["failures", "all"]] {
            assert!(Wanted::of(words).includes(&notice, true));
        }
        assert!(Wanted::words().any(|word| word == "RequestCreated"));
    }

    #[test]
    fn who_fails_is_left_alone_longer_each_time_and_is_well_again_at_once() {
        let mut standing = Standing::default();
        let mut pauses = Vec::new();
        for _ in 0..7 {
            standing.failed("connection\nrefused", at(0));
            pauses.push(standing.paused_until(at(0)).unwrap().since(at(0)).as_secs());
        }
        assert_eq!(pauses, [30, 60, 120, 240, 480, 900, 900]);
        assert_eq!(standing.last_error.as_deref(), Some("connection refused"));
        assert_eq!(standing.paused_until(at(900)), None);
        assert_eq!(standing.paused_until(at(-1)), None, "the clock was set back");
        standing.succeeded(7, 3, at(901));
        assert_eq!((standing.position, standing.delivered, standing.paused_until(at(901))), (7, 3, None));
        assert_eq!((standing.last_error, standing.last_success), (None, Some(at(901))));
    }

    #[test]
    fn a_gap_is_counted_and_a_store_that_was_put_back_is_followed() {
        let mut standing = Standing::default();
        standing.fit(9, Some(6));
        assert_eq!((standing.missed, standing.position), (0, 5), "what was there before it began is not missed");
        for _ in 0..2 {
            standing.fit(20, Some(9));
            assert_eq!((standing.missed, standing.position), (3, 8), "a gap counts once");
        }
        standing.fit(2, None);
        assert_eq!((standing.missed, standing.position), (3, 2));
    }
}
