//! The health of instances: scheduled events and status checks (`aws-semantics.md` section 14), and the edits of both.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::edits::Edit;
use crate::emulator::Emulator;
use crate::instances::Marks;

/// A status check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Of the host that the instance runs on.
    System,
    /// Of the instance itself.
    Instance,
}

/// An event that is scheduled for an instance.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// `instance-retirement` …
    pub(crate) code: String,
    pub(crate) not_before: Millis,
    /// What stands before its description once it is over: `Completed` or `Canceled`.
    pub(crate) over: Option<String>,
}

/// Schedules an event; one of the same kind is put off.
pub(crate) fn schedule(marks: &mut Marks, code: String, not_before: Millis) {
    marks.events.retain(|event| event.code != code || event.over.is_some());
    marks.events.push(Event { code, not_before, over: None });
}

/// Ends the events of a kind.
pub(crate) fn call_off(marks: &mut Marks, code: &str, how: &str) {
    for event in marks.events.iter_mut().filter(|event| event.code == code && event.over.is_none()) {
        event.over = Some(how.to_owned());
    }
}

/// Since when the checks of an instance have failed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Checks {
    pub(crate) system: Option<Millis>,
    pub(crate) instance: Option<Millis>,
}

impl Checks {
    /// Returns whether one of them fails.
    pub(crate) const fn fail(self) -> bool {
        self.system.is_some() || self.instance.is_some()
    }

    /// Lets a check fail from `now` on, if it does not yet, or pass.
    pub(crate) fn set(&mut self, check: Check, on: bool, now: Millis) {
        let since = match check {
            Check::System => &mut self.system,
            Check::Instance => &mut self.instance,
        };
        *since = on.then(|| since.unwrap_or(now));
    }
}

/// The edits that tests need most, in a word.
impl Emulator {
    /// Makes an instance fail its own status check.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn impair(&self, instance: &str) -> Result<(), String> {
        self.check(instance, Check::Instance, false)
    }

    /// Makes a status check of an instance pass or fail.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn check(&self, instance: &str, check: Check, passes: bool) -> Result<(), String> {
        self.edit(Edit::Impair { instance: instance.to_owned(), on: !passes, check })
    }

    /// Schedules an event for an instance, in two weeks.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn event(&self, instance: &str, kind: &str) -> Result<(), String> {
        self.event_in(instance, kind, Duration::from_hours(14 * 24))
    }

    /// Schedules an event for an instance; one of the same kind is put off.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn event_in(&self, instance: &str, kind: &str, time: Duration) -> Result<(), String> {
        let (instance, kind) = (instance.to_owned(), kind.to_owned());
        self.edit(Edit::Event { instance, kind, seconds: time.as_secs_f64() })
    }

    /// Ends the events of a kind, as `Completed` or `Canceled`; they are shown for a week more.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn event_over(&self, instance: &str, kind: &str, how: &str) -> Result<(), String> {
        let (instance, kind, how) = (instance.to_owned(), kind.to_owned(), how.to_owned());
        self.edit(Edit::EventOver { instance, kind, how })
    }
}
