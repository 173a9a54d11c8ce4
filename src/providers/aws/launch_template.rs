//! Launch templates of our own: named after what is in them, so that requests share them and none is ever changed (R-36).
//!
//! Invariants: the same content has the same name in every process; a template is only ever asked for by its first version,
//! which nobody can change (R-21); the operator's own templates are never touched.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use aws_sdk_ec2::types::{
    LaunchTemplate, LaunchTemplateBlockDeviceMappingRequest, LaunchTemplateCapacityReservationSpecificationRequest,
    LaunchTemplateCpuOptionsRequest, LaunchTemplateEbsBlockDeviceRequest, LaunchTemplateHttpTokensState,
    LaunchTemplateIamInstanceProfileSpecificationRequest, LaunchTemplateInstanceMarketOptionsRequest,
    LaunchTemplateInstanceMetadataEndpointState, LaunchTemplateInstanceMetadataOptionsRequest,
    LaunchTemplateInstanceMetadataTagsState, LaunchTemplateInstanceNetworkInterfaceSpecificationRequest,
    LaunchTemplatePlacementRequest, LaunchTemplateTagSpecificationRequest, LaunchTemplatesMonitoringRequest,
    MarketType, RequestLaunchTemplateData, ResourceType, ShutdownBehavior, Tag, TagSpecification, VolumeType,
};

use tracing::warn;

use super::client::{ClientSource, Clients};
use super::error::provider_error;
use super::overlay::Overlay;
use super::parameters::{Cpu, FrozenParameters};
use super::retry::{self, Policy};
use super::{observation, request, reservation, sighting, tags};
use crate::application::ProviderError;
use crate::application::settings::AwsSettings;
use crate::domain::request::Pool;
use crate::domain::template::{
    CpuFeatures, FleetSettings, MetadataOptions, NativeRequest, NativeRequests, NetworkInterface, ProviderApi, Volume,
};
use crate::domain::{Digest, FailureClass, InstallationId, Timestamp};

const CREATE: &str = "CreateLaunchTemplate";
const DELETE: &str = "DeleteLaunchTemplate";
const DESCRIBE: &str = "DescribeLaunchTemplates";
/// How long nothing has used a template that is removed (R-38).
const UNUSED_FOR: Duration = Duration::from_hours(24);
/// How long a template that is used is not noted again; what is noted is in use (R-38).
const NOTED_FOR: Duration = Duration::from_hours(1);
const PREFIX: &str = "hostfactory-";
/// How the name of a template ends that belongs to one request.
const OF_REQUEST: &str = "-r";
const TAKEN: &str = "InvalidLaunchTemplateName.AlreadyExistsException";
/// The only version that is ever asked for.
pub(super) const VERSION: &str = "1";

/// Who tags the hosts that are launched from a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tagging {
    /// The call that launches them, so that requests can share the template.
    Call,
    /// A group, which does not tag what hangs on its hosts: that the template does, with all but the request's own tag, so
    /// that requests can share it (`aws-semantics.md` 6.1).
    Group,
    /// The template, which then belongs to one request.
    Template,
}

/// A launch template as it is to be.
#[derive(Debug, Clone)]
pub(super) struct OwnTemplate {
    /// The name, which follows from the content.
    pub(super) name: String,
    tags: BTreeMap<String, String>,
    data: RequestLaunchTemplateData,
    overlay: Overlay,
}

