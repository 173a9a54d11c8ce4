//! What a fleet may launch: one slot for each override, subnet and type that its configuration names.

use std::collections::{BTreeMap, BTreeSet};

use super::Units;
use super::requirements::matching;
use crate::catalogue::InstanceType;
use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::templates::{LaunchTemplate, merged, put_into};
use crate::world::World;

/// The most configurations of one call (`aws-semantics.md` section 4.2).
const MOST_CONFIGS: usize = 50;
/// The most slots of a fleet that is not instant (section 4.7).
const MOST_SLOTS: usize = 300;
/// What an override may say for an instant fleet only.
const INSTANT_ONLY: [&str; 5] =
    ["ImageId", "KeyName", "BlockDeviceMapping.", "IamInstanceProfile.", "MetadataOptions."];
/// What an override says of itself, not of instances.
const NOT_OF_INSTANCES: [&str; 9] = [
    "SubnetId",
    "AvailabilityZone",
    "MaxPrice",
    "SpotPrice",
    "WeightedCapacity",
    "Priority",
    "InstanceRequirements.",
    "AvailabilityZoneId",
    "Placement.AvailabilityZone",
];

/// What the units of a target are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UnitType {
    Units,
    Vcpu,
    MemoryMib,
}

/// What configurations may say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub(crate) instant: bool,
    /// The code of a configuration that makes no sense.
    pub(crate) code: &'static str,
    /// What the price of a slot is called.
    pub(crate) price: &'static str,
    /// The price where a slot names none.
    pub(crate) default_price: Option<&'a str>,
    pub(crate) units: UnitType,
    pub(crate) region: &'a str,
}

impl Rules<'_> {
    fn refuse(&self, text: impl Into<String>) -> Refusal {
        Refusal::new(self.code, text)
    }
}

/// One way to launch an instance.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// Where its launch template is named: a prefix of parameters. A launch specification has none.
    pub(crate) template: Option<String>,
    /// Where it stands: a prefix of parameters.
    pub(crate) place: Option<String>,
    /// What it says of instances, over the launch template.
    pub(crate) own: BTreeMap<String, String>,
    pub(crate) subnet: Option<String>,
    pub(crate) weight: Units,
    /// The lower, the earlier.
    pub(crate) priority: Units,
    pub(crate) price: Option<String>,
    /// Its type was found by its attributes.
    pub(crate) by_attributes: bool,
}

/// Returns the slots of launch templates with overrides, and the versions that are meant.
pub(crate) fn of_configs(
    world: &World,
    parameters: &Parameters,
    list: &str,
    rules: Rules<'_>,
) -> Result<(Vec<Slot>, Vec<u32>), Refusal> {
    let configs = parameters.prefixes(list);
    if configs.is_empty() {
        return Err(Refusal::new("MissingParameter", format!("The request must contain the parameter {list}")));
    }
    if configs.len() > MOST_CONFIGS {
        return Err(rules.refuse(format!("A fleet has at most {MOST_CONFIGS} launch template configurations.")));
    }
    let (mut slots, mut versions) = (Vec::new(), Vec::new());
    for config in configs {
        let prefix = format!("{config}LaunchTemplateSpecification.");
        parameters.required(&format!("{prefix}Version"))?;
        let (_, template, version) = world.catalogue.meant_template(parameters, &prefix)?;
        versions.push(version);
        check_template(template, version, parameters, rules)?;
        let data = &template.versions[&version];
        let overrides = parameters.prefixes(&format!("{config}Overrides"));
        let places: Vec<Option<String>> =
            if overrides.is_empty() { vec![None] } else { overrides.into_iter().map(Some).collect() };
        for place in places {
            let mut own = BTreeMap::new();
            if let Some(place) = &place {
                own = below(parameters, place);
                check_override(&own, rules)?;
            }
            let slot = slot(Some(prefix.clone()), place, own, rules)?;
            slots.extend(spread(&slot, data, parameters, rules)?);
        }
    }
    check_all(world, &slots, parameters, rules)?;
    Ok((slots, versions))
}

