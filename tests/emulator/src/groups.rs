//! Auto Scaling groups as they stand: what they want, whom they have, what they did.
//!
//! Members are kept by the number of their instance, which is the order of their launches, with the sums that decide
//! about the next step beside them: no step looks at all members, and no call at all instances.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::clock::Millis;
use crate::query::Parameters;
use crate::world::World;

/// The name of the tag that says which group launched an instance. Nobody else can set it.
pub(crate) const GROUP_TAG: &str = "aws:autoscaling:groupName";

/// What a group can be kept from doing (`aws-semantics.md` section 6.6).
pub(crate) const PROCESSES: [&str; 9] = [
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
];

/// The number of a group, in the order of creation. It is never given again.
pub(crate) type GroupId = u32;

/// One of the types that a group may launch, and how many units a host of it counts.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    /// `None` is what the launch template says.
    pub(crate) kind: Option<String>,
    /// `None` where the group counts hosts.
    pub(crate) weight: Option<u32>,
    /// Over the template of the group.
    pub(crate) template: Option<String>,
    pub(crate) image: Option<String>,
}

/// How a group divides its units between the markets.
#[derive(Debug, Clone)]
pub(crate) struct Mix {
    /// Units on demand before anything else.
    pub(crate) base: u32,
    /// Of the rest, in percent.
    pub(crate) percent: u32,
    pub(crate) max_price: Option<String>,
}

impl Mix {
    /// Returns how many of so many units are on demand, rounded up.
    pub(crate) fn on_demand(&self, units: u32) -> u32 {
        let base = self.base.min(units);
        base + ((units - base) * self.percent).div_ceil(100)
    }
}

/// How a group launches. A launch template is where its parameters name it: a prefix of them.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) template: String,
    /// At least one; the first is tried first.
    pub(crate) choices: Vec<Choice>,
    /// `None` leaves the market to the launch template.
    pub(crate) mix: Option<Mix>,
}

/// Where a member is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// `Pending` or `InService`, as its instance is; it counts.
    Live,
    /// Told to end; it does not count any more.
    Terminating,
    /// The call of this number would have it ended, and the process `Terminate` is suspended.
    Held(u64),
}

/// The launch template that a host came from.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: u32,
}

/// A host of a group.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) weight: Option<u32>,
    /// From scale-in: the group does not choose it.
    pub(crate) protected: bool,
    pub(crate) unhealthy: bool,
    pub(crate) phase: Phase,
    pub(crate) spot: bool,
    pub(crate) subnet: String,
    pub(crate) template: Arc<Launched>,
}

impl Member {
    /// Returns how many units it counts.
    pub(crate) fn units(&self) -> u32 {
        self.weight.unwrap_or(1)
    }
}

/// What an activity did; the state of its instance says how it went.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Launch(u32),
    Terminate(u32),
    Detach(u32),
    /// A launch in this subnet that EC2 refused with this text.
    NoLaunch(String, String),
    /// A scale-in that found only protected hosts.
    NoVictim,
}

/// A scaling activity.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(crate) group: GroupId,
    pub(crate) at: Millis,
    pub(crate) deed: Deed,
    pub(crate) cause: Arc<str>,
}

/// An instance refresh.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub(crate) status: String,
    pub(crate) started: Millis,
    pub(crate) ended: Option<Millis>,
}

/// A group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) created: Millis,
    /// As they were sent, the later over the earlier.
    pub(crate) parameters: Arc<Parameters>,
    pub(crate) recipe: Recipe,
    /// Never empty.
    pub(crate) subnets: Vec<String>,
    pub(crate) min: u32,
    pub(crate) max: u32,
    /// In units.
    pub(crate) desired: u32,
    /// Value, and whether it is passed on to hosts.
    pub(crate) tags: BTreeMap<String, (String, bool)>,
    /// Processes, and since when.
    pub(crate) suspended: BTreeMap<String, Millis>,
    /// Whether new hosts are protected from scale-in.
    pub(crate) protects: bool,
    pub(crate) members: BTreeMap<u32, Member>,
    /// Units of the members that count, and those of them that are on demand.
    pub(crate) units: u32,
    pub(crate) on_demand: u32,
    /// Members that count, by subnet.
    pub(crate) spread: HashMap<String, u32>,
    /// Numbers of its activities, oldest first.
    pub(crate) activities: Vec<u32>,
    pub(crate) refreshes: Vec<Refresh>,
    /// The last call that changed what it wants, and how its activities speak of that.
    pub(crate) call: u64,
    pub(crate) wish: String,
    /// When it next launches or ends hosts, if it must.
    pub(crate) due: Option<Millis>,
    /// Launches in a row that failed.
    pub(crate) failures: u32,
    pub(crate) deleted: bool,
}

impl Group {
    pub(crate) fn is_suspended(&self, process: &str) -> bool {
        self.suspended.contains_key(process)
    }

    /// Takes a member's units into the sums, or out of them.
    fn count(&mut self, member: &Member, more: bool) {
        let add = |sum: &mut u32, units: u32| *sum = if more { *sum + units } else { sum.saturating_sub(units) };
        add(&mut self.units, member.units());
        if !member.spot {
            add(&mut self.on_demand, member.units());
        }
        add(self.spread.entry(member.subnet.clone()).or_default(), 1);
    }

