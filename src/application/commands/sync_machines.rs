//! Looks at the hosts that Host Factory holds.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use super::HostRef;
use crate::application::engine::{EngineSource, Seen, pause};
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::Changes;
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::{Machine, Origin};
use crate::domain::{HostName, MachineId};

/// Looks at these hosts and takes in what the cloud shows.
#[derive(Debug, Clone)]
pub struct SyncMachines {
    /// Every host that Host Factory holds from this provider.
    pub hosts: Vec<HostRef>,
}

impl Message for SyncMachines {
    const NAME: &'static str = "SyncMachines";
    type Output = ();
}

impl Command for SyncMachines {}

/// Carries out [`SyncMachines`].
#[derive(Component)]
#[shaku(interface = Handler<SyncMachines>)]
pub struct SyncMachinesHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

impl SyncMachinesHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl Handler<SyncMachines> for SyncMachinesHandler {
    async fn handle(&self, command: SyncMachines) -> Result<(), ApplicationError> {
        if command.hosts.is_empty() {
            return Ok(());
        }
        let engine = self.engine.engine();
        engine.watch().await;
        let ids: Vec<MachineId> = command.hosts.iter().filter_map(|host| host.id.clone()).collect();
        let names: Vec<HostName> =
            command.hosts.iter().filter(|host| host.id.is_none()).filter_map(|host| host.name.clone()).collect();
        let mut seen: Option<Seen> = None;
        let mut tries = 0;
        loop {
            let now = engine.clock.now();
            let mut machines = engine.store.machines(&ids).await?;
            machines.extend(engine.store.machines_named(&names).await?);
            machines.sort_by(|a, b| a.id().cmp(b.id()));
            machines.dedup_by(|a, b| a.id() == b.id());
            // Hosts that another plug-in delivered, or that we forgot, are watched from now on (`hostfactory.md` 3.7).
            let mut known: HashSet<MachineId> = machines.iter().map(|machine| machine.id().clone()).collect();
            for host in &command.hosts {
                let Some(id) = &host.id else { continue };
                if known.insert(id.clone()) {
                    let mut machine = Machine::heard_of(id.clone(), engine.default_api, Origin::HostFactory, now);
                    host.name.iter().for_each(|name| machine.keep_name(name));
                    machines.push(machine);
                }
            }
            let seen = match &seen {
                Some(seen) => seen,
                None => seen.insert(engine.look_closely(&machines).await?),
            };
            let mut changes = Changes::default();
            for machine in &mut machines {
                let before = machine.snapshot().clone();
                seen.show_to(machine, engine.moment());
                machine.list();
                if *machine.snapshot() != before || before.version.is_new() {
                    changes.machines.push(machine);
                }
            }
            if changes.is_empty() {
                return Ok(());
            }
            match engine.store.commit(changes, now).await {
                Err(StorageError::Conflict { .. }) if tries < 12 => {
                    tries += 1;
                    tokio::time::sleep(pause(tries)).await;
                }
                other => return other.map_err(Into::into),
            }
        }
    }
}

#[cfg(test)]
#[path = "sync_machines_tests.rs"]
mod tests;
