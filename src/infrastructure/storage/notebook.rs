//! The notes of calls for later calls, in a small file beside the store: `<work>/data/request_database.notes`.
//!
//! Invariant: whatever happens to the file, calls go on, with what they need found out anew.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use super::folder;
use crate::application::StorageError;
use crate::application::ports::{Clock, Notebook};
use crate::domain::notes::{Duty, Notes};
use crate::infrastructure::file_system::FileSystem;
use crate::infrastructure::files::{self, Durability};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::process;

const FILE: &str = "request_database.notes";
const LOCK: &str = "request_database.notes.lock";
const LIMIT: u64 = 16 << 20;
/// How long an edit waits for another process: the lock is held for less than a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often this machine notes that it uses the folder.
const PRESENCE: Duration = Duration::from_mins(1);
/// Another machine that used the folder so long ago may still do so.
const RECENT: Duration = Duration::from_mins(10);

/// Keeps the notes in a file.
#[derive(Component)]
#[shaku(interface = Notebook)]
pub struct FileNotebook {
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    #[shaku(force_default)]
    holder: OnceLock<String>,
    /// Calls to the cloud that the next edit writes down, by operation and outcome.
    #[shaku(force_default)]
    calls: Mutex<BTreeMap<(&'static str, String), u64>>,
}

impl FileNotebook {
    /// Returns the notebook of this work folder.
    pub fn new(work_dir: impl Into<PathBuf>, clock: Arc<dyn Clock>) -> Self {
        Self { clock, work_dir: work_dir.into(), holder: OnceLock::new(), calls: Mutex::default() }
    }

    fn load(&self) -> Result<Notes, StorageError> {
        let path = folder::path_in(&self.work_dir, FILE)?;
        let Some(bytes) = files::read_private(&path, LIMIT)? else { return Ok(Notes::default()) };
        Ok(serde_json::from_slice(&bytes).unwrap_or_else(|error| {
            warn!(path = %path.display(), %error, "the notes cannot be read; they begin anew");
            Notes::default()
        }))
    }

    fn load_or_nothing(&self) -> Notes {
        self.load().unwrap_or_else(|error| {
            warn!(%error, "the notes cannot be read");
            Notes::default()
        })
    }

    /// Notes that this machine uses the folder, and warns when another one does too.
    fn be_present(&self, notes: &mut Notes) {
        let now = self.clock.now();
        if !notes.is_due(Duty::Presence, PRESENCE, now) {
            return;
        }
        notes.take_on(Duty::Presence, PRESENCE, now);
        let node = process::node();
        for (other, seen) in notes.nodes.iter().filter(|(other, seen)| *other != node && now.since(**seen) < RECENT) {
            warn!(
                other = other.split(' ').next(),
                seconds_ago = now.since(*seen).as_secs(),
                "another machine uses this work folder too; one installation runs on one machine at a time"
            );
        }
        if let FileSystem::Network(kind) = folder::file_system(&self.work_dir) {
            warn!(kind, "the work folder is on a file system that machines share; a local disk is safer and faster");
        }
        notes.nodes.insert(node.to_owned(), now);
    }

    fn store(&self, notes: &Notes) -> Result<(), StorageError> {
        let path = folder::path_in(&self.work_dir, FILE)?;
        let text = super::rules::text_of(notes, "writing down notes")?;
        files::sweep_temporaries(&path);
        Ok(files::write_atomic(&path, text.as_bytes(), Durability::Relaxed)?)
    }
}

#[async_trait]
impl Notebook for FileNotebook {
    async fn read(&self) -> Notes {
        self.load_or_nothing()
    }

    async fn edit(&self, edit: &mut (dyn for<'n> FnMut(&'n mut Notes) + Send)) {
        let lock = match folder::path_in_made(&self.work_dir, LOCK) {
            Ok(path) => FileLock::acquire(&path, PATIENCE).await,
            Err(error) => Err(error),
        };
        let before = self.load_or_nothing();
        let mut notes = before.clone();
        notes.free_dead(process::may_live);
        self.be_present(&mut notes);
        if lock.is_ok() {
            for ((operation, outcome), times) in std::mem::take(&mut *folder::lock(&self.calls)) {
                notes.count_calls(operation, &outcome, times);
            }
        }
        edit(&mut notes);
        let kept = lock.and_then(|_lock| {
            if notes == before {
                return Ok(());
            }
            notes.tidy(self.clock.now());
            self.store(&notes)
        });
        if let Err(error) = kept {
            warn!(%error, "notes for later calls could not be kept");
        }
    }

