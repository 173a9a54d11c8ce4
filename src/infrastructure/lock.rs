//! A lock between processes, held for a commit and no longer.
//!
//! Invariants: it is free again when its holder ends, however it ends; it is never held across a wait; waiting for it is
//! bounded, also where the kernel's locks may wait for ever: there, on file systems that are shared between machines, it
//! is a lease.

use std::collections::hash_map::RandomState;
use std::fs::{File, TryLockError};
use std::hash::{BuildHasher, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::info;

use super::file_system::{self, FileSystem};
use super::files::{self, FileError};
use super::lease::{self, Lease};
use crate::application::StorageError;

/// The first pause between two tries; each further one is longer.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(40);
/// How long waiting is nothing to speak of.
const QUIET: Duration = Duration::from_secs(1);

/// A held lock. Dropping it frees it.
#[derive(Debug)]
#[must_use = "the lock is freed when this is dropped"]
pub struct FileLock(Held);

#[derive(Debug)]
enum Held {
    /// By the kernel, which frees it.
    Kernel(#[expect(dead_code, reason = "the lock is as long as the file is open")] File),
    /// By a file that is renewed.
    Lease(Lease),
}

impl FileLock {
    /// Takes the lock, waiting up to `timeout` for whoever holds it. The file is made, mode 0600, when it is missing.
    ///
    /// # Errors
    /// [`StorageError::Busy`] when the time is up, naming the holder; others when the file cannot be used.
    pub async fn acquire(path: &Path, timeout: Duration) -> Result<Self, StorageError> {
        Self::acquire_on(kind_at(path), path, timeout).await
    }

    /// Does what [`Self::acquire`] does on a file system of this kind.
    ///
    /// # Errors
    /// Those of [`Self::acquire`].
    pub async fn acquire_on(kind: FileSystem, path: &Path, timeout: Duration) -> Result<Self, StorageError> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut told = false;
        loop {
            if let Some(lock) = Self::try_acquire_on(kind, path)? {
                return Ok(lock);
            }
            let waited = start.elapsed();
            if waited >= timeout {
                return Err(StorageError::Busy { resource: held(kind, path), waited });
            }
            if waited >= QUIET && !told {
                told = true;
                info!(path = %path.display(), "waiting for a lock that another process holds");
            }
            sleep(jittered(pause).min(timeout.saturating_sub(waited))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes the lock if it is free, else returns `None`.
    ///
    /// # Errors
    /// Those of the file: [`StorageError::Corrupt`] when it is not ours alone, [`StorageError::Unavailable`].
    pub fn try_acquire(path: &Path) -> Result<Option<Self>, StorageError> {
        Self::try_acquire_on(kind_at(path), path)
    }

    fn try_acquire_on(kind: FileSystem, path: &Path) -> Result<Option<Self>, StorageError> {
        match kind {
            FileSystem::Local => Self::try_kernel(path),
            FileSystem::Network(_) => {
                // The file itself is made too, since its age tells when there was a lock.
                let taken = Lease::try_take(&lease_of(path))?;
                if taken.is_some() {
                    sign(&mut files::open_or_create_private(path)?);
                }
                Ok(taken.map(|lease| Self(Held::Lease(lease))))
            }
        }
    }

    /// Checks that the lock is held still: a lease is lost by a process that was frozen for long.
    ///
    /// # Errors
    /// [`StorageError::Busy`] when another process has taken it over.
    pub fn check(&self) -> Result<(), StorageError> {
        match &self.0 {
            Held::Lease(lease) if !lease.is_held() => {
                let resource = "the lock of the store, lost while this process stood still,".to_owned();
                Err(StorageError::Busy { resource, waited: Duration::ZERO })
            }
            Held::Kernel(_) | Held::Lease(_) => Ok(()),
        }
    }

    fn try_kernel(path: &Path) -> Result<Option<Self>, StorageError> {
        loop {
            let mut file = files::open_or_create_private(path)?;
            match file.try_lock() {
                // A lock on a file that somebody has removed keeps nobody out; take the one that is there.
                Ok(()) if !files::is_still_at(&file, path) => {}
                Ok(()) => {
                    sign(&mut file);
                    return Ok(Some(Self(Held::Kernel(file))));
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => {
                    return Err(FileError::Io { operation: "locking", path: path.to_owned(), source }.into());
                }
            }
        }
    }
}

/// Writes down who holds the lock, for people and for the message of whoever waits in vain; nothing depends on it. As
/// long as any other number, since to shorten a file costs more than all else here.
fn sign(file: &mut File) {
    let _ = file.write_all(format!("{:<10}\n", std::process::id()).as_bytes());
}

fn kind_at(path: &Path) -> FileSystem {
    file_system::of(path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

fn lease_of(path: &Path) -> PathBuf {
    path.with_extension("lease")
}

/// Names the lock and, as far as it told, the process that holds it.
fn held(kind: FileSystem, path: &Path) -> String {
    if kind != FileSystem::Local {
        let holder = lease::holder(&lease_of(path)).unwrap_or_else(|| "a process".to_owned());
        return format!("{} ({holder})", path.display());
    }
    let holder = files::open_private(path, files::Access::Read).ok().flatten().and_then(|(file, _)| {
        let mut text = String::new();
        file.take(20).read_to_string(&mut text).ok()?;
        text.trim().parse::<u32>().ok()
    });
    match holder {
        Some(process) => format!("{} (process {process})", path.display()),
        None => path.display().to_string(),
    }
}

/// Returns between a half and the whole of `pause`, so that those who wait do not all come back at the same time.
pub(super) fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 512;
    let thousandths = u32::try_from(random).unwrap_or(0).saturating_add(512);
    pause.saturating_mul(thousandths) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_held_lock_is_busy_after_the_time_out_and_free_when_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let first = FileLock::acquire(&path, Duration::ZERO).await.unwrap();
        let error = FileLock::acquire(&path, Duration::from_millis(30)).await.unwrap_err();
        let StorageError::Busy { resource, waited } = error else { panic!("{error}") };
        assert!(resource.contains("a.lock") && resource.contains(&std::process::id().to_string()), "{resource}");
        assert!(waited >= Duration::from_millis(30) && waited < Duration::from_secs(5), "{waited:?}");
        drop(first);
        let _second = FileLock::acquire(&path, Duration::ZERO).await.unwrap();
    }

    #[tokio::test]
    async fn on_a_shared_file_system_a_lease_does_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let nfs = FileSystem::Network("NFS");
        let first = FileLock::acquire_on(nfs, &path, Duration::ZERO).await.unwrap();
        first.check().unwrap();
        let error = FileLock::acquire_on(nfs, &path, Duration::from_millis(30)).await.unwrap_err();
        let StorageError::Busy { resource, .. } = error else { panic!("{error}") };
        assert!(resource.contains("a.lock") && resource.contains(&std::process::id().to_string()), "{resource}");
        std::fs::remove_file(folder.path().join("a.lease")).unwrap();
        let second = FileLock::acquire_on(nfs, &path, Duration::ZERO).await.unwrap();
        assert!(matches!(first.check(), Err(StorageError::Busy { .. })));
        drop(first);
        second.check().unwrap();
    }

    #[tokio::test]
    async fn who_waits_gets_the_lock_once_it_is_free() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let first = FileLock::try_acquire(&path).unwrap().unwrap();
        let (second, ()) = tokio::join!(FileLock::acquire(&path, Duration::from_secs(30)), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        drop(second.unwrap());
    }

    #[tokio::test]
    async fn after_the_lock_file_was_removed_new_holders_still_keep_each_other_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let _first = FileLock::try_acquire(&path).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        let _second = FileLock::try_acquire(&path).unwrap().unwrap();
        assert!(FileLock::try_acquire(&path).unwrap().is_none());
    }

    #[test]
    fn pauses_differ_and_stay_within_bounds() {
        let pauses: Vec<_> = (0..50).map(|_| jittered(LONGEST_PAUSE)).collect();
        assert!(pauses.iter().all(|pause| *pause >= LONGEST_PAUSE / 2 && *pause < LONGEST_PAUSE), "{pauses:?}");
        assert!(pauses.iter().any(|pause| Some(pause) != pauses.first()));
    }
}
