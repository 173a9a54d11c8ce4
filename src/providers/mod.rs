//! Adapters that are a cloud, or stand in for one.
//!
//! Invariant: what a cloud's SDK calls things is not known outside of its folder.

#[cfg(feature = "aws")]
pub mod aws;
pub mod simulated;