    /// Returns its ARN; one of the same name that was deleted had another.
    pub(crate) fn arn(&self, id: GroupId) -> String {
        let Self { region, account, name, .. } = self;
        format!(
            "arn:aws:autoscaling:{region}:{account}:autoScalingGroup:{}:autoScalingGroupName/{name}",
            uuid(id, "4171")
        )
    }
}

/// Returns an id in the form of a UUID.
pub(crate) fn uuid(number: u32, kind: &str) -> String {
    format!("{number:08x}-{kind}-4000-8000-{number:012x}")
}

/// Every group ever, with the indexes.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    all: Vec<Group>,
    /// Groups that are not deleted, by account, region, name.
    by_name: BTreeMap<(String, String, String), GroupId>,
    /// The group of each member.
    pub(crate) of: BTreeMap<u32, GroupId>,
    /// Every activity, oldest first.
    pub(crate) activities: Vec<Activity>,
}

impl Groups {
    pub(crate) fn add(&mut self, group: Group) -> GroupId {
        let id = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.by_name.insert((group.account.clone(), group.region.clone(), group.name.clone()), id);
        self.all.push(group);
        id
    }

    pub(crate) fn get(&self, id: GroupId) -> Option<&Group> {
        self.all.get(usize::try_from(id).ok()?)
    }

    pub(crate) fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.all.get_mut(usize::try_from(id).ok()?)
    }

    /// Returns the groups of an account in a region, oldest first, deleted ones too.
    pub(crate) fn ever(&self, account: &str, region: &str) -> impl Iterator<Item = (GroupId, &Group)> {
        (0..).zip(&self.all).filter(move |(_, group)| group.account == account && group.region == region)
    }

    pub(crate) fn named(&self, account: &str, region: &str, name: &str) -> Option<GroupId> {
        self.by_name.get(&(account.to_owned(), region.to_owned(), name.to_owned())).copied()
    }

    /// Returns a group of an account by name, in whatever region.
    pub(crate) fn anywhere(&self, account: &str, name: &str) -> Option<GroupId> {
        let mut same = self.by_name.iter().filter(|((owner, _, other), _)| owner == account && other == name);
        same.next().map(|(_, id)| *id)
    }

    /// Takes a host in.
    pub(crate) fn join(&mut self, id: GroupId, number: u32, member: Member) {
        if let Some(group) = self.get_mut(id) {
            group.count(&member, true);
            group.members.insert(number, member);
            self.of.insert(number, id);
        }
    }

    /// Returns a member with its group.
    pub(crate) fn member(&self, number: u32) -> Option<(GroupId, &Group, &Member)> {
        let id = *self.of.get(&number)?;
        let group = self.get(id)?;
        Some((id, group, group.members.get(&number)?))
    }

    pub(crate) fn member_mut(&mut self, number: u32) -> Option<&mut Member> {
        let id = *self.of.get(&number)?;
        self.get_mut(id)?.members.get_mut(&number)
    }

    /// Moves a live member on; it does not count any more.
    pub(crate) fn retire(&mut self, number: u32, phase: Phase) {
        let Some(group) = self.of.get(&number).copied().and_then(|id| self.get_mut(id)) else { return };
        let Some(member) = group.members.get_mut(&number) else { return };
        let was = std::mem::replace(&mut member.phase, phase);
        if was == Phase::Live {
            let member = member.clone();
            group.count(&member, false);
        }
    }

    /// Lets a host go.
    pub(crate) fn leave(&mut self, number: u32) {
        self.retire(number, Phase::Terminating);
        if let Some(group) = self.of.remove(&number).and_then(|id| self.get_mut(id)) {
            group.members.remove(&number);
        }
    }

    /// Writes an activity down, and returns its number.
    pub(crate) fn note(&mut self, activity: Activity) -> u32 {
        let number = u32::try_from(self.activities.len()).unwrap_or(u32::MAX);
        if let Some(group) = self.get_mut(activity.group) {
            group.activities.push(number);
        }
        self.activities.push(activity);
        number
    }

    /// Deletes a group. Its hosts are members of nothing, and its activities are remembered.
    pub(crate) fn delete(&mut self, id: GroupId) {
        let Some(group) = self.get_mut(id) else { return };
        group.deleted = true;
        let key = (group.account.clone(), group.region.clone(), group.name.clone());
        let members = std::mem::take(&mut group.members);
        self.by_name.remove(&key);
        for number in members.keys() {
            self.of.remove(number);
        }
    }
}

/// The lifecycle state of a member (`aws-semantics.md` section 6.2), and whether it is healthy.
pub(crate) fn lifecycle(world: &World, number: u32, member: &Member) -> (&'static str, bool) {
    let running = world.instances.get(number).is_some_and(|(_, launch)| world.now() >= launch.running_at);
    let state = match member.phase {
        Phase::Terminating | Phase::Held(_) => "Terminating",
        Phase::Live if running => "InService",
        Phase::Live => "Pending",
    };
    (state, !member.unhealthy)
}

/// Returns whether describe calls of groups show a member by now.
pub(crate) fn shows(world: &World, number: u32) -> bool {
    let launched = world.instances.get(number).map(|(_, launch)| launch.at);
    launched.is_some_and(|at| world.now() - at >= world.habits.member_lag)
}
