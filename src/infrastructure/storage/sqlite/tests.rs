use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::{SqliteKeeper, SqliteStore};
use crate::application::StorageError;
use crate::application::ports::{Changes, Outbox, StoreKeeper, UnitOfWork};
use crate::domain::request::Request;
use crate::infrastructure::file_system::FileSystem;
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
    const FILE: &'static str = "request_database.db";

    fn open_at(work: &Path, lock_timeout: Duration) -> Arc<dyn UnitOfWork> {
        Arc::new(SqliteStore::new(work, lock_timeout, Duration::from_hours(24)))
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
    const COPY: &'static str = "copy";

    fn keeper(&self) -> Arc<dyn StoreKeeper> {
        Arc::new(SqliteKeeper::new(self.work(), Duration::from_mins(1)))
    }

    fn write_schema_1(&self) {
        crate::infrastructure::files::private_folder(&self.work().join("data")).unwrap();
        let database = Connection::open(self.file()).unwrap();
        std::fs::set_permissions(self.file(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        database.execute_batch(include_str!("migrations/0001_initial.sql")).unwrap();
        database.pragma_update(None, "application_id", super::header::APPLICATION).unwrap();
        for (table, key, text) in keeping_contract::schema_1_documents() {
            let sum =
                crate::infrastructure::storage::checksum::of(&[table.as_bytes(), key.as_bytes(), text.as_bytes()]);
            let document: serde_json::Value = serde_json::from_str(&text).unwrap();
            let held = document["status"] == "running" && table == "machines";
            let settled = document["status"] != "running" && table == "requests";
            let sql = match table {
                "templates" => "INSERT INTO templates VALUES (?1, 'Template-1', ?2, ?3)",
                "requests" => "INSERT INTO requests VALUES (?1, 1, NULL, 0, ?4, ?2, ?3)",
                _ => "INSERT INTO machines VALUES (?1, 1, ?5, 'Template-1', NULL, ?6, ?4, ?2, ?3)",
            };
            let mut statement = database.prepare(sql).unwrap();
            let flag = held || settled;
            let request = document["requestId"].as_str().unwrap_or_default();
            let status = document["status"].as_str().unwrap_or_default();
            let sum = sum.cast_signed();
            match table {
                "templates" => statement.execute(rusqlite::params![key, text, sum]).unwrap(),
                "requests" => statement.execute(rusqlite::params![key, text, sum, flag]).unwrap(),
                _ => statement.execute(rusqlite::params![key, text, sum, flag, request, status]).unwrap(),
            };
        }
        database.pragma_update(None, "user_version", 1).unwrap();
        database.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
    }

    fn schema_of(file: &Path) -> u64 {
        let database = Connection::open(file).unwrap();
        let schema: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        schema.try_into().unwrap()
    }

    fn expire_copy(&self) {
        let _ = std::fs::remove_file(self.work().join("data/request_database.db.copy.lock"));
    }
}

/// The same store as on a file system that machines share.
#[derive(Default)]
struct Shared(Folder);

impl Harness for Shared {
    fn open(&self) -> Arc<dyn UnitOfWork> {
        let store = SqliteStore::new(self.0.work(), Duration::from_mins(1), Duration::from_hours(24));
        Arc::new(store.on(FileSystem::Network("NFS")))
    }
}

mod on_a_shared_file_system {
    use super::{Harness, Shared, adversity, contract};
    contract::store_contract!(Shared);

    #[tokio::test]
    async fn there_is_no_log_whose_index_lies_in_memory() {
        let shared = Shared::default();
        adversity::fill(&shared.0).await;
        let store = shared.open();
        adversity::fill_more(&*store).await;
        for suffix in ["-wal", "-shm"] {
            assert!(!shared.0.0.path().join(format!("data/request_database.db{suffix}")).exists());
        }
    }
}

fn changes(request: &mut Request) -> Changes<'_> {
    Changes { requests: vec![request], ..Changes::default() }
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_both_versions_and_left_alone() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    Connection::open(folder.file()).unwrap().pragma_update(None, "user_version", 7).unwrap();
    adversity::is_refused(&folder, &["schema 7", "up to 3", "newer version"]).await;
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    std::fs::remove_file(folder.file()).unwrap();
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("CREATE TABLE requests (id TEXT); INSERT INTO requests VALUES ('x');").unwrap();
    drop(other);
    std::fs::set_permissions(folder.file(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    adversity::is_refused(&folder, &["another program"]).await;
}

#[tokio::test]
async fn a_changed_document_is_noticed() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let database = Connection::open(folder.file()).unwrap();
    for table in ["requests", "machines", "templates", "events"] {
        let column = if table == "events" { "'sequence\":'" } else { "'\"'" };
        database
            .execute_batch(&format!("UPDATE {table} SET document = replace(document, {column}, {column} || ' ')"))
            .unwrap();
    }
    drop(database);
    let store = folder.open();
    let refusals = [
        store.request(&samples::acquire_id(1)).await.map(drop).unwrap_err(),
        store.machines_of(&samples::acquire_id(1)).await.map(drop).unwrap_err(),
        store.template(&samples::template().digest()).await.map(drop).unwrap_err(),
        store.undelivered(1).await.map(drop).unwrap_err(),
    ];
    for error in refusals {
        assert!(matches!(&error, StorageError::Corrupt { .. }) && error.to_string().contains("checksum"), "{error}");
    }
}

#[tokio::test]
async fn a_flipped_byte_never_gives_a_wrong_document() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let whole = std::fs::read(folder.file()).unwrap();
    let expected = folder.open().request(&samples::acquire_id(1)).await.unwrap().unwrap();
    let hosts = folder.open().machines_of(&samples::acquire_id(1)).await.unwrap();
    for (at, bit) in (0..whole.len()).step_by(whole.len() / 400 + 1).zip((0..8).cycle()) {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << bit;
        adversity::overwrite(&folder.file(), &flipped);
        let store = folder.open();
        if let Ok(Some(request)) = store.request(&samples::acquire_id(1)).await {
            assert_eq!(request.snapshot(), expected.snapshot(), "byte {at}");
        }
        for host in store.machines_of(&samples::acquire_id(1)).await.unwrap_or_default() {
            assert!(hosts.iter().any(|known| known.snapshot() == host.snapshot()), "byte {at}");
        }
    }
}

#[tokio::test]
async fn a_write_lock_stops_a_commit_after_the_time_out_and_no_reader() {
    let folder = Folder::default();
    adversity::fill(&folder).await;
    let holder = Connection::open(folder.file()).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = Folder::open_at(folder.work(), Duration::from_millis(50));
    let mut request = samples::give_back(1);
    let error = store.commit(changes(&mut request), samples::at(1)).await.unwrap_err();
    assert!(
        matches!(&error, StorageError::Busy { resource, waited }
        if resource.contains("request_database.db") && *waited >= Duration::from_millis(40)),
        "{error}"
    );
    assert!(store.request(&samples::acquire_id(1)).await.unwrap().is_some());
    holder.execute_batch("ROLLBACK").unwrap();
    store.commit(changes(&mut request), samples::at(1)).await.unwrap();
}

#[tokio::test]
async fn the_log_beside_an_open_database_is_private_too() {
    use std::os::unix::fs::MetadataExt;
    let folder = Folder::default();
    let store = folder.open();
    store.commit(changes(&mut samples::give_back(1)), samples::at(1)).await.unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = folder.work().join(format!("data/request_database.db{suffix}"));
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o600, "{}", path.display());
    }
    drop(store);
    assert!(!folder.work().join("data/request_database.db-wal").exists());
}

#[tokio::test]
async fn a_commit_is_synced_also_after_a_note_of_delivery_was_not() {
    let folder = Folder::default();
    let store = SqliteStore::new(folder.work(), Duration::from_secs(9), Duration::ZERO);
    store.commit(changes(&mut samples::give_back(1)), samples::at(1)).await.unwrap();
    store.acknowledge(1).await.unwrap();
    assert_eq!(store.synchronous(), 2);
    store.commit(changes(&mut samples::give_back(2)), samples::at(1)).await.unwrap();
    assert_eq!(store.synchronous(), 2);
}
