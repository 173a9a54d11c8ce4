//! What the settings of a template have to have, and which of them cannot go together.
//!
//! Invariant: a template that AWS would refuse for a reason that can be told beforehand is refused here, with the field to
//! change.

use super::{
    AllocationStrategy, LaunchSettings, NetworkInterface, OnDemandShare, PriceType, ProviderApi, ProviderKind,
    TemplateParts, market,
};
use crate::domain::DomainError;

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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::template::{
        Attribute, AttributeType, Attributes, Image, InstanceRequirements, LaunchTemplate, MaxNumber, Tenancy, Volume,
        WeightedType,
    };

    const FLEETS: [ProviderApi; 6] = [
        ProviderApi::Ec2FleetInstant,
        ProviderApi::Ec2FleetRequest,
        ProviderApi::Ec2FleetMaintain,
        ProviderApi::SpotFleetRequest,
        ProviderApi::SpotFleetMaintain,
        ProviderApi::AutoScaling,
    ];

    pub(in crate::domain::template) fn parts(
        api: ProviderApi,
        price_type: PriceType,
        change: impl FnOnce(&mut LaunchSettings),
    ) -> TemplateParts {
        let mut launch = LaunchSettings {
            image: Some(Image::Ami("ami-1".to_owned())),
            instance_types: vec![WeightedType { name: "m6i.large".to_owned(), weight: 1 }],
            subnets: vec!["subnet-1".to_owned()],
            ..LaunchSettings::default()
        };
        launch.fleet.role = Some("role".to_owned());
        change(&mut launch);
        let number = |name: &str| (name.to_owned(), Attribute(AttributeType::Numeric, "1".to_owned()));
        let host = ("type".to_owned(), Attribute(AttributeType::String, "X86_64".to_owned()));
        TemplateParts {
            id: "t".parse().unwrap(),
            max_number: MaxNumber::try_from(1).unwrap(),
            attributes: Attributes::new(vec![host, number("ncpus"), number("nram")]).unwrap(),
            api,
            price_type,
            launch,
            priority: None,
        }
    }

    /// Asserts that the settings are refused with their field and what to change.
    pub(in crate::domain::template) fn refuses(
        api: ProviderApi,
        price: PriceType,
        field: &str,
        advice: &str,
        change: impl FnOnce(&mut LaunchSettings),
    ) {
        match check(&parts(api, price, change)) {
            Err(DomainError::Validation { field: named, reason }) => {
                assert_eq!(named, field, "{api:?}: {reason}");
                assert!(reason.contains(advice), "{api:?} {field}: {reason}");
            }
            other => panic!("{api:?} {field}: {other:?}"),
        }
    }

    pub(in crate::domain::template) fn own_template(launch: &mut LaunchSettings) {
        launch.launch_template = Some(LaunchTemplate { id: "lt-1".to_owned(), version: None });
    }

    #[test]
    fn a_plain_template_goes_every_way_and_without_a_cloud_next_to_nothing_is_asked() {
        for api in ProviderApi::ALL {
            for price in [PriceType::OnDemand, PriceType::Spot] {
                assert!(check(&parts(api, price, |_| {})).is_ok(), "{api:?} {price:?}");
            }
        }
        assert!(
            check(&parts(ProviderApi::Simulated, PriceType::OnDemand, |launch| *launch = LaunchSettings::default()))
                .is_ok()
        );
    }

    #[test]
    fn a_host_needs_an_image_a_type_and_a_subnet_or_a_launch_template() {
        for api in ProviderApi::ALL.into_iter().filter(|api| api.kind() == ProviderKind::Aws) {
            refuses(api, PriceType::Spot, "imageId", "launchTemplateId", |launch| launch.image = None);
            refuses(api, PriceType::Spot, "vmType", "launchTemplateId", |launch| launch.instance_types.clear());
            refuses(api, PriceType::Spot, "subnetId", "launchTemplateId", |launch| launch.subnets.clear());
        }
        let bare = |launch: &mut LaunchSettings| {
            own_template(launch);
            (launch.image, launch.instance_types, launch.subnets) = (None, Vec::new(), Vec::new());
        };
        for api in [ProviderApi::RunInstances, ProviderApi::Ec2FleetInstant, ProviderApi::AutoScaling] {
            assert!(check(&parts(api, PriceType::Spot, bare)).is_ok(), "{api:?}");
            refuses(api, PriceType::Spot, "rootDeviceVolumeSize", "imageId", |launch| {
                bare(launch);
                launch.root_volume = Some(Volume::default());
            });
        }
    }

    #[test]
    fn what_is_about_spot_hosts_needs_some() {
        let api = ProviderApi::RunInstances;
        refuses(api, PriceType::OnDemand, "maxSpotPrice", "priceType to spot", |launch| {
            launch.max_spot_price = Some("1".to_owned());
        });
        refuses(api, PriceType::Spot, "tenancy", "spot", |launch| launch.placement.tenancy = Some(Tenancy::Host));
        for api in ProviderApi::ALL.into_iter().filter(|api| api.kind() == ProviderKind::Aws) {
            for share in [OnDemandShare::Percent(1), OnDemandShare::Rest] {
                refuses(api, PriceType::OnDemand, "percentOnDemand", "priceType to spot", |launch| {
                    launch.fleet.on_demand_share = share;
                });
            }
        }
    }

    #[test]
    fn zones_are_excluded_from_subnets_that_the_template_names() {
        let api = ProviderApi::RunInstances;
        let excluding = |launch: &mut LaunchSettings| launch.excluded_zones = vec!["us-east-1a".to_owned()];
        assert!(check(&parts(api, PriceType::Spot, excluding)).is_ok());
        refuses(api, PriceType::Spot, "excludedZones", "subnetId", |launch| {
            excluding(launch);
            own_template(launch);
            launch.subnets.clear();
        });
    }

    #[test]
    fn several_interfaces_have_no_public_address() {
        refuses(ProviderApi::RunInstances, PriceType::Spot, "publicIpAssignment", "single", |launch| {
            launch.public_ip = Some(true);
            launch.interface = Some(NetworkInterface::Efa { count: 2 });
        });
    }

    #[test]
    fn a_plain_launch_has_one_market_and_types_by_name() {
        let api = ProviderApi::RunInstances;
        refuses(api, PriceType::Spot, "percentOnDemand", "providerApi to EC2Fleet", |launch| {
            launch.fleet.on_demand_share = OnDemandShare::Percent(20);
        });
        let rest = |launch: &mut LaunchSettings| launch.fleet.on_demand_share = OnDemandShare::Rest;
        assert!(check(&parts(api, PriceType::Spot, rest)).is_ok(), "one call after the other");
        let by_attributes = |launch: &mut LaunchSettings| {
            launch.instance_types.clear();
            launch.fleet.requirements = Some(InstanceRequirements::default());
        };
        refuses(api, PriceType::Spot, "abisInstanceRequirements", "vmTypes", by_attributes);
        for api in FLEETS {
            assert!(check(&parts(api, PriceType::Spot, by_attributes)).is_ok(), "{api:?}");
            refuses(api, PriceType::Spot, "abisInstanceRequirements", "keep one of them", |launch| {
                launch.fleet.requirements = Some(InstanceRequirements::default());
            });
        }
    }

    #[test]
    fn fleets_that_tag_through_a_launch_template_take_none_of_the_operators() {
        for api in ProviderApi::ALL {
            let tags_itself = matches!(
                api,
                ProviderApi::Ec2FleetInstant
                    | ProviderApi::RunInstances
                    | ProviderApi::AutoScaling
                    | ProviderApi::Simulated
            );
            if tags_itself {
                assert!(check(&parts(api, PriceType::Spot, own_template)).is_ok(), "{api:?}");
            } else {
                refuses(api, PriceType::Spot, "launchTemplateId", "fleetType instant", own_template);
            }
        }
    }

    #[test]
    fn a_spot_fleet_needs_a_role() {
        for api in [ProviderApi::SpotFleetRequest, ProviderApi::SpotFleetMaintain] {
            refuses(api, PriceType::Spot, "fleetRole", "IAM role", |launch| launch.fleet.role = None);
        }
        assert!(check(&parts(ProviderApi::AutoScaling, PriceType::Spot, |launch| launch.fleet.role = None)).is_ok());
    }

    #[test]
    fn strategies_belong_to_a_market_and_to_a_way() {
        let spot = PriceType::Spot;
        for api in FLEETS {
            refuses(api, spot, "allocationStrategy", "allocationStrategyOnDemand", |launch| {
                launch.fleet.spot_strategy = Some(AllocationStrategy::Prioritized);
            });
            for strategy in [
                AllocationStrategy::Diversified,
                AllocationStrategy::CapacityOptimized,
                AllocationStrategy::CapacityOptimizedPrioritized,
                AllocationStrategy::PriceCapacityOptimized,
            ] {
                refuses(api, spot, "allocationStrategyOnDemand", "lowestPrice or prioritized", |launch| {
                    launch.fleet.on_demand_strategy = Some(strategy);
                });
                refuses(
                    api,
                    spot,
                    if is_group_spread(api, strategy) { "allocationStrategy" } else { "poolsCount" },
                    "",
                    |launch| {
                        launch.fleet.spot_strategy = Some(strategy);
                        launch.fleet.pools_count = Some(2);
                    },
                );
            }
            refuses(api, spot, "poolsCount", "lowestPrice", |launch| launch.fleet.pools_count = Some(2));
            let cheapest = |launch: &mut LaunchSettings| {
                launch.fleet.spot_strategy = Some(AllocationStrategy::LowestPrice);
                launch.fleet.on_demand_strategy = Some(AllocationStrategy::Prioritized);
                launch.fleet.pools_count = Some(2);
            };
            assert!(check(&parts(api, spot, cheapest)).is_ok(), "{api:?}");
        }
    }

    fn is_group_spread(api: ProviderApi, strategy: AllocationStrategy) -> bool {
        api == ProviderApi::AutoScaling && strategy == AllocationStrategy::Diversified
    }
}
