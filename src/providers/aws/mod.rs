//! Amazon Web Services: hosts through RunInstances, EC2 Fleets, Spot Fleets and Auto Scaling groups.
//!
//! What the ways have in common stands once: `prepare` (what a request is frozen to), `launch_template`, `fleet` (pools and
//! targets), `tags`, `retry`, `terminate`, `observation`. A new way is a file with a component, and a line in `bootstrap`.
//!
//! Invariants: AWS types are named nowhere else in this crate; building a component does no I/O; no error, log line or
//! `Debug` text holds a credential or user data.

mod auto_scaling;
mod client;
mod codes;
mod credentials;
mod error;
mod fleet;
mod group_creation;
mod group_return;
mod health;
mod held;
mod http;
mod identity;
mod inspection;
mod instance_types;
mod instant_fleet;
mod lasting;
mod lasting_fleet;
mod launch_template;
mod limit;
mod observation;
mod overlay;
mod parameters;
mod prepare;
mod rehearsal;
mod request;
mod requirements;
mod reservation;
mod retry;
mod roles;
mod run_instances;
mod sighting;
mod spot_fleet;
mod tags;
mod terminate;
mod user_data;
mod whole;
mod zones;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod faults_tests;
#[cfg(test)]
mod golden_tests;

pub use auto_scaling::AutoScaling;
pub use client::{AwsClients, AwsClientsParameters, ClientSource, Clients};
pub use inspection::AwsInspection;
pub use instance_types::AwsInstanceTypes;
pub use instant_fleet::InstantFleet;
pub use lasting::{MaintainFleet, MaintainSpotFleet, RequestFleet, RequestSpotFleet};
pub use observation::AwsObservation;
pub use run_instances::RunInstances;
