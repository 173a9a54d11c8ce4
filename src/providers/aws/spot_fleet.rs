//! Spot Fleet requests, the older kin of EC2 Fleets (`aws-semantics.md` section 5).

use aws_sdk_ec2::types::{
    ActivityStatus, AllocationStrategy as SpotStrategy, BatchState, CancelBatchErrorCode,
    ExcessCapacityTerminationPolicy, FleetLaunchTemplateSpecification, FleetType, InstanceInterruptionBehavior,
    InstanceType, LaunchTemplateConfig, LaunchTemplateOverrides, OnDemandAllocationStrategy, ResourceType,
    SpotFleetRequestConfig, SpotFleetRequestConfigData, Tag, TagSpecification,
};
use aws_smithy_types::DateTime;

use super::client::Clients;
use super::error::{explained, incomplete, provider_error};
use super::fleet::{self, Split};
use super::lasting::{Activity, Order, Service, Standing};
use super::launch_template::VERSION;
use super::overlay::Overlay;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{observation, requirements};
use crate::application::ProviderError;
use crate::domain::FailureClass;
use crate::domain::request::{LaunchPlan, Pool};
use crate::domain::template::{AllocationStrategy, PriceType};

const REQUEST: &str = "RequestSpotFleet";
const DESCRIBE: &str = "DescribeSpotFleetRequests";
const HISTORY: &str = "DescribeSpotFleetRequestHistory";
const MODIFY: &str = "ModifySpotFleetRequest";
const CANCEL: &str = "CancelSpotFleetRequests";

/// Spot Fleet requests.
pub(super) struct SpotFleets;

/// What is asked for, the token included: the SDK sets none by itself.
fn configuration(order: &Order<'_>) -> SpotFleetRequestConfigData {
    let Order { kind, attempt, plan, frozen, sources, until } = *order;
    let wanted = Split::of(attempt, frozen.fleet.on_demand_share);
    let templates = fleet::by_template(attempt, |pool| sources.own_name(pool));
    let configurations = templates
        .into_iter()
        .map(|(name, pools)| {
            let template = FleetLaunchTemplateSpecification::builder().set_launch_template_name(name).version(VERSION);
            LaunchTemplateConfig::builder()
                .launch_template_specification(template.build())
                .set_overrides(Some(pools.into_iter().map(|pool| overrides(pool, plan, frozen)).collect()))
                .build()
        })
        .collect();
    let tags = frozen.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let tags = TagSpecification::builder().resource_type(ResourceType::SpotFleetRequest).set_tags(Some(tags)).build();
    SpotFleetRequestConfigData::builder()
        .client_token(attempt.token.as_str())
        .set_type(Some(kind.clone()))
        .set_iam_fleet_role(frozen.fleet.role.clone())
        .target_capacity(wanted.on_demand.saturating_add(wanted.spot))
        .on_demand_target_capacity(wanted.on_demand)
        .allocation_strategy(spot_strategy(frozen))
        .on_demand_allocation_strategy(on_demand_strategy(frozen))
        .set_instance_pools_to_use_count(frozen.fleet.pools_count.map(|count| i32::try_from(count).unwrap_or(i32::MAX)))
        .instance_interruption_behavior(InstanceInterruptionBehavior::Terminate)
        .set_launch_template_configs(Some(configurations))
        .set_excess_capacity_termination_policy(
            (*kind == FleetType::Maintain).then_some(ExcessCapacityTerminationPolicy::NoTermination),
        )
        .replace_unhealthy_instances(false)
        .terminate_instances_with_expiration(false)
        .valid_until(until)
        .set_context(frozen.fleet.context.clone())
        .tag_specifications(tags)
        .build()
}

fn overrides(pool: &Pool, plan: &LaunchPlan, frozen: &FrozenParameters) -> LaunchTemplateOverrides {
    let by_traits = frozen.fleet.requirements.as_ref().filter(|_| pool.instance_type.is_none());
    LaunchTemplateOverrides::builder()
        .set_instance_type(pool.instance_type.as_deref().map(InstanceType::from))
        .set_subnet_id(pool.subnet.clone())
        .set_weighted_capacity(fleet::weight(pool, plan))
        .set_priority(fleet::priority(pool, frozen))
        .set_spot_price(frozen.max_spot_price.clone().filter(|_| pool.price_type == PriceType::Spot))
        .set_instance_requirements(by_traits.map(requirements::of_spot_fleet))
        .build()
}

fn spot_strategy(frozen: &FrozenParameters) -> SpotStrategy {
    match frozen.fleet.spot_strategy {
        Some(AllocationStrategy::LowestPrice) => SpotStrategy::LowestPrice,
        Some(AllocationStrategy::Diversified) => SpotStrategy::Diversified,
        Some(AllocationStrategy::CapacityOptimized) => SpotStrategy::CapacityOptimized,
        Some(AllocationStrategy::CapacityOptimizedPrioritized) => SpotStrategy::CapacityOptimizedPrioritized,
        None if !frozen.fleet.priorities.is_empty() => SpotStrategy::CapacityOptimizedPrioritized,
        Some(AllocationStrategy::PriceCapacityOptimized | AllocationStrategy::Prioritized) | None => {
            SpotStrategy::PriceCapacityOptimized
        }
    }
}

fn on_demand_strategy(frozen: &FrozenParameters) -> OnDemandAllocationStrategy {
    match frozen.fleet.on_demand_strategy {
        Some(AllocationStrategy::Prioritized) => OnDemandAllocationStrategy::Prioritized,
        None if !frozen.fleet.priorities.is_empty() => OnDemandAllocationStrategy::Prioritized,
        Some(_) | None => OnDemandAllocationStrategy::LowestPrice,
    }
}

