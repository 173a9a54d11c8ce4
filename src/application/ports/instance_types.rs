//! What is known about instance types.

use shaku::Interface;

use crate::application::StorageError;
use crate::domain::template::InstanceShape;

/// Knows instance types. Implementations MUST NOT ask the cloud (INV-22): they know what was known when the program was
/// built, and what the cloud told since.
pub trait InstanceTypes: Interface {
    /// Returns what a host of this type is made of, or `None` when nobody has told yet. What the cloud told counts before
    /// what the program was built with. Never fails: what cannot be read is not known.
    fn shape(&self, name: &str) -> Option<InstanceShape>;

    /// Keeps what the cloud told, in place of what was kept before, for every process that starts from now on. A type
    /// that comes twice counts as it came first.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be written; what was kept before is still there then.
    fn keep(&self, shapes: &[InstanceShape]) -> Result<(), StorageError>;
}