/// Returns the slots of launch specifications (`aws-semantics.md` section 5).
pub(crate) fn of_specifications(
    world: &World,
    parameters: &Parameters,
    list: &str,
    rules: Rules<'_>,
) -> Result<Vec<Slot>, Refusal> {
    let mut slots = Vec::new();
    for place in parameters.prefixes(list) {
        let said = below(parameters, &place);
        let own = said.iter().map(|(name, value)| {
            let name = name
                .replace("GroupSet.", "SecurityGroupId.")
                .replace(".GroupId", "")
                .replace("NetworkInterfaceSet.", "NetworkInterface.")
                .replace("TagSpecificationSet.", "TagSpecification.");
            (name, value.clone())
        });
        let slot = slot(None, Some(place), own.collect(), rules)?;
        slots.extend(spread(&slot, &BTreeMap::new(), parameters, rules)?);
    }
    check_all(world, &slots, parameters, rules)?;
    Ok(slots)
}

fn below(parameters: &Parameters, prefix: &str) -> BTreeMap<String, String> {
    let found = parameters.0.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
    found.map(|(name, value)| (name[prefix.len()..].to_owned(), value.clone())).collect()
}

fn check_template(
    template: &LaunchTemplate,
    version: u32,
    parameters: &Parameters,
    rules: Rules<'_>,
) -> Result<(), Refusal> {
    let data = &template.versions[&version];
    let into_block = parameters.get("TargetCapacitySpecification.DefaultTargetCapacityType") == Some("capacity-block");
    if into_block {
        let is_block = data.get("InstanceMarketOptions.MarketType").is_some_and(|market| market == "capacity-block");
        let text = "The launch template of a fleet into a Capacity Block must say so in its market type.";
        return if is_block { Ok(()) } else { Err(rules.refuse(text)) };
    }
    let has_market = data.keys().any(|name| name.starts_with("InstanceMarketOptions."));
    if has_market {
        let text = "The launch template of a fleet must not say on which market its instances are bought.";
        return Err(rules.refuse(text));
    }
    Ok(())
}

fn check_override(own: &BTreeMap<String, String>, rules: Rules<'_>) -> Result<(), Refusal> {
    let has = |prefix: &str| own.keys().any(|name| name.starts_with(prefix));
    if let Some(name) = INSTANT_ONLY.iter().find(|name| !rules.instant && has(name)) {
        let name = name.trim_end_matches('.');
        return Err(rules.refuse(format!("The override {name} is supported for fleets of type instant only.")));
    }
    if own.get("SubnetId").is_some_and(|subnet| rules.instant && subnet.contains(',')) {
        return Err(rules.refuse("A fleet of type instant can have only one subnet in an override."));
    }
    Ok(())
}

/// Returns one slot of this override, before its subnets and types are told apart.
fn slot(
    template: Option<String>,
    place: Option<String>,
    mut own: BTreeMap<String, String>,
    rules: Rules<'_>,
) -> Result<Slot, Refusal> {
    let number = |name: &str, default: Units| match own.get(name) {
        None => Ok(default),
        Some(text) => Units::parse(text).ok_or_else(|| {
            Refusal::invalid(format!("Value ({text}) for parameter {name} is invalid. It is not a number from 0 on."))
        }),
    };
    let (weight, priority) = (number("WeightedCapacity", Units::ONE)?, number("Priority", Units::MOST)?);
    if weight.is_zero() || weight > Units::whole(999) {
        return Err(Refusal::invalid("The weighted capacity must be more than 0 and at most 999."));
    }
    let price = own.get(rules.price).cloned().or_else(|| rules.default_price.map(str::to_owned));
    if let Some(price) = &price
        && !price.parse::<f64>().is_ok_and(|price| price > 0.001)
    {
        return Err(Refusal::invalid(format!("The price {price} is invalid. It must be more than 0.001.")));
    }
    let subnet = own.get("SubnetId").cloned();
    let zone = own.get("AvailabilityZone").or_else(|| own.get("Placement.AvailabilityZone")).cloned();
    own.retain(|name, _| !NOT_OF_INSTANCES.iter().any(|other| name == other || is_below(name, other)));
    own.extend(zone.map(|zone| ("Placement.AvailabilityZone".to_owned(), zone)));
    Ok(Slot { template, place, own, subnet, weight, priority, price, by_attributes: false })
}

fn is_below(name: &str, prefix: &str) -> bool {
    prefix.ends_with('.') && name.starts_with(prefix)
}

