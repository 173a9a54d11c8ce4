//! A log file that many processes append to and that is rotated by size.
//!
//! Invariants: a line is one `write` in append mode, so lines of several processes do not mix; a file is renamed only
//! under its own lock and only while its name still leads to it; links are not followed; a failure loses a line and
//! nothing else.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// The file, open, with its limits.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    max_files: u32,
    /// `,`-ended first member of each line, such as `"pid":1,`.
    prefix: String,
    open: Mutex<File>,
}

/// What tells a file from another, whatever their names.
#[cfg(unix)]
fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(unix)]
fn for_the_owner_alone(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt as _;
    options.mode(0o600);
}

#[cfg(not(unix))]
fn for_the_owner_alone(_: &mut OpenOptions) {}

/// Opens the file a name leads to, and makes it where there is none.
fn open(path: &Path) -> io::Result<File> {
    let must_be_a_file = |metadata: &Metadata| {
        if metadata.is_file() {
            Ok(())
        } else {
            Err(io::Error::other("it is not a plain file; links are not followed"))
        }
    };
    match std::fs::symlink_metadata(path) {
        Ok(metadata) => must_be_a_file(&metadata)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder)?;
            }
        }
        Err(error) => return Err(error),
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    for_the_owner_alone(&mut options);
    let file = options.open(path)?;
    // Looked at again: a link may have been put in its place in between.
    let named = std::fs::symlink_metadata(path)?;
    must_be_a_file(&named)?;
    if identity(&named) != identity(&file.metadata()?) {
        return Err(io::Error::other("another process exchanges it at this moment"));
    }
    Ok(file)
}

impl LogFile {
    /// Opens the log.
    ///
    /// # Errors
    /// Any that the file system reports, and a path that is not a plain file.
    pub(super) fn open(path: PathBuf, max_bytes: u64, max_files: u32) -> io::Result<Self> {
        // A second look when another process rotates at this moment.
        let open = Mutex::new(open(&path).or_else(|_| open(&path))?);
        let prefix = format!("\"pid\":{},", std::process::id());
        Ok(Self { path, max_bytes, max_files, prefix, open })
    }

    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut file = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.len().saturating_add(line.len() as u64) > self.max_bytes
            && let Some(fresh) = self.rotate(&file)?
        {
            *file = fresh;
        }
        file.write(line).map(|_| ())
    }

    /// Returns the file to go on with, or `None` to go on with the present one: another process is at it.
    fn rotate(&self, full: &File) -> io::Result<Option<File>> {
        if full.metadata()?.len() == 0 || full.try_lock().is_err() {
            return Ok(None);
        }
        let still_named = match std::fs::symlink_metadata(&self.path) {
            Ok(named) => identity(&named) == identity(&full.metadata()?),
            Err(_) => false,
        };
        let moved = if still_named { self.move_along() } else { Ok(()) };
        let fresh = moved.and_then(|()| open(&self.path));
        // Closing the file would do; a process that holds it open elsewhere must not wait for that.
        let _ = full.unlock();
        fresh.map(Some)
    }

    #[expect(clippy::disallowed_methods, reason = "a rotated log need not survive a power cut under its new name")]
    fn move_along(&self) -> io::Result<()> {
        for number in (1..self.max_files).rev() {
            let from = self.numbered(number);
            if from.exists() {
                std::fs::rename(from, self.numbered(number + 1))?;
            }
        }
        std::fs::rename(&self.path, self.numbered(1))
    }

    fn numbered(&self, number: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    }
}

/// Writes one line; whatever happens, the call goes on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a>(&'a LogFile);

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The formatter hands over whole lines, each a JSON object; the process id becomes its first member.
        let mut whole = Vec::with_capacity(line.len() + self.0.prefix.len());
        match line.strip_prefix(b"{") {
            Some(rest) => {
                whole.push(b'{');
                whole.extend_from_slice(self.0.prefix.as_bytes());
                whole.extend_from_slice(rest);
            }
            None => whole.extend_from_slice(line),
        }
        // A line that cannot be written is lost: there is nowhere to say so, and the answer matters more.
        let _ = self.0.append(&whole);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::sync::Arc;

    use super::*;

    fn lines(folder: &Path) -> Vec<String> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(folder).expect("the log's folder") {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a log file");
            all.extend(text.lines().map(str::to_owned));
        }
        all
    }

    #[test]
    fn the_file_is_the_owners_alone_and_lines_carry_the_process_id() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("below/a.log");
        let log = LogFile::open(path.clone(), 1000, 2).unwrap();
        log.make_writer().write_all(b"{\"x\":1}\n").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{{\"pid\":{},\"x\":1}}\n", std::process::id()));
    }

    #[test]
    fn a_link_or_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        let link = folder.path().join("a.log");
        symlink(&target, &link).unwrap();
        assert!(LogFile::open(link, 1000, 2).is_err());
        assert!(!target.exists());
        assert!(LogFile::open(folder.path().to_owned(), 1000, 2).is_err());
    }

    #[test]
    fn only_so_many_files_of_such_a_size_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = LogFile::open(folder.path().join("a.log"), 100, 3).unwrap();
        for number in 0..200 {
            log.append(format!("line {number:03}\n").as_bytes()).unwrap();
        }
        let mut names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["a.log", "a.log.1", "a.log.2", "a.log.3"]);
        let kept = lines(folder.path());
        assert!(kept.contains(&"line 199".to_owned()) && kept.len() <= 44, "{}", kept.len());
    }

    #[test]
    fn several_writers_rotate_without_losing_or_mixing_lines() {
        let folder = tempfile::tempdir().unwrap();
        let logs: Vec<_> =
            (0..4).map(|_| Arc::new(LogFile::open(folder.path().join("a.log"), 2_000, 50).unwrap())).collect();
        std::thread::scope(|scope| {
            for (writer, log) in logs.iter().enumerate() {
                scope.spawn(move || {
                    for number in 0..250 {
                        // As in the product, a line that meets a rotation at its very instant may find no file once.
                        let line = format!("writer {writer} line {number:03}\n");
                        while log.append(line.as_bytes()).is_err() {}
                    }
                });
            }
        });
        let mut found = lines(folder.path());
        assert!(found.iter().all(|line| line.len() == 17), "mixed lines");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), 1000);
    }
}
