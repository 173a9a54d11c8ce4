//! A store that forgets everything when the process ends. For tests, where it also fails on demand.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use shaku::Component;

use super::folder::{RETENTION, lock};
use super::state::StoreState;
use crate::application::StorageError;
use crate::application::ports::{
    Census, Changes, EventFilter, Listings, MachineFilter, MachineRepository, Outbox, Purged, RequestFilter,
    RequestRepository, RequestSummary, TemplateRepository, UnitOfWork,
};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::Machine;
use crate::domain::request::Request;
use crate::domain::template::Template;
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp};

/// Keeps everything in memory.
#[derive(Debug, Default, Component)]
#[shaku(interface = UnitOfWork)]
pub struct MemoryStore {
    #[shaku(force_default)]
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    state: StoreState,
    delivered: u64,
    commits: usize,
    /// Errors for commits to come; `None` lets one pass.
    failures: VecDeque<Option<StorageError>>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns a store with these contents.
    pub fn with_state(state: StoreState) -> Self {
        Self { kept: Mutex::new(Kept { state, ..Kept::default() }) }
    }

    /// Makes the next commit fail with `error`; it then writes nothing. Called again, it is for the commit after that.
    pub fn fail_next_commit(&self, error: StorageError) {
        lock(&self.kept).failures.push_back(Some(error));
    }

    /// Lets the next commit pass, before whatever [`Self::fail_next_commit`] arranges afterwards.
    pub fn pass_next_commit(&self) {
        lock(&self.kept).failures.push_back(None);
    }

    /// Lets every commit to come pass.
    pub fn stop_failing(&self) {
        lock(&self.kept).failures.clear();
    }

    /// Returns every event there is, delivered ones included.
    pub fn events(&self) -> Vec<EventEnvelope> {
        lock(&self.kept).state.events.clone()
    }

    /// Returns how many commits have succeeded.
    pub fn commits(&self) -> usize {
        lock(&self.kept).commits
    }

    /// Replaces everything that is kept, as restoring a backup does.
    pub fn restore(&self, state: StoreState) {
        lock(&self.kept).state = state;
    }

    /// Returns a copy of everything that is kept.
    pub fn state(&self) -> StoreState {
        lock(&self.kept).state.clone()
    }
}

#[async_trait]
impl RequestRepository for MemoryStore {
    async fn request(&self, id: &RequestId) -> Result<Option<Request>, StorageError> {
        Ok(lock(&self.kept).state.request(id))
    }

    async fn open_requests(&self) -> Result<Vec<RequestId>, StorageError> {
        Ok(lock(&self.kept).state.open_requests())
    }

    async fn unclaimed(&self, before: Timestamp) -> Result<Vec<RequestId>, StorageError> {
        Ok(lock(&self.kept).state.unclaimed(before))
    }
}

#[async_trait]
impl MachineRepository for MemoryStore {
    async fn machines_of(&self, request: &RequestId) -> Result<Vec<Machine>, StorageError> {
        Ok(lock(&self.kept).state.machines_of(request))
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<Machine>, StorageError> {
        Ok(lock(&self.kept).state.machines(ids))
    }

    async fn machines_named(&self, names: &[HostName]) -> Result<Vec<Machine>, StorageError> {
        Ok(lock(&self.kept).state.machines_named(names))
    }

    async fn committed_hosts(&self, template: &TemplateId) -> Result<u32, StorageError> {
        Ok(lock(&self.kept).state.committed_hosts(template))
    }
}

#[async_trait]
impl TemplateRepository for MemoryStore {
    async fn template(&self, digest: &Digest) -> Result<Option<Template>, StorageError> {
        lock(&self.kept).state.template(digest)
    }
}

#[async_trait]
impl Listings for MemoryStore {
    async fn list_requests(&self, filter: &RequestFilter) -> Result<Vec<RequestSummary>, StorageError> {
        Ok(lock(&self.kept).state.list_requests(filter))
    }

    async fn list_machines(&self, filter: &MachineFilter) -> Result<Vec<Machine>, StorageError> {
        Ok(lock(&self.kept).state.list_machines(filter))
    }

    async fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventEnvelope>, StorageError> {
        Ok(lock(&self.kept).state.list_events(filter))
    }

    async fn census(&self) -> Result<Census, StorageError> {
        Ok(lock(&self.kept).state.census())
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn undelivered(&self, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        let kept = lock(&self.kept);
        Ok(kept.state.undelivered(kept.delivered, limit))
    }

    async fn acknowledge(&self, sequence: u64) -> Result<(), StorageError> {
        let mut kept = lock(&self.kept);
        kept.delivered = kept.delivered.max(sequence);
        Ok(())
    }

    async fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        Ok(lock(&self.kept).state.undelivered(sequence, limit))
    }

    async fn last_sequence(&self) -> Result<u64, StorageError> {
        Ok(lock(&self.kept).state.next_sequence.saturating_sub(1))
    }
}

#[async_trait]
impl UnitOfWork for MemoryStore {
    async fn commit(&self, mut changes: Changes<'_>, at: Timestamp) -> Result<(), StorageError> {
        {
            let mut kept = lock(&self.kept);
            if let Some(Some(error)) = kept.failures.pop_front() {
                return Err(error);
            }
            kept.state.commit(&changes, at)?;
            let delivered = kept.delivered;
            kept.state.forget_delivered(delivered, RETENTION, at);
            kept.commits += 1;
        }
        changes.mark_committed(at);
        Ok(())
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StorageError> {
        Ok(lock(&self.kept).state.purge(before, limit))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::infrastructure::storage::contract::{self, Harness};
    use crate::infrastructure::storage::samples;
    use crate::infrastructure::storage::{lists_contract, recovery_contract};

    #[derive(Default)]
    struct Shared(Arc<MemoryStore>);

    impl Harness for Shared {
        fn open(&self) -> Arc<dyn UnitOfWork> {
            Arc::clone(&self.0) as Arc<dyn UnitOfWork>
        }
    }

    contract::store_contract!(Shared);
    recovery_contract::recovery_contract!(Shared);
    lists_contract::lists_contract!(Shared);

    #[tokio::test]
    async fn a_commit_that_is_told_to_fail_writes_nothing_and_the_next_one_passes() {
        let store = MemoryStore::new();
        store.pass_next_commit();
        store.fail_next_commit(StorageError::Conflict { id: "x".to_owned() });
        let (mut first, mut second) = (samples::give_back(1), samples::give_back(2));
        store.commit(Changes { requests: vec![&mut first], ..Changes::default() }, samples::at(0)).await.unwrap();
        for expected in [false, true] {
            let changes = Changes { requests: vec![&mut second], ..Changes::default() };
            assert_eq!(store.commit(changes, samples::at(0)).await.is_ok(), expected);
            assert_eq!(store.request(&samples::return_id(2)).await.unwrap().is_some(), expected);
        }
        assert_eq!((store.commits(), store.events().len()), (2, 2));
    }
}
