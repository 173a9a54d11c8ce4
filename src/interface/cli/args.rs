//! The command line, in clap's terms. Help texts are the doc comments. What operators can do stands in `nouns`.
//!
//! Invariant: a Host Factory call never fails over an option or argument that we do not know; it is set aside.

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Args, Command, CommandFactory, Parser, Subcommand, ValueEnum};

use super::StartOptions;
use super::nouns::OperatorVerb;
use super::screen::Format;
use crate::domain::DomainError;

/// What stands below the help of the whole program.
const EXAMPLES: &str = "\
Examples:
  hostfactory templates list                   what there is to ask for
  hostfactory machines request A -n 2 --wait   two hosts, once they are usable
  hostfactory requests list --status running   what is under way
  hostfactory requests show req-…              what happened to it
  hostfactory machines return i-… --yes        gives a host back
  hostfactory config show --origin             every setting and its origin

Answers are tables on a terminal and JSON elsewhere; --output decides. Exit
codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted. The five calls of Host
Factory always answer in JSON, and end with 0 or 1.";

/// Gets hosts from AWS for IBM Spectrum Symphony's Host Factory, and shows an operator how they are.
#[derive(Debug, Parser)]
#[command(name = "hostfactory", version, max_term_width = 100, after_help = EXAMPLES)]
struct Line {
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    show: ShowArgs,
    #[command(subcommand)]
    verb: Verb,
}

/// Where the installation lies.
#[derive(Debug, Clone, Args)]
struct StartArgs {
    /// Folder with the configuration and the templates.
    #[arg(long, global = true, value_name = "FOLDER")]
    config_dir: Option<PathBuf>,
    /// Folder for the state.
    #[arg(long, global = true, value_name = "FOLDER")]
    work_dir: Option<PathBuf>,
    /// Folder for the logs.
    #[arg(long, global = true, value_name = "FOLDER")]
    log_dir: Option<PathBuf>,
    /// Overrides one setting, such as storage.strategy=sqlite; may be given more than once.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

/// How the answer is shown. The five calls set these options aside.
#[derive(Debug, Clone, Copy, Args)]
struct ShowArgs {
    /// The form of the answer; a table on a terminal and JSON elsewhere, unless told.
    #[arg(long, short, global = true, value_name = "FORM")]
    output: Option<Format>,
}

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// What Host Factory calls.
    #[command(flatten)]
    Call(Call),
    /// What Host Factory never calls.
    #[command(flatten)]
    Operator(OperatorVerb),
}

/// What Host Factory calls.
#[derive(Debug, Subcommand)]
pub(super) enum Call {
    /// Lists the templates that Host Factory can choose from.
    #[command(name = "getAvailableTemplates", visible_alias = "get-available-templates")]
    GetAvailableTemplates(InputArgs),
    /// Asks for hosts of a template.
    #[command(name = "requestMachines", visible_alias = "request-machines")]
    RequestMachines(InputArgs),
    /// Gives hosts back.
    #[command(name = "requestReturnMachines", visible_alias = "request-return-machines")]
    RequestReturnMachines(InputArgs),
    /// Tells how requests stand.
    #[command(name = "getRequestStatus", visible_alias = "get-request-status")]
    GetRequestStatus(InputArgs),
    /// Tells which hosts the cloud takes back.
    #[command(name = "getReturnRequests", visible_alias = "get-return-requests")]
    GetReturnRequests(InputArgs),
}

/// The line of a Host Factory call, without what operators can do: to lay all of that out would be a quarter of the call.
#[derive(Debug, Parser)]
#[command(name = "hostfactory", max_term_width = 100)]
struct CallLine {
    #[command(flatten)]
    start: StartArgs,
    #[command(subcommand)]
    call: Call,
}

/// The input of a Host Factory call; standard input when neither option is given.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct InputArgs {
    /// File with the JSON input; - is standard input.
    #[arg(short, long, value_name = "FILE")]
    pub(super) file: Option<PathBuf>,
    /// The JSON input itself.
    #[arg(short, long, value_name = "JSON", conflicts_with = "file")]
    pub(super) data: Option<String>,
}

/// The five calls, under both of their names.
const CALLS: [[&str; 2]; 5] = [
    ["getAvailableTemplates", "get-available-templates"],
    ["requestMachines", "request-machines"],
    ["requestReturnMachines", "request-return-machines"],
    ["getRequestStatus", "get-request-status"],
    ["getReturnRequests", "get-return-requests"],
];

/// A command line that was understood.
#[derive(Debug)]
pub(super) struct Parsed {
    /// What to do.
    pub(super) verb: Verb,
    /// Where the installation lies.
    pub(super) options: StartOptions,
    /// The form of answer that was asked for.
    pub(super) format: Option<Format>,
    /// What was set aside.
    pub(super) ignored: Vec<OsString>,
}

