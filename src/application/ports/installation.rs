//! Who we are, in the eyes of the cloud.

use shaku::Interface;

use crate::application::StorageError;
use crate::domain::InstallationId;

/// Knows the id of this installation.
pub trait Installation: Interface {
    /// Returns the id under which this installation owns its hosts. Implementations MUST return the same id at every
    /// call of every process with the same work folder, and MUST have synced it to disk before they return it.
    ///
    /// # Errors
    /// [`StorageError`] when it can be neither read nor made.
    fn id(&self) -> Result<InstallationId, StorageError>;
}
