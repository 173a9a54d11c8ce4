//! The documents that people read at night, against the code: what they name is there, and what is there is named.

use std::collections::BTreeSet;

use hostfactory::domain::FailureClass;
use hostfactory::domain::machine::MachineStatus;
use hostfactory::domain::request::RequestStatus;

use crate::{root, sources};

type Names = BTreeSet<String>;

fn text_of(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The code of a file: no comments, no test code, texts that go over several lines joined.
fn code_of(path: &std::path::Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut code = String::new();
    for line in lines {
        match line.strip_suffix('\\') {
            // Rust drops what stands before the next word.
            Some(begun) => code.push_str(if code.ends_with('\n') { begun } else { begun.trim_start() }),
            None if code.ends_with(' ') => code.extend([line.trim_start(), "\n"]),
            None => code.extend([line, "\n"]),
        }
    }
    code
}

/// The code of the library, file by file, without the files that are only there for tests.
fn library() -> Vec<(String, String)> {
    let is_test = |path: &str| {
        ["tests.rs", "_contract.rs", "contract.rs", "testing.rs", "fake.rs"].iter().any(|end| path.ends_with(end))
            || path.contains("/testing/")
    };
    let all = sources(&root().join("src")).into_iter().map(|path| (path.display().to_string(), code_of(&path)));
    all.filter(|(path, _)| !is_test(path)).collect()
}

/// The part of a document below a heading, up to the next one.
fn section<'t>(text: &'t str, heading: &str) -> &'t str {
    let (_, rest) = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("there is no {heading}"));
    rest.split("\n## ").next().unwrap().split("\n### ").next().unwrap()
}

/// The cells of the tables in a text, row by row, without their heads.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("|---"));
    rows.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>())
        .filter(|cells| !["message", "class", "check"].contains(&cells[0]))
        .collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = String> + '_ {
    cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned)
}

/// What the rows below a heading of the runbook are about.
fn listed(heading: &str) -> Names {
    let text = text_of("docs/runbook.md");
    let firsts: Vec<String> = rows(section(&text, heading)).iter().flat_map(|cells| quoted(cells[0])).collect();
    let names: Names = firsts.iter().cloned().collect();
    assert_eq!(names.len(), firsts.len(), "{heading} has a row twice");
    names
}

fn assert_same(what: &str, written: &Names, wanted: &Names) {
    let missing: Vec<_> = wanted.difference(written).collect();
    let stale: Vec<_> = written.difference(wanted).collect();
    assert!(missing.is_empty() && stale.is_empty(), "{what}\nlacks {missing:#?}\nhas, and should not {stale:#?}");
}

/// The texts in quotes that come first in whatever follows each `start`.
fn after(code: &str, start: &str) -> Vec<String> {
    let texts = code.split(start).skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('"')?;
        literal(rest)
    });
    texts.collect()
}

/// A text up to the quote that ends it.
fn literal(rest: &str) -> Option<String> {
    let mut escaped = false;
    let end = rest.char_indices().find_map(|(at, c)| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end.then_some(at)
    })?;
    Some(rest[..end].to_owned())
}

/// A message with `…` where something is filled in; `None` when nothing else is in it.
fn pattern(message: &str) -> Option<String> {
    let mut pattern = String::new();
    let mut depth = 0;
    for c in message.chars() {
        match c {
            '{' => {
                depth += 1;
                if depth == 1 {
                    pattern.push('…');
                }
            }
            '}' => depth -= 1,
            c if depth == 0 => pattern.push(c),
            _ => {}
        }
    }
    pattern.chars().any(char::is_alphabetic).then_some(pattern)
}

#[test]
fn the_runbook_has_every_class_of_failure_and_no_other() {
    let wanted = FailureClass::ALL.into_iter().map(|class| class.word().to_owned()).collect();
    assert_same("What the cloud says", &listed("## What the cloud says"), &wanted);
}

#[test]
fn the_runbook_has_every_code_of_the_cloud_under_its_class() {
    let code = code_of(&root().join("src/providers/aws/codes.rs"));
    let table = code.split("const CODES").nth(1).unwrap().split("\n];").next().unwrap();
    let mut wanted = Names::new();
    for part in table.split("FailureClass::").skip(1) {
        let (name, codes) = part.split_once(',').unwrap();
        let class = FailureClass::ALL.into_iter().find(|class| format!("{class:?}") == name).unwrap();
        let codes = codes.split('"').skip(1).step_by(2);
        wanted.extend(codes.map(|code| format!("{}: {code}", class.word())));
    }
    assert!(wanted.len() > 100, "{wanted:?}");
    let runbook = text_of("docs/runbook.md");
    let written = rows(section(&runbook, "### Codes of AWS"));
    let written = written.iter().flat_map(|cells| quoted(cells[1]).map(|code| format!("{}: {code}", cells[0])));
    assert_same("Codes of AWS", &written.collect(), &wanted);
}

