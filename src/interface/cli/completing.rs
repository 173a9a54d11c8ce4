//! What a shell offers while our command line is typed: commands and options as clap has them, and ids as our lists tell them.

use std::any::TypeId;
use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{self, Stdio};
use std::sync::Arc;

use clap::{Arg, Command};
use clap_complete::env::{CompleteEnv, Shells};
use clap_complete::{ArgValueCompleter, CompletionCandidate, Shell};

use super::args;
use super::exit::Exit;
use crate::application::commands::HostRef;
use crate::domain::{MachineId, RequestId, TemplateId};

const PROGRAM: &str = "hostfactory";

/// What our scripts set to the shell's name when they ask.
const ASKED: &str = "HOSTFACTORY_COMPLETE";

/// Options that say where the installation lies, each with a value.
const PLACES: [&str; 4] = ["--config-dir", "--work-dir", "--log-dir", "--set"];

/// What zsh lacks: it runs the script at the first Tab, which then has to be answered, too.
const FIRST_TAB: &str = r#"if [ "$funcstack[1]" = "_hostfactory" ]; then
    _clap_dynamic_completer_hostfactory "$@"
fi
"#;

/// How many of the newest are offered: a store may hold a year's, and somebody waits.
const MOST: &str = "1000";

/// Returns the script that has a shell ask the program of its search path what may come next.
///
/// # Errors
/// Never in practice: it is written to memory.
pub(super) fn script(shell: Shell) -> io::Result<String> {
    let mut script = Vec::new();
    if let Some(completer) = Shells::builtins().completer(&shell.to_string()) {
        completer.write_registration(ASKED, PROGRAM, PROGRAM, PROGRAM, &mut script)?;
    }
    if shell == Shell::Zsh {
        script.extend(FIRST_TAB.as_bytes());
    }
    String::from_utf8(script).map_err(io::Error::other)
}

/// Answers a shell that asks, and returns how the process ends; `None` where none asks. A shell can make nothing of a
/// reason, so none is given.
pub(super) fn answer(line: &[OsString]) -> Option<Exit> {
    // Only our scripts write this, whatever the environment holds.
    if line.get(1).is_none_or(|word| word != "--") {
        return None;
    }
    let offering = CompleteEnv::with_factory(|| offering(line)).var(ASKED);
    match offering.try_complete(line, env::current_dir().ok().as_deref()) {
        Ok(false) => None,
        Ok(true) => Some(Exit::Done),
        Err(_) => Some(Exit::Failed),
    }
}

/// Returns clap's view of the command line, in which arguments know the values that the installation of `line` has.
fn offering(line: &[OsString]) -> Command {
    let mut whole = args::command();
    whole.build();
    taught(whole, &places(line).into())
}

fn taught(command: Command, places: &Arc<[OsString]>) -> Command {
    let teach = |argument: Arg| match list_of(&argument) {
        Some(list) => {
            let places = Arc::clone(places);
            argument.add(ArgValueCompleter::new(move |typed: &OsStr| listed(list, &places, typed)))
        }
        None => argument,
    };
    command.mut_args(teach).mut_subcommands(|below| taught(below, places))
}

/// Returns the command that lists what an argument may be.
fn list_of(argument: &Arg) -> Option<&'static [&'static str]> {
    let is = |one: TypeId| argument.get_value_parser().type_id() == one;
    if is(TypeId::of::<RequestId>()) {
        Some(&["requests", "list", "--limit", MOST])
    } else if is(TypeId::of::<MachineId>()) || is(TypeId::of::<HostRef>()) {
        Some(&["machines", "list", "--limit", MOST])
    } else if is(TypeId::of::<TemplateId>()) {
        Some(&["templates", "list"])
    } else if argument.get_id() == "key" {
        Some(&["config", "show"])
    } else {
        None
    }
}

/// Asks this program for a list; one that it cannot tell offers nothing.
fn listed(list: &[&str], places: &[OsString], typed: &OsStr) -> Vec<CompletionCandidate> {
    let Ok(program) = env::current_exe() else { return Vec::new() };
    let mut asked = process::Command::new(program);
    asked.args(list).args(["--output", "name"]).args(places).env_remove(ASKED);
    let told = asked.stdin(Stdio::null()).stderr(Stdio::null()).output().map(|told| told.stdout).unwrap_or_default();
    let typed = typed.to_string_lossy();
    let names = String::from_utf8_lossy(&told);
    names.lines().filter(|name| name.starts_with(&*typed)).map(CompletionCandidate::new).collect()
}

/// Returns what the line says of where the installation lies.
fn places(line: &[OsString]) -> Vec<OsString> {
    let mut places = Vec::new();
    let mut words = line.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if PLACES.contains(&&*text) {
            let mut value = words.next();
            // Bash divides a word at its equals sign.
            if value.is_some_and(|value| value == "=") {
                value = words.next();
            }
            places.extend([Some(word), value].into_iter().flatten().cloned());
        } else if PLACES.iter().any(|place| text.strip_prefix(place).is_some_and(|rest| rest.starts_with('='))) {
            places.push(word.clone());
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_asked_of_the_installation_that_the_line_names() {
        let line = "hostfactory -- hostfactory --config-dir a requests --log-dir = l --set=x.y=z show --work-dir";
        let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        assert_eq!(places(&line), ["--config-dir", "a", "--log-dir", "l", "--set=x.y=z", "--work-dir"]);
    }
}
