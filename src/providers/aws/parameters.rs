//! What a launch is frozen to, as it is stored in the plan of a request.
//!
//! Invariant: holds no user data, only its digest. A field is added with a default; a changed meaning is a new schema.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::application::ProviderError;
use crate::domain::template::{
    CapacityReservation, CpuFeatures, FleetSettings, MetadataOptions, NativeRequests, NetworkInterface, Placement,
    Volume,
};
use crate::domain::{Digest, FailureClass};

/// The form of [`FrozenParameters`] that this binary writes and reads.
pub(super) const SCHEMA: u32 = 1;

/// A launch template by id and number, never by `$Latest` or `$Default`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FrozenTemplate {
    pub(super) id: String,
    pub(super) version: String,
}

/// Cores and threads of one instance type; AWS takes the two only together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cpu {
    pub(super) cores: i32,
    pub(super) threads_per_core: i32,
}

/// Everything that the launches of one request have in common, resolved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct FrozenParameters {
    pub(super) schema: u32,
    pub(super) image: Option<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) key_name: Option<String>,
    pub(super) instance_profile: Option<String>,
    pub(super) user_data_digest: Option<Digest>,
    pub(super) tags: BTreeMap<String, String>,
    /// Each with its device name.
    pub(super) volumes: Vec<Volume>,
    pub(super) ebs_optimized: Option<bool>,
    pub(super) monitoring: Option<bool>,
    #[serde(flatten)]
    pub(super) placement: Placement,
    pub(super) interface: Option<NetworkInterface>,
    pub(super) public_ip: Option<bool>,
    pub(super) max_spot_price: Option<String>,
    pub(super) launch_template: Option<FrozenTemplate>,
    pub(super) metadata: MetadataOptions,
    /// By instance type; empty when the types' own figures do.
    pub(super) cpu: BTreeMap<String, Cpu>,
    #[serde(skip_serializing_if = "CpuFeatures::is_default")]
    pub(super) cpu_features: CpuFeatures,
    /// What the template says; what is said of a market follows from it.
    #[serde(skip_serializing_if = "CapacityReservation::is_default")]
    pub(super) capacity_reservation: CapacityReservation,
    /// What a fleet or group is asked for besides.
    #[serde(skip_serializing_if = "FleetSettings::is_default")]
    pub(super) fleet: FleetSettings,
    /// What the operator lays over the calls.
    #[serde(skip_serializing_if = "NativeRequests::is_empty")]
    pub(super) native: NativeRequests,
}

impl FrozenParameters {
    /// Reads what [`FrozenParameters`] was stored as.
    ///
    /// # Errors
    /// Class `Invalid` when it was stored in another form.
    pub(super) fn from_plan(operation: &str, stored: &serde_json::Value) -> Result<Self, ProviderError> {
        let refused = |text: String| ProviderError::new(operation, FailureClass::Invalid, text);
        let frozen: Self = serde_json::from_value(stored.clone())
            .map_err(|_| refused("the stored parameters of the request cannot be read".to_owned()))?;
        if frozen.schema == SCHEMA {
            Ok(frozen)
        } else {
            Err(refused(format!(
                "the stored parameters of the request have form {}; this binary reads form {SCHEMA}",
                frozen.schema
            )))
        }
    }
}
