//! From frozen parameters to the `CreateAutoScalingGroup` call (`aws-semantics.md` section 6).
//!
//! Invariant: the same attempt and plan make the same call, byte for byte; nothing here reads a clock or a setting.

use aws_sdk_autoscaling::operation::create_auto_scaling_group::builders::CreateAutoScalingGroupFluentBuilder;
use aws_sdk_autoscaling::types::{
    InstancesDistribution, LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy,
    Tag,
};

use super::client::Clients;
use super::fleet::{self, Sources};
use super::launch_template::VERSION;
use super::parameters::FrozenParameters;
use super::requirements;
use crate::domain::request::{Attempt, LaunchPlan, Pool};
use crate::domain::template::{AllocationStrategy, OnDemandShare};

/// Returns the call for one attempt's group.
pub(super) fn of_attempt(
    clients: &Clients,
    name: &str,
    attempt: &Attempt,
    plan: &LaunchPlan,
    frozen: &FrozenParameters,
    sources: &Sources,
) -> CreateAutoScalingGroupFluentBuilder {
    let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    let largest = plan.weights.values().copied().max().unwrap_or(1);
    let mut subnets: Vec<&str> = attempt.pools.iter().filter_map(|pool| pool.subnet.as_deref()).collect();
    subnets.sort_unstable();
    subnets.dedup();
    let tags = frozen.tags.iter().map(|(key, value)| {
        let tag = Tag::builder().resource_type("auto-scaling-group").resource_id(name).key(key).value(value);
        tag.propagate_at_launch(true).build()
    });
    let call = clients
        .groups
        .create_auto_scaling_group()
        .auto_scaling_group_name(name)
        .min_size(0)
        // Where types are weighted, the last host may pass the number by all but one of its units.
        .max_size(number(attempt.count.saturating_add(largest - 1)))
        .desired_capacity(number(attempt.count))
        .set_vpc_zone_identifier((!subnets.is_empty()).then(|| subnets.join(",")))
        .new_instances_protected_from_scale_in(true)
        .set_tags(Some(tags.collect()))
        .set_context(frozen.fleet.context.clone());
    match attempt.pools.as_slice() {
        [first, rest @ ..]
            if !first.price_type.is_spot()
                && plan.weights.is_empty()
                && first.instance_type.is_none()
                && frozen.fleet.requirements.is_none()
                && rest.iter().all(|pool| pool.instance_type.is_none()) =>
        {
            call.launch_template(specification(first, frozen, sources))
        }
        _ => call.mixed_instances_policy(mixed(attempt, plan, frozen, sources)),
    }
}

fn specification(pool: &Pool, frozen: &FrozenParameters, sources: &Sources) -> LaunchTemplateSpecification {
    let builder = LaunchTemplateSpecification::builder();
    match &frozen.launch_template {
        Some(theirs) => builder.launch_template_id(&theirs.id).version(&theirs.version).build(),
        None => builder.set_launch_template_name(sources.own_name(pool)).version(VERSION).build(),
    }
}

/// Types, markets and strategies. A group takes types once for all its subnets.
fn mixed(attempt: &Attempt, plan: &LaunchPlan, frozen: &FrozenParameters, sources: &Sources) -> MixedInstancesPolicy {
    let mut overrides: Vec<LaunchTemplateOverrides> = Vec::new();
    let mut first = None;
    for pool in &attempt.pools {
        let template = specification(pool, frozen, sources);
        let other = first.get_or_insert_with(|| template.clone()) != &template;
        let by_traits = frozen.fleet.requirements.as_ref().filter(|_| pool.instance_type.is_none());
        if pool.instance_type.is_none() && by_traits.is_none() {
            continue;
        }
        let entry = LaunchTemplateOverrides::builder()
            .set_instance_type(pool.instance_type.clone())
            .set_weighted_capacity(fleet::weight(pool, plan).map(|units| units.to_string()))
            .set_instance_requirements(by_traits.map(requirements::of_group))
            .set_launch_template_specification(other.then_some(template))
            .build();
        if !overrides.contains(&entry) {
            overrides.push(entry);
        }
    }
    let template = LaunchTemplate::builder()
        .set_launch_template_specification(first)
        .set_overrides(Some(overrides).filter(|list| !list.is_empty()))
        .build();
    MixedInstancesPolicy::builder()
        .launch_template(template)
        .instances_distribution(distribution(attempt, frozen))
        .build()
}

fn distribution(attempt: &Attempt, frozen: &FrozenParameters) -> InstancesDistribution {
    let has = |spot| attempt.pools.iter().any(|pool| pool.price_type.is_spot() == spot);
    let percent = match (has(false), has(true), frozen.fleet.on_demand_share) {
        (true, true, OnDemandShare::Percent(percent)) => i32::from(percent),
        (true, false, _) => 100,
        _ => 0,
    };
    let fleet = &frozen.fleet;
    let spot = match fleet.spot_strategy {
        Some(AllocationStrategy::LowestPrice) => "lowest-price",
        Some(AllocationStrategy::CapacityOptimized) => "capacity-optimized",
        Some(AllocationStrategy::CapacityOptimizedPrioritized) => "capacity-optimized-prioritized",
        None if !fleet.priorities.is_empty() => "capacity-optimized-prioritized",
        Some(
            AllocationStrategy::PriceCapacityOptimized
            | AllocationStrategy::Diversified
            | AllocationStrategy::Prioritized,
        )
        | None => "price-capacity-optimized",
    };
    // With requirements AWS knows the cheapest only.
    let on_demand = match fleet.on_demand_strategy {
        Some(AllocationStrategy::Prioritized) => "prioritized",
        Some(_) => "lowest-price",
        None if fleet.requirements.is_some() => "lowest-price",
        None => "prioritized",
    };
    InstancesDistribution::builder()
        .on_demand_base_capacity(0)
        .on_demand_percentage_above_base_capacity(percent)
        .on_demand_allocation_strategy(on_demand)
        .spot_allocation_strategy(spot)
        .set_spot_instance_pools(fleet.pools_count.map(|count| i32::try_from(count).unwrap_or(i32::MAX)))
        .set_spot_max_price(frozen.max_spot_price.clone().filter(|_| has(true)))
        .build()
}

#[cfg(test)]
#[path = "group_creation_tests.rs"]
mod tests;
