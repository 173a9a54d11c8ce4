//! What a fleet or group is asked for beside its hosts (`awsprov-templates.md` section 3.3).
//!
//! Invariant: a field without effect on the way that was chosen is set aside with a note, its value unread.

use std::collections::BTreeMap;

use super::Notes;
use super::api::Choice;
use super::fields::Field;
use super::launch::{is_type, weighted_types};
use super::record::{Record, wrong};
use super::{market, requirements};
use crate::domain::DomainError;
use crate::domain::template::{AllocationStrategy, FleetSettings, OnDemandShare, PriceType, ProviderApi, WeightedType};
use crate::infrastructure::config::document::Node;
use crate::infrastructure::config::text::{nearest, same_word, short};

/// Every field that is read here.
const OURS: [Field; 12] = [
    Field::VmTypesOnDemand,
    Field::VmTypesPriority,
    Field::AbisInstanceRequirements,
    Field::Context,
    Field::FleetRole,
    Field::AllocationStrategy,
    Field::AllocationStrategyOnDemand,
    Field::PercentOnDemand,
    Field::OnDemandTargetCapacityRatio,
    Field::PoolsCount,
    Field::SpotFleetRequestExpiry,
    Field::RequestValidity,
];

/// The longest time a request may go on launching: thirty days.
pub(super) const LONGEST: i64 = 30 * 24 * 60;

const STRATEGIES: [(&str, AllocationStrategy); 6] = [
    ("lowestPrice", AllocationStrategy::LowestPrice),
    ("diversified", AllocationStrategy::Diversified),
    ("capacityOptimized", AllocationStrategy::CapacityOptimized),
    ("capacityOptimizedPrioritized", AllocationStrategy::CapacityOptimizedPrioritized),
    ("priceCapacityOptimized", AllocationStrategy::PriceCapacityOptimized),
    ("prioritized", AllocationStrategy::Prioritized),
];

const NO_FLEET: &str = "it has an effect on fleets and groups only, and this template is launched with RunInstances";
const NO_SPOT: &str = "it is about spot hosts, and these are on demand";
const NO_ON_DEMAND: &str = "there are no on-demand hosts beside the spot hosts; percentOnDemand, priceType heterogeneous or marketOrder asks for some";

/// Returns the name of every allocation strategy.
pub(super) fn strategies() -> Vec<&'static str> {
    STRATEGIES.iter().map(|(name, _)| *name).collect()
}

fn refused<T>(field: Field, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(field.name(), reason))
}

/// Returns whether there is anything to read here. Most templates say nothing of it.
pub(super) fn are_asked_for(record: &Record<'_, '_>, choice: Choice<'_>) -> bool {
    choice.heterogeneous || choice.file.is_some() || OURS.iter().any(|field| record.has(*field))
}

/// Reads what a fleet or group is asked for; `types` are those of its hosts.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn read(
    record: &Record<'_, '_>,
    choice: Choice<'_>,
    types: &[WeightedType],
    notes: &mut Notes,
) -> Result<FleetSettings, DomainError> {
    let on_demand_share = share(record, choice, notes)?;
    let all_spot = choice.price == PriceType::Spot
        && on_demand_share == OnDemandShare::None
        && !market::order(record)?.contains(&PriceType::OnDemand);
    let mut fields = Fields { record, choice, all_spot, notes };
    let on_demand_types = match fields.acting(Field::VmTypesOnDemand) {
        Some(field) => weighted_types(record, field)?,
        None => Vec::new(),
    };
    let mut settings = FleetSettings {
        on_demand_share,
        requirements: match record.get(Field::AbisInstanceRequirements) {
            Some(node) => Some(requirements::read(node, fields.notes)?),
            None => None,
        },
        role: fields.role()?,
        expiry_minutes: fields.expiry()?,
        context: fields.context()?,
        ..FleetSettings::default()
    };
    if let Some(field) = fields.acting(Field::VmTypesPriority) {
        settings.priorities = priorities(record, field, &[types, &on_demand_types], fields.notes)?;
    }
    settings.on_demand_types = on_demand_types;
    if let Some(file) = choice.file {
        file.fill(&mut settings, record, fields.notes);
    }
    fields.strategies(&mut settings)?;
    Ok(settings)
}

