//! Calls that wait: for the test that holds them, or for a while.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::faults::Phase;

/// What becomes of a held call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It goes on, and is answered.
    Release,
    /// Its connection ends. Held before its effect, it has none.
    Drop,
    /// It is refused with this code. Held before its effect, it has none.
    Refuse(String),
}

/// A call that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) call: u64,
    pub(crate) action: String,
    pub(crate) phase: Phase,
}

#[derive(Debug, Default)]
struct State {
    /// Held, and nobody was told yet.
    news: VecDeque<Waiting>,
    decided: HashMap<u64, Decision>,
    stopping: bool,
}

/// Where held calls wait.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    state: Mutex<State>,
    changed: Condvar,
}

impl Desk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a call until it is decided; a stop drops it.
    pub(crate) fn hold(&self, waiting: Waiting) -> Decision {
        let call = waiting.call;
        let mut state = self.state();
        state.news.push_back(waiting);
        self.changed.notify_all();
        loop {
            if let Some(decision) = state.decided.remove(&call) {
                return decision;
            }
            if state.stopping {
                return Decision::Drop;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(crate) fn decide(&self, call: u64, decision: Decision) {
        self.state().decided.insert(call, decision);
        self.changed.notify_all();
    }

    /// Waits until a call is held that nobody was told of.
    pub(crate) fn next(&self, patience: Duration) -> Option<Waiting> {
        let until = Instant::now() + patience;
        let mut state = self.state();
        loop {
            if let Some(waiting) = state.news.pop_front() {
                return Some(waiting);
            }
            let left = until.checked_duration_since(Instant::now()).filter(|_| !state.stopping)?;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits in real time; a stop ends it.
    pub(crate) fn pause(&self, time: Duration) {
        let state = self.state();
        let _ = self.changed.wait_timeout_while(state, time, |state| !state.stopping);
    }

    pub(crate) fn stop(&self) {
        self.state().stopping = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.state().stopping
    }
}
