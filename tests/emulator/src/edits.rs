//! What a test can do to the world, by handle or by HTTP: one list for both.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{seconds, seconds_in_millis};
use crate::catalogue::{IMAGES, SUBNETS, TYPES};
use crate::clock::millis;
use crate::fleets::{FleetError, Injection};
use crate::group_edits;
use crate::habits::{Again, Victims};
use crate::health::{Check, call_off, schedule};
use crate::instances::{Actor, Market, Marks};
use crate::reservations::Reservation;
use crate::scaling;
use crate::templates::LaunchTemplate;
use crate::throttle::Buckets;
use crate::world::{Order, Pool, World};

/// A change of the world. Times are in seconds of the emulator's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields say what they are, and the variants what they do with them")]
pub enum Edit {
    /// So many places are left for this type, in this zone, on this market; `*` and `null` are any. Hosts that end give
    /// theirs back.
    Pool { instance_type: String, zone: String, market: Option<Market>, places: u32 },
    /// Forgets every pool: there is room for everything again.
    NoPools,
    /// A capacity reservation is there, in place of the one of this id.
    Reservation(Reservation),
    /// So many addresses are left in this subnet.
    SubnetFree { subnet: String, addresses: u32 },
    /// So many virtual CPUs may run on this market, of this family: `standard`, `g`, `p`, `x`, `inf`.
    Quota { market: Market, family: String, vcpus: u32 },
    /// The lowest price that a spot request must bid.
    SpotPrice { price: f64 },
    /// From launch until describe calls show an instance.
    Lag { seconds: f64 },
    /// From launch until describe calls show its tags.
    TagLag { seconds: f64 },
    /// From launch to `running`, for later launches.
    Boot { seconds: f64 },
    /// From `shutting-down` to `terminated`, for later ends.
    Shutdown { seconds: f64 },
    /// Whether later launches get addresses and names when they run.
    Addresses { given: bool },
    /// Whether later launches get the addresses of ended hosts first.
    ReuseAddresses { on: bool },
    /// Launches an instance as somebody else would, with these tags.
    Stranger { tags: BTreeMap<String, String> },
    /// Ends instances at once, as if AWS had.
    Kill { which: Which, code: String, message: String },
    /// Stops an instance, as if a user had.
    Stop { instance: String },
    /// Sets the status code of the spot request of an instance.
    MarkSpot { instance: String, code: String },
    /// Makes an instance fail a status check, its own unless the text says `system`, or pass it.
    Impair {
        instance: String,
        on: bool,
        #[serde(default = "own_check")]
        check: Check,
    },
    /// Schedules an event: `instance-retirement`, `instance-reboot`, `system-maintenance` … One that is there is put off.
    Event { instance: String, kind: String, seconds: f64 },
    /// Ends events of this kind: `Completed` or `Canceled`.
    EventOver { instance: String, kind: String, how: String },
    /// Turns termination protection on or off.
    Protect { instance: String, on: bool },
    /// Makes an instance unknown to every call, or known again. It lives on in the truth.
    Vanish { instance: String, on: bool },
    /// Removes an image, or brings it back.
    Image { id: String, exists: bool },
    /// Adds a security group.
    SecurityGroup { id: String },
    /// Adds a key pair.
    KeyPair { name: String },
    /// Adds a subnet in the zone of this letter.
    Subnet { id: String, zone: char, addresses: u32 },
    /// Sets a parameter of Systems Manager.
    Parameter { name: String, value: String },
    /// Sets the newest version of a launch template, as parameters of RunInstances; it becomes the default.
    LaunchTemplate { id: String, data: BTreeMap<String, String> },
    /// Removes a launch template, by its id or its name.
    DropTemplate { id: String },
    /// From the end of a host until its fleet or group replaces it.
    Refill { seconds: f64 },
    /// How far the lists of hosts of fleets and groups are behind, and the history of a fleet.
    MemberLag { seconds: f64 },
    /// Which hosts a fleet or a group ends when it has too many; `null` is the newest of a fleet, and the own policy of a
    /// group.
    Victims { policy: Option<Victims> },
    /// From the creation of a fleet that is not instant to its first launch, and between attempts.
    FleetFill { seconds: f64 },
    /// How long a fleet that is changed is `modifying`; until then it has its old target.
    FleetModifying { seconds: f64 },
    /// The next `attempts` of fleets to launch (`null` is all) meet these errors, and launch at most so many hosts.
    FleetErrors { errors: Vec<FleetError>, hosts: u32, attempts: Option<u32> },
    /// Forgets the errors that are still to come.
    NoFleetErrors,
    /// Deletes a fleet of either API as somebody would by hand; its hosts end with it, or live on.
    DeleteFleet { fleet: String, hosts: bool },
    /// A replay of `CreateFleet` answers with the id alone, or with instances and errors too.
    BareReplays { on: bool },
    /// From the wish of a group for more or fewer hosts until it launches or ends them.
    GroupDelay { seconds: f64 },
    /// Every launch of a group fails with this text of EC2; `null` ends that.
    GroupError { text: Option<String> },
    /// What a second call to end a host of a group does.
    GroupAgain { how: Again },
    /// Whether a host that is detached lowers the desired number of its group by its weight; otherwise by one.
    DetachByWeight { on: bool },
    /// Deletes a group, as somebody would by hand; its hosts end with it, or live on.
    DeleteGroup { group: String, hosts: bool },
    /// Suspends a process of a group, as somebody else would, or resumes it.
    SuspendGroup { group: String, process: String, on: bool },
    /// Starts an instance refresh, which replaces nothing, or ends the one that runs.
    RefreshGroup { group: String, on: bool },
    /// Has a group launch one host and end another, unless `AZRebalance` is suspended.
    RebalanceGroup { group: String },
    /// Sets the desired number of a group, as somebody else would, whatever the bounds.
    ResizeGroup { group: String, units: u32 },
    /// Sets the least number of a group, as somebody else would.
    GroupMinimum { group: String, units: u32 },
    /// Calls with this access key are expired, or are not.
    ExpireCredentials { access_key: String, on: bool },
    /// The service's clock is so many seconds ahead of the host's, and signatures older than 15 minutes are expired;
    /// `null` does not look at signatures.
    Skew { seconds: Option<i64> },
    /// The calls are those of this account.
    Account { id: String },
    /// Refuses this action, or allows it again.
    Unauthorized { action: String, on: bool },
    /// Puts AWS's throttle buckets in force, filled, or takes them away.
    Throttling { on: bool },
    /// Moves the clock on.
    Clock { seconds: f64 },
}

