//! LSF's `ec2FleetConfig`: a file beside the templates that holds a `CreateFleet` request.
//!
//! Invariants: a member that this plug-in has no setting for is refused by its name, never dropped; how many hosts there
//! are to be is the request's to say, whatever the file says.

use std::path::Path;

use super::Notes;
use super::api::FleetType;
use super::fields::Field;
use super::fleets::{percent_of, share_of_template, strategy_of};
use super::launch;
use super::record::{Record, whole, wrong};
use crate::domain::DomainError;
use crate::domain::template::{AllocationStrategy, FleetSettings, LaunchTemplate, PriceType, WeightedType};
use crate::infrastructure::config::document::{self, Node};
use crate::infrastructure::config::text::{same_word, short};

/// The largest fleet file that is read.
const LARGEST: u64 = 256 * 1024;

/// What stands where LSF fills in numbers.
const TOTAL: &str = "$LSF_TOTAL_TARGET_CAPACITY";
const ON_DEMAND: &str = "$LSF_ONDEMAND_TARGET_CAPACITY";
const SPOT: &str = "$LSF_SPOT_TARGET_CAPACITY";

/// What a fleet file says. The default is that of a file which says nothing.
#[derive(Debug)]
pub(super) struct FleetFile {
    /// `Type`.
    pub fleet_type: FleetType,
    /// The types of all overrides, in their order.
    pub types: Vec<WeightedType>,
    /// The subnets of all overrides, in their order.
    pub subnets: Vec<String>,
    /// The price limit that all overrides have.
    pub max_price: Option<String>,
    /// The launch template.
    pub launch_template: Option<LaunchTemplate>,
    /// The on-demand share where the numbers are written out.
    pub on_demand_percent: Option<u8>,
    priorities: Vec<(String, u32)>,
    spot: Option<bool>,
    spot_strategy: Option<AllocationStrategy>,
    on_demand_strategy: Option<AllocationStrategy>,
    pools_count: Option<u32>,
    context: Option<String>,
    /// Whether not every type is named with every subnet.
    uneven: bool,
}

fn fault(member: &str, reason: impl std::fmt::Display) -> DomainError {
    DomainError::validation(Field::Ec2FleetConfig.name(), format!("{member} {reason}"))
}

/// Reads the fleet file that a template names; a relative path is taken from `folder`.
///
/// # Errors
/// [`DomainError::Validation`] naming the field, and the file's member.
pub(super) fn find(record: &Record<'_, '_>, folder: &Path) -> Result<Option<FleetFile>, DomainError> {
    let field = Field::Ec2FleetConfig;
    let Some(node) = record.get(field) else { return Ok(None) };
    let Some(path) = record.text(field)?.filter(|path| path.len() <= 4096) else {
        return Err(wrong(field.name(), node, "the name of a file"));
    };
    let told = |error: &crate::infrastructure::config::ConfigurationError| {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        DomainError::validation(field.name(), format!("{error}{cause}"))
    };
    let full = folder.join(&*path);
    let text = quoted(&document::read(&full, LARGEST).map_err(|error| told(&error))?);
    let document = document::parse(&text, &full, true).map_err(|error| told(&error))?;
    read(&document).map(Some)
}

