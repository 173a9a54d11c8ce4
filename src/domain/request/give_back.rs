//! The part of a request that gives hosts back.

use serde::{Deserialize, Serialize};

use crate::domain::{HostName, MachineId};

/// One host to give back, as Host Factory named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReturnItem {
    /// The instance id, once it is known.
    pub machine_id: Option<MachineId>,
    /// The host name, if Host Factory gave one.
    pub name: Option<HostName>,
    /// Why the host is not ended, if that is final.
    pub refused: Option<String>,
    /// What stood in the way the last time, if anything did.
    pub problem: Option<String>,
}

impl ReturnItem {
    /// Returns the item for a host named by id, by name, or by both.
    pub fn named(machine_id: Option<MachineId>, name: Option<HostName>) -> Self {
        Self { machine_id, name, refused: None, problem: None }
    }

    /// Returns the text by which people know the host.
    pub fn label(&self) -> &str {
        match (&self.name, &self.machine_id) {
            (Some(name), _) => name.as_str(),
            (None, Some(id)) => id.as_str(),
            (None, None) => "a host without a name",
        }
    }
}

/// A return: exactly these hosts end and no other (INV-07).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Return {
    /// The hosts.
    pub items: Vec<ReturnItem>,
}
