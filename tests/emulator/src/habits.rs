//! How fleets and groups behave by themselves, as a test has it: how long they take, and whom they end.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::edits::Edit;
use crate::emulator::Emulator;
use crate::instances::instance_id;

/// Which hosts a fleet or a group ends first when it has too many; a group none that is protected from scale-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victims {
    /// The newest.
    Newest,
    /// The oldest.
    Oldest,
    /// The oldest of the subnet that has most.
    Balanced,
    /// These, then the newest.
    These(Vec<String>),
}

/// A host that is perhaps to end: its number, its subnet, and whether it may be chosen.
pub(crate) type Candidate<'a> = (u32, &'a str, bool);

impl Victims {
    /// Returns the hosts that may be chosen in the order in which they end; they come oldest first.
    pub(crate) fn order(&self, oldest: &[Candidate<'_>]) -> VecDeque<u32> {
        let free = oldest.iter().filter(|(.., is_free)| *is_free).map(|(number, ..)| *number);
        match self {
            Self::Oldest => free.collect(),
            Self::Newest => free.rev().collect(),
            Self::Balanced => balanced(oldest),
            Self::These(ids) => {
                let mut all: Vec<u32> = free.rev().collect();
                all.sort_by_key(|number| !ids.contains(&instance_id(*number)));
                all.into()
            }
        }
    }
}

fn balanced(oldest: &[Candidate<'_>]) -> VecDeque<u32> {
    let mut crowd: HashMap<&str, u32> = HashMap::new();
    let mut free: BTreeMap<&str, VecDeque<u32>> = BTreeMap::new();
    for (number, subnet, is_free) in oldest {
        *crowd.entry(subnet).or_default() += 1;
        if *is_free {
            free.entry(subnet).or_default().push_back(*number);
        }
    }
    let mut line = VecDeque::new();
    // The fullest subnet that has any left; of several, the one that is first by name.
    while let Some(fullest) = free.keys().copied().max_by_key(|subnet| (crowd.get(subnet).copied(), Reverse(*subnet))) {
        line.extend(free.get_mut(fullest).and_then(VecDeque::pop_front));
        if let Some(count) = crowd.get_mut(fullest) {
            *count -= 1;
        }
        free.retain(|_, left| !left.is_empty());
    }
    line
}

/// What `TerminateInstanceInAutoScalingGroup` does for a host that is terminating already; AWS does not say
/// (`aws-semantics.md` section 18, point 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// Lowers the desired number once more.
    Decrements,
    /// `ScalingActivityInProgress`, and lowers nothing.
    Refused,
    /// Succeeds, and lowers nothing.
    Ignored,
}

/// The habits.
#[derive(Debug)]
pub(crate) struct Habits {
    /// From the end of a host until its fleet or group replaces it.
    pub(crate) refill: Millis,
    /// How far lists of members, and histories of fleets, are behind.
    pub(crate) member_lag: Millis,
    /// `None` is the newest for a fleet, and its own policy for a group.
    pub(crate) victims: Option<Victims>,
    /// From the creation of a fleet that is not instant to its first attempt, and from an attempt to the next.
    pub(crate) fill: Millis,
    /// How long a fleet is `modifying`.
    pub(crate) modifying: Millis,
    /// A replay of `CreateFleet` answers with the id alone.
    pub(crate) bare_replays: bool,
    /// From the wish of a group to the launch or the end.
    pub(crate) group_delay: Millis,
    pub(crate) again: Again,
    /// Whether a detached host lowers the desired number of its group by its weight, not by one.
    pub(crate) detach_by_weight: bool,
    /// Every launch of a group fails with this text.
    pub(crate) launches_fail: Option<String>,
}

impl Default for Habits {
    /// Everything takes a second, and lists are up to date.
    fn default() -> Self {
        Self {
            refill: 1_000,
            member_lag: 0,
            victims: None,
            fill: 1_000,
            modifying: 1_000,
            bare_replays: false,
            group_delay: 1_000,
            again: Again::Decrements,
            detach_by_weight: false,
            launches_fail: None,
        }
    }
}

/// The edits of habits, in a word.
impl Emulator {
    /// From the end of a host until its fleet or group replaces it.
    pub fn refill(&self, time: Duration) {
        self.sure(Edit::Refill { seconds: time.as_secs_f64() });
    }

    /// How far the lists of hosts of fleets and groups are behind, and the history of a fleet.
    pub fn member_lag(&self, time: Duration) {
        self.sure(Edit::MemberLag { seconds: time.as_secs_f64() });
    }

    /// Which hosts a fleet or a group ends when it has too many; `None` is the newest of a fleet, and the own policy of a
    /// group.
    pub fn victims(&self, policy: impl Into<Option<Victims>>) {
        self.sure(Edit::Victims { policy: policy.into() });
    }

    /// From the creation of a fleet that is not instant to its first launch, and between attempts that come out short.
    pub fn fleet_fill(&self, time: Duration) {
        self.sure(Edit::FleetFill { seconds: time.as_secs_f64() });
    }

    /// How long a fleet that is changed is `modifying`.
    pub fn fleet_modifying(&self, time: Duration) {
        self.sure(Edit::FleetModifying { seconds: time.as_secs_f64() });
    }

    /// From the wish of a group for more or fewer hosts until it launches or ends them.
    pub fn group_delay(&self, time: Duration) {
        self.sure(Edit::GroupDelay { seconds: time.as_secs_f64() });
    }

    /// What a second call to end a host of a group does.
    pub fn group_again(&self, how: Again) {
        self.sure(Edit::GroupAgain { how });
    }

    /// Every launch of a group fails with this text of EC2; `None` ends that.
    pub fn group_error(&self, text: Option<&str>) {
        self.sure(Edit::GroupError { text: text.map(str::to_owned) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn victims_come_in_the_order_of_the_policy() {
        let hosts = [(0, "a", true), (1, "b", true), (2, "b", false), (3, "b", true), (4, "a", true)];
        for (policy, line) in [
            (Victims::Oldest, [0, 1, 3, 4]),
            (Victims::Newest, [4, 3, 1, 0]),
            (Victims::Balanced, [1, 0, 3, 4]),
            (Victims::These(vec![instance_id(1), instance_id(2)]), [1, 4, 3, 0]),
        ] {
            assert_eq!(policy.order(&hosts), line, "{policy:?}");
        }
    }
}
