//! From the command line to one answer: which verb, which input, and whether it needs a runtime.
//!
//! Invariant: everything printed goes through one [`Output`], after the work is over, so that there is never half a
//! document and never two.

use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal};
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;

use tracing::warn;

use super::args::{self, Call, InputArgs, Parsed, Refused, Verb};
use super::barrier::guarded;
use super::completing;
use super::desk::{App, Desk, Ended, wait};
use super::exit::Exit;
use super::nouns::{self, OperatorVerb};
use super::output::{self, Output};
use super::report::Report;
use super::screen::Screen;
use super::{Composition, StartError, StartOptions, Started};
use crate::application::bus::Catalogue;
use crate::interface::hostfactory::{self as wire, Calls, Empty, Failure, Members, Source};

/// Runs the program: reads `args` (the first is the program's name), does the work, writes one document to standard
/// output and returns the exit code. Panics in the work end here.
pub fn run<C: Composition>(args: impl IntoIterator<Item = OsString>, composition: &C) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    if let Some(exit) = completing::answer(&args) {
        return exit.into();
    }
    let mut left = None;
    let (exit, output) = answer(args, composition, &mut left);
    // The process ends soon; to take a long answer apart would cost as much as to print it.
    let output = ManuallyDrop::new(output);
    let exit = match output::print(&output) {
        Ok(()) => exit,
        // Whoever reads the first lines of a list only has read enough.
        Err(error)
            if error.kind() == ErrorKind::BrokenPipe && matches!(*output, Output::Report(..) | Output::Text(_)) =>
        {
            exit
        }
        Err(error) => {
            output::hint(&format!("the answer could not be written to standard output: {error}"));
            Exit::Failed
        }
    };
    if let Some(app) = &left {
        conclude(composition, app);
    }
    exit.into()
}

/// Does what comes after the answer; whatever happens in it changes nothing any more.
fn conclude<C: Composition>(composition: &C, app: &Started<C::Module>) {
    let done = guarded(|| {
        // Nothing is left to tell anybody that the runtime could not be built.
        let _ = wait(App::of(app).commands().conclude());
    });
    if let Err(panic) = done {
        composition.log_failure(&panic);
    }
}

/// Does the work and returns what to print. The application is left where something may come after the answer.
pub(super) fn answer<C: Composition>(
    args: impl IntoIterator<Item = OsString>,
    composition: &C,
    left: &mut Option<Started<C::Module>>,
) -> (Exit, Output) {
    let answered = guarded(|| {
        let answered = perform(args, composition, left);
        // Where nothing comes after the answer, the store is closed before it.
        if left.as_ref().is_some_and(|app| !App::of(app).commands().has_conclusion()) {
            *left = None;
        }
        answered
    });
    answered.unwrap_or_else(|panic| {
        composition.log_failure(&panic);
        let text = "an internal error stopped the call; standard error and the log say where";
        (Exit::Failed, Output::Failure(Failure::new(text)))
    })
}

fn perform<C: Composition>(
    args: impl IntoIterator<Item = OsString>,
    composition: &C,
    left: &mut Option<Started<C::Module>>,
) -> (Exit, Output) {
    let outcome = match args::parse(args) {
        Ok(Parsed { verb: Verb::Operator(verb), options, format, .. }) => {
            let screen = Screen::new(format.or(verb.format()), composition.terminal());
            return match operate(verb, &Desk::new(composition, &options, screen), left) {
                Ok(report) => (report.exit, Output::Report(report, screen)),
                Err(Ended { exit, failure }) => {
                    composition.log_failure(failure.message());
                    (exit, Output::Refusal(failure, screen))
                }
            };
        }
        Ok(parsed) => work(parsed, composition, left),
        Err(Refused::Text(text)) => {
            let coloured = Screen::new(None, composition.terminal()).is_coloured();
            Ok(Output::Text(if coloured { text.ansi().to_string() } else { text.to_string() }))
        }
        Err(Refused::Call(text)) => Err(Failure::new(&text)),
        Err(Refused::Usage(line, long, format)) => {
            let screen = Screen::new(format, composition.terminal());
            output::hint(long.to_string().trim_end());
            // Whoever reads standard error has been told.
            let told = !screen.format.is_document();
            let refusal = Output::Refusal(Failure::new(&line), screen);
            return (Exit::Usage, if told { Output::Text(String::new()) } else { refusal });
        }
    };
    match outcome {
        Ok(output) => (Exit::Done, output),
        Err(failure) => {
            composition.log_failure(failure.message());
            (Exit::Failed, Output::Failure(failure))
        }
    }
}

