//! Which way of getting hosts a template asks for.
//!
//! Invariant: a template that asks for more than `RunInstances` can give is refused, never launched as something else.

use super::fields::Field;
use super::record::{Record, wrong};
use super::{Dialect, Notes};
use crate::domain::DomainError;
use crate::domain::template::{PriceType, ProviderApi, ProviderKind};
use crate::infrastructure::config::text::{same_word, short};

/// How hosts are got and paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    /// The way.
    pub api: ProviderApi,
    /// The payment.
    pub price: PriceType,
    /// Whether the template says `RunInstances` itself, so that weights can only be a slip.
    pub explicit: bool,
}

/// Words for `RunInstances` alone, and words for what this version does not have.
const RUN_INSTANCES: [&str; 1] = ["RunInstances"];
const NOT_YET: [(&str, &[&str]); 4] = [
    ("EC2Fleet", &["EC2Fleet"]),
    ("SpotFleet", &["SpotFleet"]),
    ("ASG", &["ASG", "AutoScalingGroup", "AutoScaling"]),
    ("MicroVM", &["MicroVM", "LambdaMicroVM"]),
];

/// Chooses the way to get the hosts of a template (`awsprov-templates.md` section 2).
///
/// # Errors
/// [`DomainError::Validation`] saying what the template asks for and what to change.
pub(super) fn choose_api(
    record: &Record<'_, '_>,
    kind: ProviderKind,
    dialect: Dialect,
    notes: &mut Notes,
) -> Result<Choice, DomainError> {
    let refuse = |field: Field, reason: String| Err(DomainError::validation(field.name(), reason));
    if kind == ProviderKind::Simulated {
        let spot = record.text(Field::PriceType).ok().flatten().is_some_and(|word| same_word(&word, "spot"));
        let price = if spot { PriceType::Spot } else { PriceType::OnDemand };
        return Ok(Choice { api: ProviderApi::Simulated, price, explicit: true });
    }
    let explicit = match record.text(Field::ProviderApi)? {
        None => false,
        Some(word) if RUN_INSTANCES.iter().any(|known| same_word(known, &word)) => true,
        Some(word) => {
            let later = NOT_YET.iter().find(|(_, words)| words.iter().any(|known| same_word(known, &word)));
            return refuse(
                Field::ProviderApi,
                match later {
                    Some((name, _)) => format!(
                        "{name} is not in this version, which launches with RunInstances only; set providerApi to RunInstances"
                    ),
                    None => format!("'{}' is unknown; this version takes RunInstances", short(&word)),
                },
            );
        }
    };
    if let Some(word) = record.text(Field::ProviderType)?
        && !same_word(&word, "aws")
    {
        return refuse(Field::ProviderType, format!("'{}' is not this provider; it takes aws", short(&word)));
    }
    fleet_type(record, explicit, notes)?;
    shares(record)?;
    let price = price(record)?;
    if !explicit && dialect == Dialect::Orb {
        return refuse(
            Field::ProviderApi,
            "is missing, and template.defaultApi orb makes that EC2Fleet, which is not in this version; set providerApi to RunInstances"
                .to_owned(),
        );
    }
    Ok(Choice { api: ProviderApi::RunInstances, price, explicit })
}

fn fleet_type(record: &Record<'_, '_>, explicit: bool, notes: &mut Notes) -> Result<(), DomainError> {
    let Some(word) = record.text(Field::FleetType)? else { return Ok(()) };
    let name = Field::FleetType.name();
    let Some(known) = ["instant", "request", "maintain"].into_iter().find(|known| same_word(known, &word)) else {
        return Err(DomainError::validation(
            name,
            format!("'{}' is unknown; there are instant, request and maintain", short(&word)),
        ));
    };
    if explicit || known == "instant" {
        notes.set_aside(name, "it is about fleets, and this template is launched with RunInstances");
        return Ok(());
    }
    Err(DomainError::validation(
        name,
        format!(
            "{known} asks for a fleet, and this version has RunInstances only; remove it, or set providerApi to RunInstances"
        ),
    ))
}

/// A share of on-demand hosts beside spot hosts takes a fleet.
fn shares(record: &Record<'_, '_>) -> Result<(), DomainError> {
    let mixed = |field: Field| {
        let reason = "a mix of on-demand and spot hosts takes a fleet, and this version has RunInstances only; make it 0 and \
                      use two templates";
        Err(DomainError::validation(field.name(), reason))
    };
    if record.whole(Field::PercentOnDemand, 0, 100)?.is_some_and(|percent| percent > 0) {
        return mixed(Field::PercentOnDemand);
    }
    let ratio = Field::OnDemandTargetCapacityRatio;
    if let Some(text) = record.text(ratio)? {
        return match text.parse::<f64>() {
            Ok(0.0) => Ok(()),
            Ok(share) if share > 0.0 && share <= 1.0 => mixed(ratio),
            _ => Err(DomainError::validation(ratio.name(), format!("'{}' is not a number from 0 to 1", short(&text)))),
        };
    }
    Ok(())
}

fn price(record: &Record<'_, '_>) -> Result<PriceType, DomainError> {
    let bids = record.text(Field::SpotPrice)?.is_some_and(|price| price.parse::<f64>().is_ok_and(|price| price > 0.0));
    let Some(node) = record.get(Field::PriceType) else {
        return Ok(if bids { PriceType::Spot } else { PriceType::OnDemand });
    };
    let word = record.text(Field::PriceType)?.unwrap_or_default();
    if same_word(&word, "ondemand") {
        Ok(PriceType::OnDemand)
    } else if same_word(&word, "spot") {
        Ok(PriceType::Spot)
    } else if same_word(&word, "heterogeneous") {
        Err(DomainError::validation(
            Field::PriceType.name(),
            "heterogeneous mixes spot and on-demand hosts in a fleet, and this version has RunInstances only; set it to \
             spot or ondemand",
        ))
    } else {
        Err(wrong(Field::PriceType.name(), node, "ondemand, spot or heterogeneous"))
    }
}
