//! Pure rules: aggregates, value objects, events and their errors.
//!
//! Invariant: nothing here does I/O, awaits, reads a clock or draws a random number; those come in as arguments.

pub mod delivery;
pub mod error;
pub mod event;
pub mod failure;
pub mod ids;
pub mod machine;
pub mod nearest;
pub mod notes;
pub mod request;
pub mod tally;
pub mod template;
pub mod time;

pub use error::DomainError;
pub use failure::FailureClass;
pub use ids::{
    AccountName, ClientToken, Digest, HostName, InstallationId, MachineCount, MachineId, RequestId, RequestKey,
    RequestKind, TemplateId, Version,
};
pub use time::{Moment, Timestamp};
