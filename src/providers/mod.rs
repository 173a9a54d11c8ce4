//! Adapters that are a cloud.
//!
//! Invariant: what a cloud's SDK calls things is not known outside of its folder.

pub mod simulated;
