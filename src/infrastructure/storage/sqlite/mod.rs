//! The store for many hosts: one SQLite database.

mod connection;
mod copy;
mod error;
mod header;
mod keeper;
mod lists;
mod rows;
mod store;
mod whole;

#[cfg(test)]
mod tests;

pub use keeper::{SqliteKeeper, SqliteKeeperParameters};
pub use store::{SqliteStore, SqliteStoreParameters};
