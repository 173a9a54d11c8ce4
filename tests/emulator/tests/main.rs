//! The emulator against what AWS documents, row by row, over a plain socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod agenda;
mod client;
mod control;
mod describes;
mod discovery;
mod faults;
mod fleet_ends;
mod fleet_life;
mod fleets;
mod group_client;
mod group_life;
mod group_returns;
mod group_templates;
mod groups;
mod http;
mod launches;
mod life;
mod reservations;
mod scale;
mod spot_fleets;
mod templates;
mod terminates;
