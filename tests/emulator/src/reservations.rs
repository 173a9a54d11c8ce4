//! Capacity reservations: places that are kept for who names them (`aws-semantics.md` section 13).
//!
//! Invariant: what runs in a reservation takes a place of it, gives that back when it ends, and takes none of a pool.

use serde::{Deserialize, Serialize};

use crate::query::Parameters;
use crate::refusal::Refusal;
use crate::world::World;

const SPECIFICATION: &str = "CapacityReservationSpecification.";

/// Who may run in a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReservationKind {
    /// Whoever fits and asks for any reservation, and who names it.
    Open,
    /// Who names it.
    Targeted,
    /// Who names it and asks for the market `capacity-block`.
    Block,
}

/// A capacity reservation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reservation {
    /// Its id, `cr-…`.
    pub id: String,
    /// The instance type that it is for.
    pub instance_type: String,
    /// The zone that it is in, in full.
    pub zone: String,
    /// Who may run in it.
    pub kind: ReservationKind,
    /// The ARN of the resource group that it is in.
    pub group: Option<String>,
    /// Places that are left.
    pub left: u32,
}

/// Which reservations a launch may run in.
#[derive(Debug, Clone)]
pub(crate) enum Wanted {
    Any,
    Id(String),
    Group(String),
}

impl Reservation {
    fn takes(&self, wanted: &Wanted, instance_type: &str, zone: &str) -> bool {
        let named = match wanted {
            Wanted::Any => self.kind == ReservationKind::Open,
            Wanted::Id(id) => self.id == *id,
            Wanted::Group(arn) => self.group.as_ref() == Some(arn),
        };
        named && self.instance_type == instance_type && self.zone == zone
    }
}

impl World {
    /// Returns the reservation that a launch would run in: of those that fit the one with the most places left.
    pub(crate) fn reservation_for(&self, wanted: &Wanted, instance_type: &str, zone: &str) -> Option<&Reservation> {
        let fitting = self.reservations.iter().filter(|one| one.takes(wanted, instance_type, zone));
        fitting.max_by_key(|one| one.left)
    }

    /// Adds a reservation, in place of the one of its id.
    pub(crate) fn reserve(&mut self, reservation: Reservation) {
        self.reservations.retain(|one| one.id != reservation.id);
        self.reservations.push(reservation);
    }

    /// Takes places of a reservation.
    pub(crate) fn take_reserved(&mut self, id: &str, count: u32) {
        for one in self.reservations.iter_mut().filter(|one| one.id == id) {
            one.left = one.left.saturating_sub(count);
        }
    }
}

/// Returns which reservations a launch may run in; `None` when it has nothing to do with them.
pub(crate) fn wanted(world: &World, parameters: &Parameters) -> Result<Option<Wanted>, Refusal> {
    let get = |name: &str| parameters.get(&format!("{SPECIFICATION}{name}"));
    let id = get("CapacityReservationTarget.CapacityReservationId");
    let group = get("CapacityReservationTarget.CapacityReservationResourceGroupArn");
    let market = parameters.get("InstanceMarketOptions.MarketType");
    let only = match get("CapacityReservationPreference") {
        None => false,
        Some("capacity-reservations-only") => true,
        Some("open" | "none") if id.is_none() && group.is_none() => false,
        Some("open" | "none") => {
            let text = "You can only specify CapacityReservationPreference together with CapacityReservationTarget if the \
                        preference is capacity-reservations-only.";
            return Err(Refusal::combination(text));
        }
        Some(other) => {
            return Err(Refusal::invalid(format!("Invalid value '{other}' for CapacityReservationPreference.")));
        }
    };
    let wanted = match (id, group, only) {
        (Some(_), Some(_), _) => {
            let text = "You can specify a Capacity Reservation or a resource group, but not both.";
            return Err(Refusal::combination(text));
        }
        (Some(id), None, _) => Wanted::Id(id.to_owned()),
        (None, Some(arn), _) => Wanted::Group(arn.to_owned()),
        (None, None, true) => Wanted::Any,
        (None, None, false) if market == Some("capacity-block") => {
            return Err(Refusal::combination("A capacity-block launch must target a Capacity Block reservation."));
        }
        (None, None, false) => return Ok(None),
    };
    if market == Some("spot") || parameters.get("Placement.Tenancy") == Some("host") {
        let text = "Capacity Reservations are not supported for Spot Instances or Dedicated Hosts.";
        return Err(Refusal::combination(text));
    }
    if let Wanted::Id(id) = &wanted {
        let Some(found) = world.reservations.iter().find(|one| one.id == *id) else {
            let text = format!("The capacity reservation ID '{id}' does not exist");
            return Err(Refusal::new("InvalidCapacityReservationId.NotFound", text));
        };
        if (found.kind == ReservationKind::Block) != (market == Some("capacity-block")) {
            let text = format!("The market type does not match the type of the capacity reservation {id}.");
            return Err(Refusal::combination(text));
        }
    }
    Ok(Some(wanted))
}

/// A reservation has too few places left, or fits another type or zone.
pub(crate) fn exceeded() -> Refusal {
    let text = "The requested reservation does not have sufficient compatible and available capacity for this request.";
    Refusal::new("ReservationCapacityExceeded", text)
}

/// Refuses a placement whose parts cannot go together.
pub(crate) fn check_placement(parameters: &Parameters) -> Result<(), Refusal> {
    let get = |name: &str| parameters.get(&format!("Placement.{name}"));
    let has = |name: &str| get(name).is_some();
    let tenancy = get("Tenancy");
    if tenancy.is_some_and(|tenancy| !["default", "dedicated", "host"].contains(&tenancy)) {
        return Err(Refusal::invalid("Invalid value for Placement.Tenancy."));
    }
    let on_hosts = tenancy == Some("host") || has("HostResourceGroupArn");
    let text = if has("GroupName") && has("GroupId") {
        "You can specify GroupId or GroupName, but not both."
    } else if has("PartitionNumber") && !has("GroupName") && !has("GroupId") {
        "A partition number needs a placement group."
    } else if has("HostId") && (tenancy != Some("host") || has("HostResourceGroupArn")) {
        "HostId needs the tenancy host, and no host resource group."
    } else if has("HostResourceGroupArn") && tenancy.is_some_and(|tenancy| tenancy != "host") {
        "If you specify HostResourceGroupArn, either omit the Tenancy parameter or set it to host."
    } else if has("Affinity") && !on_hosts {
        "Affinity is for instances on Dedicated Hosts."
    } else if on_hosts && parameters.get("InstanceMarketOptions.MarketType") == Some("spot") {
        "Spot Instances do not support the tenancy host."
    } else {
        return Ok(());
    };
    Err(Refusal::combination(text))
}
