//! What every store on a disk withstands, as one suite of tests: hostile files, full disks, other processes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::contract::Harness;
use super::other_process;
use super::samples::{self, acquire_id, at, return_id};
use crate::application::StorageError;
use crate::application::ports::{Changes, UnitOfWork};
use crate::domain::RequestId;

/// A [`Harness`] whose store lies in a work folder.
pub(super) trait DiskHarness: Harness {
    /// The store's file below `data`.
    const FILE: &'static str;

    /// Opens the store that lies below `work`.
    fn open_at(work: &Path, lock_timeout: Duration) -> Arc<dyn UnitOfWork>;

    fn work(&self) -> &Path;

    fn file(&self) -> PathBuf {
        self.work().join("data").join(Self::FILE)
    }
}

/// Makes a module of tests for a [`DiskHarness`].
macro_rules! disk_contract {
    ($harness:ty) => {
        $crate::infrastructure::storage::adversity::disk_contract!($harness;
            reading_a_store_that_never_was_makes_nothing,
            an_empty_file_is_refused_and_left_alone,
            a_file_of_something_else_is_refused_and_left_alone,
            a_file_cut_short_anywhere_is_refused_and_left_alone,
            what_others_may_write_is_refused_with_a_chmod_hint,
            what_another_user_owns_is_refused,
            a_symbolic_link_is_refused_and_its_target_left_alone,
            left_temporary_files_are_removed_by_the_next_writer,
            the_text_of_user_data_is_never_stored,
        );

        mod process_tests {
            use super::*;
            use $crate::infrastructure::storage::adversity as suite;

            #[test]
            fn files_and_folders_are_private_whatever_the_umask() {
                suite::private_whatever_the_umask(&<$harness>::default(), module_path!());
            }

            #[test]
            fn a_full_disk_is_an_error_and_leaves_the_store_as_it_was() {
                suite::full_disk(&<$harness>::default(), module_path!());
            }

            #[test]
            fn many_processes_that_commit_at_once_lose_nothing() {
                suite::many_processes(&<$harness>::default(), module_path!());
            }

            #[test]
            fn a_process_killed_while_it_commits_leaves_a_store_that_opens() {
                suite::killed_writers(&<$harness>::default(), module_path!());
            }

            #[tokio::test]
            #[ignore = "run in a process of its own by the tests above"]
            async fn child_commits() {
                suite::child_commits::<$harness>().await;
            }

            #[tokio::test]
            #[ignore = "run in a process of its own by the tests above"]
            async fn child_finds_the_disk_full() {
                suite::child_finds_the_disk_full::<$harness>().await;
            }

            #[tokio::test]
            #[ignore = "run in a process of its own by the tests above"]
            async fn child_commits_until_killed() {
                suite::child_commits_until_killed::<$harness>().await;
            }
        }
    };
    ($harness:ty; $($name:ident,)*) => {
        mod disk_tests {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                $crate::infrastructure::storage::adversity::$name(&<$harness>::default()).await;
            })*
        }
    };
}
pub(super) use disk_contract;

/// Writes a request with its template and hosts, so that there is something to lose.
pub(super) async fn fill(harness: &impl Harness) {
    let template = samples::template();
    let (mut request, mut hosts) = samples::settled(1);
    let changes = Changes {
        template: Some(&template),
        requests: vec![&mut request],
        machines: hosts.iter_mut().collect(),
        ..Changes::default()
    };
    harness.open().commit(changes, at(1)).await.unwrap();
}

/// Checks that neither a read nor a commit believes the store, that both say so, and that the file stays as it is.
pub(super) async fn is_refused<H: DiskHarness>(harness: &H, hints: &[&str]) {
    let before = fs::read(harness.file()).unwrap();
    let store = harness.open();
    let read = store.request(&acquire_id(1)).await.map(|_| ()).unwrap_err();
    let mut request = samples::give_back(1);
    let changes = Changes { requests: vec![&mut request], ..Changes::default() };
    let written = harness.open().commit(changes, at(1)).await.unwrap_err();
    for error in [read, written] {
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(&harness.work().join("data").display().to_string()), "{text}");
        for hint in hints {
            assert!(text.contains(hint), "{text} lacks {hint}");
        }
    }
    assert!(request.snapshot().version.is_new());
    drop(store);
    assert!(fs::read(harness.file()).unwrap() == before, "the file was changed");
}

