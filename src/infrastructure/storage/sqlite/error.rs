//! What SQLite says, in the store's words.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::application::StorageError;
use crate::infrastructure::storage::place;

/// What goes wrong inside a query: the database's error, or one that is the store's already.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite.
    Sql(rusqlite::Error),
    /// The store.
    Store(StorageError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// Returns the store's error for `operation` on the database at `path`, which has taken `waited` so far.
    pub(super) fn explain(self, operation: &str, path: &Path, waited: Duration) -> StorageError {
        let error = match self {
            Self::Sql(error) => error,
            Self::Store(error) => return error,
        };
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed) => {
                StorageError::Busy { resource: path.display().to_string(), waited }
            }
            // No code: not an error of the engine, but a value that is not of the type it must have.
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => damaged(path, &error.to_string()),
            Some(_) => StorageError::Unavailable {
                operation: format!("{operation} {}", path.display()),
                source: Box::new(error),
            },
        }
    }
}

/// Returns the error of a database whose content is not what it should be.
pub(super) fn damaged(path: &Path, finding: &str) -> StorageError {
    refused(path, &format!("is damaged: {finding}"))
}

/// Returns the error of a database that is not used, and why.
pub(super) fn refused(path: &Path, finding: &str) -> StorageError {
    StorageError::Corrupt { what: format!("{} {finding}", path.display()), advice: place::SQLITE.advice(path) }
}
