//! The edits of fleets and launch templates, in a word.

use std::time::Duration;

use super::{FleetError, Victims};
use crate::edits::Edit;
use crate::emulator::Emulator;

impl Emulator {
    /// From the creation of a fleet that is not instant to its first launch, and between attempts that come out short.
    pub fn fill(&self, time: Duration) {
        self.sure(Edit::Fill { seconds: time.as_secs_f64() });
    }

    /// From the end of a host to its replacement by its fleet.
    pub fn refill(&self, time: Duration) {
        self.sure(Edit::Refill { seconds: time.as_secs_f64() });
    }

    /// How long a fleet that is changed is `modifying`.
    pub fn modifying(&self, time: Duration) {
        self.sure(Edit::Modifying { seconds: time.as_secs_f64() });
    }

    /// How far the lists of a fleet's hosts and its history are behind.
    pub fn member_lag(&self, time: Duration) {
        self.sure(Edit::MemberLag { seconds: time.as_secs_f64() });
    }

    /// Which hosts a fleet ends when it is to shrink.
    pub fn victims(&self, policy: Victims) {
        self.sure(Edit::Victims { policy });
    }

    /// The next attempt of a fleet to launch meets these errors, so many of each, and launches at most `hosts`.
    pub fn fleet_errors(&self, errors: &[(&str, u32)], hosts: u32) {
        let errors = errors.iter().map(|(code, times)| FleetError::times(code, *times)).collect();
        self.sure(Edit::FleetErrors { errors, hosts, attempts: Some(1) });
    }

    /// Deletes a fleet by hand, with its hosts or without.
    ///
    /// # Errors
    /// There is no such fleet.
    pub fn delete_fleet(&self, id: &str, terminate: bool) -> Result<(), String> {
        self.edit(Edit::DeleteFleet { id: id.to_owned(), terminate })
    }

    /// Removes a launch template, by its id or its name.
    pub fn drop_template(&self, id: &str) {
        self.sure(Edit::DropTemplate { id: id.to_owned() });
    }
}
