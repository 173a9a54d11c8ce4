//! One attempt of a fleet to launch: which slots come first, what each can give, what it fails with.
//!
//! Invariant: an attempt is planned before it is carried out, so that an instant fleet that must have a least number
//! launches all of it or nothing.

use std::cmp::Reverse;
use std::sync::Arc;

use super::slots::{said, template_of};
use super::{Both, Failure, Group, Kind, Slot, Spec, Strategy, Units, Wish};
use crate::actions::Context;
use crate::actions::run_instances::{self, Checked, template_tags};
use crate::catalogue::instance_type;
use crate::instances::Market;
use crate::query::Parameters;
use crate::refusal::{Refusal, words_of};
use crate::templates::on_spot;
use crate::world::{Order, World};

/// What an attempt gave.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) groups: Vec<Group>,
    pub(super) failures: Vec<Failure>,
}

/// A slot whose every name is there.
struct Ready<'a> {
    index: usize,
    slot: &'a Slot,
    merged: Parameters,
    checked: Checked,
    version: Option<u32>,
    subnet: String,
    zone: String,
}

impl Ready<'_> {
    /// What an hour costs of one unit, as far as an order needs it.
    fn price(&self) -> u64 {
        let kind = self.checked.kind;
        self.slot.weight.share_of(u64::from(kind.vcpus) * 40 + u64::from(kind.memory_mib / 1_024) * 6)
    }

    fn room(&self, world: &World) -> u32 {
        let free = world.catalogue.subnet(&self.subnet).map_or(0, |subnet| subnet.free);
        run_instances::places(world, &self.checked, &self.zone).0.min(free)
    }

    fn failure(&self, refusal: Refusal) -> Failure {
        failure(self.index, self.checked.market, refusal)
    }
}

fn failure(slot: usize, market: Market, refusal: Refusal) -> Failure {
    Failure { slot, market, code: refusal.code, status: refusal.status, message: refusal.message }
}

/// Launches what is needed, as far as it can.
pub(super) fn attempt(world: &mut World, spec: &Spec, need: Both<Units>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut cap = u32::MAX;
    if let Some(injection) = world.fleets.injected() {
        cap = injection.hosts;
        let market = if need.spot.is_zero() { Market::OnDemand } else { Market::Spot };
        for error in injection.errors {
            let is_of = |slot: &Slot| {
                error.instance_type.is_none() || error.instance_type.as_ref() == slot.own.get("InstanceType")
            };
            let slots: Vec<usize> = (0..).zip(&spec.slots).filter(|(_, slot)| is_of(slot)).map(|(at, _)| at).collect();
            let message = error.message.as_deref().unwrap_or_else(|| words_of(&error.code));
            let each = (0..error.times).zip(slots.iter().cycle());
            let each = each.map(|(_, index)| failure(*index, market, Refusal::new(&*error.code, message)));
            outcome.failures.extend(each);
        }
    }
    let places = world.places();
    let mut planned = Vec::new();
    let mut missing = need.sum();
    for market in [Market::OnDemand, Market::Spot] {
        // What one market overshoots, the other does not launch too.
        let (wish, units) = (spec.wishes.of(market), missing.min(*need.of(market)));
        if units.is_zero() {
            continue;
        }
        let (ready, failures) = ready(world, spec, market);
        outcome.failures.extend(failures);
        let ready = in_order(world, ready, wish, units);
        let before = world.places();
        let (plan, failures) = plan(world, &ready, wish, units, &mut cap);
        outcome.failures.extend(failures);
        let given = plan.iter().fold(Units::ZERO, |sum, (at, hosts)| sum + ready[*at].slot.weight.times(*hosts));
        if given < wish.least {
            world.restore(before);
            let text = "Unable to fulfill capacity due to your request configuration. Please adjust your request and \
                        try again.";
            let refused = || Refusal::new("UnfulfillableCapacity", text);
            outcome.failures.extend(ready.first().map(|ready| ready.failure(refused())));
            continue;
        }
        missing = missing.less(given);
        let mut ready: Vec<Option<Ready<'_>>> = ready.into_iter().map(Some).collect();
        planned.extend(plan.into_iter().filter_map(|(at, hosts)| Some((ready.get_mut(at)?.take()?, hosts))));
    }
    world.restore(places);
    for (ready, hosts) in planned {
        outcome.groups.push(launch(world, spec, ready, hosts));
    }
    outcome
}

/// Returns the slots that can launch at all, and why the others cannot.
fn ready<'a>(world: &mut World, spec: &'a Spec, market: Market) -> (Vec<Ready<'a>>, Vec<Failure>) {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    for (index, slot) in spec.slots.iter().enumerate() {
        match one_ready(world, spec, index, slot, market) {
            Ok(ready) => all.push(ready),
            Err(refusal) => failures.push(failure(index, market, refusal)),
        }
    }
    (all, failures)
}

