//! Hosts through Spot Fleet requests, the older kin of EC2 Fleets (`aws-semantics.md` section 5).
//!
//! Invariants: as in [`super::lasting_fleet`]; a request is cancelled in a way that ends no host.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    ActivityStatus, AllocationStrategy as SpotStrategy, BatchState, CancelBatchErrorCode,
    ExcessCapacityTerminationPolicy, FleetLaunchTemplateSpecification, FleetType, InstanceInterruptionBehavior,
    InstanceType, LaunchTemplateConfig, LaunchTemplateOverrides, OnDemandAllocationStrategy, ResourceType,
    SpotFleetRequestConfig, SpotFleetRequestConfigData, Tag, TagSpecification,
};
use aws_smithy_types::DateTime;

use super::client::ClientSource;
use super::codes::class_in;
use super::error::{explained, incomplete, provider_error};
use super::fleet::{self, Sources, Split};
use super::lasting::lasting_ways;
use super::launch_template::{Tagging, VERSION};
use super::overlay::Overlay;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{
    lasting_fleet, launch_template, observation, prepare, rehearsal, requirements, tags, terminate, user_data,
};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::{
    Acquired, Fulfilment, Hold, Keep, Launch, Leftover, Owner, Progress, Rehearsal, Released,
};
use crate::domain::request::{Attempt, LaunchPlan, Pool, Refusal};
use crate::domain::template::{AllocationStrategy, PriceType, ProviderApi, Template};
use crate::domain::{FailureClass, InstallationId, MachineId};

const REQUEST: &str = "RequestSpotFleet";
const DESCRIBE: &str = "DescribeSpotFleetRequests";
const HISTORY: &str = "DescribeSpotFleetRequestHistory";
const MODIFY: &str = "ModifySpotFleetRequest";
const CANCEL: &str = "CancelSpotFleetRequests";
/// Between two looks at a request that is being changed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

lasting_ways! {
    /// Gets hosts through Spot Fleet requests of type `request`.
    RequestSpotFleet = SpotFleetRequest of Request;
    /// Gets hosts through Spot Fleet requests of type `maintain`.
    MaintainSpotFleet = SpotFleetMaintain of Maintain;
}

fn launches(request: &SpotFleetRequestConfig) -> bool {
    matches!(
        request.spot_fleet_request_state(),
        Some(BatchState::Submitted | BatchState::Active | BatchState::Modifying) | None
    )
}

