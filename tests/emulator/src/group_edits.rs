//! What a test can do to Auto Scaling groups, by handle or by HTTP: as somebody else would, or as AWS does by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actions::user_initiated;
use crate::call::seconds_in_millis;
use crate::edits::Edit;
use crate::emulator::Emulator;
use crate::groups::{GroupId, PROCESSES, Refresh};
use crate::instances::Actor;
use crate::scaling;
use crate::world::World;

/// Which hosts a group chooses when it has too many; never one that is protected from scale-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Victims {
    /// The oldest of the subnet that has most.
    Default,
    /// The oldest.
    Oldest,
    /// The newest.
    Newest,
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

/// A change of groups. Times are in seconds of the emulator's clock; a group is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields say what they are, and the variants what they do with them")]
pub enum GroupEdit {
    /// From a wish for more or fewer hosts until a group launches or ends them.
    Delay { seconds: f64 },
    /// From the end of a host until its group notices, and launches another.
    Refill { seconds: f64 },
    /// From a launch until describe calls of groups show the host.
    MemberLag { seconds: f64 },
    /// Which hosts groups choose to end; `null` is each group's own policy.
    Victims { policy: Option<Victims> },
    /// What a second call to end a host does.
    Again { how: Again },
    /// Whether a host that is detached lowers the desired number by its weight; otherwise by one.
    DetachByWeight { on: bool },
    /// Every launch of a group fails with this text of EC2; `null` ends that.
    LaunchesFail { text: Option<String> },
    /// Deletes a group, as a user would by hand; its hosts end with it, or live on.
    Delete { group: String, hosts: bool },
    /// Suspends a process, as somebody else would, or resumes it.
    Suspend { group: String, process: String, on: bool },
    /// Starts an instance refresh, which replaces nothing, or ends the one that runs.
    Refresh { group: String, on: bool },
    /// Launches one host and ends another, unless `AZRebalance` is suspended.
    Rebalance { group: String },
    /// Sets the desired number, as somebody else would, whatever the bounds.
    Desired { group: String, units: u32 },
}

/// Carries an edit out.
///
/// # Errors
/// There is no such group or process.
pub(crate) fn apply(world: &mut World, edit: GroupEdit) -> Result<(), String> {
    let habits = &mut world.groups.habits;
    match edit {
        GroupEdit::Delay { seconds } => habits.delay = seconds_in_millis(seconds),
        GroupEdit::Refill { seconds } => habits.refill = seconds_in_millis(seconds),
        GroupEdit::MemberLag { seconds } => habits.member_lag = seconds_in_millis(seconds),
        GroupEdit::Victims { policy } => habits.victims = policy,
        GroupEdit::Again { how } => habits.again = how,
        GroupEdit::DetachByWeight { on } => habits.detach_by_weight = on,
        GroupEdit::LaunchesFail { text } => habits.launches_fail = text,
        GroupEdit::Delete { group, hosts } => {
            let id = named(world, &group)?;
            delete(world, id, hosts.then_some(Actor::Test));
        }
        GroupEdit::Suspend { group, process, on } => {
            let id = named(world, &group)?;
            if !PROCESSES.contains(&process.as_str()) {
                return Err(format!("there is no process {process}; there is {}", PROCESSES.join(", ")));
            }
            suspend(world, id, &[&process], on);
        }
        GroupEdit::Refresh { group, on } => {
            let (id, now) = (named(world, &group)?, world.now());
            let Some(group) = world.groups.get_mut(id) else { return Ok(()) };
            if on {
                group.refreshes.push(Refresh { status: "InProgress".to_owned(), started: now, ended: None });
            } else if let Some(refresh) = group.refreshes.last_mut() {
                (refresh.status, refresh.ended) = ("Successful".to_owned(), Some(now));
            }
        }
        GroupEdit::Rebalance { group } => {
            let id = named(world, &group)?;
            scaling::rebalance(world, id);
        }
        GroupEdit::Desired { group, units } => {
            let id = named(world, &group)?;
            if let Some(group) = world.groups.get_mut(id) {
                group.desired = units;
            }
            scaling::consider_soon(world, id);
        }
    }
    Ok(())
}

fn named(world: &World, name: &str) -> Result<GroupId, String> {
    world.groups.anywhere(&world.account, name).ok_or_else(|| format!("there is no group {name}"))
}