#[expect(clippy::disallowed_methods, reason = "the test plays whoever damages the file")]
pub(super) fn overwrite(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) async fn reading_a_store_that_never_was_makes_nothing<H: DiskHarness>(harness: &H) {
    super::contract::what_was_never_stored_is_not_there(harness).await;
    assert!(!harness.file().exists());
}

pub(super) async fn an_empty_file_is_refused_and_left_alone<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    overwrite(&harness.file(), b"");
    is_refused(harness, &["is empty", "backup"]).await;
}

pub(super) async fn a_file_of_something_else_is_refused_and_left_alone<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    for foreign in [&b"{}"[..], b"[1, 2]", b"null", b"\0\0\0\0", b"{\"requests\": {}}", &[b'x'; 8192]] {
        overwrite(&harness.file(), foreign);
        is_refused(harness, &["backup"]).await;
    }
}

pub(super) async fn a_file_cut_short_anywhere_is_refused_and_left_alone<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    let whole = fs::read(harness.file()).unwrap();
    let step = whole.len() / 150 + 1;
    for length in (1..whole.len()).step_by(step).chain([whole.len() - 1]) {
        overwrite(&harness.file(), &whole[..length]);
        is_refused(harness, &["backup"]).await;
    }
    overwrite(&harness.file(), &whole);
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_some());
}

pub(super) async fn what_others_may_write_is_refused_with_a_chmod_hint<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    for mode in [0o666, 0o620, 0o602] {
        set_mode(&harness.file(), mode);
        is_refused(harness, &["chmod go-w"]).await;
    }
    set_mode(&harness.file(), 0o600);
    for mode in [0o777, 0o770, 0o1777] {
        set_mode(&harness.work().join("data"), mode);
        is_refused(harness, &["chmod go-w"]).await;
    }
    set_mode(&harness.work().join("data"), 0o755);
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_some());
}

pub(super) async fn what_another_user_owns_is_refused<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    if fs::metadata(harness.file()).unwrap().uid() != 0 {
        return; // Only root can give files away.
    }
    for path in [harness.file(), harness.work().join("data")] {
        chown(&path, Some(1), None).unwrap();
        is_refused(harness, &["belongs to user 1", "chown 0"]).await;
        chown(&path, Some(0), None).unwrap();
    }
}

pub(super) async fn a_symbolic_link_is_refused_and_its_target_left_alone<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    let canary = harness.work().join("canary");
    let stored = fs::read(harness.file()).unwrap();
    overwrite(&canary, &stored);
    set_mode(&canary, 0o600);
    let data = harness.work().join("data");
    let lock = data.join("request_database.lock");
    for planted in [harness.file(), lock] {
        let _ = fs::remove_file(&planted);
        symlink(&canary, &planted).unwrap();
        let mut request = samples::give_back(1);
        let changes = Changes { requests: vec![&mut request], ..Changes::default() };
        let error = harness.open().commit(changes, at(1)).await.unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{error}");
        assert!(fs::read(&canary).unwrap() == stored && fs::symlink_metadata(&planted).unwrap().is_symlink());
        let _ = fs::remove_file(harness.file());
    }
    fs::remove_dir_all(&data).unwrap();
    let elsewhere = harness.work().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    symlink(&elsewhere, &data).unwrap();
    assert!(harness.open().request(&acquire_id(1)).await.unwrap_err().to_string().contains("symbolic link"));
}

pub(super) async fn left_temporary_files_are_removed_by_the_next_writer<H: DiskHarness>(harness: &H) {
    let left = harness.work().join("data").join(format!(".{}.abc.tmp", H::FILE));
    fs::create_dir(harness.work().join("data")).unwrap();
    overwrite(&left, b"half");
    fill(harness).await;
    assert!(!left.exists());
}

pub(super) async fn the_text_of_user_data_is_never_stored<H: DiskHarness>(harness: &H) {
    fill(harness).await;
    for entry in fs::read_dir(harness.work().join("data")).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
    }
}

fn child_name(module: &str, test: &str) -> String {
    let path = module.split_once("::").map_or(module, |(_, path)| path);
    format!("{path}::{test}")
}

pub(super) fn private_whatever_the_umask<H: DiskHarness>(harness: &H, module: &str) {
    other_process::passed(other_process::start(&child_name(module, "child_commits"), harness.work(), "umask 000"));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&harness.work().join("data")), 0o700);
    let mut files = 0;
    for entry in fs::read_dir(harness.work().join("data")).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
        files += 1;
    }
    assert!(files >= 2);
}

