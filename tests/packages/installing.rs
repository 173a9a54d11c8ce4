//! Packages are installed, work, are upgraded and removed, and touch nothing that is not theirs.

use std::process::Command;

use super::made::{PACKAGES, run};
use super::managers::{DPKG, Manager, RPM, on_record};
use super::root::CleanRoot;
use crate::support::{Answered, Sandbox};

/// Installs, works, upgrades, works on, removes; on a store.
fn lives(manager: &Manager, strategy: &str) {
    let Some(packages) = &*PACKAGES else { return };
    let root = CleanRoot::new();
    root.configure(strategy);
    run(&mut (manager.install)(&root, &packages.named(1, manager.ending)));
    let (id, host) = root.order();
    let before = root.files("grid");
    run(&mut (manager.install)(&root, &packages.named(2, manager.ending)));
    assert!(run(&mut (manager.version)(&root)).contains(concat!(env!("CARGO_PKG_VERSION"), "-2")));
    assert!(root.files("grid") == before, "an upgrade changed configuration, state or log");
    assert_eq!(root.settled(&id)["machines"][0]["machineId"], host["machineId"], "the upgraded program knows the host");
    root.give_back(&host);

    let before = root.files("grid");
    run(&mut (manager.remove)(&root));
    assert!(root.files("grid") == before, "a removal changed configuration, state or log");
    for gone in ["usr/bin/hostfactory", "usr/libexec/hostfactory", "usr/share/hostfactory", "usr/share/doc/hostfactory"]
    {
        assert!(!root.path(gone).exists(), "{gone} was left behind");
    }
}

#[test]
fn a_deb_is_installed_works_is_upgraded_and_removed_and_configuration_and_store_stay() {
    lives(&DPKG, "json");
    lives(&DPKG, "sqlite");
}

#[test]
fn an_rpm_is_installed_works_is_upgraded_and_removed_and_configuration_and_store_stay() {
    lives(&RPM, "json");
    lives(&RPM, "sqlite");
}

#[test]
fn a_deb_is_refused_where_the_c_library_is_too_old_for_the_program() {
    let Some(packages) = &*PACKAGES else { return };
    let root = CleanRoot::new();
    root.sandbox.write("root/var/lib/dpkg/status", on_record("libc6", "2.5-1") + &on_record("libgcc-s1", "9"));
    let output = (DPKG.install)(&root, &packages.named(1, DPKG.ending)).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("depends on libc6 (>= "), "{output:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "an administrator moves the folder with mv")]
fn a_tarball_is_a_plug_in_folder_as_it_is() {
    let Some(packages) = &*PACKAGES else { return };
    let sandbox = Sandbox::simulated();
    let tarball = packages.only(|name| name.ends_with(".tar.gz"));
    run(Command::new("tar").args(["-xzf"]).arg(&tarball).arg("-C").arg(sandbox.path("")));
    let name = tarball.file_name().unwrap().to_str().unwrap().trim_end_matches(".tar.gz");
    std::fs::rename(sandbox.path(name), sandbox.path("aws")).unwrap();
    let mut script = sandbox.command(sandbox.path("aws/scripts/getAvailableTemplates.sh"));
    let answer = Answered::of(&script.output().unwrap());
    assert_eq!(answer.document["templates"][0]["templateId"], "Simulated-1", "{answer:?}");
    for file in ["scripts/requestMachines.bat", "config/config.json", "share/man/man1/hostfactory.1.gz", "licences.txt"]
    {
        assert!(sandbox.path("aws").join(file).is_file(), "{file}");
    }
}
