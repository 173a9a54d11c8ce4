//! Looks into the account and region for the operator: what is there of ours, whether AWS answers, what templates name.
//!
//! Invariant: only calls that describe are made.

mod adapter;
mod facts;
mod judging;
mod reach;
mod resources;

#[cfg(test)]
mod tests;

pub use adapter::AwsInspection;
