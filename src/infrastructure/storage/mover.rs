//! Moves everything from one store to the other, into one document, and out of it.
//!
//! Invariants: the store in force is complete at every instant, since the other one is made whole and read back before a
//! single step puts it in force ([`strategy`]); nothing but what an interrupted migration left is ever removed: it is set
//! aside; nobody commits to the former store while its contents are on their way, nor afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use super::examine::{self, Form, Unreadable, Whole};
use super::folder::{self, LOCK_TIMEOUT};
use super::json::Json;
use super::place::{LOCK, beside};
#[cfg(feature = "sqlite")]
use super::sqlite::Sqlite;
use super::{StoreState, strategy};
use crate::application::ports::{Archive, Contents, Moved, Present, StoreMover};
use crate::application::settings::StorageStrategy;
use crate::application::{StorageError, progress};
use crate::domain::{InstallationId, Timestamp};
use crate::infrastructure::config::Settings;
use crate::infrastructure::files;
use crate::infrastructure::lock::FileLock;

/// What says that a migration to or from the store beside it has not come to its end: unless that store is in force, it is
/// none that anybody misses.
#[cfg(feature = "sqlite")]
const UNFINISHED: &str = "unfinished";
#[cfg(feature = "sqlite")]
const UNFINISHED_TEXT: &[u8] =
    b"A migration has not come to its end. The store beside this file counts only if it is in force.\n";

/// What a store holds.
#[derive(Debug, PartialEq)]
pub(super) struct Source {
    pub(super) state: StoreState,
    /// Up to which event they are delivered.
    pub(super) delivered: u64,
}

/// A store that can be moved.
pub(super) trait Movable: Form {
    /// What keeps everybody else from committing, beside the lock.
    type Held: Send;

    /// Returns the form that it writes.
    fn schema(&self) -> u64;

    /// Reads everything, and keeps everybody else from committing.
    fn hold(&self, path: &Path) -> Result<(Self::Held, Source), StorageError>;

    /// Makes a store with these contents where there is none, in one step.
    fn make(&self, path: &Path, source: &Source) -> Result<(), StorageError>;

    /// Replaces the contents of a store that is held, in one step.
    fn replace(&self, held: Self::Held, path: &Path, source: &Source) -> Result<(), StorageError>;

    /// Lets go of a store; returns whether its file alone holds everything.
    fn let_go(&self, held: Self::Held, path: &Path) -> Result<bool, StorageError>;
}

/// Moves the stores of `<work>/data`.
#[derive(Debug, Component)]
#[shaku(interface = StoreMover)]
pub struct FileMover {
    /// The work folder.
    #[shaku(default)]
    pub(super) work_dir: PathBuf,
    /// How long it waits for another process.
    #[shaku(default = LOCK_TIMEOUT)]
    lock_timeout: Duration,
    /// The strategy in force.
    #[shaku(default)]
    pub(super) in_force: StorageStrategy,
    /// `storage.strategy` as it is configured, and where.
    #[shaku(default)]
    configured: (StorageStrategy, String),
    /// The installation id that the operator has chosen.
    #[shaku(default)]
    pub(super) installation: Option<InstallationId>,
}

impl FileMover {
    /// Returns the parameters of this component, for the settings and the strategy in force, and
    /// where the strategy is configured.
    pub fn parameters(settings: &Settings, in_force: StorageStrategy, origin: String) -> FileMoverParameters {
        FileMoverParameters {
            work_dir: settings.folders.work.clone(),
            lock_timeout: settings.storage.lock_timeout,
            in_force,
            configured: (settings.storage.strategy, origin),
            installation: settings.installation_id.clone(),
        }
    }

    /// Returns the mover of this work folder's stores.
    pub fn new(work_dir: impl Into<PathBuf>, lock_timeout: Duration, in_force: StorageStrategy) -> Self {
        let configured = (in_force, "default".to_owned());
        Self { work_dir: work_dir.into(), lock_timeout, in_force, configured, installation: None }
    }

    async fn locked(&self) -> Result<FileLock, StorageError> {
        let lock = FileLock::acquire(&folder::path_in_made(&self.work_dir, LOCK)?, self.lock_timeout).await?;
        // Another process may have migrated since this one began.
        strategy::check(&self.work_dir, self.in_force)?;
        Ok(lock)
    }

    pub(super) fn path<F: Form>(&self) -> Result<PathBuf, StorageError> {
        folder::path_in(&self.work_dir, F::PLACE.store)
    }

    pub(super) fn moved(&self, done: bool, to: StorageStrategy, path: PathBuf) -> Moved {
        let configured = (self.configured.0 != to).then(|| self.configured.clone());
        let (contents, aside, remarks) = (None, Vec::new(), Vec::new());
        Moved { done, from: self.in_force, to, path, contents, aside, configured, remarks }
    }

    #[cfg(feature = "sqlite")]
    fn sqlite(&self) -> Sqlite {
        Sqlite { timeout: self.lock_timeout }
    }

