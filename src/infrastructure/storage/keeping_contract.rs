//! What every store on a disk keeps beside itself, and how it comes back: markers, copies, migration, recovery.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::adversity::{DiskHarness, fill, overwrite};
use super::contract::in_threads;
use super::samples::{self, acquire_id, at, machine_id, return_id};
use super::{other_process, rules};
use crate::application::StorageError;
use crate::application::ports::{Changes, Condition, Depth, StoreKeeper};
use crate::domain::Timestamp;
use crate::domain::machine::MachineStatus;

/// A [`DiskHarness`] whose store can be recovered and comes from older versions.
pub(super) trait KeptHarness: DiskHarness {
    /// What its usual copy ends in.
    const COPY: &'static str;

    fn keeper(&self) -> Arc<dyn StoreKeeper>;

    /// Writes the store as schema 1 had it, with a settled request, two hosts and an open return.
    fn write_schema_1(&self);

    /// Returns the schema of the store, or of a copy of it.
    fn schema_of(file: &std::path::Path) -> u64;

    /// Makes the next commit of the store make its copy, whatever its age.
    fn expire_copy(&self);
}

/// Makes a module of tests for a [`KeptHarness`].
macro_rules! keeping_contract {
    ($harness:ty) => {
        $crate::infrastructure::storage::keeping_contract::keeping_contract!($harness;
            a_store_that_is_gone_is_refused_and_one_that_never_was_is_empty,
            a_store_of_the_other_strategy_is_not_passed_over,
            a_store_without_a_marker_gets_one_with_the_next_commit,
            damage_names_the_copy_its_age_and_the_command,
            a_damaged_store_is_recovered_from_its_copy_and_nothing_is_deleted,
            a_store_that_is_missing_or_empty_is_recovered_too,
            a_damaged_copy_is_passed_over_and_without_any_the_store_is_begun_anew,
            a_whole_store_is_not_recovered,
            a_dry_run_changes_nothing,
            checking_counts_what_there_is,
            an_outline_counts_the_same_and_finds_damage_too,
            checking_finds_nothing_wrong_with_a_store_that_others_write_to,
            schema_1_comes_up_as_schema_2_with_everything_claimed,
            before_a_migration_the_old_file_is_kept,
        );

        mod migration_tests {
            use super::*;
            use $crate::infrastructure::storage::keeping_contract as suite;

            #[test]
            fn row_34_killed_while_it_migrates_it_is_one_schema_or_the_other() {
                suite::killed_in_migration(&<$harness>::default(), module_path!());
            }

            #[tokio::test]
            #[ignore = "run in a process of its own by the tests above"]
            async fn child_migrates() {
                suite::child_migrates::<$harness>().await;
            }
        }
    };
    ($harness:ty; $($name:ident,)*) => {
        mod keeping_tests {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                $crate::infrastructure::storage::keeping_contract::$name(&<$harness>::default()).await;
            })*
        }
    };
}
pub(super) use keeping_contract;

async fn commit_another(harness: &impl KeptHarness, number: u32) -> Result<(), StorageError> {
    let mut request = samples::give_back(number);
    harness.open().commit(Changes { requests: vec![&mut request], ..Changes::default() }, at(10)).await
}

/// A store with two commits and a copy of the first.
async fn with_copy(harness: &impl KeptHarness) -> PathBuf {
    fill(harness).await;
    harness.expire_copy();
    commit_another(harness, 1).await.unwrap();
    let copy = super::place::beside(&harness.file(), <_ as Named>::copy(harness));
    assert!(copy.exists(), "{}", copy.display());
    copy
}

trait Named {
    fn copy(&self) -> &'static str;
}

impl<H: KeptHarness> Named for H {
    fn copy(&self) -> &'static str {
        H::COPY
    }
}

fn damage(harness: &impl KeptHarness) {
    let whole = fs::read(harness.file()).unwrap();
    overwrite(&harness.file(), &whole[..whole.len() / 2]);
}

pub(super) async fn a_store_that_is_gone_is_refused_and_one_that_never_was_is_empty<H: KeptHarness>(harness: &H) {
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_none());
    assert_eq!(harness.keeper().examine(Depth::Everything).await.unwrap().condition, Condition::NeverMade);
    fill(harness).await;
    fs::remove_file(harness.file()).unwrap();
    let error = harness.open().request(&acquire_id(1)).await.unwrap_err().to_string();
    for hint in [H::FILE, "is gone", "storage adopt", "backup"] {
        assert!(error.contains(hint), "{error} lacks {hint}");
    }
    commit_another(harness, 1).await.unwrap_err();
    assert!(!harness.file().exists());
    assert_eq!(harness.keeper().examine(Depth::Everything).await.unwrap().condition, Condition::Missing);
    harness.keeper().begin_anew().await.unwrap();
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_none());
    commit_another(harness, 1).await.unwrap();
    harness.keeper().begin_anew().await.unwrap_err();
    assert!(harness.open().request(&return_id(1)).await.unwrap().is_some());
}

