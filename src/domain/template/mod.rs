//! Templates: what an operator offers the grid, and how such hosts are launched.

mod attributes;
mod fleet;
mod instance_shape;
mod launch;
mod market;
mod native;
mod placement;
mod rules;
mod template;

pub use attributes::{Attribute, AttributeType, Attributes};
pub use fleet::{AllocationStrategy, FleetSettings, InstanceRequirements, OnDemandShare, Span};
pub use instance_shape::{Architecture, Gpus, InstanceShape};
pub use launch::{
    CpuFeatures, Image, LaunchSettings, LaunchTemplate, MetadataOptions, NetworkInterface, UserData, Volume,
    WeightedType,
};
pub use market::{CapacityReservation, ReservationPreference, ReservationTarget};
pub use native::{NativeRequest, NativeRequests};
pub use placement::{Affinity, Placement, Tenancy};
pub use template::{MaxNumber, PriceType, ProviderApi, ProviderKind, Template, TemplateParts};
