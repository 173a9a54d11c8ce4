//! How far each receiver has come, in a small file beside the store: `<work>/data/request_database.sinks`.
//!
//! Invariant: whatever happens to the file, at worst events are delivered again, as far as they are kept.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use tracing::warn;

use crate::application::StorageError;
use crate::application::ports::{HeldLedger, SinkLedger, Standings};
use crate::infrastructure::files::{self, Durability};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::{path_in, path_in_made};

const FILE: &str = "request_database.sinks";
const LOCK: &str = "request_database.sinks.lock";
const LIMIT: u64 = 1 << 20;

/// Keeps positions in a file.
#[derive(Debug, Default)]
pub struct FileLedger {
    /// The work folder.
    pub work_dir: PathBuf,
}

#[async_trait]
impl SinkLedger for FileLedger {
    fn read(&self) -> Standings {
        let bytes = path_in(&self.work_dir, FILE).and_then(|path| Ok(files::read_private(&path, LIMIT)?));
        match bytes {
            Ok(None) => Standings::default(),
            Ok(Some(bytes)) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                warn!(%error, "how far receivers of events have come cannot be read; they are told again");
                Standings::default()
            }),
            Err(error) => {
                warn!(%error, "how far receivers of events have come cannot be read");
                Standings::default()
            }
        }
    }

    async fn take(&self, patience: Duration) -> Result<Option<Box<dyn HeldLedger>>, StorageError> {
        let path = path_in_made(&self.work_dir, FILE)?;
        let lock = match FileLock::acquire(&path_in_made(&self.work_dir, LOCK)?, patience).await {
            Ok(lock) => lock,
            Err(StorageError::Busy { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(Box::new(Held { lock, path })))
    }
}

struct Held {
    lock: FileLock,
    path: PathBuf,
}

impl HeldLedger for Held {
    fn write(&mut self, standings: &Standings) -> Result<(), StorageError> {
        self.lock.check()?;
        let text = serde_json::to_vec(standings).map_err(|error| StorageError::Unavailable {
            operation: "writing down how far receivers of events have come".to_owned(),
            source: Box::new(error),
        })?;
        files::sweep_temporaries(&self.path);
        Ok(files::write_atomic(&self.path, &text, Durability::Relaxed)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::Standing;

    #[tokio::test]
    async fn one_process_at_a_time_has_it_and_the_next_reads_what_that_wrote() {
        let work = tempfile::tempdir().unwrap();
        let ledger = FileLedger { work_dir: work.path().to_owned() };
        assert_eq!(ledger.read(), Standings::default());
        let standings = Standings::from([("webhook".to_owned(), Standing { position: 7, ..Standing::default() })]);
        let mut held = ledger.take(Duration::ZERO).await.unwrap().unwrap();
        held.write(&standings).unwrap();
        assert!(ledger.take(Duration::ZERO).await.unwrap().is_none());
        drop(held);
        assert!(ledger.take(Duration::ZERO).await.unwrap().is_some());
        assert_eq!(FileLedger { work_dir: work.path().to_owned() }.read(), standings);
    }

    #[tokio::test]
    async fn a_damaged_file_tells_nothing_and_is_written_anew() {
        let work = tempfile::tempdir().unwrap();
        let ledger = FileLedger { work_dir: work.path().to_owned() };
        ledger.take(Duration::ZERO).await.unwrap().unwrap().write(&Standings::default()).unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test plays whoever damages the file")]
        std::fs::write(work.path().join("data").join(FILE), "{\"webhook\":").unwrap();
        assert_eq!(ledger.read(), Standings::default());
        ledger.take(Duration::ZERO).await.unwrap().unwrap().write(&Standings::default()).unwrap();
    }
}
