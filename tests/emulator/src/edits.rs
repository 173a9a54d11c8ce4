//! What a test can do to the world, by handle or by HTTP: one list for both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::call::{seconds, seconds_in_millis};
use crate::catalogue::{IMAGES, LaunchTemplate, SUBNETS, TYPES};
use crate::clock::millis;
use crate::group_edits::{self, GroupEdit};
use crate::instances::{Actor, Market, Marks};
use crate::scaling;
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
    /// Makes an instance fail its status checks, or pass them.
    Impair { instance: String, on: bool },
    /// Schedules an event: `instance-retirement`, `instance-reboot`, `system-maintenance` …
    Event { instance: String, kind: String },
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
    /// Removes a launch template.
    DropTemplate { id: String },
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
    /// Changes Auto Scaling groups, or how they behave.
    Group(GroupEdit),
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

fn stranger(world: &mut World, tags: BTreeMap<String, String>) {
    world.launch(Order {
        token: None,
        zonal: false,
        template_version: None,
        parameters: Arc::default(),
        call: 0,
        tags,
        spot_tags: BTreeMap::new(),
        kind: TYPES[0],
        image: IMAGES[0].to_owned(),
        subnet: SUBNETS[0].to_owned(),
        zone: "us-east-1a".to_owned(),
        region: "us-east-1".to_owned(),
        market: Market::OnDemand,
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
        Edit::Impair { instance, on } => {
            mark(world, &instance, |marks| marks.impaired = on)?;
            scaling::look_later(world, &instance);
        }
        Edit::Event { instance, kind } => mark(world, &instance, |marks| marks.events.push(kind))?,
        Edit::Protect { instance, on } => mark(world, &instance, |marks| marks.protected = on)?,
        Edit::Vanish { instance, on } => mark(world, &instance, |marks| marks.vanished = on)?,
        Edit::Image { id, exists: true } => {
            world.catalogue.images.insert(id);
        }
        Edit::Image { id, exists: false } => {
            world.catalogue.any_image = false;
            world.catalogue.images.remove(&id);
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
            let versions = BTreeMap::new();
            let template =
                world.catalogue.launch_templates.entry(id).or_insert(LaunchTemplate { default: 0, versions });
            template.default = template.versions.keys().next_back().copied().unwrap_or_default() + 1;
            template.versions.insert(template.default, data);
        }
        Edit::DropTemplate { id } => {
            world.catalogue.launch_templates.remove(&id);
        }
        Edit::ExpireCredentials { access_key, on: true } => {
            world.expired_keys.insert(access_key);
        }
        Edit::ExpireCredentials { access_key, on: false } => {
            world.expired_keys.remove(&access_key);
        }
        Edit::Skew { seconds } => world.skew = seconds.map(|seconds| seconds.saturating_mul(1_000)),
        Edit::Account { id } => world.account = id,
        Edit::Unauthorized { action, on: true } => {
            world.denied.insert(action);
        }
        Edit::Unauthorized { action, on: false } => {
            world.denied.remove(&action);
        }
        Edit::Throttling { on } => world.buckets = on.then(Buckets::default),
        Edit::Group(edit) => group_edits::apply(world, edit)?,
        Edit::Clock { seconds: time } => world.clock.advance(seconds(time)),
    }
    Ok(())
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
