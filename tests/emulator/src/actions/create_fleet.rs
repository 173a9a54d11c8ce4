//! `CreateFleet` (`aws-semantics.md` section 4): what it may say, and what an instant fleet answers.

use std::sync::Arc;

use super::fleet_writing::{write_failures, write_groups};
use super::{Context, tags};
use crate::clock::{Millis, parsed};
use crate::fleets::{Api, Both, Fleet, Kind, Rules, Spec, Strategy, Target, UnitType, Units, Wish, of_configs};
use crate::instances::Market;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

pub(super) const CONFIGS: &str = "LaunchTemplateConfigs";
const TARGET: &str = "TargetCapacitySpecification.";
const LONGEST_TOKEN: usize = 64;
/// The largest target of a fleet, the most fleets of a region, the largest least number (sections 4.2 and 4.7).
const LARGEST: u32 = 10_000;
const MOST_FLEETS: usize = 1_000;
const LARGEST_LEAST: u32 = 1_000;

/// A configuration that makes no sense.
pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("InvalidFleetConfig", text)
}

/// `CreateFleet`: once for each token; an instant fleet answers with what it got. A dry run looks at the right alone, whatever
/// the call names: Karpenter asks with a launch template that does not exist (`pkg/controllers/nodeclass/validation.go`).
pub(super) fn create(context: &mut Context<'_>) -> Result<String, Refusal> {
    context.dry_run()?;
    let parameters = Arc::clone(context.parameters);
    let token = token(&parameters, "ClientToken")?;
    if let Some(index) = earlier(context, Api::Ec2, token)? {
        let bare = context.world.habits.bare_replays;
        return Ok(answer(context, index, bare));
    }
    let (spec, target) = spec(context, &parameters, token)?;
    check_room(context, Api::Ec2, spec.kind)?;
    let now = context.world.now();
    let index = context.world.add_fleet(Fleet::new(spec, target, now));
    Ok(answer(context, index, false))
}

fn answer(context: &Context<'_>, index: usize, bare: bool) -> String {
    let mut xml = Xml::default();
    let fleet = &context.world.fleets.all[index];
    xml.leaf("fleetId", &fleet.spec.id);
    if !bare && fleet.spec.is_instant() {
        write_failures(&mut xml, context.world, fleet);
        write_groups(&mut xml, context.world, fleet);
    }
    xml.into_text()
}

/// Returns the client token.
pub(super) fn token<'p>(parameters: &'p Parameters, name: &str) -> Result<Option<&'p str>, Refusal> {
    let token = parameters.get(name).filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.len() > LONGEST_TOKEN || !token.is_ascii()) {
        let text = format!("The client token must have at most {LONGEST_TOKEN} ASCII characters.");
        return Err(Refusal::new("InvalidClientToken", text));
    }
    Ok(token)
}

/// Returns the fleet that the same call made before.
pub(super) fn earlier(context: &Context<'_>, api: Api, token: Option<&str>) -> Result<Option<usize>, Refusal> {
    let world = &*context.world;
    let Some(token) = token else { return Ok(None) };
    let Some(index) = world.fleets.with_token(api, token, &world.account, context.region, world.now()) else {
        return Ok(None);
    };
    let spec = &world.fleets.all[index].spec;
    // `$Latest` means something else once there is a newer version.
    let means_other = spec.slots.iter().filter_map(|slot| slot.template.as_ref()).any(|prefix| {
        let meant = world.catalogue.meant_template(&spec.parameters, prefix);
        meant.is_ok_and(|(_, _, version)| !spec.versions.contains(&version))
    });
    if *spec.parameters != **context.parameters || means_other {
        return Err(super::launch_templates::mismatch());
    }
    Ok(Some(index))
}

/// Refuses a fleet over the quota of the region; instant ones do not count.
pub(super) fn check_room(context: &Context<'_>, api: Api, kind: Kind) -> Result<(), Refusal> {
    if kind != Kind::Instant && context.world.fleets.counted() >= MOST_FLEETS {
        let code = match api {
            Api::Ec2 => "MaxFleetCountExceeded",
            Api::Spot => "MaxSpotFleetRequestCountExceeded",
        };
        return Err(Refusal::new(code, format!("You have reached your limit of {MOST_FLEETS} fleets.")));
    }
    Ok(())
}

