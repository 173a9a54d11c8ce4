//! The id of this installation, drawn once and kept in `<work>/data/installation_id`.
//!
//! Invariants: every process with the same work folder gets the same id; a damaged file is refused, since another id
//! would disown every host that is running.

use std::path::PathBuf;
use std::sync::OnceLock;

use shaku::Component;

use super::folder;
use crate::application::StorageError;
use crate::application::ports::Installation;
use crate::domain::{Digest, InstallationId};
use crate::infrastructure::config::Settings;
use crate::infrastructure::{files, ids};

const FILE: &str = "installation_id";
const LIMIT: u64 = 1024;

/// Keeps the id in a file: one line with the id, one with its digest.
#[derive(Debug, Component)]
#[shaku(interface = Installation)]
pub struct FileInstallation {
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    /// The id that the operator has chosen; the file is then neither read nor made.
    #[shaku(default)]
    configured: Option<InstallationId>,
    #[shaku(force_default)]
    known: OnceLock<InstallationId>,
}

impl FileInstallation {
    /// Returns the parameters of this component for the settings in force.
    pub fn parameters(settings: &Settings) -> FileInstallationParameters {
        FileInstallationParameters {
            work_dir: settings.folders.work.clone(),
            configured: settings.installation_id.clone(),
        }
    }

    /// Returns the installation with this work folder, under the `configured` id if there is one.
    pub fn new(work_dir: impl Into<PathBuf>, configured: Option<InstallationId>) -> Self {
        Self { work_dir: work_dir.into(), configured, known: OnceLock::new() }
    }

    fn read_or_make(&self) -> Result<InstallationId, StorageError> {
        let path = folder::path_in_made(&self.work_dir, FILE)?;
        let mut bytes = files::read_private(&path, LIMIT)?;
        if bytes.is_none() {
            let id = ids::installation_id();
            // Of several processes that come here at once one makes the file, and all of them read it.
            files::create_atomic(&path, text_of(&id).as_bytes())?;
            bytes = files::read_private(&path, LIMIT)?;
        }
        bytes.as_deref().and_then(parse).ok_or_else(|| StorageError::Corrupt {
            what: format!("{} does not hold an installation id with its digest", path.display()),
            advice: "restore it from a backup, or set the id in the configuration; it is the value of the tag \
                     hostfactory:owner on every host of this installation"
                .to_owned(),
        })
    }
}

/// Returns the id that is kept below this work folder, if one is.
///
/// # Errors
/// [`StorageError::Corrupt`] when the file is damaged.
pub(super) fn kept(work_dir: &std::path::Path) -> Result<Option<InstallationId>, StorageError> {
    if files::read_private(&folder::path_in(work_dir, FILE)?, LIMIT)?.is_none() {
        return Ok(None);
    }
    FileInstallation::new(work_dir, None).id().map(Some)
}

/// Keeps this id, in place of whatever was kept.
///
/// # Errors
/// [`StorageError`] when the disk does not do it.
pub(super) fn keep(work_dir: &std::path::Path, id: &InstallationId) -> Result<(), StorageError> {
    let path = folder::path_in_made(work_dir, FILE)?;
    Ok(files::write_atomic(&path, text_of(id).as_bytes(), files::Durability::Synced)?)
}

fn text_of(id: &InstallationId) -> String {
    format!("{id}\n{}\n", Digest::of(&[id.as_str()]))
}

fn parse(bytes: &[u8]) -> Option<InstallationId> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (id, digest) = text.strip_suffix('\n')?.split_once('\n')?;
    (Digest::of(&[id]).as_str() == digest).then(|| id.parse().ok()).flatten()
}

impl Installation for FileInstallation {
    fn id(&self) -> Result<InstallationId, StorageError> {
        if let Some(id) = self.configured.as_ref().or_else(|| self.known.get()) {
            return Ok(id.clone());
        }
        let id = self.read_or_make()?;
        Ok(self.known.get_or_init(|| id).clone())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_id_is_drawn_once_and_the_same_ever_after() {
        let work = tempfile::tempdir().unwrap();
        let first = FileInstallation::new(work.path(), None);
        let id = first.id().unwrap();
        assert_eq!(first.id().unwrap(), id);
        assert_eq!(FileInstallation::new(work.path(), None).id().unwrap(), id);
        let other = tempfile::tempdir().unwrap();
        assert_ne!(FileInstallation::new(other.path(), None).id().unwrap(), id);
    }

    #[test]
    fn a_configured_id_wins_and_makes_no_file() {
        let work = tempfile::tempdir().unwrap();
        let configured: InstallationId = "grid-1".parse().unwrap();
        assert_eq!(FileInstallation::new(work.path(), Some(configured.clone())).id().unwrap(), configured);
        assert_eq!(fs::read_dir(work.path()).unwrap().count(), 0);
    }

    #[test]
    fn processes_that_start_at_once_agree_on_one_id() {
        let work = tempfile::tempdir().unwrap();
        let ids: std::collections::BTreeSet<_> = std::thread::scope(|scope| {
            let make = || FileInstallation::new(work.path(), None).id().unwrap();
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(ids.len(), 1);
        let left: Vec<_> = fs::read_dir(work.path().join("data")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_damaged_file_is_refused_with_advice_and_left_alone() {
        let work = tempfile::tempdir().unwrap();
        FileInstallation::new(work.path(), None).id().unwrap();
        let path = work.path().join("data").join(FILE);
        let whole = fs::read(&path).unwrap();
        let mut damaged: Vec<Vec<u8>> = (0..whole.len()).map(|length| whole[..length].to_vec()).collect();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            damaged.push(flipped);
        }
        for bytes in damaged {
            #[expect(clippy::disallowed_methods, reason = "the test plays whoever damages the file")]
            fs::write(&path, &bytes).unwrap();
            let error = FileInstallation::new(work.path(), None).id().unwrap_err();
            assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
            assert!(error.to_string().contains("installation_id") && error.to_string().contains("backup"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
    }
}
