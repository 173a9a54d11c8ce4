//! Launches of a group (`aws-semantics.md` section 6.1): which market, which subnet, which type.
//!
//! A group spreads its hosts evenly over its subnets, and takes its types in the order of its overrides, whatever its
//! allocation strategy. A subnet that EC2 refuses is left out for the rest of the round, and leaves a failed activity.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Context;
use super::run_instances::{self, Checked, template_tags};
use crate::clock::iso;
use crate::groups::{Activity, Choice, Deed, GROUP_TAG, Group, GroupId, Launched, Member, Phase, Recipe};
use crate::instances::{Launch, Market};
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::templates::{merged, on_spot, put_into};
use crate::world::{Order, World};

const MARKET: &str = "InstanceMarketOptions.";

/// Returns everything that one of the choices of a group says of instances, and the launch template that it is from.
fn said(
    world: &World,
    parameters: &Parameters,
    recipe: &Recipe,
    choice: &Choice,
) -> Result<(Parameters, Launched), Refusal> {
    let prefix = choice.template.as_ref().unwrap_or(&recipe.template);
    let (id, template, version) = world.catalogue.meant_template(parameters, prefix)?;
    let own = [("InstanceType", &choice.kind), ("ImageId", &choice.image)];
    let own = own.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
    let all = merged(&template.versions[&version], &own.collect());
    Ok((all, Launched { id: id.to_owned(), name: template.name.clone(), version }))
}

/// Returns the parameters of a group as it shows them: each launch template with its id and its name.
pub(super) fn told(world: &World, group: &Group) -> Parameters {
    let mut all = Parameters::clone(&group.parameters);
    let own = group.recipe.choices.iter().filter_map(|choice| choice.template.as_ref());
    for prefix in own.chain([&group.recipe.template]) {
        if let Ok((id, template)) = world.catalogue.named_template(&group.parameters, prefix) {
            all.0.insert(format!("{prefix}LaunchTemplateId"), id.to_owned());
            all.0.insert(format!("{prefix}LaunchTemplateName"), template.name.clone());
        }
    }
    all
}

/// Refuses a recipe that could never launch, as AWS does when a group is made: with EC2's words.
pub(super) fn check(
    context: &mut Context<'_>,
    parameters: &Parameters,
    recipe: &Recipe,
    subnet: &str,
) -> Result<(), Refusal> {
    for choice in &recipe.choices {
        let (mut all, template) = said(context.world, parameters, recipe, choice)
            .map_err(|refusal| Refusal::new("ValidationError", refusal.message))?;
        if context.world.denied.contains("RunInstances") {
            let text = format!("You are not authorized to use launch template: {}", template.id);
            return Err(Refusal::new("AccessDenied", text));
        }
        if recipe.mix.is_some() && all.has_below(MARKET) {
            let text = "Incompatible launch template: You cannot use a launch template that is set to request Spot \
                        Instances (InstanceMarketOptions) when you configure an Auto Scaling group with a mixed \
                        instances policy.";
            return Err(Refusal::new("ValidationError", text));
        }
        put_into(&mut all, subnet);
        run_instances::check(context, &all, 1).map_err(|refusal| {
            let text = format!("You must use a valid fully-formed launch template. {}", refusal.message);
            Refusal::new("ValidationError", text)
        })?;
    }
    Ok(())
}

/// Launches hosts of at least so many units, as far as EC2 lets it, and returns how many units came.
pub(crate) fn launch(world: &mut World, id: GroupId, missing: u32) -> u32 {
    let Some(group) = world.groups.get(id) else { return 0 };
    let recipe = group.recipe.clone();
    let Some(mix) = &recipe.mix else { return fill(world, id, &recipe, None, missing) };
    let wanted = mix.on_demand(group.units + missing).saturating_sub(group.on_demand).min(missing);
    let came = fill(world, id, &recipe, Some(Market::OnDemand), wanted);
    came + fill(world, id, &recipe, Some(Market::Spot), missing.saturating_sub(wanted.max(came)))
}

/// Launches on one market, the subnets filled evenly.
fn fill(world: &mut World, id: GroupId, recipe: &Recipe, market: Option<Market>, missing: u32) -> u32 {
    let Some(group) = world.groups.get(id) else { return 0 };
    let before = group.units;
    let count = |subnet: &String| group.spread.get(subnet).copied().unwrap_or_default();
    let mut open: Vec<(String, u32)> = group.subnets.iter().map(|subnet| (subnet.clone(), count(subnet))).collect();
    let text = format!(
        "{}  At {} an instance was started in response to a difference between desired and actual capacity, increasing \
         the capacity from {before} to {}.",
        group.wish,
        iso(world.now()),
        before + missing
    );
    let cause: Arc<str> = text.into();
    let mut came = 0;
    while came < missing {
        let Some(least) = open.iter().map(|(_, count)| *count).min() else { break };
        let level = open.iter().filter(|(_, count)| *count == least).count();
        let gap = open.iter().map(|(_, count)| *count - least).filter(|gap| *gap > 0).min();
        let Some(at) = open.iter().position(|(_, count)| *count == least) else { break };
        let (subnet, crowd) = &mut open[at];
        let share = |units: u32| {
            let hosts = (missing - came).div_ceil(units);
            let even = hosts.div_ceil(u32::try_from(level).unwrap_or(u32::MAX));
            gap.map_or(even, |gap| even.min(gap))
        };
        match attempt(world, id, recipe, market, subnet, share) {
            Ok((launch, weight, template)) => {
                let hosts = join(world, id, &launch, weight, template, &cause);
                *crowd += hosts;
                came += hosts * weight.unwrap_or(1);
            }
            Err(refusal) => {
                let said = match market {
                    None => refusal.message,
                    Some(Market::OnDemand) => {
                        format!("Could not launch On-Demand Instances. {} - {}", refusal.code, refusal.message)
                    }
                    Some(Market::Spot) => {
                        format!("Could not launch Spot Instances. {} - {}", refusal.code, refusal.message)
                    }
                };
                let deed = Deed::NoLaunch(subnet.clone(), format!("{said} Launching EC2 instance failed."));
                world.groups.note(Activity { group: id, at: world.now(), deed, cause: Arc::clone(&cause) });
                open.remove(at);
            }
        }
    }
    came
}

