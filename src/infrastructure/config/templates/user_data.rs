//! The boot script: a file beside the templates, or text in the template itself.
//!
//! Invariant: the text shows in no message; a message names the field and, for a file, its path as the operator wrote it.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::TemplateSettings;
use super::fields::Field;
use super::record::Record;
use crate::domain::DomainError;
use crate::domain::template::UserData;
use crate::infrastructure::config::document::{self, Node};
use crate::infrastructure::config::text::short;

/// The most that EC2 takes, before it is encoded.
const LARGEST: usize = 16 * 1024;

/// Where a boot script is, looked for and not yet read.
#[derive(Clone)]
pub(super) enum Script {
    /// In a file.
    File(PathBuf),
    /// In the template.
    Inline(SecretString),
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Inline(_) => f.write_str("Inline(…)"),
        }
    }
}

/// Finds the boot script of a template, if it has one. Reads no file.
///
/// # Errors
/// [`DomainError::Validation`] for a path that leads nowhere, for text that is no script, and past 16 KB.
pub(super) fn find(
    record: &Record<'_, '_>,
    folder: &Path,
    settings: &TemplateSettings,
) -> Result<Option<Script>, DomainError> {
    let field = if record.has(Field::UserDataScript) { Field::UserDataScript } else { Field::UserData };
    let Some(node) = record.get(field) else { return Ok(None) };
    let refuse = |reason: String| Err(DomainError::validation(field.name(), reason));
    let Node::Text(text) = node else { return refuse(format!("{} is not a path or a script", node.kind())) };
    if is_script(text) {
        if text.len() > LARGEST {
            return refuse(too_large(text.len()));
        }
        return Ok(Some(Script::Inline(text.to_string().into())));
    }
    let text = text.trim();
    if let Some(path) = path_of(text, folder, settings)
        && let Ok(found) = std::fs::metadata(&path)
    {
        return match usize::try_from(found.len()) {
            _ if !found.is_file() => refuse(format!("{} is not a file", short(text))),
            Ok(size) if size <= LARGEST => Ok(Some(Script::File(path))),
            _ => refuse(format!("{}: {}", short(text), too_large(usize::try_from(found.len()).unwrap_or(usize::MAX)))),
        };
    }
    if looks_like_path(text) {
        return refuse(format!("there is no file {} (looked for from {})", short(text), folder.display()));
    }
    if is_pairs(text) {
        return refuse(
            "pairs for LSF's user_data.sh are not taken in this version; name a script file in userDataScript"
                .to_owned(),
        );
    }
    refuse(
        "is neither a file beside the templates nor a script; a script has several lines or starts with #!".to_owned(),
    )
}

/// Reads the boot script.
///
/// # Errors
/// [`DomainError::Validation`] when the file cannot be read, is not text or is too large.
pub(super) fn read(script: &Script) -> Result<UserData, DomainError> {
    match script {
        Script::Inline(text) => Ok(UserData::new(text.expose_secret().to_owned())),
        Script::File(path) => document::read(path, LARGEST as u64).map(UserData::new).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            DomainError::validation(Field::UserDataScript.name(), format!("{error}{cause}"))
        }),
    }
}

fn too_large(size: usize) -> String {
    format!("{size} bytes are more than the {LARGEST} that EC2 takes")
}

/// Text that can only be a script: several lines, or a first line that cloud-init or `EC2Launch` knows.
fn is_script(text: &str) -> bool {
    let text = text.trim_start();
    text.trim_end().contains('\n')
        || ["#!", "#cloud", "#include", "<script>", "<powershell>", "<persist>"]
            .iter()
            .any(|start| text.starts_with(start))
}

fn looks_like_path(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    text.starts_with(['/', '~', '.', '$'])
        || [".sh", ".bat", ".cmd", ".ps1", ".txt", ".yaml", ".yml"].iter().any(|ending| lower.ends_with(ending))
}

fn is_pairs(text: &str) -> bool {
    text.split(';').filter(|pair| !pair.is_empty()).all(|pair| {
        pair.split_once('=')
            .is_some_and(|(key, _)| !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'))
    })
}

/// Returns the path a text names, `~` and variables filled in; `None` when one of them is not set.
fn path_of(text: &str, folder: &Path, settings: &TemplateSettings) -> Option<PathBuf> {
    if text.is_empty() || text.len() > 4096 || text.contains('\0') {
        return None;
    }
    let mut path = String::with_capacity(text.len());
    let mut rest = text;
    if let Some(after) = rest.strip_prefix('~')
        && (after.is_empty() || after.starts_with('/'))
    {
        path.push_str(settings.home.as_ref()?.to_str()?);
        rest = after;
    }
    while let Some((before, after)) = rest.split_once('$') {
        path.push_str(before);
        let (name, after) = match after.strip_prefix('{') {
            Some(braced) => braced.split_once('}')?,
            None => after.split_at(after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len())),
        };
        path.push_str(settings.variables.get(name)?);
        rest = after;
    }
    path.push_str(rest);
    Some(folder.join(path))
}
