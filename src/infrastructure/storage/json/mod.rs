//! The default store: one JSON file, replaced as a whole.

mod cursor;
mod document;
mod keeper;
mod moving;
mod store;
mod text;

#[cfg(test)]
mod tests;

pub(super) use keeper::Json;
pub use keeper::{JsonKeeper, JsonKeeperParameters};
pub use store::{JsonStore, JsonStoreParameters};