#[test]
fn the_runbook_has_every_error_that_a_call_can_answer() {
    let mut wanted = Names::new();
    for (path, code) in library() {
        wanted.extend(after(&code, "#[error(").iter().filter_map(|message| pattern(message)));
        if path.contains("/domain/") || path.contains("/application/") {
            wanted.extend(after(&code, "rule: ").iter().map(|rule| format!("{rule}: …")));
        }
    }
    // The class stands before it: the first table.
    wanted.remove("…: … failed. ……");
    let by_hand = [
        "the configuration cannot be used: …",
        "no template can be used; the log says why",
        "this binary was built without …; build it with the cargo feature …",
        "no pool of template … has hosts to give: …",
        "template … is out of use for another … seconds: …",
        "… of its hosts died at boot within … minutes: …",
        "another process is changing …; the next call goes on",
    ];
    wanted.extend(by_hand.map(ToOwned::to_owned));
    assert_same("Other errors", &listed("## Other errors"), &wanted);
}

/// The message of each `warn!` and `error!`: the last text among what is handed over.
fn warnings(code: &str) -> Vec<String> {
    let calls = ["warn!(", "error!("].into_iter().flat_map(|call| code.split(call).skip(1));
    let messages = calls.filter_map(|rest| {
        let (mut depth, mut last, mut at) = (1, None, 0);
        while depth > 0 {
            match rest.as_bytes().get(at)? {
                b'(' => depth += 1,
                b')' => depth -= 1,
                b'"' => {
                    let text = literal(&rest[at + 1..])?;
                    at += text.len() + 1;
                    // One that is an argument of something else is no message.
                    if depth == 1 {
                        last = Some(text);
                    }
                }
                _ => {}
            }
            at += 1;
        }
        last
    });
    messages.collect()
}

#[test]
fn the_runbook_has_every_warning_of_the_log_and_no_other() {
    let mut wanted = Names::new();
    for (_, code) in library() {
        wanted.extend(warnings(&code).into_iter().filter(|message| pattern(message).is_some()));
        wanted.extend(after(&code, "note(&mut report, "));
    }
    assert!(wanted.len() > 50, "{wanted:?}");
    assert_same("Warnings in the log", &listed("## Warnings in the log"), &wanted);
}

#[test]
fn the_runbook_has_every_check_of_doctor() {
    let mut wanted = Names::new();
    for (_, code) in library() {
        for outcome in ["good(", "failed(", "warning(", "skipped("] {
            wanted.extend(after(&code, &format!("Finding::{outcome}")));
            let formatted = after(&code, &format!("Finding::{outcome}format!("));
            wanted.extend(formatted.iter().filter_map(|name| pattern(name)));
        }
        if code.contains("Finding::") {
            wanted.extend(after(&code, "let name = "));
            wanted.extend(after(&code, "let name = format!(").iter().filter_map(|name| pattern(name)));
            wanted.extend(after(&code, "writable("));
            wanted.extend(after(&code, "name(").iter().map(|what| format!("template …: {what}")));
            let consts = ["INSTANCE", "PLUGIN", "SCRIPT"].map(|name| format!("const {name}: &str = "));
            wanted.extend(consts.iter().flat_map(|start| after(&code, start)));
            let lists = code.split("[\"").skip(1).filter_map(|rest| rest.split_once(']'));
            for (list, _) in lists
                .filter(|(_, rest)| rest.starts_with(".map(|name| Finding::") || rest.starts_with(";\n    let skipped"))
            {
                wanted.extend(list.trim_end_matches('"').split("\", \"").map(ToOwned::to_owned));
            }
        }
    }
    assert!(wanted.len() > 20, "{wanted:?}");
    assert_same("What doctor finds", &listed("## What doctor finds"), &wanted);
}

#[test]
fn no_row_of_the_runbook_speaks_of_a_message_that_is_gone() {
    let code: String = library().into_iter().map(|(_, code)| code).collect();
    let runbook = text_of("docs/runbook.md");
    let mut gone = Vec::new();
    for heading in ["## Other errors", "## What answers say of hosts and requests", "## Warnings in the log"] {
        for message in rows(section(&runbook, heading)).iter().flat_map(|cells| quoted(cells[0])) {
            let parts = message.split('…').map(|part| part.trim_end_matches(": ").trim());
            gone.extend(
                parts.filter(|part| part.len() > 3 && !code.contains(part)).map(|part| format!("{message}: {part}")),
            );
        }
    }
    assert!(gone.is_empty(), "{gone:#?}");
}