/// A command line that asks for something else than work.
#[derive(Debug)]
pub(super) enum Refused {
    /// Help or version was asked for; the text.
    Text(StyledStr),
    /// A Host Factory call that cannot be understood; one line.
    Call(String),
    /// Anything else that cannot be understood: one line, the long text with the usage, and the form of answer that was
    /// asked for.
    Usage(String, StyledStr, Option<Format>),
}

/// Reads the command line; the first argument is the program.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, Refused> {
    let args: Vec<OsString> = args.into_iter().collect();
    let (program, rest) = args.split_first().map_or_else(|| (OsString::new(), &[][..]), |(p, rest)| (p.clone(), rest));
    let sorted = sort_out(rest);
    let is_call = sorted.verb.as_ref().is_some_and(|verb| CALLS.iter().flatten().any(|call| verb == call));
    let (line, ignored) = if is_call {
        let asks_for_help = sorted.known.iter().any(|arg| arg == "-h" || arg == "--help");
        let known = [program].into_iter().chain(sorted.verb).chain(sorted.known);
        let line = if asks_for_help { understood(known) } else { understood::<CallLine>(known).map(Line::from) };
        (line, sorted.ignored)
    } else {
        (understood(args.clone()), Vec::new())
    };
    match line {
        Ok(Line { start, show, verb }) => Ok(Parsed { verb, options: start.into(), format: show.output, ignored }),
        Err(error) => {
            let styled = error.render();
            let text = styled.to_string();
            Err(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refused::Text(styled),
                _ if is_call => Refused::Call(in_one_line(&text)),
                _ => Refused::Usage(in_one_line(&text), styled, format_in(&args)),
            })
        }
    }
}

/// Does what clap's `try_parse_from` does, and leaves its tree of commands to the end of the process: to take it apart costs a
/// third of the reading.
fn understood<P: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<P, clap::Error> {
    let mut command = ManuallyDrop::new(P::command());
    let mut matches = command.try_get_matches_from_mut(args)?;
    P::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// The arguments of a Host Factory call, told apart.
#[derive(Debug, Default)]
struct SortedArgs {
    verb: Option<OsString>,
    known: Vec<OsString>,
    ignored: Vec<OsString>,
}

fn sort_out(args: &[OsString]) -> SortedArgs {
    let options = InputArgs::augment_args(StartArgs::augment_args(Command::new("")));
    let names: Vec<String> = options
        .get_arguments()
        .flat_map(|arg| {
            [arg.get_long().map(|long| format!("--{long}")), arg.get_short().map(|short| format!("-{short}"))]
        })
        .flatten()
        .collect();
    let mut sorted = SortedArgs::default();
    let mut args = args.iter().cloned();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        let with_value = |name: &String| text.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('='));
        if names.iter().any(|name| *name == text) {
            sorted.known.push(arg);
            sorted.known.extend(args.next());
        } else if matches!(&*text, "-o" | "--output") {
            sorted.ignored.push(arg);
            sorted.ignored.extend(args.next());
        } else if matches!(&*text, "-h" | "--help") || names.iter().any(with_value) {
            sorted.known.push(arg);
        } else if sorted.verb.is_none() && !text.starts_with('-') {
            sorted.verb = Some(arg);
        } else {
            sorted.ignored.push(arg);
        }
    }
    sorted
}

/// Returns what clap says is wrong, and its tip, on one line: without its prefix and the usage.
fn in_one_line(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
    let kept: Vec<String> = paragraphs
        .take_while(|paragraph| !paragraph.starts_with("Usage:") && !paragraph.starts_with("For more information"))
        .collect();
    let line = kept.join("; ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

/// Returns the form of answer that a command line asks for that cannot be understood as a whole.
fn format_in(args: &[OsString]) -> Option<Format> {
    let texts: Vec<&str> = args.iter().filter_map(|arg| arg.to_str()).collect();
    let beside = |pair: &[&str]| match pair {
        ["--output" | "-o", value] => Format::from_str(value, false).ok(),
        _ => None,
    };
    let within = |text: &&str| Format::from_str(text.strip_prefix("--output=")?, false).ok();
    texts.windows(2).find_map(beside).or_else(|| texts.iter().find_map(within))
}

fn setting(text: &str) -> Result<(String, String), DomainError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(DomainError::validation("--set", "is not of the form KEY=VALUE")),
    }
}

impl From<CallLine> for Line {
    fn from(CallLine { start, call }: CallLine) -> Self {
        Self { start, show: ShowArgs { output: None }, verb: Verb::Call(call) }
    }
}

impl From<StartArgs> for StartOptions {
    fn from(args: StartArgs) -> Self {
        let StartArgs { config_dir, work_dir, log_dir, settings } = args;
        Self { config_dir, work_dir, log_dir, settings }
    }
}