/// Returns the share of on-demand hosts, in percent, that the template's own fields ask for.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn share_of_template(record: &Record<'_, '_>) -> Result<Option<u8>, DomainError> {
    if let Some(percent) = record.whole(Field::PercentOnDemand, 0, 100)? {
        return Ok(u8::try_from(percent).ok());
    }
    let Some(text) = record.text(Field::OnDemandTargetCapacityRatio)? else { return Ok(None) };
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Some(percent_of(ratio))),
        _ => refused(Field::OnDemandTargetCapacityRatio, format!("'{}' is not a number from 0 to 1", short(&text))),
    }
}

/// A ratio in whole percent; never less on demand than was asked for.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "callers give 0 to 1")]
pub(super) fn percent_of(ratio: f64) -> u8 {
    let percent = ratio * 100.0;
    let nearest = percent.round();
    // 0.29 times 100 is a little less than 29.
    if (percent - nearest).abs() < 1e-6 { nearest as u8 } else { percent.ceil() as u8 }
}

fn share(record: &Record<'_, '_>, choice: Choice<'_>, notes: &mut Notes) -> Result<OnDemandShare, DomainError> {
    let own = share_of_template(record)?;
    let field = if record.has(Field::PercentOnDemand) {
        if record.has(Field::OnDemandTargetCapacityRatio) {
            notes.set_aside(Field::OnDemandTargetCapacityRatio.name(), "percentOnDemand goes before it");
        }
        Field::PercentOnDemand
    } else {
        Field::OnDemandTargetCapacityRatio
    };
    let file = choice.file.filter(|_| choice.price == PriceType::Spot);
    let percent = own.or(file.and_then(|file| file.on_demand_percent));
    match percent {
        Some(1..) if choice.price == PriceType::OnDemand => {
            refused(field, "is a share of a spot template; set priceType to spot or heterogeneous, or make it 0")
        }
        Some(1..) if choice.api == ProviderApi::RunInstances => refused(
            field,
            "a mix of on-demand and spot hosts needs a fleet or a group, and RunInstances takes one market; make it 0, or \
             set providerApi to EC2Fleet",
        ),
        Some(0) => {
            if choice.heterogeneous {
                notes.add(format!(
                    "{} 0 means that no host is on demand; without it, priceType heterogeneous takes on demand what the \
                     spot market does not give",
                    field.name()
                ));
            }
            Ok(OnDemandShare::None)
        }
        Some(percent) => Ok(OnDemandShare::Percent(percent)),
        None if choice.heterogeneous => Ok(OnDemandShare::Rest),
        None => Ok(OnDemandShare::None),
    }
}

/// The fields of a template on the way that was chosen.
struct Fields<'r, 'n, 'a, 'f> {
    record: &'r Record<'n, 'a>,
    choice: Choice<'f>,
    all_spot: bool,
    notes: &'r mut Notes,
}

impl Fields<'_, '_, '_, '_> {
    /// Returns the field when it is set and has an effect; notes the reason when it has none.
    fn acting(&mut self, field: Field) -> Option<Field> {
        if !self.record.has(field) {
            return None;
        }
        match self.idle(field) {
            None => Some(field),
            Some(reason) => {
                self.notes.set_aside(field.name(), reason);
                None
            }
        }
    }

