//! Which of the two stores is in force: `storage.strategy` for a new work folder, and after a migration the note that it
//! leaves beside the stores.
//!
//! Invariant: the note is written in one step, and after the store that it names is complete; a process that works on the
//! other store commits nothing from then on.

use std::path::Path;

use super::folder;
use crate::application::StorageError;
use crate::application::settings::StorageStrategy;
use crate::infrastructure::files;
#[cfg(any(test, feature = "sqlite"))]
use crate::infrastructure::files::Durability;

/// The note's file in the data folder.
const NOTE: &str = "request_database.strategy";
/// Longer than any strategy's name.
const LIMIT: u64 = 32;

/// Returns the strategy that a migration has put in force in this work folder, if there was one.
///
/// # Errors
/// [`StorageError::Corrupt`] when the note is not one of ours or cannot be believed.
pub fn migrated_to(work_dir: &Path) -> Result<Option<StorageStrategy>, StorageError> {
    let path = folder::path_in(work_dir, NOTE)?;
    let Some(bytes) = files::read_private(&path, LIMIT)? else { return Ok(None) };
    let word = std::str::from_utf8(&bytes).ok().and_then(|text| StorageStrategy::of_word(text.trim_end()));
    word.map(Some).ok_or_else(|| StorageError::Corrupt {
        what: format!("{} does not name a strategy", path.display()),
        advice: "write json or sqlite into it, whichever store is the newer; hostfactory storage check, with --set \
                 storage.strategy, tells what is in each once the file is away"
            .to_owned(),
    })
}

/// Checks that a process may commit to the store of this strategy. Call it where nobody can migrate the store meanwhile.
///
/// # Errors
/// [`StorageError::Corrupt`] when the store was migrated since the process began.
pub(super) fn check(work_dir: &Path, own: StorageStrategy) -> Result<(), StorageError> {
    match migrated_to(work_dir)? {
        Some(other) if other != own => Err(StorageError::Corrupt {
            what: format!("the store was migrated from {} to {} during this call", own.word(), other.word()),
            advice: "nothing was written; the next call works on the new store".to_owned(),
        }),
        Some(_) | None => Ok(()),
    }
}

/// Puts a store in force.
#[cfg(any(test, feature = "sqlite"))]
pub(super) fn put_in_force(work_dir: &Path, strategy: StorageStrategy) -> Result<(), StorageError> {
    let path = folder::path_in_made(work_dir, NOTE)?;
    Ok(files::write_atomic(&path, format!("{}\n", strategy.word()).as_bytes(), Durability::Synced)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_decides_and_what_is_no_note_is_refused() {
        let work = tempfile::tempdir().unwrap();
        assert_eq!(migrated_to(work.path()).unwrap(), None);
        check(work.path(), StorageStrategy::Json).unwrap();
        put_in_force(work.path(), StorageStrategy::Sqlite).unwrap();
        assert_eq!(migrated_to(work.path()).unwrap(), Some(StorageStrategy::Sqlite));
        let error = check(work.path(), StorageStrategy::Json).unwrap_err().to_string();
        assert!(error.contains("migrated from json to sqlite"), "{error}");
        #[expect(clippy::disallowed_methods, reason = "the test plays whoever damages the file")]
        for damaged in ["", "jsom\n", "sqlite sqlite\n"] {
            std::fs::write(work.path().join("data").join(NOTE), damaged).unwrap();
            assert!(matches!(migrated_to(work.path()), Err(StorageError::Corrupt { .. })), "{damaged:?}");
        }
    }
}