fn spec(context: &Context<'_>, parameters: &Arc<Parameters>, token: Option<&str>) -> Result<(Spec, Target), Refusal> {
    let name = parameters.get("Type").unwrap_or("maintain");
    let kind = Kind::parse(name).ok_or_else(|| Refusal::invalid(format!("Invalid value '{name}' for Type.")))?;
    let target = target(parameters, None)?;
    if kind != Kind::Maintain && target.units.sum().is_zero() {
        return Err(invalid("The total target capacity must be greater than 0."));
    }
    let instant = kind == Kind::Instant;
    for (name, only) in [("ReplaceUnhealthyInstances", Kind::Maintain)] {
        if parameters.get(name) == Some("true") && kind != only {
            return Err(invalid(format!("{name} is supported for fleets of type {} only.", only.name())));
        }
    }
    let rules = Rules {
        instant,
        code: "InvalidFleetConfig",
        price: "MaxPrice",
        default_price: None,
        units: units(parameters, &format!("{TARGET}TargetCapacityUnitType"))?,
        region: context.region,
    };
    let wishes =
        Both { on_demand: wish(parameters, Market::OnDemand, kind)?, spot: wish(parameters, Market::Spot, kind)? };
    let (slots, versions) = of_configs(context.world, parameters, CONFIGS, rules)?;
    let taggable: &[&str] = if instant { &["fleet", "instance", "volume", "network-interface"] } else { &["fleet"] };
    let mut tags = tags::specified_below(parameters, "TagSpecification", taggable)?;
    let (valid_from, valid_until) = validity(context, parameters, "")?;
    let spec = Spec {
        id: context.world.fleets.next_id(Api::Ec2),
        api: Api::Ec2,
        kind,
        slots,
        wishes,
        tags: tags.remove("fleet").unwrap_or_default(),
        instance_tags: tags.remove("instance").unwrap_or_default(),
        valid_from,
        valid_until,
        ends_with_expiry: parameters.get("TerminateInstancesWithExpiration") == Some("true"),
        token: token.map(str::to_owned),
        versions,
        parameters: Arc::clone(parameters),
        call: context.call,
        account: context.world.account.clone(),
        region: context.region.to_owned(),
    };
    Ok((spec, target))
}

/// Returns the target that a call names; what it leaves out stays as it was.
pub(super) fn target(parameters: &Parameters, before: Option<&Target>) -> Result<Target, Refusal> {
    let number = |name: &str| parameters.number(&format!("{TARGET}{name}"));
    let total = match (number("TotalTargetCapacity")?, before) {
        (Some(total), _) => checked_total(total)?,
        (None, Some(before)) => before.units.sum(),
        (None, None) => {
            let text = format!("The request must contain the parameter {TARGET}TotalTargetCapacity");
            return Err(Refusal::new("MissingParameter", text));
        }
    };
    let said = |name: &str, before: Option<Units>| Ok(number(name)?.map(Units::whole).or(before));
    let said = Both {
        on_demand: said("OnDemandTargetCapacity", before.and_then(|before| before.said.on_demand))?,
        spot: said("SpotTargetCapacity", before.and_then(|before| before.said.spot))?,
    };
    let default = match parameters.get(&format!("{TARGET}DefaultTargetCapacityType")) {
        None => before.map_or(Market::OnDemand, |before| before.default),
        Some("spot") => Market::Spot,
        Some("capacity-block") if parameters.get("Type") != Some("instant") => {
            return Err(invalid("Capacity Blocks are supported for fleets of type instant only."));
        }
        Some("capacity-block") if said.on_demand.is_some() || said.spot.is_some() => {
            return Err(invalid("Capacity Blocks have no on-demand or spot target capacity."));
        }
        Some("on-demand" | "capacity-block" | "reserved-capacity") => Market::OnDemand,
        Some(other) => return Err(Refusal::invalid(format!("Invalid value '{other}' for DefaultTargetCapacityType."))),
    };
    let ends_excess = match parameters.get("ExcessCapacityTerminationPolicy") {
        None => before.is_none_or(|before| before.ends_excess),
        Some("termination") => true,
        Some("no-termination") => false,
        Some(other) => {
            return Err(Refusal::invalid(format!("Invalid value '{other}' for ExcessCapacityTerminationPolicy.")));
        }
    };
    let refused = || invalid("The sum of the on-demand and spot target capacities exceeds the total target capacity.");
    Target::new(total, said, default, ends_excess).ok_or_else(refused)
}

