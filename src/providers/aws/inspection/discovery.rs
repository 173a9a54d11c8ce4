//! What the account has that a first template can name.
//!
//! Invariant: a list that is refused leaves the others; only when AWS does not answer at all is there nothing.

use std::collections::{BTreeSet, HashMap, HashSet};

use aws_sdk_ec2::types::{self, Image, LocationType, Tag};

use super::facts::{GROUPS, IMAGES, KEYS, OFFERS, SUBNETS};
use crate::application::ProviderError;
use crate::application::ports::{Discovery, OfferedImage, Part, SecurityGroup, Subnet, Vpc};
use crate::domain::FailureClass;
use crate::domain::template::Architecture;
use crate::providers::aws::client::{ClientSource, Clients};
use crate::providers::aws::error::{plain, provider_error};
use crate::providers::aws::observation::{all_pages, filter};
use crate::providers::aws::retry::{self, Policy};
use crate::providers::aws::{prepare, tags};

const VPCS: &str = "DescribeVpcs";
const PROFILES: &str = "DescribeIamInstanceProfileAssociations";
/// The longest name that is passed on.
const LONGEST_NAME: usize = 200;

/// Asks for everything at once, after one question that says whether anybody answers.
///
/// # Errors
/// [`ProviderError`] when there are no credentials, or AWS does not answer.
pub(super) async fn of(source: &dyn ClientSource) -> Result<Discovery, ProviderError> {
    let clients = source.clients().await?;
    let policy = Policy::describes(source.settings());
    let vpcs = match vpcs(clients, policy.once()).await {
        // Whoever may not list networks may still list the rest.
        Err(error) if error.class != FailureClass::AuthDenied => return Err(error),
        listed => listed,
    };
    let (subnets, security_groups, key_pairs, instance_profiles, images, aliases, offers, caller) = tokio::join!(
        subnets(clients, policy),
        groups(clients, policy),
        keys(clients, policy),
        profiles(clients, policy),
        images(clients, policy),
        aliases(clients, policy),
        offers(clients, policy),
        clients.gate.identity.caller(),
    );
    let caller = caller.ok();
    Ok(Discovery { caller, vpcs, subnets, security_groups, key_pairs, instance_profiles, images, aliases, offers })
}

fn name_of(tags: &[Tag]) -> Option<String> {
    tags::value_of(tags, "Name").map(|name| plain(&name, LONGEST_NAME)).filter(|name| !name.is_empty())
}

