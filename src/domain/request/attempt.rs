//! Attempts: create calls, written down with their token before they are sent.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::attempt_parts::Parts;
use crate::domain::failure::AttemptVerdict;
use crate::domain::template::PriceType;
use crate::domain::{ClientToken, FailureClass, Timestamp};

/// Where hosts are asked for: instance type × subnet × market. What is unset, the launch template names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// The instance type.
    pub instance_type: Option<String>,
    /// The subnet, which also fixes the zone and so the scope of the token.
    pub subnet: Option<String>,
    /// On-demand or spot.
    pub price_type: PriceType,
}

/// Shows some pools in a few words: the first, and how many more there are.
pub(super) fn words_for(pools: &[Pool]) -> String {
    match pools {
        [] => "no pool".to_owned(),
        [one] => one.to_string(),
        [first, rest @ ..] => format!("{first} and {} more pools", rest.len()),
    }
}

/// Why a pool gave nothing, or less than it was asked for, in a call that asked several pools or that brought hosts all
/// the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The pool; unset when the cloud did not say which.
    pub pool: Option<Pool>,
    /// The kind of failure.
    pub class: FailureClass,
    /// The cloud's code.
    pub code: Option<String>,
    /// The explanation for people.
    pub message: String,
}

impl Refusal {
    /// Returns whether the pool has nothing to give for the time being.
    fn exhausts(&self, pool: &Pool) -> bool {
        let lacks = self.class.verdict() == AttemptVerdict::NextPool;
        lacks && self.pool.as_ref().is_none_or(|refused| refused == pool)
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |part: &Option<String>| part.clone().unwrap_or_else(|| "(launch template)".to_owned());
        write!(f, "{} in {} {}", of(&self.instance_type), of(&self.subnet), self.price_type.word())
    }
}

/// How an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum AttemptState {
    /// Written down; perhaps sent, perhaps not; the outcome is not known. Only the same token may be sent.
    Open,
    /// The cloud has made something that goes on launching by itself until it has brought everything, or is held.
    Filling {
        /// What it made: a fleet or a group.
        resource: String,
        /// How many capacity units it has brought so far.
        hosts: u32,
        /// What stood in its way so far.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refusals: Vec<Refusal>,
    },
    /// The cloud launched so much, which may be less than asked for, and launches no more.
    Launched {
        /// How many capacity units; where nothing is weighted, a host is one.
        hosts: u32,
        /// What AWS made: the reservation, fleet or group.
        resource: Option<String>,
        /// Why pools gave nothing or too little.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        refusals: Vec<Refusal>,
    },
    /// The cloud launched none.
    Failed {
        /// The kind of failure.
        class: FailureClass,
        /// The cloud's code.
        code: Option<String>,
        /// The explanation for people.
        message: String,
    },
}

/// One create call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Parts")]
pub struct Attempt {
    /// Its number within the request, from 1; a changed parameter is a new number.
    pub number: u32,
    /// Where it asks: one pool, or several among which the cloud chooses.
    pub pools: Vec<Pool>,
    /// How many capacity units it asks for; where nothing is weighted, a host is one.
    pub count: u32,
    /// The token it is sent with, each time.
    pub token: ClientToken,
    /// When it was written down.
    pub recorded_at: Timestamp,
    /// How it stands.
    #[serde(flatten)]
    pub state: AttemptState,
}

impl Attempt {
    /// Returns whether the outcome is not known.
    pub fn is_open(&self) -> bool {
        matches!(self.state, AttemptState::Open)
    }

    /// Returns what goes on launching for this attempt by itself.
    pub fn filling(&self) -> Option<&str> {
        match &self.state {
            AttemptState::Filling { resource, .. } => Some(resource),
            AttemptState::Open | AttemptState::Launched { .. } | AttemptState::Failed { .. } => None,
        }
    }

    /// Returns how many capacity units the attempt has launched, or may have launched or may yet launch.
    pub fn claims(&self) -> u32 {
        match &self.state {
            AttemptState::Open => self.count,
            // Weights may bring a little more than was asked for.
            AttemptState::Filling { hosts, .. } => self.count.max(*hosts),
            AttemptState::Launched { hosts, .. } => *hosts,
            AttemptState::Failed { .. } => 0,
        }
    }

    /// Returns how many capacity units the attempt is known to have launched.
    pub fn brought(&self) -> u32 {
        match &self.state {
            AttemptState::Filling { hosts, .. } | AttemptState::Launched { hosts, .. } => *hosts,
            AttemptState::Open | AttemptState::Failed { .. } => 0,
        }
    }

    /// Returns why pools refused, each with its pool.
    pub fn refusals(&self) -> &[Refusal] {
        match &self.state {
            AttemptState::Filling { refusals, .. } | AttemptState::Launched { refusals, .. } => refusals,
            AttemptState::Open | AttemptState::Failed { .. } => &[],
        }
    }

    /// Returns whether the attempt has shown that this pool has no more to give.
    pub fn has_exhausted(&self, pool: &Pool) -> bool {
        match &self.state {
            AttemptState::Open | AttemptState::Filling { .. } => false,
            AttemptState::Launched { refusals, .. } => {
                self.pools.contains(pool) && refusals.iter().any(|refusal| refusal.exhausts(pool))
            }
            AttemptState::Failed { class, .. } => {
                class.verdict() == AttemptVerdict::NextPool && self.pools.contains(pool)
            }
        }
    }

    /// Returns whether the attempt met a quota that counts for this pool too: AWS counts spot hosts apart from all others.
    pub fn has_met_quota_of(&self, pool: &Pool) -> bool {
        let same = |other: &Pool| other.price_type.is_spot() == pool.price_type.is_spot();
        if matches!(self.state, AttemptState::Failed { class: FailureClass::Quota, .. }) {
            return self.pools.iter().any(same);
        }
        let of = |refusal: &Refusal| refusal.pool.as_ref().map_or_else(|| self.pools.iter().any(same), same);
        self.refusals().iter().any(|refusal| refusal.class == FailureClass::Quota && of(refusal))
    }

    /// Returns whether the attempt ended short because the cloud asked to slow down, which says nothing about its pools.
    pub fn was_slowed_down(&self) -> bool {
        self.ended_short_for_no_pool() && self.refusals().iter().any(|refusal| refusal.class == FailureClass::Throttle)
    }

    /// Returns whether the attempt ended short though no pool was shown to be exhausted: the cloud slowed down, or gave no
    /// reason.
    pub fn ended_short_for_no_pool(&self) -> bool {
        matches!(&self.state, AttemptState::Launched { hosts, refusals, .. }
            if *hosts < self.count && !refusals.iter().any(|refusal| refusal.class.verdict() == AttemptVerdict::NextPool))
    }
}
