//! What a group is told to be: template, types, sizes, subnets, tags (`aws-semantics.md` section 6.1).

use std::collections::BTreeMap;

use super::Context;
use super::group_query::{flag, invalid, number, required};
use super::tags::checked;
use crate::fleets::matching;
use crate::groups::{Choice, Mix, Recipe};
use crate::query::Parameters;
use crate::refusal::Refusal;

const MOST_OVERRIDES: usize = 40;
const MOST_REQUIREMENTS: usize = 4;
const MOST_TAGS: usize = 50;
const MOST_WEIGHT: u32 = 999;
const SPOT_STRATEGIES: [&str; 4] =
    ["lowest-price", "capacity-optimized", "capacity-optimized-prioritized", "price-capacity-optimized"];
const ON_DEMAND_STRATEGIES: [&str; 2] = ["lowest-price", "prioritized"];

/// Returns the prefix, if a launch template is named below it.
fn template(parameters: &Parameters, prefix: &str) -> Result<Option<String>, Refusal> {
    let named = |name: &str| parameters.get(&format!("{prefix}{name}")).is_some();
    match (named("LaunchTemplateId"), named("LaunchTemplateName")) {
        (false, false) => Ok(None),
        (true, true) => Err(invalid("Valid requests must contain either launchTemplateId or LaunchTemplateName")),
        _ => Ok(Some(prefix.to_owned())),
    }
}

/// Returns how a group launches; `None` where the parameters do not say.
pub(super) fn recipe(parameters: &Parameters) -> Result<Option<Recipe>, Refusal> {
    const MIXED: &str = "MixedInstancesPolicy.";
    if let Some(name) = parameters.get("LaunchConfigurationName") {
        return Err(invalid(format!("Launch configuration name not found - Launch configuration {name} not found")));
    }
    let plain = template(parameters, "LaunchTemplate.")?;
    if !parameters.has_below(MIXED) {
        let choices = vec![Choice { kind: None, weight: None, template: None, image: None }];
        return Ok(plain.map(|template| Recipe { template, choices, mix: None }));
    }
    if plain.is_some() {
        let text = "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or \
                    MixedInstancesPolicy parameter.";
        return Err(invalid(text));
    }
    let template = template(parameters, &format!("{MIXED}LaunchTemplate.LaunchTemplateSpecification."))?;
    let template = template.ok_or_else(|| invalid("The mixed instances policy must name a launch template."))?;
    let choices = choices(parameters, &format!("{MIXED}LaunchTemplate.Overrides.member"))?;
    let mix = mix(parameters, &format!("{MIXED}InstancesDistribution."))?;
    Ok(Some(Recipe { template, choices, mix: Some(mix) }))
}

fn choices(parameters: &Parameters, list: &str) -> Result<Vec<Choice>, Refusal> {
    let prefixes = parameters.prefixes(list);
    let mut choices = Vec::new();
    let (mut required, mut weighted) = (0, 0);
    for prefix in &prefixes {
        let part = |name: &str| parameters.get(&format!("{prefix}{name}")).map(str::to_owned);
        let needs = format!("{prefix}InstanceRequirements.");
        let kinds: Vec<Option<String>> = match (part("InstanceType"), parameters.has_below(&needs)) {
            (Some(_), true) => {
                return Err(invalid("You can specify either InstanceType or InstanceRequirements in an override."));
            }
            (kind, false) => vec![kind],
            (None, true) => {
                required += 1;
                let fitting = matching(parameters, &needs).map_err(|refusal| invalid(refusal.message))?;
                fitting.into_iter().map(|kind| Some(kind.name.to_owned())).collect()
            }
        };
        let weight = number(parameters, &format!("{prefix}WeightedCapacity"))?;
        if weight.is_some_and(|weight| !(1..=MOST_WEIGHT).contains(&weight)) {
            return Err(invalid(format!("WeightedCapacity must be between 1 and {MOST_WEIGHT}.")));
        }
        weighted += usize::from(weight.is_some());
        let (own, image) = (template(parameters, &format!("{prefix}LaunchTemplateSpecification."))?, part("ImageId"));
        choices.extend(kinds.into_iter().map(|kind| {
            let (template, image) = (own.clone(), image.clone());
            Choice { kind, weight, template, image }
        }));
    }
    if prefixes.len() > MOST_OVERRIDES || required > MOST_REQUIREMENTS {
        let text = format!(
            "A mixed instances policy has at most {MOST_OVERRIDES} overrides and {MOST_REQUIREMENTS} sets of requirements."
        );
        return Err(invalid(text));
    }
    if weighted > 0 && weighted < prefixes.len() {
        return Err(invalid("If you specify WeightedCapacity for one override, you must specify it for all."));
    }
    if prefixes.is_empty() {
        choices.push(Choice { kind: None, weight: None, template: None, image: None });
    }
    if choices.is_empty() {
        return Err(invalid("No instance type satisfies the specified InstanceRequirements."));
    }
    Ok(choices)
}