fn standing(request: SpotFleetRequestConfig) -> Option<Standing> {
    let data = request.spot_fleet_request_config.as_ref();
    let templates = data.map(SpotFleetRequestConfigData::launch_template_configs).unwrap_or_default();
    let templates = templates.iter().filter_map(|config| config.launch_template_specification());
    Some(Standing {
        kind: data.and_then(|data| data.r#type().cloned()),
        token: data.and_then(|data| data.client_token().map(str::to_owned)),
        launches: matches!(
            request.spot_fleet_request_state,
            Some(BatchState::Submitted | BatchState::Active | BatchState::Modifying) | None
        ),
        changing: request.spot_fleet_request_state == Some(BatchState::Modifying),
        activity: match request.activity_status {
            Some(ActivityStatus::Fulfilled) => Activity::Fulfilled,
            Some(ActivityStatus::Error) => Activity::Failing,
            _ => Activity::Filling,
        },
        made_at: request.create_time,
        target: data.and_then(SpotFleetRequestConfigData::target_capacity),
        on_demand_target: data.and_then(SpotFleetRequestConfigData::on_demand_target_capacity).unwrap_or(0),
        templates: templates.filter_map(|template| template.launch_template_name()).map(str::to_owned).collect(),
        tags: request.tags.unwrap_or_default(),
        id: request.spot_fleet_request_id?,
    })
}

impl Service for SpotFleets {
    const CREATE: &'static str = REQUEST;
    const DESCRIBE: &'static str = DESCRIBE;

    async fn create(clients: &Clients, order: &Order<'_>) -> Result<String, ProviderError> {
        let call = clients.ec2.request_spot_fleet().spot_fleet_request_config(configuration(order));
        let call = call.customize().interceptor(Overlay(order.frozen.native.call.clone()));
        let answer = call.send().await.map_err(|error| provider_error(REQUEST, &error))?;
        answer.spot_fleet_request_id.ok_or_else(|| incomplete(REQUEST, "missing field spot_fleet_request_id"))
    }

    async fn described(clients: &Clients, policy: Policy, id: Option<&str>) -> Result<Vec<Standing>, ProviderError> {
        let requests = observation::all_pages(clients, DESCRIBE, policy, |token| async move {
            let ids = id.map(|id| vec![id.to_owned()]);
            let call = clients.ec2.describe_spot_fleet_requests().set_spot_fleet_request_ids(ids).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(DESCRIBE, &error))?;
            Ok((answer.spot_fleet_request_configs.unwrap_or_default(), answer.next_token))
        })
        .await?;
        Ok(requests.into_iter().filter_map(standing).collect())
    }

    async fn history(
        clients: &Clients,
        policy: Policy,
        id: &str,
        since: DateTime,
    ) -> Result<Vec<(String, String)>, ProviderError> {
        let records = observation::all_pages(clients, HISTORY, policy, |token| async move {
            let call = clients.ec2.describe_spot_fleet_request_history().spot_fleet_request_id(id).start_time(since);
            let answer = call.set_next_token(token).send().await.map_err(|error| provider_error(HISTORY, &error))?;
            Ok((answer.history_records.unwrap_or_default(), answer.next_token))
        })
        .await?;
        let events = records.into_iter().filter_map(|record| record.event_information);
        Ok(events
            .map(|event| (event.event_sub_type.unwrap_or_default(), event.event_description.unwrap_or_default()))
            .collect())
    }

    async fn lower(
        clients: &Clients,
        policy: Policy,
        id: &str,
        total: i32,
        on_demand: i32,
    ) -> Result<(), ProviderError> {
        retry::send(&clients.gate, MODIFY, policy, || async {
            let call = clients.ec2.modify_spot_fleet_request().spot_fleet_request_id(id);
            // With the default policy the request would choose hosts to end by itself.
            let call = call.excess_capacity_termination_policy(ExcessCapacityTerminationPolicy::NoTermination);
            let call = call.target_capacity(total).on_demand_target_capacity(on_demand);
            call.send().await.map_err(|error| provider_error(MODIFY, &error))
        })
        .await
        .map(drop)
    }

    async fn delete(clients: &Clients, policy: Policy, id: &str) -> Result<(), ProviderError> {
        let answer = retry::send(&clients.gate, CANCEL, policy, || async {
            let call = clients.ec2.cancel_spot_fleet_requests().spot_fleet_request_ids(id).terminate_instances(false);
            call.send().await.map_err(|error| provider_error(CANCEL, &error))
        })
        .await?;
        let failure = answer.unsuccessful_fleet_requests().iter().find_map(|failed| failed.error());
        match failure.map(|error| (error.code(), error.message())) {
            None | Some((Some(CancelBatchErrorCode::FleetRequestIdDoesNotExist), _)) => Ok(()),
            Some((Some(CancelBatchErrorCode::FleetRequestNotInCancellableState), _)) => {
                let text = format!("{id} cannot be cancelled at present");
                Err(ProviderError::new(CANCEL, FailureClass::Busy, text))
            }
            Some((code, message)) => {
                let code = code.map(|code| code.as_str().to_owned());
                let text = message.map(explained).unwrap_or_default();
                Err(ProviderError { code, ..ProviderError::new(CANCEL, FailureClass::Server, text) })
            }
        }
    }
}
