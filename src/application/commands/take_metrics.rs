//! Takes metrics, and puts them into a file where that is asked for.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::reporting::Reporting;

/// Where metrics are put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publish {
    /// Nowhere: they are in the answer.
    Nowhere,
    /// Into the file that is configured.
    Configured,
    /// Into this file.
    Into(PathBuf),
}

/// Takes metrics. What was counted of the events is kept for the next time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeMetrics {
    /// Where to put them.
    pub publish: Publish,
}

/// Metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsTaken {
    /// In Prometheus' text format.
    pub text: String,
    /// The file they were put into.
    pub file: Option<PathBuf>,
}

impl Message for TakeMetrics {
    const NAME: &'static str = "TakeMetrics";
    /// `None` when the file that is configured was asked for, and none is.
    type Output = Option<MetricsTaken>;
}

impl Command for TakeMetrics {}

/// Handles [`TakeMetrics`].
#[derive(Component)]
#[shaku(interface = Handler<TakeMetrics>)]
pub struct TakeMetricsHandler {
    #[shaku(inject)]
    reporting: Arc<dyn Reporting>,
}

#[async_trait]
impl Handler<TakeMetrics> for TakeMetricsHandler {
    async fn handle(&self, command: TakeMetrics) -> Result<Option<MetricsTaken>, ApplicationError> {
        let reporter = self.reporting.reporter();
        let file = match command.publish {
            Publish::Nowhere => None,
            Publish::Into(path) => Some(path),
            Publish::Configured => match reporter.files().file() {
                Some(path) => Some(path),
                None => return Ok(None),
            },
        };
        let text = reporter.metrics(file.as_deref()).await?;
        Ok(Some(MetricsTaken { text, file }))
    }
}
