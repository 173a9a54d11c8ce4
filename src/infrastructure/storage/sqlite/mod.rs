//! The store for many hosts: one SQLite database.

mod connection;
mod error;
mod header;
mod rows;
mod store;

#[cfg(test)]
mod tests;

pub use store::{SqliteStore, SqliteStoreParameters};
