//! Which way of getting hosts a template asks for (`awsprov-templates.md` section 2).
//!
//! Invariant: what a template asks for by name it gets or is refused; where it names nothing, a note says what was taken.

use super::fields::Field;
use super::fleet_file::FleetFile;
use super::record::{Record, wrong};
use super::{Dialect, Notes, fleets, market};
use crate::domain::DomainError;
use crate::domain::template::{PriceType, ProviderApi, ProviderKind};
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::text::{nearest, same_word, short};

/// How hosts are got and paid for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Choice<'f> {
    /// The way.
    pub api: ProviderApi,
    /// The payment.
    pub price: PriceType,
    /// Whether what the spot market does not give is to come on demand.
    pub heterogeneous: bool,
    /// LSF's fleet file, where the template names one and is launched by it.
    pub file: Option<&'f FleetFile>,
}

impl Choice<'_> {
    /// Returns whether `vmTypes` goes before `vmType`, as for all that can choose among types.
    pub(super) fn prefers_several(&self) -> bool {
        self.price == PriceType::Spot || !matches!(self.api, ProviderApi::RunInstances | ProviderApi::Simulated)
    }
}

/// What `providerApi` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    RunInstances,
    Ec2Fleet,
    SpotFleet,
    AutoScaling,
}

/// What `fleetType` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FleetType {
    /// Asked once.
    Instant,
    /// Asked until everything is there.
    Request,
    /// Kept at its size.
    Maintain,
}

impl FleetType {
    const ALL: [Self; 3] = [Self::Instant, Self::Request, Self::Maintain];

    fn word(self) -> &'static str {
        match self {
            Self::Instant => "instant",
            Self::Request => "request",
            Self::Maintain => "maintain",
        }
    }

    fn ec2_fleet(self) -> ProviderApi {
        match self {
            Self::Instant => ProviderApi::Ec2FleetInstant,
            Self::Request => ProviderApi::Ec2FleetRequest,
            Self::Maintain => ProviderApi::Ec2FleetMaintain,
        }
    }
}

const NAMES: [(&str, Named); 6] = [
    ("RunInstances", Named::RunInstances),
    ("EC2Fleet", Named::Ec2Fleet),
    ("SpotFleet", Named::SpotFleet),
    ("ASG", Named::AutoScaling),
    ("AutoScalingGroup", Named::AutoScaling),
    ("AutoScaling", Named::AutoScaling),
];

/// Returns every name of a way to get hosts.
pub(super) fn names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}

/// Returns the name of every type of fleet.
pub(super) fn fleet_types() -> Vec<&'static str> {
    FleetType::ALL.map(FleetType::word).to_vec()
}

fn refused<T>(field: Field, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(field.name(), reason))
}