/// The arrows of the state diagram below a heading, but for those from the start.
fn arrows(heading: &str) -> Names {
    let text = text_of("docs/architecture.md");
    let diagram = section(&text, heading).split("```mermaid\nstateDiagram-v2\n").nth(1).unwrap();
    let lines = diagram.split("```").next().unwrap().lines().map(str::trim);
    lines.filter(|line| line.contains("-->") && !line.starts_with("[*]")).map(ToOwned::to_owned).collect()
}

#[test]
fn the_pictures_of_lives_have_the_arrows_of_the_tables() {
    let arrow = |from: &str, to: &str| format!("{from} --> {to}").replace('-', "_").replace("__>", "-->");
    let mut requests = Names::new();
    for from in RequestStatus::ALL {
        let next = RequestStatus::ALL.into_iter().filter(|to| from.check_transition(*to).is_ok());
        requests.extend(next.map(|to| arrow(from.word(), to.word())));
    }
    assert_same("The life of a request", &arrows("## The life of a request"), &requests);
    let mut machines = Names::new();
    for from in MachineStatus::ALL {
        let next = MachineStatus::ALL.into_iter().filter(|to| from.may_become(*to));
        machines.extend(next.map(|to| arrow(from.word(), to.word())));
    }
    assert_same("The life of a machine", &arrows("## The life of a machine"), &machines);
}

/// What is wrong with a command that a document names, such as `machines list --held`.
fn fault(command: &str, reference: &str) -> Option<String> {
    let is_verb = |word: &&str| word.chars().all(|c| c.is_ascii_alphabetic() || c == '-') && !word.starts_with('-');
    let words: Vec<&str> = command.split([' ', '`']).take_while(|word| !word.is_empty()).collect();
    let verbs: Vec<&str> = words.iter().copied().take_while(is_verb).take(2).collect();
    let heading = (1..=verbs.len()).rev().map(|count| format!("\n## hostfactory {}\n", verbs[..count].join(" ")));
    let found = heading.into_iter().find_map(|heading| reference.split_once(&heading));
    let Some((_, rest)) = found else { return Some(command.to_owned()) };
    let here = rest.split("\n## ").next().unwrap();
    let anywhere = reference.split("\n## hostfactory getAvailableTemplates").next().unwrap();
    let options = words.iter().filter(|word| word.starts_with("--"));
    let mut unknown =
        options.filter(|option| ![here, anywhere].iter().any(|text| text.contains(&format!("`{option}"))));
    unknown.next().map(|option| format!("{command}: {option}"))
}

#[test]
fn commands_that_documents_name_are_there() {
    let reference = text_of("docs/cli.md");
    let runbook = text_of("docs/runbook.md");
    let more = rows(&runbook)
        .into_iter()
        .filter(|cells| cells.len() == 4)
        .flat_map(|cells| quoted(cells[3]).collect::<Vec<_>>());
    let mut commands: Vec<String> = more.filter(|command| command != "brakes").collect();
    for name in ["runbook", "upgrade", "security", "configuration", "storage", "migration", "recovery"] {
        let text = text_of(&format!("docs/{name}.md"));
        let named = text.split("`hostfactory ").skip(1).chain(text.split("    hostfactory ").skip(1));
        commands
            .extend(named.filter_map(|rest| rest.split(['`', '\n', '#', '\'']).next()).map(|c| c.trim().to_owned()));
    }
    assert!(commands.len() > 100, "{}", commands.len());
    // Those with an option in front are told apart by no word.
    commands.retain(|command| !command.starts_with("--"));
    let faults: Vec<String> = commands.iter().filter_map(|command| fault(command, &reference)).collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The anchor that a heading gets: as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut broken = Vec::new();
    let documents = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let ends_in_md = |path: &std::path::PathBuf| path.extension().is_some_and(|extension| extension == "md");
    for path in documents.filter(ends_in_md) {
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target) {
            if target.contains("://") || target.contains(' ') {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let has = |text: String| {
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                headings.any(|line| anchor(line.trim_start_matches('#').trim()) == wanted)
            };
            if !file.exists() || (!wanted.is_empty() && !has(std::fs::read_to_string(&file).unwrap())) {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
