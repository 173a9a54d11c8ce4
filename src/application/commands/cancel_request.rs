//! Gives up a request for hosts by hand.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::{info, warn};

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::domain::RequestId;
use crate::domain::machine::Machine;
use crate::domain::request::{CANCELLED, RequestStatus};

/// Asks that a request for hosts gets nothing more, and that the hosts it has got are ended.
#[derive(Debug, Clone)]
pub struct CancelRequest {
    /// The request.
    pub id: RequestId,
}

impl Message for CancelRequest {
    const NAME: &'static str = "CancelRequest";
    type Output = Cancelled;
}

impl Command for CancelRequest {}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled {
    /// How the request stands now; it settles once none of its hosts is left.
    pub status: RequestStatus,
    /// How many hosts it had got, which are ended.
    pub hosts: usize,
}

/// Carries out [`CancelRequest`].
#[derive(Component)]
#[shaku(interface = Handler<CancelRequest>)]
pub struct CancelRequestHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

impl CancelRequestHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl Handler<CancelRequest> for CancelRequestHandler {
    async fn handle(&self, command: CancelRequest) -> Result<Cancelled, ApplicationError> {
        let engine = self.engine.engine();
        engine.watch().await;
        let hosts = engine
            .change(&command.id, |case| {
                case.request.cancel(engine.clock.now())?;
                let held = case.machines.iter_mut().filter(|machine| machine.is_held());
                let hosts = held.map(|machine| Machine::give_up(machine, CANCELLED)).count();
                case.request.settle(&case.machines, &engine.policy, engine.moment())?;
                Ok(hosts)
            })
            .await?;
        info!(request_id = %command.id, hosts, "a request is cancelled by hand");
        // That it is cancelled is on record, whatever comes now; later calls go on with it.
        match engine.sync(std::slice::from_ref(&command.id)).await {
            Ok(report) => {
                for (id, reason) in report.unconfirmed {
                    warn!(request_id = %id, reason, "the cancelled request is taken up again by a later call");
                }
            }
            Err(error) => {
                warn!(request_id = %command.id, %error, "the cancelled request is taken up again by a later call");
            }
        }
        let request = engine.store.request(&command.id).await?;
        let status = request.map_or(RequestStatus::CompleteWithError, |request| request.status());
        Ok(Cancelled { status, hosts })
    }
}

#[cfg(test)]
#[path = "cancel_request_tests.rs"]
mod tests;
