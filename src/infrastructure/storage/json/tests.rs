use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{JsonKeeper, JsonStore};
use crate::application::StorageError;
use crate::application::ports::{Changes, StoreKeeper, UnitOfWork};
use crate::domain::request::Request;
use crate::infrastructure::file_system::FileSystem;
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::adversity::{self, DiskHarness};
use crate::infrastructure::storage::contract::{self, Harness};
use crate::infrastructure::storage::keeping_contract::{self, KeptHarness};
use crate::infrastructure::storage::samples;
use crate::infrastructure::storage::{lists_contract, recovery_contract};

struct Folder(tempfile::TempDir);

impl Default for Folder {
    fn default() -> Self {
        Self(tempfile::tempdir().unwrap())
    }
}

impl DiskHarness for Folder {
    const FILE: &'static str = "request_database.json";

    fn open_at(work: &Path, lock_timeout: Duration) -> Arc<dyn UnitOfWork> {
        Arc::new(JsonStore::new(work, lock_timeout, Duration::from_hours(24)))
    }

    fn work(&self) -> &Path {
        self.0.path()
    }
}

impl Harness for Folder {
    fn open(&self) -> Arc<dyn UnitOfWork> {
        Self::open_at(self.0.path(), Duration::from_mins(1))
    }
}

contract::store_contract!(Folder);
recovery_contract::recovery_contract!(Folder);
lists_contract::lists_contract!(Folder);
adversity::disk_contract!(Folder);
keeping_contract::keeping_contract!(Folder);

impl KeptHarness for Folder {
    const COPY: &'static str = "previous";

    fn keeper(&self) -> Arc<dyn StoreKeeper> {
        Arc::new(JsonKeeper::new(self.work(), Duration::from_mins(1)))
    }

    fn write_schema_1(&self) {
        let mut text = String::from("\",\n\"schema\":1,\n\"nextSequence\":1");
        for table in ["templates", "requests", "machines"] {
            let documents = keeping_contract::schema_1_documents();
            let entries = documents.iter().filter(|(of, ..)| *of == table);
            let entries: Vec<_> = entries.map(|(_, key, document)| format!("\n\"{key}\":{document}")).collect();
            text.extend([",\n\"", table, "\":{", &entries.join(","), "}"]);
        }
        text.push_str(",\n\"events\":[]}\n");
        let sum = crate::infrastructure::storage::checksum::of(&[text.as_bytes()]);
        let text = format!("{{\"checksum\":\"{sum:016x}{text}");
        crate::infrastructure::files::private_folder(&self.work().join("data")).unwrap();
        adversity::overwrite(&self.file(), text.as_bytes());
    }

    fn schema_of(file: &Path) -> u64 {
        let document: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        document["schema"].as_u64().unwrap()
    }

    fn expire_copy(&self) {}
}

/// The same store as on a file system that machines share.
#[derive(Default)]
struct Shared(Folder);

impl Harness for Shared {
    fn open(&self) -> Arc<dyn UnitOfWork> {
        let store = JsonStore::new(self.0.work(), Duration::from_mins(1), Duration::from_hours(24));
        Arc::new(store.on(FileSystem::Network("NFS")))
    }
}

mod on_a_shared_file_system {
    use super::{Shared, contract};
    contract::store_contract!(Shared);
}

fn changes(request: &mut Request) -> Changes<'_> {
    Changes { requests: vec![request], ..Changes::default() }
}

#[tokio::test]
async fn the_file_is_one_json_document_with_a_line_for_each_thing() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let text = std::fs::read_to_string(folder.file()).unwrap();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<_> = ["checksum", "schema", "nextSequence", "templates", "requests", "machines", "events"].into();
    assert!(keys.iter().all(|key| document.get(key).is_some()), "{text}");
    assert_eq!(document["schema"], 3);
    assert_eq!(document["machines"].as_object().unwrap().len(), 2);
    assert!(text.lines().any(|line| line.starts_with(&format!("\"{}\":{{", samples::acquire_id(1)))), "{text}");
}

#[tokio::test]
async fn every_flipped_byte_is_noticed() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let whole = std::fs::read(folder.file()).unwrap();
    let step = whole.len() / 600 + 1;
    for (at, bit) in (0..100).chain((100..whole.len()).step_by(step)).zip((0..8).cycle()) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << bit;
        adversity::overwrite(&folder.file(), &flipped);
        let error = folder.open().request(&samples::acquire_id(1)).await.unwrap_err();
        assert!(matches!(error, StorageError::Corrupt { .. }), "byte {at}: {error}");
    }
    adversity::is_refused(&folder, &["backup"]).await;
    adversity::overwrite(&folder.file(), &[&whole[..], b" "].concat());
    adversity::is_refused(&folder, &["cut short or changed"]).await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions_and_left_alone() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let text = std::fs::read_to_string(folder.file()).unwrap().replace("\"schema\":3", "\"schema\":7");
    adversity::overwrite(&folder.file(), text.as_bytes());
    adversity::is_refused(&folder, &["schema 7", "up to 3", "newer version"]).await;
    adversity::overwrite(&folder.file(), b"{\"checksum\": \"another\", \"schema\": 9, \"hosts\": []}");
    adversity::is_refused(&folder, &["schema 9", "up to 3", "newer version"]).await;
}

#[tokio::test]
async fn a_held_lock_stops_a_commit_after_the_time_out_and_no_reader() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let lock = folder.work().join("data/request_database.lock");
    let held = FileLock::try_acquire(&lock).unwrap().unwrap();
    let store = Folder::open_at(folder.work(), Duration::from_millis(50));
    let mut request = samples::give_back(1);
    let error = store.commit(changes(&mut request), samples::at(1)).await.unwrap_err();
    assert!(matches!(&error, StorageError::Busy { resource, .. } if resource.contains("request_database.lock")));
    assert!(store.request(&samples::acquire_id(1)).await.unwrap().is_some());
    drop(held);
    store.commit(changes(&mut request), samples::at(1)).await.unwrap();
}

#[tokio::test]
async fn a_store_sees_what_another_has_committed_since_its_last_read() {
    let folder = Folder::default();
    let (one, other) = (folder.open(), folder.open());
    for number in 1..20 {
        assert!(one.request(&samples::return_id(number)).await.unwrap().is_none());
        other.commit(changes(&mut samples::give_back(number)), samples::at(1)).await.unwrap();
        assert!(one.request(&samples::return_id(number)).await.unwrap().is_some());
        assert_eq!(one.undelivered(usize::MAX).await.unwrap().len(), number as usize);
    }
}

#[tokio::test]
async fn a_lost_or_damaged_note_of_what_is_delivered_delivers_again() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let store = folder.open();
    let all = store.undelivered(usize::MAX).await.unwrap().len();
    let note = folder.work().join("data/request_database.delivered");
    for damaged in ["", "x\n", "2", "-1\n", "99999\n", "99999999999999999999999999\n", "\0\0\n"] {
        store.acknowledge(all as u64).await.unwrap();
        assert!(store.undelivered(usize::MAX).await.unwrap().is_empty());
        adversity::overwrite(&note, damaged.as_bytes());
        assert_eq!(store.undelivered(usize::MAX).await.unwrap().len(), all, "{damaged:?}");
    }
}
