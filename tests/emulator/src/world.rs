//! The account as it stands: what is there, what was launched, what is allowed, and what goes wrong next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::agenda::{Agenda, Due};
use crate::catalogue::{self, Catalogue};
use crate::clock::{Clock, Millis, millis};
use crate::faults::Faults;
use crate::fleets::Fleets;
use crate::groups::Groups;
use crate::habits::Habits;
use crate::instances::{Actor, End, Instance, Instances, Launch, Market, State};
use crate::query::Parameters;
use crate::reservations::Reservation;
use crate::throttle::Buckets;

/// How long a terminated instance can be seen (`aws-semantics.md` section 3).
const SEEN_AFTER_END: Millis = 3_600_000;

/// What an emulator starts with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The port; 0 takes a free one.
    pub port: u16,
    /// From launch to `running`.
    pub boot: Duration,
    /// From `shutting-down` to `terminated`.
    pub shutdown: Duration,
    /// The clock stands still until it is moved on.
    pub frozen: bool,
    /// The throttle buckets of AWS are in force.
    pub throttling: bool,
    /// Every well-formed image id exists.
    pub any_image: bool,
    /// At most so many instance types a page, whatever is asked for.
    pub type_page: usize,
}

impl Default for Settings {
    /// A second to boot, a second to end, a running clock, no throttling, the images of [`crate::IMAGES`].
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            port: 0,
            boot: second,
            shutdown: second,
            frozen: false,
            throttling: false,
            any_image: false,
            type_page: usize::MAX,
        }
    }
}

/// One call, as it came and as it was answered.
#[derive(Debug, Clone, Serialize)]
pub struct CallRecord {
    /// The calls are numbered from 1.
    pub number: u64,
    /// The action.
    pub action: String,
    /// The parameters.
    #[serde(serialize_with = "crate::instances::shared")]
    pub parameters: Arc<Parameters>,
    /// When it came, on the emulator's clock.
    pub at: Millis,
    /// The HTTP status of the answer; `None` when there was none, or not yet.
    pub status: Option<u16>,
    /// The error code of the answer.
    pub code: Option<String>,
    /// The verb that it met.
    pub fault: Option<String>,
    /// The id of the access key that signed it.
    pub access_key: String,
    /// The region that it was signed for.
    pub region: String,
    /// The `User-Agent` header.
    pub user_agent: String,
}

/// A number of places, for instances of a type in a zone; `*` is any.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) instance_type: String,
    pub(crate) zone: String,
    pub(crate) market: Option<Market>,
    pub(crate) left: u32,
}

impl Pool {
    fn takes(&self, instance_type: &str, zone: &str, market: Market) -> bool {
        (self.instance_type == "*" || self.instance_type == instance_type)
            && (self.zone == "*" || self.zone == zone)
            && self.market.is_none_or(|own| own == market)
    }
}

