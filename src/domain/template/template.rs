//! The template aggregate: an offer of hosts under one id.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Attributes, LaunchSettings};
use crate::domain::{Digest, DomainError, TemplateId};

/// Who rents out the hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProviderKind {
    /// Amazon Web Services.
    Aws,
    /// No cloud at all; for a first try and for staging.
    Simulated,
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aws => "aws",
            Self::Simulated => "simulated",
        })
    }
}

/// The ways to get hosts that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProviderApi {
    /// EC2 `RunInstances`.
    RunInstances,
    /// An EC2 Fleet that launches once and answers with its hosts.
    Ec2FleetInstant,
    /// An EC2 Fleet that launches until it has brought everything.
    Ec2FleetRequest,
    /// An EC2 Fleet that also replaces what ends.
    Ec2FleetMaintain,
    /// A Spot Fleet request that launches until it has brought everything.
    SpotFleetRequest,
    /// A Spot Fleet request that also replaces what ends.
    SpotFleetMaintain,
    /// An Auto Scaling group.
    AutoScaling,
    /// The simulated provider.
    Simulated,
}

impl ProviderApi {
    /// Every way, for tests and tables.
    pub const ALL: [Self; 8] = [
        Self::RunInstances,
        Self::Ec2FleetInstant,
        Self::Ec2FleetRequest,
        Self::Ec2FleetMaintain,
        Self::SpotFleetRequest,
        Self::SpotFleetMaintain,
        Self::AutoScaling,
        Self::Simulated,
    ];

    /// Returns the name by which people know it: that of `providerApi`, with the `fleetType` of a fleet. It
    /// stands on hosts as a tag, so it never changes.
    pub const fn word(self) -> &'static str {
        match self {
            Self::RunInstances => "RunInstances",
            Self::Ec2FleetInstant => "EC2Fleet/instant",
            Self::Ec2FleetRequest => "EC2Fleet/request",
            Self::Ec2FleetMaintain => "EC2Fleet/maintain",
            Self::SpotFleetRequest => "SpotFleet/request",
            Self::SpotFleetMaintain => "SpotFleet/maintain",
            Self::AutoScaling => "ASG",
            Self::Simulated => "Simulated",
        }
    }

    /// Returns whether what AWS makes for a request goes on launching by itself, and so has to be held before its hosts are
    /// ended.
    pub const fn launches_by_itself(self) -> bool {
        match self {
            Self::Ec2FleetRequest
            | Self::Ec2FleetMaintain
            | Self::SpotFleetRequest
            | Self::SpotFleetMaintain
            | Self::AutoScaling => true,
            Self::RunInstances | Self::Ec2FleetInstant | Self::Simulated => false,
        }
    }

    /// Returns whether what AWS makes for a request replaces what ends, for as long as it is there.
    pub const fn refills(self) -> bool {
        matches!(self, Self::Ec2FleetMaintain | Self::SpotFleetMaintain | Self::AutoScaling)
    }

    /// Returns who is behind this way.
    pub const fn kind(self) -> ProviderKind {
        match self {
            Self::Simulated => ProviderKind::Simulated,
            Self::RunInstances
            | Self::Ec2FleetInstant
            | Self::Ec2FleetRequest
            | Self::Ec2FleetMaintain
            | Self::SpotFleetRequest
            | Self::SpotFleetMaintain
            | Self::AutoScaling => ProviderKind::Aws,
        }
    }
}

/// How a host is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PriceType {
    /// At the list price, until it is returned.
    OnDemand,
    /// At the spot price, until it is returned or taken away.
    Spot,
    /// By a capacity reservation, which costs the same empty or full. Of hosts AWS says that they are on demand.
    Reserved,
}

