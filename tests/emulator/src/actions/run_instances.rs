//! `RunInstances` (`aws-semantics.md` sections 1.2 and 2).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::instances::{instance, reservation};
use super::{Context, listing, tags};
use crate::catalogue::{InstanceType, Subnet, instance_type};
use crate::clock::Millis;
use crate::instances::{Launch, Market, State};
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::reservations::{self, Wanted};
use crate::templates::merged;
use crate::world::{Order, World};
use crate::xml::Xml;

const LONGEST_TOKEN: usize = 64;
const MOST_USER_DATA: usize = 16 * 1024;
const MOST_SPOT: u32 = 3_000;
/// How long a token is remembered after its last instance has ended.
const TOKEN_LIFE: Millis = 24 * 3_600_000;

/// Returns how many resource tokens a call takes.
pub(super) fn count(parameters: &Parameters) -> u32 {
    parameters.number("MaxCount").ok().flatten().unwrap_or(1)
}

/// `RunInstances`: the largest number that it can between `MinCount` and `MaxCount`, once for each token.
pub(super) fn run(context: &mut Context<'_>) -> Result<String, Refusal> {
    let sent = Arc::clone(context.parameters);
    let (least, most) = counts(&sent)?;
    let token = sent.get("ClientToken").filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > LONGEST_TOKEN || !token.is_ascii()) {
        let text = format!("The client token must have at most {LONGEST_TOKEN} ASCII characters.");
        return Err(Refusal::new("InvalidClientToken", text));
    }
    let (parameters, template) = with_template(context, &sent)?;
    let template_version = template.as_ref().map(|(_, version)| *version);
    let (subnet, is_zonal) = subnet(context, &parameters)?;
    let zone = subnet.zone_in(context.region);
    if let Some(token) = token
        && let Some(launch) = launched(context, token, is_zonal.then_some(zone.as_str()))
    {
        if *launch.parameters != *sent || launch.template_version != template_version {
            let text =
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
            return Err(Refusal::new("IdempotentParameterMismatch", text));
        }
        let ended = |number| listing_state(context, number) == Some(State::Terminated);
        if launch.instances.clone().all(ended) {
            let text = "The instances of an earlier request with this client token have been terminated.";
            return Err(Refusal::new("IdempotentInstanceTerminated", text));
        }
        return Ok(answer(context, &launch));
    }
    if parameters.has_below("InstanceRequirements.") {
        let text = "Instance requirements are not supported by this operation.";
        return Err(Refusal::new("UnsupportedOperation", text));
    }
    let mut checked = check(context, &parameters, most)?;
    if let Some((id, version)) = template {
        checked.tags.extend(template_tags(&id, version));
    }
    let (room, reserved) = places(context.world, &checked, &zone);
    let Checked { kind, image, market, tags, spot_tags, wanted } = checked;
    context.dry_run()?;
    let (left, quota) = context.world.quota_room(kind, market);
    if left < most {
        return Err(over_quota(market, quota));
    }
    if room < least {
        return Err(if wanted.is_some() { reservations::exceeded() } else { no_capacity(kind, &zone, market) });
    }
    if subnet.free < least {
        return Err(no_addresses(&subnet.id));
    }
    let order = Order {
        token: token.map(str::to_owned),
        zonal: is_zonal,
        template_version,
        parameters: Arc::clone(&sent),
        call: context.call,
        account: context.world.account.clone(),
        merged: parameters,
        fleet: None,
        tags,
        spot_tags,
        kind,
        image,
        zone,
        region: context.region.to_owned(),
        market,
        reserved,
        count: most.min(room).min(subnet.free),
        subnet: subnet.id,
    };
    let launch = context.world.launch(order);
    Ok(answer(context, &launch))
}

/// What is to be launched: every name that it has is there.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) kind: InstanceType,
    pub(crate) image: String,
    pub(crate) market: Market,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) spot_tags: BTreeMap<String, String>,
    /// The capacity reservations that it has to run in.
    pub(crate) wanted: Option<Wanted>,
}

