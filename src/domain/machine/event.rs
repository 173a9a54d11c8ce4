//! What happened to a host.

use serde::{Deserialize, Serialize};

use super::MachineStatus;
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
    /// The cloud gave notice that it takes the host away.
    MachineInterrupted {
        /// The host.
        machine_id: MachineId,
        /// The spot status code.
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