    /// Why a field has no effect here.
    fn idle(&self, field: Field) -> Option<&'static str> {
        let api = self.choice.api;
        match field {
            // A simulated template is checked as if it all counted.
            _ if api == ProviderApi::Simulated => None,
            Field::FleetRole => (!is_spot_fleet(api)).then_some("a Spot Fleet alone takes a role"),
            _ if api == ProviderApi::RunInstances => Some(NO_FLEET),
            Field::VmTypesOnDemand if api == ProviderApi::AutoScaling => {
                Some("an Auto Scaling group has one list of types for both markets; name them in vmTypes")
            }
            Field::VmTypesOnDemand if self.choice.price == PriceType::OnDemand => {
                Some("it names types beside those of spot hosts, and these are on demand; name them in vmTypes")
            }
            Field::VmTypesOnDemand | Field::AllocationStrategyOnDemand if self.all_spot => Some(NO_ON_DEMAND),
            Field::PoolsCount if self.choice.price == PriceType::OnDemand => Some(NO_SPOT),
            Field::SpotFleetRequestExpiry | Field::RequestValidity => match api {
                ProviderApi::Ec2FleetInstant => Some("an instant fleet is asked once and does not go on launching"),
                ProviderApi::AutoScaling => Some("a group goes on launching until the request's own deadline"),
                _ => None,
            },
            _ => None,
        }
    }

    /// The role of a Spot Fleet. The one that belongs to EC2 Fleets is taken for its Spot Fleet twin, as ORB does.
    fn role(&mut self) -> Result<Option<String>, DomainError> {
        let Some(field) = self.acting(Field::FleetRole) else { return Ok(None) };
        let Some(text) = self.record.text(field)? else { return Ok(None) };
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
        let is_arn = text.strip_prefix("arn:").is_some_and(|rest| {
            let parts: Vec<&str> = rest.splitn(5, ':').collect();
            let [partition, "iam", "", account, role] = parts.as_slice() else { return false };
            let name = role.strip_prefix("role/").unwrap_or_default();
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && (1..=576).contains(&name.len())
                && name.bytes().all(|b| b == b'/' || is_part(b))
        });
        let is_name = (1..=64).contains(&text.len()) && text.bytes().all(is_part);
        if !is_arn && !is_name {
            return refused(
                field,
                format!("'{}' is neither the name of a role nor its ARN (arn:…:iam::<account>:role/…)", short(&text)),
            );
        }
        let twin = text
            .replace("ec2fleet.amazonaws.com/", "spotfleet.amazonaws.com/")
            .replace("AWSServiceRoleForEC2Fleet", "AWSServiceRoleForEC2SpotFleet");
        if twin != *text {
            self.notes.add(format!("fleetRole is the role of EC2 Fleets; taken for {twin}"));
        }
        Ok(Some(twin))
    }

    /// For how many minutes a request goes on launching.
    fn expiry(&mut self) -> Result<Option<u32>, DomainError> {
        let minutes = self.acting(Field::SpotFleetRequestExpiry);
        let validity = self.acting(Field::RequestValidity);
        if let Some(field) = minutes {
            if validity.is_some() {
                self.notes.set_aside(Field::RequestValidity.name(), "spotFleetRequestExpiry goes before it");
            }
            return Ok(self.record.whole(field, 1, LONGEST)?.and_then(|minutes| u32::try_from(minutes).ok()));
        }
        let Some(field) = validity else { return Ok(None) };
        let text = self.record.text(field)?.unwrap_or_default();
        let number = |part: &str| {
            let is_number = (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse::<u32>().ok()).flatten()
        };
        let minutes = text.split_once(':').and_then(|(hours, minutes)| {
            let minutes = number(minutes).filter(|minutes| *minutes < 60)?;
            Some(number(hours)? * 60 + minutes)
        });
        match minutes {
            Some(minutes) if (1..=LONGEST).contains(&i64::from(minutes)) => Ok(Some(minutes)),
            _ => refused(field, format!("'{}' is not a time such as 0:30, from 0:01 to 720:00", short(&text))),
        }
    }

    fn context(&mut self) -> Result<Option<String>, DomainError> {
        let Some(field) = self.acting(Field::Context) else { return Ok(None) };
        match self.record.text(field)? {
            Some(text) if text.len() > 1024 => refused(field, "is longer than 1024 bytes"),
            text => Ok(text.map(std::borrow::Cow::into_owned)),
        }
    }

    /// How pools are chosen.
    fn strategies(&mut self, settings: &mut FleetSettings) -> Result<(), DomainError> {
        if let Some(field) = self.acting(Field::AllocationStrategyOnDemand) {
            settings.on_demand_strategy = strategy(self.record, field)?;
        }
        if let Some(field) = self.acting(Field::AllocationStrategy) {
            let chosen = strategy(self.record, field)?;
            let also = matches!(chosen, Some(AllocationStrategy::LowestPrice | AllocationStrategy::Prioritized));
            // ORB's files have one strategy for either market.
            if self.choice.price == PriceType::Spot {
                settings.spot_strategy = chosen;
            } else if also && !self.record.has(Field::AllocationStrategyOnDemand) {
                settings.on_demand_strategy = chosen;
            } else {
                self.notes.set_aside(field.name(), NO_SPOT);
            }
        }
        if let Some(field) = self.acting(Field::PoolsCount) {
            // Auto Scaling counts to 20 (`aws-semantics.md` 6.1).
            let most = if self.choice.api == ProviderApi::AutoScaling { 20 } else { 1000 };
            settings.pools_count = self.record.whole(field, 1, most)?.and_then(|count| u32::try_from(count).ok());
        }
        if settings.pools_count.is_some() && settings.spot_strategy.is_none() {
            settings.spot_strategy = Some(AllocationStrategy::LowestPrice);
        }
        let by_priority = settings.spot_strategy == Some(AllocationStrategy::CapacityOptimizedPrioritized);
        if !settings.priorities.is_empty() && self.all_spot && !by_priority {
            self.notes.set_aside(
                Field::VmTypesPriority.name(),
                "spot pools go by it with allocationStrategy capacityOptimizedPrioritized alone",
            );
        }
        Ok(())
    }
}

