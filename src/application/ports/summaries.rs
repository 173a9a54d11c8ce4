//! Requests as lists have them: a read model, so that stores read no more of a request than that.

use crate::domain::request::{Attempt, Body, RequestSnapshot, RequestStatus, Verdict};
use crate::domain::template::ProviderApi;
use crate::domain::{RequestId, TemplateId, Timestamp};

/// A request, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestSummary {
    /// The request.
    pub id: RequestId,
    /// How it stands.
    pub status: RequestStatus,
    /// The explanation shown to Host Factory.
    pub message: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was last committed.
    pub changed_at: Timestamp,
    /// When it settles at the latest.
    pub deadline: Timestamp,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To get hosts, in capacity units where hosts are weighted.
    Acquire {
        /// The template; unknown for a request that was rebuilt from tags.
        template_id: Option<TemplateId>,
        /// The way the hosts are got.
        api: ProviderApi,
        /// How much is wanted.
        wanted: u32,
        /// How much was launched or adopted.
        launched: u32,
        /// How many hosts are usable, once that is decided.
        usable: Option<usize>,
    },
    /// To give hosts back.
    Return {
        /// How many.
        hosts: usize,
    },
}

impl RequestSummary {
    /// Returns the template of a request for hosts, if it is known.
    pub fn template(&self) -> Option<&TemplateId> {
        match &self.purpose {
            Purpose::Acquire { template_id, .. } => template_id.as_ref(),
            Purpose::Return { .. } => None,
        }
    }
}

impl From<&RequestSnapshot> for RequestSummary {
    fn from(request: &RequestSnapshot) -> Self {
        let purpose = match &request.body {
            Body::Acquire(acquire) => {
                let usable = || acquire.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Usable).count();
                let brought = acquire.attempts.iter().map(Attempt::brought);
                Purpose::Acquire {
                    template_id: acquire.template_id.clone(),
                    api: acquire.api,
                    wanted: acquire.wanted.get(),
                    launched: brought.fold(acquire.adopted, u32::saturating_add),
                    usable: request.status.is_settled().then(usable),
                }
            }
            Body::Return(give_back) => Purpose::Return { hosts: give_back.items.len() },
        };
        Self {
            id: request.id.clone(),
            status: request.status,
            message: request.message.clone(),
            created_at: request.created_at,
            changed_at: request.changed_at,
            deadline: request.deadline,
            purpose,
        }
    }
}
