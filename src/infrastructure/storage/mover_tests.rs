//! Stores that are moved, in both directions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::super::samples::{self, acquire_id, at};
use super::super::sqlite::SqliteStore;
use super::super::{JsonStore, strategy};
use super::*;
use crate::application::ports::{Changes, UnitOfWork};

const TIMEOUT: Duration = Duration::from_secs(30);
const BOTH: [(StorageStrategy, StorageStrategy); 2] =
    [(StorageStrategy::Json, StorageStrategy::Sqlite), (StorageStrategy::Sqlite, StorageStrategy::Json)];

fn store(work: &Path, strategy: StorageStrategy) -> Arc<dyn UnitOfWork> {
    match strategy {
        StorageStrategy::Json => Arc::new(JsonStore::new(work, TIMEOUT, Duration::from_hours(24))),
        StorageStrategy::Sqlite => Arc::new(SqliteStore::new(work, TIMEOUT, Duration::from_hours(24))),
    }
}

async fn fill(store: &dyn UnitOfWork, number: u32) -> Result<(), StorageError> {
    let template = samples::template();
    let ((mut request, mut hosts), mut back) = (samples::settled(number), samples::give_back(number));
    let changes = Changes {
        template: Some(&template),
        requests: vec![&mut request, &mut back],
        machines: hosts.iter_mut().collect(),
        ..Changes::default()
    };
    store.commit(changes, at(i64::from(number))).await
}

fn mover(work: &Path, strategy: StorageStrategy) -> FileMover {
    FileMover::new(work, TIMEOUT, strategy)
}

async fn migrate(work: &Path, from: StorageStrategy, to: StorageStrategy) -> Result<Moved, StorageError> {
    mover(work, from).migrate(to, Present::IsRespected, at(100)).await
}

async fn everything(work: &Path, strategy: StorageStrategy) -> Archive {
    mover(work, strategy).export("grid-1".parse().unwrap(), at(200)).await.unwrap()
}

#[tokio::test]
async fn everything_comes_along_and_back_to_the_last_event() {
    for (from, to) in BOTH {
        let work = tempfile::tempdir().unwrap();
        let first = store(work.path(), from);
        fill(&*first, 1).await.unwrap();
        fill(&*first, 2).await.unwrap();
        let delivered = first.undelivered(3).await.unwrap().last().unwrap().sequence;
        first.acknowledge(delivered).await.unwrap();
        let before = everything(work.path(), from).await;
        assert_eq!((before.requests.len(), before.machines.len(), before.delivered), (4, 4, delivered));
        let moved = migrate(work.path(), from, to).await.unwrap();
        assert!(moved.done && moved.remarks.is_empty(), "{moved:?}");
        assert_eq!(strategy::migrated_to(work.path()).unwrap(), Some(to));
        assert_eq!(everything(work.path(), to).await, before);
        fill(&*store(work.path(), to), 3).await.unwrap();
        let more = everything(work.path(), to).await;
        assert!(migrate(work.path(), to, from).await.unwrap().done);
        assert_eq!(everything(work.path(), from).await, more);
        fill(&*store(work.path(), from), 4).await.unwrap();
        // Nothing was lost on the way: the former stores are there under the names that were told.
        assert!(moved.aside.iter().all(|path| path.exists()), "{moved:?}");
    }
}

#[tokio::test]
async fn who_began_before_the_migration_commits_nothing_to_the_former_store() {
    for (from, to) in BOTH {
        let work = tempfile::tempdir().unwrap();
        let early = store(work.path(), from);
        fill(&*early, 1).await.unwrap();
        assert!(early.request(&acquire_id(1)).await.unwrap().is_some());
        migrate(work.path(), from, to).await.unwrap();
        let after = everything(work.path(), to).await;
        let error = fill(&*early, 2).await.unwrap_err();
        assert!(error.to_string().contains("was migrated from"), "{error}");
        assert!(early.purge(at(10_000_000), 10).await.is_err());
        assert_eq!(everything(work.path(), to).await, after);
        fill(&*store(work.path(), to), 2).await.unwrap();
    }
}

#[tokio::test]
async fn what_an_interrupted_migration_left_is_no_store_that_is_in_the_way() {
    for (from, to) in BOTH {
        let work = tempfile::tempdir().unwrap();
        fill(&*store(work.path(), from), 1).await.unwrap();
        migrate(work.path(), from, to).await.unwrap();
        // As it is left when the process dies before the step that puts the new store in force.
        migrate(work.path(), to, from).await.unwrap();
        let place = |strategy| match strategy {
            StorageStrategy::Json => super::super::place::JSON.store,
            StorageStrategy::Sqlite => super::super::place::SQLITE.store,
        };
        let left = work.path().join("data").join(place(to));
        let other = tempfile::tempdir().unwrap();
        fill(&*store(other.path(), to), 7).await.unwrap();
        std::fs::copy(other.path().join("data").join(place(to)), &left).unwrap();
        let refused = migrate(work.path(), from, to).await.unwrap_err();
        assert!(refused.to_string().contains("holds something else"), "{refused}");
        files::create_atomic(&beside(&left, UNFINISHED), b"x").unwrap();
        let before = everything(work.path(), from).await;
        assert!(migrate(work.path(), from, to).await.unwrap().done);
        assert_eq!(everything(work.path(), to).await, before);
        assert!(!beside(&left, UNFINISHED).exists());
    }
}

#[tokio::test]
async fn a_store_that_is_damaged_or_not_there_is_not_migrated() {
    for (from, to) in BOTH {
        let work = tempfile::tempdir().unwrap();
        let nothing = migrate(work.path(), from, to).await.unwrap_err();
        assert!(nothing.to_string().contains("set storage.strategy to"), "{nothing}");
        assert!(!migrate(work.path(), from, from).await.unwrap().done);
        fill(&*store(work.path(), from), 1).await.unwrap();
        let path = match from {
            StorageStrategy::Json => work.path().join("data/request_database.json"),
            StorageStrategy::Sqlite => work.path().join("data/request_database.db"),
        };
        let bytes = std::fs::read(&path).unwrap();
        super::super::adversity::overwrite(&path, &bytes[..bytes.len() / 2]);
        migrate(work.path(), from, to).await.unwrap_err();
        assert_eq!(strategy::migrated_to(work.path()).unwrap(), None);
    }
}

#[tokio::test]
async fn an_archive_holds_no_secret_and_belongs_to_its_installation() {
    let work = tempfile::tempdir().unwrap();
    fill(&*store(work.path(), StorageStrategy::Json), 1).await.unwrap();
    let archive = everything(work.path(), StorageStrategy::Json).await;
    assert!(!serde_json::to_string(&archive).unwrap().contains("hunter2"));
    let other = tempfile::tempdir().unwrap();
    fill(&*store(other.path(), StorageStrategy::Json), 2).await.unwrap();
    super::super::installation::keep(other.path(), &"grid-2".parse().unwrap()).unwrap();
    let into = mover(other.path(), StorageStrategy::Json);
    let error = into.import(archive.clone(), Present::IsSetAside, at(300)).await.unwrap_err();
    assert!(error.to_string().contains("grid-1") && error.to_string().contains("grid-2"), "{error}");
    for bad in [
        Archive { format: "x".to_owned(), ..archive.clone() },
        Archive { schema: 99, ..archive.clone() },
        Archive { next_sequence: 1, ..archive },
    ] {
        into.import(bad, Present::IsSetAside, at(300)).await.unwrap_err();
    }
}
