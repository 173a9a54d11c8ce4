//! One key of the configuration: its value, and changing it in `config.json`.
//!
//! Invariants: what is written was read as a whole configuration first; the file is replaced in one step and its former
//! state kept beside it; members that we do not know stay, in their order.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::document::{self, Node};
use super::keys::{self, Kind};
use super::layers::{LARGEST, OWN};
use super::settings::shown;
use super::{ConfigurationError, Environment, Overrides, Settings, folders, replacing};

/// What was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The file.
    pub path: PathBuf,
    /// Its former state, if there was one.
    pub former: Option<PathBuf>,
    /// The value in force before, secrets masked.
    pub before: Option<Value>,
    /// The value in force now.
    pub after: Option<Value>,
    /// Where that comes from: a variable may go before the file.
    pub origin: Option<String>,
    /// What is odd about the configuration and can be lived with.
    pub warnings: Vec<String>,
}

impl Settings {
    /// Returns the value of one key, secrets masked, and the place it came from; `None` for a value that is set nowhere.
    ///
    /// # Errors
    /// [`ConfigurationError::Invalid`] naming the nearest key, when there is no such key.
    pub fn value(&self, name: &str) -> Result<Option<(Value, String)>, ConfigurationError> {
        let key = keys::find(name)?;
        Ok(self.layers.get(key.name).map(|(setting, origin)| (shown(key.kind, setting), origin.to_string())))
    }
}

/// Returns whether a key begins with the name of a section, so that it can be no field of a template.
pub fn is_in_a_section(key: &str) -> bool {
    let section = |key: &str| key.split_once('.').map(|(section, _)| section.to_owned());
    section(key)
        .is_some_and(|named| keys::KEYS.iter().any(|known| section(known.name).as_deref() == Some(named.as_str())))
}

/// Sets `name` to `value` in our own file; an empty value removes it, so that what lies below is in force.
///
/// # Errors
/// [`ConfigurationError`] when there is no such key, it does not take the value, the configuration could not be used with
/// it, or the file cannot be replaced. Nothing has changed then.
pub fn set(
    overrides: &Overrides,
    environment: &Environment,
    name: &str,
    value: &str,
) -> Result<Edited, ConfigurationError> {
    let key = keys::find(name)?;
    let (_, folders) = folders::resolve(&overrides.folders, environment)?;
    let path = folders.config.join(OWN);
    let found = if path.exists() { Some(document::read(&path, LARGEST)?) } else { None };
    let node = node_of(key.kind, value, &path)?;
    if let Some(node) = &node {
        let refused = |reason| ConfigurationError::invalid(name, "command line", reason);
        key.kind.read(node, &folders.config).map_err(refused)?;
    }
    let mut whole = match &found {
        Some(text) => document::parse(text, &path, true)?,
        None => Node::Object(Vec::new()),
    };
    put(&mut whole, name, node).map_err(|at| {
        let reason = "is not an object, so that nothing can be put into it; correct the file by hand";
        ConfigurationError::invalid(at, path.display(), reason)
    })?;
    let text = document::laid_out(&whole);
    // A configuration that is broken already may be what the change mends.
    let before = Settings::load(overrides, environment).ok().and_then(|settings| settings.value(name).ok().flatten());
    let settings = Settings::load_with(overrides, environment, Some(&text))?;
    let after = settings.value(name)?;
    let former = replacing::replace(&path, found.as_deref(), &text, LARGEST)?;
    let (after, origin) = after.unzip();
    Ok(Edited { path, former, before: before.map(|(value, _)| value), after, origin, warnings: settings.warnings })
}

/// Returns the value as JSON has it: a number for a number, an object for tags that are written as one.
fn node_of<'a>(kind: Kind, value: &'a str, path: &Path) -> Result<Option<Node<'a>>, ConfigurationError> {
    let text = Node::Text(Cow::Borrowed(value));
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some(match kind {
        Kind::Number(..) => text.as_whole().map_or(text, Node::Whole),
        Kind::Flag => text.as_flag().map_or(text, Node::Flag),
        Kind::Tags if value.trim_start().starts_with('{') => document::parse(value, path, true)?,
        Kind::Text
        | Kind::Path
        | Kind::Word(_)
        | Kind::Level
        | Kind::Url
        | Kind::SecretUrl
        | Kind::SecretHeader
        | Kind::Events
        | Kind::Name
        | Kind::Tags => text,
    }))
}

/// Puts a value at `name`, section by section, where it stands already or at the end; without one, takes it away.
///
/// # Errors
/// The name of what stands in the way.
fn put<'a>(node: &mut Node<'a>, name: &str, value: Option<Node<'a>>) -> Result<(), String> {
    let Node::Object(members) = node else { return Err("the whole file".to_owned()) };
    if let Some(at) = members.iter().position(|(key, _)| key == name) {
        match value {
            Some(value) => {
                if let Some((_, there)) = members.get_mut(at) {
                    *there = value;
                }
            }
            None => drop(members.remove(at)),
        }
        return Ok(());
    }
    // The longest name of a section that is there; files may write `"provider.aws": {…}`.
    let section = members
        .iter()
        .enumerate()
        .filter(|(_, (key, _))| name.strip_prefix(key.as_ref()).is_some_and(|rest| rest.starts_with('.')))
        .max_by_key(|(_, (key, _))| key.len())
        .map(|(at, (key, _))| (at, key.len()));
    if let Some((at, length)) = section {
        let (key, rest) = (name.get(..length).unwrap_or_default(), name.get(length + 1..).unwrap_or_default());
        return match members.get_mut(at) {
            Some((_, Node::Object(_))) | None => {
                members.get_mut(at).map_or(Ok(()), |(_, section)| put(section, rest, value))
            }
            Some(_) => Err(key.to_owned()),
        };
    }
    let Some(value) = value else { return Ok(()) };
    match name.split_once('.') {
        None => members.push((Cow::Owned(name.to_owned()), value)),
        Some((section, rest)) => {
            let mut below = Node::Object(Vec::new());
            put(&mut below, rest, Some(value))?;
            members.push((Cow::Owned(section.to_owned()), below));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
