//! Rebuilds what the store has lost from the tags that our hosts bear.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Changes, Condition, Depth, StoreKeeper};
use crate::domain::machine::Machine;
use crate::domain::{MachineId, RequestId};

/// Asks for every live host with our owner tag to be in the store, under the request whose tag it bears. A store that
/// was there and is gone is begun anew for it, once the cloud has listed the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdoptHosts;

impl Message for AdoptHosts {
    const NAME: &'static str = "AdoptHosts";
    type Output = AdoptReport;
}

impl Command for AdoptHosts {}

/// What was taken in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdoptReport {
    /// Whether the store was missing and was begun anew.
    pub began_anew: bool,
    /// How many live hosts bear our owner tag.
    pub listed: usize,
    /// How many of them the store had already.
    pub known: usize,
    /// Requests that were rebuilt, with the hosts that were taken in.
    pub adopted: BTreeMap<RequestId, Vec<MachineId>>,
    /// Hosts that no rebuilt request accounts for: their tags name none, or one that the store knows without them.
    /// `reconcile` sees to them.
    pub left: Vec<MachineId>,
}

/// Handles [`AdoptHosts`].
#[derive(Component)]
#[shaku(interface = Handler<AdoptHosts>)]
pub struct AdoptHostsHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    keeper: Arc<dyn StoreKeeper>,
}

impl AdoptHostsHandler {
    /// Returns a handler over `engine` and `keeper`.
    pub fn new(engine: Arc<dyn EngineSource>, keeper: Arc<dyn StoreKeeper>) -> Self {
        Self { engine, keeper }
    }
}

#[async_trait]
impl Handler<AdoptHosts> for AdoptHostsHandler {
    async fn handle(&self, _: AdoptHosts) -> Result<AdoptReport, ApplicationError> {
        let engine = self.engine.engine();
        let listed = engine.list_ours().await?;
        let mut report = AdoptReport { listed: listed.len(), ..AdoptReport::default() };
        if self.keeper.examine(Depth::Outline).await?.condition == Condition::Missing {
            self.keeper.begin_anew().await?;
            warn!("the store was missing and is begun anew");
            report.began_anew = true;
        }
        let ids: Vec<MachineId> = listed.iter().map(|host| host.id.clone()).collect();
        let stored = engine.store.machines(&ids).await?;
        let known: BTreeSet<&MachineId> = stored.iter().map(Machine::id).collect();
        report.known = known.len();
        let mut by_request: BTreeMap<RequestId, Vec<_>> = BTreeMap::new();
        for host in listed.iter().filter(|host| !known.contains(&host.id)) {
            match host.request.as_deref().and_then(|id| id.parse().ok()) {
                Some(request) => by_request.entry(request).or_default().push(host),
                None => report.left.push(host.id.clone()),
            }
        }
        for (id, hosts) in by_request {
            let host_ids = hosts.iter().map(|host| host.id.clone()).collect();
            if engine.store.request(&id).await?.is_some() {
                report.left.extend::<Vec<_>>(host_ids);
                continue;
            }
            let now = engine.clock.now();
            let machine = |host: &&_| engine.adopted(&id, host, now);
            let mut machines: Vec<Machine> = hosts.iter().map(machine).collect();
            let mut request = engine.rebuilt(&id, &machines, now)?;
            // Whether Host Factory knows the request is lost with the store; ending its hosts would be the worse mistake.
            request.claim(now);
            let changes =
                Changes { requests: vec![&mut request], machines: machines.iter_mut().collect(), ..Changes::default() };
            engine.store.commit(changes, now).await?;
            warn!(request_id = %id, hosts = hosts.len(), "hosts of a forgotten request are taken in");
            report.adopted.insert(id, host_ids);
        }
        Ok(report)
    }
}

#[cfg(test)]
#[path = "adopt_hosts_tests.rs"]
mod tests;
