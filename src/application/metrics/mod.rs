//! What is measured, and how it is told to a monitor.

mod exposition;
mod families;
mod meter;

pub use exposition::text;
pub use families::{FAMILIES, Family, Kind};
pub use meter::Measurements;
pub(crate) use meter::Meter;
