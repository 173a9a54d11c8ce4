//! Tells receivers outside of events: over HTTP, in the form of Amazon SNS, and through a program.
//!
//! Invariants: no address, header or other secret shows in an error; every attempt is bounded in time, whatever the other
//! side does; nothing is built or read before there is something to send.

mod document;
mod http;
mod ledger;
mod outside;
mod program;
mod receivers;

pub use ledger::FileLedger;
pub use outside::{Others, OthersParameters};
pub use receivers::Receivers;
