//! The bundle as a whole: every part that could be had, clean, and a page that says what is there and what is not.

use std::path::Path;

use super::host;
use super::pack;
use super::secrets::Secrets;
use crate::application::ports::Clock as _;
use crate::infrastructure::clock::SystemClock;
use crate::infrastructure::config::{Environment, Overrides};
use crate::infrastructure::files::FileError;

/// The size of a bundle, the names of the files in it, and what could not be had with the reason.
pub type Made = (u64, Vec<String>, Vec<(String, String)>);

/// Puts these parts, and what this host tells by itself, into a new file at `path`.
///
/// # Errors
/// [`FileError`] when there is a file already, or it cannot be written.
pub fn made(
    path: &Path,
    sections: Vec<(String, Result<String, String>)>,
    overrides: &Overrides,
    environment: &Environment,
) -> Result<Made, FileError> {
    let secrets = Secrets::of(overrides, environment);
    let mut files = Vec::new();
    let mut missing = Vec::new();
    for (name, told) in sections.into_iter().chain(host::gathered(overrides, environment, &secrets)) {
        match told {
            Ok(text) => files.push((name, secrets.removed_from(&text))),
            Err(why) => missing.push((name, secrets.removed_from(&why))),
        }
    }
    files.insert(0, ("README.txt".to_owned(), page(&files, &missing)));
    match pack::packed(path, &files, SystemClock::default().now().as_seconds())? {
        Some(bytes) => Ok((bytes, files.into_iter().map(|(name, _)| name).collect(), missing)),
        None => Err(FileError::Refused {
            path: path.to_owned(),
            finding: "is there already".to_owned(),
            advice: "name a file that is not there; none is replaced".to_owned(),
        }),
    }
}

fn page(files: &[(String, String)], missing: &[(String, String)]) -> String {
    let mut page = format!(
        "A support bundle of hostfactory {}.\n\nKnown secrets are masked as ***. Look through it before you hand it on.\n\n",
        env!("CARGO_PKG_VERSION")
    );
    for (name, text) in files {
        page.extend([format!("{name}: {} bytes\n", text.len())]);
    }
    for (name, why) in missing {
        page.extend([format!("{name}: missing: {why}\n")]);
    }
    page
}
