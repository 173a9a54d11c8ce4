//! Every instance ever launched, with the indexes that keep a look at a few of many cheap.
//!
//! What the instances of one launch have in common is kept once, and they are neighbours, so that an index over tokens
//! and tags lists launches, not instances.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::clock::Millis;
use crate::groups::GROUP_TAG;
use crate::health::{Checks, Event};
use crate::query::Parameters;

/// How an instance is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Market {
    /// At the list price.
    OnDemand,
    /// What is left over, until it is needed.
    Spot,
}

/// The state of an instance, with EC2's code (`aws-semantics.md` section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not up yet.
    Pending = 0,
    /// Up.
    Running = 16,
    /// On its way to the end.
    ShuttingDown = 32,
    /// Ended.
    Terminated = 48,
    /// On its way to a stop.
    Stopping = 64,
    /// Stopped, and can be started again.
    Stopped = 80,
}

impl State {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    /// Returns whether it has not been told to end.
    pub const fn is_live(self) -> bool {
        !matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// Who ended or stopped an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The call of this number.
    Call(u64),
    /// The fleet of this id: there were too many, or it has expired.
    Fleet(String),
    /// A verb of the test.
    Test,
    /// The Auto Scaling group of this name, by itself.
    Group(String),
}

/// The end of an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    /// When it was told to.
    pub at: Millis,
    /// When it is `terminated`.
    pub terminated_at: Millis,
    /// Who did it.
    pub by: Actor,
    /// The code of `stateReason`.
    pub code: String,
    /// The message of `stateReason`.
    pub message: String,
}

/// What the instances of one launch have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Launch {
    /// The reservation's id.
    pub reservation: String,
    /// The client token.
    pub token: Option<String>,
    /// The parameters of the call; of a fleet or group, its own.
    #[serde(serialize_with = "shared")]
    pub parameters: Arc<Parameters>,
    /// The number of the call; of a group, the last one that changed what it wants.
    pub call: u64,
    /// The fleet that launched, by its id.
    pub fleet: Option<String>,
    /// The tags of the instances.
    pub tags: BTreeMap<String, String>,
    /// The tags of the spot requests.
    pub spot_tags: BTreeMap<String, String>,
    /// The instance type.
    pub instance_type: String,
    /// The image.
    pub image: String,
    /// The subnet.
    pub subnet: String,
    /// The zone, in full.
    pub zone: String,
    /// The region.
    pub region: String,
    /// The account.
    pub account: String,
    /// How it is paid for.
    pub market: Market,
    /// The capacity reservation that it runs in.
    pub reserved: Option<String>,
    /// When it was launched.
    pub at: Millis,
    /// When its instances are `running`.
    pub running_at: Millis,
    /// Whether running instances have an address and a name.
    pub addressed: bool,
    /// The parameters over those of the launch template.
    #[serde(skip)]
    pub(crate) merged: Arc<Parameters>,
    /// The neighbours: the number of the first instance, and of the one after the last.
    #[serde(skip)]
    pub(crate) instances: Range<u32>,
    /// Virtual CPUs of one instance, and the quota that they count against.
    #[serde(skip)]
    pub(crate) vcpus: (u32, &'static str),
    /// Whether the request named its zone: then the token counts there only.
    #[serde(skip)]
    pub(crate) zonal: bool,
    /// The version of the launch template that was meant; a replay must mean the same one.
    #[serde(skip)]
    pub(crate) template_version: Option<u32>,
}

impl Launch {
    /// Returns the Auto Scaling group that launched it.
    pub fn group(&self) -> Option<&str> {
        self.tags.get(GROUP_TAG).map(String::as_str)
    }
}

/// What happened to an instance besides its launch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    pub(crate) end: Option<End>,
    pub(crate) stopped: Option<(Millis, Millis)>,
    pub(crate) protected: bool,
    pub(crate) checks: Checks,
    pub(crate) vanished: bool,
    /// Scheduled events, those that are over too.
    pub(crate) events: Vec<Event>,
    /// The status code of its spot request, and when it was set.
    pub(crate) spot: Option<(String, Millis)>,
}

/// One instance.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) launch: u32,
    pub(crate) address: u32,
    /// Absent for the many to which nothing happened.
    pub(crate) marks: Option<Box<Marks>>,
}

impl Instance {
    pub(crate) fn marks(&mut self) -> &mut Marks {
        self.marks.get_or_insert_default()
    }

    pub(crate) fn mark<'a, T: 'a>(&'a self, read: impl FnOnce(&'a Marks) -> T) -> Option<T> {
        self.marks.as_deref().map(read)
    }

    pub(crate) fn end(&self) -> Option<&End> {
        self.marks.as_deref().and_then(|marks| marks.end.as_ref())
    }

    pub(crate) fn state(&self, launch: &Launch, now: Millis) -> State {
        if let Some(end) = self.end() {
            return if now < end.terminated_at { State::ShuttingDown } else { State::Terminated };
        }
        match self.mark(|marks| marks.stopped).flatten() {
            Some((_, stopped_at)) if now < stopped_at => State::Stopping,
            Some(_) => State::Stopped,
            None if now < launch.running_at => State::Pending,
            None => State::Running,
        }
    }

    /// Returns the address, once it has run and until it is terminated.
    pub(crate) fn address(&self, launch: &Launch, now: Millis) -> Option<Ipv4Addr> {
        let state = self.state(launch, now);
        let shown = launch.addressed && now >= launch.running_at && state != State::Terminated;
        shown.then(|| Ipv4Addr::from(self.address))
    }
}

