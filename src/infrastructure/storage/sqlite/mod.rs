//! The store for many hosts: one SQLite database.

mod connection;
mod copy;
mod error;
mod header;
mod keeper;
mod lists;
mod moving;
mod rows;
mod store;
mod whole;

#[cfg(test)]
mod tests;

pub(super) use keeper::Sqlite;
pub use keeper::{SqliteKeeper, SqliteKeeperParameters};
pub use store::{SqliteStore, SqliteStoreParameters};