pub(super) fn full_disk<H: DiskHarness>(harness: &H, module: &str) {
    block_on(fill(harness));
    // No file may grow past the limit, and trying is an error rather than a signal.
    let child = child_name(module, "child_finds_the_disk_full");
    other_process::passed(other_process::start(&child, harness.work(), "trap '' XFSZ; ulimit -f 200"));
    let store = harness.open();
    assert!(block_on(store.request(&acquire_id(1))).unwrap().is_some());
    assert!(block_on(store.request(&return_id(1))).unwrap().is_none());
    block_on(fill_more(&*store));
}

pub(super) async fn fill_more(store: &dyn UnitOfWork) {
    let mut request = samples::give_back(1);
    store.commit(Changes { requests: vec![&mut request], ..Changes::default() }, at(2)).await.unwrap();
}

pub(super) async fn child_finds_the_disk_full<H: DiskHarness>() {
    let store = H::open_at(Path::new("."), Duration::from_secs(10));
    let mut request = samples::give_back(1);
    request.open_items_mut()[0].problem = Some("x".repeat(1_000_000));
    for _ in 0..2 {
        let changes = Changes { requests: vec![&mut request], ..Changes::default() };
        let error = store.commit(changes, at(1)).await.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable { .. }), "{error}");
        assert!(store.request(&return_id(1)).await.unwrap().is_none());
        assert!(store.request(&acquire_id(1)).await.unwrap().is_some());
    }
}

pub(super) fn many_processes<H: DiskHarness>(harness: &H, module: &str) {
    const PROCESSES: usize = 24;
    let child = child_name(module, "child_commits");
    let children: Vec<_> = (0..PROCESSES).map(|_| other_process::start(&child, harness.work(), "")).collect();
    children.into_iter().for_each(other_process::passed);
    let events = block_on(harness.open().undelivered(usize::MAX)).unwrap();
    assert_eq!(events.len(), PROCESSES * COMMITS);
    assert!((1..).zip(&events).all(|(sequence, event)| event.sequence == sequence));
}

const COMMITS: usize = 4;

/// Makes a few requests of its own, each synced.
pub(super) async fn child_commits<H: DiskHarness>() {
    for _ in 0..COMMITS {
        let store = H::open_at(Path::new("."), Duration::from_mins(1));
        commit_one(&*store).await;
    }
}

pub(super) async fn child_commits_until_killed<H: DiskHarness>() {
    loop {
        let store = H::open_at(Path::new("."), Duration::from_mins(1));
        for _ in 0..10 {
            commit_one(&*store).await;
        }
    }
}

async fn commit_one(store: &dyn UnitOfWork) -> RequestId {
    use crate::application::ports::IdSource;
    let id = crate::infrastructure::ids::RandomIds.request_id(crate::domain::RequestKind::Return);
    let items = samples::give_back(1).as_return().unwrap().items.clone();
    let policy = crate::domain::request::RequestPolicy::default();
    let mut request = crate::domain::request::Request::give_back(id.clone(), items, &policy, at(1)).unwrap();
    store.commit(Changes { requests: vec![&mut request], ..Changes::default() }, at(1)).await.unwrap();
    assert_eq!(store.request(&id).await.unwrap().unwrap().snapshot(), request.snapshot());
    id
}

pub(super) fn killed_writers<H: DiskHarness>(harness: &H, module: &str) {
    let child = child_name(module, "child_commits_until_killed");
    let mut before = 0;
    for _ in 0..10 {
        let mut writers: Vec<_> = (0..2).map(|_| other_process::start(&child, harness.work(), "")).collect();
        // Some commits have gone by, so that the kill hits one at a random place.
        let store = H::open_at(harness.work(), Duration::from_secs(30));
        let events = other_process::eventually(|| {
            let events = block_on(store.undelivered(usize::MAX)).unwrap().len();
            (events > before + 3).then_some(events)
        });
        for writer in &mut writers {
            writer.kill().unwrap();
            writer.wait().unwrap();
        }
        let events_after = block_on(harness.open().undelivered(usize::MAX)).unwrap();
        assert!(events_after.len() >= events);
        assert!((1..).zip(&events_after).all(|(sequence, event)| event.sequence == sequence));
        before = events_after.len();
        // Nobody has to clean up before the next commit.
        let start = std::time::Instant::now();
        block_on(commit_one(&*store));
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
