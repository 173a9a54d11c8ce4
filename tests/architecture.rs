//! Which room may name what (the arrows run one way), and a few habits a compiler cannot check.
//!
//! Comments may mention anything. Test code (a file or module that is only there for tests) may name other rooms.

use std::path::Path;

use super::{root, sources};

const ROOMS: [&str; 6] = ["domain", "application", "infrastructure", "providers", "interface", "bootstrap"];

/// Room, rooms that it may name besides itself, paths and crates that it must not name.
const RULES: [(&str, &[&str], &[&str]); 6] = [
    (
        "domain",
        &[],
        &[
            "tokio::",
            "shaku",
            "async_trait",
            "tracing::",
            "clap",
            "rusqlite",
            "std::fs",
            "std::env",
            "SystemTime",
            "Instant",
        ],
    ),
    ("application", &["domain"], &["clap", "rusqlite", "std::fs", "std::env"]),
    ("infrastructure", &["domain", "application"], &["clap"]),
    ("providers", &["domain", "application"], &["clap", "rusqlite"]),
    ("interface", &["domain", "application"], &["rusqlite"]),
    ("bootstrap", &["domain", "application", "infrastructure", "providers", "interface"], &["rusqlite"]),
];

/// The crates that know AWS; a word that ends in `_` stands for every crate that starts like it.
const AWS: [&str; 6] =
    ["aws_sdk_", "aws_smithy_", "aws_config::", "aws_types::", "aws_credential_types", "aws_runtime"];

/// What only one file, or no file at all, may say.
const ONLY: [(&str, &str); 7] = [
    ("stdout()", "src/interface/cli/output.rs"),
    ("stderr()", "src/interface/cli/output.rs"),
    ("ExitCode::from(", "src/interface/cli/exit.rs"),
    ("Self::from(exit.number())", "src/interface/cli/exit.rs"),
    ("process::exit", "nowhere"),
    ("super::super::super", "nowhere"),
    ("hostfactory_emulator", "nowhere"),
];

/// Files that are longer than they should be, each with its reason.
const LONG: [(&str, &str); 4] = [
    ("src/infrastructure/config/settings_tests.rs", "one table of configurations and what each one means; test code"),
    ("src/infrastructure/files.rs", "every promise about what is on the disk, with the reasons, in one place"),
    (
        "src/interface/cli/dispatch_tests.rs",
        "every verb on one application that does what each test tells it; test code",
    ),
    ("src/infrastructure/storage/contract.rs", "the one suite that every store passes; test code"),
];

const LONGEST: usize = 400;

/// Lines of code with their numbers: no comments, no test code.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    if is_test_code(path) {
        return Vec::new();
    }
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| pair[0] == "#[cfg(test)]" && pair[1].trim_end().ends_with('{'));
    lines[..tests.unwrap_or(lines.len())]
        .iter()
        .enumerate()
        .map(|(at, line)| (at + 1, line.split("//").next().unwrap_or_default().to_owned()))
        .collect()
}

/// Whether a whole file is test code: by its name, or because its module is declared for tests only.
fn is_test_code(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let folder = path.parent().unwrap();
    name == "tests" || name.ends_with("_tests") || {
        let parents = [folder.join("mod.rs"), folder.join("lib.rs"), folder.with_extension("rs")];
        let texts = parents.iter().filter_map(|parent| std::fs::read_to_string(parent).ok());
        texts.into_iter().any(|text| {
            let lines: Vec<&str> = text.lines().map(str::trim).collect();
            lines.windows(2).any(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with(&format!("mod {name};")))
        })
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `code` names `what`, as a whole word (or as the start of one, if `what` ends in `_`).
fn mentions(code: &str, what: &str) -> bool {
    let whole = code.match_indices(what).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + what.len()..].chars().next();
        let open_end = what.ends_with(['_', ':', '(', ')']);
        !before.is_some_and(is_word) && (open_end || !after.is_some_and(is_word))
    });
    // `std::fs` hides in `use std::{env, fs}`.
    let grouped = what.split_once("::").is_some_and(|(head, tail)| {
        !tail.is_empty()
            && code.contains(&format!("{head}::{{"))
            && code.split(|c| !is_word(c)).any(|word| word == tail)
    });
    whole || grouped
}