/// Does what an operator asks. A panic ends here too, so that it is answered in the form that was asked for.
fn operate<C: Composition>(
    verb: OperatorVerb,
    desk: &Desk<'_, C>,
    left: &mut Option<Started<C::Module>>,
) -> Result<Report, Ended> {
    guarded(|| nouns::operate(verb, desk, left)).unwrap_or_else(|panic| Err(Ended::failed(Failure::new(&panic))))
}

fn work<C: Composition>(
    parsed: Parsed,
    composition: &C,
    left: &mut Option<Started<C::Module>>,
) -> Result<Output, Failure> {
    let Parsed { verb, options, ignored, .. } = parsed;
    let begin = || begin(composition, &options, &ignored);
    let answer = match verb {
        Verb::Call(Call::GetAvailableTemplates(input)) => {
            // The process ends with the answer, and to take apart all that was read would be a twentieth of the call.
            let app = ManuallyDrop::new(begin()?);
            if let Some(source) = named(&input) {
                wire::read(&source, Empty::IsObject)?;
            }
            calls(&app).available_templates()?
        }
        Verb::Call(Call::RequestMachines(input)) => {
            let app = left.insert(begin()?);
            let order = wire::request_machines(&read(&input, Empty::IsRefused)?)?;
            wait(calls(app).request_machines(order))??
        }
        Verb::Call(Call::RequestReturnMachines(input)) => {
            let app = left.insert(begin()?);
            let order = wire::return_machines(&read(&input, Empty::IsRefused)?)?;
            wait(calls(app).return_machines(order))??
        }
        Verb::Call(Call::GetRequestStatus(input)) => {
            let app = left.insert(begin()?);
            let asked = wire::request_ids(&read(&input, Empty::IsRefused)?)?;
            wait(calls(app).request_status(asked))??
        }
        Verb::Call(Call::GetReturnRequests(input)) => {
            let app = left.insert(begin()?);
            let held = wire::held_hosts(&read(&input, Empty::IsObject)?);
            wait(calls(app).return_requests(held))??
        }
        Verb::Operator(_) => return Err(Failure::new("this is not a call of Host Factory")),
    };
    Ok(Output::Answer(answer))
}

/// Composes the application; from here on there is a log.
fn begin<C: Composition>(
    composition: &C,
    options: &StartOptions,
    ignored: &[OsString],
) -> Result<Started<C::Module>, Failure> {
    let started = composition.start(options)?;
    if let Some(hint) = &started.hint {
        output::hint(hint);
    }
    if !ignored.is_empty() {
        warn!(arguments = ?ignored, "arguments that are not known were ignored");
    }
    Ok(started)
}

fn calls<M: Catalogue>(app: &Started<M>) -> Calls<'_, M> {
    Calls::new(&app.module, app.budget)
}

/// Returns the source that the command line names.
fn named(input: &InputArgs) -> Option<Source> {
    match (&input.file, &input.data) {
        (Some(path), _) if path == Path::new("-") => Some(Source::StandardInput),
        (Some(path), _) => Some(Source::File(path.clone())),
        (None, Some(data)) => Some(Source::Argument(data.clone())),
        (None, None) => None,
    }
}

fn read(input: &InputArgs, empty: Empty) -> Result<Members, Failure> {
    let source = match named(input) {
        Some(source) => source,
        None if io::stdin().is_terminal() => {
            return Err(Failure::new("there is no input; give -f FILE or --data JSON"));
        }
        None => Source::StandardInput,
    };
    Ok(wire::read(&source, empty)?)
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::new(&error.message)
    }
}

#[cfg(test)]
#[path = "dispatch_tests.rs"]
mod tests;
