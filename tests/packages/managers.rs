//! The two package managers, each on a root of its own.

use std::path::Path;
use std::process::Command;

use super::made::run;
use super::root::CleanRoot;

/// How a package manager does what an administrator asks.
pub(super) struct Manager {
    /// How the names of its packages end.
    pub(super) ending: &'static str,
    /// Installs a package, or upgrades to it.
    pub(super) install: fn(&CleanRoot, &Path) -> Command,
    /// Prints the version that is installed.
    pub(super) version: fn(&CleanRoot) -> Command,
    /// Removes the package, with all that it may remove.
    pub(super) remove: fn(&CleanRoot) -> Command,
}

/// Debian's.
pub(super) const DPKG: Manager = Manager {
    ending: ".deb",
    install: |root, package| {
        let mut command = dpkg(root);
        command.arg("--install").arg(package);
        command
    },
    version: |root| {
        let mut command = dpkg(root);
        command.args(["--status", "hostfactory"]);
        command
    },
    remove: |root| {
        let mut command = dpkg(root);
        command.args(["--purge", "hostfactory"]);
        command
    },
};

/// Red Hat's. That the C library is there is not on record in an empty database.
pub(super) const RPM: Manager = Manager {
    ending: ".rpm",
    install: |root, package| {
        let mut command = rpm(root);
        command.args(["--upgrade", "--nodeps"]).arg(package);
        command
    },
    version: |root| {
        let mut command = rpm(root);
        command.args(["--query", "hostfactory"]);
        command
    },
    remove: |root| {
        let mut command = rpm(root);
        command.args(["--erase", "hostfactory"]);
        command
    },
};

fn dpkg(root: &CleanRoot) -> Command {
    let mut command = CleanRoot::as_root("dpkg");
    command.arg("--root").arg(root.path("")).args(["--force-bad-path"]);
    command
}

fn rpm(root: &CleanRoot) -> Command {
    let mut command = CleanRoot::as_root("rpm");
    command.arg("--root").arg(root.path(""));
    command
}

/// Returns the C library of this machine as dpkg has it on record; the root holds its files.
pub(super) fn library_on_record() -> String {
    let version = |package| run(Command::new("dpkg-query").args(["-W", "-f", "${Version}", package]));
    ["libc6", "libgcc-s1"].map(|package| on_record(package, &version(package))).concat()
}

/// Returns what dpkg has on record of an installed library.
pub(super) fn on_record(package: &str, version: &str) -> String {
    let architecture = run(Command::new("dpkg").arg("--print-architecture"));
    format!(
        "Package: {package}\nStatus: install ok installed\nArchitecture: {architecture}Version: {version}\n\
         Maintainer: a test\nDescription: from this machine\n\n"
    )
}
