//! What the settings of a template have to have, and which of them cannot go together.
//!
//! Invariant: a template that AWS would refuse for a reason that can be told beforehand is refused here, with the field to
//! change.

use super::{
    AllocationStrategy, LaunchSettings, NetworkInterface, OnDemandShare, PriceType, ProviderApi, ProviderKind,
    TemplateParts, Tenancy,
};
use crate::domain::DomainError;

fn refused<T>(field: &str, reason: impl Into<String>) -> Result<T, DomainError> {
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
    if launch.tenancy == Some(Tenancy::Host) && spot {
        return refused("tenancy", "host cannot be had as spot");
    }
    if launch.public_ip.is_some() && matches!(launch.interface, Some(NetworkInterface::Efa { count: 2.. })) {
        return refused(
            "publicIpAssignment",
            "cannot be set with several network interfaces; AWS assigns a public address to a single one only",
        );
    }
    fits_its_way(parts)?;
    strategies(parts)
}

fn has_what_it_needs(launch: &LaunchSettings) -> Result<(), DomainError> {
    if launch.launch_template.is_some() {
        return Ok(());
    }
    let missing = |field, what| refused(field, format!("is missing; name {what} (or a launchTemplateId that does)"));
    if launch.image.is_none() {
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
            let field = match fleet.on_demand_share {
                OnDemandShare::None => None,
                OnDemandShare::Percent(_) => Some("percentOnDemand"),
                OnDemandShare::Rest => Some("priceType"),
            };
            if let Some(field) = field {
                return refused(
                    field,
                    "a mix of spot and on-demand hosts needs a fleet or a group, and RunInstances takes one market; set \
                     providerApi to EC2Fleet, or make it two templates",
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
    if is_spot_fleet && fleet.role.is_none() {
        return refused("fleetRole", "is missing; a Spot Fleet launches with the rights of an IAM role");
    }
    if fleet.requirements.is_some() && !launch.instance_types.is_empty() {
        return refused("abisInstanceRequirements", "cannot go with vmType or vmTypes; keep one of them");
    }
    Ok(())
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
