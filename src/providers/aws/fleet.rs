//! What EC2 Fleets of every type have in common: the `CreateFleet` call, and what its list of errors means
//! (`aws-semantics.md` section 4).
//!
//! Invariant: the same attempt and plan make the same call, byte for byte; nothing here reads a clock or a setting.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::operation::create_fleet::builders::CreateFleetFluentBuilder;
use aws_sdk_ec2::types::{
    CreateFleetError, DefaultTargetCapacityType, FleetIamInstanceProfileSpecificationRequest,
    FleetLaunchTemplateConfigRequest, FleetLaunchTemplateOverridesRequest, FleetLaunchTemplateSpecificationRequest,
    FleetOnDemandAllocationStrategy, FleetType, InstanceLifecycle, InstanceType, OnDemandOptionsRequest, ResourceType,
    SpotAllocationStrategy, SpotInstanceInterruptionBehavior, SpotOptionsRequest, Tag, TagSpecification,
    TargetCapacitySpecificationRequest,
};

use super::client::Clients;
use super::codes::class_of;
use super::error::{explained, plain};
use super::launch_template::{OwnTemplate, Tagging, VERSION};
use super::parameters::FrozenParameters;
use super::retry::Policy;
use super::{requirements, reservation, tags};
use crate::application::ProviderError;
use crate::domain::FailureClass;
use crate::domain::request::{Attempt, LaunchPlan, Pool, Refusal};
use crate::domain::template::{AllocationStrategy, OnDemandShare, PriceType};

pub(super) const CREATE: &str = "CreateFleet";
/// The most capacity units of one fleet (section 4.7).
pub(super) const MOST_UNITS: u32 = 10_000;

/// Which launch template each pool is launched from.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    /// Our own templates, by instance type; one under no type does for all.
    own: BTreeMap<Option<String>, OwnTemplate>,
}

impl Sources {
    /// Returns the templates that an attempt needs. CPU options are given as cores and threads, which differ by type.
    pub(super) fn of(
        frozen: &FrozenParameters,
        attempt: &Attempt,
        user_data: Option<&String>,
        tagging: Tagging,
    ) -> Self {
        let mut own = BTreeMap::new();
        if frozen.launch_template.is_none() {
            for pool in &attempt.pools {
                let cpu = pool.instance_type.as_ref().and_then(|kind| frozen.cpu.get(kind));
                let key = pool.instance_type.clone().filter(|_| cpu.is_some());
                own.entry(key)
                    .or_insert_with(|| OwnTemplate::new(frozen, &attempt.pools, cpu, user_data.cloned(), tagging));
            }
        }
        Self { own }
    }

    /// Makes sure that our own templates are there.
    ///
    /// # Errors
    /// [`ProviderError`] when one cannot be made.
    pub(super) async fn ensure(&self, clients: &Clients, policy: Policy) -> Result<(), ProviderError> {
        for template in self.own.values() {
            template.ensure(clients, policy).await?;
        }
        Ok(())
    }

    /// Takes in that one of our own templates is not there any more.
    pub(super) async fn forget(&self, clients: &Clients) {
        for template in self.own.values() {
            template.forget(clients).await;
        }
    }

    fn of_pool(&self, pool: &Pool, frozen: &FrozenParameters) -> FleetLaunchTemplateSpecificationRequest {
        let builder = FleetLaunchTemplateSpecificationRequest::builder();
        match &frozen.launch_template {
            Some(theirs) => builder.launch_template_id(&theirs.id).version(&theirs.version).build(),
            None => builder.set_launch_template_name(self.own_name(pool)).version(VERSION).build(),
        }
    }

    /// Returns the name of our own template for a pool.
    pub(super) fn own_name(&self, pool: &Pool) -> Option<String> {
        self.own.get(&pool.instance_type).or_else(|| self.own.get(&None)).map(|own| own.name.clone())
    }
}

/// Returns the call for one attempt, the token included.
pub(super) fn of_attempt(
    client: &Client,
    kind: FleetType,
    attempt: &Attempt,
    plan: &LaunchPlan,
    frozen: &FrozenParameters,
    sources: &Sources,
) -> CreateFleetFluentBuilder {
    let wanted = Split::of(attempt, frozen.fleet.on_demand_share);
    // A block is a kind of target of its own; nothing is on demand beside it.
    let block = reservation::of_pools(frozen, &attempt.pools).block;
    let mut specifications = vec![specification(ResourceType::Fleet, frozen, attempt)];
    if kind == FleetType::Instant {
        let hosts = [ResourceType::Instance, ResourceType::Volume, ResourceType::NetworkInterface];
        specifications.extend(hosts.map(|resource| specification(resource, frozen, attempt)));
    }
    client
        .create_fleet()
        .client_token(attempt.token.as_str())
        .r#type(kind)
        .set_launch_template_configs(Some(configurations(attempt, plan, frozen, sources)))
        .target_capacity_specification(wanted.specification(block))
        .set_spot_options((wanted.spot > 0).then(|| spot_options(frozen)))
        .set_on_demand_options((wanted.on_demand > 0 && !block).then(|| on_demand_options(frozen)))
        .set_context(frozen.fleet.context.clone())
        .set_tag_specifications(Some(specifications))
}

