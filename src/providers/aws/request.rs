//! From frozen parameters to the `RunInstances` call (`aws-semantics.md` sections 2 and 13).
//!
//! Invariant: the same attempt and plan make the same call, byte for byte; nothing here reads a clock or a setting.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::run_instances::builders::RunInstancesFluentBuilder;
use aws_sdk_ec2::types::{
    AmdSevSnpSpecification, BlockDeviceMapping, CapacityReservationSpecification, CpuOptionsRequest, EbsBlockDevice,
    HttpTokensState, IamInstanceProfileSpecification, InstanceInterruptionBehavior, InstanceMarketOptionsRequest,
    InstanceMetadataEndpointState, InstanceMetadataOptionsRequest, InstanceMetadataTagsState,
    InstanceNetworkInterfaceSpecification, InstanceType, LaunchTemplateSpecification, MarketType,
    NestedVirtualizationSpecification, Placement, RunInstancesMonitoringEnabled, ShutdownBehavior, SpotInstanceType,
    SpotMarketOptions, VolumeType,
};

use super::parameters::{Cpu, FrozenParameters};
use super::{reservation, tags};
use crate::domain::request::{Attempt, Pool};
use crate::domain::template::{Affinity, CpuFeatures, MetadataOptions, NetworkInterface, PriceType, Tenancy, Volume};

/// Returns the call for one attempt, the token included. `user_data` is base64.
pub(super) fn of_attempt(
    client: &Client,
    attempt: &Attempt,
    pool: &Pool,
    frozen: &FrozenParameters,
    user_data: Option<String>,
) -> RunInstancesFluentBuilder {
    let interfaces = interfaces(frozen, pool);
    // AWS takes subnet and groups either inside the interfaces or beside them.
    let beside = interfaces.is_empty();
    let groups = Some(frozen.security_groups.clone()).filter(|groups| beside && !groups.is_empty());
    let mappings: Vec<BlockDeviceMapping> = frozen.volumes.iter().map(mapping).collect();
    let cpu = pool.instance_type.as_ref().and_then(|kind| frozen.cpu.get(kind));
    let reserved = reservation::parts(&reservation::of_pools(frozen, std::slice::from_ref(pool)));
    client
        .run_instances()
        .client_token(attempt.token.as_str())
        .min_count(1)
        .max_count(i32::try_from(attempt.count).unwrap_or(i32::MAX))
        .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
        .set_tag_specifications(Some(tags::specifications(&frozen.tags, pool.price_type)))
        .set_image_id(frozen.image.clone())
        .set_instance_type(pool.instance_type.as_deref().map(InstanceType::from))
        .set_subnet_id(pool.subnet.clone().filter(|_| beside))
        .set_security_group_ids(groups)
        .set_network_interfaces(Some(interfaces).filter(|list| !list.is_empty()))
        .set_block_device_mappings(Some(mappings).filter(|list| !list.is_empty()))
        .set_instance_market_options(market(frozen, pool))
        .set_capacity_reservation_specification(reserved.map(|(preference, target)| {
            CapacityReservationSpecification::builder()
                .set_capacity_reservation_preference(preference)
                .set_capacity_reservation_target(target)
                .build()
        }))
        .set_key_name(frozen.key_name.clone())
        .set_iam_instance_profile(frozen.instance_profile.as_deref().map(profile))
        .set_user_data(user_data)
        .set_placement(placement(frozen))
        .metadata_options(metadata(&frozen.metadata))
        .set_monitoring(frozen.monitoring.map(|on| RunInstancesMonitoringEnabled::builder().enabled(on).build()))
        .set_ebs_optimized(frozen.ebs_optimized)
        .set_cpu_options(cpu_options(cpu, frozen.cpu_features))
        .set_launch_template(frozen.launch_template.as_ref().map(|template| {
            LaunchTemplateSpecification::builder().launch_template_id(&template.id).version(&template.version).build()
        }))
}

fn market(frozen: &FrozenParameters, pool: &Pool) -> Option<InstanceMarketOptionsRequest> {
    match pool.price_type {
        PriceType::Spot => Some(spot(frozen)),
        PriceType::Reserved if frozen.capacity_reservation.block => {
            Some(InstanceMarketOptionsRequest::builder().market_type(MarketType::CapacityBlock).build())
        }
        PriceType::Reserved | PriceType::OnDemand => None,
    }
}

/// One-time and terminated when AWS takes it back, so that a request never comes to life again by itself.
fn spot(frozen: &FrozenParameters) -> InstanceMarketOptionsRequest {
    InstanceMarketOptionsRequest::builder()
        .market_type(MarketType::Spot)
        .spot_options(
            SpotMarketOptions::builder()
                .spot_instance_type(SpotInstanceType::OneTime)
                .instance_interruption_behavior(InstanceInterruptionBehavior::Terminate)
                .set_max_price(frozen.max_spot_price.clone())
                .build(),
        )
        .build()
}

fn profile(name_or_arn: &str) -> IamInstanceProfileSpecification {
    let builder = IamInstanceProfileSpecification::builder();
    if name_or_arn.starts_with("arn:") { builder.arn(name_or_arn) } else { builder.name(name_or_arn) }.build()
}

