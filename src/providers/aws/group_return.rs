//! Ends hosts that are members of an Auto Scaling group, each with one place less in the group (`aws-semantics.md` 6.3).
//!
//! Invariants: a host that is not a member any more, or is ending, takes no second place away; nothing is ended while
//! somebody else refreshes the group or has suspended its terminating.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_autoscaling::types::{AutoScalingGroup as Group, InstanceRefreshStatus};
use tokio::time::sleep;
use tracing::warn;

use super::client::{ClientSource, Clients};
use super::error::provider_error;
use super::retry::{self, Policy};
use super::{observation, terminate};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::error::NotEnded;
use crate::application::ports::Released;
use crate::domain::machine::MachineStatus;
use crate::domain::{FailureClass, MachineId};

const MEMBERS: &str = "DescribeAutoScalingInstances";
const TERMINATE: &str = "TerminateInstanceInAutoScalingGroup";
const REFRESHES: &str = "DescribeInstanceRefreshes";
/// The most hosts of one look (section 9).
const MOST_MEMBERS: usize = 50;
/// At most five a second: the call has no published rate.
const BETWEEN_CALLS: Duration = Duration::from_millis(200);

/// Returns the class of a failure that Auto Scaling tells in words alone.
pub(super) fn class_of_words(text: &str) -> (&'static str, FailureClass) {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&["do not have sufficient", "insufficient capacity", "no spot capacity", "could not launch"]) {
        ("InsufficientInstanceCapacity", FailureClass::Capacity)
    } else if says(&["not enough free addresses", "insufficient free addresses"]) {
        ("InsufficientFreeAddressesInSubnet", FailureClass::SubnetCapacity)
    } else if says(&["limit", "quota"]) {
        ("LimitExceeded", FailureClass::Quota)
    } else if says(&["not authorized", "access denied"]) {
        ("UnauthorizedOperation", FailureClass::AuthDenied)
    } else {
        ("ScalingActivityFailed", FailureClass::Unknown)
    }
}

/// Returns whether a failure says that the group, or the host in it, is not there (any more).
pub(super) fn is_gone(error: &ProviderError) -> bool {
    let text = error.message.to_lowercase();
    error.class == FailureClass::Gone
        || (error.code.as_deref() == Some("ValidationError") && text.contains("not found"))
}

/// Returns what stands in the way of ending members of a group, in words.
pub(super) async fn obstacle(source: &dyn ClientSource, group: &Group) -> Result<Option<String>, ProviderError> {
    let name = group.auto_scaling_group_name().unwrap_or_default();
    let terminate = group.suspended_processes().iter().find(|process| process.process_name() == Some("Terminate"));
    if let Some(process) = terminate {
        let why = process.suspension_reason().unwrap_or("no reason is given");
        return Ok(Some(format!("terminating is suspended in group {name} ({why}); resume it")));
    }
    let clients = source.clients().await?;
    let answer = retry::send(&clients.gate, REFRESHES, Policy::describes(source.settings()), || async {
        let call = clients.groups.describe_instance_refreshes().auto_scaling_group_name(name);
        call.send().await.map_err(|error| provider_error(REFRESHES, &error))
    })
    .await;
    let answer = match answer {
        Err(error) if is_gone(&error) => return Ok(None),
        // Hosts that could never be given back would be the worse fault.
        Err(error) if error.class == FailureClass::AuthDenied => {
            warn!(group = name, %error, "whether an instance refresh runs is not known; hosts are ended all the same");
            return Ok(None);
        }
        answer => answer?,
    };
    let runs = |status: &InstanceRefreshStatus| {
        matches!(
            status,
            InstanceRefreshStatus::Pending
                | InstanceRefreshStatus::InProgress
                | InstanceRefreshStatus::Cancelling
                | InstanceRefreshStatus::RollbackInProgress
                | InstanceRefreshStatus::Baking
        )
    };
    let running = answer.instance_refreshes().iter().any(|refresh| refresh.status().is_some_and(runs));
    Ok(running.then(|| format!("an instance refresh runs in group {name}; wait for its end, or cancel it")))
}

/// Returns whether every member of a group has ended, so that nothing is lost with it. Of one that EC2 does not show
/// any more the group itself must have found that it does not run.
///
/// # Errors
/// [`ProviderError`] when the hosts are not shown completely.
pub(super) async fn has_only_dead(source: &dyn ClientSource, group: &Group) -> Result<bool, ProviderError> {
    let ids: Vec<&str> = group.instances().iter().filter_map(|member| member.instance_id()).collect();
    let seen = observation::named(source.clients().await?, Policy::describes(source.settings()), &ids).await?;
    Ok(group.instances().iter().all(|member| {
        match seen.iter().find(|host| Some(host.id.as_str()) == member.instance_id()) {
            Some(host) => host.status >= MachineStatus::ShuttingDown,
            None => member.health_status() == Some("Unhealthy"),
        }
    }))
}