/// Returns the private name that goes with an address.
pub(crate) fn dns_name(address: Ipv4Addr, region: &str) -> String {
    let domain = if region == "us-east-1" { "ec2".to_owned() } else { format!("{region}.compute") };
    format!("ip-{}.{domain}.internal", address.to_string().replace('.', "-"))
}

/// Returns the address in a private name.
pub(crate) fn address_in(name: &str) -> Option<u32> {
    let dashed = name.strip_prefix("ip-")?.split('.').next()?;
    dashed.replace('-', ".").parse::<Ipv4Addr>().ok().map(u32::from)
}

/// Mixes a number so that neighbours look unlike, and each number gives another (splitmix64, which is a bijection).
pub(crate) fn mixed(number: u64) -> u64 {
    let z = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Returns the id of the `number`-th instance.
pub(crate) fn instance_id(number: u32) -> String {
    format!("i-0{:016x}", mixed(number.into()))
}

/// Returns the id of the spot request of the `number`-th instance.
pub(crate) fn spot_request_id(number: u32) -> String {
    format!("sir-{number:08x}")
}

/// Writes what is shared as what it is.
pub(crate) fn shared<T: Serialize, S: Serializer>(value: &Arc<T>, serializer: S) -> Result<S::Ok, S::Error> {
    value.as_ref().serialize(serializer)
}

/// Every instance ever.
#[derive(Debug, Default)]
pub(crate) struct Instances {
    pub(crate) launches: Vec<Arc<Launch>>,
    pub(crate) all: Vec<Instance>,
    by_id: HashMap<u64, u32>,
    by_address: HashMap<u32, Vec<u32>>,
    by_token: HashMap<String, Vec<u32>>,
    by_tag: HashMap<(String, String), Vec<u32>>,
    by_reservation: HashMap<String, u32>,
}

/// Where to look: neighbours, in order.
pub(crate) type Places = Vec<Range<u32>>;

impl Instances {
    /// Takes in a launch; the instances get these addresses.
    pub(crate) fn add(&mut self, mut launch: Launch, addresses: &[u32]) -> Arc<Launch> {
        let number = u32::try_from(self.launches.len()).unwrap_or(u32::MAX);
        let first = self.len();
        for (at, address) in (first..).zip(addresses) {
            self.by_id.insert(mixed(at.into()), at);
            self.by_address.entry(*address).or_default().push(at);
            self.all.push(Instance { launch: number, address: *address, marks: None });
        }
        launch.instances = first..self.len();
        if let Some(token) = &launch.token {
            self.by_token.entry(token.clone()).or_default().push(number);
        }
        for (key, value) in &launch.tags {
            self.by_tag.entry((key.clone(), value.clone())).or_default().push(number);
        }
        self.by_reservation.insert(launch.reservation.clone(), number);
        let launch = Arc::new(launch);
        self.launches.push(Arc::clone(&launch));
        launch
    }

    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.all.len()).unwrap_or(u32::MAX)
    }

    /// Returns the number of an instance by its id.
    pub(crate) fn number(&self, id: &str) -> Option<u32> {
        let hex = id.strip_prefix("i-0").filter(|hex| hex.len() == 16)?;
        self.by_id.get(&u64::from_str_radix(hex, 16).ok()?).copied()
    }

    pub(crate) fn get(&self, number: u32) -> Option<(&Instance, &Arc<Launch>)> {
        let instance = self.all.get(usize::try_from(number).ok()?)?;
        Some((instance, self.launches.get(usize::try_from(instance.launch).ok()?)?))
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Instance> {
        self.all.get_mut(usize::try_from(number).ok()?)
    }

    pub(crate) fn with_token(&self, token: &str) -> Places {
        self.places(self.by_token.get(token))
    }

    pub(crate) fn with_tag(&self, key: &str, value: &str) -> Places {
        self.places(self.by_tag.get(&(key.to_owned(), value.to_owned())))
    }

    pub(crate) fn with_reservation(&self, id: &str) -> Places {
        self.places(self.by_reservation.get(id).map(std::slice::from_ref))
    }

    pub(crate) fn with_address(&self, address: u32) -> Places {
        self.by_address.get(&address).into_iter().flatten().map(|number| *number..*number + 1).collect()
    }

    fn places<'a>(&self, launches: Option<impl IntoIterator<Item = &'a u32>>) -> Places {
        let launches = launches.into_iter().flatten();
        launches
            .filter_map(|number| Some(self.launches.get(usize::try_from(*number).ok()?)?.instances.clone()))
            .collect()
    }

    /// Returns the launches that were made with a token.
    pub(crate) fn launches_with(&self, token: &str) -> impl Iterator<Item = &Arc<Launch>> {
        let numbers = self.by_token.get(token).into_iter().flatten();
        numbers.filter_map(|number| self.launches.get(usize::try_from(*number).ok()?))
    }
}
