//! Adapters that are not a cloud: stores, files, locks, time and ids.

pub mod clock;
pub mod files;
pub mod ids;
pub mod lock;
pub mod storage;
