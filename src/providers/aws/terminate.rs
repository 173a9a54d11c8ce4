//! Ends exactly the hosts that are named, whatever AWS finds wrong with some of them.
//!
//! AWS fails a whole call for one host that it does not know, and all hosts of a zone for one that is protected. So
//! hosts that AWS names are set apart and the rest is asked for again; where it names none, the batch is halved.
//! Invariant: termination protection is never cleared.

use std::collections::HashSet;

use super::client::{ClientSource, Clients};
use super::error::provider_error;
use super::limit::Call;
use super::retry::{self, Policy};
use crate::application::ProviderError;
use crate::application::budget::Budget;
use crate::application::error::NotEnded;
use crate::application::ports::Released;
use crate::domain::{FailureClass, MachineId};

const OPERATION: &str = "TerminateInstances";
/// The most hosts of one call (R-46; AWS takes 1,000 and advises fewer).
const BATCH: usize = 200;

/// How many calls in a row may lack the permission before it lacks for every host (faults 69 and 71): enough to halve a
/// batch down to single hosts, one of which may be ended.
const MOST_DENIALS: u32 = 13;
/// How many of them are taken to be about the hosts that they name.
const NAMED_DENIALS: u32 = 2;

/// What one call came to.
enum Outcome {
    /// AWS took the order for these.
    Ended(Vec<String>),
    /// AWS took it for none, or for none of a zone; these it named.
    Refused(ProviderError, Vec<String>),
}

/// Ends `hosts`. Each is in exactly one list of the answer.
pub(super) async fn release(source: &dyn ClientSource, hosts: &[MachineId]) -> Released {
    let mut released = Released::default();
    let mut known = HashSet::new();
    let hosts: Vec<MachineId> = hosts.iter().filter(|id| known.insert(*id)).cloned().collect();
    if hosts.is_empty() {
        return released;
    }
    let clients = match source.clients().await {
        Ok(clients) => clients,
        Err(error) => {
            give_up(&mut released, hosts, &error);
            return released;
        }
    };
    let policy = Policy::creates(source.settings());
    let mut denials = 0;
    for batch in hosts.chunks(BATCH) {
        end(clients, policy, batch.to_vec(), &mut denials, &mut released).await;
    }
    released
}

fn give_up(released: &mut Released, hosts: Vec<MachineId>, error: &ProviderError) {
    let reason = error.to_string();
    released.not_ended.extend(hosts.into_iter().map(|id| NotEnded { id, class: error.class, reason: reason.clone() }));
}

/// Ends one batch, part by part where it must be.
///
/// `denials` counts the calls in a row for which the permission was lacking. AWS names one host in each such answer, so
/// that setting apart what it names would take as many calls as there are hosts.
async fn end(clients: &Clients, policy: Policy, batch: Vec<MachineId>, denials: &mut u32, released: &mut Released) {
    let mut parts = vec![batch];
    let mut first_call = true;
    while let Some(part) = parts.pop() {
        // The first part of each batch always goes out; what is left over is asked for again by the next call.
        if !first_call && !Budget::current().allows_new_step() {
            let error = ProviderError::new(OPERATION, FailureClass::Network, "no time is left to set hosts apart");
            give_up(released, part, &error);
            continue;
        }
        first_call = false;
        match ask(clients, policy, &part).await {
            Err(error) => give_up(released, part, &error),
            Ok(Outcome::Ended(ids)) => {
                *denials = 0;
                let (ended, missing) = split(part, &ids);
                released.accepted.extend(ended);
                let error =
                    ProviderError::new(OPERATION, FailureClass::Server, "AWS did not name the host in its answer");
                give_up(released, missing, &error);
            }
            Ok(Outcome::Refused(error, mut named)) => {
                if error.class == FailureClass::AuthDenied {
                    *denials += 1;
                    if *denials >= MOST_DENIALS {
                        give_up(released, part, &error);
                        parts.drain(..).for_each(|part| give_up(released, part, &error));
                        return;
                    }
                    if *denials > NAMED_DENIALS {
                        named.clear();
                    }
                }
                let (culprits, rest) = split(part, &named);
                if culprits.is_empty() && rest.len() > 1 {
                    let mut former = rest;
                    let latter = former.split_off(former.len() / 2);
                    parts.extend([former, latter]);
                    continue;
                }
                let (culprits, rest) = if culprits.is_empty() { (rest, Vec::new()) } else { (culprits, rest) };
                if error.class == FailureClass::Gone {
                    released.gone.extend(culprits);
                } else {
                    give_up(released, culprits, &error);
                }
                if !rest.is_empty() {
                    parts.push(rest);
                }
            }
        }
    }
}

/// Splits off the hosts that are among `ids`.
fn split(hosts: Vec<MachineId>, ids: &[String]) -> (Vec<MachineId>, Vec<MachineId>) {
    let ids: HashSet<&str> = ids.iter().map(String::as_str).collect();
    hosts.into_iter().partition(|host| ids.contains(host.as_str()))
}

/// Returns whether the failure may be about some of the hosts rather than about the call.
fn is_about_hosts(class: FailureClass) -> bool {
    match class {
        FailureClass::Gone
        | FailureClass::Protected
        | FailureClass::Busy
        | FailureClass::Invalid
        | FailureClass::AuthDenied
        | FailureClass::Unknown => true,
        FailureClass::Throttle
        | FailureClass::Server
        | FailureClass::Network
        | FailureClass::Unreachable
        | FailureClass::Capacity
        | FailureClass::SubnetCapacity
        | FailureClass::Quota
        | FailureClass::Size
        | FailureClass::AuthExpired
        | FailureClass::Idempotency
        | FailureClass::Paging
        | FailureClass::DryRun => false,
    }
}

/// Sends one call.
async fn ask(clients: &Clients, policy: Policy, hosts: &[MachineId]) -> Result<Outcome, ProviderError> {
    let ids: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    let call = Call { operation: OPERATION, hosts: u32::try_from(ids.len()).unwrap_or(u32::MAX) };
    retry::send(&clients.gate, call, policy, || async {
        match clients.ec2.terminate_instances().set_instance_ids(Some(ids.clone())).send().await {
            Ok(answer) => {
                let ended = answer.terminating_instances();
                Ok(Outcome::Ended(ended.iter().filter_map(|change| change.instance_id()).map(str::to_owned).collect()))
            }
            Err(error) => {
                let failure = provider_error(OPERATION, &error);
                if !is_about_hosts(failure.class) {
                    return Err(failure);
                }
                let message = error.as_service_error().and_then(|error| error.meta().message()).unwrap_or_default();
                Ok(Outcome::Refused(failure, instance_ids(message)))
            }
        }
    })
    .await
}

/// The instance ids in AWS's own words.
fn instance_ids(message: &str) -> Vec<String> {
    message
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .filter(|word| word.parse::<MachineId>().is_ok())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
#[path = "terminate_tests.rs"]
mod tests;
