//! What is held against every case, and the cases that are drawn at random.

mod fuzz;
mod kill_sweep;
pub(crate) mod oracle;
