//! What comes of the attempts of a request.
//!
//! Invariant: an attempt is resolved once; until then only its own token may be sent for it.

use super::{Attempt, AttemptState, Body, Refusal, Request, RequestEvent};
use crate::domain::FailureClass;
use crate::domain::failure::AttemptVerdict;

impl Request {
    /// Takes in that an attempt launched `hosts` capacity units and launches no more. Returns false when its outcome was
    /// known already (another process sent the same token and was faster).
    pub fn attempt_launched(
        &mut self,
        number: u32,
        hosts: u32,
        resource: Option<String>,
        refusals: Vec<Refusal>,
    ) -> bool {
        self.resolve(number, AttemptState::Launched { hosts, resource, refusals })
    }

    /// Takes in that the cloud has made something that goes on launching by itself for an attempt. Returns false when that
    /// was known already.
    pub fn attempt_filling(&mut self, number: u32, resource: String) -> bool {
        if self.is_settled() {
            return false;
        }
        let Body::Acquire(acquire) = &mut self.state.body else { return false };
        let Some(attempt) = acquire.attempts.iter_mut().find(|a| a.number == number && a.is_open()) else {
            return false;
        };
        attempt.state = AttemptState::Filling { resource: resource.clone(), hosts: 0, refusals: Vec::new() };
        self.state.message = String::new();
        let (request_id, attempt) = (self.state.id.clone(), number);
        self.pending.push(RequestEvent::ResourceMade { request_id, attempt, resource });
        true
    }

    /// Takes in how far something that goes on launching by itself has come.
    pub fn attempt_progress(&mut self, number: u32, units: u32, news: Option<Vec<Refusal>>) {
        if let Body::Acquire(acquire) = &mut self.state.body
            && let Some(attempt) = acquire.attempts.iter_mut().find(|attempt| attempt.number == number)
            && let AttemptState::Filling { hosts, refusals, .. } = &mut attempt.state
        {
            *hosts = (*hosts).max(units);
            if let Some(news) = news {
                *refusals = news;
            }
        }
    }

    /// Takes in that an attempt's call failed. An ambiguous failure leaves the attempt open with its token.
    pub fn attempt_failed(&mut self, number: u32, class: FailureClass, code: Option<String>, message: String) -> bool {
        if self.is_settled() {
            return false;
        }
        match class.verdict() {
            AttemptVerdict::Open => {
                self.state.message = message;
                return false;
            }
            AttemptVerdict::SmallerBatch => {
                if let Body::Acquire(acquire) = &mut self.state.body
                    && let Some(count) = acquire.attempts.iter().find(|a| a.number == number).map(|a| a.count)
                {
                    acquire.batch_limit = acquire.batch_limit.min(count / 2).max(1);
                }
            }
            AttemptVerdict::NextPool | AttemptVerdict::Final => {}
        }
        self.resolve(number, AttemptState::Failed { class, code, message })
    }

    /// Takes in that an attempt that nobody had sent before could not be sent, so that it launched nothing.
    pub fn attempt_not_sent(
        &mut self,
        number: u32,
        class: FailureClass,
        code: Option<String>,
        message: String,
    ) -> bool {
        self.resolve(number, AttemptState::Failed { class, code, message })
    }

    /// Gives an attempt up whose outcome could not be learnt and of which no host was found for long enough.
    pub fn attempt_given_up(&mut self, number: u32) -> bool {
        let message = "the outcome of the call was never learnt, and no host bears its token".to_owned();
        self.resolve(number, AttemptState::Failed { class: FailureClass::Unknown, code: None, message })
    }

    fn resolve(&mut self, number: u32, state: AttemptState) -> bool {
        if self.is_settled() {
            return false;
        }
        let Body::Acquire(acquire) = &mut self.state.body else { return false };
        // What is known to have made something has not failed, whatever another process was told.
        let has_failed = matches!(state, AttemptState::Failed { .. });
        let unresolved = |attempt: &&mut Attempt| {
            attempt.number == number && (attempt.is_open() || (attempt.filling().is_some() && !has_failed))
        };
        let Some(attempt) = acquire.attempts.iter_mut().find(unresolved) else {
            return false;
        };
        let (launched, failure, code) = match &state {
            AttemptState::Open | AttemptState::Filling { .. } => return false,
            AttemptState::Launched { hosts, refusals, .. } => {
                let worst = refusals.iter().max_by_key(|refusal| refusal.class.verdict());
                (*hosts, worst.map(|refusal| refusal.class), worst.and_then(|refusal| refusal.code.clone()))
            }
            AttemptState::Failed { class, code, .. } => (0, Some(*class), code.clone()),
        };
        attempt.state = state;
        self.state.message = String::new();
        let (request_id, attempt) = (self.state.id.clone(), number);
        self.pending.push(RequestEvent::IntentResolved { request_id, attempt, launched, failure, code });
        true
    }
}

#[cfg(test)]
#[path = "resolving_tests.rs"]
mod tests;
