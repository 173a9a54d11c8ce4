//! The command line: what to do, with which input, and how the process ends.

mod args;
mod barrier;
mod composition;
mod dispatch;
mod exit;
mod output;
mod reports;
mod storage;

pub use args::command;
pub use composition::{Composition, StartError, StartOptions, Started};
pub use dispatch::run;