/// Deletes a group; `by` ends its hosts with it.
pub(crate) fn delete(world: &mut World, id: GroupId, by: Option<Actor>) {
    let Some(group) = world.groups.get(id) else { return };
    let members: Vec<u32> = group.members.keys().copied().collect();
    world.groups.delete(id);
    if let Some(by) = by {
        let (code, words) = user_initiated();
        let takes = world.settings.shutdown;
        for number in members {
            world.end(number, takes, by.clone(), code, words);
        }
    }
}

/// Suspends processes of a group, or resumes them.
pub(crate) fn suspend(world: &mut World, id: GroupId, processes: &[&str], on: bool) {
    let now = world.now();
    let Some(group) = world.groups.get_mut(id) else { return };
    for process in processes {
        if on {
            group.suspended.entry((*process).to_owned()).or_insert(now);
        } else {
            group.suspended.remove(*process);
        }
    }
    if !on {
        scaling::resume(world, id);
    }
}

/// The edits of Auto Scaling groups, in a word.
impl Emulator {
    /// From a wish for more or fewer hosts until a group launches or ends them.
    pub fn group_delay(&self, time: Duration) {
        self.sure(Edit::Group(GroupEdit::Delay { seconds: time.as_secs_f64() }));
    }

    /// From the end of a host until its group notices, and launches another.
    pub fn group_refill(&self, time: Duration) {
        self.sure(Edit::Group(GroupEdit::Refill { seconds: time.as_secs_f64() }));
    }

    /// From a launch until describe calls of groups show the host.
    pub fn member_lag(&self, time: Duration) {
        self.sure(Edit::Group(GroupEdit::MemberLag { seconds: time.as_secs_f64() }));
    }

    /// Which hosts groups choose to end; `None` is each group's own policy.
    pub fn group_victims(&self, policy: impl Into<Option<Victims>>) {
        self.sure(Edit::Group(GroupEdit::Victims { policy: policy.into() }));
    }

    /// What a second call to end a host of a group does.
    pub fn terminate_again(&self, how: Again) {
        self.sure(Edit::Group(GroupEdit::Again { how }));
    }

    /// Every launch of a group fails with this text of EC2; `None` ends that.
    pub fn group_launches_fail(&self, text: Option<&str>) {
        self.sure(Edit::Group(GroupEdit::LaunchesFail { text: text.map(str::to_owned) }));
    }

    /// Deletes a group by hand; its hosts end with it, or live on.
    ///
    /// # Errors
    /// There is no such group.
    pub fn delete_group(&self, group: &str, hosts: bool) -> Result<(), String> {
        self.edit(Edit::Group(GroupEdit::Delete { group: group.to_owned(), hosts }))
    }

    /// Suspends a process of a group, as somebody else would.
    ///
    /// # Errors
    /// There is no such group, or no such process.
    pub fn suspend(&self, group: &str, process: &str) -> Result<(), String> {
        let (group, process) = (group.to_owned(), process.to_owned());
        self.edit(Edit::Group(GroupEdit::Suspend { group, process, on: true }))
    }

    /// Resumes a process of a group.
    ///
    /// # Errors
    /// There is no such group, or no such process.
    pub fn resume(&self, group: &str, process: &str) -> Result<(), String> {
        let (group, process) = (group.to_owned(), process.to_owned());
        self.edit(Edit::Group(GroupEdit::Suspend { group, process, on: false }))
    }

    /// Starts an instance refresh of a group, or ends the one that runs.
    ///
    /// # Errors
    /// There is no such group.
    pub fn refresh(&self, group: &str, on: bool) -> Result<(), String> {
        self.edit(Edit::Group(GroupEdit::Refresh { group: group.to_owned(), on }))
    }

    /// Launches one host of a group and ends another, unless `AZRebalance` is suspended.
    ///
    /// # Errors
    /// There is no such group.
    pub fn rebalance(&self, group: &str) -> Result<(), String> {
        self.edit(Edit::Group(GroupEdit::Rebalance { group: group.to_owned() }))
    }

    /// Sets the desired number of a group, as somebody else would.
    ///
    /// # Errors
    /// There is no such group.
    pub fn set_desired(&self, group: &str, units: u32) -> Result<(), String> {
        self.edit(Edit::Group(GroupEdit::Desired { group: group.to_owned(), units }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_of_groups_is_an_edit_over_http_too() {
        let read = |text: &str| serde_json::from_str::<Edit>(text).unwrap();
        assert_eq!(read(r#"{"group": {"refill": {"seconds": 3}}}"#), Edit::Group(GroupEdit::Refill { seconds: 3.0 }));
        let policy = Some(Victims::Newest);
        assert_eq!(read(r#"{"group": {"victims": {"policy": "newest"}}}"#), Edit::Group(GroupEdit::Victims { policy }));
    }
}
