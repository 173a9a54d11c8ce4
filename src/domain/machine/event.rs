//! What happened to a host.

use serde::{Deserialize, Serialize};

use super::MachineStatus;
use crate::domain::event::{Facts, because};
use crate::domain::{MachineId, RequestId};

/// A fact about a host, for the audit log and whoever else listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum MachineEvent {
    /// We learnt of a host: it was launched for a request, adopted, or named by Host Factory.
    MachineCreated {
        /// The host.
        machine_id: MachineId,
        /// The request it was launched for, if one is known.
        request_id: Option<RequestId>,
    },
    /// Its status changed.
    MachineStatusChanged {
        /// The host.
        machine_id: MachineId,
        /// Before.
        from: MachineStatus,
        /// After.
        to: MachineStatus,
        /// Why, as far as the cloud says.
        reason: Option<String>,
    },
    /// It will not stay: the cloud gave notice, or its health was seen to be so more than once.
    MachineInterrupted {
        /// The host.
        machine_id: MachineId,
        /// The spot status code, the code of the scheduled event, or the check that fails.
        code: String,
    },
    /// What was said about its health is over: the event was cancelled, the check passes again.
    MachineInterruptionOver {
        /// The host.
        machine_id: MachineId,
        /// The code of the event, or the check.
        code: String,
    },
    /// Host Factory named it for the first time, and so knows it.
    MachineListed {
        /// The host.
        machine_id: MachineId,
    },
    /// We asked the cloud to end it.
    MachineEndRequested {
        /// The host.
        machine_id: MachineId,
        /// Why: a return, or what it was given up for.
        reason: String,
    },
    /// It is to be ended, whatever the cloud shows of it from now on: it did not become usable, or is an orphan.
    MachineGivenUp {
        /// The host.
        machine_id: MachineId,
        /// Why.
        reason: String,
    },
    /// It has ended.
    MachineTerminated {
        /// The host.
        machine_id: MachineId,
        /// Why, as far as is known.
        reason: Option<String>,
    },
}

impl MachineEvent {
    /// Returns what the event says of itself.
    pub(crate) fn facts(&self) -> Facts<'_> {
        match self {
            Self::MachineCreated { machine_id, request_id } => Facts {
                name: "MachineCreated",
                machine: Some(machine_id),
                request: request_id.as_ref(),
                ..Facts::default()
            },
            Self::MachineStatusChanged { machine_id, from, to, reason } => Facts {
                name: "MachineStatusChanged",
                machine: Some(machine_id),
                detail: format!("{} to {}{}", from.word(), to.word(), because(reason.as_deref().unwrap_or_default())),
                ..Facts::default()
            },
            Self::MachineInterrupted { machine_id, code } => Facts {
                name: "MachineInterrupted",
                machine: Some(machine_id),
                detail: code.clone(),
                ..Facts::default()
            },
            Self::MachineInterruptionOver { machine_id, code } => Facts {
                name: "MachineInterruptionOver",
                machine: Some(machine_id),
                detail: code.clone(),
                ..Facts::default()
            },
            Self::MachineListed { machine_id } => {
                Facts { name: "MachineListed", machine: Some(machine_id), ..Facts::default() }
            }
            Self::MachineGivenUp { machine_id, reason } => {
                Facts { name: "MachineGivenUp", machine: Some(machine_id), detail: reason.clone(), ..Facts::default() }
            }
            Self::MachineEndRequested { machine_id, reason } => Facts {
                name: "MachineEndRequested",
                machine: Some(machine_id),
                detail: reason.clone(),
                ..Facts::default()
            },
            Self::MachineTerminated { machine_id, reason } => Facts {
                name: "MachineTerminated",
                machine: Some(machine_id),
                detail: reason.clone().unwrap_or_default(),
                ..Facts::default()
            },
        }
    }
}
