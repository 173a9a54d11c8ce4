//! What is refused, way by way.

use super::*;
use crate::domain::template::{
    Attribute, AttributeType, Attributes, Image, InstanceRequirements, LaunchTemplate, MaxNumber, Tenancy, UserData,
    Volume, WeightedType,
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
            let parts = parts(api, PriceType::Spot, |launch| {
                own_template(launch);
                launch.image = None;
            });
            assert!(check(&parts).is_ok(), "{api:?}");
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

#[test]
fn a_way_takes_so_many_types_and_pools_as_aws_does() {
    let with = |types: usize, subnets: usize| {
        move |launch: &mut LaunchSettings| {
            let kind = |n| WeightedType { name: format!("m{n}.large"), weight: 1 };
            launch.instance_types = (0..types).map(kind).collect();
            launch.subnets = (0..subnets).map(|n| format!("subnet-{n}")).collect();
        }
    };
    for api in FLEETS {
        for (price, types, subnets) in [(PriceType::Spot, 40, 7), (PriceType::OnDemand, 40, 9)] {
            assert!(check(&parts(api, price, with(types, subnets))).is_ok(), "{api:?}");
        }
        let group = api == ProviderApi::AutoScaling;
        match (group, api.launches_by_itself()) {
            (true, _) => refuses(api, PriceType::OnDemand, "vmTypes", "takes 40", with(41, 1)),
            (false, true) => refuses(api, PriceType::Spot, "vmTypes", "fleetType to instant", with(151, 2)),
            (false, false) => assert!(check(&parts(api, PriceType::Spot, with(151, 2))).is_ok()),
        }
    }
}

/// What changes the settings of a host.
type Change = fn(&mut LaunchSettings);

#[test]
fn what_a_fleet_cannot_change_about_the_operators_launch_template_is_refused_by_its_name() {
    let changes: [(&str, Change); 11] = [
        ("securityGroupIds", |launch| launch.security_groups.push("sg-1".to_owned())),
        ("userDataScript", |launch| launch.user_data = Some(UserData::new("x".to_owned()))),
        ("volumes", |launch| launch.volumes.push(Volume::default())),
        ("monitoring_enabled", |launch| launch.monitoring = Some(true)),
        ("metadataOptions", |launch| launch.metadata.tokens_required = false),
        ("coreCount", |launch| launch.core_count = std::num::NonZeroU32::new(2)),
        ("amdSevSnp", |launch| launch.cpu_features.amd_sev_snp = Some(true)),
        ("nestedVirtualization", |launch| launch.cpu_features.nested_virtualization = Some(true)),
        ("placementGroupName", |launch| launch.placement.group = Some("near".to_owned())),
        ("tenancy", |launch| launch.placement.tenancy = Some(Tenancy::Dedicated)),
        ("hostResourceGroupArn", |launch| launch.placement.host_group = Some("arn:aws:x".to_owned())),
    ];
    for (field, change) in changes {
        for api in [ProviderApi::Ec2FleetInstant, ProviderApi::AutoScaling] {
            refuses(api, PriceType::OnDemand, field, "launchTemplateId", |launch| {
                own_template(launch);
                launch.image = None;
                change(launch);
            });
        }
    }
    let allowed = parts(ProviderApi::Ec2FleetInstant, PriceType::OnDemand, |launch| {
        own_template(launch);
        launch.key_name = Some("grid".to_owned());
    });
    assert!(check(&allowed).is_ok());
}
