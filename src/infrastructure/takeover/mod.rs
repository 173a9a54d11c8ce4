//! Installations of other plug-ins: IBM's `awsprov`, Open Host Factory, Open Resource Broker.
//!
//! Invariants: nothing of theirs is written, locked or made, also not by SQLite; no value of theirs that could be a secret
//! is shown; odd types, missing fields and unknown ones stop nobody.

mod database;
mod ibm;
mod reader;
mod records;
#[cfg(feature = "sqlite")]
mod sql;
mod survey;
mod values;

pub use reader::{FileReader, FileReaderParameters};
