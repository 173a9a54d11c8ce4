use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use super::*;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_private_folder_is_made_for_its_owner_alone_and_kept_as_it_is() {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("a/b");
    assert!(!check_folder(&folder).unwrap());
    private_folder(&folder).unwrap();
    assert_eq!((mode(&folder), mode(&work.path().join("a"))), (0o700, 0o700));
    set_mode(&folder, 0o755);
    private_folder(&folder).unwrap();
    assert_eq!(mode(&folder), 0o755);
}

#[test]
fn a_folder_that_others_may_write_or_that_is_a_link_or_a_file_is_refused() {
    let work = tempfile::tempdir().unwrap();
    let folder = work.path().join("data");
    private_folder(&folder).unwrap();
    set_mode(&folder, 0o775);
    let error = private_folder(&folder).unwrap_err().to_string();
    assert!(error.contains("mode 0775") && error.contains(&format!("chmod go-w {}", folder.display())), "{error}");
    set_mode(&folder, 0o700);
    let link = work.path().join("link");
    symlink(&folder, &link).unwrap();
    assert!(private_folder(&link).unwrap_err().to_string().contains("symbolic link"));
    let file = work.path().join("file");
    write_atomic(&file, b"", Durability::Relaxed).unwrap();
    assert!(private_folder(&file).unwrap_err().to_string().contains("is not a folder"));
}

#[test]
fn an_atomic_write_replaces_the_whole_file_and_leaves_nothing_else() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    for (bytes, durability) in [(&b"first, and longer"[..], Durability::Synced), (b"second", Durability::Relaxed)] {
        write_atomic(&path, bytes, durability).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(names(work.path()), ["file"]);
    }
}

#[test]
fn a_failed_write_leaves_the_old_file_and_nothing_else() {
    let work = tempfile::tempdir().unwrap();
    let missing = work.path().join("missing/file");
    let error = write_atomic(&missing, b"x", Durability::Synced).unwrap_err();
    assert!(matches!(error, FileError::Io { .. }) && error.to_string().contains("missing/file"), "{error}");
    let folder = work.path().join("folder");
    fs::create_dir(&folder).unwrap();
    write_atomic(&folder, b"x", Durability::Synced).unwrap_err();
    assert_eq!(names(work.path()), ["folder"]);
}

#[test]
fn a_link_is_neither_read_nor_written_through() {
    let work = tempfile::tempdir().unwrap();
    let (canary, link) = (work.path().join("canary"), work.path().join("link"));
    write_atomic(&canary, b"alive", Durability::Relaxed).unwrap();
    symlink(&canary, &link).unwrap();
    let dangling = work.path().join("dangling");
    symlink(work.path().join("nowhere"), &dangling).unwrap();
    for path in [&link, &dangling] {
        write_atomic(path, b"dead", Durability::Relaxed).unwrap_err();
        open_or_create_private(path).unwrap_err();
        read_private(path, 10).unwrap_err();
        check_private(path).unwrap_err();
    }
    assert_eq!(fs::read(&canary).unwrap(), b"alive");
    assert_eq!(names(work.path()), ["canary", "dangling", "link"]);
}

#[test]
fn files_that_others_may_write_or_that_another_user_owns_are_refused() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    write_atomic(&path, b"x", Durability::Relaxed).unwrap();
    set_mode(&path, 0o622);
    assert!(read_private(&path, 10).unwrap_err().to_string().contains("chmod go-w"));
    write_atomic(&path, b"y", Durability::Relaxed).unwrap_err();
    set_mode(&path, 0o644);
    assert_eq!(read_private(&path, 10).unwrap().unwrap(), b"x");
    if fs::metadata(&path).unwrap().uid() == 0 {
        chown(&path, Some(1), None).unwrap();
        assert!(read_private(&path, 10).unwrap_err().to_string().contains("belongs to user 1"));
    }
}

#[test]
fn reading_stops_at_the_limit() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    write_atomic(&path, b"12345", Durability::Relaxed).unwrap();
    assert_eq!(read_limited(&path, 5).unwrap(), b"12345");
    assert!(read_limited(&path, 4).unwrap_err().to_string().contains("longer than 4 bytes"));
    assert!(read_limited(Path::new("/dev/zero"), 4).unwrap_err().to_string().contains("not a plain file"));
    assert!(read_private(&work.path().join("none"), 4).unwrap().is_none());
}

#[test]
fn a_file_is_created_once() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    assert!(create_atomic(&path, b"first").unwrap());
    assert!(!create_atomic(&path, b"second").unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(names(work.path()), ["file"]);
}

#[test]
fn sweeping_removes_what_was_left_for_this_file_and_nothing_else() {
    let work = tempfile::tempdir().unwrap();
    let path = work.path().join("file");
    for name in ["file", ".file.a.tmp", ".file.a.tmp-wal", ".file2.a.tmp", ".other.a.tmp", ".file.notes"] {
        open_or_create_private(&work.path().join(name)).unwrap();
    }
    let old = open_or_create_private(&work.path().join(".old.a.tmp")).unwrap();
    old.set_modified(old.metadata().unwrap().modified().unwrap() - 2 * ABANDONED).unwrap();
    sweep_temporaries(&path);
    assert_eq!(names(work.path()), [".file.notes", ".file2.a.tmp", ".other.a.tmp", "file"]);
}
