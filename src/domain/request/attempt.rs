//! Attempts: create calls, written down with their token before they are sent.

use std::fmt;

use serde::{Deserialize, Serialize};

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

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |part: &Option<String>| part.clone().unwrap_or_else(|| "(launch template)".to_owned());
        write!(f, "{} in {} {}", of(&self.instance_type), of(&self.subnet), self.price_type.word())
    }
}

/// How an attempt stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum AttemptState {
    /// Written down; perhaps sent, perhaps not; the outcome is not known. Only the same token may be sent.
    Open,
    /// The cloud launched so many hosts, which may be fewer than asked for.
    Launched {
        /// How many.
        hosts: u32,
        /// What AWS made: the reservation.
        resource: Option<String>,
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
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Its number within the request, from 1; a changed parameter is a new number.
    pub number: u32,
    /// Where it asks.
    pub pool: Pool,
    /// How many hosts it asks for.
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

    /// Returns how many hosts the attempt has launched, or may have launched.
    pub fn claims(&self) -> u32 {
        match self.state {
            AttemptState::Open => self.count,
            AttemptState::Launched { hosts, .. } => hosts,
            AttemptState::Failed { .. } => 0,
        }
    }

    /// Returns whether the pool has shown that it has no more to give.
    pub fn exhausted_its_pool(&self) -> bool {
        match &self.state {
            AttemptState::Open => false,
            AttemptState::Launched { hosts, .. } => *hosts < self.count,
            AttemptState::Failed { class, .. } => {
                matches!(class, FailureClass::Capacity | FailureClass::SubnetCapacity)
            }
        }
    }
}
