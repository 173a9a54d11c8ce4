//! The log: JSON lines in a file, and the audit trail of events in it.
//!
//! Invariants: nothing is written to stdout or stderr; a log that cannot be written never fails a call; secrets are not
//! masked here, they never come here.

mod audit;
mod file;
mod log;

pub use audit::AuditLog;
pub use log::start;
