//! Capacity reservations as calls name them, by the market that is asked.
//!
//! Facts: a target goes with the preference `capacity-reservations-only` or with none, a capacity block is a market type of its
//! own beside a target (types `CapacityReservationSpecification` and `MarketType` of the EC2 model), and spot hosts run in no
//! reservation.

use aws_sdk_ec2::types::{CapacityReservationPreference, CapacityReservationTarget};

use super::parameters::FrozenParameters;
use crate::domain::request::Pool;
use crate::domain::template::{CapacityReservation, PriceType, ReservationPreference, ReservationTarget};

/// Returns what a template says of reservations as far as it is about these pools.
pub(super) fn of_pools(frozen: &FrozenParameters, pools: &[Pool]) -> CapacityReservation {
    let said = &frozen.capacity_reservation;
    let has = |market| pools.iter().any(|pool| pool.price_type == market);
    if has(PriceType::Reserved) {
        let preference = if said.block { None } else { Some(ReservationPreference::Only) };
        CapacityReservation { preference, ..said.clone() }
    } else if has(PriceType::OnDemand) && !said.binds() {
        said.clone()
    } else {
        CapacityReservation::default()
    }
}

/// Returns the preference and the target as EC2 has them, where there is any.
pub(super) fn parts(
    reservation: &CapacityReservation,
) -> Option<(Option<CapacityReservationPreference>, Option<CapacityReservationTarget>)> {
    let preference = reservation.preference.map(|preference| match preference {
        ReservationPreference::Open => CapacityReservationPreference::Open,
        ReservationPreference::None => CapacityReservationPreference::None,
        ReservationPreference::Only => CapacityReservationPreference::CapacityReservationsOnly,
    });
    let target = reservation.target.as_ref().map(|target| {
        let builder = CapacityReservationTarget::builder();
        match target {
            ReservationTarget::Id(id) => builder.capacity_reservation_id(id).build(),
            ReservationTarget::Group(arn) => builder.capacity_reservation_resource_group_arn(arn).build(),
        }
    });
    (preference.is_some() || target.is_some()).then_some((preference, target))
}

#[cfg(test)]
#[path = "reservation_tests.rs"]
mod tests;
