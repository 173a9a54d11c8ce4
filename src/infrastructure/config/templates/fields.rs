//! Every field of a template and what happens to it (`awsprov-templates.md` section 3).
//!
//! Invariant: a field that is known acts, or is set aside or refused with a reason, or is about display alone.

use std::sync::LazyLock;

/// What happens to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has its effect.
    Acts,
    /// It describes, or belongs to an answer; there is no effect it could have.
    Describes,
    /// It is accepted without effect, with a warning that gives this reason.
    SetAside(&'static str),
    /// The template is refused when it is set, for this reason.
    Refused(&'static str),
}

/// A field of a template.
#[derive(Debug, Clone, Copy)]
pub struct FieldInfo {
    /// The name in IBM's files.
    pub name: &'static str,
    /// Its other names; case and underscores make no difference in any of them.
    pub aliases: &'static [&'static str],
    /// What happens to it.
    pub fate: Fate,
}

macro_rules! fields {
    ($($variant:ident = $name:literal, $aliases:expr, $fate:expr;)*) => {
        /// A field that is known.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Field { $($variant),* }

        /// Every field, in the order of [`Field`].
        pub const FIELDS: &[FieldInfo] = &[$(FieldInfo { name: $name, aliases: &$aliases, fate: $fate }),*];

        const ALL: &[Field] = &[$(Field::$variant),*];
    };
}

const LSF: &str = "it has a meaning in LSF only";
const FIXTURE: &str = "no plug-in acts on it; remove it";
const MICRO_VM: &str = "it belongs to MicroVM, which this version does not have; remove it";

