//! `metrics`: what there is to measure, for a monitor.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::application::bus::Catalogue;
use crate::application::commands::{MetricsTaken, Publish, TakeMetrics};
use crate::interface::cli::desk::{App, Ended};
use crate::interface::cli::report::Report;

/// Where to.
#[derive(Debug, Args)]
#[expect(clippy::option_option, reason = "clap's own form for an option whose value may be left out")]
pub(crate) struct MetricsArgs {
    /// Writes them into this file, as a whole, for the node exporter's textfile collector; without a path into the one
    /// that is configured (metrics.file). The name has to end in .prom there.
    #[arg(long, value_name = "PATH", num_args = 0..=1)]
    file: Option<Option<PathBuf>>,
}

/// Takes metrics, and returns them or where they were put.
pub(super) async fn run<M: Catalogue>(app: App<'_, M>, args: MetricsArgs) -> Result<Report, Ended> {
    let publish = match args.file {
        None => Publish::Nowhere,
        Some(None) => Publish::Configured,
        Some(Some(path)) => Publish::Into(path),
    };
    let taken = app.commands().dispatch(TakeMetrics { publish }).await?;
    match taken {
        None => Err(Ended::usage("no file is configured; set metrics.file, or give --file a path")),
        Some(MetricsTaken { text, file: None }) => Ok(Report::plain(text.trim_end().to_owned())),
        Some(MetricsTaken { text, file: Some(path) }) => {
            let samples = text.lines().filter(|line| !line.starts_with('#')).count();
            let path = path.display().to_string();
            let line = format!("{samples} samples are in {path}.");
            Ok(Report::line(json!({ "file": path, "samples": samples }), line).named(vec![path]))
        }
    }
}
