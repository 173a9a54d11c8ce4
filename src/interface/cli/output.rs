//! Standard output: whole documents, each with one line end and one flush. Nothing else in the program writes there.

use std::io::{self, BufRead, IsTerminal, StderrLock, Write};
use std::sync::Arc;
use std::time::Instant;

use super::report::Report;
use super::screen::{Format, Screen, Terminal};
use super::{when, wrapping, yaml};
use crate::application::progress::heard;
use crate::interface::hostfactory::{Answer, Failure};

/// What goes to standard output.
#[derive(Debug)]
pub(super) enum Output {
    /// The answer of a Host Factory call.
    Answer(Answer),
    /// What went wrong in a Host Factory call.
    Failure(Failure),
    /// The answer of an operator's verb.
    Report(Report, Screen),
    /// What went wrong in an operator's verb.
    Refusal(Failure, Screen),
    /// Help or version: the only output of a call that is not JSON.
    Text(String),
}

impl Output {
    fn text(&self) -> serde_json::Result<String> {
        match self {
            Self::Answer(answer) => serde_json::to_string(answer),
            Self::Report(report, screen) => report.text(*screen),
            Self::Refusal(failure, screen) if screen.format == Format::Yaml => {
                Ok(yaml::text(&serde_json::to_value(failure)?))
            }
            Self::Failure(failure) | Self::Refusal(failure, _) => serde_json::to_string(failure),
            Self::Text(text) => Ok(text.trim_end().to_owned()),
        }
    }
}

/// Writes `output` to standard output; a failure that no program reads, to standard error.
///
/// # Errors
/// When it did not arrive as a whole, for example because nobody reads.
pub(super) fn print(output: &Output) -> io::Result<()> {
    if matches!(output, Output::Answer(_)) && was_closed() {
        return Err(io::Error::new(io::ErrorKind::NotConnected, "it was closed from the start"));
    }
    if let Output::Refusal(failure, screen) = output
        && !screen.format.is_document()
    {
        hint(&format!("error: {}", failure.message()));
        return Ok(());
    }
    let text = output.text()?;
    if text.is_empty() {
        return Ok(());
    }
    let mut bytes = text.into_bytes();
    bytes.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&bytes)?;
    stdout.flush()
}

/// Writes the next state of something that is watched: on a terminal in place of the `last` one, elsewhere unless it is
/// the same, documents on one line each. Returns what was written.
///
/// # Errors
/// When it did not arrive as a whole, for example because nobody reads.
pub(super) fn refresh(report: &Report, screen: Screen, last: &str) -> io::Result<String> {
    let text = if screen.format == Format::Json { report.compact()? } else { report.text(screen)? };
    if text != last {
        let (home, end) = match (screen.terminal.width, screen.format) {
            (Some(_), _) => ("\u{1b}[H\u{1b}[2J", "\n"),
            (None, Format::Yaml) => ("---\n", "\n"),
            (None, Format::Json | Format::Name) => ("", "\n"),
            (None, Format::Table | Format::Wide) => ("", "\n\n"),
        };
        let mut stdout = io::stdout().lock();
        stdout.write_all(format!("{home}{text}{end}").as_bytes())?;
        stdout.flush()?;
    }
    Ok(text)
}

/// Shows on a terminal how far something has come, in place of what it showed before; the last time with nothing.
pub(super) fn progress(text: &str) {
    let mut stderr = io::stderr().lock();
    if let Some(width) = width_of(&stderr) {
        // A line that is broken could not be taken back.
        let text: String = text.chars().take(width.saturating_sub(1)).collect();
        let _ = write!(stderr, "\r\u{1b}[K{text}").and_then(|()| stderr.flush());
    }
}

/// Does `work`, and shows on a terminal how far it has come, as far as it tells.
pub(super) async fn followed<T>(work: impl Future<Output = T>) -> T {
    if !io::stderr().is_terminal() {
        return work.await;
    }
    let begun = Instant::now();
    let listener = move |text: &str| progress(&format!("{text} … ({})", when::span(begun.elapsed())));
    let answer = heard(Arc::new(listener), work).await;
    progress("");
    answer
}

/// Returns the columns of the terminal that standard error is; `None` when it is none.
fn width_of(stderr: &StderrLock<'_>) -> Option<usize> {
    #[cfg(unix)]
    let size = terminal_size::terminal_size_of(stderr);
    #[cfg(not(unix))]
    let size = terminal_size::terminal_size();
    stderr.is_terminal().then(|| size.map_or(80, |(width, _)| usize::from(width.0)))
}

/// Writes the next lines of something that goes on.
///
/// # Errors
/// When they did not arrive as a whole, for example because nobody reads.
pub(super) fn append(lines: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(format!("{lines}\n").as_bytes())?;
    stdout.flush()
}

/// Returns what the process was started in. `variable` reads the environment.
pub(super) fn terminal(variable: impl Fn(&str) -> Option<String>) -> Terminal {
    let is_one = io::stdout().is_terminal();
    let width = || terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let plain =
        || variable("NO_COLOR").is_some_and(|value| !value.is_empty()) || variable("TERM").as_deref() == Some("dumb");
    Terminal {
        width: is_one.then(width),
        asks: io::stdin().is_terminal() && io::stderr().is_terminal(),
        colours: is_one && !plain(),
    }
}

/// Puts a question to whoever sits at the terminal and returns the answer.
///
/// # Errors
/// When there is none.
pub(super) fn ask(question: &str) -> io::Result<String> {
    let mut stderr = io::stderr().lock();
    let question =
        width_of(&stderr).map_or_else(|| question.to_owned(), |width| wrapping::wrapped(question, width - 1));
    write!(stderr, "{question} ")?;
    stderr.flush()?;
    let mut answer = String::new();
    if io::stdin().lock().read_line(&mut answer)? == 0 {
        // Whoever ends the input leaves the cursor behind the question.
        writeln!(stderr)?;
    }
    Ok(answer.trim().to_owned())
}

/// Returns whether standard output was closed when the program started, so that an answer reaches nobody. Rust's runtime
/// then puts the null device in its place, open for reading too, which `>/dev/null` is not.
#[cfg(unix)]
fn was_closed() -> bool {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::fs::{FileTypeExt, MetadataExt};

    let Ok(descriptor) = io::stdout().as_fd().try_clone_to_owned() else { return true };
    let mut file = std::fs::File::from(descriptor);
    let is_null = match (file.metadata(), std::fs::metadata("/dev/null")) {
        (Ok(own), Ok(null)) => own.file_type().is_char_device() && own.rdev() == null.rdev(),
        _ => false,
    };
    is_null && file.read(&mut [0]).is_ok()
}

#[cfg(not(unix))]
fn was_closed() -> bool {
    false
}

/// Writes a line to standard error, where that is possible.
pub(super) fn hint(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = match width_of(&stderr) {
        Some(width) => writeln!(stderr, "{}", wrapping::wrapped(text, width)),
        None => writeln!(stderr, "{text}"),
    };
}
