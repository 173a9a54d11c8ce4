//! What a fleet or group is asked for beside how its hosts are launched: markets, preferences, limits.
//!
//! Field names follow `awsprov-templates.md` section 3.3; the values are checked where the file is read, and against the way
//! to get hosts in [`super::Template::new`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::WeightedType;

/// How AWS chooses among pools (`aws-semantics.md` 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AllocationStrategy {
    /// The cheapest.
    LowestPrice,
    /// All of them evenly.
    Diversified,
    /// Those with the most hosts to give.
    CapacityOptimized,
    /// The same, with regard to priorities.
    CapacityOptimizedPrioritized,
    /// Those with many hosts to give, the cheapest of them.
    PriceCapacityOptimized,
    /// In the order of priorities; on demand only.
    Prioritized,
}

/// How much of a spot template's hosts is on demand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnDemandShare {
    /// None.
    #[default]
    None,
    /// So many in a hundred, from the start (`percentOnDemand`); rounded down.
    Percent(u8),
    /// What the spot market does not give in its time (IBM's `heterogeneous`).
    Rest,
}

/// A least and a most, either of which may be open.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Span<T> {
    /// The least.
    pub min: Option<T>,
    /// The most.
    pub max: Option<T>,
}

/// Instance types by what they have (`abisInstanceRequirements`). Unset means any. Fractions are as the operator wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceRequirements {
    /// Virtual CPUs; AWS demands a least.
    pub vcpus: Span<u32>,
    /// Memory in MiB; AWS demands a least.
    pub memory_mib: Span<u32>,
    /// GiB for each virtual CPU.
    pub memory_gib_per_vcpu: Option<Span<String>>,
    /// `intel`, `amd`, `amazon-web-services`, `apple`.
    pub cpu_manufacturers: Vec<String>,
    /// Types that are not wanted; `*` stands for any text.
    pub excluded_types: Vec<String>,
    /// The only types that are wanted; not together with those that are not.
    pub allowed_types: Vec<String>,
    /// `current`, `previous`.
    pub generations: Vec<String>,
    /// `included`, `excluded` or `required`.
    pub bare_metal: Option<String>,
    /// `included`, `excluded` or `required`.
    pub burstable: Option<String>,
    /// Whether hosts have to be able to hibernate.
    pub hibernate: Option<bool>,
    /// Network interfaces.
    pub network_interfaces: Option<Span<u32>>,
    /// Network bandwidth in Gbit/s.
    pub network_bandwidth_gbps: Option<Span<String>>,
    /// `included`, `excluded` or `required`.
    pub local_storage: Option<String>,
    /// `hdd`, `ssd`.
    pub local_storage_types: Vec<String>,
    /// Local storage in GB.
    pub total_local_storage_gb: Option<Span<String>>,
    /// EBS bandwidth in Mbit/s.
    pub baseline_ebs_bandwidth_mbps: Option<Span<u32>>,
    /// `gpu`, `fpga`, `inference`, `media`.
    pub accelerator_types: Vec<String>,
    /// How many accelerators.
    pub accelerator_count: Option<Span<u32>>,
    /// `nvidia`, `amd`, `amazon-web-services`, `xilinx`, `habana`.
    pub accelerator_manufacturers: Vec<String>,
    /// Such as `a100`.
    pub accelerator_names: Vec<String>,
    /// Memory of all accelerators in MiB.
    pub accelerator_total_memory_mib: Option<Span<u32>>,
    /// How much dearer than the cheapest type a spot host may be, in percent.
    pub spot_max_price_percentage_over_lowest_price: Option<u32>,
    /// How much of the cheapest type's on-demand price a spot host may cost, in percent.
    pub max_spot_price_as_percentage_of_optimal_on_demand_price: Option<u32>,
    /// How much dearer than the cheapest type an on-demand host may be, in percent.
    pub on_demand_max_price_percentage_over_lowest_price: Option<u32>,
}

/// What a fleet or group is asked for beside its hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FleetSettings {
    /// How much of a spot template is on demand.
    pub on_demand_share: OnDemandShare,
    /// The types of the on-demand part, where they are others (`vmTypesOnDemand`).
    pub on_demand_types: Vec<WeightedType>,
    /// The preference among types, the lowest number first (`vmTypesPriority`).
    pub priorities: BTreeMap<String, u32>,
    /// Types by what they have, in place of names.
    pub requirements: Option<InstanceRequirements>,
    /// How spot pools are chosen; AWS's price-capacity-optimized when unset (`aws-semantics.md` 5.1).
    pub spot_strategy: Option<AllocationStrategy>,
    /// How on-demand pools are chosen; the cheapest first when unset, in the order of priorities when there are any.
    pub on_demand_strategy: Option<AllocationStrategy>,
    /// Over how many spot pools the cheapest are spread (`poolsCount`, with `lowestPrice` alone).
    pub pools_count: Option<u32>,
    /// The role of a Spot Fleet, by name or ARN.
    pub role: Option<String>,
    /// How many minutes a request goes on launching, where that ends before the request's own deadline.
    pub expiry_minutes: Option<u32>,
    /// What EC2 calls the context; reserved by AWS.
    pub context: Option<String>,
}

impl FleetSettings {
    /// Returns whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
