//! Looks at hosts, and lets them take in what was seen.

use std::collections::{BTreeMap, HashMap, HashSet};

use tracing::warn;

use super::Engine;
use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::application::ports::Host;
use crate::domain::machine::{Interruption, Machine, MachineStatus, Sighting};
use crate::domain::template::{PriceType, ProviderKind};
use crate::domain::{MachineId, Moment};

/// What complete and successful answers of the cloud showed.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    asked: HashSet<MachineId>,
    sightings: HashMap<MachineId, Sighting>,
    interruptions: HashMap<MachineId, Interruption>,
    /// Everything that was said about the health of hosts of which something was heard, be it that all is well.
    health: HashMap<MachineId, Vec<Interruption>>,
}

impl Seen {
    /// Lets the machine take in what was seen of it, or that it was not seen. A machine that was not asked about takes
    /// in nothing.
    pub(crate) fn show_to(&self, machine: &mut Machine, at: Moment) {
        if !self.asked.contains(machine.id()) {
            return;
        }
        match self.sightings.get(machine.id()) {
            Some(sighting) => machine.see(sighting),
            None => machine.miss(at),
        }
        if let Some(notice) = self.interruptions.get(machine.id()) {
            machine.interrupt(notice.clone());
        }
        if let Some(said) = self.health.get(machine.id()) {
            machine.take_health(said, at.now);
        }
    }

    /// Takes in hosts of a complete listing.
    pub(super) fn take(&mut self, listed: Vec<Sighting>) {
        for sighting in listed {
            self.asked.insert(sighting.id.clone());
            self.sightings.insert(sighting.id.clone(), sighting);
        }
    }

    /// Returns whether a complete answer was had about a host, be it that the host was missing from it.
    pub(crate) fn is_about(&self, id: &MachineId) -> bool {
        self.asked.contains(id)
    }

    /// Returns what was seen of a host.
    pub(crate) fn of(&self, id: &MachineId) -> Option<&Sighting> {
        self.sightings.get(id)
    }
}

impl Engine {
    /// Looks at these hosts, terminated ones left out: one sweep for each provider, however many requests they belong
    /// to.
    ///
    /// # Errors
    /// [`ApplicationError::Provider`] when an answer is not complete; nothing was seen then.
    pub(crate) async fn look(
        &self,
        machines: impl IntoIterator<Item = &Machine> + Send,
    ) -> Result<Seen, ApplicationError> {
        let mut seen = Seen::default();
        self.look_further(machines, &mut seen).await?;
        Ok(seen)
    }

    /// Does what [`Self::look`] does, and asks about the health of the hosts that run.
    ///
    /// # Errors
    /// Those of [`Self::look`].
    pub(crate) async fn look_closely(&self, machines: &[Machine]) -> Result<Seen, ApplicationError> {
        let mut seen = self.look(machines).await?;
        self.look_at_health(machines, &mut seen).await;
        Ok(seen)
    }

    /// Asks about the health of those of these hosts that were seen to run. What cannot be read changes nothing; what is
    /// not wanted any more is as if all were well.
    async fn look_at_health(&self, machines: &[Machine], seen: &mut Seen) {
        let mut hosts: BTreeMap<ProviderKind, Vec<Host>> = BTreeMap::new();
        for machine in machines.iter().filter(|machine| !machine.is_ending()) {
            let host = machine.snapshot();
            if let Some(sighting) = seen.of(&host.id).filter(|sighting| sighting.status == MachineStatus::Running) {
                hosts.entry(host.api.kind()).or_default().push(Host {
                    id: host.id.clone(),
                    price_type: sighting.price_type,
                    ending_since: None,
                });
            }
        }
        for (kind, hosts) in hosts {
            let said = match self.observation(kind) {
                Ok(_) if !self.health.ask() => Some(Vec::new()),
                Ok(cloud) if Budget::current().allows_new_step() => match cloud.health(&hosts, self.health).await {
                    Ok(said) => said,
                    Err(error) => {
                        warn!(%error, "scheduled events and status checks could not be read; nothing changes");
                        None
                    }
                },
                Ok(_) | Err(_) => None,
            };
            let Some(said) = said else { continue };
            seen.health.extend(hosts.into_iter().map(|host| (host.id, Vec::new())));
            for (id, notice) in said {
                seen.health.entry(id).and_modify(|notices| notices.push(notice));
            }
        }
    }

    /// Does what [`Self::look`] does for the hosts that `seen` is not about yet.
    ///
    /// # Errors
    /// Those of [`Self::look`].
    pub(super) async fn look_further(
        &self,
        machines: impl IntoIterator<Item = &Machine> + Send,
        seen: &mut Seen,
    ) -> Result<(), ApplicationError> {
        let mut hosts: BTreeMap<ProviderKind, Vec<Host>> = BTreeMap::new();
        let mut met = HashSet::new();
        let mut interruptions = Vec::new();
        for machine in machines {
            let host = machine.snapshot();
            if host.status != MachineStatus::Terminated && met.insert(&host.id) {
                hosts.entry(host.api.kind()).or_default().push(Host {
                    id: host.id.clone(),
                    price_type: host.price_type,
                    ending_since: host.ending_since,
                });
            }
        }
        for (kind, mut hosts) in hosts {
            let provider = self.observation(kind)?;
            let unseen: Vec<Host> = hosts.iter().filter(|host| !seen.is_about(&host.id)).cloned().collect();
            let sightings = if unseen.is_empty() { Vec::new() } else { provider.observe(&unseen).await? };
            seen.asked.extend(unseen.into_iter().map(|host| host.id));
            seen.sightings.extend(sightings.into_iter().map(|sighting| (sighting.id.clone(), sighting)));
            let spot: HashSet<&MachineId> = seen
                .sightings
                .values()
                .filter(|s| s.price_type == PriceType::Spot && s.status <= MachineStatus::Running)
                .map(|s| &s.id)
                .collect();
            hosts.retain(|host| spot.contains(&host.id));
            for host in &mut hosts {
                host.price_type = PriceType::Spot;
            }
            if !hosts.is_empty() {
                match provider.interruptions(&hosts).await {
                    Ok(notices) => interruptions.extend(notices),
                    // Without the notices nothing is inferred; the hosts themselves were seen.
                    Err(error) => warn!(%error, "spot notices could not be read"),
                }
            }
        }
        seen.interruptions.extend(interruptions);
        Ok(())
    }
}
