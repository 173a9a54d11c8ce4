//! Where fleets are kept: by id and by token.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Api, Event, Fleet, Kind, What};
use crate::clock::Millis;
use crate::instances::{Market, mixed};

/// An error that fleets meet instead of launching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetError {
    /// Its code.
    pub code: String,
    /// Its words, where they are not AWS's own.
    #[serde(default)]
    pub message: Option<String>,
    /// How often it is listed.
    #[serde(default = "once")]
    pub times: u32,
    /// For slots of this instance type only.
    #[serde(default)]
    pub instance_type: Option<String>,
}

const fn once() -> u32 {
    1
}

impl FleetError {
    /// Returns an error that is listed so many times.
    #[must_use]
    pub fn times(code: &str, times: u32) -> Self {
        Self { code: code.to_owned(), message: None, times, instance_type: None }
    }
}

/// Errors for the next attempts of fleets to launch.
#[derive(Debug, Clone)]
pub(crate) struct Injection {
    pub(crate) errors: Vec<FleetError>,
    /// How many hosts an attempt gives all the same.
    pub(crate) hosts: u32,
    /// For so many attempts; `None` is all.
    pub(crate) attempts: Option<u32>,
}

/// Every fleet ever.
#[derive(Debug, Default)]
pub(crate) struct Fleets {
    pub(crate) all: Vec<Fleet>,
    by_id: HashMap<String, usize>,
    by_token: HashMap<(Api, String), Vec<usize>>,
    /// Those that a listing shows without their ids.
    listed: Vec<usize>,
    pub(crate) injections: Vec<Injection>,
}

impl Fleets {
    /// Returns the id of the next fleet.
    pub(crate) fn next_id(&self, api: Api) -> String {
        let number = u64::try_from(self.all.len()).unwrap_or_default();
        let (high, low) = (mixed(number | 1 << 41), mixed(number | 1 << 42));
        let prefix = match api {
            Api::Ec2 => "fleet",
            Api::Spot => "sfr",
        };
        let (a, b, c) = (high >> 32, high >> 16 & 0xFFFF, high & 0xFFFF);
        format!("{prefix}-{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", low >> 48, low & 0xFFFF_FFFF_FFFF)
    }

    /// Takes a fleet in, and returns where it is.
    pub(crate) fn add(&mut self, fleet: Fleet) -> usize {
        let index = self.all.len();
        let spec = &fleet.spec;
        self.by_id.insert(spec.id.clone(), index);
        if let Some(token) = &spec.token {
            self.by_token.entry((spec.api, token.clone())).or_default().push(index);
        }
        if spec.kind != Kind::Instant {
            self.listed.push(index);
        }
        self.all.push(fleet);
        index
    }

    /// Returns a fleet that calls of this account and region see.
    pub(crate) fn find(&self, id: &str, account: &str, region: &str, now: Millis) -> Option<usize> {
        self.by_id.get(id).copied().filter(|index| self.shows(*index, account, region, now))
    }

    /// Returns a fleet, whoever asks.
    pub(crate) fn index(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// Returns how many fleets count against the quota.
    pub(crate) fn counted(&self) -> usize {
        let counts = |fleet: &&Fleet| !fleet.is_deleted() || !fleet.live.is_empty();
        self.listed.iter().map(|index| &self.all[*index]).filter(counts).count()
    }

    /// Returns the fleet that was made with a token.
    pub(crate) fn with_token(&self, api: Api, token: &str, account: &str, region: &str, now: Millis) -> Option<usize> {
        let all = self.by_token.get(&(api, token.to_owned()))?;
        all.iter().rev().copied().find(|index| self.shows(*index, account, region, now))
    }

    /// Returns the fleets that a listing shows without their ids, from `start` on.
    pub(crate) fn listed<'a>(
        &'a self,
        api: Api,
        account: &'a str,
        region: &'a str,
        now: Millis,
    ) -> impl Iterator<Item = (usize, &'a Fleet)> {
        let seen = self.listed.iter().copied().filter(move |index| self.shows(*index, account, region, now));
        seen.map(|index| (index, &self.all[index])).filter(move |(_, fleet)| fleet.spec.api == api)
    }

    fn shows(&self, index: usize, account: &str, region: &str, now: Millis) -> bool {
        let Some(fleet) = self.all.get(index) else { return false };
        fleet.spec.account == account && fleet.spec.region == region && fleet.is_seen(now)
    }

    /// Takes in members of a fleet.
    pub(crate) fn joined(&mut self, index: usize, number: u32, weight: super::Units, market: Market, at: Millis) {
        let Some(fleet) = self.all.get_mut(index) else { return };
        fleet.live.insert(number, (weight, market));
        *fleet.fulfilled.of_mut(market) += weight;
        *fleet.launched.of_mut(market) += weight;
        fleet.history.push(Event { at, what: What::Launched(number) });
    }

    /// Returns the errors for this attempt, and counts it.
    pub(crate) fn injected(&mut self) -> Option<Injection> {
        let first = self.injections.first_mut()?;
        let taken = first.clone();
        if let Some(attempts) = &mut first.attempts {
            *attempts = attempts.saturating_sub(1);
        }
        self.injections.retain(|injection| injection.attempts != Some(0));
        Some(taken)
    }
}
