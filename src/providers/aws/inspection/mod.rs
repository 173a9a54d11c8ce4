//! Looks into the account and region for the operator: what is there of ours, whether AWS answers, what templates name.
//!
//! Invariant: only calls that describe are made, and dry runs.

mod adapter;
mod discovery;
mod facts;
mod judging;
mod launches;
mod quotas;
mod reach;
mod resources;
mod rights;
mod trials;

#[cfg(test)]
mod tests;

pub use adapter::AwsInspection;
