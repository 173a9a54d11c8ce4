//! What really happened, whatever the calls were told.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;

use crate::clock::Millis;
use crate::instances::{Actor, End, Launch, State, instance_id};
use crate::world::World;

/// An instance as it really is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrueInstance {
    /// Its id.
    pub id: String,
    /// Its state now.
    pub state: State,
    /// Its private address, while it has one.
    pub address: Option<String>,
    /// How it ended.
    pub end: Option<End>,
    /// What it has in common with the others of its launch: token, parameters, tags, type, subnet, zone, times.
    #[serde(serialize_with = "crate::instances::shared")]
    pub launch: Arc<Launch>,
}

impl TrueInstance {
    /// Returns the value of a tag.
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.launch.tags.get(key).map(String::as_str)
    }

    /// Returns whether nobody has told it to end.
    pub const fn is_live(&self) -> bool {
        self.end.is_none()
    }
}

/// Every instance ever, in the order of their launches.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Truth {
    /// The instances.
    pub instances: Vec<TrueInstance>,
}

impl Truth {
    pub(crate) fn of(world: &World) -> Self {
        let now = world.now();
        let seen = (0..world.instances.len()).filter_map(|number| {
            let (instance, launch) = world.instances.get(number)?;
            Some(TrueInstance {
                id: instance_id(number),
                state: instance.state(launch, now),
                address: instance.address(launch, now).map(|address| address.to_string()),
                end: instance.end().cloned(),
                launch: Arc::clone(launch),
            })
        });
        Self { instances: seen.collect() }
    }

    /// Returns the instances with this tag.
    #[must_use]
    pub fn tagged(&self, key: &str, value: &str) -> Self {
        self.matching(|instance| instance.tag(key) == Some(value))
    }

    /// Returns the instances of a request of hostfactory.
    #[must_use]
    pub fn of_request(&self, id: &str) -> Self {
        self.tagged("hostfactory:request-id", id)
    }

    /// Returns the instances that a fleet launched.
    #[must_use]
    pub fn of_fleet(&self, id: &str) -> Self {
        self.matching(|instance| instance.launch.fleet.as_deref() == Some(id))
    }

    /// Returns the instances that a fleet ended by itself: there were too many, or it has expired.
    #[must_use]
    pub fn ended_by_fleets(&self) -> Self {
        self.matching(|instance| matches!(&instance.end, Some(End { by: Actor::Fleet(_), .. })))
    }

    /// Returns the instances that nobody has told to end.
    #[must_use]
    pub fn live(&self) -> Self {
        self.matching(TrueInstance::is_live)
    }

    /// Returns the instances that a call ended, not a test.
    #[must_use]
    pub fn ended_by_calls(&self) -> Self {
        self.matching(|instance| matches!(&instance.end, Some(End { by: Actor::Call(_), .. })))
    }

    /// Returns the instances that an Auto Scaling group launched.
    #[must_use]
    pub fn of_group(&self, name: &str) -> Self {
        self.matching(|instance| instance.launch.group() == Some(name))
    }

    /// Returns the instances that an Auto Scaling group ended by itself, whatever it was about.
    #[must_use]
    pub fn ended_by_groups(&self) -> Self {
        self.matching(|instance| matches!(&instance.end, Some(End { by: Actor::Group(_), .. })))
    }

    /// Returns the instances that `keep` takes.
    #[must_use]
    pub fn matching(&self, keep: impl Fn(&TrueInstance) -> bool) -> Self {
        Self { instances: self.instances.iter().filter(|instance| keep(instance)).cloned().collect() }
    }

    /// Returns the ids.
    pub fn ids(&self) -> Vec<String> {
        self.instances.iter().map(|instance| instance.id.clone()).collect()
    }

    /// Returns the one with this id.
    pub fn instance(&self, id: &str) -> Option<&TrueInstance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// Returns the client tokens, each once.
    pub fn tokens(&self) -> BTreeSet<&str> {
        self.instances.iter().filter_map(|instance| instance.launch.token.as_deref()).collect()
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.instances.len()
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.instances.is_empty()
    }

    /// Returns the most that lived at one instant.
    pub fn most_at_once(&self) -> usize {
        let launched = self.instances.iter().map(|instance| (instance.launch.at, 1));
        let ended = self.instances.iter().filter_map(|instance| Some((instance.end.as_ref()?.at, -1)));
        // What ends at the instant of a launch ends first.
        let mut changes: Vec<(Millis, isize)> = launched.chain(ended).collect();
        changes.sort_unstable();
        let mut live = 0_isize;
        let mut most = 0;
        for (_, change) in changes {
            live += change;
            most = most.max(live);
        }
        most.unsigned_abs()
    }
}
