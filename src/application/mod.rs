//! Use cases: commands that change state, queries that do not, and the ports they need.
//!
//! Invariant: nothing here knows a database, a cloud SDK, a file or the command line.

pub mod budget;
pub mod bus;
pub mod commands;
pub mod engine;
pub mod error;
pub mod events;
pub mod message;
pub mod metrics;
#[cfg(test)]
mod model_tests;
pub mod notifying;
pub mod ports;
pub mod progress;
pub mod queries;
pub mod reporting;
pub mod settings;
#[cfg(test)]
pub(crate) mod testing;

pub use error::{ApplicationError, CatalogueError, ProviderError, StorageError};