    fn holder(&self) -> String {
        self.holder.get_or_init(process::name).clone()
    }

    fn count_call(&self, operation: &'static str, outcome: String) {
        *folder::lock(&self.calls).entry((operation, outcome)).or_default() += 1;
    }

    fn has_uncounted(&self) -> bool {
        !folder::lock(&self.calls).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::infrastructure::clock::SystemClock;

    fn notebook(work: &std::path::Path) -> FileNotebook {
        FileNotebook::new(work, Arc::new(SystemClock::default()))
    }

    #[tokio::test]
    async fn what_is_noted_is_read_by_the_next_process() {
        let work = tempfile::tempdir().unwrap();
        assert_eq!(notebook(work.path()).read().await, Notes::default());
        let id = "i-0123456789abcdef0".parse().unwrap();
        notebook(work.path())
            .edit(&mut |notes| {
                notes.suspects.insert("i-0123456789abcdef0".parse().unwrap(), Timestamp::from_seconds(5));
            })
            .await;
        assert_eq!(notebook(work.path()).read().await.suspects.get(&id), Some(&Timestamp::from_seconds(5)));
    }

    #[tokio::test]
    async fn a_damaged_file_and_a_folder_that_cannot_be_written_stop_nobody() {
        let work = tempfile::tempdir().unwrap();
        let one = notebook(work.path());
        one.edit(&mut |notes| {
            notes.take_on(Duty::Purge, Duration::ZERO, Timestamp::default());
        })
        .await;
        #[expect(clippy::disallowed_methods, reason = "the test plays whoever damages the file")]
        std::fs::write(work.path().join("data").join(FILE), "{\"pools\":").unwrap();
        assert_eq!(one.read().await, Notes::default());
        let mut edited = 0;
        one.edit(&mut |_| edited += 1).await;
        notebook(&work.path().join("data").join(FILE)).edit(&mut |_| edited += 1).await;
        assert_eq!(edited, 2);
    }

    #[tokio::test]
    async fn calls_are_written_down_with_the_next_edit_and_summed_up_over_processes() {
        let work = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let one = notebook(work.path());
            one.count_call("RunInstances", "ok".to_owned());
            one.count_call("RunInstances", "throttled".to_owned());
            one.count_call("RunInstances", "ok".to_owned());
            assert!(one.has_uncounted());
            one.edit(&mut |_| {}).await;
            assert!(!one.has_uncounted());
            one.edit(&mut |_| {}).await;
        }
        let counted = [("ok".to_owned(), 4), ("throttled".to_owned(), 2)];
        assert_eq!(notebook(work.path()).read().await.calls["RunInstances"], counted.into());
    }

    #[tokio::test]
    async fn row_22_each_machine_that_uses_the_folder_is_noted() {
        let work = tempfile::tempdir().unwrap();
        let one = notebook(work.path());
        one.edit(&mut |notes| {
            notes.nodes.insert("elsewhere 0".to_owned(), SystemClock::default().now());
        })
        .await;
        let notes = one.read().await;
        assert!(notes.nodes.contains_key(process::node()) && notes.nodes.len() == 2, "{:?}", notes.nodes);
    }

    #[tokio::test]
    async fn processes_at_once_lose_no_note() {
        let work = tempfile::tempdir().unwrap();
        let path = work.path();
        std::thread::scope(|scope| {
            for n in 0..16 {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                    runtime.block_on(notebook(path).edit(&mut |notes| {
                        notes.suspects.insert(format!("i-{n:017x}").parse().unwrap(), Timestamp::default());
                    }));
                });
            }
        });
        assert_eq!(notebook(path).read().await.suspects.len(), 16);
    }
}
