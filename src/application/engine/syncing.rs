//! Brings requests up to date with the cloud: attempts are sent, hosts looked at, verdicts taken, returns carried on.

use std::collections::BTreeMap;

use tracing::warn;

use super::transaction::{TRIES, pause};
use super::{Engine, Seen, distinct};
use crate::application::budget::Budget;
use crate::application::ports::{Changes, Search};
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::{Machine, Origin, Sighting};
use crate::domain::request::{Acquire, Request};
use crate::domain::{DomainError, RequestId, RequestKind, Timestamp};

/// What stood in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Requests that could not be brought up to date, and why. They count as running, known or not.
    pub unconfirmed: BTreeMap<RequestId, String>,
}

impl SyncReport {
    /// Notes what stood in the way of one request. Credentials that do not work stop the whole call instead: nothing
    /// can be said about any request, and the operator must act.
    fn note(&mut self, id: &RequestId, outcome: Result<(), ApplicationError>) -> Result<(), ApplicationError> {
        match outcome {
            Ok(()) => Ok(()),
            Err(ApplicationError::Provider(error)) if !error.is_auth() => {
                warn!(request_id = %id, %error, "a request could not be brought up to date");
                self.unconfirmed.insert(id.clone(), error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Engine {
    /// Brings these requests up to date. Settled ones cost nothing.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used, or the credentials are refused.
    pub(crate) async fn sync(&self, ids: &[RequestId]) -> Result<SyncReport, ApplicationError> {
        let mut report = SyncReport::default();
        let mut seen = Seen::default();
        let (mut acquires, mut returns, mut machines) = (Vec::new(), Vec::new(), Vec::new());
        for id in distinct(ids) {
            let mut found = self.load(id).await?;
            if found.is_none() && id.kind() == RequestKind::Acquire {
                let adopted = self.adopt(id).await;
                report.note(id, adopted)?;
                found = self.load(id).await?;
            }
            let Some(mut case) = found.filter(|case| !case.request.is_settled()) else { continue };
            self.watch().await;
            if case.request.as_acquire().is_some_and(Acquire::may_bring_more) {
                let brought = self.bring(id, &mut seen).await;
                report.note(id, brought)?;
                let Some(fresh) = self.load(id).await? else { continue };
                case = fresh;
            }
            if case.request.as_acquire().is_some() {
                acquires.push(id);
            } else {
                returns.push(id);
            }
            machines.extend(case.machines);
        }
        if acquires.is_empty() && returns.is_empty() {
            return Ok(report);
        }
        let looked = self.look_further(&machines, &mut seen).await;
        // Each judgement loads its hosts anew; ten thousand are not held twice.
        drop(machines);
        match looked {
            Ok(()) => {}
            Err(ApplicationError::Provider(error)) if !error.is_auth() => {
                warn!(%error, "the hosts could not be looked at; nothing changes");
                for id in acquires.into_iter().chain(returns) {
                    report.unconfirmed.insert(id.clone(), error.to_string());
                }
                return Ok(report);
            }
            Err(error) => return Err(error),
        }
        for id in acquires {
            let judged = self.judge(id, &seen).await;
            report.note(id, judged)?;
        }
        for id in returns {
            let carried_on = self.give_back(id, Some(&seen)).await;
            report.note(id, carried_on)?;
        }
        Ok(report)
    }

    /// Sends what is open for a request, takes in what launches by itself, and sends what follows from that.
    async fn bring(&self, id: &RequestId, seen: &mut Seen) -> Result<(), ApplicationError> {
        let mut obstacle = self.launch(id, false).await?.obstacle;
        self.fill(id, seen).await?;
        let open = |request: Option<Request>| {
            request.is_some_and(|request| request.as_acquire().is_some_and(Acquire::has_open_attempt))
        };
        if obstacle.is_none() && Budget::current().allows_new_step() && open(self.store.request(id).await?) {
            obstacle = self.launch(id, false).await?.obstacle;
        }
        obstacle.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Takes in the hosts that bear the tag of a request of ours that the store does not know (`design.md` 5.17).
    async fn adopt(&self, id: &RequestId) -> Result<(), ApplicationError> {
        let mut tries = 0;
        loop {
            match self.try_to_adopt(id).await {
                // Another process took them in at the same time, or gave one of them up.
                Err(ApplicationError::Storage(StorageError::Conflict { .. })) if tries < TRIES => {
                    tries += 1;
                    tokio::time::sleep(pause(tries)).await;
                }
                other => return other,
            }
        }
    }

    async fn try_to_adopt(&self, id: &RequestId) -> Result<(), ApplicationError> {
        let api = self.default_api;
        let search = Search::Request(self.installation.id()?, id.clone());
        let found = self.observation(api.kind())?.find(&search).await?;
        if found.is_empty() {
            return Ok(());
        }
        warn!(request_id = %id, hosts = found.len(), "hosts of a forgotten request are taken in");
        let now = self.clock.now();
        let known = self.store.machines(&found.iter().map(|host| host.id.clone()).collect::<Vec<_>>()).await?;
        let mut machines: Vec<Machine> = found
            .iter()
            .filter(|host| known.iter().all(|machine| *machine.id() != host.id))
            .map(|host| self.adopted(id, host, now))
            .collect();
        if machines.is_empty() {
            return Ok(());
        }
        let mut request = self.rebuilt(id, &machines, now)?;
        let changes =
            Changes { requests: vec![&mut request], machines: machines.iter_mut().collect(), ..Changes::default() };
        self.store.commit(changes, now).await.map_err(Into::into)
    }

    /// Returns the machine for a host that is taken in by the tag of this request.
    pub(crate) fn adopted(&self, id: &RequestId, host: &Sighting, now: Timestamp) -> Machine {
        let template = host.template.as_deref().and_then(|id| id.parse().ok());
        Machine::seen(host, self.api_of(host), Origin::Adopted(id.clone(), template), now)
    }

    /// Returns a request that is rebuilt from its hosts.
    ///
    /// # Errors
    /// [`DomainError::Validation`] when there are none.
    pub(crate) fn rebuilt(&self, id: &RequestId, hosts: &[Machine], now: Timestamp) -> Result<Request, DomainError> {
        let api = hosts.first().map_or(self.default_api, Machine::api);
        Request::adopt(id.clone(), hosts, api, &self.policy, now)
    }

    /// Notes that Host Factory asked about these requests, and so knows them.
    ///
    /// # Errors
    /// [`ApplicationError`] when the store cannot be used.
    pub(crate) async fn claim(&self, ids: &[RequestId]) -> Result<(), ApplicationError> {
        for id in distinct(ids).into_iter().filter(|id| id.kind() == RequestKind::Acquire) {
            if self.store.request(id).await?.is_some_and(|request| !request.is_claimed()) {
                self.change(id, |case| {
                    case.request.claim(self.clock.now());
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }
}
