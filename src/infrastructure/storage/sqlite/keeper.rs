//! The SQLite store as its operator sees it.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use rusqlite::Connection;

use super::error::Fault;
use super::store::STORE;
use super::{connection, header, whole};
use crate::application::StorageError;
use crate::application::ports::{Contents, Depth, Recovery, StoreKeeper, StoreReport};
use crate::domain::Timestamp;
use crate::infrastructure::file_system::{self, FileSystem};
use crate::infrastructure::files;
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::examine::{self, Form, Unreadable, Whole};
use crate::infrastructure::storage::folder;
use crate::infrastructure::storage::place::{self, LOCK, Place};

/// Looks after `<work>/data/request_database.db`.
#[derive(Debug, shaku::Component)]
#[shaku(interface = StoreKeeper)]
pub struct SqliteKeeper {
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    /// How long a command waits for another process.
    #[shaku(default = folder::LOCK_TIMEOUT)]
    lock_timeout: Duration,
}

impl SqliteKeeper {
    /// Returns the keeper of this work folder's store.
    pub fn new(work_dir: impl Into<PathBuf>, lock_timeout: Duration) -> Self {
        Self { work_dir: work_dir.into(), lock_timeout }
    }

    fn form(&self) -> Sqlite {
        Sqlite { timeout: self.lock_timeout }
    }

    async fn locked(&self) -> Result<(FileLock, PathBuf), StorageError> {
        let lock = FileLock::acquire(&folder::path_in_made(&self.work_dir, LOCK)?, self.lock_timeout).await?;
        Ok((lock, folder::path_in(&self.work_dir, STORE)?))
    }
}

/// The SQLite store's form.
pub(in crate::infrastructure::storage) struct Sqlite {
    /// How long it waits for another process.
    pub(in crate::infrastructure::storage) timeout: Duration,
}

impl Sqlite {
    /// Does something with the database at `path`, which is one of ours and not of a newer version.
    fn opened<T>(&self, path: &Path, work: impl FnOnce(&Connection, u32) -> Result<T, Fault>) -> Result<T, Unreadable> {
        let start = Instant::now();
        let open = || -> Result<Result<T, u32>, Fault> {
            header::check_file(path)?;
            let connection = connection::connect(path, self.timeout)?;
            let schema = header::schema_of(&connection, path)?;
            if connection::is_newer(schema) {
                return Ok(Err(schema));
            }
            work(&connection, schema).map(Ok)
        };
        match open().map_err(|fault| fault.explain("examining", path, start.elapsed())) {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(newer)) => Err(Unreadable::Newer(format!("{} has schema {newer}", path.display()))),
            Err(StorageError::Corrupt { what, .. }) => Err(Unreadable::Damaged(what)),
            Err(error @ StorageError::Busy { .. }) => Err(Unreadable::Error(error)),
            Err(error) => Err(Unreadable::Damaged(format!("{error}: {}", cause_of(&error)))),
        }
    }
}

impl Form for Sqlite {
    const PLACE: Place = place::SQLITE;

    fn read(&self, path: &Path) -> Result<Whole, Unreadable> {
        self.opened(path, whole::read)
    }

    fn outline(&self, path: &Path) -> Result<Option<Contents>, Unreadable> {
        self.opened(
            path,
            |connection, schema| {
                if schema == connection::newest() { whole::outline(connection, schema) } else { Ok(None) }
            },
        )
    }

    fn count(&self, path: &Path) -> Option<(usize, usize)> {
        header::check_file(path).ok().filter(|there| *there)?;
        let connection = connection::connect(path, self.timeout).ok()?;
        let count = |table| whole::count(&connection, table).ok();
        Some((count("requests")?, count("machines")?))
    }

    fn companions(&self, path: &Path) -> Vec<PathBuf> {
        ["-wal", "-shm", "-journal"].map(|suffix| beside(path, suffix)).into()
    }

    fn put(&self, copy: &Path, path: &Path) -> Result<(), StorageError> {
        let explained = |fault: Fault| fault.explain("recovering", path, Duration::ZERO);
        let mut temporary = files::temporary_beside(path)?;
        let opened = files::open_private(copy, files::Access::Read)?;
        let copied = opened.map_or(Ok(0), |(mut from, _): (File, _)| io::copy(&mut from, temporary.as_file_mut()));
        copied.map_err(|source| StorageError::Unavailable {
            operation: format!("copying {}", copy.display()),
            source: Box::new(source),
        })?;
        let temporary = temporary.into_temp_path();
        let written = connection::connect(&temporary, self.timeout).map_err(explained)?;
        connection::set_journal(&written, kind_of(path)).map_err(explained)?;
        written.close().map_err(|(_, error)| explained(error.into()))?;
        Ok(files::replace_with(temporary, path)?)
    }
}

pub(super) fn kind_of(path: &Path) -> FileSystem {
    path.parent().map_or(FileSystem::Local, file_system::of)
}

fn cause_of(error: &StorageError) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// Returns the path of a file that SQLite keeps beside the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[async_trait]
impl StoreKeeper for SqliteKeeper {
    async fn examine(&self, depth: Depth) -> Result<StoreReport, StorageError> {
        examine::examine(&self.form(), &folder::path_in(&self.work_dir, STORE)?, depth)
    }

    async fn recover(&self, at: Timestamp, act: bool) -> Result<Recovery, StorageError> {
        let (_lock, path) = self.locked().await?;
        examine::recover(&self.form(), &path, at, act)
    }

    async fn begin_anew(&self) -> Result<(), StorageError> {
        let (_lock, path) = self.locked().await?;
        if files::check_private(&path)?.is_some() {
            return Err(StorageError::Corrupt {
                what: format!("{} is there", path.display()),
                advice: "a new store is begun only where there is none".to_owned(),
            });
        }
        connection::make(&path, kind_of(&path))?;
        place::SQLITE.note_made(&path);
        Ok(())
    }
}