#[rustfmt::skip]
fields! {
    TemplateId = "templateId", ["template_id", "templateID", "id"], Fate::Acts;
    Name = "name", [], Fate::Describes;
    Description = "description", [], Fate::Describes;
    MaxNumber = "maxNumber", ["max_number", "maxInstances", "max_instances", "max_machines"], Fate::Acts;
    AvailableNumber = "availableNumber", ["available_number"], Fate::Describes;
    RequestedMachines = "requestedMachines", [], Fate::Describes;
    Attributes = "attributes", [], Fate::Acts;
    Priority = "priority", [], Fate::Acts;
    PgrpName = "pgrpName", [], Fate::Describes;
    OnDemandCapacity = "onDemandCapacity", [], Fate::Describes;
    Ttl = "ttl", [], Fate::Describes;
    ProviderApi = "providerApi", ["provider_api"], Fate::Acts;
    ProviderType = "providerType", ["provider_type"], Fate::Acts;
    ProviderName = "providerName", ["provider_name"], Fate::SetAside("there is one provider instance for each installation");
    FleetType = "fleetType", ["fleet_type"], Fate::Acts;
    Version = "version", [], Fate::Describes;
    CreatedAt = "createdAt", ["created_at"], Fate::Describes;
    UpdatedAt = "updatedAt", ["updated_at"], Fate::Describes;
    IsActive = "isActive", ["is_active"], Fate::Acts;
    Metadata = "metadata", [], Fate::Acts;
    ProviderConfig = "providerConfig", ["provider_config"], Fate::Acts;
    CustomVariables = "customVariables", ["custom_variables"], Fate::Acts;

    ImageId = "imageId", ["image_id", "machine_image"], Fate::Acts;
    VmType = "vmType", ["vm_type", "instanceType", "instance_type", "machine_type"], Fate::Acts;
    VmTypes = "vmTypes", ["vm_types", "instanceTypes", "instance_types", "machine_types"], Fate::Acts;
    VmTypesOnDemand = "vmTypesOnDemand", ["vm_types_on_demand", "machine_types_ondemand", "instance_types_ondemand"], Fate::Acts;
    VmTypesPriority = "vmTypesPriority", ["vm_types_priority", "machine_types_priority", "instance_types_priority"], Fate::Acts;
    AbisInstanceRequirements = "abisInstanceRequirements", ["abis_instance_requirements", "instanceRequirements"], Fate::Acts;
    SubnetId = "subnetId", ["subnet_id", "subnetIds", "subnet_ids"], Fate::Acts;
    SecurityGroupIds = "securityGroupIds", ["security_group_ids", "securityGroups", "security_groups"], Fate::Acts;
    NetworkZones = "network_zones", ["networkZones"], Fate::SetAside("the zone follows from subnetId");
    PublicIpAssignment = "public_ip_assignment", ["publicIpAssignment", "associatePublicIpAddress"], Fate::Acts;
    KeyName = "keyName", ["key_name", "machine_ssh_key", "key_pair_name"], Fate::Acts;
    PlacementGroupName = "placementGroupName", ["placement_group_name"], Fate::Acts;
    PlacementGroupId = "placementGroupId", ["placement_group_id"], Fate::Acts;
    PartitionNumber = "partitionNumber", ["partition_number"], Fate::Acts;
    Tenancy = "tenancy", [], Fate::Acts;
    HostId = "hostId", ["host_id"], Fate::Acts;
    HostResourceGroupArn = "hostResourceGroupArn", ["host_resource_group_arn"], Fate::Acts;
    Affinity = "affinity", [], Fate::Acts;
    ExcludedZones = "excludedZones", ["excluded_zones", "excludedAvailabilityZones", "excluded_availability_zones"], Fate::Acts;
    InterfaceType = "interfaceType", ["interface_type"], Fate::Acts;
    EfaCount = "efaCount", ["efa_count"], Fate::Acts;
    Context = "context", [], Fate::Acts;

    PriceType = "priceType", ["price_type"], Fate::Acts;
    SpotPrice = "spotPrice", ["spot_price"], Fate::Acts;
    MaxSpotPrice = "maxSpotPrice", ["max_spot_price", "maxPrice", "max_price"], Fate::Acts;
    MarketSpotPrice = "marketSpotPrice", [], Fate::Describes;
    MarketOrder = "marketOrder", ["market_order"], Fate::Acts;
    CapacityReservationPreference = "capacityReservationPreference", ["capacity_reservation_preference"], Fate::Acts;
    CapacityReservationId = "capacityReservationId", ["capacity_reservation_id"], Fate::Acts;
    CapacityReservationGroup = "capacityReservationResourceGroupArn", ["capacity_reservation_resource_group_arn"], Fate::Acts;
    CapacityBlock = "capacityBlock", ["capacity_block"], Fate::Acts;
    DurationInHours = "durationInHours", [], Fate::SetAside("AWS has no spot blocks any more");
    FleetRole = "fleetRole", ["fleet_role"], Fate::Acts;
    AllocationStrategy = "allocationStrategy", ["allocation_strategy"], Fate::Acts;
    AllocationStrategyOnDemand = "allocationStrategyOnDemand", ["allocation_strategy_on_demand", "allocation_strategy_ondemand"], Fate::Acts;
    PercentOnDemand = "percentOnDemand", ["percent_on_demand"], Fate::Acts;
    OnDemandTargetCapacityRatio = "onDemandTargetCapacityRatio", [], Fate::Acts;
    PoolsCount = "poolsCount", ["pools_count"], Fate::Acts;
    SpotFleetRequestExpiry = "spotFleetRequestExpiry", ["spot_fleet_request_expiry"], Fate::Acts;
    RequestValidity = "requestValidity", [], Fate::Acts;
    Ec2FleetConfig = "ec2FleetConfig", [], Fate::Acts;
    ComputeUnit = "computeUnit", [], Fate::SetAside(LSF);

    RootDeviceVolumeSize = "rootDeviceVolumeSize", ["root_device_volume_size", "machine_disk_size_gb", "root_volume_size"], Fate::Acts;
    VolumeType = "volumeType", ["volume_type", "machine_disk_type", "root_volume_type"], Fate::Acts;
    Iops = "iops", ["root_volume_iops"], Fate::Acts;
    Throughput = "throughput", ["root_volume_throughput"], Fate::Acts;
    StorageEncryption = "storage_encryption", ["storageEncryption", "encrypted"], Fate::Acts;
    EncryptionKey = "encryption_key", ["encryptionKey"], Fate::Acts;
    EbsOptimized = "ebsOptimized", ["ebs_optimized"], Fate::Acts;
    MonitoringEnabled = "monitoring_enabled", ["monitoring", "monitoringEnabled"], Fate::Acts;
    UserDataScript = "userDataScript", ["user_data_script", "machine_bootstrap"], Fate::Acts;
    UserData = "userData", ["user_data"], Fate::Acts;
    UserDataObj = "userDataObj", [], Fate::Describes;
    InstanceProfile = "instanceProfile", ["instance_profile", "machine_role", "iamInstanceProfile"], Fate::Acts;
    InstanceTags = "instanceTags", ["instance_tags", "tags"], Fate::Acts;
    LaunchTemplateId = "launchTemplateId", ["launch_template_id"], Fate::Acts;
    LaunchTemplateVersion = "launchTemplateVersion", ["launch_template_version"], Fate::Acts;
    LaunchTemplateSpec = "launchTemplateSpec", ["launch_template_spec"], Fate::Acts;
    LaunchTemplateSpecFile = "launchTemplateSpecFile", ["launch_template_spec_file"], Fate::Acts;
    ProviderApiSpec = "providerApiSpec", ["provider_api_spec"], Fate::Acts;
    ProviderApiSpecFile = "providerApiSpecFile", ["provider_api_spec_file"], Fate::Acts;
    Gpuextend = "gpuextend", [], Fate::SetAside(LSF);
    ImageVersion = "imageVersion", ["image_version"], Fate::Refused(MICRO_VM);
    ExecutionRoleArn = "executionRoleArn", ["execution_role_arn"], Fate::Refused(MICRO_VM);
    IdlePolicy = "idlePolicy", ["idle_policy"], Fate::Refused(MICRO_VM);
    MaximumDurationInSeconds = "maximumDurationInSeconds", ["maximum_duration_in_seconds"], Fate::Refused(MICRO_VM);
    IngressNetworkConnectors = "ingressNetworkConnectors", ["ingress_network_connectors"], Fate::Refused(MICRO_VM);
    EgressNetworkConnectors = "egressNetworkConnectors", ["egress_network_connectors"], Fate::Refused(MICRO_VM);
    RunHookPayload = "runHookPayload", ["run_hook_payload"], Fate::Refused(MICRO_VM);
    PrimaryInstanceType = "primary_instance_type", [], Fate::SetAside(FIXTURE);
    PricingStrategy = "pricing_strategy", [], Fate::SetAside(FIXTURE);
    ComputeAttributes = "compute_attributes", [], Fate::SetAside(FIXTURE);
    PlacementConfiguration = "placement_configuration", [], Fate::SetAside(FIXTURE);
    InstanceConfig = "instance_config", [], Fate::SetAside(FIXTURE);

    Volumes = "volumes", [], Fate::Acts;
    MetadataOptions = "metadataOptions", ["metadata_options"], Fate::Acts;
    ThreadsPerCore = "threadsPerCore", ["threads_per_core"], Fate::Acts;
    CoreCount = "coreCount", ["core_count"], Fate::Acts;
    AmdSevSnp = "amdSevSnp", ["amd_sev_snp"], Fate::Acts;
    NestedVirtualization = "nestedVirtualization", ["nested_virtualization"], Fate::Acts;
}

