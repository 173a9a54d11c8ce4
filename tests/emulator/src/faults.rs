//! What goes wrong on demand: a verb, and which calls it is for.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// On which side of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The call has had no effect yet.
    Before,
    /// The call has had its effect, and is not answered yet.
    After,
}

/// An instance that is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garble {
    /// Its state is `frozen`, which nobody knows.
    Frozen,
    /// It has no `instanceId`.
    NoId,
    /// It has no `launchTime`.
    NoLaunchTime,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Verb {
    /// An error of AWS.
    Code {
        /// Its code.
        code: String,
        /// Its HTTP status, where it is not AWS's own.
        status: Option<u16>,
        /// Its words, where they are not AWS's own.
        message: Option<String>,
        /// Before or after the effect.
        phase: Phase,
    },
    /// The connection ends without an answer.
    Drop(Phase),
    /// The call waits so many milliseconds of real time.
    Delay(Phase, u64),
    /// The call waits until the test lets it go on.
    Hold(Phase),
    /// Half of the answer, then silence.
    Stall,
    /// An answer that is no XML.
    Garbage,
    /// A page that names itself as the next one.
    PageLoop,
    /// This page of a listing (1 is the first) is an internal error.
    BadPage(u32),
    /// A listing without any item.
    Empty,
    /// A listing whose first instance is not as it should be.
    Garble(Garble),
}

impl Verb {
    /// Returns the name under which it is in the call log.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Code { code, .. } => format!("code({code})"),
            Self::Drop(Phase::Before) => "drop_before".to_owned(),
            Self::Drop(Phase::After) => "drop_after".to_owned(),
            Self::Delay(Phase::Before, _) => "delay".to_owned(),
            Self::Delay(Phase::After, _) => "delay_after".to_owned(),
            Self::Hold(Phase::Before) => "hold(before)".to_owned(),
            Self::Hold(Phase::After) => "hold(after)".to_owned(),
            Self::Stall => "stall".to_owned(),
            Self::Garbage => "garbage".to_owned(),
            Self::PageLoop => "page_loop".to_owned(),
            Self::BadPage(page) => format!("bad_page({page})"),
            Self::Empty => "empty".to_owned(),
            Self::Garble(_) => "garble".to_owned(),
        }
    }
}

/// A verb with the calls that it is for. Without more it is for the next call of any action, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub verb: Verb,
    /// For calls of this action.
    #[serde(default)]
    pub action: Option<String>,
    /// For calls that name this zone, a subnet in it, or an instance in it.
    #[serde(default)]
    pub zone: Option<String>,
    /// For calls that name this instance type, or an instance of it.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// For calls that name this instance, by id or by filter.
    #[serde(default)]
    pub instance: Option<String>,
    /// For calls with these parameters.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Lets so many of them pass first.
    #[serde(default)]
    pub skip: u32,
    /// For so many of them; `null` is all.
    #[serde(default = "once")]
    pub times: Option<u32>,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that can be absent")]
const fn once() -> Option<u32> {
    Some(1)
}

impl Fault {
    /// Returns a fault for the next call.
    pub const fn new(verb: Verb) -> Self {
        Self {
            verb,
            action: None,
            zone: None,
            instance_type: None,
            instance: None,
            parameters: BTreeMap::new(),
            skip: 0,
            times: once(),
        }
    }

    /// Returns an error of AWS, before any effect, with AWS's own status and words.
    pub fn code(code: &str) -> Self {
        Self::new(Verb::Code { code: code.to_owned(), status: None, message: None, phase: Phase::Before })
    }

    /// `RequestLimitExceeded`, HTTP 503.
    pub fn throttle() -> Self {
        Self::code("RequestLimitExceeded")
    }

    /// `InternalError`, HTTP 500.
    pub fn e500() -> Self {
        Self::code("InternalError")
    }

    /// `Unavailable`, HTTP 503.
    pub fn e503() -> Self {
        Self::code("Unavailable")
    }

    /// The connection ends, and nothing has happened.
    pub const fn drop_before() -> Self {
        Self::new(Verb::Drop(Phase::Before))
    }

    /// The connection ends, and the call has worked.
    pub const fn drop_after() -> Self {
        Self::new(Verb::Drop(Phase::After))
    }

    /// The call works after so many milliseconds of real time.
    pub const fn delay(millis: u64) -> Self {
        Self::new(Verb::Delay(Phase::Before, millis))
    }

    /// The call works at once, and is answered after so many milliseconds of real time.
    pub const fn delay_after(millis: u64) -> Self {
        Self::new(Verb::Delay(Phase::After, millis))
    }

