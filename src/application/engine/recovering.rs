//! What a call does beside its own job: it finishes or undoes what other processes left (`aws-semantics.md` 17.4).

use std::collections::BTreeMap;

use tracing::warn;

use super::Engine;
use super::resources::Leaving;
use crate::application::ApplicationError;
use crate::application::budget::Budget;
use crate::domain::machine::Machine;
use crate::domain::{MachineId, RequestId, Timestamp};

/// What was done about requests that nobody asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Open requests that were brought forward.
    pub brought_forward: Vec<RequestId>,
    /// Of these, what stood in the way.
    pub unconfirmed: BTreeMap<RequestId, String>,
    /// Requests that were given up because nobody ever asked about them, with the hosts that were ended.
    pub given_up: BTreeMap<RequestId, Vec<MachineId>>,
}

/// How many open requests are brought forward at a time; the rest is left to the next call.
const MOST_REQUESTS: usize = 100;

/// Why the hosts of such a request are ended.
const UNCLAIMED: &str = "nobody asked about its request";

impl Engine {
    /// Brings open requests forward, those in `except` left out, and gives up those that nobody ever asked about.
    /// `dry` only says what would be done.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used, or the credentials are refused.
    pub(crate) async fn recover(&self, except: &[RequestId], dry: bool) -> Result<Recovered, ApplicationError> {
        self.watch().await;
        let mut open = self.store.open_requests().await?;
        open.retain(|id| !except.contains(id));
        if !dry {
            open.truncate(MOST_REQUESTS);
        }
        let mut recovered = Recovered::default();
        if !dry && !open.is_empty() {
            recovered.unconfirmed = self.sync(&open).await?.unconfirmed;
        }
        recovered.brought_forward = open;
        let (now, patient_since) = (self.clock.now(), self.patient_since(self.care.unclaimed_after));
        for id in self.store.unclaimed(Timestamp::from_millis(i64::MAX)).await? {
            if !dry && !Budget::current().allows_new_step() {
                break;
            }
            let Some(accepted) = self.store.request(&id).await?.map(|request| request.snapshot().created_at) else {
                continue;
            };
            if accepted > now && !dry {
                // The clock was set back since; its hour begins now.
                self.change(&id, |_| Ok(())).await?;
            }
            if accepted >= patient_since {
                continue;
            }
            if let Some(hosts) = self.give_up(&id, dry).await? {
                recovered.given_up.insert(id, hosts);
            }
        }
        Ok(recovered)
    }

    /// Gives a request up that nobody ever asked about and ends its hosts. Returns the hosts, or `None` when an attempt
    /// whose outcome is not known stands in the way, or Host Factory knows the request after all.
    async fn give_up(&self, id: &RequestId, dry: bool) -> Result<Option<Vec<MachineId>>, ApplicationError> {
        let held = |machines: &[Machine]| -> Vec<Leaving> {
            machines.iter().filter(|machine| machine.is_held() && !machine.is_taken_over()).map(Leaving::from).collect()
        };
        let ids = |hosts: &[Leaving]| hosts.iter().map(|host| host.id.clone()).collect();
        if dry {
            let case = self.load(id).await?;
            return Ok(case.map(|case| ids(&held(&case.machines))));
        }
        let to_end = self
            .change(id, |case| {
                let known = case.machines.iter().any(|machine| machine.snapshot().listed);
                if known || !case.request.abandon(self.care.unclaimed_after)? {
                    return Ok(None);
                }
                case.machines.iter_mut().filter(|m| !m.is_taken_over()).for_each(|machine| machine.give_up(UNCLAIMED));
                Ok(Some(held(&case.machines)))
            })
            .await?;
        let Some(to_end) = to_end else { return Ok(None) };
        warn!(request_id = %id, hosts = to_end.len(), "nobody ever asked about this request; its hosts are ended");
        let hosts = ids(&to_end);
        self.end_and_note(id, to_end, UNCLAIMED).await?;
        Ok(Some(hosts))
    }

    /// Orders the cloud to end hosts of a request and writes down what came of it.
    async fn end_and_note(&self, id: &RequestId, hosts: Vec<Leaving>, reason: &str) -> Result<(), ApplicationError> {
        if hosts.is_empty() {
            return Ok(());
        }
        let released = self.end(hosts).await?;
        for host in &released.not_ended {
            warn!(request_id = %id, machine_id = %host.id, reason = host.reason, "a host could not be ended");
        }
        self.change(id, |case| {
            super::ending::take_in(&mut case.machines, &released, self.clock.now(), |_| reason);
            Ok(())
        })
        .await
    }
}
