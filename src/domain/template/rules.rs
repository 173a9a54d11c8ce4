//! What the settings of a template have to have, and which of them cannot go together.
//!
//! Invariant: a template that AWS would refuse for a reason that can be told beforehand is refused here, with the field to
//! change.

use super::{
    AllocationStrategy, LaunchSettings, MetadataOptions, NetworkInterface, OnDemandShare, PriceType, ProviderApi,
    ProviderKind, TemplateParts, market,
};
use crate::domain::DomainError;

/// The most instance types of an Auto Scaling group.
const MOST_GROUP_TYPES: usize = 40;
/// The most spot pools of a fleet that goes on launching.
const MOST_SPOT_POOLS: usize = 300;

pub(super) fn refused<T>(field: &str, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(field, reason.into()))
}

/// Checks the settings of a template against each other.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn check(parts: &TemplateParts) -> Result<(), DomainError> {
    let launch = &parts.launch;
    if parts.api.kind() == ProviderKind::Aws {
        has_what_it_needs(launch)?;
        if !launch.excluded_zones.is_empty() && launch.subnets.is_empty() {
            return refused("excludedZones", "leaves subnets out, so they must be named in the template (subnetId)");
        }
        if launch.root_volume.is_some() && launch.image.is_none() {
            return refused(
                "rootDeviceVolumeSize",
                "changes the root volume of an image, so imageId must be named in the template",
            );
        }
    }
    let spot = parts.price_type == PriceType::Spot;
    if launch.max_spot_price.is_some() && !spot {
        return refused("maxSpotPrice", "is for spot hosts; set priceType to spot or remove it");
    }
    launch.placement.check(spot)?;
    if launch.public_ip.is_some() && matches!(launch.interface, Some(NetworkInterface::Efa { count: 2.. })) {
        return refused(
            "publicIpAssignment",
            "cannot be set with several network interfaces; AWS assigns a public address to a single one only",
        );
    }
    fits_its_way(parts)?;
    market::check(parts)?;
    strategies(parts)
}

fn has_what_it_needs(launch: &LaunchSettings) -> Result<(), DomainError> {
    if launch.launch_template.is_some() {
        return Ok(());
    }
    let missing = |field, what| refused(field, format!("is missing; name {what} (or a launchTemplateId that does)"));
    if launch.image.is_none() && !launch.native.set("ImageId") {
        return missing("imageId", "the machine image");
    }
    if launch.instance_types.is_empty() && launch.fleet.requirements.is_none() {
        return missing("vmType", "the instance type");
    }
    if launch.subnets.is_empty() {
        return missing("subnetId", "a subnet");
    }
    Ok(())
}

/// What only some of the ways to get hosts can do.
fn fits_its_way(parts: &TemplateParts) -> Result<(), DomainError> {
    let (launch, fleet) = (&parts.launch, &parts.launch.fleet);
    if parts.api == ProviderApi::Simulated {
        return Ok(());
    }
    if parts.price_type == PriceType::OnDemand && fleet.on_demand_share != OnDemandShare::None {
        return refused("percentOnDemand", "is a share of a spot template; set priceType to spot or heterogeneous");
    }
    let is_spot_fleet = matches!(parts.api, ProviderApi::SpotFleetRequest | ProviderApi::SpotFleetMaintain);
    match parts.api {
        ProviderApi::RunInstances => {
            if fleet.requirements.is_some() {
                return refused(
                    "abisInstanceRequirements",
                    "needs a fleet; RunInstances takes instance types by name (vmTypes)",
                );
            }
            if matches!(fleet.on_demand_share, OnDemandShare::Percent(_)) {
                return refused(
                    "percentOnDemand",
                    "asks for both markets at once, and RunInstances takes one in a call; set providerApi to EC2Fleet, or \
                     name the markets in marketOrder",
                );
            }
        }
        // What they launch is tagged by the launch template alone, and that must not be changed.
        ProviderApi::Ec2FleetRequest
        | ProviderApi::Ec2FleetMaintain
        | ProviderApi::SpotFleetRequest
        | ProviderApi::SpotFleetMaintain
            if launch.launch_template.is_some() =>
        {
            return refused(
                "launchTemplateId",
                "cannot be used here: such fleets tag their hosts through the launch template alone, and without our tags \
                 hosts would be lost; write its settings into the template, or take an EC2Fleet of fleetType instant",
            );
        }
        ProviderApi::Ec2FleetInstant
        | ProviderApi::Ec2FleetRequest
        | ProviderApi::Ec2FleetMaintain
        | ProviderApi::SpotFleetRequest
        | ProviderApi::SpotFleetMaintain
        | ProviderApi::AutoScaling
        | ProviderApi::Simulated => {}
    }
    if launch.launch_template.is_some() && parts.api != ProviderApi::RunInstances {
        said_by_the_launch_template(launch, parts.api)?;
    }
    if is_spot_fleet && fleet.role.is_none() {
        return refused("fleetRole", "is missing; a Spot Fleet launches with the rights of an IAM role");
    }
    if fleet.requirements.is_some() && !launch.instance_types.is_empty() {
        return refused("abisInstanceRequirements", "cannot go with vmType or vmTypes; keep one of them");
    }
    not_too_many(parts)
}

