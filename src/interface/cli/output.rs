//! Standard output: one document, one line end, one flush. Nothing else in the program writes there.

use std::io::{self, Write};

use serde_json::Value;

use crate::interface::hostfactory::{Answer, Failure};

/// What goes to standard output.
#[derive(Debug)]
pub(super) enum Output {
    /// The answer of a Host Factory call.
    Answer(Answer),
    /// What went wrong.
    Failure(Failure),
    /// A document for people.
    Document(Value),
    /// Help or version: the only output that is not JSON.
    Text(String),
}

impl Output {
    fn text(&self) -> serde_json::Result<String> {
        match self {
            Self::Answer(answer) => serde_json::to_string(answer),
            Self::Failure(failure) => serde_json::to_string(failure),
            Self::Document(document) => serde_json::to_string_pretty(document),
            Self::Text(text) => Ok(text.trim_end().to_owned()),
        }
    }
}

/// Writes `output` to standard output.
///
/// # Errors
/// When it did not arrive as a whole, for example because nobody reads.
pub(super) fn print(output: &Output) -> io::Result<()> {
    if matches!(output, Output::Answer(_)) && was_closed() {
        return Err(io::Error::new(io::ErrorKind::NotConnected, "it was closed from the start"));
    }
    let mut bytes = output.text()?.into_bytes();
    bytes.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&bytes)?;
    stdout.flush()
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
    let _ = writeln!(io::stderr().lock(), "{text}");
}
