//! What a template names, held against what is there.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{ImageState, Subnet};

use super::facts::{Facts, GROUPS, IMAGES, KEYS, OFFERS, SUBNETS};
use crate::application::ProviderError;
use crate::application::ports::Finding;
use crate::domain::FailureClass;
use crate::domain::template::{Image, LaunchSettings, Template};

/// Returns what is found about each thing that the template names.
pub(super) fn judged(template: &Template, facts: &Facts) -> Vec<Finding> {
    let launch = template.launch();
    let name = |what: &str| format!("template {}: {what}", template.id());
    let checks = [
        launch.image.as_ref().map(|named| image(name("image"), named, facts)),
        launch.launch_template.as_ref().map(|named| {
            let name = name("launch template");
            match facts.launch_templates.get(&(named.id.clone(), named.version.clone())) {
                Some(Err(error)) => untold(name, "DescribeLaunchTemplates", error, "correct launchTemplateId"),
                Some(Ok(())) | None => Finding::good(name, named.id.clone()),
            }
        }),
        (!launch.subnets.is_empty()).then(|| subnets(name("subnets"), template, facts)),
        (!launch.security_groups.is_empty()).then(|| groups(name("security groups"), launch, facts)),
        launch.key_name.as_ref().map(|key| match &facts.keys {
            Err(error) => untold(name("key pair"), KEYS, error, ""),
            Ok(keys) if keys.contains_key(key) => Finding::good(name("key pair"), key.clone()),
            Ok(_) => Finding::failed(
                name("key pair"),
                format!("there is no key pair {key} in this region"),
                "correct keyName, or import the key: aws ec2 import-key-pair",
            ),
        }),
        (!launch.instance_types.is_empty()).then(|| types(name("instance types"), launch, facts)),
    ];
    checks.into_iter().flatten().collect()
}

/// Returns why something was not found out. That we may not look says nothing about what would be seen.
fn untold(name: String, operation: &str, error: &ProviderError, mend: &str) -> Finding {
    if error.class == FailureClass::AuthDenied {
        let why = format!("not looked at: the credentials may not call ec2:{operation}, which only doctor needs");
        return Finding::skipped(name, why);
    }
    let mend = if mend.is_empty() { "run doctor again once AWS answers" } else { mend };
    Finding::failed(name, error.to_string(), mend)
}

fn image(name: String, named: &Image, facts: &Facts) -> Finding {
    let (id, shown) = match named {
        Image::Ami(id) => (id, id.clone()),
        Image::SsmParameter(alias) => match facts.aliases.get(alias) {
            Some(Ok(id)) => (id, format!("{alias} is {id}")),
            Some(Err(error)) if error.class == FailureClass::AuthDenied => {
                let mend = "allow ssm:GetParameter (README, IAM policy, Aliases), or name an image id in imageId";
                return Finding::failed(name, format!("{alias} cannot be looked up: {error}"), mend);
            }
            Some(Err(error)) => {
                let mend = "correct imageId: the name of a Systems Manager parameter of this region, or an image id";
                return Finding::failed(name, error.to_string(), mend);
            }
            None => return Finding::skipped(name, format!("{alias} was not looked up")),
        },
    };
    let found = match &facts.images {
        Ok(images) => images.get(id),
        Err(error) => return untold(name, IMAGES, error, ""),
    };
    let Some(found) = found else {
        let mend =
            "correct imageId; an image of another region has another id, and one of another account must be shared";
        return Finding::failed(name, format!("there is no image {id} that this account may use in this region"), mend);
    };
    match found.state().map(ImageState::as_str) {
        None | Some("available") => Finding::good(name, shown),
        Some(state) => {
            Finding::failed(name, format!("image {id} is {state}"), "name an image that is available in imageId")
        }
    }
}

fn zone(subnet: &Subnet) -> &str {
    subnet.availability_zone().unwrap_or("?")
}

