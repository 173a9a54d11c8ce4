//! Delivers the events that wait for receivers outside, on demand.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::notifying::{Effort, SinkReport};
use crate::application::reporting::Reporting;

/// Delivers what waits, also to receivers that have failed lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliverEvents {
    /// Whether what waits is set aside rather than delivered.
    pub skip: bool,
}

impl Message for DeliverEvents {
    const NAME: &'static str = "DeliverEvents";
    /// How every receiver is afterwards.
    type Output = Vec<SinkReport>;
}

impl Command for DeliverEvents {}

/// Handles [`DeliverEvents`].
#[derive(Component)]
#[shaku(interface = Handler<DeliverEvents>)]
pub struct DeliverEventsHandler {
    #[shaku(inject)]
    reporting: Arc<dyn Reporting>,
}

/// How long a receiver may take over one parcel when somebody waits for it.
const EACH: Duration = Duration::from_secs(15);

#[async_trait]
impl Handler<DeliverEvents> for DeliverEventsHandler {
    async fn handle(&self, command: DeliverEvents) -> Result<Vec<SinkReport>, ApplicationError> {
        let notifier = self.reporting.reporter().notifier();
        let taken = if command.skip {
            notifier.skip().await?;
            Vec::new()
        } else {
            notifier.deliver(Effort::OnDemand(EACH)).await?
        };
        let mut reports = notifier.look().await?;
        for report in &mut reports {
            let own = taken.iter().find(|(name, _)| name == report.profile.name);
            report.taken = own.map_or(0, |(_, count)| *count);
        }
        Ok(reports)
    }
}
