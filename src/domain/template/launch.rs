//! How the hosts of a template are launched: image, type, network, storage, identity.
//!
//! Field names follow `awsprov-templates.md` section 3; the values are checked where the file is read.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU32;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{CapacityReservation, FleetSettings, NativeRequests, Placement, PriceType};
use crate::domain::Digest;

/// The machine image, as the operator named it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Image {
    /// An AMI id, `ami-…`.
    Ami(String),
    /// The name of a Systems Manager parameter that holds an AMI id; resolved once for each request.
    SsmParameter(String),
}

/// An instance type and the capacity units that one host of it counts for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightedType {
    /// The EC2 instance type, such as `m6i.xlarge`.
    pub name: String,
    /// Capacity units, 1 or more.
    pub weight: u32,
}

/// A block device. For the root volume `device` is unset: its name comes from the image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Volume {
    /// The device name, such as `/dev/sdf`.
    pub device: Option<String>,
    /// Size in GiB.
    pub size: Option<u32>,
    /// `gp2`, `gp3`, `io1`, `io2`, `sc1`, `st1` or `standard`.
    pub kind: Option<String>,
    /// Provisioned I/O operations a second.
    pub iops: Option<u32>,
    /// Throughput in MiB a second (`gp3`).
    pub throughput: Option<u32>,
    /// Whether the volume is encrypted.
    pub encrypted: Option<bool>,
    /// The KMS key it is encrypted with.
    pub kms_key: Option<String>,
    /// The snapshot it is made from.
    pub snapshot: Option<String>,
}

/// How a host reaches its instance metadata service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetadataOptions {
    /// Whether a session token is demanded (IMDSv2). On by default.
    pub tokens_required: bool,
    /// How many network hops an answer may take, 1 to 64; 2 for containers.
    pub hop_limit: Option<u8>,
    /// Whether instance tags show in the metadata.
    pub instance_tags: Option<bool>,
    /// Whether the service answers at all.
    pub enabled: Option<bool>,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        Self { tokens_required: true, hop_limit: None, instance_tags: None, enabled: None }
    }
}

/// Network interfaces of a kind that plain subnet and group settings do not give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NetworkInterface {
    /// An ordinary interface, asked for by name.
    Ordinary,
    /// So many Elastic Fabric Adapters, one a network card.
    Efa {
        /// How many, 1 or more.
        count: u8,
    },
}

/// What the processor of a host is to do besides; unset leaves it to the type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CpuFeatures {
    /// AMD's encryption of memory.
    pub amd_sev_snp: Option<bool>,
    /// Whether the host can run virtual machines of its own.
    pub nested_virtualization: Option<bool>,
}

impl CpuFeatures {
    /// Returns whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The operator's own launch template, used as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchTemplate {
    /// `lt-…`.
    pub id: String,
    /// A number, `$Latest` or `$Default`; frozen to a number for each request.
    pub version: Option<String>,
}

/// A boot script. The text is a secret: it is never stored, logged or shown; what is stored is its digest, so that a
/// later process can tell whether the text it reads anew is the text a request was frozen with.
#[derive(Clone, Serialize, Deserialize)]
pub struct UserData {
    digest: Digest,
    #[serde(skip)]
    text: Option<SecretString>,
}

impl UserData {
    /// Returns user data with its digest taken over `text`.
    pub fn new(text: String) -> Self {
        Self { digest: Digest::of(&[&text]), text: Some(text.into()) }
    }

    /// Returns the digest of the text.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Returns the text, where this process has read it.
    pub fn text(&self) -> Option<&str> {
        self.text.as_ref().map(ExposeSecret::expose_secret)
    }
}

impl PartialEq for UserData {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Eq for UserData {}

impl fmt::Debug for UserData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserData({})", self.digest)
    }
}

/// Everything that says how a host of a template is launched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LaunchSettings {
    /// The image; unset when the launch template names it.
    pub image: Option<Image>,
    /// Instance types in the order of preference; empty when the launch template names the type.
    pub instance_types: Vec<WeightedType>,
    /// Subnets in the order of preference; empty when the launch template names it.
    pub subnets: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// The key pair.
    pub key_name: Option<String>,
    /// The instance profile, by name or ARN.
    pub instance_profile: Option<String>,
    /// The boot script.
    pub user_data: Option<UserData>,
    /// The operator's tags on instances and volumes.
    pub tags: BTreeMap<String, String>,
    /// Changes to the image's root volume.
    pub root_volume: Option<Volume>,
    /// Further volumes.
    pub volumes: Vec<Volume>,
    /// Whether the host is EBS optimised; unset leaves it to the type.
    pub ebs_optimized: Option<bool>,
    /// Whether detailed monitoring is on.
    pub monitoring: Option<bool>,
    /// Placement group, tenancy, dedicated host.
    #[serde(flatten)]
    pub placement: Placement,
    /// Interfaces of a special kind.
    pub interface: Option<NetworkInterface>,
    /// Whether the host gets a public address; unset leaves it to the subnet.
    pub public_ip: Option<bool>,
    /// The most to pay for a spot host an hour, in dollars, as the operator wrote it; unset means the on-demand price.
    pub max_spot_price: Option<String>,
    /// The operator's launch template.
    pub launch_template: Option<LaunchTemplate>,
    /// Instance metadata settings.
    pub metadata: MetadataOptions,
    /// Threads a core, 1 or 2; 1 switches simultaneous multithreading off.
    pub threads_per_core: Option<u8>,
    /// Physical cores; unset means all that the type has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_count: Option<NonZeroU32>,
    /// What the processor is to do besides.
    #[serde(skip_serializing_if = "CpuFeatures::is_default")]
    pub cpu_features: CpuFeatures,
    /// Zones, by name or id, whose subnets are not used.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excluded_zones: Vec<String>,
    /// In which order markets are asked, each for what the ones before it did not give; empty leaves it to the price type.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub market_order: Vec<PriceType>,
    /// The capacity reservations that hosts run in.
    #[serde(skip_serializing_if = "CapacityReservation::is_default")]
    pub capacity_reservation: CapacityReservation,
    /// What a fleet or group is asked for besides.
    #[serde(skip_serializing_if = "FleetSettings::is_default")]
    pub fleet: FleetSettings,
    /// AWS request documents of the operator's own, laid over what is sent.
    #[serde(skip_serializing_if = "NativeRequests::is_empty")]
    pub native: NativeRequests,
}
