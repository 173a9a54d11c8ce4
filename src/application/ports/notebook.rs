//! Where calls note things down for later calls.

use async_trait::async_trait;
use shaku::Interface;

use crate::domain::notes::Notes;

/// Keeps the notes. What is in them may be lost, so nothing here fails: implementations log what went wrong and answer
/// with what they have.
#[async_trait]
pub trait Notebook: Interface {
    /// Returns the notes; empty ones when they cannot be read.
    async fn read(&self) -> Notes;

    /// Changes the notes as no other process does at the same time. Implementations MUST call `edit` exactly once, with
    /// empty notes if there are no others, MUST free the leases of processes that have ended before they do, and need
    /// not sync to disk.
    async fn edit(&self, edit: &mut (dyn for<'n> FnMut(&'n mut Notes) + Send));

    /// Returns the name of this process in leases.
    fn holder(&self) -> String;

    /// Counts a call to the cloud by what came of it. It costs nothing now and is written down with the next edit.
    fn count_call(&self, _operation: &'static str, _outcome: String) {}

    /// Returns whether calls were counted that are not written down yet.
    fn has_uncounted(&self) -> bool {
        false
    }
}