async fn vpcs(clients: &Clients, policy: Policy) -> Part<Vpc> {
    let found = all_pages(clients, VPCS, policy, |token| async move {
        let answer = clients.ec2.describe_vpcs().set_next_token(token).send().await;
        let answer = answer.map_err(|error| provider_error(VPCS, &error))?;
        Ok((answer.vpcs.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let found = found.into_iter().filter_map(|vpc| {
        Some(Vpc {
            name: name_of(vpc.tags()),
            is_default: vpc.is_default.unwrap_or(false),
            cidr: vpc.cidr_block,
            id: vpc.vpc_id?,
        })
    });
    Ok(found.collect())
}

async fn subnets(clients: &Clients, policy: Policy) -> Part<Subnet> {
    let found = all_pages(clients, SUBNETS, policy, |token| async move {
        let answer = clients.ec2.describe_subnets().set_next_token(token).send().await;
        let answer = answer.map_err(|error| provider_error(SUBNETS, &error))?;
        Ok((answer.subnets.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let found = found.into_iter().filter_map(|subnet| {
        Some(Subnet {
            name: name_of(subnet.tags()),
            free: subnet.available_ip_address_count.and_then(|free| u32::try_from(free).ok()).unwrap_or(0),
            zone: subnet.availability_zone.unwrap_or_default(),
            vpc: subnet.vpc_id.unwrap_or_default(),
            id: subnet.subnet_id?,
        })
    });
    Ok(found.collect())
}

async fn groups(clients: &Clients, policy: Policy) -> Part<SecurityGroup> {
    let found = all_pages(clients, GROUPS, policy, |token| async move {
        let answer = clients.ec2.describe_security_groups().set_next_token(token).send().await;
        let answer = answer.map_err(|error| provider_error(GROUPS, &error))?;
        Ok((answer.security_groups.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let named = |group: types::SecurityGroup| {
        let name = plain(&group.group_name.unwrap_or_default(), LONGEST_NAME);
        Some(SecurityGroup { vpc: group.vpc_id, name, id: group.group_id? })
    };
    Ok(found.into_iter().filter_map(named).collect())
}

async fn keys(clients: &Clients, policy: Policy) -> Part<String> {
    let answer = retry::send(&clients.gate, KEYS, policy, || async {
        clients.ec2.describe_key_pairs().send().await.map_err(|error| provider_error(KEYS, &error))
    })
    .await?;
    Ok(answer.key_pairs.unwrap_or_default().into_iter().filter_map(|key| key.key_name).collect())
}

/// Returns the instance profiles that hosts have now: EC2 tells of no others, and IAM is another service.
async fn profiles(clients: &Clients, policy: Policy) -> Part<String> {
    let found = all_pages(clients, PROFILES, policy, |token| async move {
        let call = clients.ec2.describe_iam_instance_profile_associations().filters(filter("state", ["associated"]));
        let answer = call.set_next_token(token).send().await.map_err(|error| provider_error(PROFILES, &error))?;
        Ok((answer.iam_instance_profile_associations.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let arns: BTreeSet<String> =
        found.into_iter().filter_map(|association| association.iam_instance_profile?.arn).collect();
    Ok(arns.into_iter().collect())
}

async fn images(clients: &Clients, policy: Policy) -> Part<OfferedImage> {
    let found = all_pages(clients, IMAGES, policy, |token| async move {
        let call = clients.ec2.describe_images().owners("self").filters(filter("state", ["available"]));
        let answer = call.set_next_token(token).send().await.map_err(|error| provider_error(IMAGES, &error))?;
        Ok((answer.images.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let offered = |image: Image| {
        let architecture = image.architecture.and_then(|word| Architecture::of_word(word.as_str()));
        let name = plain(&image.name.unwrap_or_default(), LONGEST_NAME);
        Some(OfferedImage { name, architecture, made_at: image.creation_date, id: image.image_id? })
    };
    let mut images: Vec<OfferedImage> = found.into_iter().filter_map(offered).collect();
    images.sort_by(|one, other| (&other.made_at, &one.id).cmp(&(&one.made_at, &other.id)));
    Ok(images)
}

async fn offers(clients: &Clients, policy: Policy) -> Result<HashMap<String, HashSet<String>>, ProviderError> {
    let told = all_pages(clients, OFFERS, policy, |token| async move {
        let call = clients.ec2.describe_instance_type_offerings().location_type(LocationType::AvailabilityZone);
        let answer = call.set_next_token(token).send().await.map_err(|error| provider_error(OFFERS, &error))?;
        Ok((answer.instance_type_offerings.unwrap_or_default(), answer.next_token))
    })
    .await?;
    let mut zones: HashMap<String, HashSet<String>> = HashMap::new();
    for offer in told {
        if let (Some(kind), Some(zone)) = (offer.instance_type, offer.location) {
            zones.entry(kind.as_str().to_owned()).or_default().insert(zone);
        }
    }
    Ok(zones)
}

/// Returns the aliases of the newest Amazon Linux 2023 that can be looked up here.
async fn aliases(clients: &Clients, policy: Policy) -> Part<OfferedImage> {
    let mut found = Vec::new();
    for architecture in [Architecture::X86_64, Architecture::Arm64] {
        let id = architecture.newest_amazon_linux();
        match prepare::image_behind(clients, policy, &id).await {
            Ok(image) => {
                let name = format!("Amazon Linux 2023, the newest: {image} today");
                found.push(OfferedImage { id, name, architecture: Some(architecture), made_at: None });
            }
            // Not every partition has them.
            Err(error) if error.class == FailureClass::Invalid => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
