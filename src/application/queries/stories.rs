//! Everything that is known of one request or host, and what happened to it.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::commands::HostRef;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Clock, EventFilter, UnitOfWork};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineSnapshot};
use crate::domain::request::{Body, RequestSnapshot};
use crate::domain::{MachineId, RequestId, Timestamp};

/// The most events of one story; the newest ones.
const MOST: usize = 10_000;

/// Asks for everything that is known of a request.
#[derive(Debug, Clone)]
pub struct ShowRequest {
    /// The request, of either kind.
    pub id: RequestId,
}

/// A request, its hosts, and what happened to them as far as events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestStory {
    /// The request.
    pub request: RequestSnapshot,
    /// Its hosts, ordered by id.
    pub machines: Vec<MachineSnapshot>,
    /// What happened to all of them, oldest first.
    pub events: Vec<EventEnvelope>,
    /// When the answer was made.
    pub at: Timestamp,
}

impl Message for ShowRequest {
    const NAME: &'static str = "ShowRequest";
    /// `None` for a request that the store does not have.
    type Output = Option<RequestStory>;
}

impl Query for ShowRequest {}

/// Answers [`ShowRequest`] from the store.
#[derive(Component)]
#[shaku(interface = Handler<ShowRequest>)]
pub struct ShowRequestHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

impl ShowRequestHandler {
    /// Returns a handler over these ports.
    pub fn new(store: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Handler<ShowRequest> for ShowRequestHandler {
    async fn handle(&self, query: ShowRequest) -> Result<Option<RequestStory>, ApplicationError> {
        let Some(request) = self.store.request(&query.id).await? else { return Ok(None) };
        let mut machines = match &request.snapshot().body {
            Body::Acquire(_) => self.store.machines_of(&query.id).await?,
            Body::Return(give_back) => {
                let ids: Vec<MachineId> = give_back.items.iter().filter_map(|item| item.machine_id.clone()).collect();
                self.store.machines(&ids).await?
            }
        };
        machines.sort_by(|one, two| one.id().cmp(two.id()));
        let filter = EventFilter {
            requests: vec![query.id],
            machines: machines.iter().map(|machine| machine.id().clone()).collect(),
            // A return begins long after its hosts do.
            since: request.as_return().map(|_| request.snapshot().created_at),
            limit: MOST,
            ..EventFilter::default()
        };
        let events = self.store.list_events(&filter).await?;
        let machines = machines.iter().map(|machine| machine.snapshot().clone()).collect();
        Ok(Some(RequestStory { request: request.snapshot().clone(), machines, events, at: self.clock.now() }))
    }
}

/// Asks for everything that is known of a host.
#[derive(Debug, Clone)]
pub struct ShowMachine {
    /// The host, by id or by name.
    pub host: HostRef,
}

/// A host, and what happened to it as far as events are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineStory {
    /// The host.
    pub machine: MachineSnapshot,
    /// What happened to it, oldest first.
    pub events: Vec<EventEnvelope>,
    /// When the answer was made.
    pub at: Timestamp,
}

impl Message for ShowMachine {
    const NAME: &'static str = "ShowMachine";
    /// One for an id that the store has, one for each host with a name.
    type Output = Vec<MachineStory>;
}

impl Query for ShowMachine {}

/// Answers [`ShowMachine`] from the store.
#[derive(Component)]
#[shaku(interface = Handler<ShowMachine>)]
pub struct ShowMachineHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

impl ShowMachineHandler {
    /// Returns a handler over these ports.
    pub fn new(store: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}

#[async_trait]
impl Handler<ShowMachine> for ShowMachineHandler {
    async fn handle(&self, query: ShowMachine) -> Result<Vec<MachineStory>, ApplicationError> {
        let found: Vec<Machine> = match (query.host.id, query.host.name) {
            (Some(id), _) => self.store.machines(&[id]).await?,
            (None, Some(name)) => self.store.machines_named(&[name]).await?,
            (None, None) => Vec::new(),
        };
        let mut stories = Vec::with_capacity(found.len());
        for machine in found {
            let machines = vec![machine.id().clone()];
            let events =
                self.store.list_events(&EventFilter { machines, limit: MOST, ..EventFilter::default() }).await?;
            stories.push(MachineStory { machine: machine.snapshot().clone(), events, at: self.clock.now() });
        }
        Ok(stories)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::testing::World;

    #[tokio::test]
    async fn a_request_is_told_with_what_happened_to_it_and_to_its_hosts_alone() {
        let world = World::new();
        let (id, _) = world.running(2).await;
        world.running(1).await;
        let handler = ShowRequestHandler::new(world.store.clone(), world.clock.clone());
        let story = handler.handle(ShowRequest { id: id.clone() }).await.unwrap().unwrap();
        assert_eq!((story.machines.len(), &story.request.id), (2, &id));
        let names: Vec<&str> = story.events.iter().map(|event| event.event.facts().name).collect();
        assert_eq!(names.first(), Some(&"RequestCreated"));
        assert_eq!(names.iter().filter(|name| **name == "MachineCreated").count(), 2, "{names:?}");
        assert!(names.contains(&"RequestStatusChanged"), "{names:?}");
        let unknown = "req-00000000-0000-4000-8000-0000000000ff".parse().unwrap();
        assert_eq!(handler.handle(ShowRequest { id: unknown }).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_host_is_found_by_id_and_by_name() {
        let world = World::new();
        let (_, hosts) = world.running(2).await;
        let handler = ShowMachineHandler::new(world.store.clone(), world.clock.clone());
        let id = hosts[0].id.clone();
        let by_id = handler.handle(ShowMachine { host: HostRef { id, name: None } }).await.unwrap();
        let by_name =
            handler.handle(ShowMachine { host: HostRef { id: None, name: hosts[0].name.clone() } }).await.unwrap();
        assert_eq!((by_id.len(), &by_id), (1, &by_name));
        assert_eq!(by_id[0].events[0].event.facts().name, "MachineCreated");
    }
}
