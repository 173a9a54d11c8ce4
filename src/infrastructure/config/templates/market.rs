//! Which markets hosts come from, and in which order; capacity reservations.

use super::fields::Field;
use super::placement::{id, resource_group, word};
use super::record::Record;
use crate::domain::DomainError;
use crate::domain::template::{CapacityReservation, PriceType, ReservationPreference, ReservationTarget};
use crate::infrastructure::config::text::{same_word, short};

const MARKETS: [(&str, PriceType); 3] =
    [("reserved", PriceType::Reserved), ("spot", PriceType::Spot), ("on-demand", PriceType::OnDemand)];

/// Returns the word for every market.
pub(super) fn words() -> Vec<&'static str> {
    MARKETS.iter().map(|(word, _)| *word).collect()
}

fn refused<T>(field: Field, reason: impl Into<String>) -> Result<T, DomainError> {
    Err(DomainError::validation(field.name(), reason))
}

/// Reads in which order markets are asked; empty when the template does not say.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn order(record: &Record<'_, '_>) -> Result<Vec<PriceType>, DomainError> {
    let mut order = Vec::new();
    for word in record.list(Field::MarketOrder)? {
        let Some((_, market)) = MARKETS.iter().find(|(known, _)| same_word(known, &word)) else {
            let text = format!("'{}' is unknown; there are reserved, spot and on-demand", short(&word));
            return refused(Field::MarketOrder, text);
        };
        if order.contains(market) {
            return refused(Field::MarketOrder, format!("names {} twice", short(&word)));
        }
        order.push(*market);
    }
    Ok(order)
}

/// Reads the capacity reservations that hosts run in.
///
/// # Errors
/// [`DomainError::Validation`] naming the field.
pub(super) fn reservation(record: &Record<'_, '_>) -> Result<CapacityReservation, DomainError> {
    let preference = word(
        record,
        Field::CapacityReservationPreference,
        &[
            ("open", ReservationPreference::Open),
            ("none", ReservationPreference::None),
            ("capacity-reservations-only", ReservationPreference::Only),
        ],
    )?;
    let id = id(record, Field::CapacityReservationId, "cr-")?;
    let group = resource_group(record, Field::CapacityReservationGroup)?;
    if id.is_some() && group.is_some() {
        let text = "cannot go with capacityReservationId; keep one of them";
        return refused(Field::CapacityReservationGroup, text);
    }
    let target = id.map(ReservationTarget::Id).or(group.map(ReservationTarget::Group));
    Ok(CapacityReservation { preference, target, block: record.flag(Field::CapacityBlock)? == Some(true) })
}