/// The longest spelling of any field without its underscores.
const LONGEST: usize = 40;

/// A spelling in lower case and without underscores.
type Plain = ([u8; LONGEST], usize);

fn plain(spelling: &str) -> Option<Plain> {
    let mut letters = [0; LONGEST];
    let mut length = 0;
    for letter in spelling.bytes().filter(|letter| *letter != b'_') {
        *letters.get_mut(length)? = letter.to_ascii_lowercase();
        length += 1;
    }
    Some((letters, length))
}

/// Every spelling of every field, sorted.
static SPELLINGS: LazyLock<Vec<(Plain, Field)>> = LazyLock::new(|| {
    let mut all: Vec<(Plain, Field)> = Vec::with_capacity(ALL.len() * 2);
    for (info, field) in FIELDS.iter().zip(ALL) {
        let spellings = std::iter::once(info.name).chain(info.aliases.iter().copied());
        all.extend(spellings.filter_map(plain).map(|spelling| (spelling, *field)));
    }
    all.sort_unstable_by_key(|(spelling, _)| *spelling);
    all.dedup_by(|(one, _), (other, _)| one == other);
    all
});

impl Field {
    /// Returns the field that a key of a template means.
    pub(super) fn of(key: &str) -> Option<Self> {
        // Most files use IBM's own names; the table of spellings is made for the others alone.
        if let Some(at) = FIELDS.iter().position(|field| field.name == key) {
            return ALL.get(at).copied();
        }
        let wanted = plain(key)?;
        let at = SPELLINGS.binary_search_by(|(spelling, _)| spelling.cmp(&wanted)).ok()?;
        SPELLINGS.get(at).map(|(_, field)| *field)
    }

    /// Returns every field, in the order of [`FIELDS`].
    pub(super) fn all() -> impl Iterator<Item = Self> {
        ALL.iter().copied()
    }

    /// Returns the field's entry in the table.
    pub(super) fn info(self) -> &'static FieldInfo {
        const UNKNOWN: FieldInfo = FieldInfo { name: "", aliases: &[], fate: Fate::Describes };
        FIELDS.get(self as usize).unwrap_or(&UNKNOWN)
    }

    /// Returns the name in IBM's files.
    pub(super) fn name(self) -> &'static str {
        self.info().name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_leads_to_its_field_and_to_no_other() {
        for (info, field) in FIELDS.iter().zip(ALL) {
            assert_eq!(field.info().name, info.name);
            for spelling in std::iter::once(&info.name).chain(info.aliases) {
                assert_eq!(Field::of(spelling), Some(*field), "{spelling}");
            }
        }
        for unknown in ["", "_", "vmTypeX", "a key that is far too long to be the name of any field"] {
            assert_eq!(Field::of(unknown), None);
        }
    }
}
