//! Fleets of the fake cloud, which launch by themselves when a test lets them.

use super::cloud::{FakeCloud, sighting};
use crate::application::ports::{Acquired, Clock as _, Keep, Launch, Progress};
use crate::domain::FailureClass;
use crate::domain::machine::Sighting;
use crate::domain::template::ProviderApi;

/// Something that launches by itself.
#[derive(Default)]
pub(crate) struct Fleet {
    /// The request it was made for.
    pub(crate) request: String,
    /// How many hosts it is to have.
    pub(crate) target: u32,
    /// Whether it launches in the place of what ends.
    pub(crate) refills: bool,
    /// What it says of its progress.
    pub(crate) progress: Progress,
    /// What it was told to keep, each time.
    pub(crate) holds: Vec<Keep>,
    /// How often it answers that it does not hold yet.
    pub(crate) modifying: u32,
    /// What changing it fails with.
    pub(crate) refuses: Option<FailureClass>,
    /// Whether it was removed.
    pub(crate) retired: bool,
}

impl FakeCloud {
    /// Lets a fleet launch so many hosts, as far as it lacks any.
    pub(crate) fn bring(&self, name: &str, count: u32) {
        let mut state = self.state();
        let first = state.hosts.len();
        let live = |host: &&Sighting| host.status.is_live() && host.resource.as_deref() == Some(name);
        let has = u32::try_from(state.hosts.values().filter(live).count()).unwrap();
        let fleet = &state.fleets[name];
        let lacks = if fleet.retired { 0 } else { fleet.target.saturating_sub(has) };
        let request = fleet.request.clone();
        for n in 0..count.min(lacks) as usize {
            let host = sighting(format!("i-{:017x}", first + n + 1).parse().unwrap(), self.clock.now());
            let host = Sighting {
                request: Some(request.clone()),
                resource: Some(name.to_owned()),
                api: Some(ProviderApi::Ec2FleetMaintain),
                ..host
            };
            state.by_request.entry(request.clone()).or_default().push(host.id.clone());
            state.hosts.insert(host.id.clone(), host);
        }
    }

    pub(super) fn make_fleet(&self, launch: Launch<'_>, request: &str) -> Acquired {
        let mut state = self.state();
        let name = format!("fleet-{}", launch.attempt.number);
        let target = launch.attempt.count;
        let fleet = Fleet { request: request.to_owned(), target, refills: true, ..Fleet::default() };
        state.fleets.entry(name.clone()).or_insert(fleet);
        Acquired { resource: Some(name), filling: true, ..Acquired::default() }
    }
}
