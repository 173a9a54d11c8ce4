//! Adapters that are not a cloud: storage, configuration, telemetry, files and locks.

pub mod config;
pub mod telemetry;