/// A launch, the units of each of its hosts, and the launch template that they came from.
type Came = (Arc<Launch>, Option<u32>, Launched);

/// Launches the first type that this subnet has room for. Otherwise says what EC2 said of the first.
fn attempt(
    world: &mut World,
    id: GroupId,
    recipe: &Recipe,
    market: Option<Market>,
    subnet: &str,
    share: impl Fn(u32) -> u32,
) -> Result<Came, Refusal> {
    if let Some(text) = &world.habits.launches_fail {
        return Err(Refusal::new("InsufficientInstanceCapacity", text.clone()));
    }
    let mut first = None;
    for choice in &recipe.choices {
        let most = share(choice.weight.unwrap_or(1));
        match one(world, id, recipe, choice, market, subnet, most) {
            Ok((launch, template)) => return Ok((launch, choice.weight, template)),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    Err(first.unwrap_or_else(gone))
}

fn gone() -> Refusal {
    Refusal::invalid("The group has no instance type.")
}

/// Launches up to `most` hosts of one type in a subnet.
fn one(
    world: &mut World,
    id: GroupId,
    recipe: &Recipe,
    choice: &Choice,
    market: Option<Market>,
    subnet: &str,
    most: u32,
) -> Result<(Arc<Launch>, Launched), Refusal> {
    let group = world.groups.get(id).ok_or_else(gone)?;
    let (region, account, call) = (group.region.clone(), group.account.clone(), group.call);
    let parameters = Arc::clone(&group.parameters);
    let (mut all, template) = said(world, &parameters, recipe, choice)?;
    put_into(&mut all, subnet);
    match market {
        None => {}
        Some(Market::Spot) => on_spot(&mut all, recipe.mix.as_ref().and_then(|mix| mix.max_price.as_deref())),
        Some(Market::OnDemand) => all.0.retain(|name, _| !name.starts_with(MARKET)),
    }
    let passed = group.tags.iter().filter(|(_, (_, propagates))| *propagates);
    let mut own: BTreeMap<String, String> = passed.map(|(key, (value, _))| (key.clone(), value.clone())).collect();
    own.insert(GROUP_TAG.to_owned(), group.name.clone());
    own.extend(template_tags(&template.id, template.version));
    let context = Context { world, parameters: &parameters, call, region: &region, verb: None };
    let (subnet, _) = run_instances::subnet(&context, &all)?;
    let zone = subnet.zone_in(&region);
    let checked = run_instances::check(&context, &all, 1)?;
    // A group asks for its hosts one by one: what there is no room for are the last ones.
    let (count, refusal) = run_instances::fitting(world, &checked, &subnet.id, &zone, most);
    if let Some(refusal) = refusal.filter(|_| count == 0) {
        return Err(refusal);
    }
    let (_, reserved) = run_instances::places(world, &checked, &zone);
    let Checked { kind, image, market, mut tags, spot_tags, .. } = checked;
    tags.extend(own);
    let order = Order {
        token: None,
        zonal: false,
        template_version: Some(template.version),
        merged: Arc::new(all),
        fleet: None,
        call,
        account,
        tags,
        spot_tags,
        kind,
        image,
        zone,
        region,
        market,
        reserved,
        count,
        subnet: subnet.id,
        parameters,
    };
    Ok((world.launch(order), template))
}

/// Makes the hosts of a launch members, and returns how many they are.
fn join(
    world: &mut World,
    id: GroupId,
    launch: &Launch,
    weight: Option<u32>,
    template: Launched,
    cause: &Arc<str>,
) -> u32 {
    let (at, template) = (world.now(), Arc::new(template));
    let protected = world.groups.get(id).is_some_and(|group| group.protects);
    for number in launch.instances.clone() {
        let member = Member {
            weight,
            protected,
            unhealthy: false,
            phase: Phase::Live,
            spot: launch.market == Market::Spot,
            subnet: launch.subnet.clone(),
            template: Arc::clone(&template),
        };
        world.groups.join(id, number, member);
        world.groups.note(Activity { group: id, at, deed: Deed::Launch(number), cause: Arc::clone(cause) });
    }
    launch.instances.end - launch.instances.start
}
