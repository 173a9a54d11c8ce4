//! Tells how those are who are told of events.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::notifying::SinkReport;
use crate::application::reporting::Reporting;

/// Asks how every receiver of events is, and tells none of them anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckSinks;

impl Message for CheckSinks {
    const NAME: &'static str = "CheckSinks";
    type Output = Vec<SinkReport>;
}

impl Query for CheckSinks {}

/// Handles [`CheckSinks`].
#[derive(Component)]
#[shaku(interface = Handler<CheckSinks>)]
pub struct CheckSinksHandler {
    #[shaku(inject)]
    reporting: Arc<dyn Reporting>,
}

#[async_trait]
impl Handler<CheckSinks> for CheckSinksHandler {
    async fn handle(&self, _: CheckSinks) -> Result<Vec<SinkReport>, ApplicationError> {
        Ok(self.reporting.reporter().notifier().look().await?)
    }
}