impl PriceType {
    /// Returns the word on the wire (`priceType`).
    pub const fn word(self) -> &'static str {
        match self {
            Self::OnDemand => "ondemand",
            Self::Spot => "spot",
            Self::Reserved => "reserved",
        }
    }

    /// Returns whether hosts may be taken away.
    pub const fn is_spot(self) -> bool {
        matches!(self, Self::Spot)
    }
}

/// How many hosts of a template there may be at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct MaxNumber(i64);

impl MaxNumber {
    /// Returns the number on the wire: -1 for unlimited, else 0 to 10,000.
    pub const fn number(self) -> i64 {
        self.0
    }

    /// Returns the limit in hosts, or `None` when there is none.
    pub fn limit(self) -> Option<u32> {
        u32::try_from(self.0).ok()
    }
}

impl TryFrom<i64> for MaxNumber {
    type Error = DomainError;

    fn try_from(number: i64) -> Result<Self, DomainError> {
        if (-1..=10_000).contains(&number) {
            Ok(Self(number))
        } else {
            Err(DomainError::validation("maxNumber", format!("{number} is not -1 (unlimited) or 0 to 10000")))
        }
    }
}

impl From<MaxNumber> for i64 {
    fn from(max: MaxNumber) -> i64 {
        max.0
    }
}

/// The parts of a template, as a reader hands them over and a store keeps them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateParts {
    /// The id.
    pub id: TemplateId,
    /// The most hosts at a time.
    pub max_number: MaxNumber,
    /// What Host Factory sees.
    pub attributes: Attributes,
    /// The way to get the hosts.
    pub api: ProviderApi,
    /// How they are paid for.
    pub price_type: PriceType,
    /// How they are launched.
    pub launch: LaunchSettings,
    /// Template priority, passed through.
    pub priority: Option<i64>,
}

/// An offer of hosts under one id. Each request keeps the template it was made with (INV-17). Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "TemplateParts", into = "TemplateParts")]
pub struct Template(Arc<TemplateParts>);

impl Template {
    /// Returns the template.
    ///
    /// # Errors
    /// [`DomainError::Validation`] when there is neither an image, type and subnet nor a launch template that could
    /// name them, or when settings contradict each other.
    pub fn new(parts: TemplateParts) -> Result<Self, DomainError> {
        super::rules::check(&parts)?;
        Ok(Self(Arc::new(parts)))
    }

    /// Returns the id.
    pub fn id(&self) -> &TemplateId {
        &self.0.id
    }

    /// Returns the most hosts at a time.
    pub fn max_number(&self) -> MaxNumber {
        self.0.max_number
    }

    /// Returns what Host Factory sees of the hosts.
    pub fn attributes(&self) -> &Attributes {
        &self.0.attributes
    }

    /// Returns the way to get the hosts.
    pub fn api(&self) -> ProviderApi {
        self.0.api
    }

    /// Returns how the hosts are paid for.
    pub fn price_type(&self) -> PriceType {
        self.0.price_type
    }

    /// Returns the markets that hosts are asked from, each for what the ones before it did not give.
    pub fn markets(&self) -> Vec<PriceType> {
        self.0.markets()
    }

    /// Returns how the hosts are launched.
    pub fn launch(&self) -> &LaunchSettings {
        &self.0.launch
    }

    /// Returns the template priority, if the operator set one.
    pub fn priority(&self) -> Option<i64> {
        self.0.priority
    }

    /// Returns a digest over everything the template says, user data by its own digest.
    pub fn digest(&self) -> Digest {
        // Serialising these plain structs cannot fail; an empty text would only cost a shared digest.
        Digest::of(&[&serde_json::to_string(&*self.0).unwrap_or_default()])
    }
}

impl TryFrom<TemplateParts> for Template {
    type Error = DomainError;

    fn try_from(parts: TemplateParts) -> Result<Self, DomainError> {
        Self::new(parts)
    }
}

impl From<Template> for TemplateParts {
    fn from(template: Template) -> TemplateParts {
        Arc::unwrap_or_clone(template.0)
    }
}