fn is_spot_fleet(api: ProviderApi) -> bool {
    matches!(api, ProviderApi::SpotFleetRequest | ProviderApi::SpotFleetMaintain)
}

fn strategy(record: &Record<'_, '_>, field: Field) -> Result<Option<AllocationStrategy>, DomainError> {
    let Some(word) = record.text(field)? else { return Ok(None) };
    strategy_of(&word).map(Some).map_err(|reason| DomainError::validation(field.name(), reason))
}

/// Returns the strategy that a word in any spelling means, or why it means none.
pub(super) fn strategy_of(word: &str) -> Result<AllocationStrategy, String> {
    if let Some((_, strategy)) = STRATEGIES.iter().find(|(known, _)| same_word(known, word)) {
        return Ok(*strategy);
    }
    let plain: String = word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).collect();
    let known = STRATEGIES.iter().map(|(known, _)| *known);
    Err(match nearest(&plain, known.clone()) {
        Some(near) => format!("'{}' is unknown; did you mean {near}?", short(word)),
        None => format!("'{}' is unknown; there are {}", short(word), known.collect::<Vec<_>>().join(", ")),
    })
}

/// The preference among types. One for a type that is not asked for is a slip, but does no harm.
fn priorities(
    record: &Record<'_, '_>,
    field: Field,
    types: &[&[WeightedType]],
    notes: &mut Notes,
) -> Result<BTreeMap<String, u32>, DomainError> {
    let members = match record.get(field) {
        Some(Node::Object(members)) => members,
        Some(other) => return Err(wrong(field.name(), other, "an object of types and numbers")),
        None => return Ok(BTreeMap::new()),
    };
    let mut priorities = BTreeMap::new();
    for (name, node) in members.iter().filter(|(name, node)| !name.starts_with('_') && !node.is_unset()) {
        let name = name.trim();
        if !is_type(name) {
            return refused(field, format!("'{}' is not an instance type such as m6i.xlarge", short(name)));
        }
        let number = node.as_whole().and_then(|number| u32::try_from(number).ok());
        let Some(number) = number else {
            return Err(wrong(&format!("{}.{name}", field.name()), node, "a whole number, 0 or more"));
        };
        if !types.iter().any(|types| types.iter().any(|one| one.name == name)) {
            notes.set_aside(&format!("{}.{name}", field.name()), "the template asks for no such type");
        } else if priorities.insert(name.to_owned(), number).is_some() {
            return refused(field, format!("{name} comes twice"));
        }
    }
    Ok(priorities)
}
