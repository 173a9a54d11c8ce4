//! What is in a package, and what is not.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::made::{PACKAGES, run};
use super::managers::{DPKG, RPM};
use crate::support::Sandbox;

#[test]
fn packages_hold_the_same_files_below_usr_no_scripts_of_their_own_and_no_configuration() {
    let Some(packages) = &*PACKAGES else { return };
    let (deb, rpm) = (packages.named(1, DPKG.ending), packages.named(1, RPM.ending));
    let query = |what: &str| run(Command::new("rpm").args(["-qp", what]).arg(&rpm));
    let control = run(Command::new("sh").args(["-c", "dpkg-deb --ctrl-tarfile \"$1\" | tar -t", "sh"]).arg(&deb));
    assert_eq!(control.split_whitespace().collect::<Vec<_>>(), ["./", "./control", "./md5sums"]);
    assert_eq!((query("--scripts"), query("--triggers"), query("--configfiles")), Default::default());

    let listed = run(Command::new("sh").args(["-c", "dpkg-deb --fsys-tarfile \"$1\" | tar -t", "sh"]).arg(&deb));
    let of_deb: BTreeSet<String> = listed
        .lines()
        .filter(|line| !line.ends_with('/'))
        .map(|line| line.trim_start_matches('.').replace("zsh/vendor-completions", "zsh/site-functions"))
        .collect();
    let folders = query("--dump")
        .lines()
        .filter(|line| line.split(' ').nth(4).is_some_and(|mode| mode.starts_with("04")))
        .count();
    let of_rpm: BTreeSet<String> = query("--list").lines().map(str::to_owned).collect();
    assert!(of_deb.is_subset(&of_rpm) && of_rpm.len() - of_deb.len() == folders, "{of_deb:?}\n{of_rpm:?}");
    assert!(of_rpm.iter().all(|path| path.starts_with("/usr/")));

    let wanted = std::fs::read_dir(crate::root().join("docs/man"))
        .unwrap()
        .map(|page| format!("/usr/share/man/man1/{}.gz", page.unwrap().file_name().to_str().unwrap()));
    let wanted: BTreeSet<String> = wanted
        .chain(
            [
                "bin/hostfactory",
                "share/bash-completion/completions/hostfactory",
                "share/doc/hostfactory/copyright",
                "share/fish/vendor_completions.d/hostfactory.fish",
                "share/zsh/site-functions/_hostfactory",
                "share/hostfactory/config/awsprov_templates.json",
                "share/doc/hostfactory/docs/recovery.md",
            ]
            .map(|path| format!("/usr/{path}")),
        )
        .collect();
    assert!(wanted.is_subset(&of_deb), "{:?}", wanted.difference(&of_deb));
}

#[test]
fn the_same_program_gives_the_same_bytes_wherever_it_is_packed() {
    let Some(packages) = &*PACKAGES else { return };
    let elsewhere = tempfile::tempdir().unwrap();
    let mut again = packages.script(&["--out", "again and again", "--revision", "2", "deb", "rpm"], "unused");
    again.current_dir(packages.sandbox.path("")).env("TZ", "Asia/Tokyo").env("LC_ALL", "C.UTF-8");
    run(again.env("TMPDIR", elsewhere.path()));
    for ending in [DPKG.ending, RPM.ending] {
        let path = packages.named(2, ending);
        let other = packages.sandbox.path("again and again").join(path.file_name().unwrap());
        assert!(std::fs::read(&path).unwrap() == std::fs::read(other).unwrap(), "{}", path.display());
    }
}

#[test]
fn the_parts_list_names_what_is_linked_in_with_its_licence_and_nothing_that_only_tests_need() {
    let Some(packages) = &*PACKAGES else { return };
    let read = |name: &str| {
        let script = "dpkg-deb --fsys-tarfile \"$1\" | tar -xO ./usr/share/doc/hostfactory/\"$2\"";
        run(Command::new("sh").args(["-c", script, "sh"]).arg(packages.named(1, DPKG.ending)).arg(name))
    };
    let bill: Value = serde_json::from_str(&read("sbom.cdx.json")).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&json!("CycloneDX"), &json!("1.5")));
    assert_eq!(bill["metadata"]["component"]["properties"][0]["value"], "sqlite");
    let components = bill["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|it| it["name"] == name);
    for (name, scope) in
        [("rusqlite", "required"), ("SQLite", "required"), ("serde_derive", "excluded"), ("cc", "excluded")]
    {
        assert_eq!(named(name).unwrap_or_else(|| panic!("{name}"))["scope"], scope, "{name}");
    }
    for name in ["hostfactory-emulator", "proptest", "clap_mangen", "aws-sdk-ec2"] {
        assert!(named(name).is_none(), "{name}");
    }
    let licences = read("licences.txt");
    for part in components {
        let licence = part["licenses"][0]["expression"].as_str().unwrap();
        let line = format!("{} {} ", part["name"].as_str().unwrap(), part["version"].as_str().unwrap());
        let is_listed = licences.lines().any(|it| it.starts_with(&line) && it.ends_with(licence));
        assert_eq!(is_listed, part["scope"] == "required", "{part}");
    }
    assert!(licences.contains("Permission is hereby granted, free of charge"));
}

#[test]
fn what_cannot_be_packed_is_refused_with_a_reason() {
    let Some(packages) = &*PACKAGES else { return };
    let sandbox = Sandbox::new();
    let old = "#!/bin/sh\necho '{\"version\": \"0.0.1\", \"features\": [], \"architecture\": \"x86_64\"}'\n";
    let old = sandbox.write("old", old);
    run(Command::new("chmod").arg("755").arg(&old));
    let plain = sandbox.write("plain", "text");
    for (args, code, wanted) in [
        (vec!["--binary", plain.to_str().unwrap()], 1, "is not a program"),
        (vec!["--binary", old.to_str().unwrap()], 1, "is version 0.0.1 and these sources are"),
        (vec!["msi"], 2, "'msi' is not known; usage:"),
        (vec!["--out"], 2, "--out needs a value"),
        (vec!["--revision", "01"], 2, "--revision takes a whole number"),
        (vec!["--native"], 2, "exclude each other"),
    ] {
        let output = packages.script(&args, "refused").output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && text.contains(wanted), "{args:?}: {output:?}");
    }
    assert!(!packages.sandbox.path("refused").exists());
}
