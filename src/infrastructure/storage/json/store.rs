//! The JSON store.
//!
//! Invariants: the file is read without a lock, since it is only ever replaced as a whole; it is replaced under the lock
//! alone, from the state that is on the disk at that time; what cannot be read is neither empty nor overwritten.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use super::cursor;
use super::document::{self, Damage};
use super::text::{Entry, Part, Text, Wanted};
use crate::application::StorageError;
use crate::application::ports::{
    Census, Changes, EventFilter, Listings, MachineFilter, MachineRepository, Outbox, Purged, RequestFilter,
    RequestRepository, RequestSummary, TemplateRepository, UnitOfWork,
};
use crate::application::settings::StorageStrategy;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::Machine;
use crate::domain::request::{Request, RequestStatus};
use crate::domain::template::Template;
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp};
use crate::infrastructure::file_system::FileSystem;
use crate::infrastructure::files::{self, Access, Durability, Identity};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::folder::{self, LOCK_TIMEOUT, RETENTION, lock};
use crate::infrastructure::storage::glance::Member;
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
    schema: u64,
    kept: Kept,
}

/// What is known of what is on the disk.
#[derive(Debug, Clone)]
enum Kept {
    /// The checked text, of which entries are read when they are asked for.
    Text(Arc<Text>),
    /// All of it.
    Whole(Arc<StoreState>),
}

impl Kept {
    fn next_sequence(&self) -> u64 {
        match self {
            Self::Whole(state) => state.next_sequence,
            Self::Text(text) => text.next_sequence(),
        }
    }

    /// Returns up to `limit` events after `sequence`, oldest first.
    fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<EventEnvelope>, Damage> {
        if sequence.saturating_add(1) >= self.next_sequence() {
            return Ok(Vec::new());
        }
        match self {
            Self::Whole(state) => Ok(state.undelivered(sequence, limit)),
            Self::Text(text) => text.undelivered(sequence, limit),
        }
    }
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

    /// Returns what is on the disk now.
    fn load(&self) -> Result<Kept, StorageError> {
        let path = self.path()?;
        let Some((mut file, metadata)) = files::open_private(&path, Access::Read)? else {
            place::JSON.check_never_was(&path)?;
            return Ok(Kept::Whole(Arc::default()));
        };
        let identity = Identity::of(&metadata);
        let mut cache = lock(&self.cache);
        if let Some(cached) = cache.as_ref().filter(|cached| Some(cached.identity) == identity) {
            return Ok(cached.kept.clone());
        }
        let bytes = files::read_open(&mut file, &path, LIMIT)?;
        let damaged = |damage: Damage| damage.at(&path);
        let (kept, schema) = match Text::checked(bytes).map_err(damaged)? {
            Ok(text) => (Kept::Text(Arc::new(text)), document::SCHEMA),
            Err(bytes) => {
                let (state, schema) = document::decode_checked(&bytes).map_err(damaged)?;
                (Kept::Whole(Arc::new(state)), schema)
            }
        };
        *cache = identity.map(|identity| Cached { identity, _file: file, schema, kept: kept.clone() });
        Ok(kept)
    }

    /// Returns everything that is on the disk now, and the schema that it was written in. The lock is held, and the cache
    /// keeps nothing of it.
    fn take(&self) -> Result<(StoreState, Option<u64>), StorageError> {
        let kept = self.load()?;
        let former = lock(&self.cache).take().map(|cached| cached.schema);
        Ok((
            match kept {
                // Without the cache's share, the state is changed in place rather than copied.
                Kept::Whole(state) => Arc::unwrap_or_clone(state),
                Kept::Text(text) => document::decode_checked(text.bytes()).map_err(|damage| self.damaged(&damage))?.0,
            },
            former,
        ))
    }

