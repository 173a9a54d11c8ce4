//! The JSON store as one that is moved.

use std::path::Path;

use super::cursor;
use super::document;
use super::keeper::Json;
use super::store::DELIVERED;
use crate::application::StorageError;
use crate::infrastructure::files::{self, Durability};
use crate::infrastructure::storage::examine::Form;
use crate::infrastructure::storage::mover::{Movable, Source, read};
use crate::infrastructure::storage::{StoreState, rules};

impl Movable for Json {
    /// Whoever commits takes the lock, which the mover holds.
    type Held = ();

    fn schema(&self) -> u64 {
        document::SCHEMA
    }

    fn hold(&self, path: &Path) -> Result<((), Source), StorageError> {
        Ok(((), read(self, path)?))
    }

    fn make(&self, path: &Path, source: &Source) -> Result<(), StorageError> {
        files::sweep_temporaries(path);
        if !files::create_atomic(path, &text(&source.state)?)? {
            return Err(StorageError::Busy { resource: path.display().to_string(), waited: std::time::Duration::ZERO });
        }
        note_delivered(path, source)
    }

    fn replace(&self, (): (), path: &Path, source: &Source) -> Result<(), StorageError> {
        files::write_atomic(path, &text(&source.state)?, Durability::Synced)?;
        note_delivered(path, source)
    }

    fn let_go(&self, (): (), _: &Path) -> Result<bool, StorageError> {
        Ok(true)
    }
}

fn text(state: &StoreState) -> Result<Vec<u8>, StorageError> {
    document::encode(state).map_err(|error| rules::unwritable("writing down the store", error))
}

/// The note belongs to the store of this name alone; a copy that is set aside has none.
fn note_delivered(path: &Path, source: &Source) -> Result<(), StorageError> {
    if path.file_name().is_some_and(|name| name == Json::PLACE.store) {
        cursor::write(&path.with_file_name(DELIVERED), source.delivered)?;
    }
    Ok(())
}
