//! The JSON store as its operator sees it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use shaku::Component;

use super::cursor;
use super::document::{self, Damage};
use super::store::{DELIVERED, LIMIT, STORE};
use super::text::{Part, Text};
use crate::application::StorageError;
use crate::application::ports::{Contents, Depth, Recovery, StoreKeeper, StoreReport};
use crate::domain::Timestamp;
use crate::infrastructure::files::{self, Durability};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::examine::{self, Form, Unreadable, Whole};
use crate::infrastructure::storage::folder::{self, LOCK_TIMEOUT};
use crate::infrastructure::storage::outline::Outline;
use crate::infrastructure::storage::place::{self, LOCK, Place};
use crate::infrastructure::storage::{StoreState, rules};

/// Looks after `<work>/data/request_database.json`.
#[derive(Debug, Component)]
#[shaku(interface = StoreKeeper)]
pub struct JsonKeeper {
    /// The work folder.
    #[shaku(default)]
    work_dir: PathBuf,
    /// How long recovery waits for another process.
    #[shaku(default = LOCK_TIMEOUT)]
    lock_timeout: Duration,
}

impl JsonKeeper {
    /// Returns the keeper of this work folder's store.
    pub fn new(work_dir: impl Into<PathBuf>, lock_timeout: Duration) -> Self {
        Self { work_dir: work_dir.into(), lock_timeout }
    }

    async fn locked(&self) -> Result<(FileLock, PathBuf), StorageError> {
        let lock = FileLock::acquire(&folder::path_in_made(&self.work_dir, LOCK)?, self.lock_timeout).await?;
        Ok((lock, folder::path_in(&self.work_dir, STORE)?))
    }
}

/// The JSON store's form.
pub(in crate::infrastructure::storage) struct Json;

impl Form for Json {
    const PLACE: Place = place::JSON;

    fn read(&self, path: &Path) -> Result<Whole, Unreadable> {
        let (state, schema) = document::decode(&text_at(path)?).map_err(|damage| unreadable(&damage, path))?;
        Ok(Whole { state, schema, delivered: None, findings: Vec::new() })
    }

    fn outline(&self, path: &Path) -> Result<Option<Contents>, Unreadable> {
        let checked = Text::checked(text_at(path)?).map_err(|damage| unreadable(&damage, path))?;
        let Ok(text) = checked else { return Ok(None) };
        let delivered = self.delivered(path, text.next_sequence()).unwrap_or(0);
        let mut outline = Outline::new(document::SCHEMA, text.next_sequence(), delivered);
        text.entries(Part::Templates).for_each(|_| outline.template());
        let known = text.entries(Part::Requests).try_for_each(|entry| outline.request(entry.document));
        let known =
            known.and_then(|()| text.entries(Part::Machines).try_for_each(|entry| outline.machine(entry.document)));
        let known = known.and_then(|()| text.entries(Part::Events).try_for_each(|entry| outline.event(entry.document)));
        Ok(known.map(|()| outline.contents()))
    }

    fn count(&self, path: &Path) -> Option<(usize, usize)> {
        document::counts(&files::read_private(path, LIMIT).ok()??)
    }

    fn companions(&self, _: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    fn put(&self, copy: &Path, path: &Path) -> Result<(), StorageError> {
        let text = files::read_private(copy, LIMIT)?.unwrap_or_default();
        Ok(files::write_atomic(path, &text, Durability::Synced)?)
    }

    fn delivered(&self, path: &Path, next: u64) -> Option<u64> {
        Some(cursor::read(&path.with_file_name(DELIVERED), next))
    }
}

fn text_at(path: &Path) -> Result<Vec<u8>, Unreadable> {
    match files::read_private(path, LIMIT).map_err(StorageError::from) {
        Ok(text) => Ok(text.unwrap_or_default()),
        Err(StorageError::Corrupt { what, .. }) => Err(Unreadable::Damaged(what)),
        Err(error) => Err(Unreadable::Error(error)),
    }
}

fn unreadable(damage: &Damage, path: &Path) -> Unreadable {
    let finding = format!("{} {damage}", path.display());
    if matches!(damage, Damage::Newer(_)) { Unreadable::Newer(finding) } else { Unreadable::Damaged(finding) }
}

#[async_trait]
impl StoreKeeper for JsonKeeper {
    async fn examine(&self, depth: Depth) -> Result<StoreReport, StorageError> {
        examine::examine(&Json, &folder::path_in(&self.work_dir, STORE)?, depth)
    }

    async fn recover(&self, at: Timestamp, act: bool) -> Result<Recovery, StorageError> {
        let (_lock, path) = self.locked().await?;
        examine::recover(&Json, &path, at, act)
    }

    async fn begin_anew(&self) -> Result<(), StorageError> {
        let (_lock, path) = self.locked().await?;
        let text = document::encode(&StoreState::default());
        let text = text.map_err(|error| rules::unwritable("writing down the store", error))?;
        if !files::create_atomic(&path, &text)? {
            return Err(StorageError::Corrupt {
                what: format!("{} is there", path.display()),
                advice: "a new store is begun only where there is none".to_owned(),
            });
        }
        place::JSON.note_made(&path);
        Ok(())
    }
}
