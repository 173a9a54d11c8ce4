//! Putting another text in place of a file that an operator wrote.
//!
//! Invariants: the file is whole at any time, and replaced only if it still holds what was read; its former state is kept
//! beside it.

use std::path::{Path, PathBuf};

use super::{ConfigurationError, document};
use crate::infrastructure::files;

/// Replaces the file, which still holds `found`, and returns the name that its former state has now: `….former`. Texts are at
/// most `limit` bytes long.
///
/// # Errors
/// [`ConfigurationError`] when the file was changed meanwhile, or cannot be replaced. It is as it was then.
pub(super) fn replace(
    path: &Path,
    found: Option<&str>,
    text: &str,
    limit: u64,
) -> Result<Option<PathBuf>, ConfigurationError> {
    let now = if path.exists() { Some(document::read(path, limit)?) } else { None };
    if now.as_deref() != found {
        let reason = "was changed by somebody else in this very moment; try again";
        return Err(ConfigurationError::invalid("the whole file", path.display(), reason));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let former = found.map(|_| path.with_file_name(format!("{name}.former")));
    files::replace_shared(path, text.as_bytes(), former.as_deref())
        .map_err(|error| ConfigurationError::Unwritable { path: path.to_owned(), source: error.into() })?;
    Ok(former)
}
