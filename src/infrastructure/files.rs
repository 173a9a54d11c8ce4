//! Files that are ours: private, whole, and where they should be.
//!
//! Invariants: a file written here is either as it was or complete; it is readable for its owner alone; a symbolic link
//! in place of a file or folder of ours is never followed; a file that others could have written is never believed.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::{Builder, NamedTempFile, TempPath};

use crate::application::StorageError;

/// A file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It is there, and it must not be used as it is.
    #[error("{} {finding}: {advice}", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        finding: String,
        /// What to do about it.
        advice: String,
    },
    /// The file system did not do it.
    #[error("{operation} {} failed", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl FileError {
    fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.to_owned(), source }
    }

    fn refused(path: &Path, finding: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::Refused { path: path.to_owned(), finding: finding.into(), advice: advice.into() }
    }
}

impl From<FileError> for StorageError {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Refused { path, finding, advice } => {
                Self::Corrupt { what: format!("{} {finding}", path.display()), advice }
            }
            FileError::Io { operation, path, source } => {
                Self::Unavailable { operation: format!("{operation} {}", path.display()), source: Box::new(source) }
            }
        }
    }
}

/// Whether a write must survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk, file and folder, before the call returns.
    Synced,
    /// Whole or not at all, and lost at worst.
    Relaxed,
}

/// What an opened file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// To be read.
    Read,
    /// To be read and written in place.
    ReadWrite,
}

/// How often a file that is replaced while we open it is tried again.
const OPEN_TRIES: u32 = 100;

/// Makes sure that `folder` is there, is ours and is writable by nobody else; makes it with mode 0700 otherwise.
///
/// # Errors
/// [`FileError::Refused`] when it is a link, belongs to another user or others may write to it; [`FileError::Io`] when
/// it cannot be made.
pub fn private_folder(folder: &Path) -> Result<(), FileError> {
    if check_folder(folder)? {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(FileError::io("making the folder", folder))?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        sync_folder(parent)?;
    }
    check_folder(folder).map(drop)
}

/// Returns whether `folder` is there, having checked that it is ours and private.
///
/// # Errors
/// [`FileError::Refused`] when it is a link, belongs to another user or others may write to it.
pub fn check_folder(folder: &Path) -> Result<bool, FileError> {
    let Some(found) = look_at(folder)? else { return Ok(false) };
    if !found.is_dir() {
        let finding = if found.is_symlink() { "is a symbolic link" } else { "is not a folder" };
        return Err(FileError::refused(folder, finding, "put a folder of your own there, or name another work folder"));
    }
    check_owner_and_mode(folder, &found)?;
    Ok(true)
}

/// Looks at a file of ours without opening it, or returns `None` when there is none.
///
/// # Errors
/// [`FileError::Refused`] when it is not a plain file, belongs to another user or others may write to it.
pub fn check_private(path: &Path) -> Result<Option<Metadata>, FileError> {
    let Some(found) = look_at(path)? else { return Ok(None) };
    check_plain(path, &found)?;
    check_owner_and_mode(path, &found)?;
    Ok(Some(found))
}

/// Opens a file of ours, or returns `None` when there is none. Never follows a link and never opens what others could
/// have written.
///
/// # Errors
/// [`FileError::Refused`] when it is not a plain file, belongs to another user or others may write to it.
pub fn open_private(path: &Path, access: Access) -> Result<Option<(File, Metadata)>, FileError> {
    for _ in 0..OPEN_TRIES {
        let Some(found) = look_at(path)? else { return Ok(None) };
        check_plain(path, &found)?;
        let opened = OpenOptions::new().read(true).write(access == Access::ReadWrite).open(path);
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(FileError::io("opening", path)(error)),
        };
        let opened = file.metadata().map_err(FileError::io("looking at", path))?;
        // What was looked at is what was opened, unless somebody put another file there in between.
        if same_file(&found, &opened) {
            check_owner_and_mode(path, &opened)?;
            return Ok(Some((file, opened)));
        }
    }
    Err(FileError::io("opening", path)(io::Error::other("the file is replaced all the time")))
}

/// Opens a file of ours for reading and writing; makes it empty and with mode 0600 when there is none.
///
/// # Errors
/// As [`open_private`].
pub fn open_or_create_private(path: &Path) -> Result<File, FileError> {
    for _ in 0..OPEN_TRIES {
        if let Some((file, _)) = open_private(path, Access::ReadWrite)? {
            return Ok(file);
        }
        if let Some(file) = create_private(path)? {
            return Ok(file);
        }
    }
    Err(FileError::io("making", path)(io::Error::other("the file comes and goes all the time")))
}

