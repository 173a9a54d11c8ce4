//! The fault table (`docs/faults.md`): each test is named after the row it proves.

#[cfg(feature = "aws")]
mod capacity;
#[cfg(feature = "aws")]
mod network;
#[cfg(feature = "aws")]
pub(crate) mod stage;
