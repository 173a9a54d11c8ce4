//! Instance types by what they have, as fleets take them (`aws-semantics.md` section 13).

use aws_sdk_ec2::types;

use crate::domain::template::{InstanceRequirements, Span};

/// Returns the two ends of a span of whole numbers.
fn whole(span: &Span<u32>) -> (Option<i32>, Option<i32>) {
    let number = |value: Option<u32>| value.map(|value| i32::try_from(value).unwrap_or(i32::MAX));
    (number(span.min), number(span.max))
}

/// Returns the two ends of a span of fractions. They were checked where the template was read.
fn fraction(span: &Span<String>) -> (Option<f64>, Option<f64>) {
    let number = |value: &Option<String>| value.as_ref().and_then(|text| text.parse().ok());
    (number(&span.min), number(&span.max))
}

/// Returns a list, or nothing where it is empty.
fn listed<T: for<'a> From<&'a str>>(words: &[String]) -> Option<Vec<T>> {
    (!words.is_empty()).then(|| words.iter().map(|word| T::from(word.as_str())).collect())
}

/// Sets both ends of a span.
macro_rules! span {
    ($type:ident, $ends:expr) => {{
        let (min, max) = $ends;
        types::$type::builder().set_min(min).set_max(max).build()
    }};
}

/// Builds the requirements of one of the families of types that AWS has for the same thing, in the `types` in scope.
macro_rules! requirements {
    ($wanted:ident as $all:ident {
        $vcpus:ident, $memory:ident, $memory_per_vcpu:ident, $interfaces:ident, $bandwidth:ident, $storage:ident, $ebs:ident,
        $accelerators:ident, $accelerator_memory:ident
    }) => {
        types::$all::builder()
            .v_cpu_count(span!($vcpus, whole(&$wanted.vcpus)))
            .memory_mib(span!($memory, whole(&$wanted.memory_mib)))
            .set_memory_gib_per_v_cpu(
                $wanted.memory_gib_per_vcpu.as_ref().map(|s| span!($memory_per_vcpu, fraction(s))),
            )
            .set_cpu_manufacturers(listed::<types::CpuManufacturer>(&$wanted.cpu_manufacturers))
            .set_excluded_instance_types(listed::<String>(&$wanted.excluded_types))
            .set_allowed_instance_types(listed::<String>(&$wanted.allowed_types))
            .set_instance_generations(listed::<types::InstanceGeneration>(&$wanted.generations))
            .set_bare_metal($wanted.bare_metal.as_deref().map(types::BareMetal::from))
            .set_burstable_performance($wanted.burstable.as_deref().map(types::BurstablePerformance::from))
            .set_require_hibernate_support($wanted.hibernate)
            .set_network_interface_count($wanted.network_interfaces.as_ref().map(|s| span!($interfaces, whole(s))))
            .set_network_bandwidth_gbps($wanted.network_bandwidth_gbps.as_ref().map(|s| span!($bandwidth, fraction(s))))
            .set_local_storage($wanted.local_storage.as_deref().map(types::LocalStorage::from))
            .set_local_storage_types(listed::<types::LocalStorageType>(&$wanted.local_storage_types))
            .set_total_local_storage_gb($wanted.total_local_storage_gb.as_ref().map(|s| span!($storage, fraction(s))))
            .set_baseline_ebs_bandwidth_mbps(
                $wanted.baseline_ebs_bandwidth_mbps.as_ref().map(|s| span!($ebs, whole(s))),
            )
            .set_accelerator_types(listed::<types::AcceleratorType>(&$wanted.accelerator_types))
            .set_accelerator_count($wanted.accelerator_count.as_ref().map(|s| span!($accelerators, whole(s))))
            .set_accelerator_manufacturers(listed::<types::AcceleratorManufacturer>(&$wanted.accelerator_manufacturers))
            .set_accelerator_names(listed::<types::AcceleratorName>(&$wanted.accelerator_names))
            .set_accelerator_total_memory_mib(
                $wanted.accelerator_total_memory_mib.as_ref().map(|s| span!($accelerator_memory, whole(s))),
            )
            .set_spot_max_price_percentage_over_lowest_price(percent(
                $wanted.spot_max_price_percentage_over_lowest_price,
            ))
            .set_max_spot_price_as_percentage_of_optimal_on_demand_price(percent(
                $wanted.max_spot_price_as_percentage_of_optimal_on_demand_price,
            ))
            .set_on_demand_max_price_percentage_over_lowest_price(percent(
                $wanted.on_demand_max_price_percentage_over_lowest_price,
            ))
            .build()
    };
}

/// Returns the requirements as `CreateFleet` takes them.
pub(super) fn of_fleet(wanted: &InstanceRequirements) -> types::InstanceRequirementsRequest {
    requirements!(wanted as InstanceRequirementsRequest {
        VCpuCountRangeRequest, MemoryMiBRequest, MemoryGiBPerVCpuRequest, NetworkInterfaceCountRequest,
        NetworkBandwidthGbpsRequest, TotalLocalStorageGbRequest, BaselineEbsBandwidthMbpsRequest,
        AcceleratorCountRequest, AcceleratorTotalMemoryMiBRequest
    })
}

/// Returns the requirements as an Auto Scaling group takes them.
pub(super) fn of_group(wanted: &InstanceRequirements) -> aws_sdk_autoscaling::types::InstanceRequirements {
    use aws_sdk_autoscaling::types;
    requirements!(wanted as InstanceRequirements {
        VCpuCountRequest, MemoryMiBRequest, MemoryGiBPerVCpuRequest, NetworkInterfaceCountRequest,
        NetworkBandwidthGbpsRequest, TotalLocalStorageGbRequest, BaselineEbsBandwidthMbpsRequest,
        AcceleratorCountRequest, AcceleratorTotalMemoryMiBRequest
    })
}

/// Returns the requirements as `RequestSpotFleet` takes them.
pub(super) fn of_spot_fleet(wanted: &InstanceRequirements) -> types::InstanceRequirements {
    requirements!(wanted as InstanceRequirements {
        VCpuCountRange, MemoryMiB, MemoryGiBPerVCpu, NetworkInterfaceCount, NetworkBandwidthGbps, TotalLocalStorageGb,
        BaselineEbsBandwidthMbps, AcceleratorCount, AcceleratorTotalMemoryMiB
    })
}

fn percent(value: Option<u32>) -> Option<i32> {
    value.map(|value| i32::try_from(value).unwrap_or(i32::MAX))
}
