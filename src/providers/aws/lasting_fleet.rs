//! Hosts through EC2 Fleets that launch by themselves: `request` until everything is there, `maintain` for good
//! (`aws-semantics.md` section 4).
//!
//! Invariants: a fleet of type `request` is held by deleting its record, one of type `maintain` by lowering its target, each
//! in a way that ends no host (4.5); a target is never raised.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_ec2::types::{
    DeleteFleetErrorCode, FleetActivityStatus, FleetData, FleetExcessCapacityTerminationPolicy, FleetStateCode,
    FleetType, TargetCapacitySpecification, TargetCapacitySpecificationRequest,
};
use aws_smithy_types::DateTime;

use super::client::{ClientSource, Clients};
use super::codes::class_in;
use super::error::{explained, incomplete, provider_error};
use super::fleet::{self, CREATE, Sources};
use super::lasting::lasting_ways;
use super::launch_template::Tagging;
use super::limit::Call;
use super::overlay::Overlay;
use super::parameters::FrozenParameters;
use super::retry::{self, Policy};
use super::{launch_template, observation, prepare, rehearsal, tags, terminate, user_data};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::ports::{
    Acquired, Fulfilment, Hold, Keep, Launch, Leftover, Owner, Progress, Rehearsal, Released,
};
use crate::domain::request::{Attempt, LaunchPlan, Refusal};
use crate::domain::template::{ProviderApi, Template};
use crate::domain::{FailureClass, InstallationId, MachineId, Timestamp};

const DESCRIBE: &str = "DescribeFleets";
const HISTORY: &str = "DescribeFleetHistory";
const MODIFY: &str = "ModifyFleet";
const DELETE: &str = "DeleteFleets";
/// How long a fleet goes on launching when the template does not say; it is held long before.
const VALID_FOR: Duration = Duration::from_hours(1);
/// Between two looks at a fleet that is being changed.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

lasting_ways! {
    /// Gets hosts through EC2 Fleets of type `request`.
    RequestFleet = Ec2FleetRequest of Request;
    /// Gets hosts through EC2 Fleets of type `maintain`.
    MaintainFleet = Ec2FleetMaintain of Maintain;
}

/// A fleet that does not launch any more is none that has to be held.
fn launches(fleet: &FleetData) -> bool {
    matches!(
        fleet.fleet_state(),
        Some(FleetStateCode::Submitted | FleetStateCode::Active | FleetStateCode::Modifying) | None
    )
}

/// Returns until when what launches by itself does so for an attempt, whatever becomes of us.
pub(super) fn valid_until(attempt: &Attempt, plan: &LaunchPlan) -> Timestamp {
    attempt.recorded_at.after(plan.fill_seconds.map_or(VALID_FOR, Duration::from_secs))
}

