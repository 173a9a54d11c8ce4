//! Brings requests up to date with the cloud.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::domain::RequestId;

pub use crate::application::engine::SyncReport;

/// Brings these requests up to date, which Host Factory asked about. Settled ones cost nothing.
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
}

#[async_trait]
impl Handler<SyncRequests> for SyncRequestsHandler {
    async fn handle(&self, command: SyncRequests) -> Result<SyncReport, ApplicationError> {
        let engine = self.engine.engine();
        let report = engine.sync(&command.ids).await?;
        // The answer does not depend on it; the next question notes it.
        if let Err(error) = engine.claim(&command.ids).await {
            warn!(%error, "that Host Factory asked could not be noted");
        }
        Ok(report)
    }
}

#[cfg(test)]
#[path = "sync_requests_tests.rs"]
mod tests;
