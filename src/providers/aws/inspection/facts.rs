//! Everything that templates name, asked for all of them at once.
//!
//! Ids are asked for by filters: a call that names an id which is not there fails as a whole.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_ec2::types::{Image as Ami, InstanceTypeOffering, KeyPairInfo, LocationType, SecurityGroup, Subnet};

use crate::application::ProviderError;
use crate::domain::template::{Image, Template};
use crate::providers::aws::client::{ClientSource, Clients};
use crate::providers::aws::error::provider_error;
use crate::providers::aws::observation::{all_pages, filter};
use crate::providers::aws::prepare;
use crate::providers::aws::retry::{self, Policy};

pub(super) const IMAGES: &str = "DescribeImages";
pub(super) const SUBNETS: &str = "DescribeSubnets";
pub(super) const GROUPS: &str = "DescribeSecurityGroups";
pub(super) const KEYS: &str = "DescribeKeyPairs";
pub(super) const OFFERS: &str = "DescribeInstanceTypeOfferings";
/// The most values of one filter.
const MOST_VALUES: usize = 200;

/// What was found by its id, or why nothing could be found out.
pub(super) type Found<T> = Result<HashMap<String, T>, ProviderError>;

/// Everything that templates name.
#[derive(Debug)]
pub(super) struct Facts {
    /// Image ids by their aliases.
    pub(super) aliases: HashMap<String, Result<String, ProviderError>>,
    pub(super) images: Found<Ami>,
    pub(super) subnets: Found<Subnet>,
    pub(super) groups: Found<SecurityGroup>,
    pub(super) keys: Found<KeyPairInfo>,
    /// Whether launch templates, by their ids and versions, are there.
    pub(super) launch_templates: HashMap<(String, Option<String>), Result<(), ProviderError>>,
    /// The zones in which each type is offered.
    pub(super) offers: Result<HashMap<String, HashSet<String>>, ProviderError>,
}

/// Asks for everything that these templates name.
///
/// # Errors
/// [`ProviderError`] when there are no clients.
pub(super) async fn about(source: &dyn ClientSource, templates: &[Template]) -> Result<Facts, ProviderError> {
    let clients = source.clients().await?;
    let policy = Policy::describes(source.settings());
    let (mut aliases, mut launch_templates) = (HashMap::new(), HashMap::new());
    let (mut images, mut subnets, mut groups) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut keys, mut types) = (BTreeSet::new(), BTreeSet::new());
    for launch in templates.iter().map(Template::launch) {
        match &launch.image {
            Some(Image::Ami(id)) => {
                images.insert(id.clone());
            }
            Some(Image::SsmParameter(name)) if !aliases.contains_key(name) => {
                let behind = prepare::image_behind(clients, policy, name).await;
                images.extend(behind.as_ref().ok().cloned());
                aliases.insert(name.clone(), behind);
            }
            Some(Image::SsmParameter(_)) | None => {}
        }
        subnets.extend(launch.subnets.iter().cloned());
        groups.extend(launch.security_groups.iter().cloned());
        keys.extend(launch.key_name.iter().cloned());
        types.extend(launch.instance_types.iter().map(|kind| kind.name.clone()));
        if let Some(named) = &launch.launch_template
            && let Entry::Vacant(place) = launch_templates.entry((named.id.clone(), named.version.clone()))
        {
            place.insert(prepare::numbered(clients, policy, named).await.map(|_| ()));
        }
    }
    Ok(Facts {
        aliases,
        launch_templates,
        images: images_of(clients, policy, images).await,
        subnets: subnets_of(clients, policy, subnets).await,
        groups: groups_of(clients, policy, groups).await,
        keys: keys_of(clients, policy, keys).await,
        offers: offers_of(clients, policy, types).await,
    })
}

fn by_id<T>(items: Vec<T>, id: impl Fn(&T) -> Option<&str>) -> HashMap<String, T> {
    items.into_iter().filter_map(|item| Some((id(&item)?.to_owned(), item))).collect()
}