fn specification(resource: ResourceType, frozen: &FrozenParameters, attempt: &Attempt) -> TagSpecification {
    let number = attempt.number.to_string();
    let all = frozen.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let all = all.chain([(tags::ATTEMPT, number.as_str())]);
    let all = all.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(resource).set_tags(Some(all)).build()
}

/// How many units are wanted of each market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Split {
    pub(super) on_demand: i32,
    pub(super) spot: i32,
}

impl Split {
    pub(super) fn of(attempt: &Attempt, share: OnDemandShare) -> Self {
        let has = |spot| attempt.pools.iter().any(|pool| pool.price_type.is_spot() == spot);
        let number = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let on_demand = match (has(false), has(true), share) {
            (true, true, OnDemandShare::Percent(percent)) => {
                u32::try_from(u64::from(attempt.count) * u64::from(percent) / 100).unwrap_or(attempt.count)
            }
            (true, false, _) => attempt.count,
            (true, true, OnDemandShare::None | OnDemandShare::Rest) | (false, ..) => 0,
        };
        Self { on_demand: number(on_demand), spot: number(attempt.count.saturating_sub(on_demand)) }
    }

    fn specification(self, block: bool) -> TargetCapacitySpecificationRequest {
        let total = self.on_demand.saturating_add(self.spot);
        let builder = TargetCapacitySpecificationRequest::builder().total_target_capacity(total);
        if block {
            return builder.default_target_capacity_type(DefaultTargetCapacityType::CapacityBlock).build();
        }
        let default = if self.spot > 0 { DefaultTargetCapacityType::Spot } else { DefaultTargetCapacityType::OnDemand };
        builder
            .on_demand_target_capacity(self.on_demand)
            .spot_target_capacity(self.spot)
            .default_target_capacity_type(default)
            .build()
    }
}

/// Returns the pools of an attempt by the launch template that they are launched from. The markets of a mixed fleet share
/// their pools.
pub(super) fn by_template<T: PartialEq>(attempt: &Attempt, template: impl Fn(&Pool) -> T) -> Vec<(T, Vec<&Pool>)> {
    let mut groups: Vec<(T, Vec<&Pool>)> = Vec::new();
    let mut places: Vec<(&Option<String>, &Option<String>)> = Vec::new();
    for pool in &attempt.pools {
        let place = (&pool.instance_type, &pool.subnet);
        if places.contains(&place) {
            continue;
        }
        places.push(place);
        let template = template(pool);
        match groups.iter_mut().find(|(known, _)| *known == template) {
            Some((_, pools)) => pools.push(pool),
            None => groups.push((template, vec![pool])),
        }
    }
    groups
}

fn configurations(
    attempt: &Attempt,
    plan: &LaunchPlan,
    frozen: &FrozenParameters,
    sources: &Sources,
) -> Vec<FleetLaunchTemplateConfigRequest> {
    by_template(attempt, |pool| sources.of_pool(pool, frozen))
        .into_iter()
        .map(|(template, pools)| {
            FleetLaunchTemplateConfigRequest::builder()
                .launch_template_specification(template)
                .set_overrides(Some(pools.into_iter().map(|pool| overrides(pool, plan, frozen)).collect()))
                .build()
        })
        .collect()
}

/// Returns the capacity units of a pool, where types are weighted.
pub(super) fn weight(pool: &Pool, plan: &LaunchPlan) -> Option<f64> {
    (!plan.weights.is_empty()).then(|| f64::from(plan.weight(pool.instance_type.as_deref())))
}

/// Returns the place of a pool in the operator's order, where there is one.
pub(super) fn priority(pool: &Pool, frozen: &FrozenParameters) -> Option<f64> {
    pool.instance_type.as_ref().and_then(|kind| frozen.fleet.priorities.get(kind)).map(|number| f64::from(*number))
}