    /// Moves everything. The lock is held.
    #[cfg(feature = "sqlite")]
    fn migrate_between<F: Movable, T: Movable>(
        &self,
        (former, next): (&F, &T),
        to: StorageStrategy,
        present: Present,
        at: Timestamp,
    ) -> Result<Moved, StorageError> {
        let (from_path, path) = (self.path::<F>()?, self.path::<T>()?);
        if files::check_private(&from_path)?.is_none() {
            F::PLACE.check_never_was(&from_path)?;
            return Err(StorageError::Corrupt {
                what: format!("there is no store in {} yet, so that nothing can be migrated", self.work_dir.display()),
                advice: format!("set storage.strategy to {}", to.word()),
            });
        }
        progress::tell(|| format!("reading the {} store", F::PLACE.strategy));
        let (held, source) = former.hold(&from_path)?;
        let mut moved = self.moved(true, to, path.clone());
        let suffix = format!("migrated-{}", at.as_millis());
        let unfinished = beside(&path, UNFINISHED);
        if files::check_private(&path)?.is_some() {
            let is_left = fs::symlink_metadata(&unfinished).is_ok();
            let is_same = || read(next, &path).is_ok_and(|there| there.state == source.state);
            if present == Present::IsRespected && !is_left && !is_same() {
                return Err(other_contents(&path, "hostfactory storage migrate"));
            }
            moved.aside.extend(set_aside(next, &path, &suffix)?);
        }
        move_copy::<T>(&path, &suffix, &mut moved.aside)?;
        files::create_atomic(&unfinished, UNFINISHED_TEXT)?;
        progress::tell(|| format!("writing {} into the {} store", counted(&source.state), T::PLACE.strategy));
        next.make(&path, &source)?;
        progress::tell(|| format!("reading the {} store back", T::PLACE.strategy));
        moved.contents = Some(verified(next, &path, &source)?);
        T::PLACE.note_made(&path);
        let former_unfinished = beside(&from_path, UNFINISHED);
        files::create_atomic(&former_unfinished, UNFINISHED_TEXT)?;
        strategy::put_in_force(&self.work_dir, to)?;
        remove(&unfinished);
        warn!(from = F::PLACE.strategy, to = T::PLACE.strategy, "the store was migrated");
        // The new store is in force. Whatever stands in the way now is no reason to say otherwise.
        match former.let_go(held, &from_path) {
            Ok(true) => match set_aside(former, &from_path, &suffix).and_then(|aside| {
                moved.aside.extend(aside);
                move_copy::<F>(&from_path, &suffix, &mut moved.aside)
            }) {
                Ok(()) => {
                    remove(&beside(&from_path, "made"));
                    remove(&former_unfinished);
                }
                Err(error) => moved.remarks.push(format!("the former store is left where it was: {error}")),
            },
            Ok(false) => moved.remarks.push(left(&from_path, "another process reads it")),
            Err(error) => moved.remarks.push(left(&from_path, &error.to_string())),
        }
        Ok(moved)
    }
}

/// Returns how much is in a store, in words.
pub(super) fn counted(state: &StoreState) -> String {
    let StoreState { requests, machines, events, .. } = state;
    format!("{} requests, {} hosts and {} events", requests.len(), machines.len(), events.len())
}

/// Reads a store of this form.
pub(super) fn read<F: Form>(form: &F, path: &Path) -> Result<Source, StorageError> {
    source_of(form, path, form.read(path))
}

/// Returns what was read, unless anything is wrong with it.
pub(super) fn source_of<F: Form>(
    form: &F,
    path: &Path,
    found: Result<Whole, Unreadable>,
) -> Result<Source, StorageError> {
    let damaged = |what: String| StorageError::Corrupt { what, advice: F::PLACE.advice(path) };
    match found {
        Ok(whole) if whole.findings.is_empty() => {
            let next = whole.state.next_sequence;
            let delivered = whole.delivered.or_else(|| form.delivered(path, next)).unwrap_or(0);
            Ok(Source { state: whole.state, delivered })
        }
        Ok(whole) => Err(damaged(format!("{} is damaged: {}", path.display(), whole.findings.join("; ")))),
        Err(Unreadable::Newer(what)) => {
            Err(StorageError::Corrupt { what, advice: "run the newer version of hostfactory".to_owned() })
        }
        Err(Unreadable::Damaged(what)) => Err(damaged(what)),
        Err(Unreadable::Error(error)) => Err(error),
    }
}

/// Reads a store back that was just made, and compares.
pub(super) fn verified<F: Form>(form: &F, path: &Path, expected: &Source) -> Result<Contents, StorageError> {
    let whole = match form.read(path) {
        Ok(whole) if whole.findings.is_empty() && whole.state == expected.state => whole,
        Ok(_) | Err(Unreadable::Damaged(_) | Unreadable::Newer(_)) => {
            return Err(StorageError::Corrupt {
                what: format!("{}, read back, is not what was written", path.display()),
                advice: "the former store is in force as before; check the disk".to_owned(),
            });
        }
        Err(Unreadable::Error(error)) => return Err(error),
    };
    let delivered = whole.delivered.or_else(|| form.delivered(path, whole.state.next_sequence));
    Ok(examine::contents_of(&whole, delivered))
}