/// LSF's names stand bare where numbers would; in quotes they are texts.
fn quoted(text: &str) -> String {
    let mut all = String::with_capacity(text.len() + 8);
    let (mut inside, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let name = [TOTAL, ON_DEMAND, SPOT].into_iter().find(|name| !inside && rest.starts_with(name));
        if let Some(name) = name {
            all.extend(["\"", name, "\""]);
            rest = rest.get(name.len()..).unwrap_or_default();
            continue;
        }
        inside ^= c == '"' && !escaped;
        escaped = inside && c == '\\' && !escaped;
        all.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    all
}

type Member<'n, 'a> = (&'n str, &'n Node<'a>);

/// The members of an object that are set, each with its name in the list `known`; one that is not in it is refused.
fn members<'n, 'a>(
    place: &str,
    node: &'n Node<'a>,
    known: &[&'static str],
) -> Result<Vec<Member<'n, 'a>>, DomainError> {
    let Node::Object(members) = node else { return Err(fault(place, format!("is {}, not an object", node.kind()))) };
    let mut found: Vec<Member<'n, 'a>> = Vec::new();
    for (key, node) in members.iter().filter(|(key, node)| !key.starts_with('_') && !node.is_unset()) {
        let Some(name) = known.iter().find(|name| name.eq_ignore_ascii_case(key)) else {
            return Err(fault(
                &format!("{place}{}", short(key)),
                "is not taken from a fleet file; remove it, or set it by the template's own fields",
            ));
        };
        if found.iter().any(|(other, _)| other == name) {
            return Err(fault(&format!("{place}{name}"), "comes twice"));
        }
        found.push((name, node));
    }
    Ok(found)
}

fn text(name: &str, node: &Node<'_>) -> Result<String, DomainError> {
    let text = node.as_plain().filter(|text| text.len() <= 1024 && !text.chars().any(char::is_control));
    text.map(std::borrow::Cow::into_owned).ok_or_else(|| fault(name, "is not a text"))
}

/// Takes a member that has one value here, whether written or not.
fn fixed(name: &str, node: &Node<'_>, only: &str) -> Result<(), DomainError> {
    let given = text(name, node)?;
    if same_word(&given, only) {
        return Ok(());
    }
    Err(fault(name, format!("is {}, and this plug-in takes {only} alone", short(&given))))
}

fn read(document: &Node<'_>) -> Result<FleetFile, DomainError> {
    let mut file = FleetFile {
        fleet_type: FleetType::Instant,
        types: Vec::new(),
        subnets: Vec::new(),
        max_price: None,
        launch_template: None,
        on_demand_percent: None,
        priorities: Vec::new(),
        spot: None,
        spot_strategy: None,
        on_demand_strategy: None,
        pools_count: None,
        context: None,
        uneven: false,
    };
    let known = [
        "Type",
        "LaunchTemplateConfigs",
        "SpotOptions",
        "OnDemandOptions",
        "TargetCapacitySpecification",
        "Context",
        "TerminateInstancesWithExpiration",
        "ReplaceUnhealthyInstances",
        "DryRun",
    ];
    let mut typed = false;
    for (name, node) in members("", document, &known)? {
        match name {
            "Type" => {
                file.fleet_type = fleet_type(&text(name, node)?)?;
                typed = true;
            }
            "LaunchTemplateConfigs" => configs(&mut file, node)?,
            "SpotOptions" => {
                let known = ["AllocationStrategy", "InstancePoolsToUseCount", "InstanceInterruptionBehavior"];
                for (name, node) in members("SpotOptions.", node, &known)? {
                    let full = format!("SpotOptions.{name}");
                    match name {
                        "AllocationStrategy" => file.spot_strategy = Some(strategy(&full, node)?),
                        "InstancePoolsToUseCount" => file.pools_count = Some(figure(&full, node, 1, 1000)?),
                        _ => fixed(&full, node, "terminate")?,
                    }
                }
            }
            "OnDemandOptions" => {
                for (_, node) in members("OnDemandOptions.", node, &["AllocationStrategy"])? {
                    file.on_demand_strategy = Some(strategy("OnDemandOptions.AllocationStrategy", node)?);
                }
            }
            "TargetCapacitySpecification" => capacity(&mut file, node)?,
            "Context" => file.context = Some(text(name, node)?),
            _ => fixed(name, node, "false")?,
        }
    }
    if !typed {
        return Err(fault("Type", "is missing; without it AWS makes a Maintain fleet, so write Instant or Request"));
    }
    Ok(file)
}

fn fleet_type(word: &str) -> Result<FleetType, DomainError> {
    if same_word(word, "instant") {
        Ok(FleetType::Instant)
    } else if same_word(word, "request") {
        Ok(FleetType::Request)
    } else {
        Err(fault("Type", format!("is {}; a fleet file takes Instant or Request", short(word))))
    }
}

fn strategy(name: &str, node: &Node<'_>) -> Result<AllocationStrategy, DomainError> {
    strategy_of(&text(name, node)?).map_err(|reason| fault(name, reason))
}

fn figure(name: &str, node: &Node<'_>, least: u32, most: u32) -> Result<u32, DomainError> {
    let number = whole(name, node, least.into(), most.into()).ok().and_then(|number| u32::try_from(number).ok());
    number.ok_or_else(|| fault(name, format!("is not a whole number from {least} to {most}")))
}

fn configs(file: &mut FleetFile, node: &Node<'_>) -> Result<(), DomainError> {
    let Node::List(configs) = node else { return Err(fault("LaunchTemplateConfigs", "is not a list")) };
    let mut pools: Vec<(String, String)> = Vec::new();
    let mut prices: Vec<Option<String>> = Vec::new();
    for (at, config) in configs.iter().enumerate() {
        let place = format!("LaunchTemplateConfigs[{at}].");
        for (name, node) in members(&place, config, &["LaunchTemplateSpecification", "Overrides"])? {
            let place = format!("{place}{name}");
            if name == "Overrides" {
                let Node::List(overrides) = node else { return Err(fault(&place, "is not a list")) };
                for (at, node) in overrides.iter().enumerate() {
                    prices.push(pool(file, &mut pools, &format!("{place}[{at}]."), node)?);
                }
                continue;
            }
            let template = launch_template(&format!("{place}."), node)?;
            if file.launch_template.as_ref().is_some_and(|other| *other != template) {
                return Err(fault(&place, "is another than before it; this plug-in takes one launch template"));
            }
            file.launch_template = Some(template);
        }
    }
    prices.dedup();
    match prices.as_slice() {
        [] => {}
        [price] => file.max_price.clone_from(price),
        _ => return Err(fault("MaxPrice", "is not the same in all Overrides; this plug-in has one for a template")),
    }
    file.uneven = file.types.iter().any(|kind| {
        file.subnets.iter().any(|subnet| !pools.iter().any(|pool| pool.0 == kind.name && pool.1 == *subnet))
    });
    Ok(())
}

/// Reads one override; returns its price limit.
fn pool(
    file: &mut FleetFile,
    pools: &mut Vec<(String, String)>,
    place: &str,
    node: &Node<'_>,
) -> Result<Option<String>, DomainError> {
    let (mut kind, mut subnets, mut weight, mut priority, mut price) = (None, Vec::new(), 1, None, None);
    let known = ["InstanceType", "WeightedCapacity", "SubnetId", "Priority", "MaxPrice"];
    for (name, node) in members(place, node, &known)? {
        let full = format!("{place}{name}");
        match name {
            "InstanceType" => kind = Some(text(&full, node)?).filter(|kind| launch::is_type(kind)),
            "WeightedCapacity" => weight = figure(&full, node, 1, 1000)?,
            "SubnetId" => subnets = text(&full, node)?.split(',').map(|subnet| subnet.trim().to_owned()).collect(),
            "Priority" => priority = Some(figure(&full, node, 0, u32::MAX)?),
            _ => price = Some(text(&full, node)?),
        }
        if name == "InstanceType" && kind.is_none() {
            return Err(fault(&full, "is not an instance type such as m6i.xlarge"));
        }
    }
    if price.as_ref().is_some_and(|price| !launch::is_price(price)) {
        return Err(fault(&format!("{place}MaxPrice"), "is not a price in dollars such as 0.25"));
    }
    for subnet in &subnets {
        if !launch::is_id(subnet, "subnet-") {
            return Err(fault(&format!("{place}SubnetId"), format!("'{}' is not of the form subnet-…", short(subnet))));
        }
        if !file.subnets.contains(subnet) {
            file.subnets.push(subnet.clone());
        }
        pools.extend(kind.iter().map(|kind| (kind.clone(), subnet.clone())));
    }
    let Some(kind) = kind else { return Ok(price) };
    match file.types.iter().find(|known| known.name == kind) {
        Some(known) if known.weight != weight => {
            return Err(fault(&format!("{place}WeightedCapacity"), format!("differs from that of {kind} before it")));
        }
        Some(_) => {}
        None => file.types.push(WeightedType { name: kind.clone(), weight }),
    }
    match (priority, file.priorities.iter_mut().find(|(known, _)| *known == kind)) {
        // In several subnets the most wanted counts.
        (Some(priority), Some((_, known))) => *known = priority.min(*known),
        (Some(priority), None) => file.priorities.push((kind, priority)),
        (None, _) => {}
    }
    Ok(price)
}

fn launch_template(place: &str, node: &Node<'_>) -> Result<LaunchTemplate, DomainError> {
    let (mut id, mut version) = (None, None);
    for (name, node) in members(place, node, &["LaunchTemplateId", "Version"])? {
        let value = text(&format!("{place}{name}"), node)?;
        if name == "Version" { version = Some(value) } else { id = Some(value) }
    }
    let Some(id) = id.filter(|id| launch::is_id(id, "lt-")) else {
        return Err(fault(&format!("{place}LaunchTemplateId"), "is missing or not of the form lt-…"));
    };
    match version.map(|version| launch::version(&version).ok_or(version)).transpose() {
        Ok(version) => Ok(LaunchTemplate { id, version }),
        Err(text) => {
            Err(fault(&format!("{place}Version"), format!("'{}' is not $Latest, $Default or a number", short(&text))))
        }
    }
}

/// Of the numbers only their proportion counts, and only where LSF fills in none of them.
fn capacity(file: &mut FleetFile, node: &Node<'_>) -> Result<(), DomainError> {
    let known = ["TotalTargetCapacity", "OnDemandTargetCapacity", "SpotTargetCapacity", "DefaultTargetCapacityType"];
    let (mut total, mut on_demand, mut spot) = (None, None, None);
    for (name, node) in members("TargetCapacitySpecification.", node, &known)? {
        let full = format!("TargetCapacitySpecification.{name}");
        let number = |placeholder: &str| match node {
            Node::Text(text) if text.trim() == placeholder => Ok(None),
            _ => figure(&full, node, 0, 1_000_000).map(Some),
        };
        match name {
            "TotalTargetCapacity" => total = number(TOTAL)?,
            "OnDemandTargetCapacity" => on_demand = number(ON_DEMAND)?,
            "SpotTargetCapacity" => spot = number(SPOT)?,
            _ => {
                let word = text(&full, node)?;
                let is_spot = same_word(&word, "spot");
                if !is_spot && !same_word(&word, "on-demand") {
                    return Err(fault(&full, format!("is {}; it takes spot or on-demand", short(&word))));
                }
                file.spot = Some(is_spot);
            }
        }
    }
    let total = total.or_else(|| on_demand?.checked_add(spot?)).filter(|total| *total > 0);
    file.on_demand_percent = match (on_demand, total) {
        (Some(on_demand), Some(total)) => Some(percent_of((f64::from(on_demand) / f64::from(total)).min(1.0))),
        (None | Some(0), _) => None,
        (Some(_), None) => {
            return Err(fault(
                "TargetCapacitySpecification.OnDemandTargetCapacity",
                format!("is a number of hosts whatever is asked for; write {ON_DEMAND} and set percentOnDemand"),
            ));
        }
    };
    Ok(())
}

impl FleetFile {
    /// Returns the market of a template that says nothing of its price.
    ///
    /// # Errors
    /// [`DomainError::Validation`] for a share that cannot be read.
    pub(super) fn price(&self, record: &Record<'_, '_>) -> Result<PriceType, DomainError> {
        let share = share_of_template(record)?.or(self.on_demand_percent);
        let spot = match share {
            Some(1..) => true,
            // Without a type AWS takes on-demand hosts.
            Some(0) | None => self.spot.unwrap_or(false),
        };
        Ok(if spot { PriceType::Spot } else { PriceType::OnDemand })
    }

    /// Puts what the file says where the template's own fields say nothing; notes where both do.
    pub(super) fn fill(&self, settings: &mut FleetSettings, record: &Record<'_, '_>, notes: &mut Notes) {
        if self.uneven {
            notes.add(
                "ec2FleetConfig names some types with some subnets; each type is asked for in each of them".to_owned(),
            );
        }
        let mut both = |field: Field, filed: bool| {
            let both = filed && record.has(field);
            if both {
                notes.add(format!("{} goes before what ec2FleetConfig says", field.name()));
            }
            both
        };
        if !both(Field::VmTypesPriority, !self.priorities.is_empty()) {
            settings.priorities.extend(self.priorities.iter().cloned());
        }
        if !both(Field::Context, self.context.is_some()) {
            settings.context.clone_from(&self.context);
        }
        settings.spot_strategy = self.spot_strategy;
        settings.on_demand_strategy = self.on_demand_strategy;
        settings.pools_count = self.pools_count;
    }
}