/// Returns clap's view of the command line, for manual pages and completions.
pub fn command() -> Command {
    Line::command()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Parsed, Refused> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn file_of(verb: &Verb) -> Option<&PathBuf> {
        let Verb::Call(call) = verb else { return None };
        match call {
            Call::GetAvailableTemplates(input)
            | Call::RequestMachines(input)
            | Call::RequestReturnMachines(input)
            | Call::GetRequestStatus(input)
            | Call::GetReturnRequests(input) => input.file.as_ref(),
        }
    }

    #[test]
    fn claps_own_checks_pass() {
        command().debug_assert();
    }

    #[test]
    fn what_stands_below_a_help_text_fits_a_terminal_of_eighty_columns() {
        fn check(command: &Command) {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in after.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }

    #[test]
    fn every_call_has_both_names_and_takes_a_file() {
        for name in CALLS.iter().flatten() {
            let Parsed { verb, ignored, .. } = parsed(&format!("hostfactory {name} -f in.json")).unwrap();
            assert_eq!((file_of(&verb), ignored.len()), (Some(&PathBuf::from("in.json")), 0), "{name}");
        }
    }

    #[test]
    fn what_a_call_does_not_know_is_set_aside() {
        let line = "hostfactory --work-dir /w --what getRequestStatus extra --long -x --wait 30 -f in.json --force=yes \
                    -- --set a.b=c=d --log-dir=/l -dx more";
        let Parsed { verb, options, ignored, .. } = parsed(line).unwrap();
        assert_eq!(file_of(&verb), Some(&PathBuf::from("in.json")));
        assert_eq!(options.work_dir, Some("/w".into()));
        assert_eq!(options.log_dir, Some("/l".into()));
        assert_eq!(options.settings, [("a.b".to_owned(), "c=d".to_owned())]);
        assert_eq!(ignored, ["--what", "extra", "--long", "-x", "--wait", "30", "--force=yes", "--", "-dx", "more"]);
    }

    #[test]
    fn a_call_that_cannot_be_understood_says_so_on_one_line() {
        for (line, wanted) in [
            ("hostfactory requestMachines -f", "value is required"),
            ("hostfactory requestMachines -f a -f b", "multiple times"),
            ("hostfactory requestMachines -f a --data {}", "cannot be used with"),
            ("hostfactory requestMachines -f a --set nonsense", "KEY=VALUE"),
        ] {
            let Err(Refused::Call(text)) = parsed(line) else { panic!("{line}") };
            assert!(text.contains(wanted) && !text.contains('\n') && !text.starts_with("error"), "{text}");
        }
    }

    #[test]
    fn what_is_mistyped_is_answered_with_the_nearest_that_there_is() {
        for (line, nearest) in [
            ("hostfactory requets list", "'requests'"),
            ("hostfactory requests lst", "'list'"),
            ("hostfactory machines list --sort nam", "'name'"),
            ("hostfactory machines list --statsu running", "'--status'"),
            ("hostfactory events list --name MachineCreate", "'MachineCreated'"),
            ("hostfactory storge check", "'storage'"),
            ("hostfactory storage chek", "'check'"),
            ("hostfactory storage purge --oldr-than 3", "'--older-than'"),
            ("hostfactory storage check --output jsn", "'json'"),
        ] {
            let Err(Refused::Usage(text, ..)) = parsed(line) else { panic!("{line}") };
            assert!(text.contains(nearest) && !text.contains('\n') && !text.contains("Usage"), "{text}");
        }
        let Err(Refused::Usage(text, _, format)) = parsed("hostfactory storage -o yaml") else { panic!() };
        assert_eq!((text.contains("subcommands: info, "), format), (true, Some(Format::Yaml)), "{text}");
    }

    #[test]
    fn a_call_sets_the_form_of_answer_aside_wherever_it_stands() {
        let Parsed { verb, ignored, .. } = parsed("hostfactory --output xml requestMachines -o a -f in.json").unwrap();
        assert_eq!(file_of(&verb), Some(&PathBuf::from("in.json")));
        assert_eq!(ignored, ["--output", "xml", "-o", "a"]);
    }

    #[test]
    fn other_verbs_are_strict_and_help_is_text() {
        for line in ["hostfactory", "hostfactory nonsense", "hostfactory config show --nonsense", "hostfactory storage"]
        {
            assert!(matches!(parsed(line), Err(Refused::Usage(..))), "{line}");
        }
        for line in ["hostfactory --help", "hostfactory --version", "hostfactory requestMachines -h --what"] {
            assert!(matches!(parsed(line), Err(Refused::Text(_))), "{line}");
        }
        let show = parsed("hostfactory config show --origin --set a=b").unwrap();
        assert!(format!("{:?}", show.verb).contains("Show { origin: true }"), "{:?}", show.verb);
        for (line, wanted) in [
            ("hostfactory templates refresh", "Refresh"),
            ("hostfactory storage check", "Check"),
            ("hostfactory storage recover", "Recover { yes: false }"),
            ("hostfactory storage recover --yes", "Recover { yes: true }"),
            ("hostfactory storage purge", "Purge { older_than: 30, yes: false }"),
            ("hostfactory storage purge --older-than 7 --yes", "Purge { older_than: 7, yes: true }"),
        ] {
            assert!(format!("{:?}", parsed(line).unwrap().verb).contains(wanted), "{line}");
        }
    }
}
