//! Instance types: what EC2 offered when the program was built (`shipped.tsv`), and what it told since.
//!
//! Invariants: no cloud is asked; nothing is read, and no line is looked at, before somebody asks for a type.

mod known;
mod line;
mod table;

#[cfg(test)]
mod tests;

pub use known::{KnownInstanceTypes, KnownInstanceTypesParameters};
pub(in crate::infrastructure) use table::line_of;
