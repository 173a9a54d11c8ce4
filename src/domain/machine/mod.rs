//! Machines: the hosts we rent, as the cloud last showed them.

mod event;
mod interruption;
mod machine;
mod sighting;
mod snapshot;
mod status;

pub use event::MachineEvent;
pub use interruption::{Cause, Interruption};
pub use machine::{Machine, Origin};
pub use sighting::Sighting;
pub use snapshot::{MachineSnapshot, Unseen};
pub use status::MachineStatus;
