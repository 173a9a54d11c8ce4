//! A request for hosts that is given up by hand.
//!
//! Invariants: nothing is asked for any more; every host that it has got, or gets from a call whose outcome was not known,
//! counts as failed and is ended; it settles once none is left.

use super::{Request, RequestEvent, RequestPolicy, Verdict};
use crate::domain::machine::Machine;
use crate::domain::{DomainError, Moment, Timestamp};

/// Why the hosts of such a request are ended.
pub const CANCELLED: &str = "cancelled by the operator";

impl Request {
    /// Gives the request up: its time is over, and none of its hosts is wanted. Returns whether that is news.
    ///
    /// # Errors
    /// [`DomainError::BusinessRule`] for a return, which cannot be taken back, and for a request that is settled.
    pub fn cancel(&mut self, at: Timestamp) -> Result<bool, DomainError> {
        let refused = |reason: String| Err(DomainError::BusinessRule { rule: "cancel", reason });
        if self.as_acquire().is_none() {
            return refused(format!("{} gives hosts back, and that cannot be taken back", self.id()));
        }
        if self.is_cancelled() {
            return Ok(false);
        }
        if self.is_settled() {
            let id = self.id();
            return refused(format!(
                "{id} is settled; to give its hosts back: hostfactory machines return --all-of {id}"
            ));
        }
        self.state.cancelled_at = Some(at);
        self.state.deadline = self.state.deadline.min(at);
        self.pending.push(RequestEvent::RequestCancelled { request_id: self.state.id.clone() });
        Ok(true)
    }

    /// Returns whether the request was given up by hand.
    pub fn is_cancelled(&self) -> bool {
        self.state.cancelled_at.is_some()
    }

    /// Judges a host of the request while it is open.
    pub fn verdict(&self, machine: &Machine, at: Moment, policy: &RequestPolicy) -> Verdict {
        if self.is_cancelled() {
            return Verdict::Failed(CANCELLED.to_owned());
        }
        Verdict::over(machine, self.is_expired(at), at, policy)
    }
}

#[cfg(test)]
#[path = "cancelling_tests.rs"]
mod tests;