impl OwnTemplate {
    /// Returns the template for launches of these pools with these parameters. `user_data` is base64; instance types and
    /// subnets are no part of it.
    pub(super) fn new(
        frozen: &FrozenParameters,
        pools: &[Pool],
        cpu: Option<&Cpu>,
        user_data: Option<String>,
        tagging: Tagging,
    ) -> Self {
        let owner = frozen.tags.get(tags::OWNER).cloned().unwrap_or_default();
        let tags = match tagging {
            Tagging::Template => frozen.tags.clone(),
            Tagging::Group => frozen
                .tags
                .iter()
                .filter(|(key, _)| *key != tags::REQUEST)
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect(),
            Tagging::Call => BTreeMap::from([(tags::OWNER.to_owned(), owner.clone())]),
        };
        // Everything that decides about the data, and nothing else.
        let content = FrozenParameters {
            tags: tags.clone(),
            cpu: cpu.map(|cpu| (String::new(), cpu.clone())).into_iter().collect(),
            capacity_reservation: reservation::of_pools(frozen, pools),
            max_spot_price: None,
            launch_template: None,
            fleet: FleetSettings::default(),
            native: NativeRequests { call: NativeRequest::default(), ..frozen.native.clone() },
            ..frozen.clone()
        };
        // Serialising these plain structs cannot fail; an empty text would only cost a shared name.
        let text = serde_json::to_string(&content).unwrap_or_default();
        let digest = match tagging {
            Tagging::Group => Digest::of(&[&text, "group"]),
            Tagging::Call | Tagging::Template => Digest::of(&[&text]),
        };
        let of_request = if tagging == Tagging::Template { OF_REQUEST } else { "" };
        let name = format!("{PREFIX}{owner}-{}{of_request}", digest.as_str().get(..32).unwrap_or_default());
        let overlay = Overlay(content.native.launch_template.clone());
        Self { name, data: data(&content, cpu, user_data, tagging), tags, overlay }
    }

    /// Makes sure that the template is there. One that was made or met before costs no call.
    ///
    /// # Errors
    /// [`ProviderError`] when it cannot be made.
    pub(super) async fn ensure(&self, clients: &Clients, policy: Policy) -> Result<(), ProviderError> {
        let now = clients.gate.clock.now();
        match clients.notebook.read().await.launch_templates.get(&self.name) {
            Some(noted) if *noted <= now && now.since(*noted) < NOTED_FOR => return Ok(()),
            Some(_) => {
                self.note(clients, now).await;
                return Ok(());
            }
            None => {}
        }
        let of_the_template = TagSpecification::builder()
            .resource_type(ResourceType::LaunchTemplate)
            .set_tags(Some(listed(&self.tags)))
            .build();
        let call = clients
            .ec2
            .create_launch_template()
            .launch_template_name(&self.name)
            // A token of the name alone might be answered with a template that has been removed since.
            .client_token(format!("{}-{}", self.name, now.as_millis()))
            .launch_template_data(self.data.clone())
            .tag_specifications(of_the_template);
        let made = retry::send(&clients.gate, CREATE, policy, || async {
            let call = call.clone().customize().interceptor(self.overlay.clone());
            call.send().await.map_err(|error| provider_error(CREATE, &error))
        });
        match made.await {
            Ok(_) => {}
            // Its name says what is in it.
            Err(error) if error.code.as_deref() == Some(TAKEN) => {}
            Err(error) => return Err(error),
        }
        self.note(clients, now).await;
        Ok(())
    }

    /// Notes that the template is there and in use.
    async fn note(&self, clients: &Clients, now: Timestamp) {
        clients
            .notebook
            .edit(&mut |notes| {
                notes.launch_templates.insert(self.name.clone(), now);
            })
            .await;
    }

    /// Takes in that the template is not there any more (R-37).
    pub(super) async fn forget(&self, clients: &Clients) {
        clients
            .notebook
            .edit(&mut |notes| {
                notes.launch_templates.remove(&self.name);
            })
            .await;
    }
}

/// Removes templates of ours that were made for one request; those that requests share stay. What cannot be removed now is
/// removed by a later sweep.
pub(super) async fn remove_of_request(source: &dyn ClientSource, names: impl Iterator<Item = &str>) {
    let Ok(clients) = source.clients().await else { return };
    let mut names: Vec<&str> = names.filter(|name| name.starts_with(PREFIX) && name.ends_with(OF_REQUEST)).collect();
    names.sort_unstable();
    names.dedup();
    remove(clients, source.settings(), &names).await;
}

