//! The default store: one JSON file, replaced as a whole.

mod cursor;
mod document;
mod store;

#[cfg(test)]
mod tests;

pub use store::{JsonStore, JsonStoreParameters};
