//! What a list shows of a request, read off its document without the rest.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::application::ports::{Purpose, RequestSummary};
use crate::domain::request::{RequestStatus, Verdict};
use crate::domain::template::ProviderApi;
use crate::domain::{MachineCount, RequestId, TemplateId, Timestamp};

/// The members of a request's document that a list is made of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RequestHead {
    id: RequestId,
    status: RequestStatus,
    message: String,
    created_at: Timestamp,
    #[serde(default)]
    changed_at: Timestamp,
    deadline: Timestamp,
    body: BodyHead,
}

/// Those of what it is for, whichever kind it is.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BodyHead {
    template_id: Option<TemplateId>,
    api: Option<ProviderApi>,
    wanted: Option<MachineCount>,
    #[serde(default)]
    attempts: Vec<AttemptHead>,
    #[serde(default)]
    adopted: u32,
    #[serde(default)]
    outcomes: Vec<OutcomeHead>,
    #[serde(default)]
    items: Vec<IgnoredAny>,
}

/// An attempt that brought nothing has no such member.
#[derive(Debug, Deserialize)]
struct AttemptHead {
    #[serde(default)]
    hosts: u32,
}

#[derive(Debug, Deserialize)]
struct OutcomeHead {
    verdict: Verdict,
}

impl From<RequestHead> for RequestSummary {
    fn from(head: RequestHead) -> Self {
        let body = head.body;
        let usable = || body.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Usable).count();
        let purpose = match (body.api, body.wanted) {
            (Some(api), Some(wanted)) => Purpose::Acquire {
                api,
                wanted: wanted.get(),
                launched: body.attempts.iter().fold(body.adopted, |sum, attempt| sum.saturating_add(attempt.hosts)),
                usable: head.status.is_settled().then(usable),
                template_id: body.template_id,
            },
            _ => Purpose::Return { hosts: body.items.len() },
        };
        Self {
            id: head.id,
            status: head.status,
            message: head.message,
            created_at: head.created_at,
            changed_at: head.changed_at,
            deadline: head.deadline,
            purpose,
        }
    }
}