/// What is asked for, the token included: the SDK sets none by itself.
fn configuration(
    kind: &FleetType,
    attempt: &Attempt,
    plan: &LaunchPlan,
    frozen: &FrozenParameters,
    sources: &Sources,
) -> SpotFleetRequestConfigData {
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
    let until = lasting_fleet::valid_until(attempt, plan);
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
        .valid_until(DateTime::from_secs(until.as_seconds()))
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

async fn make(source: &dyn ClientSource, kind: FleetType, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
    let frozen = FrozenParameters::from_plan(REQUEST, &launch.plan.parameters)?;
    let clients = source.clients().await?;
    let user_data = match user_data::encoded(REQUEST, launch.user_data, frozen.user_data_digest.as_ref()) {
        Ok(user_data) => user_data,
        Err(error) => return find(source, launch).await?.ok_or(error),
    };
    let sources = Sources::of(&frozen, launch.attempt, user_data.as_ref(), Tagging::ByTheTemplate);
    let policy = Policy::creates(source.settings());
    let configuration = configuration(&kind, launch.attempt, launch.plan, &frozen, &sources);
    let overlay = Overlay(frozen.native.call.clone());
    let send = || {
        retry::send(&clients.gate, REQUEST, policy, || async {
            let call = clients.ec2.request_spot_fleet().spot_fleet_request_config(configuration.clone());
            let call = call.customize().interceptor(overlay.clone());
            let answer = call.send().await.map_err(|error| provider_error(REQUEST, &error))?;
            let id = answer.spot_fleet_request_id().map(str::to_owned);
            id.ok_or_else(|| incomplete(REQUEST, "missing field spot_fleet_request_id"))
        })
    };
    sources.ensure(clients, policy).await?;
    let mut made = send().await;
    if made.as_ref().is_err_and(|error| error.class == FailureClass::Gone) {
        sources.forget(clients).await;
        sources.ensure(clients, policy).await?;
        made = send().await;
    }
    match made {
        Ok(id) => Ok(Acquired { resource: Some(id), filling: true, ..Acquired::default() }),
        Err(error) if error.class == FailureClass::Idempotency => find(source, launch).await?.ok_or(error),
        Err(error) => Err(error),
    }
}

/// Finds the request of an attempt by its token, among all there are: AWS has no filter for them.
async fn find(source: &dyn ClientSource, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
    let token = launch.attempt.token.as_str();
    let requests = described(source, None).await?;
    let own = requests
        .iter()
        .find(|request| request.spot_fleet_request_config().and_then(|data| data.client_token()) == Some(token));
    let resource = own.and_then(|request| request.spot_fleet_request_id()).map(str::to_owned);
    Ok(resource.map(|id| Acquired { resource: Some(id), filling: true, ..Acquired::default() }))
}

async fn described(source: &dyn ClientSource, id: Option<&str>) -> Result<Vec<SpotFleetRequestConfig>, ProviderError> {
    let clients = source.clients().await?;
    observation::all_pages(clients, DESCRIBE, Policy::describes(source.settings()), |token| async move {
        let ids = id.map(|id| vec![id.to_owned()]);
        let call = clients.ec2.describe_spot_fleet_requests().set_spot_fleet_request_ids(ids).set_next_token(token);
        let answer = call.send().await.map_err(|error| provider_error(DESCRIBE, &error))?;
        Ok((answer.spot_fleet_request_configs.unwrap_or_default(), answer.next_token))
    })
    .await
}

async fn look(source: &dyn ClientSource, id: &str) -> Result<Option<SpotFleetRequestConfig>, ProviderError> {
    match described(source, Some(id)).await {
        Ok(found) => Ok(found.into_iter().find(|request| request.spot_fleet_request_id() == Some(id))),
        Err(error) if error.class == FailureClass::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

async fn progress(source: &dyn ClientSource, id: &str) -> Result<Progress, ProviderError> {
    let Some(found) = look(source, id).await? else { return Ok(Progress { over: true, refusals: Vec::new() }) };
    let over = !launches(&found);
    let in_trouble = over || found.activity_status() != Some(&ActivityStatus::Fulfilled);
    if !in_trouble {
        return Ok(Progress { over, refusals: Vec::new() });
    }
    let clients = source.clients().await?;
    let since = found.create_time().copied().unwrap_or_else(|| DateTime::from_secs(0));
    let records = observation::all_pages(clients, HISTORY, Policy::describes(source.settings()), |token| async move {
        let call = clients.ec2.describe_spot_fleet_request_history().spot_fleet_request_id(id).start_time(since);
        let answer = call.set_next_token(token).send().await.map_err(|error| provider_error(HISTORY, &error))?;
        Ok((answer.history_records.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let mut refusals: Vec<Refusal> = Vec::new();
    for event in records.iter().filter_map(|record| record.event_information()) {
        let text = event.event_description().unwrap_or_default();
        let what = event.event_sub_type().unwrap_or_default();
        let Some((code, class)) = class_in(text).or_else(|| class_in(what)) else { continue };
        if refusals.iter().all(|known| known.code.as_deref() != Some(code)) {
            let message = format!("{}: {id} could not launch. Error Code: {code}. {}", class.word(), explained(text));
            refusals.push(Refusal { pool: None, class, code: Some(code.to_owned()), message });
        }
    }
    Ok(Progress { over, refusals })
}

/// Cancels a request, and removes the launch template that was made for it; its hosts live on.
async fn remove(source: &dyn ClientSource, id: &str) -> Result<(), ProviderError> {
    let Some(found) = look(source, id).await? else { return Ok(()) };
    if launches(&found) {
        cancel(source, id).await?;
    }
    launch_template::remove_of_request(source, templates_of(&found)).await;
    Ok(())
}

/// The names of the launch templates that a request launches from.
fn templates_of(request: &SpotFleetRequestConfig) -> impl Iterator<Item = &str> {
    let data = request.spot_fleet_request_config();
    let configurations = data.map(SpotFleetRequestConfigData::launch_template_configs).unwrap_or_default();
    let templates = configurations.iter().filter_map(|config| config.launch_template_specification());
    templates.filter_map(|template| template.launch_template_name())
}

async fn sweep(
    source: &dyn ClientSource,
    installation: &InstallationId,
    api: ProviderApi,
) -> Result<(), ProviderError> {
    let requests = described(source, None).await?;
    let in_use = requests.iter().filter(|r| launches(r)).flat_map(templates_of).map(str::to_owned).collect();
    launch_template::sweep(source, installation, Some(api), &in_use).await
}

/// The requests of this type that launch, with our tags.
async fn leftovers(source: &dyn ClientSource, kind: &FleetType) -> Result<Vec<Leftover>, ProviderError> {
    let requests = described(source, None).await?;
    let of_type = requests.iter().filter(|request| {
        launches(request) && request.spot_fleet_request_config().and_then(|data| data.r#type()) == Some(kind)
    });
    Ok(of_type.filter_map(|request| tags::leftover(request.spot_fleet_request_id()?, request.tags())).collect())
}

async fn cancel(source: &dyn ClientSource, id: &str) -> Result<(), ProviderError> {
    let clients = source.clients().await?;
    let answer = retry::send(&clients.gate, CANCEL, Policy::creates(source.settings()), || async {
        let call = clients.ec2.cancel_spot_fleet_requests().spot_fleet_request_ids(id).terminate_instances(false);
        call.send().await.map_err(|error| provider_error(CANCEL, &error))
    })
    .await?;
    let failure = answer.unsuccessful_fleet_requests().iter().find_map(|failed| failed.error());
    match failure.map(|error| (error.code(), error.message())) {
        None | Some((Some(CancelBatchErrorCode::FleetRequestIdDoesNotExist), _)) => Ok(()),
        Some((Some(CancelBatchErrorCode::FleetRequestNotInCancellableState), _)) => {
            if look(source, id).await?.as_ref().is_some_and(launches) {
                let text = format!("{id} cannot be cancelled at present");
                return Err(ProviderError::new(CANCEL, FailureClass::Busy, text));
            }
            Ok(())
        }
        Some((code, message)) => {
            let code = code.map(|code| code.as_str().to_owned());
            let text = message.map(explained).unwrap_or_default();
            Err(ProviderError { code, ..ProviderError::new(CANCEL, FailureClass::Server, text) })
        }
    }
}

/// Lowers the target of a request to what it keeps, and waits until that is in force (4.5).
async fn shrink(source: &dyn ClientSource, id: &str, keep: Keep) -> Result<Hold, ProviderError> {
    let clients = source.clients().await?;
    loop {
        let Some(found) = look(source, id).await?.filter(launches) else { return Ok(Hold::Holds) };
        let data = found.spot_fleet_request_config();
        let total = data.and_then(SpotFleetRequestConfigData::target_capacity);
        let total = total.ok_or_else(|| incomplete(DESCRIBE, "missing field target_capacity"))?;
        let wanted = i32::try_from(keep.total()).unwrap_or(i32::MAX);
        if found.spot_fleet_request_state() != Some(&BatchState::Modifying) {
            if total <= wanted {
                return Ok(Hold::Holds);
            }
            let most = i32::try_from(keep.on_demand.saturating_add(keep.more)).unwrap_or(i32::MAX).min(wanted);
            let on_demand = data.and_then(SpotFleetRequestConfigData::on_demand_target_capacity).unwrap_or(0).min(most);
            let changed = retry::send(&clients.gate, MODIFY, Policy::creates(source.settings()), || async {
                let call = clients.ec2.modify_spot_fleet_request().spot_fleet_request_id(id);
                // With the default policy the request would choose hosts to end by itself.
                let call = call.excess_capacity_termination_policy(ExcessCapacityTerminationPolicy::NoTermination);
                let call = call.target_capacity(wanted).on_demand_target_capacity(on_demand);
                call.send().await.map_err(|error| provider_error(MODIFY, &error))
            });
            match changed.await {
                Ok(_) => {}
                Err(error) if error.class == FailureClass::Busy => {}
                Err(error) => return Err(error),
            }
        }
        if !Budget::current().allows_new_step() {
            return Ok(Hold::NotYet(format!("{id} is being changed; the next call goes on")));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
