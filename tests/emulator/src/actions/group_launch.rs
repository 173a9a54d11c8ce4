//! Launches of a group (`aws-semantics.md` section 6.1): which market, which subnet, which type.
//!
//! A group spreads its hosts evenly over its subnets, and takes its types in the order of its overrides, whatever its
//! allocation strategy. A subnet that EC2 refuses is left out for the rest of the round, and leaves a failed activity.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Context, launch_templates, run_instances};
use crate::clock::iso;
use crate::groups::{Activity, Choice, Deed, GROUP_TAG, GroupId, Member, Recipe, Template};
use crate::instances::{Launch, Market};
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::world::World;

/// A launch template with the version that was meant, and its parameters of RunInstances.
struct Found {
    id: String,
    version: u32,
    data: BTreeMap<String, String>,
}

/// Returns what a group's launch template stands for now.
fn find(context: &Context<'_>, template: &Template) -> Result<Found, Refusal> {
    let id = template.key.clone();
    let found = launch_templates::template(context, &id)?;
    let version = launch_templates::version(&id, found, template.version.as_deref())?;
    let data = found.versions.get(&version).cloned().unwrap_or_default();
    Ok(Found { id, version, data })
}

/// Returns the parameters of RunInstances for one of the types of a group.
fn parameters(recipe: &Recipe, choice: &Choice, found: &Found, market: Option<Market>, subnet: &str) -> Parameters {
    const OPTIONS: &str = "InstanceMarketOptions.";
    let mut data = found.data.clone();
    let mut set = |name: &str, value: &str| data.insert(name.to_owned(), value.to_owned());
    if let Some(kind) = &choice.kind {
        set("InstanceType", kind);
    }
    if let Some(image) = &choice.image {
        set("ImageId", image);
    }
    set("SubnetId", subnet);
    if market == Some(Market::Spot) {
        set("InstanceMarketOptions.MarketType", "spot");
    } else if market.is_some() {
        data.retain(|name, _| !name.starts_with(OPTIONS));
    }
    if let Some(price) = recipe.mix.as_ref().and_then(|mix| mix.max_price.as_ref())
        && market == Some(Market::Spot)
    {
        data.insert("InstanceMarketOptions.SpotOptions.MaxPrice".to_owned(), price.clone());
    }
    Parameters(data)
}

/// Refuses a recipe that could never launch, as AWS does when a group is made: with EC2's words.
pub(super) fn check(context: &mut Context<'_>, recipe: &Recipe, subnet: &str) -> Result<(), Refusal> {
    for choice in &recipe.choices {
        let found = find(context, choice.template.as_ref().unwrap_or(&recipe.template)).map_err(as_validation)?;
        if recipe.mix.is_some() && found.data.keys().any(|name| name.starts_with("InstanceMarketOptions.")) {
            let text = "Incompatible launch template: You cannot use a launch template that is set to request Spot \
                        Instances (InstanceMarketOptions) when you configure an Auto Scaling group with a mixed \
                        instances policy.";
            return Err(Refusal::new("ValidationError", text));
        }
        let sent = Arc::new(parameters(recipe, choice, &found, None, subnet));
        let mut inner =
            Context { world: context.world, parameters: &sent, call: context.call, region: context.region, verb: None };
        run_instances::check(&mut inner).map_err(|refusal| {
            let text = format!("You must use a valid fully-formed launch template. {}", refusal.message);
            Refusal::new("ValidationError", text)
        })?;
    }
    Ok(())
}

fn as_validation(refusal: Refusal) -> Refusal {
    Refusal::new("ValidationError", refusal.message)
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
                let hosts = join(world, id, &launch, weight, &template, &cause);
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

/// A launch, the units of each of its hosts, and the template with its version.
type Came = (Arc<Launch>, Option<u32>, Arc<(String, u32)>);

/// Launches the first type that this subnet has room for. Otherwise says what EC2 said of the first.
fn attempt(
    world: &mut World,
    id: GroupId,
    recipe: &Recipe,
    market: Option<Market>,
    subnet: &str,
    share: impl Fn(u32) -> u32,
) -> Result<Came, Refusal> {
    if let Some(text) = &world.groups.habits.launches_fail {
        return Err(Refusal::new("InsufficientInstanceCapacity", text.clone()));
    }
    let gone = || Refusal::invalid("The group has no instance type.");
    let group = world.groups.get(id).ok_or_else(gone)?;
    let (region, call, name) = (group.region.clone(), group.call, group.name.clone());
    let passed = group.tags.iter().filter(|(_, (_, propagates))| *propagates);
    let mut tags: BTreeMap<String, String> = passed.map(|(key, (value, _))| (key.clone(), value.clone())).collect();
    tags.insert(GROUP_TAG.to_owned(), name);
    let mut first = None;
    for choice in &recipe.choices {
        let template = choice.template.as_ref().unwrap_or(&recipe.template);
        let nothing = Arc::new(Parameters::default());
        let context = Context { world, parameters: &nothing, call, region: &region, verb: None };
        let tried = find(&context, template).and_then(|found| {
            let sent = Arc::new(parameters(recipe, choice, &found, market, subnet));
            let mut context = Context { world, parameters: &sent, call, region: &region, verb: None };
            let most = share(choice.weight.unwrap_or(1));
            let launch = run_instances::for_group(&mut context, subnet, most, found.version, &tags)?;
            Ok((launch, choice.weight, Arc::new((found.id, found.version))))
        });
        match tried {
            Ok(came) => return Ok(came),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    Err(first.unwrap_or_else(gone))
}

/// Makes the hosts of a launch members, and returns how many they are.
fn join(
    world: &mut World,
    id: GroupId,
    launch: &Launch,
    weight: Option<u32>,
    template: &Arc<(String, u32)>,
    cause: &Arc<str>,
) -> u32 {
    let at = world.now();
    let protected = world.groups.get(id).is_some_and(|group| group.protects);
    for number in launch.instances.clone() {
        let member = Member {
            weight,
            protected,
            unhealthy: false,
            phase: crate::groups::Phase::Live,
            spot: launch.market == Market::Spot,
            subnet: launch.subnet.clone(),
            template: Arc::clone(template),
        };
        world.groups.join(id, number, member);
        world.groups.note(Activity { group: id, at, deed: Deed::Launch(number), cause: Arc::clone(cause) });
    }
    launch.instances.end - launch.instances.start
}