pub(super) async fn a_store_of_the_other_strategy_is_not_passed_over<H: KeptHarness>(harness: &H) {
    let json = "request_database.json";
    let (other, word) = if H::FILE == json { ("request_database.db", "sqlite") } else { (json, "json") };
    fs::create_dir(harness.work().join("data")).unwrap();
    fs::set_permissions(harness.work().join("data"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    overwrite(&harness.work().join("data").join(other), b"anything");
    let read = harness.open().request(&acquire_id(1)).await.map(drop).unwrap_err();
    for error in [read, commit_another(harness, 1).await.unwrap_err()] {
        let text = error.to_string();
        assert!(text.contains(&format!("storage.strategy back to {word}")) && text.contains(other), "{text}");
    }
    assert!(!harness.file().exists());
    fs::remove_file(harness.work().join("data").join(other)).unwrap();
    commit_another(harness, 1).await.unwrap();
    overwrite(&harness.work().join("data").join(other), b"anything");
    commit_another(harness, 2).await.unwrap();
}

pub(super) async fn a_store_without_a_marker_gets_one_with_the_next_commit<H: KeptHarness>(harness: &H) {
    fill(harness).await;
    let marker = super::place::beside(&harness.file(), "made");
    fs::remove_file(&marker).unwrap();
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_some());
    commit_another(harness, 1).await.unwrap();
    assert!(marker.exists());
}

pub(super) async fn damage_names_the_copy_its_age_and_the_command<H: KeptHarness>(harness: &H) {
    let copy = with_copy(harness).await;
    damage(harness);
    let error = harness.open().request(&acquire_id(1)).await.unwrap_err().to_string();
    for hint in [copy.to_str().unwrap(), "seconds ago", "hostfactory storage recover"] {
        assert!(error.contains(hint), "{error} lacks {hint}");
    }
}

fn damaged_files(harness: &impl KeptHarness) -> Vec<PathBuf> {
    let entries = fs::read_dir(harness.work().join("data")).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.to_str().unwrap().contains(".damaged-")).collect()
}

async fn is_recovered(harness: &impl KeptHarness) {
    let recovery = harness.keeper().recover(at(99), true).await.unwrap();
    assert!(recovery.done && recovery.copy.is_some(), "{recovery:?}");
    let report = harness.keeper().examine(Depth::Everything).await.unwrap();
    assert_eq!((report.condition, report.findings.len()), (Condition::Whole, 0), "{report:?}");
    let store = harness.open();
    assert!(store.request(&acquire_id(1)).await.unwrap().is_some());
    assert_eq!(store.machines_of(&acquire_id(1)).await.unwrap().len(), 2);
    commit_another(harness, 7).await.unwrap();
}

pub(super) async fn a_damaged_store_is_recovered_from_its_copy_and_nothing_is_deleted<H: KeptHarness>(harness: &H) {
    with_copy(harness).await;
    damage(harness);
    let damaged = fs::read(harness.file()).unwrap();
    is_recovered(harness).await;
    let kept = damaged_files(harness);
    assert!(kept.iter().any(|path| fs::read(path).unwrap() == damaged), "{kept:?}");
}

pub(super) async fn a_store_that_is_missing_or_empty_is_recovered_too<H: KeptHarness>(harness: &H) {
    with_copy(harness).await;
    overwrite(&harness.file(), b"");
    is_recovered(harness).await;
    fs::remove_file(harness.file()).unwrap();
    is_recovered(harness).await;
}

pub(super) async fn a_damaged_copy_is_passed_over_and_without_any_the_store_is_begun_anew<H: KeptHarness>(harness: &H) {
    let copy = with_copy(harness).await;
    let whole = fs::read(&copy).unwrap();
    overwrite(&copy, &whole[..whole.len() / 2]);
    damage(harness);
    let recovery = harness.keeper().recover(at(99), true).await.unwrap();
    assert!(recovery.copy.is_none() && !recovery.moved.is_empty(), "{recovery:?}");
    assert!(!harness.file().exists() && damaged_files(harness).len() == recovery.moved.len());
    harness.open().request(&acquire_id(1)).await.unwrap_err();
    harness.keeper().begin_anew().await.unwrap();
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_none());
}

