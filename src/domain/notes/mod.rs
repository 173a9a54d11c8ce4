//! What calls note down for later calls.
//!
//! Invariant: all of it may be lost without harm. At worst a pool is asked, a host is looked at or a call is sent once
//! more than need be; nothing here is the only record of a host or a request.

mod account;
mod brake;
mod bucket;
mod notes;
mod pools;

pub use account::Account;
pub use brake::{Brake, BrakePolicy, Suspension};
pub use bucket::{Bucket, Rate};
pub use notes::{Duty, Lease, Notes};
pub use pools::{PoolMark, PoolMarks};