/// Returns how many places there are for what is to be launched, and the reservation that they are of.
pub(crate) fn places(world: &World, what: &Checked, zone: &str) -> (u32, Option<String>) {
    let Some(wanted) = &what.wanted else { return (world.room(what.kind.name, zone, what.market), None) };
    let found = world.reservation_for(wanted, what.kind.name, zone);
    found.map_or((0, None), |found| (found.left, Some(found.id.clone())))
}

/// Refuses what cannot be launched, whatever room there is.
pub(crate) fn check(context: &Context<'_>, parameters: &Parameters, most: u32) -> Result<Checked, Refusal> {
    let kind = kind(parameters)?;
    let image = image(context, parameters)?;
    let market = market(context, parameters, most)?;
    check_names(context, parameters)?;
    check_user_data(parameters)?;
    check_cpu(kind, parameters)?;
    reservations::check_placement(parameters)?;
    let wanted = reservations::wanted(context.world, parameters)?;
    let mut tags = tags::specified(parameters)?;
    let spot_tags = tags.remove("spot-instances-request").unwrap_or_default();
    Ok(Checked { kind, image, market, tags: tags.remove("instance").unwrap_or_default(), spot_tags, wanted })
}

/// Returns how many of so many there is room for, and what refuses the others.
pub(crate) fn fitting(world: &World, what: &Checked, subnet: &str, zone: &str, wanted: u32) -> (u32, Option<Refusal>) {
    let (kind, market) = (what.kind, what.market);
    let (by_pool, _) = places(world, what, zone);
    let by_subnet = world.catalogue.subnet(subnet).map_or(0, |subnet| subnet.free);
    let (by_quota, quota) = world.quota_room(kind, market);
    let given = wanted.min(by_pool).min(by_subnet).min(by_quota);
    let refusal = if given == wanted {
        None
    } else if given == by_quota {
        Some(over_quota(market, quota))
    } else if given == by_pool && what.wanted.is_some() {
        Some(reservations::exceeded())
    } else if given == by_pool {
        Some(no_capacity(kind, zone, market))
    } else {
        Some(no_addresses(subnet))
    };
    (given, refusal)
}

/// Returns the tags that AWS gives to what a launch template launches.
pub(crate) fn template_tags(id: &str, version: u32) -> [(String, String); 2] {
    let tag = |name: &str, value: String| (format!("aws:ec2launchtemplate:{name}"), value);
    [tag("id", id.to_owned()), tag("version", version.to_string())]
}

fn answer(context: &Context<'_>, launch: &Launch) -> String {
    let mut xml = Xml::default();
    let seen = launch.instances.clone().filter_map(|number| listing::sight(context.world, number, context.region));
    reservation(&mut xml, launch, |xml| {
        for sight in seen {
            // The answer of the launch knows the tags of its own request.
            let sight = listing::Sight { tags: &sight.launch.tags, ..sight };
            xml.element("item", |xml| instance(xml, &sight, None));
        }
    });
    xml.into_text()
}

fn counts(parameters: &Parameters) -> Result<(u32, u32), Refusal> {
    let missing =
        |name: &str| Refusal::new("MissingParameter", format!("The request must contain the parameter {name}"));
    let least = parameters.number("MinCount")?.ok_or_else(|| missing("MinCount"))?;
    let most = parameters.number("MaxCount")?.ok_or_else(|| missing("MaxCount"))?;
    if least < 1 {
        return Err(Refusal::invalid("Minimum instance count must be greater than zero."));
    }
    if most < least {
        return Err(Refusal::invalid("Maximum instance count must not be smaller than minimum instance count."));
    }
    Ok((least, most))
}

/// A launch template by its id, and the version that was meant.
type Template = (String, u32);

/// Returns the parameters over those of the launch template, and which one that is.
fn with_template(
    context: &Context<'_>,
    sent: &Arc<Parameters>,
) -> Result<(Arc<Parameters>, Option<Template>), Refusal> {
    const PREFIX: &str = "LaunchTemplate.";
    if !sent.has_below(PREFIX) {
        return Ok((Arc::clone(sent), None));
    }
    let (id, template, version) = context.world.catalogue.meant_template(sent, PREFIX)?;
    Ok((Arc::new(merged(&template.versions[&version], &sent.0)), Some((id.to_owned(), version))))
}

