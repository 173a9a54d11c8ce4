//! What goes into a support bundle from this host: the log, the environment, the folders and the machine; and the file.
//!
//! Invariants: whatever cannot be had costs nothing else; no secret that is known here gets into the file, wherever it
//! stands; the file is readable to its owner alone and never takes another's place.

mod host;
mod making;
mod pack;
mod secrets;

pub use making::{Made, made};
