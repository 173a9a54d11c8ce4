//! Which of the hosts that Host Factory holds the cloud takes, or has taken (`hostfactory.md` 3.5).

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::commands::HostRef;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Clock, UnitOfWork};
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::{HostName, MachineId, Timestamp};

/// Asks which of these hosts Host Factory should give back.
#[derive(Debug, Clone)]
pub struct GetReturnRequests {
    /// Every host that Host Factory holds from this provider.
    pub hosts: Vec<HostRef>,
}

impl Message for GetReturnRequests {
    const NAME: &'static str = "GetReturnRequests";
    type Output = Vec<LostHost>;
}

impl Query for GetReturnRequests {}

/// A host that the cloud takes, or has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostHost {
    /// Its name as Host Factory gave it; else the name we know, else the instance id.
    pub name: String,
    /// Seconds until it ends; 0 when it is gone or going.
    pub grace_seconds: u64,
}

/// Answers from the store: facts only, so that a cloud that cannot be observed adds nothing.
#[derive(Component)]
#[shaku(interface = Handler<GetReturnRequests>)]
pub struct GetReturnRequestsHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

impl GetReturnRequestsHandler {
    /// Returns a handler over `store`.
    pub fn new(store: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

/// Returns the seconds that a host has left, or `None` when it stays.
fn grace_of(machine: &Machine, now: Timestamp) -> Option<u64> {
    match machine.status() {
        // A return that Host Factory asked for itself is under way; it need not be told.
        _ if machine.is_ending() && machine.return_id().is_some() && machine.status() != MachineStatus::Terminated => {
            None
        }
        MachineStatus::Pending | MachineStatus::Running => {
            machine.interruption().map(|notice| notice.grace_seconds(now))
        }
        MachineStatus::Stopping | MachineStatus::Stopped | MachineStatus::ShuttingDown | MachineStatus::Terminated => {
            Some(0)
        }
    }
}

#[async_trait]
impl Handler<GetReturnRequests> for GetReturnRequestsHandler {
    async fn handle(&self, query: GetReturnRequests) -> Result<Vec<LostHost>, ApplicationError> {
        if query.hosts.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.now();
        let ids: Vec<MachineId> = query.hosts.iter().filter_map(|host| host.id.clone()).collect();
        let names: Vec<HostName> =
            query.hosts.iter().filter(|host| host.id.is_none()).filter_map(|host| host.name.clone()).collect();
        let mut machines = self.store.machines(&ids).await?;
        machines.extend(self.store.machines_named(&names).await?);
        Ok(query
            .hosts
            .iter()
            .filter_map(|host| {
                let machine = host.resolve(&machines)?;
                let grace_seconds = grace_of(machine, now)?;
                let known = || machine.name().map_or_else(|| machine.id().to_string(), ToString::to_string);
                Some(LostHost { name: host.name.as_ref().map_or_else(known, ToString::to_string), grace_seconds })
            })
            .collect())
    }
}