/// Returns the subnet, and whether the request named it or its zone: then the token counts in that zone only.
pub(crate) fn subnet(context: &Context<'_>, parameters: &Parameters) -> Result<(Subnet, bool), Refusal> {
    let inside = parameters.get("NetworkInterface.1.SubnetId");
    let beside = parameters.get("SubnetId");
    if parameters.has_below("NetworkInterface.") {
        if beside.is_some() {
            let text = "Network interfaces and an instance-level subnet ID may not be specified on the same request";
            return Err(Refusal::combination(text));
        }
        if parameters.has_below("SecurityGroupId.") {
            let text =
                "Network interfaces and an instance-level security groups may not be specified on the same request";
            return Err(Refusal::combination(text));
        }
    }
    let subnets = &context.world.catalogue.subnets;
    if let Some(id) = inside.or(beside) {
        let found = context.world.catalogue.subnet(id).cloned().map(|subnet| (subnet, true));
        let text = || format!("The subnet ID '{id}' does not exist");
        return found.ok_or_else(|| Refusal::new("InvalidSubnetID.NotFound", text()));
    }
    if let Some(zone) = parameters.get("Placement.AvailabilityZone") {
        let found = subnets.iter().find(|subnet| subnet.zone_in(context.region) == zone).cloned();
        let refused = || Refusal::invalid(format!("Invalid availability zone: [{zone}]"));
        return found.map(|subnet| (subnet, true)).ok_or_else(refused);
    }
    let first = subnets.first().cloned().map(|subnet| (subnet, false));
    first.ok_or_else(|| Refusal::new("MissingInput", "No subnets found for the default VPC. Please specify a subnet."))
}

/// Returns the earlier launch with this token in this scope.
fn launched(context: &Context<'_>, token: &str, zone: Option<&str>) -> Option<Arc<Launch>> {
    let now = context.world.now();
    let world = &*context.world;
    let mut same = Vec::new();
    for launch in world.instances.launches_with(token) {
        let in_scope = launch.account == world.account
            && launch.region == context.region
            && zone == launch.zonal.then_some(launch.zone.as_str());
        let forgotten = |number| {
            let end = world.instances.get(number).and_then(|(instance, _)| instance.end());
            end.is_some_and(|end| now >= end.terminated_at + TOKEN_LIFE)
        };
        if in_scope && !launch.instances.clone().all(forgotten) {
            same.push(Arc::clone(launch));
        }
    }
    same.pop()
}

fn listing_state(context: &Context<'_>, number: u32) -> Option<State> {
    let (instance, launch) = context.world.instances.get(number)?;
    Some(instance.state(launch, context.world.now()))
}

fn kind(parameters: &Parameters) -> Result<InstanceType, Refusal> {
    let name = parameters.get("InstanceType").unwrap_or("m5.large");
    instance_type(name).ok_or_else(|| Refusal::invalid(format!("Invalid value '{name}' for InstanceType.")))
}

fn image(context: &Context<'_>, parameters: &Parameters) -> Result<String, Refusal> {
    let mut id = parameters.required("ImageId")?;
    if let Some(alias) = id.strip_prefix("resolve:ssm:") {
        let name = alias.split(':').next().unwrap_or(alias);
        let value = context.world.catalogue.parameters.get(name);
        let refused = || Refusal::invalid(format!("The parameter {name} behind the image does not exist"));
        id = value.ok_or_else(refused)?;
    }
    super::images::check(context, id)?;
    Ok(id.to_owned())
}