/// Gives a store that is not in force another name; returns the new names.
#[cfg(feature = "sqlite")]
fn set_aside<F: Form>(form: &F, path: &Path, suffix: &str) -> Result<Vec<PathBuf>, StorageError> {
    let aside = beside(path, suffix);
    let mut names = Vec::new();
    for companion in form.companions(path) {
        // SQLite finds a log by the name of its database.
        let ending = companion.as_os_str().to_string_lossy().replacen(&*path.to_string_lossy(), "", 1);
        let mut name = aside.clone().into_os_string();
        name.push(ending);
        if fs::symlink_metadata(&companion).is_ok() {
            files::move_to(&companion, Path::new(&name))?;
            names.push(name.into());
        }
    }
    files::move_to(path, &aside)?;
    names.insert(0, aside);
    Ok(names)
}

/// Gives the usual copy of a store another name: it must not be taken for a copy of what comes in its place.
#[cfg(feature = "sqlite")]
fn move_copy<F: Form>(path: &Path, suffix: &str, aside: &mut Vec<PathBuf>) -> Result<(), StorageError> {
    for usual in F::PLACE.copies.iter().take(1) {
        aside.extend(examine::move_away(&beside(path, usual), suffix)?);
    }
    Ok(())
}

pub(super) fn other_contents(path: &Path, command: &str) -> StorageError {
    StorageError::Corrupt {
        what: format!("{} is there and holds something else", path.display()),
        advice: format!("look at it, then move it away; or run {command} with --replace, which sets it aside"),
    }
}

#[cfg(feature = "sqlite")]
fn left(path: &Path, why: &str) -> String {
    format!("the former store is left at {}, since {why}; it is not in force and may be moved away", path.display())
}

/// Removes a marker. One that stays does no harm.
#[cfg(feature = "sqlite")]
fn remove(marker: &Path) {
    let _ = fs::remove_file(marker);
}

#[cfg(not(feature = "sqlite"))]
fn lacks_sqlite() -> StorageError {
    StorageError::Corrupt {
        what: "this binary was built without SQLite".to_owned(),
        advice: "build it with the cargo feature sqlite".to_owned(),
    }
}

#[async_trait]
impl StoreMover for FileMover {
    async fn migrate(&self, to: StorageStrategy, present: Present, at: Timestamp) -> Result<Moved, StorageError> {
        let _lock = self.locked().await?;
        if to == self.in_force {
            let path = match to {
                StorageStrategy::Json => self.path::<Json>()?,
                #[cfg(feature = "sqlite")]
                StorageStrategy::Sqlite => self.path::<Sqlite>()?,
                #[cfg(not(feature = "sqlite"))]
                StorageStrategy::Sqlite => return Err(lacks_sqlite()),
            };
            return Ok(self.moved(false, to, path));
        }
        #[cfg(not(feature = "sqlite"))]
        {
            let _ = (present, at);
            Err(lacks_sqlite())
        }
        #[cfg(feature = "sqlite")]
        match to {
            StorageStrategy::Json => self.migrate_between((&self.sqlite(), &Json), to, present, at),
            StorageStrategy::Sqlite => self.migrate_between((&Json, &self.sqlite()), to, present, at),
        }
    }

    async fn export(&self, installation: InstallationId, at: Timestamp) -> Result<Archive, StorageError> {
        match self.in_force {
            StorageStrategy::Json => self.export_of(&Json, installation, at),
            #[cfg(feature = "sqlite")]
            StorageStrategy::Sqlite => self.export_of(&self.sqlite(), installation, at),
            #[cfg(not(feature = "sqlite"))]
            StorageStrategy::Sqlite => Err(lacks_sqlite()),
        }
    }

    async fn import(&self, archive: Archive, present: Present, at: Timestamp) -> Result<Moved, StorageError> {
        let _lock = self.locked().await?;
        match self.in_force {
            StorageStrategy::Json => self.import_into(&Json, archive, present, at),
            #[cfg(feature = "sqlite")]
            StorageStrategy::Sqlite => self.import_into(&self.sqlite(), archive, present, at),
            #[cfg(not(feature = "sqlite"))]
            StorageStrategy::Sqlite => Err(lacks_sqlite()),
        }
    }

    fn save(&self, document: &[u8], file: &Path) -> Result<(), StorageError> {
        if files::create_atomic(file, document)? {
            return Ok(());
        }
        Err(StorageError::Corrupt {
            what: format!("{} is there already", file.display()),
            advice: "name a file that is not".to_owned(),
        })
    }
}

#[cfg(test)]
#[cfg(all(unix, feature = "sqlite"))]
#[path = "mover_tests.rs"]
mod tests;
