//! One decision over a request and its hosts, committed or decided anew.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use super::Engine;
use crate::application::ports::Changes;
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::Machine;
use crate::domain::request::{Body, Request};
use crate::domain::{DomainError, MachineId, RequestId};

/// A request with all its hosts, freshly loaded.
#[derive(Debug)]
pub(crate) struct Case {
    /// The request.
    pub(crate) request: Request,
    /// Its hosts; new ones are added at the end.
    pub(crate) machines: Vec<Machine>,
}

/// How often a decision is taken anew after another process was faster. Each conflict means that somebody else got
/// on, so that many processes on one request all finish.
pub(super) const TRIES: u32 = 12;

impl Engine {
    /// Loads a request with its hosts.
    pub(crate) async fn load(&self, id: &RequestId) -> Result<Option<Case>, StorageError> {
        let Some(request) = self.store.request(id).await? else { return Ok(None) };
        let machines = match &request.snapshot().body {
            Body::Acquire(_) => self.store.machines_of(id).await?,
            Body::Return(give_back) => {
                let ids: Vec<MachineId> = give_back.items.iter().filter_map(|item| item.machine_id.clone()).collect();
                self.store.machines(&ids).await?
            }
        };
        Ok(Some(Case { request, machines }))
    }

    /// Takes a decision over a freshly loaded request and commits what it changed. When another process was faster,
    /// the decision is taken anew on what that process left; only the decision is repeated, never a cloud call.
    ///
    /// # Errors
    /// What `decide` refuses, or the store's error.
    pub(crate) async fn change<T>(
        &self,
        id: &RequestId,
        mut decide: impl FnMut(&mut Case) -> Result<T, DomainError> + Send,
    ) -> Result<T, ApplicationError> {
        let mut tries = 0;
        loop {
            let Some(mut case) = self.load(id).await? else {
                return Err(DomainError::NotFound { entity: "request", id: id.to_string() }.into());
            };
            let request_before = case.request.snapshot().clone();
            // What each was, in a few bytes: ten thousand are not held twice.
            let prints = RandomState::new();
            let machines_before: Vec<u64> = case.machines.iter().map(|one| prints.hash_one(one.snapshot())).collect();
            case.request.take_back_times(self.clock.now());
            case.machines.iter_mut().for_each(|machine| machine.take_back_times(self.clock.now()));
            let answer = decide(&mut case)?;
            let mut changes = Changes::default();
            if *case.request.snapshot() != request_before {
                changes.requests.push(&mut case.request);
            }
            for (at, machine) in case.machines.iter_mut().enumerate() {
                if machines_before.get(at) != Some(&prints.hash_one(machine.snapshot())) {
                    changes.machines.push(machine);
                }
            }
            if changes.is_empty() {
                return Ok(answer);
            }
            match self.store.commit(changes, self.clock.now()).await {
                Err(StorageError::Conflict { .. }) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(pause(tries)).await;
                }
                other => return other.map(|()| answer).map_err(Into::into),
            }
        }
    }
}

/// Returns a random pause before the next try, longer with each.
pub(crate) fn pause(tries: u32) -> Duration {
    let most = 2_u64.saturating_pow(tries.min(7));
    Duration::from_millis(RandomState::new().hash_one(tries) % most + 1)
}
