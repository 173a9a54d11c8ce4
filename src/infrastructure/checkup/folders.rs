//! The three folders: whether they are there, whose they are, and what they lie on.

use std::path::{Path, PathBuf};

use crate::application::ports::Finding;
use crate::infrastructure::config::Folders;
use crate::infrastructure::file_system::{self, FileSystem};
use crate::infrastructure::files;

/// Below this a store may not grow any more.
const LITTLE_ROOM: u64 = 100 << 20;

pub(super) fn examined(folders: &Folders) -> Vec<Finding> {
    vec![
        configuration(&folders.config),
        writable("work folder", &folders.work, "HF_PROVIDER_WORKDIR or --work-dir"),
        data(&folders.work.join("data")),
        writable("log folder", &folders.log, "HF_PROVIDER_LOGDIR or --log-dir"),
        file_system(&folders.work),
    ]
}

fn configuration(folder: &Path) -> Finding {
    let name = "configuration folder";
    if let Err(error) = std::fs::read_dir(folder) {
        let mend = format!("give the user that Host Factory runs as the right to read {}", folder.display());
        return Finding::failed(name, format!("{} cannot be read: {error}", folder.display()), mend);
    }
    if is_open_to_all(folder) {
        let found = format!("anybody may write to {}, and with it to the boot scripts of hosts", folder.display());
        return Finding::warning(name, found, format!("chmod o-w {}", folder.display()));
    }
    Finding::good(name, folder.display().to_string())
}

#[cfg(unix)]
fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    // A folder with the sticky bit lets nobody replace what is another's.
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o1002 == 0o002)
}

#[cfg(not(unix))]
fn is_open_to_all(_: &Path) -> bool {
    false
}

/// Returns the folder itself, or the nearest above it that there is.
fn nearest(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|above| above.exists()).map(Path::to_owned)
}

#[cfg(unix)]
fn may_write(folder: &Path) -> Result<(), String> {
    use rustix::fs::{Access, access};
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| error.to_string())
}

#[cfg(not(unix))]
fn may_write(folder: &Path) -> Result<(), String> {
    let readonly = std::fs::metadata(folder).map_err(|error| error.to_string())?.permissions().readonly();
    if readonly { Err("it is read-only".to_owned()) } else { Ok(()) }
}

fn writable(name: &str, folder: &Path, named_by: &str) -> Finding {
    let shown = folder.display();
    if folder.exists() && !folder.is_dir() {
        return Finding::failed(name, format!("{shown} is not a folder"), format!("name a folder: {named_by}"));
    }
    let Some(there) = nearest(folder) else {
        return Finding::failed(name, format!("{shown} cannot be reached"), format!("name another: {named_by}"));
    };
    let user = "the user that Host Factory runs as, who should run this command too";
    match may_write(&there) {
        Err(error) => Finding::failed(
            name,
            format!("{} cannot be written to: {error}", there.display()),
            format!("give it to {user}, or name another: {named_by}"),
        ),
        Ok(()) if there == folder => Finding::good(name, shown.to_string()),
        Ok(()) => Finding::good(name, format!("{shown} is not there yet; the first call makes it")),
    }
}

fn data(folder: &Path) -> Finding {
    let name = "data folder";
    match files::check_folder(folder) {
        Ok(true) => Finding::good(name, format!("{} is ours alone", folder.display())),
        Ok(false) => Finding::good(name, format!("{} is not there yet; the first call makes it", folder.display())),
        Err(error) => {
            let mend = format!(
                "it must belong to the user that Host Factory runs as and be writable by nobody else: chmod go-w {}",
                folder.display()
            );
            Finding::failed(name, error.to_string(), mend)
        }
    }
}

fn file_system(work: &Path) -> Finding {
    let name = "file system";
    let Some(there) = nearest(work) else { return Finding::skipped(name, "the work folder cannot be reached") };
    let room = room(&there);
    if let Some(room) = room.filter(|room| *room < LITTLE_ROOM) {
        let found = format!("{} MiB are left for {}", room >> 20, there.display());
        return Finding::warning(name, found, "make room: a store that cannot be written to stops every call");
    }
    let room = room.map(|room| format!(", {} MiB left", room >> 20)).unwrap_or_default();
    match file_system::at(&there) {
        None => Finding::skipped(name, "the system does not tell"),
        Some(FileSystem::Local) => Finding::good(name, format!("a disk of this machine{room}")),
        Some(FileSystem::Network(kind)) => Finding::warning(
            name,
            format!("the work folder lies on {kind}, which machines share; leases stand in for locks there{room}"),
            "put the work folder on a local disk unless another management host is to take over; see that only one \
             works with it at a time (docs/storage.md)",
        ),
    }
}

#[cfg(unix)]
fn room(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn room(_: &Path) -> Option<u64> {
    None
}