    /// The call waits, before or after its effect, until the test decides; see [`crate::Emulator::wait_held`].
    pub const fn hold(phase: Phase) -> Self {
        Self::new(Verb::Hold(phase))
    }

    /// Half of the answer, then silence.
    pub const fn stall() -> Self {
        Self::new(Verb::Stall)
    }

    /// The call works, and its answer is no XML.
    pub const fn garbage() -> Self {
        Self::new(Verb::Garbage)
    }

    /// A page names itself as the next one.
    pub const fn page_loop() -> Self {
        Self::new(Verb::PageLoop)
    }

    /// The n-th page of a listing fails; 1 is the first.
    pub const fn bad_page(number: u32) -> Self {
        Self::new(Verb::BadPage(number))
    }

    /// A listing succeeds and is empty.
    pub const fn empty() -> Self {
        Self::new(Verb::Empty)
    }

    /// The first instance of a listing is not as it should be.
    pub const fn garble(how: Garble) -> Self {
        Self::new(Verb::Garble(how))
    }

    /// Sets the HTTP status of an error.
    #[must_use]
    pub const fn status(mut self, number: u16) -> Self {
        if let Verb::Code { status, .. } = &mut self.verb {
            *status = Some(number);
        }
        self
    }

    /// Sets the words of an error.
    #[must_use]
    pub fn message(mut self, words: &str) -> Self {
        if let Verb::Code { message, .. } = &mut self.verb {
            *message = Some(words.to_owned());
        }
        self
    }

    /// Makes an error come after the effect.
    #[must_use]
    pub const fn after_effect(mut self) -> Self {
        if let Verb::Code { phase, .. } = &mut self.verb {
            *phase = Phase::After;
        }
        self
    }

    /// For calls of this action.
    #[must_use]
    pub fn on(mut self, action: &str) -> Self {
        self.action = Some(action.to_owned());
        self
    }

    /// For calls that name this zone, a subnet in it, or an instance in it.
    #[must_use]
    pub fn zone(mut self, zone: &str) -> Self {
        self.zone = Some(zone.to_owned());
        self
    }

    /// For calls that name this instance type, or an instance of it.
    #[must_use]
    pub fn instance_type(mut self, name: &str) -> Self {
        self.instance_type = Some(name.to_owned());
        self
    }

    /// For calls that name this instance, by id or by filter.
    #[must_use]
    pub fn instance(mut self, id: &str) -> Self {
        self.instance = Some(id.to_owned());
        self
    }

    /// For calls with this parameter.
    #[must_use]
    pub fn parameter(mut self, name: &str, value: &str) -> Self {
        self.parameters.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Lets so many calls pass first.
    #[must_use]
    pub const fn skip(mut self, calls: u32) -> Self {
        self.skip = calls;
        self
    }

    /// For so many calls.
    #[must_use]
    pub const fn times(mut self, calls: u32) -> Self {
        self.times = Some(calls);
        self
    }

    /// For every call.
    #[must_use]
    pub const fn always(mut self) -> Self {
        self.times = None;
        self
    }
}

/// What a call is about, as far as faults ask.
#[derive(Debug, Default)]
pub(crate) struct About {
    pub(crate) zones: Vec<String>,
    pub(crate) types: Vec<String>,
    pub(crate) instances: Vec<String>,
    /// The page of a listing.
    pub(crate) page: u32,
}

/// The faults that are still to come; the first that takes a call wins.
#[derive(Debug, Default)]
pub(crate) struct Faults(pub(crate) Vec<Fault>);

impl Faults {
    /// Returns the verb for this call, and counts it.
    pub(crate) fn take(
        &mut self,
        action: &str,
        get: impl Fn(&str) -> Option<String>,
        about: impl FnOnce() -> About,
    ) -> Option<Verb> {
        if self.0.is_empty() {
            return None;
        }
        let about = about();
        let has = |wanted: &Option<String>, all: &[String]| wanted.as_ref().is_none_or(|one| all.contains(one));
        let mut taken = None;
        for fault in &mut self.0 {
            let matches = fault.action.as_deref().is_none_or(|wanted| wanted == action)
                && has(&fault.zone, &about.zones)
                && has(&fault.instance_type, &about.types)
                && has(&fault.instance, &about.instances)
                && fault.parameters.iter().all(|(name, value)| get(name).as_ref() == Some(value))
                && !matches!(fault.verb, Verb::BadPage(page) if page != about.page);
            if !matches {
                continue;
            }
            if fault.skip > 0 {
                fault.skip -= 1;
                continue;
            }
            if let Some(times) = &mut fault.times {
                *times = times.saturating_sub(1);
            }
            taken = Some(fault.verb.clone());
            break;
        }
        self.0.retain(|fault| fault.times != Some(0));
        taken
    }
}
