//! Copies of the database: one an hour, and one before each migration.
//!
//! Invariants: a copy is whole before it gets its name, and every document in it is what was written; making one never
//! fails a commit, and is tried at most once an hour whatever becomes of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tracing::{error, info};

use super::error::{Fault, damaged};
use super::{header, whole};
use crate::application::StorageError;
use crate::application::budget::Budget;
use crate::infrastructure::files;
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::place::{age_of, beside};

/// How old the copy may be.
const AGE: Duration = Duration::from_hours(1);
/// Copying more takes longer than a call should.
const MOST_BYTES: u64 = 256 << 20;
/// The time that a call must have left; a copy of [`MOST_BYTES`] takes a part of it.
const LEAST_TIME: Duration = Duration::from_mins(1);

/// Copies the database at `path` unless there is a copy of less than an hour ago, another process is at it, or the time
/// of the call is short.
pub(super) fn refresh(connection: &Connection, path: &Path) {
    // Whoever takes this lock writes to it: its age is that of the last try.
    let lock = beside(path, "copy.lock");
    if fs::symlink_metadata(&lock).is_ok_and(|found| age_of(&found) < AGE && !is_ahead(&found)) {
        return;
    }
    if let Err(error) = refresh_under(&lock, connection, path) {
        error!(%error, "the store could not be copied; the next try is in an hour");
    }
}

/// Returns whether a file was written by a clock far ahead of ours.
fn is_ahead(found: &fs::Metadata) -> bool {
    found.modified().is_ok_and(|at| at.checked_sub(AGE).is_some_and(|at| at.elapsed().is_err()))
}

fn refresh_under(lock: &Path, connection: &Connection, path: &Path) -> Result<(), StorageError> {
    if Budget::current().left() < LEAST_TIME {
        return Ok(());
    }
    let Some(_lock) = FileLock::try_acquire(lock)? else { return Ok(()) };
    let bytes = fs::metadata(path).map_or(0, |found| found.len());
    if bytes > MOST_BYTES {
        info!(bytes, "the store is too large to be copied by a call; copy it with sqlite3's .backup");
        return Ok(());
    }
    let start = Instant::now();
    let explained = |fault: Fault| fault.explain("checking", path, start.elapsed());
    // The copy has indexes of its own, so that damage to ours would not show in it.
    if let Some(finding) = whole::integrity(connection).map_err(explained)?.first() {
        return Err(damaged(path, finding));
    }
    let copy = beside(path, "copy");
    files::sweep_temporaries(&copy);
    let temporary = copied(connection, path, &copy)?;
    files::replace_with(temporary, &copy)?;
    info!(bytes, millis = start.elapsed().as_millis(), "the store is copied");
    Ok(())
}

/// Keeps the database at `path` in its present form, before it is migrated, unless that was done. The lock is held.
pub(super) fn keep_former(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let schema = header::schema_of(connection, path)?;
    let kept = beside(path, &format!("schema-{schema}"));
    if schema == 0 || files::check_private(&kept).map_err(StorageError::from)?.is_some() {
        return Ok(());
    }
    files::sweep_temporaries(&kept);
    let temporary = vacuumed(connection, path, &kept)?;
    Ok(files::put_in_place(temporary, &kept).map_err(StorageError::from)?)
}

/// Returns a copy, under a temporary name, whose every document is read.
fn copied(connection: &Connection, path: &Path, copy: &Path) -> Result<tempfile::TempPath, StorageError> {
    let explained = |fault: Fault| fault.explain("copying", path, Duration::ZERO);
    let temporary = vacuumed(connection, path, copy).map_err(explained)?;
    let written = Connection::open(&temporary).map_err(|error| explained(error.into()))?;
    let findings = whole::verify(&written).map_err(explained)?;
    match findings.first() {
        Some(finding) => Err(damaged(path, finding)),
        None => Ok(temporary),
    }
}

fn vacuumed(connection: &Connection, path: &Path, kept: &Path) -> Result<tempfile::TempPath, Fault> {
    let temporary = files::temporary_beside(kept).map_err(StorageError::from)?.into_temp_path();
    let Some(name) = temporary.to_str() else {
        return Err(StorageError::Unavailable {
            operation: format!("copying {}", path.display()),
            source: "the path of the data folder is not UTF-8".into(),
        }
        .into());
    };
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(temporary)
}