fn overrides(pool: &Pool, plan: &LaunchPlan, frozen: &FrozenParameters) -> FleetLaunchTemplateOverridesRequest {
    // What an instant fleet takes beside the operator's launch template; our own has it inside (4.2).
    let theirs = frozen.launch_template.is_some();
    let profile = frozen.instance_profile.as_deref().filter(|_| theirs).map(|name_or_arn| {
        let builder = FleetIamInstanceProfileSpecificationRequest::builder();
        if name_or_arn.starts_with("arn:") { builder.arn(name_or_arn) } else { builder.name(name_or_arn) }.build()
    });
    FleetLaunchTemplateOverridesRequest::builder()
        .set_image_id(frozen.image.clone().filter(|_| theirs))
        .set_key_name(frozen.key_name.clone().filter(|_| theirs))
        .set_iam_instance_profile(profile)
        .set_instance_type(pool.instance_type.as_deref().map(InstanceType::from))
        .set_subnet_id(pool.subnet.clone())
        .set_weighted_capacity(weight(pool, plan))
        .set_priority(priority(pool, frozen))
        .set_max_price(frozen.max_spot_price.clone().filter(|_| pool.price_type == PriceType::Spot))
        .set_instance_requirements(
            frozen.fleet.requirements.as_ref().filter(|_| pool.instance_type.is_none()).map(requirements::of_fleet),
        )
        .build()
}

/// Interrupted hosts end: Symphony has no use for one that is stopped. Section 5.1 has the strategies.
fn spot_options(frozen: &FrozenParameters) -> SpotOptionsRequest {
    let fleet = &frozen.fleet;
    let strategy = match fleet.spot_strategy {
        Some(AllocationStrategy::LowestPrice) => SpotAllocationStrategy::LowestPrice,
        Some(AllocationStrategy::Diversified) => SpotAllocationStrategy::Diversified,
        Some(AllocationStrategy::CapacityOptimized) => SpotAllocationStrategy::CapacityOptimized,
        Some(AllocationStrategy::CapacityOptimizedPrioritized) => SpotAllocationStrategy::CapacityOptimizedPrioritized,
        None if !fleet.priorities.is_empty() => SpotAllocationStrategy::CapacityOptimizedPrioritized,
        Some(AllocationStrategy::PriceCapacityOptimized | AllocationStrategy::Prioritized) | None => {
            SpotAllocationStrategy::PriceCapacityOptimized
        }
    };
    SpotOptionsRequest::builder()
        .allocation_strategy(strategy)
        .set_instance_pools_to_use_count(fleet.pools_count.map(|count| i32::try_from(count).unwrap_or(i32::MAX)))
        .instance_interruption_behavior(SpotInstanceInterruptionBehavior::Terminate)
        .build()
}

fn on_demand_options(frozen: &FrozenParameters) -> OnDemandOptionsRequest {
    let strategy = match frozen.fleet.on_demand_strategy {
        Some(AllocationStrategy::Prioritized) => FleetOnDemandAllocationStrategy::Prioritized,
        None if !frozen.fleet.priorities.is_empty() => FleetOnDemandAllocationStrategy::Prioritized,
        Some(_) | None => FleetOnDemandAllocationStrategy::LowestPrice,
    };
    OnDemandOptionsRequest::builder().allocation_strategy(strategy).build()
}

/// Returns why pools gave nothing or too little: each cause of the list once, with its pool where the list tells.
pub(super) fn refusals(attempt: &Attempt, errors: &[CreateFleetError]) -> Vec<Refusal> {
    let mut refusals: Vec<Refusal> = Vec::new();
    for error in errors {
        let code = error.error_code().map(|code| plain(code, 100));
        let text = error.error_message().map(explained).unwrap_or_default();
        let class = match error.error_code() {
            // What RunInstances calls Unsupported: the zone does not have the type. The other pools may have hosts.
            Some("InvalidFleetConfiguration") if text.contains("not supported in your requested Availability Zone") => {
                FailureClass::Capacity
            }
            code => code.and_then(class_of).unwrap_or(FailureClass::Unknown),
        };
        let message = match &code {
            Some(code) => format!("{}: {CREATE} failed. Error Code: {code}. {text}", class.word()),
            None => format!("{}: {CREATE} failed. {text}", class.word()),
        };
        let refusal = Refusal { pool: pool_of(attempt, error), class, code, message };
        let is_known = |known: &Refusal| (&known.pool, &known.code) == (&refusal.pool, &refusal.code);
        if !refusals.iter().any(is_known) {
            refusals.push(refusal);
        }
    }
    refusals
}

/// The pool of an attempt that an error is about.
fn pool_of(attempt: &Attempt, error: &CreateFleetError) -> Option<Pool> {
    let place = error.launch_template_and_overrides()?.overrides()?;
    let spot = error.lifecycle() == Some(&InstanceLifecycle::Spot);
    let fits = |pool: &&Pool| {
        pool.price_type.is_spot() == spot
            && pool.subnet.as_deref() == place.subnet_id()
            && pool.instance_type.as_deref() == place.instance_type().map(InstanceType::as_str)
    };
    attempt.pools.iter().find(fits).cloned()
}

/// How long one send of an instant fleet may take: it answers once its hosts are launched (section 12).
pub(super) const INSTANT_TIMEOUT: Duration = Duration::from_mins(1);