/// Makes an empty file, mode 0600, or returns `None` when there is one.
///
/// # Errors
/// [`FileError::Io`] when the disk is full, read-only or broken.
pub fn create_private(path: &Path) -> Result<Option<File>, FileError> {
    let mut options = OpenOptions::new();
    // `create_new` does not follow a link that somebody plants now.
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(error) => Err(FileError::io("making", path)(error)),
    }
}

/// Reads a file of ours of at most `limit` bytes, or returns `None` when there is none.
///
/// # Errors
/// As [`open_private`]; [`FileError::Refused`] when it is longer than `limit`.
pub fn read_private(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, FileError> {
    let Some((mut file, _)) = open_private(path, Access::Read)? else { return Ok(None) };
    read_open(&mut file, path, limit).map(Some)
}

/// Reads somebody's file of at most `limit` bytes; it may be a link and others may write to it.
///
/// # Errors
/// [`FileError::Io`] when it is not there or cannot be read; [`FileError::Refused`] when it is longer than `limit` or
/// not a plain file.
pub fn read_limited(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    // Opening a pipe would wait for a writer.
    let found = fs::metadata(path).map_err(FileError::io("reading", path))?;
    if !found.is_file() {
        return Err(FileError::refused(path, "is not a plain file", "name a file"));
    }
    let mut file = File::open(path).map_err(FileError::io("reading", path))?;
    read_open(&mut file, path, limit)
}

/// Reads an opened file of at most `limit` bytes to its end.
///
/// # Errors
/// [`FileError::Refused`] when it is longer; [`FileError::Io`] when reading fails.
pub fn read_open(file: &mut File, path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let size = file.metadata().map_err(FileError::io("reading", path))?.len();
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(limit)).unwrap_or(0).saturating_add(1));
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::io("reading", path))?;
    if bytes.len() as u64 > limit {
        return Err(FileError::refused(
            path,
            format!("is longer than {limit} bytes"),
            "check that it is the right file",
        ));
    }
    Ok(bytes)
}

/// Puts a file with these bytes in place of whatever file is at `path`: complete or not at all, mode 0600.
///
/// When only the very last step fails, syncing the folder, the new file is in place and the error says that it might
/// not survive a power cut.
///
/// # Errors
/// [`FileError::Refused`] when `path` is not a plain file of ours; [`FileError::Io`] when the disk is full, read-only or
/// broken.
pub fn write_atomic(path: &Path, bytes: &[u8], durability: Durability) -> Result<(), FileError> {
    check_private(path)?;
    let file = written_beside(path, bytes, durability)?;
    rename_over(file.into_temp_path(), path)?;
    match durability {
        Durability::Synced => sync_folder(folder_of(path)),
        Durability::Relaxed => Ok(()),
    }
}

/// Puts a temporary file, made with [`temporary_beside`] and written by others, in place of whatever file is at `path`,
/// synced.
///
/// # Errors
/// As [`write_atomic`].
pub fn replace_with(file: TempPath, path: &Path) -> Result<(), FileError> {
    check_private(path)?;
    sync_temporary(&file, path)?;
    rename_over(file, path)?;
    sync_folder(folder_of(path))
}