/// What a host is to its group.
enum Standing {
    Member,
    Ending,
}

/// Returns what these hosts are to the group; those that are none of its members are missing.
async fn standings(
    clients: &Clients,
    policy: Policy,
    group: &str,
    hosts: &[MachineId],
) -> Result<HashMap<String, Standing>, ProviderError> {
    let mut standings = HashMap::new();
    for batch in hosts.chunks(MOST_MEMBERS) {
        let answer = retry::send(&clients.gate, MEMBERS, policy, || async {
            let ids = batch.iter().map(|id| id.as_str().to_owned()).collect();
            let call = clients.groups.describe_auto_scaling_instances().set_instance_ids(Some(ids));
            call.send().await.map_err(|error| provider_error(MEMBERS, &error))
        })
        .await?;
        for member in answer.auto_scaling_instances() {
            let Some(id) = member.instance_id().filter(|_| member.auto_scaling_group_name() == Some(group)) else {
                continue;
            };
            let state = member.lifecycle_state().unwrap_or_default();
            let ending = state.starts_with("Terminat") || state.starts_with("Detach");
            standings.insert(id.to_owned(), if ending { Standing::Ending } else { Standing::Member });
        }
    }
    Ok(standings)
}

/// Says that none of these hosts was ended, and why.
pub(super) fn refused(hosts: &[MachineId], class: FailureClass, reason: &str) -> Released {
    let not_ended = |id: &MachineId| NotEnded { id: id.clone(), class, reason: reason.to_owned() };
    Released { not_ended: hosts.iter().map(not_ended).collect(), ..Released::default() }
}

/// Ends these hosts, members of a group that is there. Each is in exactly one list of the answer.
pub(super) async fn release(source: &dyn ClientSource, group: &str, hosts: &[MachineId]) -> Released {
    let looked = match source.clients().await {
        Ok(clients) => {
            let policy = Policy::describes(source.settings());
            standings(clients, policy, group, hosts).await.map(|standings| (clients, standings))
        }
        Err(error) => Err(error),
    };
    let (clients, standings) = match looked {
        Ok(looked) => looked,
        Err(error) => return refused(hosts, error.class, &error.to_string()),
    };
    let mut released = Released::default();
    let mut outside = Vec::new();
    let mut calls = 0;
    for id in hosts {
        match standings.get(id.as_str()) {
            // Detached by somebody, or the group is gone: no place has to be taken away.
            None => outside.push(id.clone()),
            Some(Standing::Ending) => released.accepted.push(id.clone()),
            Some(Standing::Member) => {
                if calls > 0 {
                    if !Budget::current().allows_new_step() {
                        let reason =
                            "its turn comes with the next call; Auto Scaling ends one host at a time".to_owned();
                        released.not_ended.push(NotEnded { id: id.clone(), class: FailureClass::Busy, reason });
                        continue;
                    }
                    sleep(BETWEEN_CALLS).await;
                }
                calls += 1;
                match end(clients, Policy::creates(source.settings()), id).await {
                    Ok(()) => released.accepted.push(id.clone()),
                    Err(error) if is_gone(&error) => outside.push(id.clone()),
                    Err(error) => {
                        let (class, reason) = (error.class, error.to_string());
                        released.not_ended.push(NotEnded { id: id.clone(), class, reason });
                    }
                }
            }
        }
    }
    let of_ec2 = terminate::release(source, &outside).await;
    released.accepted.extend(of_ec2.accepted);
    released.gone.extend(of_ec2.gone);
    released.not_ended.extend(of_ec2.not_ended);
    released
}

/// Ends a member and takes its place away. It is sent once: a second one could take a second place.
async fn end(clients: &Clients, policy: Policy, id: &MachineId) -> Result<(), ProviderError> {
    retry::send(&clients.gate, TERMINATE, policy.once(), || async {
        let call = clients.groups.terminate_instance_in_auto_scaling_group().instance_id(id.as_str());
        let call = call.should_decrement_desired_capacity(true);
        call.send().await.map_err(|error| provider_error(TERMINATE, &error))
    })
    .await
    .map(drop)
}