/// Some instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// All that live.
    All,
    /// The one with this id.
    Id(String),
    /// Those of this zone.
    Zone(String),
    /// Those with this tag.
    Tag(String, String),
    /// So many of those that live, the newest first.
    Newest(u32),
}

impl From<&str> for Which {
    fn from(id: &str) -> Self {
        Self::Id(id.to_owned())
    }
}

impl From<&String> for Which {
    fn from(id: &String) -> Self {
        Self::Id(id.clone())
    }
}

const fn own_check() -> Check {
    Check::Instance
}

fn stranger(world: &mut World, tags: BTreeMap<String, String>) {
    world.launch(Order {
        token: None,
        zonal: false,
        template_version: None,
        parameters: Arc::default(),
        merged: Arc::default(),
        fleet: None,
        call: 0,
        tags,
        spot_tags: BTreeMap::new(),
        account: world.account.clone(),
        kind: TYPES[0],
        image: IMAGES[0].to_owned(),
        subnet: SUBNETS[0].to_owned(),
        zone: "us-east-1a".to_owned(),
        region: "us-east-1".to_owned(),
        market: Market::OnDemand,
        reserved: None,
        count: 1,
    });
}

/// Carries an edit out.
///
/// # Errors
/// What is not there: an instance, a subnet.
pub(crate) fn apply(world: &mut World, edit: Edit) -> Result<(), String> {
    world.settle();
    let now = world.now();
    match edit {
        Edit::Pool { instance_type, zone, market, places } => {
            let same = |pool: &Pool| pool.instance_type == instance_type && pool.zone == zone && pool.market == market;
            world.pools.retain(|pool| !same(pool));
            world.pools.push(Pool { instance_type, zone, market, left: places });
        }
        Edit::NoPools => world.pools.clear(),
        Edit::Reservation(one) => world.reserve(one),
        Edit::SubnetFree { subnet, addresses } => {
            let found = world.catalogue.subnet_mut(&subnet);
            found.ok_or_else(|| format!("there is no subnet {subnet}"))?.free = addresses;
        }
        Edit::Quota { market, family, vcpus } => {
            world.quotas.insert((market, family), vcpus);
        }
        Edit::SpotPrice { price } => world.spot_price = Some(price),
        Edit::Lag { seconds } => world.lag = seconds_in_millis(seconds),
        Edit::TagLag { seconds } => world.tag_lag = seconds_in_millis(seconds),
        Edit::Boot { seconds: time } => world.settings.boot = seconds(time),
        Edit::Shutdown { seconds: time } => world.settings.shutdown = seconds(time),
        Edit::Addresses { given } => world.addressed = given,
        Edit::ReuseAddresses { on } => world.reuse_addresses = on,
        Edit::Stranger { tags } => stranger(world, tags),
        Edit::Kill { which, code, message } => kill(world, &which, &code, &message)?,
        Edit::Stop { instance } => {
            let stopped_at = now + millis(world.settings.shutdown);
            mark(world, &instance, |marks| marks.stopped = Some((now, stopped_at)))?;
            scaling::look_later(world, &instance);
        }
        Edit::MarkSpot { instance, code } => mark(world, &instance, |marks| marks.spot = Some((code, now)))?,
        Edit::Impair { instance, on, check } => {
            mark(world, &instance, |marks| marks.checks.set(check, on, now))?;
            scaling::look_later(world, &instance);
        }
        Edit::Event { instance, kind, seconds } => {
            mark(world, &instance, |marks| schedule(marks, kind, now + seconds_in_millis(seconds)))?;
        }
        Edit::EventOver { instance, kind, how } => mark(world, &instance, |marks| call_off(marks, &kind, &how))?,
        Edit::Protect { instance, on } => mark(world, &instance, |marks| marks.protected = on)?,
        Edit::Vanish { instance, on } => mark(world, &instance, |marks| marks.vanished = on)?,
        Edit::Image { id, exists } => {
            world.catalogue.any_image &= exists;
            toggle(&mut world.catalogue.images, id, exists);
        }
        Edit::SecurityGroup { id } => {
            world.catalogue.groups.insert(id);
        }
        Edit::KeyPair { name } => {
            world.catalogue.key_pairs.insert(name);
        }
        Edit::Subnet { id, zone, addresses } => world.catalogue.add_subnet(&id, zone, addresses),
        Edit::Parameter { name, value } => {
            world.catalogue.parameters.insert(name, value);
        }
        Edit::LaunchTemplate { id, data } => {
            let new = LaunchTemplate { name: id.clone(), created: now, ..LaunchTemplate::default() };
            let template = world.catalogue.launch_templates.entry(id).or_insert(new);
            template.default = template.add(data, None);
        }
        Edit::DropTemplate { id } => {
            world.catalogue.launch_templates.retain(|other, template| *other != id && template.name != id);
        }
        Edit::Refill { seconds } => world.habits.refill = seconds_in_millis(seconds),
        Edit::MemberLag { seconds } => world.habits.member_lag = seconds_in_millis(seconds),
        Edit::Victims { policy } => world.habits.victims = policy,
        Edit::FleetFill { seconds } => world.habits.fill = seconds_in_millis(seconds),
        Edit::FleetModifying { seconds } => world.habits.modifying = seconds_in_millis(seconds),
        Edit::FleetErrors { errors, hosts, attempts } => {
            world.fleets.injections.push(Injection { errors, hosts, attempts });
        }
        Edit::NoFleetErrors => world.fleets.injections.clear(),
        Edit::DeleteFleet { fleet, hosts } => {
            let index = world.fleets.index(&fleet).ok_or_else(|| format!("there is no fleet {fleet}"))?;
            world.delete_fleet(index, hosts.then_some(Actor::Test));
        }
        Edit::BareReplays { on } => world.habits.bare_replays = on,
        Edit::GroupDelay { seconds } => world.habits.group_delay = seconds_in_millis(seconds),
        Edit::GroupError { text } => world.habits.launches_fail = text,
        Edit::GroupAgain { how } => world.habits.again = how,
        Edit::DetachByWeight { on } => world.habits.detach_by_weight = on,
        Edit::DeleteGroup { group, hosts } => group_edits::delete_named(world, &group, hosts)?,
        Edit::SuspendGroup { group, process, on } => group_edits::switch(world, &group, &process, on)?,
        Edit::RefreshGroup { group, on } => group_edits::refresh(world, &group, on)?,
        Edit::RebalanceGroup { group } => group_edits::rebalance(world, &group)?,
        Edit::ResizeGroup { group, units } => group_edits::resize(world, &group, units)?,
        Edit::GroupMinimum { group, units } => group_edits::minimum(world, &group, units)?,
        Edit::ExpireCredentials { access_key, on } => toggle(&mut world.expired_keys, access_key, on),
        Edit::Skew { seconds } => world.skew = seconds.map(|seconds| seconds.saturating_mul(1_000)),
        Edit::Account { id } => world.account = id,
        Edit::Unauthorized { action, on } => toggle(&mut world.denied, action, on),
        Edit::Throttling { on } => world.buckets = on.then(Buckets::default),
        Edit::Clock { seconds: time } => world.clock.advance(seconds(time)),
    }
    world.settle();
    Ok(())
}