/// Makes the fleet of an attempt. It tells its hosts later.
async fn make(source: &dyn ClientSource, kind: FleetType, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
    let frozen = FrozenParameters::from_plan(CREATE, &launch.plan.parameters)?;
    let clients = source.clients().await?;
    let user_data = match user_data::encoded(CREATE, launch.user_data, frozen.user_data_digest.as_ref()) {
        Ok(user_data) => user_data,
        // The attempt may have been sent before the script changed.
        Err(error) => return find(source, launch).await?.ok_or(error),
    };
    let sources = Sources::of(&frozen, launch.attempt, user_data.as_ref(), Tagging::ByTheTemplate);
    let policy = Policy::creates(source.settings());
    let until = DateTime::from_secs(valid_until(launch.attempt, launch.plan).as_seconds());
    let call = fleet::of_attempt(&clients.ec2, kind.clone(), launch.attempt, launch.plan, &frozen, &sources)
        .valid_until(until)
        .terminate_instances_with_expiration(false)
        .set_excess_capacity_termination_policy(
            (kind == FleetType::Maintain).then_some(FleetExcessCapacityTerminationPolicy::NoTermination),
        )
        // A host that AWS finds unhealthy is Symphony's to judge.
        .set_replace_unhealthy_instances((kind == FleetType::Maintain).then_some(false));
    let overlay = Overlay(frozen.native.call.clone());
    let limit = Call { operation: CREATE, hosts: 0 };
    let send = || {
        retry::send(&clients.gate, limit, policy, || async {
            let call = call.clone().customize().interceptor(overlay.clone());
            let answer = call.send().await.map_err(|error| provider_error(CREATE, &error))?;
            answer.fleet_id().map(str::to_owned).ok_or_else(|| incomplete(CREATE, "missing field fleet_id"))
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

/// Returns every fleet that launches, of either type. AWS has no filter for tags or tokens of fleets.
async fn all(source: &dyn ClientSource) -> Result<Vec<FleetData>, ProviderError> {
    let clients = source.clients().await?;
    let lasting = observation::filter("type", ["request", "maintain"]);
    let launching = observation::filter("fleet-state", ["submitted", "active", "modifying"]);
    observation::all_pages(clients, DESCRIBE, Policy::describes(source.settings()), |token| {
        let filters = vec![lasting.clone(), launching.clone()];
        async move {
            let call = clients.ec2.describe_fleets().set_filters(Some(filters)).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(DESCRIBE, &error))?;
            Ok((answer.fleets.unwrap_or_default(), answer.next_token))
        }
    })
    .await
}

/// The fleets of this type that launch, with our tags.
async fn leftovers(source: &dyn ClientSource, kind: &FleetType) -> Result<Vec<Leftover>, ProviderError> {
    let fleets = all(source).await?;
    let of_type = fleets.iter().filter(|fleet| fleet.r#type() == Some(kind));
    Ok(of_type.filter_map(|fleet| tags::leftover(fleet.fleet_id()?, fleet.tags())).collect())
}

/// Finds the fleet of an attempt by its token.
async fn find(source: &dyn ClientSource, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
    let fleets = all(source).await?;
    let own = fleets.iter().find(|fleet| fleet.client_token() == Some(launch.attempt.token.as_str()));
    let resource = own.and_then(|fleet| fleet.fleet_id()).map(str::to_owned);
    Ok(resource.map(|id| Acquired { resource: Some(id), filling: true, ..Acquired::default() }))
}

/// Returns a fleet as it stands; `None` for one that is gone.
async fn look(source: &dyn ClientSource, id: &str) -> Result<Option<FleetData>, ProviderError> {
    let clients = source.clients().await?;
    let answer = retry::send(&clients.gate, DESCRIBE, Policy::describes(source.settings()), || async {
        let answer = clients.ec2.describe_fleets().fleet_ids(id).send().await;
        answer.map_err(|error| provider_error(DESCRIBE, &error))
    })
    .await;
    match answer {
        Ok(answer) => Ok(answer.fleets.unwrap_or_default().into_iter().find(|fleet| fleet.fleet_id() == Some(id))),
        Err(error) if error.class == FailureClass::Gone => Ok(None),
        Err(error) => Err(error),
    }
}

/// Tells how far a fleet has come; what it could not launch is in its history alone (4.4).
async fn progress(source: &dyn ClientSource, id: &str) -> Result<Progress, ProviderError> {
    let Some(found) = look(source, id).await? else { return Ok(Progress { over: true, refusals: Vec::new() }) };
    let over = !launches(&found) || found.fleet_state() == Some(&FleetStateCode::Failed);
    let in_trouble = over || found.activity_status() != Some(&FleetActivityStatus::Fulfilled);
    let refusals = if in_trouble { troubles(source, &found, id).await? } else { Vec::new() };
    Ok(Progress { over, refusals })
}

/// What a fleet's history tells of launches that failed, each cause once.
async fn troubles(source: &dyn ClientSource, found: &FleetData, id: &str) -> Result<Vec<Refusal>, ProviderError> {
    let clients = source.clients().await?;
    let since = found.create_time().copied().unwrap_or_else(|| DateTime::from_secs(0));
    let policy = Policy::describes(source.settings());
    let records = observation::all_pages(clients, HISTORY, policy, |token| async move {
        let call = clients.ec2.describe_fleet_history().fleet_id(id).start_time(since).set_next_token(token);
        let answer = call.send().await.map_err(|error| provider_error(HISTORY, &error))?;
        Ok((answer.history_records.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let mut refusals: Vec<Refusal> = Vec::new();
    for record in records {
        let Some(event) = record.event_information() else { continue };
        let text = event.event_description().unwrap_or_default();
        let what = event.event_sub_type().unwrap_or_default();
        let Some((code, class)) = class_in(text).or_else(|| class_in(what)) else { continue };
        let message = format!("{}: {id} could not launch. Error Code: {code}. {}", class.word(), explained(text));
        let refusal = Refusal { pool: None, class, code: Some(code.to_owned()), message };
        if !refusals.iter().any(|known| known.code == refusal.code) {
            refusals.push(refusal);
        }
    }
    Ok(refusals)
}

/// Removes the record of a fleet, and the launch template that was made for its request; its hosts live on.
async fn remove(source: &dyn ClientSource, id: &str) -> Result<(), ProviderError> {
    let Some(found) = look(source, id).await? else { return Ok(()) };
    if launches(&found) {
        delete(source, id).await?;
    }
    launch_template::remove_of_request(source, templates_of(&found)).await;
    Ok(())
}

/// The names of the launch templates that a fleet launches from.
fn templates_of(fleet: &FleetData) -> impl Iterator<Item = &str> {
    let templates = fleet.launch_template_configs().iter().filter_map(|config| config.launch_template_specification());
    templates.filter_map(|template| template.launch_template_name())
}

async fn sweep(
    source: &dyn ClientSource,
    installation: &InstallationId,
    api: ProviderApi,
) -> Result<(), ProviderError> {
    let fleets = all(source).await?;
    let in_use = fleets.iter().flat_map(templates_of).map(str::to_owned).collect();
    launch_template::sweep(source, installation, Some(api), &in_use).await
}

async fn delete(source: &dyn ClientSource, id: &str) -> Result<(), ProviderError> {
    let clients = source.clients().await?;
    let answer = retry::send(&clients.gate, DELETE, Policy::creates(source.settings()), || async {
        let answer = clients.ec2.delete_fleets().fleet_ids(id).terminate_instances(false).send().await;
        answer.map_err(|error| provider_error(DELETE, &error))
    })
    .await?;
    let failure = answer.unsuccessful_fleet_deletions().iter().find_map(|failed| failed.error());
    match failure.map(|error| (error.code(), error.message())) {
        None | Some((Some(DeleteFleetErrorCode::FleetIdDoesNotExist), _)) => Ok(()),
        // It is being deleted already, or launches nothing any more (4.6).
        Some((Some(DeleteFleetErrorCode::FleetNotInDeletableState), _)) => {
            let found = look(source, id).await?;
            if found.as_ref().is_some_and(launches) {
                let text = format!("{id} cannot be deleted at present");
                return Err(ProviderError::new(DELETE, FailureClass::Busy, text));
            }
            Ok(())
        }
        Some((code, message)) => {
            let code = code.map(|code| code.as_str().to_owned());
            let text = message.map(explained).unwrap_or_default();
            Err(ProviderError { code, ..ProviderError::new(DELETE, FailureClass::Server, text) })
        }
    }
}

/// Lowers the target of a fleet to what it keeps, and waits until that is in force (4.5).
async fn shrink(source: &dyn ClientSource, id: &str, keep: Keep) -> Result<Hold, ProviderError> {
    let clients = source.clients().await?;
    loop {
        let Some(found) = look(source, id).await?.filter(launches) else { return Ok(Hold::Holds) };
        let target = found.target_capacity_specification();
        let total = target.and_then(TargetCapacitySpecification::total_target_capacity);
        let total = total.ok_or_else(|| incomplete(DESCRIBE, "missing field total_target_capacity"))?;
        let wanted = i32::try_from(keep.total()).unwrap_or(i32::MAX);
        let changing = found.fleet_state() == Some(&FleetStateCode::Modifying);
        match (changing, total <= wanted) {
            (false, true) => return Ok(Hold::Holds),
            (false, false) => {
                let of = |units: Option<i32>, most: u32| {
                    units.unwrap_or(0).min(i32::try_from(most).unwrap_or(i32::MAX)).min(wanted)
                };
                let on_demand = of(
                    target.and_then(TargetCapacitySpecification::on_demand_target_capacity),
                    keep.on_demand.saturating_add(keep.more),
                );
                lower(clients, Policy::creates(source.settings()), id, wanted, on_demand).await?;
            }
            (true, _) => {}
        }
        if !Budget::current().allows_new_step() {
            return Ok(Hold::NotYet(format!("{id} is being changed; the next call goes on")));
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

async fn lower(clients: &Clients, policy: Policy, id: &str, total: i32, on_demand: i32) -> Result<(), ProviderError> {
    let target = TargetCapacitySpecificationRequest::builder()
        .total_target_capacity(total)
        .on_demand_target_capacity(on_demand)
        .spot_target_capacity(total - on_demand)
        .build();
    let changed = retry::send(&clients.gate, MODIFY, policy, || async {
        let call = clients.ec2.modify_fleet().fleet_id(id).target_capacity_specification(target.clone());
        // With the default policy the fleet would choose hosts to end by itself.
        let call = call.excess_capacity_termination_policy(FleetExcessCapacityTerminationPolicy::NoTermination);
        call.send().await.map_err(|error| provider_error(MODIFY, &error))
    })
    .await;
    match changed {
        Ok(_) => Ok(()),
        // Somebody else is changing it; it is looked at again.
        Err(error) if error.class == FailureClass::Busy => Ok(()),
        Err(error) => Err(error),
    }
}
