//! Brings requests up to date with the cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use crate::application::engine::{EngineSource, distinct};
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Changes, Search};
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::{Machine, Origin};
use crate::domain::request::{Acquire, Request};
use crate::domain::{RequestId, RequestKind};

/// Brings these requests up to date. Settled ones cost nothing.
#[derive(Debug, Clone)]
pub struct SyncRequests {
    /// The requests, of either kind.
    pub ids: Vec<RequestId>,
}

impl Message for SyncRequests {
    const NAME: &'static str = "SyncRequests";
    type Output = SyncReport;
}

impl Command for SyncRequests {}

/// What stood in the way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Requests that could not be brought up to date, and why. They count as running, known or not.
    pub unconfirmed: BTreeMap<RequestId, String>,
}

/// Carries out [`SyncRequests`].
#[derive(Component)]
#[shaku(interface = Handler<SyncRequests>)]
pub struct SyncRequestsHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

impl SyncRequestsHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }

    /// Takes in the hosts that bear the tag of a request of ours that the store does not know (`design.md` 5.17).
    async fn adopt(&self, id: &RequestId) -> Result<(), ApplicationError> {
        let engine = self.engine.engine();
        let api = engine.default_api;
        let search = Search::Request(engine.installation.id()?, id.clone());
        let found = engine.observation(api.kind())?.find(&search).await?;
        if found.is_empty() {
            return Ok(());
        }
        warn!(request_id = %id, hosts = found.len(), "hosts of a forgotten request are taken in");
        let now = engine.clock.now();
        let known = engine.store.machines(&found.iter().map(|host| host.id.clone()).collect::<Vec<_>>()).await?;
        let mut machines: Vec<Machine> = found
            .iter()
            .filter(|host| known.iter().all(|machine| *machine.id() != host.id))
            .map(|host| {
                let template = host.template.as_deref().and_then(|id| id.parse().ok());
                Machine::seen(host, api, Origin::Adopted(id.clone(), template), now)
            })
            .collect();
        let mut request = Request::adopt(id.clone(), &machines, api, &engine.policy, now)?;
        let changes =
            Changes { requests: vec![&mut request], machines: machines.iter_mut().collect(), ..Changes::default() };
        match engine.store.commit(changes, now).await {
            // Another process took them in at the same time.
            Ok(()) | Err(StorageError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Notes what stood in the way of one request. Credentials that do not work stop the whole call instead: nothing can
/// be said about any request, and the operator must act.
fn note(
    report: &mut SyncReport,
    id: &RequestId,
    outcome: Result<(), ApplicationError>,
) -> Result<(), ApplicationError> {
    match outcome {
        Ok(()) => Ok(()),
        Err(ApplicationError::Provider(error)) if !error.is_auth() => {
            warn!(request_id = %id, %error, "a request could not be brought up to date");
            report.unconfirmed.insert(id.clone(), error.to_string());
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Handler<SyncRequests> for SyncRequestsHandler {
    async fn handle(&self, command: SyncRequests) -> Result<SyncReport, ApplicationError> {
        let engine = self.engine.engine();
        let mut report = SyncReport::default();
        let (mut acquires, mut returns, mut machines) = (Vec::new(), Vec::new(), Vec::new());
        for id in distinct(&command.ids) {
            let mut found = engine.load(id).await?;
            if found.is_none() && id.kind() == RequestKind::Acquire {
                note(&mut report, id, self.adopt(id).await)?;
                found = engine.load(id).await?;
            }
            let Some(mut case) = found.filter(|case| !case.request.is_settled()) else { continue };
            if case.request.as_acquire().is_some_and(Acquire::has_open_attempt) {
                let launched = engine.launch(id, false).await?;
                note(&mut report, id, launched.obstacle.map_or(Ok(()), |error| Err(error.into())))?;
                let Some(fresh) = engine.load(id).await? else { continue };
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
        let seen = match engine.look(&machines).await {
            Ok(seen) => seen,
            Err(ApplicationError::Provider(error)) if !error.is_auth() => {
                warn!(%error, "the hosts could not be looked at; nothing changes");
                for id in acquires.into_iter().chain(returns) {
                    report.unconfirmed.insert(id.clone(), error.to_string());
                }
                return Ok(report);
            }
            Err(error) => return Err(error),
        };
        for id in acquires {
            note(&mut report, id, engine.judge(id, &seen).await)?;
        }
        for id in returns {
            note(&mut report, id, engine.give_back(id, Some(&seen)).await)?;
        }
        Ok(report)
    }
}

#[cfg(test)]
#[path = "sync_requests_tests.rs"]
mod tests;
