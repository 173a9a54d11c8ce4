//! What bears an owner tag beside hosts.

use aws_sdk_autoscaling::types::Filter;

use crate::application::ProviderError;
use crate::application::ports::{CloudResource, CloudResources, ResourceKind};
use crate::providers::aws::client::{ClientSource, Clients};
use crate::providers::aws::error::provider_error;
use crate::providers::aws::lasting::Service;
use crate::providers::aws::lasting_fleet::Ec2Fleets;
use crate::providers::aws::observation::{all_pages, filter};
use crate::providers::aws::retry::Policy;
use crate::providers::aws::spot_fleet::SpotFleets;
use crate::providers::aws::{sighting, tags};

const GROUPS: &str = "DescribeAutoScalingGroups";
const TEMPLATES: &str = "DescribeLaunchTemplates";

/// Lists fleets and groups that may launch, and launch templates. What one service does not tell leaves the others.
///
/// # Errors
/// [`ProviderError`] when there are no clients.
pub(super) async fn listed(source: &dyn ClientSource) -> Result<CloudResources, ProviderError> {
    let clients = source.clients().await?;
    let policy = Policy::describes(source.settings());
    let mut told = CloudResources::default();
    let parts = [
        fleets::<Ec2Fleets>(clients, policy, ResourceKind::Ec2Fleet).await,
        fleets::<SpotFleets>(clients, policy, ResourceKind::SpotFleet).await,
        groups(clients, policy).await,
        templates(clients, policy).await,
    ];
    for part in parts {
        match part {
            Ok(found) => told.found.extend(found),
            Err(error) => told.unread.push(error),
        }
    }
    Ok(told)
}

async fn fleets<S: Service>(
    clients: &Clients,
    policy: Policy,
    kind: ResourceKind,
) -> Result<Vec<CloudResource>, ProviderError> {
    let fleets = S::described(clients, policy, None).await?;
    let launching = fleets.into_iter().filter(|fleet| fleet.launches);
    Ok(launching
        .filter_map(|fleet| {
            let state = if fleet.changing { "being changed" } else { "active" };
            Some(CloudResource {
                kind,
                owner: tags::value_of(&fleet.tags, tags::OWNER)?,
                request: tags::value_of(&fleet.tags, tags::REQUEST),
                state: Some(
                    fleet.target.map_or_else(|| state.to_owned(), |target| format!("{state}, target {target}")),
                ),
                made_at: fleet.made_at.as_ref().and_then(sighting::timestamp),
                name: fleet.id,
            })
        })
        .collect())
}

async fn groups(clients: &Clients, policy: Policy) -> Result<Vec<CloudResource>, ProviderError> {
    let bears_tag = Filter::builder().name("tag-key").values(tags::OWNER).build();
    let groups = all_pages(clients, GROUPS, policy, |token| {
        let bears_tag = bears_tag.clone();
        async move {
            let call = clients.groups.describe_auto_scaling_groups().filters(bears_tag).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(GROUPS, &error))?;
            Ok((answer.auto_scaling_groups.unwrap_or_default(), answer.next_token))
        }
    })
    .await?;
    let of_ours = groups.iter().filter_map(|group| {
        let tag = |key: &str| group.tags().iter().find(|tag| tag.key() == Some(key))?.value().map(str::to_owned);
        Some(CloudResource {
            kind: ResourceKind::AutoScalingGroup,
            name: group.auto_scaling_group_name()?.to_owned(),
            owner: tag(tags::OWNER)?,
            request: tag(tags::REQUEST),
            state: Some(group.status().map_or_else(
                || format!("active, target {}", group.desired_capacity().unwrap_or_default()),
                str::to_owned,
            )),
            made_at: group.created_time().and_then(sighting::timestamp),
        })
    });
    Ok(of_ours.collect())
}

async fn templates(clients: &Clients, policy: Policy) -> Result<Vec<CloudResource>, ProviderError> {
    let filters = vec![filter("tag-key", [tags::OWNER])];
    let templates = all_pages(clients, TEMPLATES, policy, |token| {
        let filters = filters.clone();
        async move {
            let call = clients.ec2.describe_launch_templates().set_filters(Some(filters)).set_next_token(token);
            let answer = call.send().await.map_err(|error| provider_error(TEMPLATES, &error))?;
            Ok((answer.launch_templates.unwrap_or_default(), answer.next_token))
        }
    })
    .await?;
    let of_ours = templates.iter().filter_map(|template| {
        Some(CloudResource {
            kind: ResourceKind::LaunchTemplate,
            name: template.launch_template_name().or(template.launch_template_id())?.to_owned(),
            owner: tags::value_of(template.tags(), tags::OWNER)?,
            request: tags::value_of(template.tags(), tags::REQUEST),
            state: None,
            made_at: template.create_time().and_then(sighting::timestamp),
        })
    });
    Ok(of_ours.collect())
}
