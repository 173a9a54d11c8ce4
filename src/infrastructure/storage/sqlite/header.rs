//! A cheap look at an opened database before anything in it is believed.
//!
//! Invariant: nothing here opens the file itself. Closing a file frees every lock that the process holds on it, those of
//! SQLite included.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::error::{Fault, damaged, refused};
use crate::application::StorageError;
use crate::infrastructure::files;

/// Marks a database as ours: `hfac` (`PRAGMA application_id`).
pub(super) const APPLICATION: u32 = 0x6866_6163;

/// Returns whether there is a file at `path`, having checked that it is a private one of ours and not empty.
pub(super) fn check_file(path: &Path) -> Result<bool, StorageError> {
    match files::check_private(path)? {
        None => Ok(false),
        // The database is made under another name, so that this is never one that is about to be made.
        Some(found) if found.len() == 0 => Err(refused(path, "is empty")),
        Some(_) => Ok(true),
    }
}

/// Returns the schema version of an opened database.
///
/// # Errors
/// [`StorageError::Corrupt`] when it is not ours or shorter than it says; those of SQLite when it is no database.
pub(super) fn schema_of(connection: &Connection, path: &Path) -> Result<u32, Fault> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    if number("application_id")? != i64::from(APPLICATION) {
        return Err(refused(path, "is a database of another program").into());
    }
    // In this order: pages that are missing from the file when it is measured were in the log before.
    let expected = number("page_count")?.saturating_mul(number("page_size")?);
    if log_size(path) == 0 {
        let size = files::check_private(path).map_err(StorageError::from)?.map_or(0, |found| found.len());
        if i64::try_from(size).unwrap_or(i64::MAX) < expected {
            return Err(damaged(path, &format!("it has {size} bytes of {expected}")).into());
        }
    }
    Ok(u32::try_from(number("user_version")?).unwrap_or(u32::MAX))
}

/// Returns the size of the log beside the database at `path`; 0 when there is none.
pub(super) fn log_size(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).map_or(0, |found| found.len())
}