pub(super) async fn a_whole_store_is_not_recovered<H: KeptHarness>(harness: &H) {
    assert!(matches!(harness.keeper().recover(at(99), true).await, Err(StorageError::Corrupt { .. })));
    with_copy(harness).await;
    let error = harness.keeper().recover(at(99), true).await.unwrap_err().to_string();
    assert!(error.contains("is whole"), "{error}");
    assert!(harness.open().request(&return_id(1)).await.unwrap().is_some());
}

pub(super) async fn a_dry_run_changes_nothing<H: KeptHarness>(harness: &H) {
    with_copy(harness).await;
    damage(harness);
    let before = fs::read(harness.file()).unwrap();
    let recovery = harness.keeper().recover(at(99), false).await.unwrap();
    assert!(!recovery.done && recovery.copy.is_some() && recovery.moved.is_empty());
    assert!(fs::read(harness.file()).unwrap() == before && damaged_files(harness).is_empty());
}

pub(super) async fn checking_counts_what_there_is<H: KeptHarness>(harness: &H) {
    with_copy(harness).await;
    let report = harness.keeper().examine(Depth::Everything).await.unwrap();
    let contents = report.contents.unwrap();
    assert_eq!(contents.requests.values().sum::<usize>(), 2);
    assert_eq!(contents.machines.get("running"), Some(&1));
    assert_eq!((contents.machines.len(), contents.templates, contents.schema), (2, 1, 3));
    assert_eq!(contents.undelivered, Some(contents.events));
    assert_eq!(contents.last_commit, Some(at(10)));
    assert_eq!(report.copies.len(), 1);
    assert!(report.copies[0].contents.is_ok());
}

/// The schema of today.
pub(super) const NEWEST: u64 = 3;

async fn is_migrated<H: KeptHarness>(harness: &H) {
    assert_eq!(H::schema_of(&harness.file()), NEWEST);
    let store = harness.open();
    assert!(store.unclaimed(Timestamp::from_millis(i64::MAX)).await.unwrap().is_empty());
    let request = store.request(&acquire_id(1)).await.unwrap().unwrap();
    assert!(request.is_claimed());
    assert_eq!(request.snapshot().changed_at, request.snapshot().created_at);
    assert_eq!(store.machines_of(&acquire_id(1)).await.unwrap().len(), 2);
    assert_eq!(store.open_requests().await.unwrap(), [acquire_id(5), return_id(9)]);
    assert_eq!(harness.keeper().examine(Depth::Everything).await.unwrap().condition, Condition::Whole);
}

pub(super) async fn an_outline_counts_the_same_and_finds_damage_too(harness: &impl KeptHarness) {
    with_copy(harness).await;
    let keeper = harness.keeper();
    let mut read = keeper.examine(Depth::Everything).await.unwrap().contents.unwrap();
    assert!(read.events > 0 && read.last_commit.is_some() && read.digest.take().is_some());
    let outline = keeper.examine(Depth::Outline).await.unwrap();
    assert_eq!((outline.condition, outline.contents), (Condition::Whole, Some(read)));
    damage(harness);
    let outline = keeper.examine(Depth::Outline).await.unwrap();
    assert_eq!((outline.condition, outline.findings.len(), outline.contents), (Condition::Damaged, 1, None));
}

pub(super) async fn checking_finds_nothing_wrong_with_a_store_that_others_write_to(harness: &impl KeptHarness) {
    fill(harness).await;
    let writing = AtomicBool::new(true);
    in_threads(2, |thread| {
        let writing = &writing;
        async move {
            if thread == 0 {
                let store = harness.open();
                let mut host = samples::machine(1_000, Some(1), MachineStatus::Running);
                for _ in 0..200 {
                    host.miss(at(1).into());
                    let changes = Changes { machines: vec![&mut host], ..Changes::default() };
                    store.commit(changes, at(10)).await.unwrap();
                }
                writing.store(false, Ordering::Relaxed);
            }
            while writing.load(Ordering::Relaxed) {
                let report = harness.keeper().examine(Depth::Everything).await.unwrap();
                assert!(report.findings.is_empty(), "{report:?}");
            }
        }
    });
}

pub(super) async fn schema_1_comes_up_as_schema_2_with_everything_claimed<H: KeptHarness>(harness: &H) {
    harness.write_schema_1();
    let unclaimed = harness.open().unclaimed(Timestamp::from_millis(i64::MAX)).await.unwrap();
    assert!(unclaimed.is_empty(), "{unclaimed:?}");
    let mut hosts = harness.open().machines(&[machine_id(100)]).await.unwrap();
    hosts[0].list();
    let changes = Changes { machines: hosts.iter_mut().collect(), ..Changes::default() };
    harness.open().commit(changes, at(50)).await.unwrap();
    is_migrated(harness).await;
    // What comes after is not claimed by itself.
    let mut request = samples::acquire(8, 1);
    let changes = Changes { requests: vec![&mut request], ..Changes::default() };
    harness.open().commit(changes, at(60)).await.unwrap();
    assert_eq!(harness.open().unclaimed(at(1000)).await.unwrap(), [acquire_id(8)]);
    // And everything that was there can be purged in its time.
    let purged = harness.open().purge(at(10_000_000), 100).await.unwrap();
    assert_eq!((purged.requests, purged.machines), (0, 1));
}