/// Chooses the way to get the hosts of a template. `file` is what its `ec2FleetConfig` holds.
///
/// # Errors
/// [`DomainError::Validation`] saying what the template asks for and what to change.
pub(super) fn choose_api<'f>(
    record: &Record<'_, '_>,
    kind: ProviderKind,
    dialect: Dialect,
    file: Option<&'f FleetFile>,
    notes: &mut Notes,
) -> Result<Choice<'f>, DomainError> {
    if kind == ProviderKind::Simulated {
        let word = record.text(Field::PriceType).ok().flatten();
        let spot = word.is_some_and(|word| same_word(&word, "spot") || same_word(&word, "heterogeneous"));
        let price = if spot { PriceType::Spot } else { PriceType::OnDemand };
        return Ok(Choice { api: ProviderApi::Simulated, price, heterogeneous: false, file: None });
    }
    let named = named(record)?;
    if let Some(word) = record.text(Field::ProviderType)?
        && !same_word(&word, "aws")
    {
        return refused(Field::ProviderType, format!("'{}' is not this provider; it takes aws", short(&word)));
    }
    let fleet = fleet_type(record)?;
    let said = price(record, notes)?;
    let file = match named {
        None | Some(Named::Ec2Fleet) => file,
        Some(_) => {
            if file.is_some() {
                notes.set_aside(Field::Ec2FleetConfig.name(), "providerApi names another way than EC2Fleet");
            }
            None
        }
    };
    let (price, heterogeneous) = match (said, file) {
        (Some(said), _) => said,
        (None, Some(file)) => (file.price(record)?, false),
        // A Spot Fleet without a word on the price is one of spot hosts.
        (None, None) if named == Some(Named::SpotFleet) => (PriceType::Spot, false),
        (None, None) => (PriceType::OnDemand, false),
    };
    let about_fleets = |notes: &mut Notes, way: &str| {
        if fleet.is_some() {
            let reason = format!("it is about fleets, and this template is launched with {way}");
            notes.set_aside(Field::FleetType.name(), &reason);
        }
    };
    let api = match named {
        Some(Named::RunInstances) => {
            about_fleets(notes, "RunInstances");
            ProviderApi::RunInstances
        }
        Some(Named::AutoScaling) => {
            about_fleets(notes, "an Auto Scaling group");
            ProviderApi::AutoScaling
        }
        Some(Named::SpotFleet) => spot_fleet(fleet, notes)?,
        Some(Named::Ec2Fleet) => ec2_fleet(fleet, file, notes),
        None if file.is_some() => ec2_fleet(fleet, file, notes),
        None if dialect == Dialect::Orb => {
            if fleet.is_none() {
                notes.add(
                    "without providerApi and fleetType this is an EC2Fleet of fleetType instant; ORB would take request"
                        .to_owned(),
                );
            }
            ec2_fleet(fleet, None, notes)
        }
        None => unnamed(record, fleet, price, heterogeneous, notes)?,
    };
    Ok(Choice { api, price, heterogeneous, file })
}

fn named(record: &Record<'_, '_>) -> Result<Option<Named>, DomainError> {
    let Some(word) = record.text(Field::ProviderApi)? else { return Ok(None) };
    if let Some((_, named)) = NAMES.iter().find(|(known, _)| same_word(known, &word)) {
        return Ok(Some(*named));
    }
    if ["MicroVM", "LambdaMicroVM"].iter().any(|known| same_word(known, &word)) {
        return refused(
            Field::ProviderApi,
            "MicroVM makes Lambda micro-VMs, which are no EC2 hosts and not in this version; set it to EC2Fleet, SpotFleet, \
             ASG or RunInstances",
        );
    }
    let hint = match nearest(&word, NAMES.iter().map(|(known, _)| *known)) {
        Some(near) => format!("did you mean {near}?"),
        None => "there are RunInstances, EC2Fleet, SpotFleet and ASG".to_owned(),
    };
    refused(Field::ProviderApi, format!("'{}' is unknown; {hint}", short(&word)))
}

fn fleet_type(record: &Record<'_, '_>) -> Result<Option<FleetType>, DomainError> {
    let Some(word) = record.text(Field::FleetType)? else { return Ok(None) };
    match FleetType::ALL.into_iter().find(|known| same_word(known.word(), &word)) {
        Some(known) => Ok(Some(known)),
        None => {
            refused(Field::FleetType, format!("'{}' is unknown; there are instant, request and maintain", short(&word)))
        }
    }
}

/// Our default is `instant`: it answers with its hosts, and has no second mind about those that are returned.
fn ec2_fleet(fleet: Option<FleetType>, file: Option<&FleetFile>, notes: &mut Notes) -> ProviderApi {
    let filed = file.map(|file| file.fleet_type);
    if let (Some(fleet), Some(filed)) = (fleet, filed)
        && fleet != filed
    {
        notes.add(format!("fleetType {} goes before the Type {} of ec2FleetConfig", fleet.word(), filed.word()));
    }
    fleet.or(filed).unwrap_or(FleetType::Instant).ec2_fleet()
}

fn spot_fleet(fleet: Option<FleetType>, notes: &mut Notes) -> Result<ProviderApi, DomainError> {
    notes.add(
        "AWS advises against new Spot Fleets; providerApi EC2Fleet with fleetType instant does the same and answers at once"
            .to_owned(),
    );
    match fleet {
        None | Some(FleetType::Request) => Ok(ProviderApi::SpotFleetRequest),
        Some(FleetType::Maintain) => Ok(ProviderApi::SpotFleetMaintain),
        Some(FleetType::Instant) => refused(
            Field::FleetType,
            "instant is not to be had from a Spot Fleet; set it to request or maintain, or set providerApi to EC2Fleet",
        ),
    }
}