fn toggle(all: &mut BTreeSet<String>, one: String, on: bool) {
    if on {
        all.insert(one);
    } else {
        all.remove(&one);
    }
}

fn number(world: &World, id: &str) -> Result<u32, String> {
    world.instances.number(id).ok_or_else(|| format!("there is no instance {id}"))
}

fn mark(world: &mut World, id: &str, change: impl FnOnce(&mut Marks)) -> Result<(), String> {
    let number = number(world, id)?;
    if let Some(instance) = world.instances.get_mut(number) {
        change(instance.marks());
    }
    Ok(())
}

fn kill(world: &mut World, which: &Which, code: &str, message: &str) -> Result<(), String> {
    let live = |world: &World, number: u32| {
        world.instances.get(number).filter(|(instance, _)| instance.end().is_none()).map(|(_, launch)| launch.clone())
    };
    let all = 0..world.instances.len();
    let chosen: Vec<u32> = match which {
        Which::Id(id) => vec![number(world, id)?],
        Which::All => all.collect(),
        Which::Zone(zone) => {
            all.filter(|number| live(world, *number).is_some_and(|launch| launch.zone == *zone)).collect()
        }
        Which::Tag(key, value) => world.instances.with_tag(key, value).into_iter().flatten().collect(),
        Which::Newest(count) => {
            let newest = all.rev().filter(|number| live(world, *number).is_some());
            newest.take(usize::try_from(*count).unwrap_or(usize::MAX)).collect()
        }
    };
    for number in chosen {
        world.end(number, Duration::ZERO, Actor::Test, code, message);
    }
    Ok(())
}
