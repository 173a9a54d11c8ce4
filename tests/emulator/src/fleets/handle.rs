//! The edits of fleets and launch templates, in a word.

use super::FleetError;
use crate::edits::Edit;
use crate::emulator::Emulator;

impl Emulator {
    /// The next attempt of a fleet to launch meets these errors, so many of each, and launches at most `hosts`.
    pub fn fleet_errors(&self, errors: &[(&str, u32)], hosts: u32) {
        let errors = errors.iter().map(|(code, times)| FleetError::times(code, *times)).collect();
        self.sure(Edit::FleetErrors { errors, hosts, attempts: Some(1) });
    }

    /// Deletes a fleet by hand; its hosts end with it, or live on.
    ///
    /// # Errors
    /// There is no such fleet.
    pub fn delete_fleet(&self, fleet: &str, hosts: bool) -> Result<(), String> {
        self.edit(Edit::DeleteFleet { fleet: fleet.to_owned(), hosts })
    }

    /// Removes a launch template, by its id or its name.
    pub fn drop_template(&self, id: &str) {
        self.sure(Edit::DropTemplate { id: id.to_owned() });
    }
}