/// Removes the templates of this installation that nothing has used for a day (R-38): those of the requests of one way when
/// it is named, of which those `in_use` stay, else those that requests share.
///
/// # Errors
/// [`ProviderError`] when they cannot be listed.
pub(super) async fn sweep(
    source: &dyn ClientSource,
    installation: &InstallationId,
    of_requests: Option<ProviderApi>,
    in_use: &HashSet<String>,
) -> Result<(), ProviderError> {
    let clients = source.clients().await?;
    let mut filters = vec![observation::filter(format!("tag:{}", tags::OWNER), [installation.as_str()])];
    if let Some(api) = of_requests {
        filters.push(observation::filter(format!("tag:{}", tags::PROVIDER), [api.word()]));
    }
    let found = observation::all_pages(clients, DESCRIBE, Policy::describes(source.settings()), |token| {
        let filters = filters.clone();
        async move {
            let call = clients.ec2.describe_launch_templates().set_filters(Some(filters)).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(DESCRIBE, &error))?;
            Ok((answer.launch_templates.unwrap_or_default(), answer.next_token))
        }
    })
    .await?;
    let now = clients.gate.clock.now();
    let noted = clients.notebook.read().await.launch_templates;
    let is_old = |template: &LaunchTemplate| {
        template.create_time().and_then(sighting::timestamp).is_some_and(|made| now.since(made) >= UNUSED_FOR)
    };
    let names: Vec<&str> = found
        .iter()
        .filter(|template| is_old(template))
        .filter_map(LaunchTemplate::launch_template_name)
        .filter(|name| name.starts_with(PREFIX) && name.ends_with(OF_REQUEST) == of_requests.is_some())
        .filter(|name| !noted.contains_key(*name) && !in_use.contains(*name))
        .collect();
    remove(clients, source.settings(), &names).await;
    Ok(())
}

async fn remove(clients: &Clients, settings: &AwsSettings, names: &[&str]) {
    for name in names {
        let removed = retry::send(&clients.gate, DELETE, Policy::creates(settings), || async {
            let call = clients.ec2.delete_launch_template().launch_template_name(*name);
            call.send().await.map_err(|error| provider_error(DELETE, &error))
        })
        .await;
        if let Err(error) = removed
            && error.class != FailureClass::Gone
        {
            warn!(template = name, %error, "a launch template could not be removed");
        }
        clients
            .notebook
            .edit(&mut |notes| {
                notes.launch_templates.remove(*name);
            })
            .await;
    }
}

