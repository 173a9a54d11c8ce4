//! The members that AWS requests have, and their names in the Query protocol.

use crate::infrastructure::config::text::nearest;

/// What scripts/aws-shapes.py makes from AWS's service models.
static TABLE: &str = include_str!("members.tsv");

/// The type of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A whole number.
    Whole,
    /// Any number.
    Decimal,
    /// True or false.
    Flag,
    /// A point in time.
    Time,
    /// The members of this structure.
    Structure(&'static str),
    /// Filled in by the plug-in, or not taken.
    Own,
}

/// A member of a structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    /// Its name in AWS's documents.
    pub name: &'static str,
    /// Its name in the Query protocol.
    pub query: &'static str,
    /// Its type, or that of each of a list.
    pub kind: Kind,
    /// Whether it is a list.
    pub is_list: bool,
}

fn rows(structure: &str) -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLE.lines().filter_map(move |line| {
        let mut fields = line.split('\t');
        let is_row = fields.next() == Some(structure);
        is_row.then(|| Some((fields.next()?, fields.next()?, fields.next()?))).flatten()
    })
}

/// Returns a member of a structure; case makes no difference in its name.
///
/// # Errors
/// The name that was probably meant, if there is one that is near.
pub(super) fn find(structure: &str, name: &str) -> Result<Member, Option<&'static str>> {
    let Some((name, query, kind)) = rows(structure).find(|(known, ..)| known.eq_ignore_ascii_case(name)) else {
        return Err(nearest(name, rows(structure).map(|(known, ..)| known)));
    };
    let (is_list, kind) = kind.strip_prefix('[').map_or((false, kind), |of| (true, of));
    let kind = match kind.strip_prefix('@') {
        Some(structure) => Kind::Structure(structure),
        None => match kind {
            "whole" => Kind::Whole,
            "decimal" => Kind::Decimal,
            "flag" => Kind::Flag,
            "time" => Kind::Time,
            "-" => Kind::Own,
            _ => Kind::Text,
        },
    };
    Ok(Member { name, query, kind, is_list })
}

/// Returns why a member that the plug-in fills in itself is not taken from a document.
pub(super) fn why_not(member: &str) -> &'static str {
    match member {
        "ClientToken" => "the token is the plug-in's, so that nothing is launched twice; remove it",
        "DryRun" => "use 'hostfactory machines request --dry-run'; remove it",
        "MaxCount"
        | "MinCount"
        | "MaxSize"
        | "MinSize"
        | "DesiredCapacity"
        | "TargetCapacity"
        | "MinTargetCapacity"
        | "OnDemandTargetCapacity"
        | "TargetCapacitySpecification"
        | "FulfilledCapacity"
        | "OnDemandFulfilledCapacity"
        | "DesiredCapacityType"
        | "TargetCapacityUnitType" => "how many hosts there are to be is the request's to say; remove it",
        "TagSpecifications" | "Tags" => {
            "hosts would be lost without the plug-in's own tags; set tags with instanceTags and remove it"
        }
        "Type" => "set fleetType, and remove it",
        "UserData" => "a boot script may hold secrets and is never stored; name it in userDataScript and remove it",
        "InstanceType"
        | "InstanceRequirements"
        | "SubnetId"
        | "LaunchTemplateConfigs"
        | "LaunchSpecifications"
        | "VPCZoneIdentifier"
        | "AvailabilityZones"
        | "AvailabilityZoneIds" => {
            "types and subnets are set by vmTypes (or abisInstanceRequirements) and subnetId; remove it"
        }
        "LaunchTemplate" | "LaunchConfigurationName" | "InstanceId" => {
            "a launch template is named by launchTemplateId, or written in launchTemplateSpec; remove it"
        }
        "OnDemandBaseCapacity" | "OnDemandPercentageAboveBaseCapacity" => {
            "how many hosts are on demand is set by percentOnDemand; remove it"
        }
        "InstanceMarketOptions" => "the market is set by priceType and maxSpotPrice; remove it",
        "AutoScalingGroupName" => "the name tells the group's request; remove it",
        "ValidFrom" | "ValidUntil" => "set spotFleetRequestExpiry, and remove it",
        // Whatever would end, stop, keep or replace a host that Symphony uses.
        _ => "the plug-in sets it, so that hosts end when they are returned and no others; remove it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_structure_that_is_named_is_there_and_every_type_is_known() {
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split('\t').collect();
            let &[structure, member, query, kind] = fields.as_slice() else { panic!("{line}") };
            assert!(!structure.is_empty() && !query.is_empty(), "{line}");
            let kind = kind.trim_start_matches('[');
            match kind.strip_prefix('@') {
                Some(inner) => assert!(rows(inner).next().is_some(), "{line}"),
                None => assert!(["text", "whole", "decimal", "flag", "time", "-"].contains(&kind), "{line}"),
            }
            assert_eq!(find(structure, &member.to_ascii_uppercase()).map(|found| found.name), Ok(member));
        }
    }

    #[test]
    fn a_name_that_is_not_there_brings_the_nearest_one() {
        assert_eq!(find("RunInstancesRequest", "SecurityGroupsIds"), Err(Some("SecurityGroupIds")));
        assert_eq!(find("RunInstancesRequest", "SomethingElseAltogether"), Err(None));
    }
}
