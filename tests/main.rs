//! The one integration binary.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should stop")]

mod architecture;
#[cfg(all(feature = "aws", unix))]
mod campaigns;
mod catalogue;
mod cli;
#[cfg(unix)]
mod completing;
mod contract;
#[cfg(all(feature = "aws", unix))]
mod credentials;
#[cfg(all(feature = "aws", unix))]
mod discovery;
mod documents;
mod draw;
#[cfg(all(feature = "aws", unix))]
mod e2e;
#[cfg(unix)]
mod faults;
mod faults_document;
mod life;
mod manual;
mod migration;
mod newcomers;
mod operators;
#[cfg(all(target_os = "linux", feature = "sqlite", not(feature = "aws")))]
mod packages;
mod readers;
mod scripts;
mod seeing;
mod support;
#[cfg(unix)]
mod terminal;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// Every source file below `folder`, with its path; other crates below it are left out.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The root of the repository: where the tests run, not where they were compiled, which may have been another clone.
fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| std::env::current_dir().unwrap());
    &ROOT
}

#[test]
fn every_file_under_tests_is_declared() {
    let tests = root().join("tests");
    for file in sources(&tests) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let folder = file.parent().unwrap();
        let (declared_in, name) = match name {
            "main" => continue,
            "mod" => (folder.parent().unwrap(), folder.file_name().unwrap().to_str().unwrap()),
            name => (folder, name),
        };
        let declared_in = declared_in.join(if declared_in == tests { "main.rs" } else { "mod.rs" });
        let text = std::fs::read_to_string(&declared_in).unwrap();
        let declared = text.lines().any(|line| line.trim_start_matches("pub(crate) ").trim() == format!("mod {name};"));
        assert!(declared, "{} is not declared in {}", file.display(), declared_in.display());
    }
}
