//! The store as something that is moved: from one strategy to the other, into one document and out of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use shaku::Interface;

use super::Contents;
use crate::application::StorageError;
use crate::application::settings::StorageStrategy;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::MachineSnapshot;
use crate::domain::notes::Notes;
use crate::domain::request::RequestSnapshot;
use crate::domain::template::TemplateParts;
use crate::domain::{Digest, InstallationId, MachineId, RequestId, Timestamp};

/// Everything that an installation keeps, as one document. Holds no secret: stores hold none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Archive {
    /// [`Archive::FORMAT`].
    pub format: String,
    /// The form of what follows; that of the store.
    pub schema: u64,
    /// When it was written.
    pub exported_at: Timestamp,
    /// Under which id the hosts are owned.
    pub installation_id: InstallationId,
    /// The digest of the contents, as `storage check` tells it.
    pub digest: String,
    /// Up to which event they are delivered.
    pub delivered: u64,
    /// The number of the next event.
    pub next_sequence: u64,
    /// Templates as requests have frozen them, by content.
    pub templates: BTreeMap<Digest, TemplateParts>,
    /// Requests.
    pub requests: BTreeMap<RequestId, RequestSnapshot>,
    /// Machines.
    pub machines: BTreeMap<MachineId, MachineSnapshot>,
    /// Events in the order of their numbers.
    pub events: Vec<EventEnvelope>,
    /// What calls remember for each other, leases excepted.
    #[serde(default)]
    pub notes: Notes,
}

impl Archive {
    /// What [`Archive::format`] says.
    pub const FORMAT: &'static str = "hostfactory-store";
}

/// What a store is to be put in place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// Nothing, or the same contents.
    IsRespected,
    /// Whatever there is; it is set aside.
    IsSetAside,
}

/// What became of the contents of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Whether anything was done; if not, it was so already.
    pub done: bool,
    /// The strategy in force before.
    pub from: StorageStrategy,
    /// The strategy in force now.
    pub to: StorageStrategy,
    /// The store in force now.
    pub path: PathBuf,
    /// What is in it, read back from the disk and the same as what was written.
    pub contents: Option<Contents>,
    /// What was set aside, with the names it has now.
    pub aside: Vec<PathBuf>,
    /// What `storage.strategy` is configured as, and where, when that is not what is in force now.
    pub configured: Option<(StorageStrategy, String)>,
    /// What the operator should know.
    pub remarks: Vec<String>,
}

/// Moves the contents of stores. A process that is killed at whatever instant MUST leave one complete store in force.
#[async_trait]
pub trait StoreMover: Interface {
    /// Copies everything into the store of the other strategy, reads it back, puts it in force and sets the former store
    /// aside. Does nothing when that strategy is in force.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when there is another store already and it is respected, or when the store in force is
    /// not whole; others when a disk does not do it. The former store is in force then.
    async fn migrate(&self, to: StorageStrategy, present: Present, at: Timestamp) -> Result<Moved, StorageError>;

    /// Returns everything, under the id of this installation; the notes are left to the caller.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when the store is not whole.
    async fn export(&self, installation: InstallationId, at: Timestamp) -> Result<Archive, StorageError>;

    /// Makes the store in force what the archive says. Does nothing when it is that already.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when there is a store with other contents and it is respected, when the archive is of a
    /// newer version or not whole, or when this installation has another id than it says.
    async fn import(&self, archive: Archive, present: Present, at: Timestamp) -> Result<Moved, StorageError>;

    /// Writes a document into a new file, mode 0600, as a whole or not at all.
    ///
    /// # Errors
    /// [`StorageError`] when there is such a file, or the disk does not do it.
    fn save(&self, document: &[u8], file: &Path) -> Result<(), StorageError>;
}
