//! The folder `<work>/data` and what every store in it has in common.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::application::StorageError;
use crate::infrastructure::file_system::{self, FileSystem};
use crate::infrastructure::files;

/// How long a commit waits for another process, unless configured.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long delivered events are kept, unless configured.
pub(super) const RETENTION: Duration = Duration::from_hours(24);

/// Returns the path of a file in the data folder, having checked the folder; it need not exist.
pub(in crate::infrastructure) fn path_in(work_dir: &Path, file: &str) -> Result<PathBuf, StorageError> {
    let folder = folder(work_dir)?;
    files::check_folder(&folder)?;
    Ok(folder.join(file))
}

/// Returns the path of a file in the data folder, having made the folder if need be.
pub(in crate::infrastructure) fn path_in_made(work_dir: &Path, file: &str) -> Result<PathBuf, StorageError> {
    let folder = folder(work_dir)?;
    files::private_folder(&folder)?;
    Ok(folder.join(file))
}

/// Returns what the data folder lies on, or will lie on.
pub(super) fn file_system(work_dir: &Path) -> FileSystem {
    let data = file_system::at(&work_dir.join("data"));
    data.or_else(|| file_system::at(work_dir)).unwrap_or(FileSystem::Local)
}

fn folder(work_dir: &Path) -> Result<PathBuf, StorageError> {
    // An empty path would mean the folder of whoever calls, where nothing of ours belongs.
    if work_dir.as_os_str().is_empty() {
        return Err(StorageError::Corrupt {
            what: "the work folder has no name".to_owned(),
            advice: "set HF_PROVIDER_WORKDIR or pass --work-dir".to_owned(),
        });
    }
    Ok(work_dir.join("data"))
}

/// Locks a mutex. What it guards is replaced as a whole, so that a panic of another thread leaves it usable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
