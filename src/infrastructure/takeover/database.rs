//! A database of ORB or Open Host Factory in JSON: in sections, flat, or in a file for each kind.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::records::{self, Kind};
use super::values::Record;
use crate::application::ports::Found;
use crate::domain::DomainError;
use crate::infrastructure::files;

/// The largest database that is read.
const LARGEST: u64 = 2 << 30;

/// Reads a JSON object.
pub(super) fn object(path: &Path) -> Result<Record, DomainError> {
    let refused = |reason: String| DomainError::validation(path.display().to_string(), reason);
    let bytes = files::read_limited(path, LARGEST).map_err(|error| refused(format!("cannot be read: {error}")))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(refused("is not a JSON object".to_owned())),
        Err(error) => Err(refused(format!("is not JSON: {error}"))),
    }
}

/// Reads one file with everything in it.
pub(super) fn single(path: &Path, found: &mut Found) -> Result<(), DomainError> {
    let members = object(path)?;
    let is_section = |name: &str| members.get(name).is_some_and(Value::is_object) && kind(&members, name).is_none();
    if ["requests", "machines", "templates"].iter().any(|name| is_section(name)) {
        for (name, kind) in SECTIONS {
            if let Some(Value::Object(section)) = members.get(name) {
                take_all(section, Some(kind), path, found);
            }
        }
    } else {
        take_all(&members, None, path, found);
    }
    Ok(())
}

const SECTIONS: [(&str, Kind); 3] =
    [("templates", Kind::Template), ("requests", Kind::Request), ("machines", Kind::Machine)];

fn kind(members: &Record, name: &str) -> Option<Kind> {
    members.get(name).and_then(Value::as_object).and_then(records::kind_of)
}

/// Reads those of the three files that there are.
pub(super) fn split(folder: &Path, names: &[(Kind, PathBuf)], found: &mut Found) -> Result<(), DomainError> {
    for (kind, name) in names {
        let path = folder.join(name);
        if !path.is_file() {
            continue;
        }
        let members = object(&path)?;
        let section = SECTIONS.iter().find(|(_, of)| of == kind).map_or("", |(section, _)| section);
        match members.get(section) {
            Some(Value::Object(inner)) if members.len() <= 2 => take_all(inner, Some(*kind), &path, found),
            _ => take_all(&members, Some(*kind), &path, found),
        }
    }
    Ok(())
}

fn take_all(members: &Record, kind: Option<Kind>, path: &Path, found: &mut Found) {
    for (key, value) in members {
        let Some(record) = value.as_object() else {
            if kind.is_some() {
                found.sections.entry("requests").or_default().left.push((key.clone(), "is not a record".to_owned()));
            }
            continue;
        };
        take(key, record, kind.or_else(|| records::kind_of(record)), found);
    }
    for name in ["requests", "machines"] {
        let section = found.sections.entry(name).or_default();
        if !section.files.iter().any(|file| file == path) {
            section.files.push(path.to_owned());
        }
    }
}

/// Takes one record in.
pub(super) fn take(key: &str, record: &Record, kind: Option<Kind>, found: &mut Found) {
    match kind {
        Some(Kind::Request) => {
            let section = found.sections.entry("requests").or_default();
            found.requests.push(records::request(key, record, section));
        }
        Some(Kind::Machine) => {
            let section = found.sections.entry("machines").or_default();
            found.machines.push(records::machine(key, record, section));
        }
        Some(Kind::Template) => {
            let units = records::weights(record);
            if !units.is_empty() {
                // The template file, which was read before, wins over these rows.
                found.weights.entry(key.to_owned()).or_insert_with(|| units.into_iter().collect());
            }
        }
        None => {
            let why = "is neither a request nor a machine nor a template".to_owned();
            found.sections.entry("requests").or_default().left.push((key.chars().take(80).collect(), why));
        }
    }
}
