//! Adapters that are a cloud, or stand in for one.

#[cfg(feature = "aws")]
pub mod aws;
