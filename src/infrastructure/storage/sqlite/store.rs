//! The SQLite store.
//!
//! Invariants: a transaction that writes is immediate, so that it waits for others at its start and never fails in the
//! middle; a commit is synced before it is reported; only the note of what is delivered is not.

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior};
use shaku::Component;

use super::connection;
use super::copy;
use super::error::Fault;
use super::{lists, rows};
use crate::application::StorageError;
use crate::application::ports::{
    Census, Changes, EventFilter, Listings, MachineFilter, MachineRepository, Outbox, Purged, RequestFilter,
    RequestRepository, RequestSummary, TemplateRepository, UnitOfWork,
};
use crate::application::settings::StorageStrategy;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::Machine;
use crate::domain::request::Request;
use crate::domain::template::Template;
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp};
use crate::infrastructure::file_system::FileSystem;
use crate::infrastructure::storage::folder::{self, LOCK_TIMEOUT, RETENTION, lock};
use crate::infrastructure::storage::{place, strategy};

pub(super) const STORE: &str = place::SQLITE.store;

/// Keeps everything in `<work>/data/request_database.db`.
#[derive(Debug, Component)]
#[shaku(interface = UnitOfWork)]
pub struct SqliteStore {
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    /// How long a commit waits for another process.
    #[shaku(default = LOCK_TIMEOUT)]
    lock_timeout: Duration,
    /// How long delivered events are kept.
    #[shaku(default = RETENTION)]
    retention: Duration,
    /// Opened at first use.
    #[shaku(force_default)]
    connection: Mutex<Option<Connection>>,
    /// What the folder lies on, in tests.
    #[shaku(force_default)]
    file_system: Option<FileSystem>,
}

/// What a missing database means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    IsEmpty,
    IsMade,
}

impl SqliteStore {
    /// Returns the store of this work folder. Nothing is opened or made yet.
    pub fn new(work_dir: impl Into<PathBuf>, lock_timeout: Duration, retention: Duration) -> Self {
        let connection = Mutex::default();
        Self { work_dir: work_dir.into(), lock_timeout, retention, connection, file_system: None }
    }

    /// Returns the store as if its folder lay on a file system of this kind.
    #[cfg(test)]
    pub(super) fn on(self, file_system: FileSystem) -> Self {
        Self { file_system: Some(file_system), ..self }
    }

    /// Opens the database unless it is open; returns whether there is one.
    async fn open(&self, missing: Missing) -> Result<bool, StorageError> {
        if lock(&self.connection).is_some() {
            return Ok(true);
        }
        let on = self.file_system.unwrap_or_else(|| folder::file_system(&self.work_dir));
        let opened = match missing {
            Missing::IsEmpty => {
                let path = folder::path_in(&self.work_dir, STORE)?;
                let opened = connection::open(&path, on, self.lock_timeout).await?;
                if opened.is_none() {
                    place::SQLITE.check_never_was(&path)?;
                }
                opened
            }
            Missing::IsMade => {
                let path = folder::path_in_made(&self.work_dir, STORE)?;
                Some(connection::open_or_make(&path, on, self.lock_timeout).await?)
            }
        };
        let mut kept = lock(&self.connection);
        if kept.is_none() {
            *kept = opened;
        }
        Ok(kept.is_some())
    }

    fn with<T>(
        &self,
        operation: &str,
        work: impl FnOnce(&mut Connection) -> Result<T, Fault>,
    ) -> Result<Option<T>, StorageError> {
        let start = Instant::now();
        let mut connection = lock(&self.connection);
        let result = connection.as_mut().map(work).transpose();
        result.map_err(|fault| fault.explain(operation, &self.work_dir.join("data").join(STORE), start.elapsed()))
    }

    #[cfg(test)]
    pub(super) fn synchronous(&self) -> i64 {
        let level =
            |connection: &mut Connection| Ok(connection.pragma_query_value(None, "synchronous", |row| row.get(0))?);
        self.with("reading", level).unwrap().unwrap()
    }

    /// Reads; a missing database has nothing in it.
    async fn read<T: Default>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Fault> + Send,
    ) -> Result<T, StorageError> {
        self.open(Missing::IsEmpty).await?;
        Ok(self.with("reading", |connection| work(connection))?.unwrap_or_default())
    }
}

#[async_trait]
impl RequestRepository for SqliteStore {
    async fn request(&self, id: &RequestId) -> Result<Option<Request>, StorageError> {
        self.read(|connection| rows::request(connection, id)).await
    }