fn market(context: &Context<'_>, parameters: &Parameters, most: u32) -> Result<Market, Refusal> {
    match parameters.get("InstanceMarketOptions.MarketType") {
        None | Some("capacity-block") => return Ok(Market::OnDemand),
        Some("spot") => {}
        Some(other) => return Err(Refusal::invalid(format!("Invalid value '{other}' for MarketType."))),
    }
    let option = |name: &str| parameters.get(&format!("InstanceMarketOptions.SpotOptions.{name}"));
    let ends = option("InstanceInterruptionBehavior").is_none_or(|behaviour| behaviour == "terminate");
    if option("SpotInstanceType") == Some("persistent") && ends {
        let text = "Persistent Spot instances need the interruption behavior stop or hibernate.";
        return Err(Refusal::combination(text));
    }
    if most > MOST_SPOT {
        let text = format!("You can request at most {MOST_SPOT} Spot Instances in one request.");
        return Err(Refusal::new("RequestResourceCountExceeded", text));
    }
    if let (Some(least), Some(bid)) = (context.world.spot_price, option("MaxPrice")) {
        let price: f64 = bid.parse().map_err(|_| Refusal::invalid(format!("Invalid value '{bid}' for MaxPrice.")))?;
        if price < least {
            let text = format!(
                "Your Spot request price of {price} is lower than the minimum required Spot request fulfillment price of {least}."
            );
            return Err(Refusal::new("SpotMaxPriceTooLow", text));
        }
    }
    Ok(Market::Spot)
}

/// Cores and threads go together, and there are not more than the type has.
fn check_cpu(kind: InstanceType, parameters: &Parameters) -> Result<(), Refusal> {
    let (cores, threads) =
        (parameters.number("CpuOptions.CoreCount")?, parameters.number("CpuOptions.ThreadsPerCore")?);
    let (most_cores, most_threads) = (kind.vcpus / kind.threads_per_core, kind.threads_per_core);
    match (cores, threads) {
        (None, None) => Ok(()),
        (Some(cores), Some(threads)) if (1..=most_cores).contains(&cores) && (1..=most_threads).contains(&threads) => {
            Ok(())
        }
        (Some(_), Some(_)) => Err(Refusal::invalid(format!("The CPU options are not supported for {}.", kind.name))),
        _ => Err(Refusal::combination("You must specify both CoreCount and ThreadsPerCore.")),
    }
}

fn check_names(context: &Context<'_>, parameters: &Parameters) -> Result<(), Refusal> {
    let catalogue = &context.world.catalogue;
    let mut groups = parameters.list("SecurityGroupId");
    groups.extend(parameters.list("NetworkInterface.1.SecurityGroupId"));
    if let Some(group) = groups.into_iter().find(|group| !catalogue.groups.contains(*group)) {
        return Err(Refusal::new("InvalidGroup.NotFound", format!("The security group '{group}' does not exist")));
    }
    if let Some(name) = parameters.get("KeyName").filter(|name| !catalogue.key_pairs.contains(*name)) {
        return Err(Refusal::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist")));
    }
    Ok(())
}

fn check_user_data(parameters: &Parameters) -> Result<(), Refusal> {
    let Some(data) = parameters.get("UserData") else { return Ok(()) };
    let digits = data.trim_end_matches('=');
    let is_base64 = data.len() % 4 == 0
        && data.len() - digits.len() <= 2
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'));
    if !is_base64 {
        return Err(Refusal::new("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."));
    }
    if digits.len() * 3 / 4 > MOST_USER_DATA {
        return Err(Refusal::invalid(format!("User data is limited to {MOST_USER_DATA} bytes")));
    }
    Ok(())
}

/// A call that asks for more than the quota leaves is refused whole, whatever `MinCount` says.
fn over_quota(market: Market, quota: u32) -> Refusal {
    match market {
        Market::OnDemand => {
            let text = format!(
                "You have requested more vCPU capacity than your current vCPU limit of {quota} allows for the instance \
                 bucket that the specified instance type belongs to."
            );
            Refusal::new("VcpuLimitExceeded", text)
        }
        Market::Spot => Refusal::new("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded"),
    }
}

/// A subnet has too few addresses left.
fn no_addresses(subnet: &str) -> Refusal {
    let text = format!(
        "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of instances."
    );
    Refusal::new("InsufficientFreeAddressesInSubnet", text)
}

/// A pool has too few places left.
fn no_capacity(kind: InstanceType, zone: &str, market: Market) -> Refusal {
    let text = match market {
        Market::OnDemand => format!(
            "We currently do not have sufficient {} capacity in the Availability Zone you requested ({zone}). Our system \
             will be working on provisioning additional capacity.",
            kind.name
        ),
        Market::Spot => "There is no Spot capacity available that matches your request.".to_owned(),
    };
    Refusal::new("InsufficientInstanceCapacity", text)
}
