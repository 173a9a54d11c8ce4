//! The command line, in clap's terms. Help texts are the doc comments.
//!
//! Invariant: a Host Factory call never fails over an option or argument that we do not know; it is set aside.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Command, CommandFactory, Parser, Subcommand};

use super::StartOptions;
use crate::domain::DomainError;

/// Host Factory provider plug-in for AWS.
#[derive(Debug, Parser)]
#[command(name = "hostfactory", version, about, max_term_width = 100)]
struct Line {
    #[command(flatten)]
    start: StartArgs,
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

/// What there is to do.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
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
    /// What Host Factory never calls.
    #[command(flatten)]
    Operator(OperatorVerb),
}

/// What there is to do for operators.
#[derive(Debug, Subcommand)]
pub(super) enum OperatorVerb {
    /// Finishes or undoes what killed processes left, and ends hosts of ours that no request accounts for. Calls do the
    /// same in passing; this does all of it now.
    Reconcile {
        /// Only says what would be done.
        #[arg(long)]
        dry_run: bool,
    },
    /// Shows and checks the configuration.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        action: ConfigVerb,
    },
    /// Checks the store, recovers it from a copy and forgets what has ended long ago.
    Storage {
        /// What to do with it.
        #[command(subcommand)]
        action: StorageVerb,
    },
}

/// What there is to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigVerb {
    /// Shows the configuration in force, secrets masked.
    Show {
        /// Shows where each value comes from.
        #[arg(long)]
        origin: bool,
    },
}

/// What there is to do with the store.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(super) enum StorageVerb {
    /// Reads the whole store and its copies, and tells how they are.
    Check,
    /// Puts the newest whole copy in place of a store that is damaged or gone. Nothing is deleted.
    Recover {
        /// Does it; without this, tells what would be done.
        #[arg(long)]
        yes: bool,
    },
    /// Takes in every live host that bears our owner tag and that the store does not know; begins a store anew that is
    /// gone.
    Adopt,
    /// Forgets settled requests and ended hosts that have not changed for a while.
    Purge {
        /// For how many days they have not.
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
    },
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
    /// What was set aside.
    pub(super) ignored: Vec<OsString>,
}

/// A command line that asks for something else than work.
#[derive(Debug)]
pub(super) enum Refused {
    /// Help or version was asked for; the text.
    Text(String),
    /// A Host Factory call that cannot be understood; one line.
    Call(String),
    /// Anything else that cannot be understood: one line, and the long text with the usage.
    Usage(String, String),
}

/// Reads the command line; the first argument is the program.
pub(super) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed, Refused> {
    let args: Vec<OsString> = args.into_iter().collect();
    let (program, rest) = args.split_first().map_or_else(|| (OsString::new(), &[][..]), |(p, rest)| (p.clone(), rest));
    let sorted = sort_out(rest);
    let is_call = sorted.verb.as_ref().is_some_and(|verb| CALLS.iter().flatten().any(|call| verb == call));
    let (line, ignored) = if is_call {
        let known = [program].into_iter().chain(sorted.verb).chain(sorted.known);
        (Line::try_parse_from(known), sorted.ignored)
    } else {
        (Line::try_parse_from(&args), Vec::new())
    };
    match line {
        Ok(Line { start, verb }) => Ok(Parsed { verb, options: start.into(), ignored }),
        Err(error) => {
            let text = error.render().to_string();
            Err(match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refused::Text(text),
                _ if is_call => Refused::Call(first_paragraph(&text)),
                _ => Refused::Usage(first_paragraph(&text), text),
            })
        }
    }
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

/// Returns the first paragraph of clap's text on one line, without its prefix.
fn first_paragraph(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let line = lines.join(" ");
    line.strip_prefix("error: ").unwrap_or(&line).to_owned()
}

fn setting(text: &str) -> Result<(String, String), DomainError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(DomainError::validation("--set", "is not of the form KEY=VALUE")),
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
        match verb {
            Verb::GetAvailableTemplates(input)
            | Verb::RequestMachines(input)
            | Verb::RequestReturnMachines(input)
            | Verb::GetRequestStatus(input)
            | Verb::GetReturnRequests(input) => input.file.as_ref(),
            Verb::Operator(_) => None,
        }
    }

    #[test]
    fn claps_own_checks_pass() {
        command().debug_assert();
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
        let Parsed { verb, options, ignored } = parsed(line).unwrap();
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
    fn other_verbs_are_strict_and_help_is_text() {
        for line in ["hostfactory", "hostfactory nonsense", "hostfactory config show --nonsense", "hostfactory storage"]
        {
            assert!(matches!(parsed(line), Err(Refused::Usage(..))), "{line}");
        }
        for line in ["hostfactory --help", "hostfactory --version", "hostfactory requestMachines -h --what"] {
            assert!(matches!(parsed(line), Err(Refused::Text(_))), "{line}");
        }
        let show = parsed("hostfactory config show --origin --set a=b").unwrap();
        let action = ConfigVerb::Show { origin: true };
        assert_eq!(format!("{:?}", show.verb), format!("{:?}", Verb::Operator(OperatorVerb::Config { action })));
        for (line, wanted) in [
            ("hostfactory storage check", "Check"),
            ("hostfactory storage recover", "Recover { yes: false }"),
            ("hostfactory storage recover --yes", "Recover { yes: true }"),
            ("hostfactory storage purge", "Purge { older_than: 30 }"),
            ("hostfactory storage purge --older-than 7", "Purge { older_than: 7 }"),
        ] {
            assert!(format!("{:?}", parsed(line).unwrap().verb).contains(wanted), "{line}");
        }
    }
}
