//! Machines: the hosts we rent, as the cloud last showed them.

mod event;
mod machine;
mod sighting;
mod status;

pub use event::MachineEvent;
pub use machine::{Machine, MachineSnapshot, Origin, Unseen};
pub use sighting::{Interruption, Sighting};
pub use status::MachineStatus;