/// The way of a template that names none. IBM's plug-in makes a Spot Fleet of every spot template; here one with a single
/// type is a plain spot launch, and without a role the fleet is an EC2 Fleet.
fn unnamed(
    record: &Record<'_, '_>,
    fleet: Option<FleetType>,
    price: PriceType,
    heterogeneous: bool,
    notes: &mut Notes,
) -> Result<ProviderApi, DomainError> {
    let spot = price == PriceType::Spot;
    // The hosts of a Spot Fleet are tagged through a launch template of ours, so it cannot take the operator's.
    let may_be_spot_fleet = spot && record.has(Field::FleetRole) && !record.has(Field::LaunchTemplateId);
    if may_be_spot_fleet && fleet != Some(FleetType::Instant) {
        return spot_fleet(fleet, notes);
    }
    if let Some(asked @ (FleetType::Request | FleetType::Maintain)) = fleet {
        notes.add(format!("fleetType {} without providerApi is taken for an EC2Fleet", asked.word()));
        return Ok(asked.ec2_fleet());
    }
    let (several, weighted) = kinds(record, spot);
    let why = if record.has(Field::AbisInstanceRequirements) {
        "types by attributes"
    } else if spot && (heterogeneous || fleets::share_of_template(record)?.is_some_and(|percent| percent > 0)) {
        "a mix of spot and on-demand hosts"
    } else if several && weighted {
        "types with weights"
    } else if several && spot {
        "spot hosts of several types"
    } else {
        if fleet.is_some() {
            notes.set_aside(
                Field::FleetType.name(),
                "it is about fleets, and this template is launched with RunInstances",
            );
        }
        return Ok(ProviderApi::RunInstances);
    };
    notes.add(format!("without providerApi, {why} are launched by an EC2Fleet of fleetType instant"));
    Ok(ProviderApi::Ec2FleetInstant)
}

/// Whether the template names several types, and whether one of them counts for more than one unit. What is wrong with
/// them is told where they are read.
fn kinds(record: &Record<'_, '_>, spot: bool) -> (bool, bool) {
    let order = if spot { [Field::VmTypes, Field::VmType] } else { [Field::VmType, Field::VmTypes] };
    let Some((field, node)) = order.into_iter().find_map(|field| Some((field, record.get(field)?))) else {
        return (false, false);
    };
    match node {
        Node::Object(members) => {
            let own = || members.iter().filter(|(name, _)| !name.starts_with('_'));
            (own().nth(1).is_some(), own().any(|(_, weight)| weight.as_whole() != Some(1)))
        }
        Node::Text(text) if !text.contains(',') => (false, false),
        _ => (record.list(field).is_ok_and(|items| items.len() > 1), false),
    }
}

/// What the template says of the price, and whether it is heterogeneous; `None` when it says nothing.
fn price(record: &Record<'_, '_>, notes: &mut Notes) -> Result<Option<(PriceType, bool)>, DomainError> {
    let order = market::order(record)?;
    if !order.is_empty() {
        if record.has(Field::PriceType) {
            notes.set_aside(Field::PriceType.name(), "marketOrder goes before it");
        }
        let spot = order.contains(&PriceType::Spot);
        return Ok(Some((if spot { PriceType::Spot } else { PriceType::OnDemand }, false)));
    }
    let Some(node) = record.get(Field::PriceType) else {
        let bid = record.text(Field::SpotPrice)?.and_then(|price| price.parse::<f64>().ok());
        return Ok(bid.filter(|price| *price > 0.0).map(|_| (PriceType::Spot, false)));
    };
    let word = record.text(Field::PriceType)?.unwrap_or_default();
    if same_word(&word, "ondemand") {
        Ok(Some((PriceType::OnDemand, false)))
    } else if same_word(&word, "spot") {
        Ok(Some((PriceType::Spot, false)))
    } else if same_word(&word, "heterogeneous") {
        Ok(Some((PriceType::Spot, true)))
    } else {
        Err(wrong(Field::PriceType.name(), node, "ondemand, spot or heterogeneous"))
    }
}
