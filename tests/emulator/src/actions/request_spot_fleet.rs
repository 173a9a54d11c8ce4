//! `RequestSpotFleet` (`aws-semantics.md` section 5).

use std::sync::Arc;

use super::create_fleet::{check_room, checked_total, earlier, token, units, validity};
use super::{Context, tags};
use crate::fleets::{
    Api, Both, Fleet, Kind, Rules, Slot, Spec, Strategy, Target, Units, Wish, of_configs, of_specifications,
};
use crate::instances::Market;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::xml::Xml;

/// Where everything is said.
pub(super) const CONFIG: &str = "SpotFleetRequestConfig.";

/// A configuration that makes no sense.
pub(super) fn invalid(text: impl Into<String>) -> Refusal {
    Refusal::new("InvalidSpotFleetRequestConfig", text)
}

/// `RequestSpotFleet`: once for each token, which is in the configuration.
pub(super) fn request(context: &mut Context<'_>) -> Result<String, Refusal> {
    let parameters = Arc::clone(context.parameters);
    let token = token(&parameters, &format!("{CONFIG}ClientToken"))?;
    let index = if let Some(index) = earlier(context, Api::Spot, token)? {
        index
    } else {
        let (spec, target) = spec(context, &parameters, token)?;
        context.dry_run()?;
        check_room(context, Api::Spot, spec.kind)?;
        let now = context.world.now();
        context.world.add_fleet(Fleet::new(spec, target, now))
    };
    let mut xml = Xml::default();
    xml.leaf("spotFleetRequestId", &context.world.fleets.all[index].spec.id);
    Ok(xml.into_text())
}

fn spec(context: &Context<'_>, parameters: &Arc<Parameters>, token: Option<&str>) -> Result<(Spec, Target), Refusal> {
    let get = |name: &str| parameters.get(&format!("{CONFIG}{name}"));
    if !parameters.required(&format!("{CONFIG}IamFleetRole"))?.starts_with("arn:") {
        return Err(invalid("Parameter: SpotFleetRequestConfig.IamFleetRole is invalid."));
    }
    let name = get("Type").unwrap_or("maintain");
    // `instant` is in the enumeration and cannot be used.
    let kind = Kind::parse(name).filter(|kind| *kind != Kind::Instant);
    let kind = kind.ok_or_else(|| invalid(format!("Invalid value '{name}' for Type.")))?;
    let target = target(parameters, CONFIG, None)?;
    let has_specifications = parameters.has_below(&format!("{CONFIG}LaunchSpecifications."));
    let has_configs = parameters.has_below(&format!("{CONFIG}LaunchTemplateConfigs."));
    if has_specifications == has_configs {
        return Err(invalid("Either LaunchSpecifications or LaunchTemplateConfigs must be specified, and not both."));
    }
    if has_specifications && !target.units.on_demand.is_zero() {
        return Err(invalid("OnDemandTargetCapacity needs LaunchTemplateConfigs."));
    }
    let rules = Rules {
        instant: false,
        code: "InvalidSpotFleetRequestConfig",
        price: "SpotPrice",
        default_price: get("SpotPrice"),
        units: units(parameters, &format!("{CONFIG}TargetCapacityUnitType"))?,
        region: context.region,
    };
    let wishes = Both { on_demand: on_demand(get)?, spot: spot(get)? };
    let (slots, versions): (Vec<Slot>, Vec<u32>) = if has_configs {
        of_configs(context.world, parameters, &format!("{CONFIG}LaunchTemplateConfigs"), rules)?
    } else {
        let list = format!("{CONFIG}LaunchSpecifications");
        (of_specifications(context.world, parameters, &list, rules)?, Vec::new())
    };
    let list = format!("{CONFIG}TagSpecification");
    let mut tags = tags::specified_below(parameters, &list, &["spot-fleet-request"])?;
    let (valid_from, valid_until) = validity(context, parameters, CONFIG)?;
    let spec = Spec {
        id: context.world.fleets.next_id(Api::Spot),
        api: Api::Spot,
        kind,
        slots,
        wishes,
        tags: tags.remove("spot-fleet-request").unwrap_or_default(),
        instance_tags: std::collections::BTreeMap::new(),
        valid_from,
        valid_until,
        ends_with_expiry: get("TerminateInstancesWithExpiration") == Some("true"),
        token: token.map(str::to_owned),
        versions,
        parameters: Arc::clone(parameters),
        call: context.call,
        account: context.world.account.clone(),
        region: context.region.to_owned(),
    };
    Ok((spec, target))
}