fn placement(frozen: &FrozenParameters) -> Option<Placement> {
    let placement = &frozen.placement;
    (!placement.is_default()).then(|| {
        Placement::builder()
            .set_group_name(placement.group.clone())
            .set_group_id(placement.group_id.clone())
            .set_partition_number(placement.partition.map(i32::from))
            .set_tenancy(placement.tenancy.map(tenancy))
            .set_host_id(placement.host.clone())
            .set_host_resource_group_arn(placement.host_group.clone())
            .set_affinity(placement.affinity.map(|affinity| word(affinity).to_owned()))
            .build()
    })
}

/// Returns the tenancy as EC2 has it.
pub(super) fn tenancy(tenancy: Tenancy) -> aws_sdk_ec2::types::Tenancy {
    match tenancy {
        Tenancy::Default => aws_sdk_ec2::types::Tenancy::Default,
        Tenancy::Dedicated => aws_sdk_ec2::types::Tenancy::Dedicated,
        Tenancy::Host => aws_sdk_ec2::types::Tenancy::Host,
    }
}

/// Returns the word that EC2 has for an affinity.
pub(super) fn word(affinity: Affinity) -> &'static str {
    match affinity {
        Affinity::Default => "default",
        Affinity::Host => "host",
    }
}

fn cpu_options(cpu: Option<&Cpu>, features: CpuFeatures) -> Option<CpuOptionsRequest> {
    (cpu.is_some() || !features.is_default()).then(|| {
        CpuOptionsRequest::builder()
            .set_core_count(cpu.map(|cpu| cpu.cores))
            .set_threads_per_core(cpu.map(|cpu| cpu.threads_per_core))
            .set_amd_sev_snp(features.amd_sev_snp.map(sev_snp))
            .set_nested_virtualization(features.nested_virtualization.map(nested))
            .build()
    })
}

/// Returns EC2's word for whether memory is encrypted by AMD's processors.
pub(super) fn sev_snp(on: bool) -> AmdSevSnpSpecification {
    if on { AmdSevSnpSpecification::Enabled } else { AmdSevSnpSpecification::Disabled }
}

/// Returns EC2's word for whether a host runs virtual machines.
pub(super) fn nested(on: bool) -> NestedVirtualizationSpecification {
    if on { NestedVirtualizationSpecification::Enabled } else { NestedVirtualizationSpecification::Disabled }
}

fn metadata(options: &MetadataOptions) -> InstanceMetadataOptionsRequest {
    let tokens = if options.tokens_required { HttpTokensState::Required } else { HttpTokensState::Optional };
    InstanceMetadataOptionsRequest::builder()
        .http_tokens(tokens)
        .set_http_put_response_hop_limit(options.hop_limit.map(i32::from))
        .set_instance_metadata_tags(
            options
                .instance_tags
                .map(|on| if on { InstanceMetadataTagsState::Enabled } else { InstanceMetadataTagsState::Disabled }),
        )
        .set_http_endpoint(options.enabled.map(|on| {
            if on { InstanceMetadataEndpointState::Enabled } else { InstanceMetadataEndpointState::Disabled }
        }))
        .build()
}

fn mapping(volume: &Volume) -> BlockDeviceMapping {
    let number = |value: Option<u32>| value.map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    let ebs = EbsBlockDevice::builder()
        .delete_on_termination(true)
        .set_volume_size(number(volume.size))
        .set_volume_type(volume.kind.as_deref().map(VolumeType::from))
        .set_iops(number(volume.iops))
        .set_throughput(number(volume.throughput))
        // A key without encryption is refused by AWS.
        .set_encrypted(volume.encrypted.or(volume.kms_key.as_ref().map(|_| true)))
        .set_kms_key_id(volume.kms_key.clone())
        .set_snapshot_id(volume.snapshot.clone())
        .build();
    BlockDeviceMapping::builder().set_device_name(volume.device.clone()).ebs(ebs).build()
}

/// The interfaces, where something about them is asked for that AWS takes only inside.
fn interfaces(frozen: &FrozenParameters, pool: &Pool) -> Vec<InstanceNetworkInterfaceSpecification> {
    let (kind, count) = match frozen.interface {
        Some(NetworkInterface::Efa { count }) => (Some("efa"), i32::from(count.max(1))),
        Some(NetworkInterface::Ordinary) => (Some("interface"), 1),
        None if frozen.public_ip.is_some() => (None, 1),
        None => return Vec::new(),
    };
    let groups = Some(frozen.security_groups.clone()).filter(|groups| !groups.is_empty());
    (0..count)
        .map(|card| {
            InstanceNetworkInterfaceSpecification::builder()
                // The first of the host on card 0; each further one is the second of its own card.
                .device_index(i32::from(card > 0))
                .set_network_card_index((count > 1).then_some(card))
                .set_interface_type(kind.map(str::to_owned))
                .set_subnet_id(pool.subnet.clone())
                .set_groups(groups.clone())
                .set_associate_public_ip_address(frozen.public_ip)
                .delete_on_termination(true)
                .build()
        })
        .collect()
}