    /// Asks a state that has what is wanted, and perhaps more.
    fn ask<T>(&self, wanted: &[Wanted<'_>], question: impl FnOnce(&StoreState) -> T) -> Result<T, StorageError> {
        Ok(match self.load()? {
            Kept::Whole(state) => question(&state),
            Kept::Text(text) => question(&text.read(wanted).map_err(|damage| self.damaged(&damage))?),
        })
    }

    fn path(&self) -> Result<PathBuf, StorageError> {
        folder::path_in(&self.work_dir, STORE)
    }

    fn damaged(&self, damage: &Damage) -> StorageError {
        damage.at(&self.work_dir.join("data").join(STORE))
    }

    /// Replaces the file by the state after `changes`. The lock is held.
    fn replace(&self, lock: &FileLock, changes: &Changes<'_>, at: Timestamp) -> Result<(), StorageError> {
        strategy::check(&self.work_dir, StorageStrategy::Json)?;
        let (mut state, former) = self.take()?;
        if changes.admission.is_none() && state.has_all_of(changes) {
            return Ok(());
        }
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
            let kept = Kept::Whole(Arc::new(state));
            *self::lock(&self.cache) = Some(Cached { identity, _file: file, schema: document::SCHEMA, kept });
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

fn all(_: &Entry<'_>) -> bool {
    true
}

#[async_trait]
impl RequestRepository for JsonStore {
    async fn request(&self, id: &RequestId) -> Result<Option<Request>, StorageError> {
        let is_it = |entry: &Entry<'_>| entry.key == id.as_str().as_bytes();
        self.ask(&[(Part::Requests, &is_it)], |state| state.request(id))
    }

    async fn open_requests(&self) -> Result<Vec<RequestId>, StorageError> {
        let status = Member::named("status");
        self.ask(&[(Part::Requests, &|entry| may_be_open(&status, entry))], StoreState::open_requests)
    }

    async fn unclaimed(&self, before: Timestamp) -> Result<Vec<RequestId>, StorageError> {
        let claimed = Member::named("claimedAt");
        let may_be = |entry: &Entry<'_>| claimed.number(entry.document).is_none();
        let of_requests: [Wanted<'_>; 2] = [(Part::Requests, &may_be), (Part::Machines, &all)];
        if self.ask(&of_requests[..1], |state| state.never_claimed(before).next().is_none())? {
            return Ok(Vec::new());
        }
        self.ask(&of_requests, |state| state.unclaimed(before))
    }
}

/// Returns whether a request could be one that is not settled.
fn may_be_open(status: &Member, entry: &Entry<'_>) -> bool {
    let is_settled = |word: &str| RequestStatus::ALL.iter().any(|one| one.is_settled() && one.word() == word);
    status.may_be(entry.document, |word| !is_settled(word))
}

#[async_trait]
impl MachineRepository for JsonStore {
    async fn machines_of(&self, request: &RequestId) -> Result<Vec<Machine>, StorageError> {
        let member = Member::named("requestId");
        let may_be = |entry: &Entry<'_>| member.may_be(entry.document, |id| id == request.as_str());
        self.ask(&[(Part::Machines, &may_be)], |state| state.machines_of(request))
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<Machine>, StorageError> {
        let keys: BTreeSet<&[u8]> = ids.iter().map(|id| id.as_str().as_bytes()).collect();
        self.ask(&[(Part::Machines, &|entry| keys.contains(entry.key))], |state| state.machines(ids))
    }

    async fn machines_named(&self, names: &[HostName]) -> Result<Vec<Machine>, StorageError> {
        let (member, words) = (Member::named("name"), names.iter().map(HostName::as_str).collect::<BTreeSet<_>>());
        let may_be = |entry: &Entry<'_>| member.may_be(entry.document, |name| words.contains(name));
        self.ask(&[(Part::Machines, &may_be)], |state| state.machines_named(names))
    }

    async fn committed_hosts(&self, template: &TemplateId) -> Result<u32, StorageError> {
        let (status, member) = (Member::named("status"), Member::named("templateId"));
        let is_open = |entry: &Entry<'_>| may_be_open(&status, entry);
        let is_of = |entry: &Entry<'_>| member.may_be(entry.document, |id| id == template.as_str());
        self.ask(&[(Part::Requests, &is_open), (Part::Machines, &is_of)], |state| state.committed_hosts(template))
    }
}

#[async_trait]
impl TemplateRepository for JsonStore {
    async fn template(&self, digest: &Digest) -> Result<Option<Template>, StorageError> {
        let is_it = |entry: &Entry<'_>| entry.key == digest.as_str().as_bytes();
        self.ask(&[(Part::Templates, &is_it)], |state| state.template(digest))?
    }
}

#[async_trait]
impl Listings for JsonStore {
    async fn list_requests(&self, filter: &RequestFilter) -> Result<Vec<RequestSummary>, StorageError> {
        let status = Member::named("status");
        let is_one = |word: &str| filter.statuses.is_empty() || filter.statuses.iter().any(|one| one.word() == word);
        let may_fit = |entry: &Entry<'_>| status.may_be(entry.document, is_one);
        match self.load()? {
            Kept::Whole(state) => Ok(state.list_requests(filter)),
            Kept::Text(text) => text.list_requests(filter, may_fit).map_err(|damage| self.damaged(&damage)),
        }
    }

    async fn list_machines(&self, filter: &MachineFilter) -> Result<Vec<Machine>, StorageError> {
        let (status, template) = (Member::named("status"), Member::named("templateId"));
        let is_one = |word: &str| filter.statuses.is_empty() || filter.statuses.iter().any(|one| one.word() == word);
        let is_of = |id: &str| filter.template.as_ref().is_none_or(|of| of.as_str() == id);
        let may_fit =
            |entry: &Entry<'_>| status.may_be(entry.document, is_one) && template.may_be(entry.document, is_of);
        self.ask(&[(Part::Machines, &may_fit)], |state| state.list_machines(filter))
    }

    async fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventEnvelope>, StorageError> {
        match self.load()? {
            Kept::Whole(state) => Ok(state.list_events(filter)),
            Kept::Text(text) => text.list_events(filter).map_err(|damage| self.damaged(&damage)),
        }
    }

    async fn census(&self) -> Result<Census, StorageError> {
        self.ask(&[(Part::Requests, &all), (Part::Machines, &all)], StoreState::census)
    }
}

#[async_trait]
impl Outbox for JsonStore {
    async fn undelivered(&self, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        let kept = self.load()?;
        let delivered = cursor::read(&folder::path_in(&self.work_dir, DELIVERED)?, kept.next_sequence());
        kept.events_after(delivered, limit).map_err(|damage| self.damaged(&damage))
    }

    async fn acknowledge(&self, sequence: u64) -> Result<(), StorageError> {
        let path = folder::path_in_made(&self.work_dir, DELIVERED)?;
        if cursor::read(&path, u64::MAX) != sequence {
            cursor::write(&path, sequence)?;
        }
        Ok(())
    }

    async fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        self.load()?.events_after(sequence, limit).map_err(|damage| self.damaged(&damage))
    }

    async fn last_sequence(&self) -> Result<u64, StorageError> {
        Ok(self.load()?.next_sequence().saturating_sub(1))
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
        let (mut state, former) = self.take()?;
        let purged = state.purge(before, limit);
        if purged != Purged::default() {
            self.write(&held, state, former)?;
        }
        Ok(purged)
    }
}
