//! What is held against every case, and the cases that are drawn at random.

mod draw;
mod fuzz;
mod kill_sweep;
pub(crate) mod oracle;
