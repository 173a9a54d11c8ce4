//! The emulator against what AWS documents, row by row, over a plain socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod client;
mod control;
mod describes;
mod faults;
mod group_client;
mod group_life;
mod group_returns;
mod groups;
mod http;
mod launches;
mod life;
mod scale;
mod terminates;
