//! The packages under test, made once.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use super::root::CleanRoot;
use crate::support::{Sandbox, say};

/// What must be there beside what builds the program; `scripts/test.sh` installs it on Debian.
const TOOLS: [&str; 8] = ["dpkg", "dpkg-deb", "rpm", "rpmbuild", "strip", "chroot", "unshare", "ldd"];

/// Two revisions of the packages, made of the program with its symbols stripped, as a release is.
pub(super) struct Packages {
    /// Holds the program, and the packages in `out`.
    pub(super) sandbox: Sandbox,
}

/// The packages, unless they cannot be made or installed here, which CI does not put up with.
pub(super) static PACKAGES: LazyLock<Option<Packages>> = LazyLock::new(|| {
    if let Err(reason) = tools() {
        let text = format!("packages are not tested: {reason}");
        assert!(variable("CI").is_none(), "{text}");
        say(&text);
        return None;
    }
    let packages = Packages { sandbox: Sandbox::new() };
    let program = packages.sandbox.path("hostfactory");
    run(Command::new("strip").arg("-o").arg(&program).arg(env!("CARGO_BIN_EXE_hostfactory")));
    packages.make(&["--revision", "1"], "out");
    packages.make(&["--revision", "2", "deb", "rpm"], "out");
    Some(packages)
});

#[expect(clippy::disallowed_methods, reason = "tests read what whoever runs them sets")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

fn tools() -> Result<(), String> {
    let path = variable("PATH").unwrap_or_default();
    let is_missing = |tool: &&str| !std::env::split_paths(&path).any(|folder| folder.join(tool).exists());
    let missing: Vec<&str> = TOOLS.into_iter().filter(is_missing).collect();
    if !missing.is_empty() {
        return Err(format!("{} missing (Debian: apt-get install dpkg rpm binutils)", missing.join(", ")));
    }
    let entered = CleanRoot::as_root("true").status();
    let may_enter = entered.is_ok_and(|status| status.success());
    may_enter.then_some(()).ok_or_else(|| "neither root, nor allowed to be root in a user namespace".to_owned())
}

impl Packages {
    /// Returns the command that packs the program into the folder `out`.
    pub(super) fn script(&self, args: &[&str], out: &str) -> Command {
        let mut command = Command::new(crate::root().join("scripts/package.sh"));
        command.env("SOURCE_DATE_EPOCH", "1800000000").env_remove("HOSTFACTORY_PACKAGER");
        command
            .arg("--binary")
            .arg(self.sandbox.path("hostfactory"))
            .arg("--out")
            .arg(self.sandbox.path(out))
            .args(args);
        command
    }

    fn make(&self, args: &[&str], out: &str) {
        run(&mut self.script(args, out));
    }

    /// Returns the path of the package of a revision whose name ends so.
    pub(super) fn named(&self, revision: u32, ending: &str) -> PathBuf {
        let wanted = format!("{}-{revision}", env!("CARGO_PKG_VERSION"));
        self.only(|name| name.contains(&wanted) && name.ends_with(ending))
    }

    /// Returns the path of the one file that was made whose name is wanted.
    pub(super) fn only(&self, is_wanted: impl Fn(&str) -> bool) -> PathBuf {
        let entries = std::fs::read_dir(self.sandbox.path("out")).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| is_wanted(path.file_name().unwrap().to_str().unwrap()));
        assert_eq!(paths.len(), 1, "{paths:?}");
        paths.remove(0)
    }
}

/// Runs a command that must succeed, and returns what it printed.
pub(super) fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