/// Returns the target that a call names below `prefix`; what it leaves out stays as it was.
pub(super) fn target(parameters: &Parameters, prefix: &str, before: Option<&Target>) -> Result<Target, Refusal> {
    let name = format!("{prefix}TargetCapacity");
    let total = match (parameters.number(&name)?, before) {
        (Some(total), _) => checked_total(total)?,
        (None, Some(before)) => before.units.sum(),
        (None, None) => {
            return Err(Refusal::new("MissingParameter", format!("The request must contain the parameter {name}")));
        }
    };
    let on_demand = parameters.number(&format!("{prefix}OnDemandTargetCapacity"))?.map(Units::whole);
    let on_demand = on_demand.or(before.and_then(|before| before.said.on_demand));
    let ends_excess = match parameters.get(&format!("{prefix}ExcessCapacityTerminationPolicy")) {
        None => before.is_none_or(|before| before.ends_excess),
        // The model says noTermination; AWS's own tools also send NoTermination.
        Some(policy) if policy.eq_ignore_ascii_case("noTermination") => false,
        Some(policy) if policy.eq_ignore_ascii_case("default") => true,
        Some(other) => {
            return Err(Refusal::invalid(format!("Invalid value '{other}' for ExcessCapacityTerminationPolicy.")));
        }
    };
    let said = Both { on_demand, spot: None };
    let refused = || invalid("OnDemandTargetCapacity exceeds TargetCapacity.");
    Target::new(total, said, Market::Spot, ends_excess).ok_or_else(refused)
}

fn spot<'p>(get: impl Fn(&str) -> Option<&'p str>) -> Result<Wish, Refusal> {
    let strategy = match get("AllocationStrategy").unwrap_or("lowestPrice") {
        "lowestPrice" => Strategy::LowestPrice,
        "diversified" => Strategy::Diversified,
        "capacityOptimized" => Strategy::CapacityOptimized,
        "capacityOptimizedPrioritized" => Strategy::CapacityOptimizedPrioritized,
        "priceCapacityOptimized" => Strategy::PriceCapacityOptimized,
        other => return Err(Refusal::invalid(format!("Invalid value '{other}' for AllocationStrategy."))),
    };
    let pools = get("InstancePoolsToUseCount").map(|pools| pools.parse().unwrap_or(1));
    if pools.is_some() && strategy != Strategy::LowestPrice {
        return Err(invalid("InstancePoolsToUseCount is only available with the lowestPrice allocation strategy."));
    }
    Ok(Wish { strategy, pools: pools.unwrap_or(1), ..ANY })
}

fn on_demand<'p>(get: impl Fn(&str) -> Option<&'p str>) -> Result<Wish, Refusal> {
    let strategy = match get("OnDemandAllocationStrategy").unwrap_or("lowestPrice") {
        "lowestPrice" => Strategy::LowestPrice,
        "prioritized" => Strategy::Prioritized,
        other => return Err(Refusal::invalid(format!("Invalid value '{other}' for OnDemandAllocationStrategy."))),
    };
    Ok(Wish { strategy, ..ANY })
}

const ANY: Wish =
    Wish { strategy: Strategy::LowestPrice, pools: 1, single_type: false, single_zone: false, least: Units::ZERO };
