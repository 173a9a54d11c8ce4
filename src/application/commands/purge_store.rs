//! Forgets what has ended long ago.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;
use tracing::info;

use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Clock, Purged, UnitOfWork};

/// How many requests, and how many machines, one transaction forgets.
const STEP: usize = 5000;
/// The time that is kept for the last step and the answer.
const RESERVE: Duration = Duration::from_secs(20);

/// Asks to forget settled requests and ended machines that have not changed for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PurgeStore {
    /// For how long they have not.
    pub older_than: Duration,
}

/// What was forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PurgeOutcome {
    /// How much.
    pub purged: Purged,
    /// Whether that was all; if not, the time was up.
    pub complete: bool,
}

impl Message for PurgeStore {
    const NAME: &'static str = "PurgeStore";
    type Output = PurgeOutcome;
}

impl Command for PurgeStore {}

/// Handles [`PurgeStore`].
#[derive(Component)]
#[shaku(interface = Handler<PurgeStore>)]
pub struct PurgeStoreHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

impl PurgeStoreHandler {
    /// Returns a handler over these ports.
    pub fn new(store: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Handler<PurgeStore> for PurgeStoreHandler {
    async fn handle(&self, command: PurgeStore) -> Result<PurgeOutcome, ApplicationError> {
        let before = self.clock.now().before(command.older_than);
        let mut outcome = PurgeOutcome::default();
        let reserve = RESERVE.min(Budget::current().hard_limit() / 4);
        while !outcome.complete && Budget::current().left() > reserve {
            let step = self.store.purge(before, STEP).await?;
            outcome.purged.requests += step.requests;
            outcome.purged.machines += step.machines;
            outcome.complete = step == Purged::default();
        }
        let Purged { requests, machines } = outcome.purged;
        info!(requests, machines, complete = outcome.complete, "what has ended long ago is forgotten");
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::testing::World;
    use crate::domain::machine::MachineStatus;

    async fn purged(world: &World, days: u64) -> PurgeOutcome {
        let handler = PurgeStoreHandler::new(world.store.clone(), world.clock.clone());
        handler.handle(PurgeStore { older_than: Duration::from_hours(24 * days) }).await.unwrap()
    }

    #[tokio::test]
    async fn what_has_ended_is_forgotten_after_its_time_and_what_lives_never() {
        let world = World::new();
        let (ended, hosts) = world.running(2).await;
        let (live, _) = world.running(1).await;
        let back = world.give_back(hosts.clone()).await.id;
        for host in &hosts {
            world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
        }
        world.poll(&back).await;
        assert_eq!(purged(&world, 1).await, PurgeOutcome { complete: true, ..PurgeOutcome::default() });
        world.clock.pass(2 * 86_400);
        let outcome = purged(&world, 1).await;
        assert!(outcome.complete && outcome.purged.machines == 2, "{outcome:?}");
        let state = world.store.state();
        assert!(!state.requests.contains_key(&ended) && state.requests.contains_key(&live));
        assert_eq!(state.machines.len(), 1);
    }
}
