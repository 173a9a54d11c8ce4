//! The command line.

mod composition;

pub use composition::{Composition, StartError, StartOptions, Started};
