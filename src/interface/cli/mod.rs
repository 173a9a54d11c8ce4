//! The command line: what to do, with which input, and how the process ends.

mod args;
mod barrier;
mod completing;
mod composition;
mod desk;
mod dispatch;
mod exit;
mod nouns;
mod output;
mod report;
mod screen;
mod table;
mod watching;
mod when;
mod wrapping;
mod yaml;

pub use args::command;
pub use composition::{
    Apart, Bundle, Composition, Configured, Draft, LaidOut, Section, StartError, StartOptions, Started,
};
pub use dispatch::run;
pub use screen::Terminal;