/// Returns a total, unless it is too large.
pub(super) fn checked_total(total: u32) -> Result<Units, Refusal> {
    if total > LARGEST {
        let text = format!("The target capacity {total} is more than a fleet can have: {LARGEST}");
        return Err(Refusal::new("TargetCapacityLimitExceededException", text));
    }
    Ok(Units::whole(total))
}

pub(super) fn units(parameters: &Parameters, name: &str) -> Result<UnitType, Refusal> {
    match parameters.get(name) {
        None | Some("units") => Ok(UnitType::Units),
        Some("vcpu") => Ok(UnitType::Vcpu),
        Some("memory-mib") => Ok(UnitType::MemoryMib),
        Some(other) => Err(Refusal::invalid(format!("Invalid value '{other}' for TargetCapacityUnitType."))),
    }
}

/// Returns from when and until when a fleet launches.
pub(super) fn validity(
    context: &Context<'_>,
    parameters: &Parameters,
    prefix: &str,
) -> Result<(Option<Millis>, Option<Millis>), Refusal> {
    let time = |name: &str| {
        let Some(text) = parameters.get(&format!("{prefix}{name}")) else { return Ok(None) };
        let refused = || Refusal::invalid(format!("Value ({text}) for parameter {name} is invalid. It is no time."));
        parsed(text).map(Some).ok_or_else(refused)
    };
    let (from, until) = (time("ValidFrom")?, time("ValidUntil")?);
    if until.is_some_and(|until| until <= context.world.now() || from.is_some_and(|from| from >= until)) {
        return Err(Refusal::invalid("ValidUntil must be later than now and than ValidFrom."));
    }
    Ok((from, until))
}

fn wish(parameters: &Parameters, market: Market, kind: Kind) -> Result<Wish, Refusal> {
    let prefix = match market {
        Market::OnDemand => "OnDemandOptions.",
        Market::Spot => "SpotOptions.",
    };
    let get = |name: &str| parameters.get(&format!("{prefix}{name}"));
    let strategy = match (get("AllocationStrategy").unwrap_or("lowest-price"), market) {
        ("lowest-price", _) => Strategy::LowestPrice,
        ("prioritized", Market::OnDemand) => Strategy::Prioritized,
        ("diversified", Market::Spot) => Strategy::Diversified,
        ("capacity-optimized", Market::Spot) => Strategy::CapacityOptimized,
        ("capacity-optimized-prioritized", Market::Spot) => Strategy::CapacityOptimizedPrioritized,
        ("price-capacity-optimized", Market::Spot) => Strategy::PriceCapacityOptimized,
        (other, _) => return Err(Refusal::invalid(format!("Invalid value '{other}' for AllocationStrategy."))),
    };
    let pools = parameters.number(&format!("{prefix}InstancePoolsToUseCount"))?;
    if pools.is_some() && strategy != Strategy::LowestPrice {
        let text = "InstancePoolsToUseCount option is only available with the lowest-price allocation strategy.";
        return Err(invalid(text));
    }
    let least = parameters.number(&format!("{prefix}MinTargetCapacity"))?.unwrap_or(0);
    let is = |name: &str| get(name) == Some("true");
    let (single_type, single_zone) = (is("SingleInstanceType"), is("SingleAvailabilityZone"));
    let reserves = get("CapacityReservationOptions.UsageStrategy").is_some();
    if kind != Kind::Instant && (least > 0 || single_type || single_zone || reserves) {
        let text = "MinTargetCapacity, SingleInstanceType, SingleAvailabilityZone and CapacityReservationOptions are \
                    supported for fleets of type instant only.";
        return Err(invalid(text));
    }
    if least > LARGEST_LEAST || least > 0 && !single_type && !single_zone {
        let text = format!(
            "MinTargetCapacity is at most {LARGEST_LEAST} and needs SingleInstanceType or SingleAvailabilityZone."
        );
        return Err(invalid(text));
    }
    if get("MaintenanceStrategies.CapacityRebalance.ReplacementStrategy").is_some() && kind != Kind::Maintain {
        return Err(invalid("CapacityRebalance is supported for fleets of type maintain only."));
    }
    let pools = usize::try_from(pools.unwrap_or(1)).unwrap_or(usize::MAX);
    Ok(Wish { strategy, pools, single_type, single_zone, least: Units::whole(least) })
}