pub(super) async fn before_a_migration_the_old_file_is_kept<H: KeptHarness>(harness: &H) {
    harness.write_schema_1();
    commit_another(harness, 3).await.unwrap();
    commit_another(harness, 4).await.unwrap();
    let kept = super::place::beside(&harness.file(), "schema-1");
    assert_eq!((H::schema_of(&kept), H::schema_of(&harness.file())), (1, NEWEST));
    let report = harness.keeper().examine(Depth::Everything).await.unwrap();
    let copy = report.copies.iter().find(|copy| copy.path == kept).unwrap();
    assert_eq!(copy.contents.as_ref().unwrap().requests.values().sum::<usize>(), 3);
}

/// Commits once, which migrates; killed somewhere on the way.
pub(super) async fn child_migrates<H: KeptHarness>() {
    let store = H::open_at(std::path::Path::new("."), Duration::from_mins(1));
    let mut request = samples::give_back(3);
    store.commit(Changes { requests: vec![&mut request], ..Changes::default() }, at(10)).await.unwrap();
}

pub(super) fn killed_in_migration<H: KeptHarness>(harness: &H, module: &str) {
    let path = module.split_once("::").map_or(module, |(_, path)| path);
    let child = format!("{path}::child_migrates");
    let mut schemas = [0; 3];
    for turn in 0..12_u32 {
        let _ = fs::remove_dir_all(harness.work().join("data"));
        harness.write_schema_1();
        let before = fs::read(harness.file()).unwrap();
        let mut writer = other_process::start(&child, harness.work(), "");
        // At another place each time: after so many looks at the folder, or once something has changed in it.
        let mut looks = 0;
        other_process::eventually(|| {
            looks += 1;
            let files = fs::read_dir(harness.work().join("data")).unwrap().count();
            let ended = writer.try_wait().unwrap().is_some();
            (ended || looks > 400 * turn || (turn % 3 == 0 && files > 2)).then_some(())
        });
        let _ = writer.kill();
        let _ = writer.wait();
        let schema = H::schema_of(&harness.file());
        assert!(schema == NEWEST || fs::read(harness.file()).unwrap().len() >= before.len());
        schemas[usize::try_from(schema).unwrap() - 1] += 1;
        block_on(async {
            let report = harness.keeper().examine(Depth::Everything).await.unwrap();
            assert_eq!(report.condition, Condition::Whole, "{report:?}");
            commit_another(harness, 4).await.unwrap();
            is_migrated_after_kill(harness).await;
        });
    }
    assert!(schemas.iter().sum::<i32>() == 12, "{schemas:?}");
}

async fn is_migrated_after_kill<H: KeptHarness>(harness: &H) {
    assert_eq!(H::schema_of(&harness.file()), NEWEST);
    assert!(harness.open().unclaimed(Timestamp::from_millis(i64::MAX)).await.unwrap().is_empty());
    assert!(super::place::beside(&harness.file(), "schema-1").exists());
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Rows and documents as schema 1 had them: table, key, document without what schema 2 added.
pub(super) fn schema_1_documents() -> Vec<(&'static str, String, String)> {
    let (mut settled, mut hosts) = samples::settled(1);
    let (mut open, mut back) = (samples::acquire(5, 1), samples::give_back(9));
    let mut found = Vec::new();
    let template = samples::template();
    found.push(("templates", template.digest().to_string(), rules::template_text(&template).unwrap()));
    for request in [&mut settled, &mut open, &mut back] {
        request.mark_committed(at(1));
        let text = without(serde_json::to_value(request.snapshot()).unwrap(), &["claimedAt", "changedAt"]);
        found.push(("requests", request.id().to_string(), text));
    }
    for host in &mut hosts {
        host.mark_committed(at(1));
        let text = without(serde_json::to_value(host.snapshot()).unwrap(), &["listed", "changedAt"]);
        found.push(("machines", host.id().to_string(), text));
    }
    assert!(hosts.iter().any(|host| host.status() == MachineStatus::Terminated));
    found
}

fn without(mut document: serde_json::Value, members: &[&str]) -> String {
    for member in members {
        document.as_object_mut().unwrap().remove(*member);
    }
    document.to_string()
}
