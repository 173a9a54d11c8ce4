//! Which markets the hosts of a template come from, in which order, and the capacity reservations that are one of them.
//!
//! Invariant: a reservation that hosts have to run in is a market of its own; nothing is launched beside it unless the template
//! names another market too.

use serde::{Deserialize, Serialize};

use super::rules::refused;
use super::{OnDemandShare, PriceType, ProviderApi, ProviderKind, TemplateParts};
use crate::domain::DomainError;

/// What on-demand hosts have to do with capacity reservations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReservationPreference {
    /// They run in any open one that fits, else beside it; AWS's own default.
    Open,
    /// They run in none.
    None,
    /// They run in one or not at all.
    Only,
}

/// Which capacity reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReservationTarget {
    /// This one, `cr-…`.
    Id(String),
    /// Those of the resource group with this ARN.
    Group(String),
}

/// Capacity reservations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CapacityReservation {
    /// Whether hosts run in one.
    pub preference: Option<ReservationPreference>,
    /// In which one.
    pub target: Option<ReservationTarget>,
    /// Whether that is a capacity block.
    pub block: bool,
}

impl CapacityReservation {
    /// Returns whether nothing is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether hosts run in a reservation or not at all.
    pub fn binds(&self) -> bool {
        self.preference == Some(ReservationPreference::Only) || self.target.is_some() || self.block
    }
}

impl TemplateParts {
    /// Returns the markets that hosts are asked from, each for what the ones before it did not give.
    ///
    /// A share of on-demand hosts is no market of its own: it is asked together with the spot hosts.
    pub fn markets(&self) -> Vec<PriceType> {
        let launch = &self.launch;
        if !launch.market_order.is_empty() {
            launch.market_order.clone()
        } else if launch.fleet.on_demand_share == OnDemandShare::Rest {
            vec![PriceType::Spot, PriceType::OnDemand]
        } else if launch.capacity_reservation.binds() {
            vec![PriceType::Reserved]
        } else {
            vec![self.price_type]
        }
    }
}

/// Checks the markets against each other and against the way to get hosts.
pub(super) fn check(parts: &TemplateParts) -> Result<(), DomainError> {
    let (launch, reservation) = (&parts.launch, &parts.launch.capacity_reservation);
    let markets = parts.markets();
    let reserved = markets.contains(&PriceType::Reserved);
    if !launch.market_order.is_empty() && matches!(launch.fleet.on_demand_share, OnDemandShare::Percent(_)) {
        return refused(
            "percentOnDemand",
            "asks for both markets at once and marketOrder for one after the other; keep one of them",
        );
    }
    if reservation.target.is_some() && !matches!(reservation.preference, None | Some(ReservationPreference::Only)) {
        return refused(
            "capacityReservationPreference",
            "cannot be open or none where a reservation is named; set it to capacity-reservations-only, or leave it out",
        );
    }
    if reservation.block && !matches!(reservation.target, Some(ReservationTarget::Id(_))) {
        return refused("capacityBlock", "needs the id of the block's reservation; name it in capacityReservationId");
    }
    if reservation.binds() && !launch.market_order.is_empty() && !reserved {
        return refused("marketOrder", "has to name reserved where hosts are to run in a capacity reservation");
    }
    if reservation.binds() && !reserved || reserved && launch.market_order.is_empty() && parts.price_type.is_spot() {
        return refused(
            "priceType",
            "cannot be spot where hosts are to run in a capacity reservation; set it to ondemand, or name reserved and spot \
             in marketOrder",
        );
    }
    let prefers_otherwise =
        matches!(reservation.preference, Some(ReservationPreference::Open | ReservationPreference::None));
    if prefers_otherwise && (reserved || markets == [PriceType::Spot]) {
        return refused(
            "capacityReservationPreference",
            "open and none are about on-demand hosts, and these are reserved or spot; remove it",
        );
    }
    if reserved && launch.placement.is_on_dedicated_hosts() {
        return refused("tenancy", "host has no capacity reservations; remove one of them");
    }
    if parts.api.kind() == ProviderKind::Aws { fits_its_way(parts, &markets) } else { Ok(()) }
}