/// Every line of the library, with its file, as `visit` wants to see it.
fn each_line(mut visit: impl FnMut(&str, usize, &str)) {
    for path in sources(&root().join("src")) {
        let file = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        for (number, line) in code(&path) {
            visit(&file, number, &line);
        }
    }
}

fn assert_none(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn arrows_between_rooms_run_one_way() {
    let mut broken = Vec::new();
    each_line(|file, number, line| {
        let inside = file.trim_start_matches("src/");
        let Some((room, allowed, forbidden)) =
            RULES.iter().find(|(room, ..)| inside == format!("{room}.rs") || inside.starts_with(&format!("{room}/")))
        else {
            return;
        };
        for other in ROOMS.iter().filter(|other| *other != room && !allowed.contains(other)) {
            if ["crate", "super"].iter().any(|from| mentions(line, &format!("{from}::{other}"))) {
                broken.push(format!("{file}:{number}: {room} names {other}"));
            }
        }
        for word in forbidden.iter().filter(|word| mentions(line, word)) {
            broken.push(format!("{file}:{number}: {room} names {word}"));
        }
        if line.contains("crate::{") {
            broken.push(format!("{file}:{number}: rooms are named one a line"));
        }
    });
    assert_none(&broken);
}

#[test]
fn aws_is_named_in_its_own_room_only() {
    let mut broken = Vec::new();
    each_line(|file, number, line| {
        if !file.starts_with("src/providers/aws") && AWS.iter().any(|word| mentions(line, word)) {
            broken.push(format!("{file}:{number}: {line}"));
        }
    });
    assert_none(&broken);
}

#[test]
fn some_things_have_one_place() {
    let mut broken = Vec::new();
    each_line(|file, number, line| {
        for (word, place) in ONLY {
            if file != place && mentions(line, word) {
                broken.push(format!("{file}:{number}: {word} belongs to {place}"));
            }
        }
    });
    assert_none(&broken);
}

#[test]
fn the_emulator_is_for_tests_only() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let mut section = "";
    let mut named_in = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if line.contains("hostfactory-emulator") {
            named_in.push(section);
        }
    }
    assert_eq!(named_in, ["[dev-dependencies]"]);
}

/// The sources of the library and of the emulator.
fn all_sources() -> Vec<std::path::PathBuf> {
    ["src", "tests/emulator/src"].iter().flat_map(|folder| sources(&root().join(folder))).collect()
}

#[test]
fn files_are_short() {
    let mut broken = Vec::new();
    for path in all_sources() {
        let file = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        let most = if file == "src/main.rs" { 14 } else { LONGEST };
        if lines > most && !LONG.iter().any(|(long, _)| *long == file) {
            broken.push(format!("{file}: {lines} lines, at most {most}"));
        }
    }
    assert_none(&broken);
}

#[test]
fn modules_say_what_they_are_for() {
    let mut broken = Vec::new();
    for path in all_sources() {
        if !is_test_code(&path) && !std::fs::read_to_string(&path).unwrap().starts_with("//!") {
            broken.push(format!("{}: starts without a line of //!", path.display()));
        }
    }
    assert_none(&broken);
}

#[test]
fn mentions_are_whole_words() {
    for (code, what, wanted) in [
        ("use crate::providers::aws;", "crate::providers", true),
        ("use crate::providers_x;", "crate::providers", false),
        ("use std::{env, fs};", "std::fs", true),
        ("let env = std::io::x;", "std::env", false),
        ("aws_sdk_ec2::Client", "aws_sdk_", true),
        ("let my_aws_config = 1;", "aws_config::", false),
        ("#[derive(clap::Parser)]", "clap", true),
        ("eclapse", "clap", false),
    ] {
        assert_eq!(mentions(code, what), wanted, "{code}");
    }
}
