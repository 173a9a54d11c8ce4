//! Templates: what an operator offers the grid, and how such hosts are launched.

mod attributes;
mod fleet;
mod launch;
mod rules;
mod template;

pub use attributes::{Attribute, AttributeType, Attributes};
pub use fleet::{AllocationStrategy, FleetSettings, InstanceRequirements, OnDemandShare, Span};
pub use launch::{
    Image, LaunchSettings, LaunchTemplate, MetadataOptions, NetworkInterface, Tenancy, UserData, Volume, WeightedType,
};
pub use template::{MaxNumber, PriceType, ProviderApi, ProviderKind, Template, TemplateParts};