    async fn open_requests(&self) -> Result<Vec<RequestId>, StorageError> {
        self.read(rows::open_requests).await
    }

    async fn unclaimed(&self, before: Timestamp) -> Result<Vec<RequestId>, StorageError> {
        self.read(|connection| rows::unclaimed(connection, before)).await
    }
}

#[async_trait]
impl MachineRepository for SqliteStore {
    async fn machines_of(&self, request: &RequestId) -> Result<Vec<Machine>, StorageError> {
        self.read(|connection| rows::machines_of(connection, request)).await
    }

    async fn machines(&self, ids: &[MachineId]) -> Result<Vec<Machine>, StorageError> {
        self.read(|connection| rows::machines(connection, ids)).await
    }

    async fn machines_named(&self, names: &[HostName]) -> Result<Vec<Machine>, StorageError> {
        self.read(|connection| rows::machines_named(connection, names)).await
    }

    async fn committed_hosts(&self, template: &TemplateId) -> Result<u32, StorageError> {
        self.read(|connection| rows::committed_hosts(connection, template)).await
    }
}

#[async_trait]
impl TemplateRepository for SqliteStore {
    async fn template(&self, digest: &Digest) -> Result<Option<Template>, StorageError> {
        self.read(|connection| rows::template(connection, digest)).await
    }
}

#[async_trait]
impl Listings for SqliteStore {
    async fn list_requests(&self, filter: &RequestFilter) -> Result<Vec<RequestSummary>, StorageError> {
        self.read(|connection| lists::requests(connection, filter)).await
    }

    async fn list_machines(&self, filter: &MachineFilter) -> Result<Vec<Machine>, StorageError> {
        self.read(|connection| lists::machines(connection, filter)).await
    }

    async fn list_events(&self, filter: &EventFilter) -> Result<Vec<EventEnvelope>, StorageError> {
        self.read(|connection| lists::events(connection, filter)).await
    }

    async fn census(&self) -> Result<Census, StorageError> {
        self.read(lists::census).await
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn undelivered(&self, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        self.read(|connection| rows::undelivered(connection, limit)).await
    }

    async fn acknowledge(&self, sequence: u64) -> Result<(), StorageError> {
        self.open(Missing::IsEmpty).await?;
        self.with("noting what is delivered in", |connection| {
            // Losing the note costs a second delivery, syncing it costs milliseconds.
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let noted = rows::acknowledge(connection, sequence);
            connection.pragma_update(None, "synchronous", "FULL")?;
            noted
        })?;
        Ok(())
    }

    async fn events_after(&self, sequence: u64, limit: usize) -> Result<Vec<EventEnvelope>, StorageError> {
        self.read(|connection| rows::events_after(connection, sequence, limit)).await
    }

    async fn last_sequence(&self) -> Result<u64, StorageError> {
        self.read(rows::last_sequence).await
    }
}

#[async_trait]
impl UnitOfWork for SqliteStore {
    async fn commit(&self, mut changes: Changes<'_>, at: Timestamp) -> Result<(), StorageError> {
        if changes.is_empty() && changes.admission.is_none() {
            return Ok(());
        }
        self.open(Missing::IsMade).await?;
        self.with("writing", |connection| {
            connection.pragma_update(None, "synchronous", "FULL")?;
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            strategy::check(&self.work_dir, StorageStrategy::Sqlite)?;
            rows::write(&transaction, &changes, at, self.retention)?;
            Ok(transaction.commit()?)
        })?;
        changes.mark_committed(at);
        let path = self.work_dir.join("data").join(STORE);
        place::SQLITE.note_made(&path);
        // A commit with an admission stands before a create call, which does not wait for a copy.
        if changes.admission.is_none() {
            self.with("copying", |connection| {
                copy::refresh(connection, &path);
                Ok(())
            })?;
        }
        Ok(())
    }

    async fn purge(&self, before: Timestamp, limit: usize) -> Result<Purged, StorageError> {
        self.open(Missing::IsEmpty).await?;
        let purged = self.with("purging", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            strategy::check(&self.work_dir, StorageStrategy::Sqlite)?;
            let purged = rows::purge(&transaction, before, limit)?;
            transaction.commit()?;
            Ok(purged)
        })?;
        Ok(purged.unwrap_or_default())
    }
}
