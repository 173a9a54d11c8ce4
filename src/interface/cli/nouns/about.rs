//! What the program tells of itself: its version, completions for shells, and the reference page.

use clap::{Args, Command};
use clap_complete::Shell;
use serde_json::json;

use crate::interface::cli::desk::Ended;
use crate::interface::cli::report::Report;
use crate::interface::cli::{args, completing};
use crate::interface::hostfactory::Failure;

/// For which shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Returns the script that completes our command line in a shell.
pub(super) fn completions(args: &CompletionsArgs) -> Result<Report, Ended> {
    let script = completing::script(args.shell).map_err(|error| Ended::failed(Failure::new(&error.to_string())))?;
    Ok(Report::plain(script))
}

/// Returns the version, and what this binary was built with.
pub(super) fn version() -> Report {
    let built_with = [("aws", cfg!(feature = "aws")), ("sqlite", cfg!(feature = "sqlite"))];
    let features: Vec<&str> = built_with.iter().filter(|(_, with)| *with).map(|(name, _)| *name).collect();
    let version = env!("CARGO_PKG_VERSION");
    let lines = format!(
        "hostfactory {version}\nbuilt with: {}\nfor: {} {}",
        if features.is_empty() { "nothing beside the simulated provider".to_owned() } else { features.join(", ") },
        std::env::consts::OS,
        std::env::consts::ARCH,
    );
    let document = json!({
        "name": "hostfactory",
        "version": version,
        "features": features,
        "os": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
    });
    Report::line(document, lines).named(vec![version.to_owned()])
}

/// Returns the reference page of the command line, for `docs/cli.md`.
pub(super) fn reference() -> Report {
    let mut page = String::from(
        "# The command line\n\nThis page is what `hostfactory reference` prints; a test compares them. Every command also \
         takes the options under `hostfactory`.\n",
    );
    let mut whole = args::command();
    whole.build();
    describe(&whole, "hostfactory", true, &mut page);
    Report::plain(page)
}

fn describe(command: &Command, path: &str, is_whole: bool, page: &mut String) {
    page.extend([format!("\n## {path}\n\n{}\n", in_full(command.get_about()))]);
    let usage = command.clone().render_usage().to_string();
    page.extend([format!("\n    {}\n", usage.trim_start_matches("Usage: ").replace('\n', "\n    "))]);
    let arguments: Vec<String> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && (is_whole || !argument.is_global_set()))
        .filter(|argument| !matches!(argument.get_id().as_str(), "help" | "version"))
        .map(|argument| {
            let values: Vec<String> =
                argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
            let defaults: Vec<String> =
                argument.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect();
            let one_of = |values: &[String]| format!("; one of {}", values.join(", "));
            format!(
                "| `{}` | {}{}{} |",
                argument.to_string().replace('|', "\\|"),
                in_full(argument.get_help()),
                if values.is_empty() || !argument.get_action().takes_values() {
                    String::new()
                } else {
                    one_of(&values)
                },
                if defaults.is_empty() || !argument.get_action().takes_values() {
                    String::new()
                } else {
                    format!("; {} unless told", defaults.join(" "))
                },
            )
        })
        .collect();
    if !arguments.is_empty() {
        page.extend([format!("\n| option | meaning |\n|---|---|\n{}\n", arguments.join("\n"))]);
    }
    if let Some(after) = command.get_after_help() {
        page.extend([format!("\n{}\n", indented(&after.to_string()))]);
    }
    for below in command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help") {
        describe(below, &format!("{path} {}", below.get_name()), false, page);
    }
}

fn in_full(text: Option<&clap::builder::StyledStr>) -> String {
    text.map(ToString::to_string).unwrap_or_default().replace('|', "\\|")
}

fn indented(text: &str) -> String {
    let lines = text.lines().map(|line| if line.is_empty() { String::new() } else { format!("    {line}") });
    lines.collect::<Vec<_>>().join("\n")
}
