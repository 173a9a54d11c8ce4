//! EC2 Fleets of type `request` and `maintain` (`aws-semantics.md` section 4).

use aws_sdk_ec2::types::{
    DeleteFleetErrorCode, FleetActivityStatus, FleetData, FleetExcessCapacityTerminationPolicy, FleetStateCode,
    FleetType, TargetCapacitySpecification, TargetCapacitySpecificationRequest,
};
use aws_smithy_types::DateTime;

use super::client::Clients;
use super::error::{explained, incomplete, provider_error};
use super::lasting::{Activity, Order, Service, Standing};
use super::overlay::Overlay;
use super::retry::{self, Policy};
use super::{fleet, observation};
use crate::application::ProviderError;
use crate::domain::FailureClass;

const DESCRIBE: &str = "DescribeFleets";
const HISTORY: &str = "DescribeFleetHistory";
const MODIFY: &str = "ModifyFleet";
const DELETE: &str = "DeleteFleets";

/// EC2's own fleets.
pub(super) struct Ec2Fleets;

fn standing(fleet: FleetData) -> Option<Standing> {
    let target = fleet.target_capacity_specification.as_ref();
    let templates = fleet.launch_template_configs.iter().flatten();
    let templates = templates.filter_map(|config| config.launch_template_specification());
    Some(Standing {
        kind: fleet.r#type.clone(),
        token: fleet.client_token.clone(),
        // An instant fleet that another plug-in made has launched what it will; to delete it would end its hosts.
        launches: fleet.r#type != Some(FleetType::Instant)
            && matches!(
                fleet.fleet_state,
                Some(FleetStateCode::Submitted | FleetStateCode::Active | FleetStateCode::Modifying) | None
            ),
        changing: fleet.fleet_state == Some(FleetStateCode::Modifying),
        activity: match fleet.activity_status {
            Some(FleetActivityStatus::Fulfilled) => Activity::Fulfilled,
            Some(FleetActivityStatus::Error) => Activity::Failing,
            _ => Activity::Filling,
        },
        made_at: fleet.create_time,
        target: target.and_then(TargetCapacitySpecification::total_target_capacity),
        on_demand_target: target.and_then(TargetCapacitySpecification::on_demand_target_capacity).unwrap_or(0),
        templates: templates.filter_map(|template| template.launch_template_name()).map(str::to_owned).collect(),
        tags: fleet.tags.unwrap_or_default(),
        id: fleet.fleet_id?,
    })
}

impl Service for Ec2Fleets {
    const CREATE: &'static str = fleet::CREATE;
    const DESCRIBE: &'static str = DESCRIBE;

    async fn create(clients: &Clients, order: &Order<'_>) -> Result<String, ProviderError> {
        let maintains = *order.kind == FleetType::Maintain;
        let Order { attempt, plan, frozen, sources, .. } = order;
        let answer = fleet::of_attempt(&clients.ec2, order.kind.clone(), attempt, plan, frozen, sources)
            .valid_until(order.until)
            .terminate_instances_with_expiration(false)
            .set_excess_capacity_termination_policy(
                maintains.then_some(FleetExcessCapacityTerminationPolicy::NoTermination),
            )
            // A host that AWS finds unhealthy is Symphony's to judge.
            .set_replace_unhealthy_instances(maintains.then_some(false))
            .customize()
            .interceptor(Overlay(frozen.native.call.clone()))
            .send()
            .await
            .map_err(|error| provider_error(Self::CREATE, &error))?;
        answer.fleet_id.ok_or_else(|| incomplete(Self::CREATE, "missing field fleet_id"))
    }

    async fn described(clients: &Clients, policy: Policy, id: Option<&str>) -> Result<Vec<Standing>, ProviderError> {
        // A fleet that is named is told whatever it is doing.
        let filters = id.is_none().then(|| {
            let launching = observation::filter("fleet-state", ["submitted", "active", "modifying"]);
            vec![observation::filter("type", ["request", "maintain"]), launching]
        });
        let fleets = observation::all_pages(clients, DESCRIBE, policy, |token| {
            let call = clients.ec2.describe_fleets().set_filters(filters.clone()).set_next_token(token);
            let call = call.set_fleet_ids(id.map(|id| vec![id.to_owned()]));
            async move {
                let answer = call.send().await.map_err(|error| provider_error(DESCRIBE, &error))?;
                Ok((answer.fleets.unwrap_or_default(), answer.next_token))
            }
        })
        .await?;
        Ok(fleets.into_iter().filter_map(standing).collect())
    }

    async fn history(
        clients: &Clients,
        policy: Policy,
        id: &str,
        since: DateTime,
    ) -> Result<Vec<(String, String)>, ProviderError> {
        let records = observation::all_pages(clients, HISTORY, policy, |token| async move {
            let call = clients.ec2.describe_fleet_history().fleet_id(id).start_time(since).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(HISTORY, &error))?;
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
        let target = TargetCapacitySpecificationRequest::builder()
            .total_target_capacity(total)
            .on_demand_target_capacity(on_demand)
            .spot_target_capacity(total - on_demand)
            .build();
        retry::send(&clients.gate, MODIFY, policy, || async {
            let call = clients.ec2.modify_fleet().fleet_id(id).target_capacity_specification(target.clone());
            // With the default policy the fleet would choose hosts to end by itself.
            let call = call.excess_capacity_termination_policy(FleetExcessCapacityTerminationPolicy::NoTermination);
            call.send().await.map_err(|error| provider_error(MODIFY, &error))
        })
        .await
        .map(drop)
    }

    async fn delete(clients: &Clients, policy: Policy, id: &str) -> Result<(), ProviderError> {
        let answer = retry::send(&clients.gate, DELETE, policy, || async {
            let answer = clients.ec2.delete_fleets().fleet_ids(id).terminate_instances(false).send().await;
            answer.map_err(|error| provider_error(DELETE, &error))
        })
        .await?;
        let failure = answer.unsuccessful_fleet_deletions().iter().find_map(|failed| failed.error());
        match failure.map(|error| (error.code(), error.message())) {
            None | Some((Some(DeleteFleetErrorCode::FleetIdDoesNotExist), _)) => Ok(()),
            Some((Some(DeleteFleetErrorCode::FleetNotInDeletableState), _)) => {
                let text = format!("{id} cannot be deleted at present");
                Err(ProviderError::new(DELETE, FailureClass::Busy, text))
            }
            Some((code, message)) => {
                let code = code.map(|code| code.as_str().to_owned());
                let text = message.map(explained).unwrap_or_default();
                Err(ProviderError { code, ..ProviderError::new(DELETE, FailureClass::Server, text) })
            }
        }
    }
}
