//! Stores: where requests, machines, templates and events are kept between two processes.

mod archive;
mod checksum;
mod examine;
mod folder;
mod glance;
mod heads;
mod installation;
mod json;
mod lists;
mod memory;
#[cfg_attr(
    not(feature = "sqlite"),
    expect(dead_code, unused_imports, reason = "without SQLite there is nothing to move to")
)]
mod mover;
mod notebook;
mod outline;
mod place;
mod rules;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;
mod strategy;

#[cfg(test)]
#[cfg(unix)]
mod adversity;
#[cfg(test)]
mod contract;
#[cfg(test)]
#[cfg(unix)]
mod keeping_contract;
#[cfg(test)]
mod lists_contract;
#[cfg(test)]
#[cfg(unix)]
mod other_process;
#[cfg(test)]
mod recovery_contract;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod wiring_tests;

pub(super) use folder::{path_in, path_in_made};
pub use installation::{FileInstallation, FileInstallationParameters};
pub use json::{JsonKeeper, JsonKeeperParameters, JsonStore, JsonStoreParameters};
pub use memory::{MemoryStore, MemoryStoreParameters};
pub use mover::{FileMover, FileMoverParameters};
pub use notebook::{FileNotebook, FileNotebookParameters};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteKeeper, SqliteKeeperParameters, SqliteStore, SqliteStoreParameters};
pub use state::StoreState;
pub use strategy::migrated_to;
