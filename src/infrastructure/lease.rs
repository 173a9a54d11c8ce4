//! A lock for file systems that are shared between machines, where the kernel's may not reach the others, or may wait for
//! ever: a file that whoever has it made, and renews.
//!
//! Invariants: one process at a time makes the file; only a lease whose holder has ended, or that was not renewed for
//! [`TERM`] by the file system's own clock, is taken over.

use std::fs::{self, File, Metadata};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::warn;

use super::files::{self, Access, FileError, Identity};
use super::process;
use crate::application::StorageError;

/// How long a lease lasts that nobody renews.
const TERM: Duration = Duration::from_secs(30);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(5);
const LIMIT: u64 = 4096;

/// A held lease. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Lease {
    path: PathBuf,
    made: Option<(u64, u64)>,
    stop: Option<Sender<()>>,
    renewal: Option<JoinHandle<()>>,
}

impl Lease {
    /// Takes the lease at `path` unless another process has it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>, StorageError> {
        for _ in 0..3 {
            if let Some(mut file) = files::create_private(path)? {
                let holder = format!("{}\n", process::name());
                file.write_all(holder.as_bytes()).map_err(io("writing", path))?;
                let made = file.metadata().ok().as_ref().and_then(number_of);
                return Ok(Some(Self::renewed(path, file, made, holder)));
            }
            if !Self::remove_stale(path)? {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn renewed(path: &Path, mut file: File, made: Option<(u64, u64)>, holder: String) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        // Writing the same again is what makes the file's time a new one, by the clock of the file system.
        let renew = move || {
            while stopped.recv_timeout(RENEWAL) == Err(RecvTimeoutError::Timeout) {
                let again = file.seek(SeekFrom::Start(0)).and_then(|_| file.write_all(holder.as_bytes()));
                if let Err(error) = again {
                    warn!(%error, "a lease could not be renewed");
                }
            }
        };
        let renewal = std::thread::Builder::new().name("lease".to_owned()).spawn(renew).ok();
        Self { path: path.to_owned(), made, stop: Some(stop), renewal }
    }

    /// Returns whether nobody has taken the lease over, as happens to a process that was frozen.
    pub(super) fn is_held(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| number_of(&found) == self.made)
    }

    /// Removes the lease at `path` if its holder is no more or does not renew it; returns whether it is worth trying
    /// again.
    fn remove_stale(path: &Path) -> Result<bool, StorageError> {
        let Some((mut file, found)) = files::open_private(path, Access::Read)? else { return Ok(true) };
        let text = files::read_open(&mut file, path, LIMIT)?;
        let holder = String::from_utf8_lossy(&text).trim().to_owned();
        // A holder that has not written its name yet may live.
        let lives = holder.is_empty() || process::may_live(&holder);
        if lives && !is_expired(path, &found) {
            return Ok(false);
        }
        warn!(path = %path.display(), holder, "a lease is taken over whose holder is no more");
        let away = files::temporary_beside(path)?.into_temp_path();
        match files::move_to(path, &away) {
            Ok(()) => {}
            Err(FileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let moved = fs::symlink_metadata(&away).ok();
        if moved.as_ref().and_then(Identity::of).is_some_and(|moved| Some(moved) != Identity::of(&found)) {
            // Another process was faster, and this is its lease.
            let _ = fs::hard_link(&away, path);
            return Ok(false);
        }
        Ok(true)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(renewal) = self.renewal.take() {
            let _ = renewal.join();
        }
        if self.is_held() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Returns who holds the lease at `path`, for people.
pub(super) fn holder(path: &Path) -> Option<String> {
    let text = files::read_private(path, LIMIT).ok()??;
    let text = String::from_utf8_lossy(&text).into_owned();
    let mut parts = text.trim().split('/');
    let (node, id) = (parts.next()?, parts.next()?);
    Some(format!("process {id} on {}", node.split(' ').next()?))
}

/// Returns whether a lease was not renewed for its term. Both times are the file system's, whose clock is one.
fn is_expired(path: &Path, found: &Metadata) -> bool {
    let now = files::temporary_beside(path).ok().and_then(|file| file.as_file().metadata().ok()?.modified().ok());
    let (Some(now), Ok(renewed)) = (now, found.modified()) else { return false };
    now.duration_since(renewed).is_ok_and(|age| age > TERM)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems do not number files")]
fn number_of(found: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn number_of(_: &Metadata) -> Option<(u64, u64)> {
    None
}

fn io(operation: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StorageError {
    move |source| FileError::Io { operation, path: path.to_owned(), source }.into()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, holder: &str, age: Duration) {
        let _ = fs::remove_file(path);
        let mut file = files::create_private(path).unwrap().unwrap();
        file.write_all(holder.as_bytes()).unwrap();
        let now = file.metadata().unwrap().modified().unwrap();
        file.set_modified(now - age).unwrap();
    }

    #[test]
    fn one_has_it_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lease");
        let first = Lease::try_take(&path).unwrap().unwrap();
        assert!(first.is_held() && Lease::try_take(&path).unwrap().is_none());
        assert_eq!(holder(&path).unwrap().split(' ').nth(1).unwrap(), std::process::id().to_string());
        drop(first);
        assert!(!path.exists());
        drop(Lease::try_take(&path).unwrap().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_holder_that_has_ended_is_known_at_once_on_this_machine_and_elsewhere_after_its_term() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lease");
        let gone = format!("{}/{}/1\n", process::node(), std::process::id());
        write(&path, &gone, Duration::ZERO);
        drop(Lease::try_take(&path).unwrap().unwrap());
        for (age, free) in [(Duration::ZERO, false), (TERM / 2, false), (TERM + RENEWAL, true)] {
            write(&path, "elsewhere 0/1/1\n", age);
            assert_eq!(Lease::try_take(&path).unwrap().is_some(), free, "{age:?}");
            write(&path, "", age);
            assert_eq!(Lease::try_take(&path).unwrap().is_some(), free, "no name, {age:?}");
        }
    }

    #[test]
    fn who_was_taken_over_knows_and_removes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lease");
        let frozen = Lease::try_take(&path).unwrap().unwrap();
        write(&path, "elsewhere 0/1/1\n", Duration::ZERO);
        assert!(!frozen.is_held());
        drop(frozen);
        assert!(path.exists());
    }

    #[test]
    fn many_at_once_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lease");
        let (inside, turns) = (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    use std::sync::atomic::Ordering::SeqCst;
                    while turns.load(SeqCst) < 40 {
                        if let Some(_lease) = Lease::try_take(&path).unwrap() {
                            assert_eq!(inside.fetch_add(1, SeqCst), 0);
                            turns.fetch_add(1, SeqCst);
                            inside.fetch_sub(1, SeqCst);
                        }
                    }
                });
            }
        });
    }
}