/// Returns a slot for each of its subnets and types.
fn spread(
    slot: &Slot,
    data: &BTreeMap<String, String>,
    parameters: &Parameters,
    rules: Rules<'_>,
) -> Result<Vec<Slot>, Refusal> {
    let subnets: Vec<Option<String>> = match &slot.subnet {
        None => vec![None],
        Some(list) => list.split(',').map(|subnet| Some(subnet.trim().to_owned())).collect(),
    };
    let types = types(slot, data, parameters, rules)?;
    if rules.units != UnitType::Units && types.is_none() {
        return Err(rules.refuse("TargetCapacityUnitType can be specified only with instance requirements."));
    }
    let mut slots = Vec::new();
    for subnet in subnets {
        let Some(types) = &types else {
            slots.push(Slot { subnet, ..slot.clone() });
            continue;
        };
        for kind in types {
            let weight = match rules.units {
                UnitType::Units => slot.weight,
                UnitType::Vcpu => Units::whole(kind.vcpus),
                UnitType::MemoryMib => Units::whole(kind.memory_mib),
            };
            let mut own = slot.own.clone();
            own.insert("InstanceType".to_owned(), kind.name.to_owned());
            slots.push(Slot { subnet: subnet.clone(), own, weight, by_attributes: true, ..slot.clone() });
        }
    }
    Ok(slots)
}

/// Returns the types that a slot may be, when it says so by attributes.
fn types(
    slot: &Slot,
    data: &BTreeMap<String, String>,
    parameters: &Parameters,
    rules: Rules<'_>,
) -> Result<Option<Vec<InstanceType>>, Refusal> {
    const NAME: &str = "InstanceRequirements.";
    let here = slot.place.as_ref().map(|place| format!("{place}{NAME}")).filter(|name| parameters.has_below(name));
    let found = match (&here, slot.own.contains_key("InstanceType")) {
        (Some(_), true) => {
            return Err(rules.refuse("InstanceType and InstanceRequirements must not be specified together."));
        }
        (Some(prefix), false) => matching(parameters, prefix)?,
        (None, false) if data.keys().any(|name| name.starts_with(NAME)) => matching(&Parameters(data.clone()), NAME)?,
        _ => return Ok(None),
    };
    if found.is_empty() {
        return Err(rules.refuse("No instance type meets the instance requirements."));
    }
    Ok(Some(found))
}

/// Refuses too many slots, and two for the same instances.
fn check_all(world: &World, slots: &[Slot], parameters: &Parameters, rules: Rules<'_>) -> Result<(), Refusal> {
    if !rules.instant && slots.len() > MOST_SLOTS {
        return Err(rules.refuse(format!("A fleet has at most {MOST_SLOTS} instance pools.")));
    }
    let mut pools = BTreeSet::new();
    for slot in slots.iter().filter(|slot| !slot.by_attributes) {
        let all = said(world, parameters, slot)?;
        let subnet = all.get("SubnetId").or_else(|| all.get("NetworkInterface.1.SubnetId"));
        let zone = match subnet.and_then(|id| world.catalogue.subnet(id)) {
            Some(subnet) => subnet.zone_in(rules.region),
            None => subnet.or_else(|| all.get("Placement.AvailabilityZone")).unwrap_or_default().to_owned(),
        };
        if !pools.insert((all.get("InstanceType").map(str::to_owned), zone)) {
            return Err(rules.refuse("The fleet configuration contains duplicate instance pools."));
        }
    }
    Ok(())
}

/// Returns everything that a slot says of instances.
///
/// # Errors
/// Its launch template is gone.
pub(super) fn said(world: &World, parameters: &Parameters, slot: &Slot) -> Result<Parameters, Refusal> {
    let mut all = match template_of(world, parameters, slot)? {
        None => Parameters(slot.own.clone()),
        Some((_, template, version)) => merged(&template.versions[&version], &slot.own),
    };
    if let Some(subnet) = &slot.subnet {
        put_into(&mut all, subnet);
    }
    Ok(all)
}

/// Returns the launch template of a slot and the version that is meant now.
pub(crate) fn template_of<'w>(
    world: &'w World,
    parameters: &Parameters,
    slot: &Slot,
) -> Result<Option<(&'w str, &'w LaunchTemplate, u32)>, Refusal> {
    slot.template.as_ref().map(|prefix| world.catalogue.meant_template(parameters, prefix)).transpose()
}
