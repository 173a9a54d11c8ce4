//! What a test can do to Auto Scaling groups, by handle or by HTTP: as somebody else would, or as AWS does by itself.

use crate::actions::user_initiated;
use crate::edits::Edit;
use crate::emulator::Emulator;
use crate::groups::{GroupId, PROCESSES, Refresh};
use crate::instances::Actor;
use crate::scaling;
use crate::world::World;

fn named(world: &World, name: &str) -> Result<GroupId, String> {
    world.groups.anywhere(&world.account, name).ok_or_else(|| format!("there is no group {name}"))
}

/// Deletes a group; its hosts end with it, or live on.
///
/// # Errors
/// There is no such group.
pub(crate) fn delete_named(world: &mut World, group: &str, hosts: bool) -> Result<(), String> {
    let id = named(world, group)?;
    delete(world, id, hosts.then_some(Actor::Test));
    Ok(())
}

/// Suspends a process of a group, or resumes it.
///
/// # Errors
/// There is no such group or process.
pub(crate) fn switch(world: &mut World, group: &str, process: &str, on: bool) -> Result<(), String> {
    let id = named(world, group)?;
    if !PROCESSES.contains(&process) {
        return Err(format!("there is no process {process}; there is {}", PROCESSES.join(", ")));
    }
    suspend(world, id, &[process], on);
    Ok(())
}

/// Starts an instance refresh, or ends the one that runs.
///
/// # Errors
/// There is no such group.
pub(crate) fn refresh(world: &mut World, group: &str, on: bool) -> Result<(), String> {
    let (id, now) = (named(world, group)?, world.now());
    let Some(group) = world.groups.get_mut(id) else { return Ok(()) };
    if on {
        group.refreshes.push(Refresh { status: "InProgress".to_owned(), started: now, ended: None });
    } else if let Some(refresh) = group.refreshes.last_mut() {
        (refresh.status, refresh.ended) = ("Successful".to_owned(), Some(now));
    }
    Ok(())
}

/// Launches one host and ends another.
///
/// # Errors
/// There is no such group.
pub(crate) fn rebalance(world: &mut World, group: &str) -> Result<(), String> {
    let id = named(world, group)?;
    scaling::rebalance(world, id);
    Ok(())
}

/// Sets the desired number, whatever the bounds.
///
/// # Errors
/// There is no such group.
pub(crate) fn resize(world: &mut World, group: &str, units: u32) -> Result<(), String> {
    let id = named(world, group)?;
    if let Some(group) = world.groups.get_mut(id) {
        group.desired = units;
    }
    scaling::consider_soon(world, id);
    Ok(())
}

/// Sets the least number.
///
/// # Errors
/// There is no such group.
pub(crate) fn minimum(world: &mut World, group: &str, units: u32) -> Result<(), String> {
    let id = named(world, group)?;
    if let Some(group) = world.groups.get_mut(id) {
        group.min = units;
    }
    Ok(())
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
    /// Deletes a group by hand; its hosts end with it, or live on.
    ///
    /// # Errors
    /// There is no such group.
    pub fn delete_group(&self, group: &str, hosts: bool) -> Result<(), String> {
        self.edit(Edit::DeleteGroup { group: group.to_owned(), hosts })
    }

    /// Suspends a process of a group, as somebody else would.
    ///
    /// # Errors
    /// There is no such group, or no such process.
    pub fn suspend_group(&self, group: &str, process: &str) -> Result<(), String> {
        self.edit(Edit::SuspendGroup { group: group.to_owned(), process: process.to_owned(), on: true })
    }

    /// Resumes a process of a group.
    ///
    /// # Errors
    /// There is no such group, or no such process.
    pub fn resume_group(&self, group: &str, process: &str) -> Result<(), String> {
        self.edit(Edit::SuspendGroup { group: group.to_owned(), process: process.to_owned(), on: false })
    }

    /// Starts an instance refresh of a group, or ends the one that runs.
    ///
    /// # Errors
    /// There is no such group.
    pub fn refresh_group(&self, group: &str, on: bool) -> Result<(), String> {
        self.edit(Edit::RefreshGroup { group: group.to_owned(), on })
    }

    /// Launches one host of a group and ends another, unless `AZRebalance` is suspended.
    ///
    /// # Errors
    /// There is no such group.
    pub fn rebalance_group(&self, group: &str) -> Result<(), String> {
        self.edit(Edit::RebalanceGroup { group: group.to_owned() })
    }

    /// Sets the desired number of a group, as somebody else would.
    ///
    /// # Errors
    /// There is no such group.
    pub fn resize_group(&self, group: &str, units: u32) -> Result<(), String> {
        self.edit(Edit::ResizeGroup { group: group.to_owned(), units })
    }
}