/// AWS counts the types of a group (`aws-semantics.md` 6.1), and the spot pools of a fleet that goes on launching (4.7).
fn not_too_many(parts: &TemplateParts) -> Result<(), DomainError> {
    let types = parts.launch.instance_types.len();
    if parts.api == ProviderApi::AutoScaling && types > MOST_GROUP_TYPES {
        return refused(
            "vmTypes",
            format!("names {types} types, and an Auto Scaling group takes {MOST_GROUP_TYPES}; take some out"),
        );
    }
    let pools = types.saturating_mul(parts.launch.subnets.len());
    let spot_fleet =
        parts.api.launches_by_itself() && parts.api != ProviderApi::AutoScaling && parts.price_type.is_spot();
    if spot_fleet && pools > MOST_SPOT_POOLS {
        return refused(
            "vmTypes",
            format!(
                "times subnetId make {pools} spot pools, and AWS takes {MOST_SPOT_POOLS} for such a fleet; take some out, or \
                 set fleetType to instant"
            ),
        );
    }
    Ok(())
}

/// A fleet or group launches from the operator's launch template as it is; what it cannot change is not to be lost in silence.
fn said_by_the_launch_template(launch: &LaunchSettings, api: ProviderApi) -> Result<(), DomainError> {
    let instant = api == ProviderApi::Ec2FleetInstant;
    let placement = &launch.placement;
    let set = [
        ("imageId", launch.image.is_some() && !instant),
        ("keyName", launch.key_name.is_some() && !instant),
        ("instanceProfile", launch.instance_profile.is_some() && !instant),
        ("securityGroupIds", !launch.security_groups.is_empty()),
        ("userDataScript", launch.user_data.is_some()),
        ("rootDeviceVolumeSize", launch.root_volume.is_some()),
        ("volumes", !launch.volumes.is_empty()),
        ("ebsOptimized", launch.ebs_optimized.is_some()),
        ("monitoring_enabled", launch.monitoring.is_some()),
        ("interfaceType", launch.interface.is_some()),
        ("publicIpAssignment", launch.public_ip.is_some()),
        ("metadataOptions", launch.metadata != MetadataOptions::default()),
        ("threadsPerCore", launch.threads_per_core.is_some()),
        ("coreCount", launch.core_count.is_some()),
        ("amdSevSnp", launch.cpu_features.amd_sev_snp.is_some()),
        ("nestedVirtualization", launch.cpu_features.nested_virtualization.is_some()),
        ("placementGroupName", placement.group.is_some()),
        ("placementGroupId", placement.group_id.is_some()),
        ("tenancy", placement.tenancy.is_some()),
        ("hostResourceGroupArn", placement.host_group.is_some()),
    ];
    match set.into_iter().find(|(_, is_set)| *is_set) {
        Some((field, _)) => refused(
            field,
            "cannot go with launchTemplateId here: AWS takes it from the launch template alone; set it there, or remove \
             launchTemplateId",
        ),
        None => Ok(()),
    }
}

fn strategies(parts: &TemplateParts) -> Result<(), DomainError> {
    let fleet = &parts.launch.fleet;
    if fleet.spot_strategy == Some(AllocationStrategy::Prioritized) {
        return refused(
            "allocationStrategy",
            "prioritized is for on-demand hosts: name it in allocationStrategyOnDemand; spot hosts take \
             capacityOptimizedPrioritized",
        );
    }
    if fleet.spot_strategy == Some(AllocationStrategy::Diversified) && parts.api == ProviderApi::AutoScaling {
        return refused(
            "allocationStrategy",
            "diversified is not offered by Auto Scaling; take priceCapacityOptimized",
        );
    }
    let on_demand = [None, Some(AllocationStrategy::LowestPrice), Some(AllocationStrategy::Prioritized)];
    if !on_demand.contains(&fleet.on_demand_strategy) {
        return refused("allocationStrategyOnDemand", "is for on-demand hosts, which take lowestPrice or prioritized");
    }
    if fleet.pools_count.is_some() && fleet.spot_strategy != Some(AllocationStrategy::LowestPrice) {
        return refused("poolsCount", "counts the pools of allocationStrategy lowestPrice; set that, or remove it");
    }
    Ok(())
}

#[cfg(test)]
#[path = "rules_tests.rs"]
pub(super) mod tests;
