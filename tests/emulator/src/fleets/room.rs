//! Room as a plan sees it: places are taken on trial, and given back before anything is launched.

use std::collections::HashMap;

use crate::catalogue::InstanceType;
use crate::instances::Market;
use crate::world::{Pool, World};

/// What there is room for at one moment.
pub(super) struct Places {
    pools: Vec<Pool>,
    used: HashMap<(Market, &'static str), u32>,
    free: Vec<u32>,
}

impl World {
    /// Returns what there is room for.
    pub(super) fn places(&self) -> Places {
        let free = self.catalogue.subnets.iter().map(|subnet| subnet.free).collect();
        Places { pools: self.pools.clone(), used: self.used.clone(), free }
    }

    /// Gives back what was taken since.
    pub(super) fn restore(&mut self, places: Places) {
        (self.pools, self.used) = (places.pools, places.used);
        for (subnet, free) in self.catalogue.subnets.iter_mut().zip(places.free) {
            subnet.free = free;
        }
    }

    /// Returns how many hosts of this kind the quota leaves, and the quota.
    pub(super) fn quota_room(&self, kind: InstanceType, market: Market) -> Option<(u32, u32)> {
        let quota = *self.quotas.get(&(market, kind.family().to_owned()))?;
        let used = self.used.get(&(market, kind.family())).copied().unwrap_or(0);
        Some((quota.saturating_sub(used) / kind.vcpus, quota))
    }

    /// Lets fleets do what they had to do until now, each at its own time.
    pub(crate) fn catch_up_fleets(&mut self) {
        let now = self.now();
        while let Some((due, index)) = self.fleets.next_due().filter(|(due, _)| *due <= now) {
            self.moment = Some(due);
            self.give_back();
            self.act_for_fleet(index);
        }
        self.moment = None;
    }
}
