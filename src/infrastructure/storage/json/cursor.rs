//! How far the events are delivered: a small file beside the store, which may be lost.
//!
//! Invariant: whatever is in the file, at worst events are delivered twice.

use std::path::Path;

use crate::application::StorageError;
use crate::infrastructure::files::{self, Durability};

/// Longer than any number.
const LIMIT: u64 = 32;

/// Returns the sequence number up to which events are delivered; 0 when the file does not tell, or tells of events that
/// a store with `next_sequence` does not have.
pub(super) fn read(path: &Path, next_sequence: u64) -> u64 {
    let bytes = files::read_private(path, LIMIT).ok().flatten().unwrap_or_default();
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.strip_suffix('\n')?.parse().ok());
    number.filter(|delivered| *delivered < next_sequence).unwrap_or(0)
}

/// Notes that events are delivered up to `sequence`.
pub(super) fn write(path: &Path, sequence: u64) -> Result<(), StorageError> {
    Ok(files::write_atomic(path, format!("{sequence}\n").as_bytes(), Durability::Relaxed)?)
}
