//! Gives hosts back.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::{info, warn};

use crate::application::engine::{EngineSource, pause};
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::Changes;
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::{Machine, Origin};
use crate::domain::request::{Request, ReturnItem};
use crate::domain::template::ProviderApi;
use crate::domain::{HostName, MachineId, RequestId, RequestKind, Timestamp};

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
    engine: Arc<dyn EngineSource>,
}

impl ReturnMachinesHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }

    /// Commits the return with its exact hosts before anything is ended. Hosts that the store does not know are taken
    /// in by their id; names that it does not know are looked up later.
    async fn open(&self, hosts: &[HostRef]) -> Result<ReturnAccepted, ApplicationError> {
        let engine = self.engine.engine();
        let id = engine.ids.request_id(RequestKind::Return);
        let ids: Vec<MachineId> = hosts.iter().filter_map(|host| host.id.clone()).collect();
        let names: Vec<HostName> =
            hosts.iter().filter(|host| host.id.is_none()).filter_map(|host| host.name.clone()).collect();
        let mut tries = 0;
        loop {
            let now = engine.clock.now();
            let mut machines = engine.store.machines(&ids).await?;
            machines.extend(engine.store.machines_named(&names).await?);
            machines.sort_by(|a, b| a.id().cmp(b.id()));
            machines.dedup_by(|a, b| a.id() == b.id());
            let items = items_of(hosts, &mut machines, engine.default_api, now);
            let meant: Vec<&MachineId> = items.iter().filter_map(|item| item.machine_id.as_ref()).collect();
            machines.retain(|machine| meant.contains(&machine.id()));
            let unresolved = items.iter().any(|item| item.machine_id.is_none() && item.refused.is_none());
            let any_active = unresolved || machines.iter().any(Machine::is_held);
            let mut request = Request::give_back(id.clone(), items, &engine.policy, now)?;
            for machine in &mut machines {
                machine.join_return(&id);
                machine.list();
            }
            let changes =
                Changes { requests: vec![&mut request], machines: machines.iter_mut().collect(), ..Changes::default() };
            match engine.store.commit(changes, now).await {
                Err(StorageError::Conflict { .. }) if tries < 12 => {
                    tries += 1;
                    tokio::time::sleep(pause(tries)).await;
                }
                other => return other.map(|()| ReturnAccepted { id, any_active }).map_err(Into::into),
            }
        }
    }
}

/// Returns one item for each host that is meant, and adds to `machines` those that only Host Factory knows.
fn items_of(hosts: &[HostRef], machines: &mut Vec<Machine>, api: ProviderApi, now: Timestamp) -> Vec<ReturnItem> {
    let mut items: Vec<ReturnItem> = Vec::with_capacity(hosts.len());
    for host in hosts {
        if let Some(id) = host.id.as_ref().filter(|id| machines.iter().all(|machine| machine.id() != *id)) {
            machines.push(Machine::heard_of(id.clone(), api, Origin::HostFactory, now));
        }
        let machine_id = host.resolve(machines).map(|machine| machine.id().clone());
        if let (Some(id), Some(name)) = (&machine_id, &host.name) {
            machines.iter_mut().filter(|machine| machine.id() == id).for_each(|machine| machine.keep_name(name));
        }
        let mut item = ReturnItem::named(machine_id, host.name.clone());
        if item.machine_id.is_none() && machines.iter().any(|machine| machine.name() == host.name.as_ref()) {
            item.refused = Some("several hosts have this name; return it by machineId".to_owned());
        }
        let same = |other: &ReturnItem| match (&other.machine_id, &item.machine_id) {
            (Some(one), Some(two)) => one == two,
            (None, None) => other.name == item.name,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if !items.iter().any(same) {
            items.push(item);
        }
    }
    items
}

#[async_trait]
impl Handler<ReturnMachines> for ReturnMachinesHandler {
    async fn handle(&self, command: ReturnMachines) -> Result<ReturnAccepted, ApplicationError> {
        self.engine.engine().watch().await;
        let accepted = self.open(&command.hosts).await?;
        info!(request_id = %accepted.id, hosts = command.hosts.len(), "return accepted");
        // The return is durable, so its id is printed whatever comes now; later calls go on with it.
        if let Err(error) = self.engine.engine().give_back(&accepted.id, None).await {
            warn!(request_id = %accepted.id, %error, "the return is taken up again by a later call");
        }
        Ok(accepted)
    }
}

#[cfg(test)]
#[path = "return_machines_tests.rs"]
mod tests;
