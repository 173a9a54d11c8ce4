//! What a cloud tells about a host when it is asked.

use serde::{Deserialize, Serialize};

use super::MachineStatus;
use crate::domain::template::{PriceType, ProviderApi};
use crate::domain::{HostName, MachineId, Timestamp};

/// One host as the cloud showed it in a complete, successful answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting {
    /// The host.
    pub id: MachineId,
    /// What it is doing.
    pub status: MachineStatus,
    /// Its private DNS name; EC2 has none before it runs and blanks it afterwards.
    pub name: Option<HostName>,
    /// Its private address.
    pub private_ip: Option<String>,
    /// Its public address, if it has one.
    pub public_ip: Option<String>,
    /// When it was launched.
    pub launched_at: Option<Timestamp>,
    /// Its instance type.
    pub instance_type: Option<String>,
    /// How it is paid for.
    pub price_type: PriceType,
    /// Its availability zone.
    pub zone: Option<String>,
    /// The operator's tags, as `k=v;k=v`.
    pub tags: String,
    /// Why it ended or ends, with the cloud's code (`Server.SpotInstanceTermination: …`).
    pub reason: Option<String>,
    /// The installation on its owner tag, if it has one.
    pub owner: Option<String>,
    /// The request on its request tag, if it has one.
    #[serde(default)]
    pub request: Option<String>,
    /// The template on its template tag, if it has one.
    pub template: Option<String>,
    /// The fleet or group that it is a member of.
    #[serde(default)]
    pub resource: Option<String>,
    /// The way it was got, on its provider tag, if it has one.
    #[serde(default)]
    pub api: Option<ProviderApi>,
}
