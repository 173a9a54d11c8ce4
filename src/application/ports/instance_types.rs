//! What is known about instance types.

use async_trait::async_trait;
use shaku::Interface;

use crate::application::{ProviderError, StorageError};
use crate::domain::template::InstanceShape;

/// Knows instance types. Implementations MUST NOT ask the cloud (INV-22): they know what was known when the program was
/// built, and what the cloud told since.
pub trait InstanceTypes: Interface {
    /// Returns what a host of this type is made of, or `None` when nobody has told yet. What the cloud told counts before
    /// what the program was built with. Never fails: what cannot be read is not known.
    fn shape(&self, name: &str) -> Option<InstanceShape>;

    /// Returns every type that is known, what the cloud told before what the program was built with. Reads the whole table:
    /// never for a call of Host Factory.
    fn all(&self) -> Vec<InstanceShape>;

    /// Keeps what the cloud told, in place of what was kept before, for every process that starts from now on. A type
    /// that comes twice counts as it came first.
    ///
    /// # Errors
    /// [`StorageError`] when it cannot be written; what was kept before is still there then.
    fn keep(&self, shapes: &[InstanceShape]) -> Result<(), StorageError>;
}

/// What a cloud tells about its instance types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfferedTypes {
    /// Those that a grid can run on.
    pub shapes: Vec<InstanceShape>,
    /// How many others there are.
    pub left_out: usize,
}

/// Asks the cloud about instance types; for whoever refreshes what is known, never for a call of Host Factory.
#[async_trait]
pub trait InstanceTypeSource: Interface {
    /// Returns every type that the region offers, or `None` when this cloud has no such thing.
    ///
    /// # Errors
    /// [`ProviderError`] when any part of the listing is missing.
    async fn offered(&self) -> Result<Option<OfferedTypes>, ProviderError>;
}