/// Puts a file with these bytes in place of the operator's own at `path`, which keeps its rights, or is mode 0600 when it
/// is new; a link stays and what it points to is replaced. The former file is given the name `former` in the same folder.
///
/// # Errors
/// [`FileError::Refused`] when `path` is not a plain file; [`FileError::Io`] when the disk is full, read-only or broken.
pub fn replace_shared(path: &Path, bytes: &[u8], former: Option<&Path>) -> Result<(), FileError> {
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(FileError::io("looking at", path)(error)),
    };
    let file = written_beside(&target, bytes, Durability::Synced)?;
    match fs::metadata(&target) {
        Ok(found) if !found.is_file() => return Err(FileError::refused(path, "is not a plain file", "name a file")),
        Ok(found) => {
            fs::set_permissions(file.path(), found.permissions()).map_err(FileError::io("giving rights to", path))?;
            if let Some(former) = former.and_then(Path::file_name) {
                keep_as(&target, &target.with_file_name(former))?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(FileError::io("looking at", path)(error)),
    }
    rename_over(file.into_temp_path(), &target)?;
    sync_folder(folder_of(&target))
}

/// Puts a file with these bytes in place of whatever file is at `path`, as a whole, for anybody to read. It is not synced,
/// and the folder may be shared with others.
///
/// # Errors
/// [`FileError::Io`] when the disk is full, read-only or broken, or `path` is a folder.
pub fn publish(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let file = written_beside(path, bytes, Durability::Relaxed)?;
    #[cfg(unix)]
    {
        let rights = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(rights).map_err(FileError::io("giving rights to", path))?;
    }
    rename_over(file.into_temp_path(), path)
}

/// Gives the file at `path` a second name, `kept`, in the same folder, so that it outlasts being replaced; whatever had
/// that name loses it. Without a sync: the one that follows the replacement serves both. Call it under the lock of
/// `path`.
///
/// # Errors
/// [`FileError::Io`] when the disk is full, read-only or broken, or when there is no file at `path`.
#[expect(clippy::disallowed_methods, reason = "the file that takes the place is on the disk already")]
pub fn keep_as(path: &Path, kept: &Path) -> Result<(), FileError> {
    let second = path.with_file_name(format!("{}kept{TEMPORARY_SUFFIX}", temporary_prefix(path)));
    let _ = fs::remove_file(&second);
    match fs::hard_link(path, &second) {
        Ok(()) => {}
        // File systems without second names get a copy.
        Err(error) if has_no_second_names(&error) => {
            let bytes = fs::read(path).map_err(FileError::io("reading", path))?;
            return write_atomic(kept, &bytes, Durability::Relaxed);
        }
        Err(error) => return Err(FileError::io("keeping", path)(error)),
    }
    let renamed = fs::rename(&second, kept).map_err(FileError::io("making", kept));
    // Renaming one name of a file to another of its names leaves both.
    let _ = fs::remove_file(&second);
    renamed
}

/// Makes a file with these bytes, synced, mode 0600, unless there is one; returns whether it did.
///
/// # Errors
/// [`FileError::Io`] when the disk is full, read-only or broken.
pub fn create_atomic(path: &Path, bytes: &[u8]) -> Result<bool, FileError> {
    let file = written_beside(path, bytes, Durability::Synced)?;
    let created = match name_first(file.into_temp_path(), path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(FileError::io("making", path)(error)),
    };
    // Also when another process was faster: what we go on to read must be on the disk.
    sync_folder(folder_of(path))?;
    Ok(created)
}

/// Returns an empty temporary file for `path`, in its folder, mode 0600, removed when dropped.
///
/// # Errors
/// [`FileError::Io`] when it cannot be made.
pub fn temporary_beside(path: &Path) -> Result<NamedTempFile, FileError> {
    // Temporary files have mode 0600 from the start.
    Builder::new()
        .prefix(&temporary_prefix(path))
        .suffix(TEMPORARY_SUFFIX)
        .tempfile_in(folder_of(path))
        .map_err(FileError::io("making a temporary file beside", path))
}

/// Gives a temporary file, made with [`temporary_beside`] and written by others, the name `path`, synced.
///
/// # Errors
/// [`FileError::Io`] when the disk is full, read-only or broken, or when there is such a file already.
pub fn put_in_place(file: TempPath, path: &Path) -> Result<(), FileError> {
    sync_temporary(&file, path)?;
    name_first(file, path).map_err(FileError::io("making", path))?;
    sync_folder(folder_of(path))
}

/// Removes temporary files that killed processes left beside `path`: those for `path`, and any others that are older than
/// an hour. Call it only while nobody else can be writing `path`, that is, under its lock. Failures are left for the next
/// time.
pub fn sweep_temporaries(path: &Path) {
    let prefix = temporary_prefix(path);
    let Ok(entries) = fs::read_dir(folder_of(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_temporary = |name: &&str| name.starts_with('.') && name.contains(TEMPORARY_SUFFIX);
        if let Some(name) = name.to_str().filter(is_temporary)
            && (name.starts_with(&prefix) || is_abandoned(&entry))
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|found| found.modified());
    modified.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > ABANDONED))
}

/// Syncs a folder, so that names made or replaced in it survive a power cut.
///
/// # Errors
/// [`FileError::Io`] when the disk is broken.
pub fn sync_folder(folder: &Path) -> Result<(), FileError> {
    #[cfg(unix)]
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Ok(()) => {}
        // File systems that sync names by themselves refuse to be asked.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {}
        Err(error) => return Err(FileError::io("syncing the folder", folder)(error)),
    }
    Ok(())
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Identity {
    /// Returns the identity of a file, or `None` on systems that do not number files.
    pub fn of(metadata: &Metadata) -> Option<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(Self {
                device: metadata.dev(),
                inode: metadata.ino(),
                size: metadata.size(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
            })
        }
        #[cfg(not(unix))]
        {
            let _ = metadata;
            None
        }
    }
}

