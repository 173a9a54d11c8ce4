//! The manual pages in `docs/man` are what clap's definitions, the table of variables and the sections below make of them.

use std::collections::{BTreeMap, BTreeSet};

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use hostfactory::infrastructure::config::VARIABLES;

const RENEW: &str =
    "HOSTFACTORY_TEST_RENEW=1 cargo test --no-default-features --features sqlite --test integration manual";

/// What `hostfactory(1)` says of files, in the order in which they matter.
const FILES: &[(&str, &str)] = &[
    ("<configuration folder>/config.json", "The settings; hostfactory config show --origin prints those in force."),
    ("<configuration folder>/<instance>prov_config.json", "Settings in the format of IBM's plug-in."),
    ("<configuration folder>/<instance>prov_templates.json", "The templates: the hosts on offer."),
    ("<work folder>/data", "The state: requests, hosts and the installation's id. Not to be changed by hand."),
    ("/usr/libexec/hostfactory/scripts", "Where a package puts the five scripts that Host Factory runs."),
    ("/usr/share/hostfactory/config", "Where a package puts sample configuration."),
    ("/usr/share/doc/hostfactory", "Where a package puts the documentation."),
];

const EXITS: &[(&str, &str)] = &[
    ("0", "It is done; the answer is on standard output."),
    ("1", "It failed, or what was looked at is not as it should be."),
    ("2", "The command line cannot be understood, or lacks a confirmation. The five calls end with 1 instead."),
    ("130", "Ctrl-C ended a watch."),
];

/// Returns every page: its file name, and its text.
fn pages() -> BTreeMap<String, String> {
    let mut whole = hostfactory::interface::cli::command().disable_help_subcommand(true);
    whole.build();
    let mut pages = BTreeMap::new();
    write_pages(&whole, None, &mut pages);
    pages
}

fn write_pages(command: &clap::Command, parent: Option<&str>, pages: &mut BTreeMap<String, String>) {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    pages.insert(format!("{name}.1"), page(command, parent));
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below, Some(&name), pages);
    }
}

fn page(command: &clap::Command, parent: Option<&str>) -> String {
    // Options of all commands are explained once, in hostfactory(1).
    let shown = command.clone().mut_args(|argument| {
        let elsewhere = argument.is_global_set() || argument.get_id() == "help";
        if parent.is_some() && elsewhere { argument.hide(true) } else { argument }
    });
    let has_options = shown.get_arguments().any(|argument| !argument.is_hide_set());
    let has_commands = shown.get_subcommands().any(|below| !below.is_hide_set());
    let name = shown.get_display_name().unwrap_or(shown.get_name()).to_owned();
    let man = Man::new(shown.subcommand_help_heading("COMMANDS"));
    let mut page = Vec::new();
    man.render_name_section(&mut page).unwrap();
    man.render_synopsis_section(&mut page).unwrap();
    man.render_description_section(&mut page).unwrap();
    if has_options {
        man.render_options_section(&mut page).unwrap();
    }
    if has_commands {
        man.render_subcommands_section(&mut page).unwrap();
    }
    let mut rest = Roff::new();
    if let Some(after) = command.get_after_help() {
        write_examples(&after.to_string(), &mut rest);
    }
    if let Some(parent) = parent {
        rest.control("SH", ["SEE ALSO"]);
        let general = "hostfactory";
        let mut line = vec![bold(general), roman("(1), for the options of all commands")];
        if parent != general {
            line.splice(0..0, [bold(parent), roman("(1); ")]);
        }
        rest.text(line);
    } else {
        write_list("EXIT STATUS", EXITS.iter().copied(), &mut rest);
        let settings = (
            "HOSTFACTORY_<SECTION>_<KEY>",
            "Sets one key of the configuration; hostfactory config show names the keys.",
        );
        write_list("ENVIRONMENT", VARIABLES.iter().map(|it| (it.name, it.meaning)).chain([settings]), &mut rest);
        write_list("FILES", FILES.iter().copied(), &mut rest);
    }
    rest.to_writer(&mut page).unwrap();
    title(&name) + &tidy(&String::from_utf8(page).unwrap())
}

/// Returns the line with a page's title. Pages bear no date: it would change without them.
fn title(name: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {} 1 \"\" \"hostfactory {version}\" \"Host Factory plug-in for AWS\"\n", name.to_uppercase())
}

/// Writes what each rendered section starts with once, and spells what is not ASCII so that every terminal shows it.
fn tidy(page: &str) -> String {
    const APOSTROPHE: &str = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    let page = page.replace(APOSTROPHE, "").replace("\n.br\n\n.br\n", "\n.sp\n").replace('…', "...");
    assert!(page.is_ascii(), "a manual page holds a letter that this does not spell: {page}");
    APOSTROPHE.to_owned() + &page
}

/// Writes what stands below the help of a command: examples as they are, then text.
fn write_examples(text: &str, page: &mut Roff) {
    for paragraph in text.split("\n\n") {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            page.control("SH", ["EXAMPLES"]).control("nf", []);
            examples.lines().for_each(|line| _ = page.text([roman(line.trim())]));
            page.control("fi", []);
        } else {
            page.control("PP", []);
            paragraph.lines().for_each(|line| _ = page.text([roman(line)]));
        }
    }
}

fn write_list<'a>(heading: &str, entries: impl Iterator<Item = (&'a str, &'a str)>, page: &mut Roff) {
    page.control("SH", [heading]);
    for (name, meaning) in entries {
        page.control("TP", []).text([bold(name)]).text([roman(meaning.replace('`', ""))]);
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "whoever changes the command line says by a variable that the pages follow"
)]
fn the_manual_pages_are_what_the_definitions_of_the_command_line_make_of_them() {
    let folder = crate::root().join("docs/man");
    let pages = pages();
    if std::env::var_os("HOSTFACTORY_TEST_RENEW").is_some() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for (name, page) in &pages {
            std::fs::write(folder.join(name), page).unwrap();
        }
    }
    let kept: BTreeMap<String, String> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let names: BTreeSet<&String> = pages.keys().chain(kept.keys()).collect();
    let differ: Vec<&String> = names.into_iter().filter(|name| pages.get(*name) != kept.get(*name)).collect();
    assert!(differ.is_empty(), "docs/man differs in {differ:?}; renew it: {RENEW}");
}

#[test]
fn every_page_has_a_name_that_the_index_of_manuals_finds() {
    for (name, page) in pages() {
        let title = format!(".SH NAME\n{} \\- ", name.trim_end_matches(".1").replace('-', "\\-"));
        assert!(page.contains(&title), "{name}: {page}");
    }
}
