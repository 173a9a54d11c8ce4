//! What lies beside a store: the marker that there is one, and the copies of it that are kept.
//!
//! Invariant: a store that is gone is never taken for one that never was.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::warn;

use super::strategy;
use crate::application::StorageError;
use crate::application::settings::StorageStrategy;
use crate::infrastructure::files;

/// One of the two stores, by its files.
#[derive(Debug)]
pub(super) struct Place {
    /// Its name in `storage.strategy`.
    pub(super) strategy: &'static str,
    /// Its file in the data folder.
    pub(super) store: &'static str,
    /// What copies of it end in, the usual one first.
    pub(super) copies: &'static [&'static str],
    /// The other strategy, and its file.
    other: (&'static str, &'static str),
}

/// The JSON store.
pub(super) const JSON: Place = Place {
    strategy: "json",
    store: "request_database.json",
    copies: &["previous", "schema-2", "schema-1"],
    other: ("sqlite", "request_database.db"),
};

/// The SQLite store.
#[cfg(feature = "sqlite")]
pub(super) const SQLITE: Place = Place {
    strategy: "sqlite",
    store: "request_database.db",
    copies: &["copy", "schema-2", "schema-1"],
    other: ("json", "request_database.json"),
};

/// The lock under which a store is made, migrated and recovered, and the JSON store is replaced.
pub(super) const LOCK: &str = "request_database.lock";

const MARKER: &str = "made";
const MARKER_TEXT: &str = "There is a store beside this file. Without it, calls are refused rather than begin anew with \
                           nothing: see docs/storage.md.\n";

/// Returns the path of what is kept beside the store at `path`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

impl Place {
    /// Checks that a store that is not there has never been: one that was may hold what nobody else remembers.
    ///
    /// # Errors
    /// [`StorageError::Corrupt`] when it has been, or when state is kept in the other strategy's store.
    pub(super) fn check_never_was(&self, path: &Path) -> Result<(), StorageError> {
        let work_dir = path.parent().and_then(Path::parent);
        if let (Some(work_dir), Some(own)) = (work_dir, StorageStrategy::of_word(self.strategy)) {
            strategy::check(work_dir, own)?;
        }
        let marker = beside(path, MARKER);
        if is_there(&marker) {
            let found = self.copies_of(path).into_iter().next();
            let copy = found.map_or_else(String::new, |(copy, age)| {
                format!("hostfactory storage recover, which puts {} in its place; or ", named(&copy, age))
            });
            return Err(StorageError::Corrupt {
                what: format!("{} is gone, and {} says that there was one", path.display(), marker.display()),
                advice: format!(
                    "restore it from a backup; or run: {copy}hostfactory storage adopt, which begins a new store with \
                     the hosts that bear our tags"
                ),
            });
        }
        let (strategy, file) = self.other;
        let other = path.with_file_name(file);
        if is_there(&other) {
            return Err(StorageError::Corrupt {
                what: format!(
                    "storage.strategy is {} and there is no {}, but there is {}",
                    self.strategy,
                    path.display(),
                    other.display()
                ),
                advice: format!(
                    "set storage.strategy back to {strategy}; or move that file away if no host in it matters any more"
                ),
            });
        }
        Ok(())
    }

    /// Notes that there is a store at `path`. One look when that is noted already.
    pub(super) fn note_made(&self, path: &Path) {
        let marker = beside(path, MARKER);
        if is_there(&marker) {
            return;
        }
        // The commit is on the disk, which an error would deny; the next one tries again.
        if let Err(error) = files::create_atomic(&marker, MARKER_TEXT.as_bytes()) {
            warn!(%error, strategy = self.strategy, "the marker that there is a store could not be made");
        }
    }

    /// Returns what to do about damage at `path`: which copy there is, and how to put it in place.
    pub(super) fn advice(&self, path: &Path) -> String {
        let copies = self.copies_of(path);
        let recover = copies.first().map_or_else(
            || "there is no copy beside it: restore the file from a backup".to_owned(),
            |(copy, age)| {
                format!("{} is kept: run hostfactory storage recover, or restore a backup", named(copy, *age))
            },
        );
        format!("{recover}; hostfactory storage check says more; the file is left as it is")
    }

    /// Returns the copies that there are, the newest first, with their ages; nobody has read them yet.
    pub(super) fn copies_of(&self, path: &Path) -> Vec<(PathBuf, Duration)> {
        let mut found: Vec<_> = self
            .copies
            .iter()
            .filter_map(|suffix| {
                let copy = beside(path, suffix);
                let metadata = files::check_private(&copy).ok()??;
                Some((copy, age_of(&metadata)))
            })
            .collect();
        found.sort_by_key(|(_, age)| *age);
        found
    }
}

/// Returns how long ago a file was written; nothing for one from the future.
pub(super) fn age_of(metadata: &fs::Metadata) -> Duration {
    metadata.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default()
}

fn named(copy: &Path, age: Duration) -> String {
    let (number, unit) = match age.as_secs() {
        seconds @ 0..120 => (seconds, "seconds"),
        seconds @ 120..7200 => (seconds / 60, "minutes"),
        seconds @ 7200..172_800 => (seconds / 3600, "hours"),
        seconds => (seconds / 86_400, "days"),
    };
    format!("the copy {} of {number} {unit} ago", copy.display())
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infrastructure::storage::keeping_contract::NEWEST;

    #[test]
    fn what_every_migration_keeps_is_known_as_a_copy() {
        for former in 1..NEWEST {
            let kept = format!("schema-{former}");
            assert!(JSON.copies.contains(&kept.as_str()), "{kept}");
            #[cfg(feature = "sqlite")]
            assert!(SQLITE.copies.contains(&kept.as_str()), "{kept}");
        }
    }
}
