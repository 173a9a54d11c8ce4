//! The JSON store.
//!
//! Invariants: the file is read without a lock, since it is only ever replaced as a whole; it is replaced under the lock
//! alone, from the state that is on the disk at that time; what cannot be read is neither empty nor overwritten.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use super::cursor;
use super::document::{self, Events};
use crate::application::StorageError;
use crate::application::ports::{
    Changes, EventFilter, Listings, MachineFilter, MachineRepository, Outbox, Purged, RequestFilter, RequestRepository,
    TemplateRepository, UnitOfWork,
};
use crate::application::settings::StorageStrategy;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::Machine;
use crate::domain::request::Request;
use crate::domain::template::Template;
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp};
use crate::infrastructure::file_system::FileSystem;
use crate::infrastructure::files::{self, Access, Durability, Identity};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::folder::{self, LOCK_TIMEOUT, RETENTION, lock};
use crate::infrastructure::storage::place::{self, LOCK};
use crate::infrastructure::storage::{StoreState, rules, strategy};

pub(super) const STORE: &str = place::JSON.store;
pub(super) const DELIVERED: &str = "request_database.delivered";
/// A store of this size takes seconds to read; SQLite is for those.
pub(super) const LIMIT: u64 = 1 << 30;

/// Keeps everything in `<work>/data/request_database.json`.
#[derive(Debug, Component)]
#[shaku(interface = UnitOfWork)]
pub struct JsonStore {
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    /// How long a commit waits for another process.
    #[shaku(default = LOCK_TIMEOUT)]
    lock_timeout: Duration,
    /// How long delivered events are kept.
    #[shaku(default = RETENTION)]
    retention: Duration,
    #[shaku(force_default)]
    cache: Mutex<Option<Cached>>,
    /// What the folder lies on, in tests.
    #[shaku(force_default)]
    file_system: Option<FileSystem>,
}

/// What was read last. The open file keeps its number from being given to another.
#[derive(Debug)]
struct Cached {
    identity: Identity,
    _file: File,
    events: Events,
    schema: u64,
    state: Arc<StoreState>,
}

impl JsonStore {
    /// Returns the store of this work folder. Nothing is read or made yet.
    pub fn new(work_dir: impl Into<PathBuf>, lock_timeout: Duration, retention: Duration) -> Self {
        Self { work_dir: work_dir.into(), lock_timeout, retention, cache: Mutex::default(), file_system: None }
    }

    /// Returns the store as if its folder lay on a file system of this kind.
    #[cfg(test)]
    pub(super) fn on(self, file_system: FileSystem) -> Self {
        Self { file_system: Some(file_system), ..self }
    }

    async fn locked(&self) -> Result<FileLock, StorageError> {
        let path = folder::path_in_made(&self.work_dir, LOCK)?;
        let kind = self.file_system.unwrap_or_else(|| folder::file_system(&self.work_dir));
        FileLock::acquire_on(kind, &path, self.lock_timeout).await
    }

    /// Returns what is on the disk now, at least with the events that are wanted.
    fn load(&self, events: Events) -> Result<Arc<StoreState>, StorageError> {
        let path = folder::path_in(&self.work_dir, STORE)?;
        let Some((mut file, metadata)) = files::open_private(&path, Access::Read)? else {
            place::JSON.check_never_was(&path)?;
            return Ok(Arc::default());
        };
        let identity = Identity::of(&metadata);
        let mut cache = lock(&self.cache);
        if let Some(cached) = cache.as_ref()
            && Some(cached.identity) == identity
            && cached.events >= events
        {
            return Ok(Arc::clone(&cached.state));
        }
        let text = files::read_open(&mut file, &path, LIMIT)?;
        let (state, schema) = document::decode(&text, events).map_err(|damage| damage.at(&path))?;
        let state = Arc::new(state);
        *cache = identity.map(|identity| Cached { identity, _file: file, events, schema, state: Arc::clone(&state) });
        Ok(state)
    }

    /// Replaces the file by the state after `changes`. The lock is held.
    fn replace(&self, lock: &FileLock, changes: &Changes<'_>, at: Timestamp) -> Result<(), StorageError> {
        strategy::check(&self.work_dir, StorageStrategy::Json)?;
        let state = self.load(Events::Read)?;
        if changes.admission.is_none() && state.has_all_of(changes) {
            return Ok(());
        }
        // Without the cache's share, the state is changed in place rather than copied.
        let former = self::lock(&self.cache).take().map(|cached| cached.schema);
        let mut state = Arc::unwrap_or_clone(state);
        state.commit(changes, at)?;
        let delivered = cursor::read(&folder::path_in(&self.work_dir, DELIVERED)?, state.next_sequence);
        state.forget_delivered(delivered, self.retention, at);
        self.write(lock, state, former)
    }