fn mix(parameters: &Parameters, prefix: &str) -> Result<Mix, Refusal> {
    let part = |name: &str| parameters.get(&format!("{prefix}{name}")).filter(|text| !text.is_empty());
    let numbered = |name: &str| number(parameters, &format!("{prefix}{name}"));
    let (spot, on_demand) = (part("SpotAllocationStrategy"), part("OnDemandAllocationStrategy"));
    if let Some(strategy) = spot.filter(|strategy| !SPOT_STRATEGIES.contains(strategy)) {
        return Err(invalid(format!("The SpotAllocationStrategy {strategy} is not supported.")));
    }
    if let Some(strategy) = on_demand.filter(|strategy| !ON_DEMAND_STRATEGIES.contains(strategy)) {
        return Err(invalid(format!("The OnDemandAllocationStrategy {strategy} is not supported.")));
    }
    if let Some(pools) = numbered("SpotInstancePools")? {
        if spot.is_some_and(|strategy| strategy != "lowest-price") {
            return Err(invalid(
                "SpotInstancePools option is only available with the lowest-price allocation strategy.",
            ));
        }
        if !(1..=20).contains(&pools) {
            return Err(invalid("SpotInstancePools must be between 1 and 20."));
        }
    }
    let percent = numbered("OnDemandPercentageAboveBaseCapacity")?.unwrap_or(100);
    if percent > 100 {
        return Err(invalid("OnDemandPercentageAboveBaseCapacity must be between 0 and 100."));
    }
    let max_price = part("SpotMaxPrice").map(str::to_owned);
    Ok(Mix { base: numbered("OnDemandBaseCapacity")?.unwrap_or(0), percent, max_price })
}

/// Returns the subnets of a group; empty where the parameters do not say.
pub(super) fn subnets(context: &Context<'_>, parameters: &Parameters) -> Result<Vec<String>, Refusal> {
    let all = &context.world.catalogue.subnets;
    let zones = parameters.list("AvailabilityZones.member");
    let Some(named) = parameters.get("VPCZoneIdentifier").filter(|text| !text.is_empty()) else {
        if let Some(zone) = zones.iter().find(|zone| all.iter().all(|subnet| subnet.zone_in(context.region) != **zone))
        {
            return Err(invalid(format!("Invalid Availability Zone: {zone}")));
        }
        let default = zones.iter().filter_map(|zone| all.iter().find(|subnet| subnet.zone_in(context.region) == *zone));
        return Ok(default.map(|subnet| subnet.id.clone()).collect());
    };
    if named.len() > 5_000 {
        return Err(invalid("VPCZoneIdentifier must have at most 5000 characters."));
    }
    let ids: Vec<&str> = named.split(',').map(str::trim).collect();
    for id in &ids {
        let Some(subnet) = context.world.catalogue.subnet(id) else {
            return Err(invalid(format!("The subnet ID '{id}' does not exist")));
        };
        if !zones.is_empty() && !zones.contains(&subnet.zone_in(context.region).as_str()) {
            return Err(invalid(format!("The subnet ID '{id}' is in none of the Availability Zones of the request.")));
        }
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

/// The tags of a group: value, and whether it is passed on to hosts.
pub(super) type Tags = BTreeMap<String, (String, bool)>;

/// Returns the tags of a call, each with the group that it is for; `own` is the group of a call that names one.
pub(super) fn tags(parameters: &Parameters, own: Option<&str>) -> Result<BTreeMap<String, Tags>, Refusal> {
    let mut all: BTreeMap<String, Tags> = BTreeMap::new();
    for prefix in parameters.prefixes("Tags.member") {
        let part = |name: &str| parameters.get(&format!("{prefix}{name}"));
        let group = part("ResourceId").or(own).ok_or_else(|| invalid("A tag must name its ResourceId."))?;
        if own.is_some_and(|own| own != group) || part("ResourceType").is_some_and(|kind| kind != "auto-scaling-group")
        {
            return Err(invalid("A tag must be for this group, of the ResourceType auto-scaling-group."));
        }
        let key = required(parameters, &format!("{prefix}Key"))?;
        let value = part("Value").unwrap_or_default();
        checked(key, value).map_err(|refusal| invalid(refusal.message))?;
        let passes = flag(parameters, &format!("{prefix}PropagateAtLaunch"))?.unwrap_or(false);
        let tags = all.entry(group.to_owned()).or_default();
        if tags.insert(key.to_owned(), (value.to_owned(), passes)).is_some() {
            return Err(invalid(format!("Duplicate keys not allowed. The key '{key}' is there more than once.")));
        }
        if tags.len() > MOST_TAGS {
            return Err(Refusal::new("LimitExceeded", format!("A group has at most {MOST_TAGS} tags.")));
        }
    }
    Ok(all)
}

/// Returns the parameters of a group after an update: what is sent stands in the place of what was there.
pub(super) fn updated(before: &Parameters, sent: &Parameters) -> Parameters {
    const PARTS: [&str; 6] = [
        "LaunchTemplate.",
        "MixedInstancesPolicy.LaunchTemplate.LaunchTemplateSpecification.",
        "MixedInstancesPolicy.LaunchTemplate.Overrides.",
        "MixedInstancesPolicy.InstancesDistribution.",
        "TerminationPolicies.",
        "AvailabilityZones.",
    ];
    let mut after = before.0.clone();
    for part in PARTS.into_iter().filter(|part| sent.has_below(part)) {
        after.retain(|name, _| !name.starts_with(part));
    }
    // A group has either.
    if sent.has_below("LaunchTemplate.") {
        after.retain(|name, _| !name.starts_with("MixedInstancesPolicy."));
    } else if sent.has_below("MixedInstancesPolicy.") {
        after.retain(|name, _| !name.starts_with("LaunchTemplate."));
    }
    after.extend(sent.0.clone());
    Parameters(after)
}
