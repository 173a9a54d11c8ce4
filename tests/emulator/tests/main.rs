//! The emulator against what AWS documents, row by row, over a plain socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod client;
mod control;
mod describes;
mod faults;
mod fleet_ends;
mod fleet_life;
mod fleets;
mod http;
mod launches;
mod life;
mod scale;
mod spot_fleets;
mod templates;
mod terminates;