    /// Replaces the file, of schema `former`, by this state. The lock is held.
    fn write(&self, lock: &FileLock, state: StoreState, former: Option<u64>) -> Result<(), StorageError> {
        let text = document::encode(&state).map_err(|error| rules::unwritable("writing down the store", error))?;
        let path = folder::path_in(&self.work_dir, STORE)?;
        files::sweep_temporaries(&path);
        if let Some(former) = former {
            keep_former(&path, former)?;
        }
        lock.check()?;
        files::write_atomic(&path, &text, Durability::Synced)?;
        place::JSON.note_made(&path);
        // The commit is on the disk; failing to look at it again changes nothing about that.
        if let Ok(Some((file, metadata))) = files::open_private(&path, Access::Read)
            && let Some(identity) = Identity::of(&metadata)
        {
            let state = Arc::new(state);
            let (events, schema) = (Events::Read, document::SCHEMA);
            *self::lock(&self.cache) = Some(Cached { identity, _file: file, events, schema, state });
        }
        Ok(())
    }
}

/// Keeps the file that is about to be replaced: as the last good copy, and for good when its form is an older one.
fn keep_former(path: &Path, schema: u64) -> Result<(), StorageError> {
    if schema < document::SCHEMA {
        files::keep_as(path, &place::beside(path, &format!("schema-{schema}")))?;
    }
    if let Err(error) = files::keep_as(path, &place::beside(path, "previous")) {
        warn!(%error, "the former store is not kept as a copy");
    }
    Ok(())
}

#[async_trait]
impl RequestRepository for JsonStore {
    async fn request(&self, id: &RequestId) -> Result<Option<Request>, StorageError> {
        Ok(self.load(Events::Skipped)?.request(id))
    }

    async fn open_requests(&self) -> Result<Vec<RequestId>, StorageError> {
        Ok(self.load(Events::Skipped)?.open_requests())
    }

    async fn unclaimed(&self, before: Timestamp) -> Result<Vec<RequestId>, StorageError> {
        Ok(self.load(Events::Skipped)?.unclaimed(before))
    }
}

#[async_trait]
impl MachineRepository for JsonStore {
    async fn machines_of(&self, request: &RequestId) -> Result<Vec<Machine>, StorageError> {
        Ok(self.load(Events::Skipped)?.machines_of(request))
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<Machine>, StorageError> {
        Ok(self.load(Events::Skipped)?.machines(ids))
    }

    async fn machines_named(&self, names: &[HostName]) -> Result<Vec<Machine>, StorageError> {
        Ok(self.load(Events::Skipped)?.machines_named(names))
    }

    async fn committed_hosts(&self, template: &TemplateId) -> Result<u32, StorageError> {
        Ok(self.load(Events::Skipped)?.committed_hosts(template))
    }
}

#[async_trait]
impl TemplateRepository for JsonStore {
    async fn template(&self, digest: &Digest) -> Result<Option<Template>, StorageError> {
        self.load(Events::Skipped)?.template(digest)
    }
}

#[async_trait]
impl Listings for JsonStore {
    async fn list_requests(&self, filter: &RequestFilter) -> Result<Vec<Request>, StorageError> {
        Ok(self.load(Events::Skipped)?.list_requests(filter))
    }

    async fn list_machines(&self, filter: &MachineFilter) -> Result<Vec<Machine>, StorageError> {
        Ok(self.load(Events::Skipped)?.list_machines(filter))
    }

    async fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventEnvelope>, StorageError> {
        Ok(self.load(Events::Read)?.list_events(filter))
    }
}

#[async_trait]
impl Outbox for JsonStore {
    async fn undelivered(&self, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        let next = self.load(Events::Skipped)?.next_sequence;
        let delivered = cursor::read(&folder::path_in(&self.work_dir, DELIVERED)?, next);
        if delivered.saturating_add(1) >= next {
            return Ok(Vec::new());
        }
        Ok(self.load(Events::Read)?.undelivered(delivered, limit))
    }

    async fn acknowledge(&self, sequence: u64) -> Result<(), StorageError> {
        let path = folder::path_in_made(&self.work_dir, DELIVERED)?;
        if cursor::read(&path, u64::MAX) != sequence {
            cursor::write(&path, sequence)?;
        }
        Ok(())
    }
}

#[async_trait]
impl UnitOfWork for JsonStore {
    async fn commit(&self, mut changes: Changes<'_>, at: Timestamp) -> Result<(), StorageError> {
        if changes.is_empty() && changes.admission.is_none() {
            return Ok(());
        }
        {
            let lock = self.locked().await?;
            self.replace(&lock, &changes, at)?;
        }
        changes.mark_committed(at);
        Ok(())
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StorageError> {
        let held = self.locked().await?;
        strategy::check(&self.work_dir, StorageStrategy::Json)?;
        let mut state = StoreState::clone(&*self.load(Events::Read)?);
        let former = lock(&self.cache).as_ref().map(|cached| cached.schema);
        let purged = state.purge(before, limit);
        if purged != Purged::default() {
            self.write(&held, state, former)?;
        }
        Ok(purged)
    }
}