fn one_ready<'a>(
    world: &mut World,
    spec: &'a Spec,
    index: usize,
    slot: &'a Slot,
    market: Market,
) -> Result<Ready<'a>, Refusal> {
    if world.denied.contains("RunInstances") {
        // What the caller may not do arrives among the errors of an answer that is a success.
        return Err(Refusal::new("UnauthorizedOperation", words_of("UnauthorizedOperation")));
    }
    let template = template_of(world, &spec.parameters, slot)?.map(|(id, _, version)| (id.to_owned(), version));
    let mut merged = said(world, &spec.parameters, slot)?;
    if market == Market::Spot {
        on_spot(&mut merged, slot.price.as_deref());
    }
    let parameters = Arc::clone(&spec.parameters);
    let context = Context { world, parameters: &parameters, call: spec.call, region: &spec.region, verb: None };
    let (subnet, _) = run_instances::subnet(&context, &merged)?;
    let zone = subnet.zone_in(&spec.region);
    if let Some(name) = merged.get("InstanceType").filter(|name| instance_type(name).is_none()) {
        let text = format!(
            "Your requested instance type ({name}) is not supported in your requested Availability Zone ({zone})."
        );
        return Err(Refusal::new("InvalidFleetConfiguration", text));
    }
    let mut checked = run_instances::check(&context, &merged, 1)?;
    checked.tags.extend(spec.instance_tags.clone());
    if let Some((id, version)) = &template {
        checked.tags.extend(template_tags(id, *version));
    }
    let mark = match spec.api {
        super::Api::Ec2 => "aws:ec2:fleet-id",
        super::Api::Spot => "aws:ec2spot:fleet-request-id",
    };
    checked.tags.insert(mark.to_owned(), spec.id.clone());
    let version = template.map(|(_, version)| version);
    Ok(Ready { index, slot, merged, checked, version, subnet: subnet.id, zone })
}

/// Returns the slots in the order of the strategy, those of one type or zone only when it must be so.
fn in_order<'a>(world: &World, mut all: Vec<Ready<'a>>, wish: &Wish, need: Units) -> Vec<Ready<'a>> {
    let short = |ready: &Ready<'_>| ready.room(world) < need.hosts(ready.slot.weight);
    match wish.strategy {
        Strategy::LowestPrice => all.sort_by_key(Ready::price),
        Strategy::Diversified => {}
        Strategy::CapacityOptimized => all.sort_by_key(|ready| Reverse(ready.room(world))),
        Strategy::CapacityOptimizedPrioritized => all.sort_by_key(|ready| (short(ready), ready.slot.priority)),
        Strategy::PriceCapacityOptimized => all.sort_by_key(|ready| (short(ready), ready.price())),
        Strategy::Prioritized => all.sort_by_key(|ready| ready.slot.priority),
    }
    if wish.single_type || wish.single_zone {
        // The first that has room for all of it decides, or else the first.
        let best = all.iter().position(|ready| !short(ready)).unwrap_or(0);
        if let Some((name, zone)) = all.get(best).map(|best| (best.checked.kind.name, best.zone.clone())) {
            all.retain(|ready| !wish.single_type || ready.checked.kind.name == name);
            all.retain(|ready| !wish.single_zone || ready.zone == zone);
        }
    }
    all
}

/// Returns how many hosts each slot gives, and which give too few; takes their places.
fn plan(
    world: &mut World,
    ready: &[Ready<'_>],
    wish: &Wish,
    need: Units,
    cap: &mut u32,
) -> (Vec<(usize, u32)>, Vec<Failure>) {
    let pools = if wish.strategy == Strategy::Diversified { ready.len() } else { wish.pools.min(ready.len()) };
    let spread = if pools > 1 { pools } else { 0 };
    let mut hosts = vec![0_u32; ready.len()];
    let mut failures = Vec::new();
    let mut left = need;
    let shares = (0..spread).map(|at| (at, spread - at)).chain((0..ready.len()).map(|at| (at, 1)));
    for (at, shares) in shares {
        if left.is_zero() || *cap == 0 {
            break;
        }
        let slot = &ready[at];
        let (kind, market) = (slot.checked.kind, slot.checked.market);
        let wanted = left.part(shares).hosts(slot.slot.weight).min(*cap);
        let (given, refusal) = run_instances::fitting(world, &slot.checked, &slot.subnet, &slot.zone, wanted);
        failures.extend(refusal.map(|refusal| slot.failure(refusal)));
        let (_, reserved) = run_instances::places(world, &slot.checked, &slot.zone);
        world.take_places(kind, &slot.zone, market, reserved.as_deref(), given);
        if let Some(subnet) = world.catalogue.subnet_mut(&slot.subnet) {
            subnet.free -= given;
        }
        hosts[at] += given;
        *cap -= given;
        left = left.less(slot.slot.weight.times(given));
    }
    (hosts.into_iter().enumerate().filter(|(_, hosts)| *hosts > 0).collect(), failures)
}

fn launch(world: &mut World, spec: &Spec, ready: Ready<'_>, count: u32) -> Group {
    let (_, reserved) = run_instances::places(world, &ready.checked, &ready.zone);
    let Checked { kind, image, market, tags, spot_tags, .. } = ready.checked;
    let order = Order {
        token: None,
        zonal: false,
        template_version: ready.version,
        parameters: Arc::clone(&spec.parameters),
        merged: Arc::new(ready.merged),
        fleet: Some(spec.id.clone()),
        call: spec.call,
        account: spec.account.clone(),
        tags,
        spot_tags,
        kind,
        image,
        subnet: ready.subnet,
        zone: ready.zone,
        region: spec.region.clone(),
        market,
        reserved,
        count,
    };
    let launch = world.launch(order);
    Group { slot: ready.index, market, instances: launch.instances.clone() }
}

impl Spec {
    /// Returns whether it answers with its instances.
    pub(crate) fn is_instant(&self) -> bool {
        self.kind == Kind::Instant
    }
}