fn subnets(name: String, template: &Template, facts: &Facts) -> Finding {
    let wanted = &template.launch().subnets;
    let found = match &facts.subnets {
        Ok(found) => found,
        Err(error) => return untold(name, SUBNETS, error, ""),
    };
    let missing: Vec<&str> = wanted.iter().filter(|id| !found.contains_key(*id)).map(String::as_str).collect();
    if !missing.is_empty() {
        let text = format!("there is no {} in this account and region", missing.join(", "));
        return Finding::failed(name, text, "correct subnetId");
    }
    let there: Vec<(&str, &Subnet)> = wanted.iter().filter_map(|id| Some((id.as_str(), found.get(id)?))).collect();
    let networks: BTreeSet<&str> = there.iter().filter_map(|(_, subnet)| subnet.vpc_id()).collect();
    let free = |subnet: &Subnet| u64::try_from(subnet.available_ip_address_count().unwrap_or(0)).unwrap_or(0);
    let shown: Vec<String> =
        there.iter().map(|(id, subnet)| format!("{id} ({}) {} free", zone(subnet), free(subnet))).collect();
    let (shown, total) = (shown.join(", "), there.iter().map(|(_, subnet)| free(subnet)).sum::<u64>());
    let more = "add subnets to subnetId, make them larger, or free addresses";
    if total == 0 {
        return Finding::failed(name, format!("no address is free: {shown}"), more);
    }
    if networks.len() > 1 {
        let networks: Vec<&str> = networks.into_iter().collect();
        let text = format!("they are in several VPCs ({}), and security groups are of one", networks.join(", "));
        return Finding::failed(name, text, "keep the subnets of one VPC in subnetId; write a template for each VPC");
    }
    if let Some((id, _)) = there.iter().find(|(_, subnet)| free(subnet) == 0) {
        return Finding::warning(name, format!("no address is free in {id}: {shown}"), more);
    }
    match template.max_number().limit() {
        Some(limit) if u64::from(limit) > total => {
            let text = format!("fewer addresses are free ({total}) than maxNumber allows hosts ({limit}): {shown}");
            Finding::warning(name, text, more)
        }
        Some(_) | None => Finding::good(name, shown),
    }
}

fn groups(name: String, launch: &LaunchSettings, facts: &Facts) -> Finding {
    let found = match &facts.groups {
        Ok(found) => found,
        Err(error) => return untold(name, GROUPS, error, ""),
    };
    let wanted = &launch.security_groups;
    let missing: Vec<&str> = wanted.iter().filter(|id| !found.contains_key(*id)).map(String::as_str).collect();
    if !missing.is_empty() {
        let text = format!("there is no {} in this account and region", missing.join(", "));
        return Finding::failed(name, text, "correct securityGroupIds");
    }
    let of_subnets = facts.subnets.as_ref().ok();
    let network = of_subnets.and_then(|found| launch.subnets.iter().find_map(|id| found.get(id)?.vpc_id()));
    let foreign = |id: &&String| {
        let own = found.get(*id).and_then(|group| group.vpc_id());
        network.is_some() && own.is_some() && own != network
    };
    match wanted.iter().find(foreign) {
        Some(id) => {
            let text = format!("{id} is not of the subnets' VPC {}", network.unwrap_or_default());
            Finding::failed(name, text, "name security groups of the subnets' VPC in securityGroupIds")
        }
        None => Finding::good(name, wanted.join(", ")),
    }
}

fn types(name: String, launch: &LaunchSettings, facts: &Facts) -> Finding {
    let offers = match &facts.offers {
        Ok(offers) => offers,
        Err(error) => return untold(name, OFFERS, error, ""),
    };
    let wanted: Vec<&str> = launch.instance_types.iter().map(|kind| kind.name.as_str()).collect();
    let unknown: Vec<&str> = wanted.iter().copied().filter(|kind| !offers.contains_key(*kind)).collect();
    let mend = "correct vmType or vmTypes; aws ec2 describe-instance-type-offerings --location-type availability-zone \
                tells what is offered where";
    if !unknown.is_empty() {
        let text = format!("not offered in this region: {}", unknown.join(", "));
        return if unknown.len() == wanted.len() {
            Finding::failed(name, text, mend)
        } else {
            Finding::warning(name, text, mend)
        };
    }
    let there = facts.subnets.as_ref().ok();
    let zones: BTreeSet<&str> =
        there.into_iter().flat_map(|found| launch.subnets.iter().filter_map(|id| found.get(id)).map(zone)).collect();
    let offered = |kind: &str, zone: &str| offers.get(kind).is_some_and(|zones| zones.contains(zone));
    let gaps: Vec<String> = wanted
        .iter()
        .flat_map(|kind| zones.iter().map(move |zone| (*kind, *zone)))
        .filter(|(kind, zone)| !offered(kind, zone))
        .map(|(kind, zone)| format!("{kind} in {zone}"))
        .collect();
    if gaps.is_empty() {
        return Finding::good(name, format!("{} of {} offered", wanted.len(), wanted.len()));
    }
    let text = format!("not offered: {}", gaps.join(", "));
    if gaps.len() == wanted.len() * zones.len() {
        Finding::failed(name, text, mend)
    } else {
        Finding::warning(name, text, "no host comes from there; take them out, or add a subnet in another zone")
    }
}
