//! Adapters that are not a cloud: files, locks, stores, configuration, the log, the clock and fresh ids.
//!
//! Invariant: nothing here knows a cloud or the command line; everything that touches the disk goes through [`files`].

pub mod bundle;
pub mod checkup;
pub mod clock;
pub mod config;
pub mod file_system;
pub mod files;
pub mod ids;
pub mod instance_types;
mod lease;
pub mod lock;
pub mod metrics;
pub mod notify;
pub mod prices;
pub mod process;
pub mod storage;
pub mod takeover;
pub mod telemetry;