fn fits_its_way(parts: &TemplateParts, markets: &[PriceType]) -> Result<(), DomainError> {
    let (launch, reservation) = (&parts.launch, &parts.launch.capacity_reservation);
    let reserved = markets.contains(&PriceType::Reserved);
    if reservation.block && parts.api.launches_by_itself() {
        return refused(
            "capacityBlock",
            "can be launched into by RunInstances and by an EC2Fleet of fleetType instant alone; set providerApi to one of \
             them",
        );
    }
    if reserved && markets.len() > 1 && parts.api.launches_by_itself() {
        return refused(
            "marketOrder",
            "cannot begin with a reservation here: fleets and groups that launch by themselves do not give up on one that is \
             full; set providerApi to RunInstances, or to EC2Fleet with fleetType instant",
        );
    }
    let asked_for = reserved || !reservation.is_default();
    if asked_for && launch.launch_template.is_some() && parts.api != ProviderApi::RunInstances {
        return refused(
            "launchTemplateId",
            "says itself in which capacity reservation a fleet or group launches; remove it or the reservation's fields",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::rules::tests::{own_template, parts, refuses};
    use crate::domain::template::{LaunchSettings, Tenancy};

    use PriceType::{OnDemand, Reserved, Spot};

    fn of(order: &[PriceType]) -> impl Fn(&mut LaunchSettings) {
        let order = order.to_vec();
        move |launch| launch.market_order.clone_from(&order)
    }

    fn in_a_reservation(launch: &mut LaunchSettings) {
        launch.capacity_reservation.target = Some(ReservationTarget::Id("cr-1".to_owned()));
    }

    #[test]
    fn the_markets_are_those_of_the_order_or_follow_from_the_other_fields() {
        let api = ProviderApi::Ec2FleetInstant;
        let of = |price, change: &dyn Fn(&mut LaunchSettings)| parts(api, price, change).markets();
        assert_eq!(of(OnDemand, &|_| {}), [OnDemand]);
        assert_eq!(of(Spot, &|_| {}), [Spot]);
        assert_eq!(of(Spot, &|launch| launch.fleet.on_demand_share = OnDemandShare::Rest), [Spot, OnDemand]);
        assert_eq!(of(Spot, &|launch| launch.fleet.on_demand_share = OnDemandShare::Percent(5)), [Spot]);
        assert_eq!(of(OnDemand, &in_a_reservation), [Reserved]);
        let open = |launch: &mut LaunchSettings| {
            launch.capacity_reservation.preference = Some(ReservationPreference::Open);
        };
        assert_eq!(of(OnDemand, &open), [OnDemand]);
        assert_eq!(of(Spot, &self::of(&[Reserved, OnDemand])), [Reserved, OnDemand]);
    }

    #[test]
    fn reservations_are_asked_first_only_where_a_call_tells_at_once_what_they_lack() {
        for api in ProviderApi::ALL.into_iter().filter(|api| api.kind() == ProviderKind::Aws) {
            let order = |launch: &mut LaunchSettings| {
                in_a_reservation(launch);
                of(&[Reserved, Spot, OnDemand])(launch);
            };
            assert!(check(&parts(api, Spot, of(&[Spot, OnDemand]))).is_ok(), "{api:?}");
            assert!(check(&parts(api, OnDemand, in_a_reservation)).is_ok(), "{api:?}");
            let block = |launch: &mut LaunchSettings| {
                in_a_reservation(launch);
                launch.capacity_reservation.block = true;
            };
            if api.launches_by_itself() {
                refuses(api, Spot, "marketOrder", "fleetType instant", order);
                refuses(api, OnDemand, "capacityBlock", "RunInstances", block);
            } else {
                assert!(check(&parts(api, Spot, order)).is_ok(), "{api:?}");
                assert!(check(&parts(api, OnDemand, block)).is_ok(), "{api:?}");
            }
        }
    }

    #[test]
    fn what_contradicts_itself_about_reservations_is_refused() {
        let api = ProviderApi::Ec2FleetInstant;
        refuses(api, Spot, "priceType", "marketOrder", in_a_reservation);
        refuses(api, Spot, "marketOrder", "reserved", |launch| {
            in_a_reservation(launch);
            of(&[Spot, OnDemand])(launch);
        });
        refuses(api, Spot, "percentOnDemand", "marketOrder", |launch| {
            of(&[Spot, OnDemand])(launch);
            launch.fleet.on_demand_share = OnDemandShare::Percent(20);
        });
        for preference in [ReservationPreference::Open, ReservationPreference::None] {
            let prefers = |launch: &mut LaunchSettings| launch.capacity_reservation.preference = Some(preference);
            assert!(check(&parts(api, OnDemand, prefers)).is_ok());
            refuses(api, Spot, "capacityReservationPreference", "on-demand", prefers);
            refuses(api, OnDemand, "capacityReservationPreference", "capacity-reservations-only", |launch| {
                in_a_reservation(launch);
                prefers(launch);
            });
            refuses(api, OnDemand, "capacityReservationPreference", "on-demand", |launch| {
                of(&[Reserved, OnDemand])(launch);
                prefers(launch);
            });
        }
        refuses(api, OnDemand, "capacityBlock", "capacityReservationId", |launch| {
            launch.capacity_reservation.block = true;
        });
        refuses(api, OnDemand, "tenancy", "reservation", |launch| {
            in_a_reservation(launch);
            launch.placement.tenancy = Some(Tenancy::Host);
        });
        let with_template = |launch: &mut LaunchSettings| {
            in_a_reservation(launch);
            own_template(launch);
        };
        refuses(api, OnDemand, "launchTemplateId", "reservation", with_template);
        assert!(check(&parts(ProviderApi::RunInstances, OnDemand, with_template)).is_ok());
    }
}
