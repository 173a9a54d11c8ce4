//! Where in a zone hosts are placed: placement group, partition, tenancy, dedicated host.
//!
//! The rules are those of `RunInstances` (`aws-semantics.md` section 13): a group by name or by id, a host by id or from a host
//! resource group.

use serde::{Deserialize, Serialize};

use super::rules::refused;
use crate::domain::DomainError;

/// Where the host's tenancy lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tenancy {
    /// Shared hardware.
    Default,
    /// Hardware of this account alone.
    Dedicated,
    /// A dedicated host.
    Host,
}

/// Whether a host that was stopped starts on its dedicated host again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Affinity {
    /// On any.
    Default,
    /// On the same.
    Host,
}

/// Where in a zone hosts are placed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Placement {
    /// The placement group's name.
    #[serde(rename = "placementGroup")]
    pub group: Option<String>,
    /// The tenancy.
    pub tenancy: Option<Tenancy>,
    /// The placement group's id, `pg-…`, in place of its name.
    #[serde(rename = "placementGroupId", skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    /// The partition of a placement group of that strategy, from 1.
    #[serde(rename = "partitionNumber", skip_serializing_if = "Option::is_none")]
    pub partition: Option<u8>,
    /// The dedicated host, `h-…`.
    #[serde(rename = "hostId", skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The ARN of a resource group of dedicated hosts, from which AWS takes one.
    #[serde(rename = "hostResourceGroupArn", skip_serializing_if = "Option::is_none")]
    pub host_group: Option<String>,
    /// Whether a host keeps to its dedicated host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
}

impl Placement {
    /// Returns whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether hosts are to run on dedicated hosts.
    pub fn is_on_dedicated_hosts(&self) -> bool {
        self.tenancy == Some(Tenancy::Host) || self.host_group.is_some()
    }

    /// Checks the settings against each other, and against the market.
    pub(super) fn check(&self, spot: bool) -> Result<(), DomainError> {
        if self.group.is_some() && self.group_id.is_some() {
            return refused("placementGroupId", "cannot go with placementGroupName; keep one of them");
        }
        if self.partition.is_some() && self.group.is_none() && self.group_id.is_none() {
            return refused(
                "partitionNumber",
                "is a part of a placement group; name that in placementGroupName or placementGroupId",
            );
        }
        if self.host.is_some() && self.host_group.is_some() {
            return refused(
                "hostId",
                "cannot go with hostResourceGroupArn, from which AWS takes a host; keep one of them",
            );
        }
        if self.host_group.is_some() && !matches!(self.tenancy, None | Some(Tenancy::Host)) {
            return refused("hostResourceGroupArn", "needs tenancy host; set that, or leave tenancy out");
        }
        if self.host.is_some() && self.tenancy != Some(Tenancy::Host) {
            return refused("hostId", "needs tenancy host; set that");
        }
        if self.affinity.is_some() && !self.is_on_dedicated_hosts() {
            return refused("affinity", "is about dedicated hosts; set tenancy to host or remove it");
        }
        if self.is_on_dedicated_hosts() && spot {
            return refused(
                if self.tenancy.is_some() { "tenancy" } else { "hostResourceGroupArn" },
                "asks for dedicated hosts, which cannot be had as spot",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_and_a_host_are_named_one_way_and_go_with_their_tenancy() {
        let text = || Some("x".to_owned());
        let host = Some(Tenancy::Host);
        for (placement, refused) in [
            (Placement { group: text(), partition: Some(1), ..Placement::default() }, None),
            (Placement { group_id: text(), partition: Some(1), ..Placement::default() }, None),
            (Placement { group: text(), group_id: text(), ..Placement::default() }, Some("placementGroupId")),
            (Placement { partition: Some(1), ..Placement::default() }, Some("partitionNumber")),
            (Placement { tenancy: host, host: text(), affinity: Some(Affinity::Host), ..Placement::default() }, None),
            (Placement { host_group: text(), affinity: Some(Affinity::Host), ..Placement::default() }, None),
            (Placement { tenancy: host, host: text(), host_group: text(), ..Placement::default() }, Some("hostId")),
            (Placement { host: text(), ..Placement::default() }, Some("hostId")),
            (Placement { affinity: Some(Affinity::Default), ..Placement::default() }, Some("affinity")),
            (
                Placement { tenancy: Some(Tenancy::Dedicated), host_group: text(), ..Placement::default() },
                Some("hostResourceGroupArn"),
            ),
        ] {
            let field = match placement.check(false) {
                Err(DomainError::Validation { field, .. }) => Some(field),
                Ok(()) => None,
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(field.as_deref(), refused, "{placement:?}");
        }
        for (placement, field) in [
            (Placement { tenancy: host, ..Placement::default() }, "tenancy"),
            (Placement { host_group: text(), ..Placement::default() }, "hostResourceGroupArn"),
        ] {
            let refusal = placement.check(true).unwrap_err().to_string();
            assert!(refusal.contains(field) && refusal.contains("spot"), "{refusal}");
        }
    }
}
