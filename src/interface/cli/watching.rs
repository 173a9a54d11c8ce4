//! Looking again and again, until there is nothing more to see or somebody has seen enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use signal_hook::consts::SIGINT;

use super::desk::Ended;
use super::exit::Exit;
use super::when;
use crate::interface::hostfactory::Failure;

/// How often to see whether somebody pressed Ctrl-C.
const BLINK: Duration = Duration::from_millis(50);

/// How to look again and again.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct PaceArgs {
    /// The time between two looks.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = when::parse_span)]
    interval: Duration,
}

/// Waits between two looks, and notices Ctrl-C.
#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    begun: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Pace {
    /// Begins to watch: from here on Ctrl-C is noticed between two looks instead of ending the process in the middle of
    /// one; the second Ctrl-C ends it all the same.
    ///
    /// # Errors
    /// When the signal cannot be had.
    pub(super) fn begin(args: PaceArgs) -> Result<Self, Ended> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let code = i32::from(Exit::Interrupted.number());
        signal_hook::flag::register_conditional_shutdown(SIGINT, code, Arc::clone(&interrupted))
            .and_then(|_| signal_hook::flag::register(SIGINT, Arc::clone(&interrupted)))
            .map_err(|error| Ended::failed(Failure::new(&format!("Ctrl-C cannot be watched for: {error}"))))?;
        Ok(Self { interval: args.interval, begun: Instant::now(), interrupted })
    }

    /// Returns how long it has been watched.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Waits for the next look; returns whether it is to be taken.
    pub(super) async fn goes_on(&self) -> bool {
        let since = Instant::now();
        loop {
            if self.interrupted.load(Ordering::Relaxed) {
                return false;
            }
            let left = self.interval.saturating_sub(since.elapsed());
            if left.is_zero() {
                return true;
            }
            tokio::time::sleep(left.min(BLINK)).await;
        }
    }
}