/// What there is room for at one moment.
pub(crate) struct Places {
    pools: Vec<Pool>,
    reservations: Vec<Reservation>,
    used: HashMap<(Market, &'static str), u32>,
    free: Vec<u32>,
}

/// The account.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Clock,
    pub(crate) settings: Settings,
    pub(crate) account: String,
    pub(crate) catalogue: Catalogue,
    pub(crate) instances: Instances,
    pub(crate) pools: Vec<Pool>,
    pub(crate) reservations: Vec<Reservation>,
    /// Virtual CPUs that may run, by market and family.
    pub(crate) quotas: HashMap<(Market, String), u32>,
    /// Virtual CPUs that run.
    pub(crate) used: HashMap<(Market, &'static str), u32>,
    pub(crate) fleets: Fleets,
    pub(crate) groups: Groups,
    /// How fleets and groups behave.
    pub(crate) habits: Habits,
    /// What happens by itself, and when.
    pub(crate) agenda: Agenda,
    /// The time of what is carried out late, since nobody has looked until now.
    pub(crate) moment: Option<Millis>,
    /// From launch until a describe call shows the instance, and its tags.
    pub(crate) lag: Millis,
    pub(crate) tag_lag: Millis,
    /// Whether running instances get an address and a name.
    pub(crate) addressed: bool,
    pub(crate) reuse_addresses: bool,
    /// The lowest price that a spot request must bid.
    pub(crate) spot_price: Option<f64>,
    pub(crate) denied: BTreeSet<String>,
    pub(crate) expired_keys: BTreeSet<String>,
    /// How far the service's clock is from the host's; then the times of signatures are checked.
    pub(crate) skew: Option<Millis>,
    pub(crate) buckets: Option<Buckets>,
    pub(crate) faults: Faults,
    pub(crate) calls: Vec<CallRecord>,
    /// How many instances listings have looked at.
    pub(crate) examined: u64,
}

/// What is to be launched; all refusals are behind us.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) token: Option<String>,
    pub(crate) zonal: bool,
    pub(crate) template_version: Option<u32>,
    pub(crate) parameters: Arc<Parameters>,
    /// The same over those of the launch template.
    pub(crate) merged: Arc<Parameters>,
    /// The fleet that launches.
    pub(crate) fleet: Option<String>,
    pub(crate) call: u64,
    pub(crate) account: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) spot_tags: BTreeMap<String, String>,
    pub(crate) kind: catalogue::InstanceType,
    pub(crate) image: String,
    pub(crate) subnet: String,
    pub(crate) zone: String,
    pub(crate) region: String,
    pub(crate) market: Market,
    /// The capacity reservation that it runs in.
    pub(crate) reserved: Option<String>,
    pub(crate) count: u32,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let catalogue = Catalogue { any_image: settings.any_image, ..Catalogue::default() };
        Self {
            clock: Clock::new(settings.frozen),
            buckets: settings.throttling.then(Buckets::default),
            settings,
            account: catalogue::ACCOUNT.to_owned(),
            catalogue,
            instances: Instances::default(),
            pools: Vec::new(),
            reservations: Vec::new(),
            quotas: HashMap::new(),
            used: HashMap::new(),
            fleets: Fleets::default(),
            groups: Groups::default(),
            habits: Habits::default(),
            agenda: Agenda::default(),
            moment: None,
            lag: 0,
            tag_lag: 0,
            addressed: true,
            reuse_addresses: false,
            spot_price: None,
            denied: BTreeSet::new(),
            expired_keys: BTreeSet::new(),
            skew: None,
            faults: Faults::default(),
            calls: Vec::new(),
            examined: 0,
        }
    }

    pub(crate) fn now(&self) -> Millis {
        self.moment.unwrap_or_else(|| self.clock.now())
    }

    /// Gives the places of an ended instance back.
    pub(crate) fn give_back(&mut self, number: u32) {
        let Some((instance, launch)) = self.instances.get(number) else { return };
        if let Some(subnet) = self.catalogue.subnet_mut(&launch.subnet) {
            subnet.free += 1;
            subnet.returned.push(instance.address);
        }
        for pool in self.pools.iter_mut().filter(|_| launch.reserved.is_none()) {
            pool.left += u32::from(pool.takes(&launch.instance_type, &launch.zone, launch.market));
        }
        for one in self.reservations.iter_mut().filter(|one| launch.reserved.as_ref() == Some(&one.id)) {
            one.left += 1;
        }
        let (vcpus, family) = launch.vcpus;
        let used = self.used.entry((launch.market, family)).or_default();
        *used = used.saturating_sub(vcpus);
    }

    /// Returns how many instances there is room for, as far as pools go.
    pub(crate) fn room(&self, instance_type: &str, zone: &str, market: Market) -> u32 {
        let pools = self.pools.iter().filter(|pool| pool.takes(instance_type, zone, market));
        pools.map(|pool| pool.left).min().unwrap_or(u32::MAX)
    }

    /// Returns how many more the quota leaves room for, and the quota.
    pub(crate) fn quota_room(&self, kind: catalogue::InstanceType, market: Market) -> (u32, u32) {
        let quota = self.quotas.get(&(market, kind.family().to_owned())).copied();
        let used = self.used.get(&(market, kind.family())).copied().unwrap_or(0);
        quota.map_or((u32::MAX, 0), |quota| (quota.saturating_sub(used) / kind.vcpus, quota))
    }

    /// Returns what there is room for.
    pub(crate) fn places(&self) -> Places {
        let free = self.catalogue.subnets.iter().map(|subnet| subnet.free).collect();
        Places { pools: self.pools.clone(), reservations: self.reservations.clone(), used: self.used.clone(), free }
    }

    /// Gives back what was taken since, on trial.
    pub(crate) fn restore(&mut self, places: Places) {
        (self.pools, self.reservations, self.used) = (places.pools, places.reservations, places.used);
        for (subnet, free) in self.catalogue.subnets.iter_mut().zip(places.free) {
            subnet.free = free;
        }
    }

    /// Takes places, those of a reservation where it runs in one, and quota.
    pub(crate) fn take_places(
        &mut self,
        kind: catalogue::InstanceType,
        zone: &str,
        market: Market,
        reserved: Option<&str>,
        count: u32,
    ) {
        if let Some(id) = reserved {
            self.take_reserved(id, count);
        } else {
            for pool in self.pools.iter_mut().filter(|pool| pool.takes(kind.name, zone, market)) {
                pool.left = pool.left.saturating_sub(count);
            }
        }
        *self.used.entry((market, kind.family())).or_default() += kind.vcpus * count;
    }

    /// Launches, and takes addresses, places and quota.
    pub(crate) fn launch(&mut self, order: Order) -> Arc<Launch> {
        let now = self.now();
        let again = self.reuse_addresses;
        let addresses: Vec<u32> = match self.catalogue.subnet_mut(&order.subnet) {
            Some(subnet) => (0..order.count).map(|_| subnet.take(again)).collect(),
            None => Vec::new(),
        };
        self.take_places(order.kind, &order.zone, order.market, order.reserved.as_deref(), order.count);
        let family = order.kind.family();
        let launch = Launch {
            reservation: format!("r-0{:016x}", self.instances.launches.len()),
            token: order.token,
            parameters: order.parameters,
            merged: order.merged,
            fleet: order.fleet,
            call: order.call,
            tags: order.tags,
            spot_tags: order.spot_tags,
            instance_type: order.kind.name.to_owned(),
            image: order.image,
            subnet: order.subnet,
            zone: order.zone,
            region: order.region,
            account: order.account,
            market: order.market,
            reserved: order.reserved,
            at: now,
            running_at: now + millis(self.settings.boot),
            addressed: self.addressed,
            instances: 0..0,
            vcpus: (order.kind.vcpus, family),
            zonal: order.zonal,
            template_version: order.template_version,
        };
        self.instances.add(launch, &addresses)
    }

    /// Ends an instance, if it has not ended; it is terminated after `takes`.
    pub(crate) fn end(&mut self, number: u32, takes: Duration, by: Actor, code: &str, message: &str) {
        let at = self.now();
        let terminated_at = at + millis(takes);
        let Some(instance) = self.instances.get_mut(number).filter(|instance| instance.end().is_none()) else { return };
        let (code, message) = (code.to_owned(), message.to_owned());
        instance.marks().end = Some(End { at, terminated_at, by, code, message });
        self.agenda.add(terminated_at, Due::Gone(number));
        if self.groups.of.contains_key(&number) {
            self.agenda.add(at + self.habits.refill, Due::Member(number));
        }
        self.leave_fleet(number, at, terminated_at);
    }

    /// Returns the instance as calls of this region see it, or `None` where they do not.
    pub(crate) fn visible(&self, number: u32, region: &str) -> Option<(&Instance, &Arc<Launch>, State)> {
        let now = self.now();
        let (instance, launch) = self.instances.get(number)?;
        let gone = instance.end().is_some_and(|end| now >= end.terminated_at + SEEN_AFTER_END);
        let hidden = instance.mark(|marks| marks.vanished).unwrap_or(false);
        let ours = launch.account == self.account && launch.region == region;
        (ours && !gone && !hidden).then(|| (instance, launch, instance.state(launch, now)))
    }

    /// Returns whether describe calls see a launch by now, and its tags.
    pub(crate) fn shows(&self, launch: &Launch) -> (bool, bool) {
        let age = self.now() - launch.at;
        (age >= self.lag, age >= self.tag_lag)
    }
}
