//! The fault table (`docs/faults.md`): each test is named after the row it proves.

#[cfg(feature = "aws")]
pub(crate) mod bench;
#[cfg(feature = "aws")]
mod calls;
#[cfg(feature = "aws")]
mod capacity;
#[cfg(feature = "aws")]
mod deaths;
mod disk;
#[cfg(feature = "aws")]
mod duplicates;
#[cfg(feature = "aws")]
pub(crate) mod fleets;
#[cfg(feature = "aws")]
mod health;
#[cfg(feature = "aws")]
mod hosts;
#[cfg(feature = "aws")]
mod inputs;
#[cfg(feature = "aws")]
mod leftovers;
#[cfg(feature = "aws")]
mod many;
#[cfg(feature = "aws")]
mod markets;
#[cfg(feature = "sqlite")]
mod migration;
#[cfg(feature = "aws")]
mod network;
#[cfg(feature = "aws")]
mod pages;
#[cfg(feature = "aws")]
mod rights;
#[cfg(feature = "aws")]
mod secrets;
#[cfg(feature = "aws")]
mod sizes;
mod store;
mod store_age;
mod store_damage;
#[cfg(feature = "aws")]
mod time;
mod torture;
#[cfg(feature = "aws")]
mod types;
#[cfg(feature = "aws")]
mod ways;
#[cfg(feature = "aws")]
pub(crate) mod words;