fn chunks(values: BTreeSet<String>) -> Vec<Vec<String>> {
    let values: Vec<String> = values.into_iter().collect();
    values.chunks(MOST_VALUES).map(<[String]>::to_vec).collect()
}

async fn images_of(clients: &Clients, policy: Policy, ids: BTreeSet<String>) -> Found<Ami> {
    let mut found = Vec::new();
    for ids in chunks(ids) {
        found.extend(
            all_pages(clients, IMAGES, policy, |token| {
                let call = clients.ec2.describe_images().filters(filter("image-id", ids.clone())).set_next_token(token);
                async move {
                    let answer = call.send().await.map_err(|error| provider_error(IMAGES, &error))?;
                    Ok((answer.images.unwrap_or_default(), answer.next_token))
                }
            })
            .await?,
        );
    }
    Ok(by_id(found, Ami::image_id))
}

async fn subnets_of(clients: &Clients, policy: Policy, ids: BTreeSet<String>) -> Found<Subnet> {
    let mut found = Vec::new();
    for ids in chunks(ids) {
        found.extend(
            all_pages(clients, SUBNETS, policy, |token| {
                let call = clients.ec2.describe_subnets().filters(filter("subnet-id", ids.clone()));
                async move {
                    let answer = call.set_next_token(token).send().await;
                    let answer = answer.map_err(|error| provider_error(SUBNETS, &error))?;
                    Ok((answer.subnets.unwrap_or_default(), answer.next_token))
                }
            })
            .await?,
        );
    }
    Ok(by_id(found, Subnet::subnet_id))
}

async fn groups_of(clients: &Clients, policy: Policy, ids: BTreeSet<String>) -> Found<SecurityGroup> {
    let mut found = Vec::new();
    for ids in chunks(ids) {
        found.extend(
            all_pages(clients, GROUPS, policy, |token| {
                let call = clients.ec2.describe_security_groups().filters(filter("group-id", ids.clone()));
                async move {
                    let answer = call.set_next_token(token).send().await;
                    let answer = answer.map_err(|error| provider_error(GROUPS, &error))?;
                    Ok((answer.security_groups.unwrap_or_default(), answer.next_token))
                }
            })
            .await?,
        );
    }
    Ok(by_id(found, SecurityGroup::group_id))
}

async fn keys_of(clients: &Clients, policy: Policy, names: BTreeSet<String>) -> Found<KeyPairInfo> {
    let mut found = Vec::new();
    for names in chunks(names) {
        let answer = retry::send(&clients.gate, KEYS, policy, || async {
            let call = clients.ec2.describe_key_pairs().filters(filter("key-name", names.clone()));
            call.send().await.map_err(|error| provider_error(KEYS, &error))
        })
        .await?;
        found.extend(answer.key_pairs.unwrap_or_default());
    }
    Ok(by_id(found, KeyPairInfo::key_name))
}

async fn offers_of(
    clients: &Clients,
    policy: Policy,
    types: BTreeSet<String>,
) -> Result<HashMap<String, HashSet<String>>, ProviderError> {
    let mut zones: HashMap<String, HashSet<String>> = HashMap::new();
    for types in chunks(types) {
        let told: Vec<InstanceTypeOffering> = all_pages(clients, OFFERS, policy, |token| {
            let call = clients.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
            let call = call.filters(filter("instance-type", types.clone())).set_next_token(token);
            async move {
                let answer = call.send().await.map_err(|error| provider_error(OFFERS, &error))?;
                Ok((answer.instance_type_offerings.unwrap_or_default(), answer.next_token))
            }
        })
        .await?;
        for offer in told {
            if let (Some(kind), Some(zone)) = (offer.instance_type, offer.location) {
                zones.entry(kind.as_str().to_owned()).or_default().insert(zone);
            }
        }
    }
    Ok(zones)
}
