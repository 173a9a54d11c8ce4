//! The fault table (`docs/faults.md`): each test is named after the row it proves.

#[cfg(feature = "aws")]
pub(crate) mod bench;
#[cfg(feature = "aws")]
mod deaths;
mod disk;
#[cfg(feature = "aws")]
mod duplicates;
#[cfg(feature = "aws")]
mod hosts;
mod store;
mod store_damage;
#[cfg(feature = "aws")]
mod time;
mod torture;
