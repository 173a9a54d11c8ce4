//! What metrics need outside: what was counted so far, how large the store is, and the file that others read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::application::StorageError;
use crate::domain::tally::Tally;

/// Keeps what metrics are made of between two processes, and puts them where they are read.
pub trait MetricsKeeper: Send + Sync {
    /// Returns what was counted so far; an empty tally when that cannot be read.
    fn tally(&self) -> Tally;

    /// Keeps a tally that was brought forward from one that ended at `former`, unless another process has kept one
    /// meanwhile. It may be lost: counting then begins anew. Implementations log what goes wrong.
    fn keep(&self, tally: &Tally, former: u64);

    /// Returns how many bytes the store's files take: `store` for those that calls work with, `beside` for copies and
    /// whatever else is kept there.
    fn store_bytes(&self) -> BTreeMap<&'static str, u64>;

    /// Returns the file that is kept up to date in passing, if there is one.
    fn file(&self) -> Option<PathBuf>;

    /// Returns whether that file is older than it should be. Costs one look at it.
    fn is_due(&self) -> bool;

    /// Puts a document in place of the file at `path`, as a whole, so that others can read it.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be written.
    fn publish(&self, path: &Path, text: &str) -> Result<(), StorageError>;
}
