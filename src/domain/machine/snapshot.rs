//! A machine as a store keeps it.

use serde::{Deserialize, Serialize};

use super::{Interruption, MachineStatus};
use crate::domain::template::{PriceType, ProviderApi};
use crate::domain::{HostName, MachineId, RequestId, TemplateId, Timestamp, Version};

/// Complete answers in which a host was missing, since it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unseen {
    /// How many.
    pub times: u32,
    /// When the first of them was.
    pub since: Timestamp,
}

/// A machine as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MachineSnapshot {
    /// The instance id.
    pub id: MachineId,
    /// The way it was got, which is also the way it is given back.
    pub api: ProviderApi,
    /// The fleet or group that it is a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// The capacity units that it counts for.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: u32,
    /// The request it was launched for.
    pub request_id: Option<RequestId>,
    /// The latest return it is part of.
    pub return_id: Option<RequestId>,
    /// The template it was launched from.
    pub template_id: Option<TemplateId>,
    /// What it is doing.
    pub status: MachineStatus,
    /// Why it ended or was found wanting.
    pub reason: Option<String>,
    /// Host name, once known.
    pub name: Option<HostName>,
    /// Private address, once known.
    pub private_ip: Option<String>,
    /// Public address, once known.
    pub public_ip: Option<String>,
    /// When it was launched; until the cloud says, when we first heard of it.
    pub launched_at: Timestamp,
    /// When we first heard of it, by our own clock.
    pub known_since: Timestamp,
    /// Instance type.
    pub instance_type: Option<String>,
    /// How it is paid for.
    pub price_type: PriceType,
    /// Availability zone.
    pub zone: Option<String>,
    /// Tags as `k=v;k=v`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Marks of not having been seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<Unseen>,
    /// Notice that it will not stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interruption: Option<Interruption>,
    /// Why it is to be ended, whatever the cloud shows of it from now on. It is on record before the cloud is told, so
    /// that no other process can find the host usable meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<String>,
    /// When the cloud accepted our order to end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending_since: Option<Timestamp>,
    /// Whether Host Factory has named it, so that it knows the host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// Whether another plug-in launched it, so that it does not bear our owner tag: it is ended when Host Factory returns
    /// it, after a look at its owner, and never of our own accord.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_over: bool,
    /// When it was last committed.
    #[serde(default)]
    pub changed_at: Timestamp,
    /// The version.
    pub version: Version,
}

const fn one() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
fn is_one(weight: &u32) -> bool {
    *weight == 1
}
