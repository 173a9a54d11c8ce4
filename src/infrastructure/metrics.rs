//! The files of the metrics: what was counted so far, beside the store, and the document that a monitor reads.
//!
//! Invariant: the document is there as a whole or not at all, and anybody may read it: it holds no secret.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

use crate::application::StorageError;
use crate::application::ports::MetricsKeeper;
use crate::domain::tally::Tally;
use crate::infrastructure::files::{self, Durability};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::{path_in, path_in_made};

const FILE: &str = "request_database.tally";
const LOCK: &str = "request_database.tally.lock";
const LIMIT: u64 = 64 << 20;
/// The files that calls work with; whatever else lies beside them is a copy or a note.
const STORE: [&str; 4] =
    ["request_database.json", "request_database.db", "request_database.db-wal", "request_database.db-shm"];

/// Keeps metrics in the work folder.
#[derive(Debug, Default)]
pub struct MetricsFiles {
    /// The work folder.
    pub work_dir: PathBuf,
    /// The file that is kept up to date in passing, and how old it may be.
    pub published: Option<(PathBuf, Duration)>,
}

impl MetricsFiles {
    fn keep_locked(&self, tally: &Tally, former: u64) -> Result<(), StorageError> {
        let path = path_in_made(&self.work_dir, FILE)?;
        // Whoever holds the lock counts the same events.
        let Some(lock) = FileLock::try_acquire(&path_in_made(&self.work_dir, LOCK)?)? else { return Ok(()) };
        if self.tally().sequence != former {
            return Ok(());
        }
        let text = serde_json::to_vec(tally).map_err(|error| StorageError::Unavailable {
            operation: "writing down what was counted".to_owned(),
            source: Box::new(error),
        })?;
        lock.check()?;
        files::sweep_temporaries(&path);
        Ok(files::write_atomic(&path, &text, Durability::Relaxed)?)
    }
}

impl MetricsKeeper for MetricsFiles {
    fn tally(&self) -> Tally {
        let bytes = path_in(&self.work_dir, FILE).and_then(|path| Ok(files::read_private(&path, LIMIT)?));
        let read = |bytes: Option<Vec<u8>>| match bytes {
            None => Ok(Tally::default()),
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
        };
        bytes.map_err(|error| error.to_string()).and_then(read).unwrap_or_else(|error| {
            warn!(error, "what was counted so far cannot be read; counting begins anew");
            Tally::default()
        })
    }

    fn keep(&self, tally: &Tally, former: u64) {
        if let Err(error) = self.keep_locked(tally, former) {
            warn!(%error, "what was counted could not be kept; it is counted again the next time");
        }
    }

    fn store_bytes(&self) -> BTreeMap<&'static str, u64> {
        let mut bytes = BTreeMap::from([("beside", 0), ("store", 0)]);
        for entry in std::fs::read_dir(self.work_dir.join("data")).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            let part = if STORE.iter().any(|name| entry.file_name() == *name) { "store" } else { "beside" };
            if metadata.is_file() {
                *bytes.entry(part).or_default() += metadata.len();
            }
        }
        bytes
    }

    fn file(&self) -> Option<PathBuf> {
        self.published.as_ref().map(|(path, _)| path.clone())
    }

    fn is_due(&self) -> bool {
        let Some((path, every)) = &self.published else { return false };
        let age = std::fs::metadata(path).and_then(|metadata| metadata.modified()).map(|written| written.elapsed());
        match age {
            // A file from the future was written before the clock was set back.
            Ok(age) => age.map_or(true, |age| age >= *every),
            // Without its folder it cannot be made either.
            Err(_) => path.parent().is_some_and(Path::is_dir),
        }
    }

    fn publish(&self, path: &Path, text: &str) -> Result<(), StorageError> {
        Ok(files::publish(path, text.as_bytes())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(sequence: u64) -> Tally {
        let mut tally = Tally::default();
        tally.sequence = sequence;
        tally
    }

    #[test]
    fn who_counted_first_is_believed() {
        let work = tempfile::tempdir().unwrap();
        let keeper = MetricsFiles { work_dir: work.path().to_owned(), published: None };
        assert_eq!(keeper.tally(), Tally::default());
        keeper.keep(&tally(7), 0);
        keeper.keep(&tally(5), 0);
        assert_eq!(keeper.tally().sequence, 7);
        keeper.keep(&tally(9), 7);
        assert_eq!(keeper.tally().sequence, 9);
        let bytes = keeper.store_bytes();
        assert!(bytes["beside"] > 0 && bytes["store"] == 0, "{bytes:?}");
    }

    #[test]
    fn the_document_is_due_when_it_is_old_or_missing_and_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let keeper = |path: &str, seconds| MetricsFiles {
            work_dir: PathBuf::new(),
            published: Some((folder.path().join(path), Duration::from_secs(seconds))),
        };
        assert!(keeper("a.prom", 60).is_due());
        assert!(!keeper("missing/a.prom", 60).is_due(), "there is no folder for it");
        let path = folder.path().join("a.prom");
        keeper("a.prom", 60).publish(&path, "x 1\n").unwrap();
        assert!(!keeper("a.prom", 60).is_due() && keeper("a.prom", 0).is_due());
        assert!(!MetricsFiles { work_dir: PathBuf::new(), published: None }.is_due());
    }

    #[cfg(unix)]
    #[test]
    fn anybody_may_read_the_document_and_nothing_else_is_left_beside_it() {
        use std::os::unix::fs::PermissionsExt as _;

        let folder = tempfile::tempdir().unwrap();
        let keeper = MetricsFiles { work_dir: PathBuf::new(), published: None };
        let path = folder.path().join("a.prom");
        for text in ["x 1\n", "x 2\n"] {
            keeper.publish(&path, text).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = keeper.publish(folder.path(), "x 1\n").unwrap_err().to_string();
        assert!(error.contains(&folder.path().display().to_string()), "{error}");
    }
}