/// Returns whether the file at `path` is still the opened `file`.
pub(crate) fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(opened), Ok(found)) => same_file(&found, &opened),
        _ => false,
    }
}

/// Nobody writes a file for so long.
const ABANDONED: Duration = Duration::from_hours(1);

const TEMPORARY_SUFFIX: &str = ".tmp";

fn temporary_prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn written_beside(path: &Path, bytes: &[u8], durability: Durability) -> Result<NamedTempFile, FileError> {
    let mut file = temporary_beside(path)?;
    file.write_all(bytes).map_err(FileError::io("writing", path))?;
    if durability == Durability::Synced {
        file.as_file().sync_all().map_err(FileError::io("syncing", path))?;
    }
    Ok(file)
}

/// Gives what is at `path` the name `away` in the same folder, whatever it is, synced.
///
/// # Errors
/// [`FileError::Io`] when the disk is full, read-only or broken.
#[expect(clippy::disallowed_methods, reason = "the folder is synced; what is in the file does not change")]
pub fn move_to(path: &Path, away: &Path) -> Result<(), FileError> {
    fs::rename(path, away).map_err(FileError::io("moving away", path))?;
    sync_folder(folder_of(path))
}

fn sync_temporary(file: &TempPath, path: &Path) -> Result<(), FileError> {
    let synced = OpenOptions::new().write(true).open(file).and_then(|opened| opened.sync_all());
    synced.map_err(FileError::io("syncing", path))
}

#[expect(clippy::disallowed_methods, reason = "the callers sync the file before and the folder after")]
fn rename_over(file: TempPath, path: &Path) -> Result<(), FileError> {
    fs::rename(&file, path).map_err(FileError::io("replacing", path))?;
    // There is nothing left under the temporary name to remove.
    let _ = file.keep();
    Ok(())
}

/// Gives a temporary file its name unless there is a file of that name.
fn name_first(file: TempPath, path: &Path) -> io::Result<()> {
    match fs::hard_link(&file, path) {
        Err(error) if has_no_second_names(&error) => file.persist_noclobber(path).map_err(|error| error.error),
        // Dropping the file removes its temporary name.
        named => named,
    }
}

/// Returns whether a file system refused to give a file a second name because it has none.
fn has_no_second_names(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied | io::ErrorKind::TooManyLinks)
}

fn look_at(path: &Path) -> Result<Option<Metadata>, FileError> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FileError::io("looking at", path)(error)),
    }
}

fn check_plain(path: &Path, found: &Metadata) -> Result<(), FileError> {
    if found.is_file() {
        return Ok(());
    }
    let finding = if found.is_symlink() { "is a symbolic link, which is not followed" } else { "is not a plain file" };
    Err(FileError::refused(path, finding, "find out who put it there, then move it away"))
}

#[cfg(unix)]
fn same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// Refuses what another user owns (root excepted) or may write to, as ssh does.
#[cfg(unix)]
fn check_owner_and_mode(path: &Path, found: &Metadata) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt;
    let shown = path.display();
    if let Some(own) = own_user()
        && found.uid() != own
        && found.uid() != 0
    {
        let finding = format!("belongs to user {} and this process runs as user {own}", found.uid());
        let advice = format!("run as that user, or give it to this one with: chown {own} {shown}");
        return Err(FileError::refused(path, finding, advice));
    }
    if found.mode() & 0o022 != 0 {
        let finding = format!("can be written by other users (mode {:04o})", found.mode() & 0o7777);
        return Err(FileError::refused(path, finding, format!("check it, then run: chmod go-w {shown}")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner_and_mode(_: &Path, _: &Metadata) -> Result<(), FileError> {
    Ok(())
}

/// Returns the user this process runs as: the owner of its own entry in `/proc`, else of a file it makes.
#[cfg(unix)]
fn own_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    static OWN: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    *OWN.get_or_init(|| {
        let of_process = fs::metadata("/proc/self");
        let metadata = of_process.or_else(|_| tempfile::tempfile().and_then(|file| file.metadata()));
        metadata.ok().map(|metadata| metadata.uid())
    })
}

#[cfg(test)]
#[cfg(unix)]
#[path = "files_tests.rs"]
mod tests;
