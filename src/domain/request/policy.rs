//! The operator's choices about requests, and the verdict over a host.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::Moment;
use crate::domain::machine::{Machine, MachineStatus};

/// The status of a settled request that has usable hosts and fewer than were asked for (`design.md` 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PartialStatus {
    /// `complete`, the shortfall in its message.
    #[default]
    Complete,
    /// `complete_with_error`.
    CompleteWithError,
}

/// What happens to a request that would pass `maxNumber` (`design.md` 5.18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OverMaximum {
    /// It is refused.
    #[default]
    Refuse,
    /// It is cut to what is left.
    Clip,
}

/// The operator's choices about requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestPolicy {
    /// How long hosts may take to become usable before the request settles without them.
    pub acquire_deadline: Duration,
    /// How long hosts may take to end before the return settles with an error.
    pub return_deadline: Duration,
    /// How long a single host may be `pending` before it is ended (`AWS_INSTANCE_PENDING_TIMEOUT_SEC`).
    pub pending_timeout: Duration,
    /// The most hosts of one create call.
    pub batch_limit: u32,
    /// How a partly filled request ends.
    pub partial: PartialStatus,
    /// What happens past `maxNumber`.
    pub over_maximum: OverMaximum,
    /// Whether a host without an owner tag may be ended when Host Factory names it.
    pub strict_owner: bool,
    /// Whether a returned spot host that is already marked for interruption is ended at once, or left to AWS
    /// (`AWS_SPOT_TERMINATE_ON_RECLAIM`).
    pub terminate_on_reclaim: bool,
}

impl Default for RequestPolicy {
    fn default() -> Self {
        Self {
            acquire_deadline: Duration::from_mins(15),
            return_deadline: Duration::from_hours(1),
            pending_timeout: Duration::from_mins(3),
            batch_limit: 100,
            partial: PartialStatus::default(),
            over_maximum: OverMaximum::default(),
            strict_owner: false,
            terminate_on_reclaim: false,
        }
    }
}

/// What an acquire request makes of one of its hosts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// It may still become usable.
    Executing,
    /// Host Factory can have it.
    Usable,
    /// It will not become usable, and why.
    Failed(String),
}

impl Verdict {
    /// Judges a host of an open request (`aws-semantics.md` section 15). `expired` says that the request's deadline
    /// has passed.
    pub fn over(machine: &Machine, expired: bool, at: Moment, policy: &RequestPolicy) -> Self {
        let host = machine.snapshot();
        let or_else = |text: &str| host.reason.clone().unwrap_or_else(|| text.to_owned());
        match host.status {
            _ if let Some(reason) = machine.given_up() => Self::Failed(reason.to_owned()),
            _ if machine.is_ending() => Self::Failed(or_else("ended before it became usable")),
            // By our own clock alone: the cloud's may differ by minutes, and the host would be ended for that.
            MachineStatus::Pending if at.watched(host.known_since) > policy.pending_timeout => {
                Self::Failed(format!("pending for more than {} seconds", policy.pending_timeout.as_secs()))
            }
            // Of what only may end, Host Factory hears once it has the host.
            MachineStatus::Running
                if let Some(notice) = machine.interruption().filter(|notice| notice.is_reclaim()) =>
            {
                Self::Failed(format!("taken back by the spot market: {}", notice.code))
            }
            MachineStatus::Running if host.private_ip.is_some() && host.name.is_some() => Self::Usable,
            MachineStatus::Pending | MachineStatus::Running if expired => {
                Self::Failed(format!("not usable within {} seconds", policy.acquire_deadline.as_secs()))
            }
            MachineStatus::Pending | MachineStatus::Running => Self::Executing,
            MachineStatus::Stopping | MachineStatus::Stopped => Self::Failed(or_else("stopped")),
            MachineStatus::ShuttingDown | MachineStatus::Terminated => Self::Failed(or_else("terminated")),
        }
    }
}