fn listed(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn data(
    frozen: &FrozenParameters,
    cpu: Option<&Cpu>,
    user_data: Option<String>,
    tagging: Tagging,
) -> RequestLaunchTemplateData {
    let interfaces = interfaces(frozen);
    // AWS takes groups either inside the interfaces or beside them; the subnet comes with the call.
    let groups = Some(frozen.security_groups.clone()).filter(|groups| interfaces.is_empty() && !groups.is_empty());
    let mappings: Vec<_> = frozen.volumes.iter().map(mapping).collect();
    let tagged: &[ResourceType] = match tagging {
        Tagging::Call => &[],
        Tagging::Group => &[ResourceType::Volume, ResourceType::NetworkInterface],
        Tagging::Template => &[ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface],
    };
    let specifications = tagged.iter().map(|resource| {
        let tags = Some(listed(&frozen.tags));
        LaunchTemplateTagSpecificationRequest::builder().resource_type(resource.clone()).set_tags(tags).build()
    });
    let specifications: Vec<_> = specifications.collect();
    let reserved = reservation::parts(&frozen.capacity_reservation);
    RequestLaunchTemplateData::builder()
        .instance_initiated_shutdown_behavior(ShutdownBehavior::Terminate)
        .set_image_id(frozen.image.clone())
        .set_security_group_ids(groups)
        .set_network_interfaces(Some(interfaces).filter(|list| !list.is_empty()))
        .set_block_device_mappings(Some(mappings).filter(|list| !list.is_empty()))
        .set_key_name(frozen.key_name.clone())
        .set_iam_instance_profile(frozen.instance_profile.as_deref().map(profile))
        .set_user_data(user_data)
        .set_placement(placement(frozen))
        .metadata_options(metadata(&frozen.metadata))
        .set_monitoring(frozen.monitoring.map(|on| LaunchTemplatesMonitoringRequest::builder().enabled(on).build()))
        .set_ebs_optimized(frozen.ebs_optimized)
        .set_cpu_options(cpu_options(cpu, frozen.cpu_features))
        .set_instance_market_options(frozen.capacity_reservation.block.then(|| {
            LaunchTemplateInstanceMarketOptionsRequest::builder().market_type(MarketType::CapacityBlock).build()
        }))
        .set_capacity_reservation_specification(reserved.map(|(preference, target)| {
            LaunchTemplateCapacityReservationSpecificationRequest::builder()
                .set_capacity_reservation_preference(preference)
                .set_capacity_reservation_target(target)
                .build()
        }))
        .set_tag_specifications(Some(specifications).filter(|list| !list.is_empty()))
        .build()
}

fn profile(name_or_arn: &str) -> LaunchTemplateIamInstanceProfileSpecificationRequest {
    let builder = LaunchTemplateIamInstanceProfileSpecificationRequest::builder();
    if name_or_arn.starts_with("arn:") { builder.arn(name_or_arn) } else { builder.name(name_or_arn) }.build()
}

fn placement(frozen: &FrozenParameters) -> Option<LaunchTemplatePlacementRequest> {
    let placement = &frozen.placement;
    (!placement.is_default()).then(|| {
        LaunchTemplatePlacementRequest::builder()
            .set_group_name(placement.group.clone())
            .set_group_id(placement.group_id.clone())
            .set_partition_number(placement.partition.map(i32::from))
            .set_tenancy(placement.tenancy.map(request::tenancy))
            .set_host_id(placement.host.clone())
            .set_host_resource_group_arn(placement.host_group.clone())
            .set_affinity(placement.affinity.map(|affinity| request::word(affinity).to_owned()))
            .build()
    })
}

fn cpu_options(cpu: Option<&Cpu>, features: CpuFeatures) -> Option<LaunchTemplateCpuOptionsRequest> {
    (cpu.is_some() || !features.is_default()).then(|| {
        LaunchTemplateCpuOptionsRequest::builder()
            .set_core_count(cpu.map(|cpu| cpu.cores))
            .set_threads_per_core(cpu.map(|cpu| cpu.threads_per_core))
            .set_amd_sev_snp(features.amd_sev_snp.map(request::sev_snp))
            .set_nested_virtualization(features.nested_virtualization.map(request::nested))
            .build()
    })
}

fn metadata(options: &MetadataOptions) -> LaunchTemplateInstanceMetadataOptionsRequest {
    let tokens = if options.tokens_required {
        LaunchTemplateHttpTokensState::Required
    } else {
        LaunchTemplateHttpTokensState::Optional
    };
    LaunchTemplateInstanceMetadataOptionsRequest::builder()
        .http_tokens(tokens)
        .set_http_put_response_hop_limit(options.hop_limit.map(i32::from))
        .set_instance_metadata_tags(options.instance_tags.map(|on| {
            if on {
                LaunchTemplateInstanceMetadataTagsState::Enabled
            } else {
                LaunchTemplateInstanceMetadataTagsState::Disabled
            }
        }))
        .set_http_endpoint(options.enabled.map(|on| {
            if on {
                LaunchTemplateInstanceMetadataEndpointState::Enabled
            } else {
                LaunchTemplateInstanceMetadataEndpointState::Disabled
            }
        }))
        .build()
}

fn mapping(volume: &Volume) -> LaunchTemplateBlockDeviceMappingRequest {
    let number = |value: Option<u32>| value.map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    let ebs = LaunchTemplateEbsBlockDeviceRequest::builder()
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
    LaunchTemplateBlockDeviceMappingRequest::builder().set_device_name(volume.device.clone()).ebs(ebs).build()
}

/// The interfaces, where something about them is asked for that AWS takes only inside. The call adds the subnet.
fn interfaces(frozen: &FrozenParameters) -> Vec<LaunchTemplateInstanceNetworkInterfaceSpecificationRequest> {
    let (kind, count) = match frozen.interface {
        Some(NetworkInterface::Efa { count }) => (Some("efa"), i32::from(count.max(1))),
        Some(NetworkInterface::Ordinary) => (Some("interface"), 1),
        None if frozen.public_ip.is_some() => (None, 1),
        None => return Vec::new(),
    };
    let groups = Some(frozen.security_groups.clone()).filter(|groups| !groups.is_empty());
    (0..count)
        .map(|card| {
            LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
                // The first of the host on card 0; each further one is the second of its own card.
                .device_index(i32::from(card > 0))
                .set_network_card_index((count > 1).then_some(card))
                .set_interface_type(kind.map(str::to_owned))
                .set_groups(groups.clone())
                .set_associate_public_ip_address(frozen.public_ip)
                .delete_on_termination(true)
                .build()
        })
        .collect()
}

#[cfg(test)]
#[path = "launch_template_tests.rs"]
mod tests;
