//! Lists of requests, machines and events for operators.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Clock, EventFilter, MachineFilter, RequestFilter, RequestSummary, UnitOfWork};
use crate::domain::Timestamp;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineSnapshot};

/// What fits, as far as the limit allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// The entries, in the order that was asked for.
    pub entries: Vec<T>,
    /// Whether there are more than the limit allows.
    pub more: bool,
    /// When the list was made.
    pub at: Timestamp,
}

/// Asks for requests.
#[derive(Debug, Clone, Default)]
pub struct ListRequests {
    /// Which ones; `changed_since` is found out from `within`.
    pub filter: RequestFilter,
    /// Only those that have changed within this time.
    pub within: Option<Duration>,
}

/// Asks for machines.
#[derive(Debug, Clone, Default)]
pub struct ListMachines {
    /// Which ones; `changed_since` is found out from `within`.
    pub filter: MachineFilter,
    /// Only those that have changed within this time.
    pub within: Option<Duration>,
}

/// Asks for events, the newest of those that are kept.
#[derive(Debug, Clone, Default)]
pub struct ListEvents {
    /// Which ones; `since` is found out from `within`.
    pub filter: EventFilter,
    /// Only those that happened within this time.
    pub within: Option<Duration>,
}

fn keep_first<T>(entries: &mut Vec<T>, limit: usize) {
    entries.truncate(limit);
}

fn keep_last<T>(entries: &mut Vec<T>, limit: usize) {
    entries.drain(..entries.len().saturating_sub(limit));
}

macro_rules! lists {
    ($message:ident, $handler:ident, $entry:ty, $cut:ident, |$store:ident, $since:ident, $filter:ident| $find:expr) => {
        impl Message for $message {
            const NAME: &'static str = stringify!($message);
            type Output = Listed<$entry>;
        }

        impl Query for $message {}

        #[doc = concat!("Answers [`", stringify!($message), "`] from the store.")]
        #[derive(Component)]
        #[shaku(interface = Handler<$message>)]
        pub struct $handler {
            #[shaku(inject)]
            store: Arc<dyn UnitOfWork>,
            #[shaku(inject)]
            clock: Arc<dyn Clock>,
        }

        impl $handler {
            /// Returns a handler over these ports.
            pub fn new(store: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>) -> Self {
                Self { store, clock }
            }
        }

        #[async_trait]
        impl Handler<$message> for $handler {
            async fn handle(&self, query: $message) -> Result<Listed<$entry>, ApplicationError> {
                let at = self.clock.now();
                let $message { filter: mut $filter, within } = query;
                let limit = $filter.limit;
                // One more than is shown tells whether there are more.
                $filter.limit = limit.saturating_add(1);
                let ($store, $since) = (&self.store, within.map(|within| at.before(within)));
                let mut entries = $find;
                let more = entries.len() > limit;
                $cut(&mut entries, limit);
                Ok(Listed { entries, more, at })
            }
        }
    };
}

lists!(ListRequests, ListRequestsHandler, RequestSummary, keep_first, |store, since, filter| {
    filter.changed_since = since.or(filter.changed_since);
    store.list_requests(&filter).await?
});
lists!(ListMachines, ListMachinesHandler, MachineSnapshot, keep_first, |store, since, filter| {
    filter.changed_since = since.or(filter.changed_since);
    let found = store.list_machines(&filter).await?;
    found.into_iter().map(Machine::into_snapshot).collect::<Vec<_>>()
});
lists!(ListEvents, ListEventsHandler, EventEnvelope, keep_last, |store, since, filter| {
    filter.since = since.or(filter.since);
    store.list_events(&filter).await?
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::testing::World;

    #[tokio::test]
    async fn a_list_tells_that_there_is_more_and_since_counts_back_from_now() {
        let world = World::new();
        world.running(2).await;
        world.clock.pass(100);
        let (newest, _) = world.running(1).await;
        let ask = async |limit, within| {
            let handler = ListRequestsHandler::new(world.store.clone(), world.clock.clone());
            let filter = RequestFilter { limit, ..RequestFilter::default() };
            handler.handle(ListRequests { filter, within }).await.unwrap()
        };
        let first = ask(1, None).await;
        assert_eq!((first.entries[0].id.clone(), first.entries.len(), first.more), (newest.clone(), 1, true));
        let both = ask(2, None).await;
        assert_eq!((both.entries.len(), both.more), (2, false));
        let late = ask(9, Some(Duration::from_secs(50))).await;
        assert_eq!((late.entries.len(), late.entries[0].id.clone()), (1, newest));
        let machines = ListMachinesHandler::new(world.store.clone(), world.clock.clone());
        let filter = MachineFilter { limit: 2, ..MachineFilter::default() };
        let machines = machines.handle(ListMachines { filter, within: None }).await.unwrap();
        assert_eq!((machines.entries.len(), machines.more), (2, true));
    }

    #[tokio::test]
    async fn of_events_the_newest_are_shown_oldest_first() {
        let world = World::new();
        world.running(2).await;
        let every = world.store.events();
        let handler = ListEventsHandler::new(world.store.clone(), world.clock.clone());
        let filter = EventFilter { limit: 3, ..EventFilter::default() };
        let listed = handler.handle(ListEvents { filter, within: None }).await.unwrap();
        assert_eq!((listed.entries.as_slice(), listed.more), (&every[every.len() - 3..], true));
    }
}
