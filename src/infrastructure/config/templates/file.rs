//! The template file: where it is and the forms it comes in.
//!
//! Invariant: what is not a template file is an error with its path; it is never read as an empty list.

use std::borrow::Cow;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use tracing::debug;

use super::fields::Field;
use super::reader::{self, Entry};
use super::record::Record;
use super::{Notes, TemplateSettings};
use crate::application::CatalogueError;
use crate::application::ports::{InstanceTypes, RefusedTemplate};
use crate::domain::template::ProviderKind;
use crate::infrastructure::config::document::{self, Node};
use crate::infrastructure::config::text::short;
use crate::infrastructure::config::{ConfigurationError, layers};

/// The largest template file that is read.
pub(super) const LARGEST: u64 = 8 * 1024 * 1024;

/// Everything a template file says.
#[derive(Default)]
pub(super) struct Reading {
    /// Templates that can be used, in the operator's order.
    pub entries: Vec<Entry>,
    /// Templates that cannot.
    pub refused: Vec<RefusedTemplate>,
    /// Templates that are switched off.
    pub off: Vec<String>,
    /// What is odd and can be lived with, template by template.
    pub warnings: Vec<(String, Vec<String>)>,
    /// Members that are no fields and are read over, template by template.
    pub unknown: Vec<(String, Vec<String>)>,
}

/// Finds the template file.
///
/// # Errors
/// [`CatalogueError::Unreadable`] naming what was looked for.
pub(super) fn find(
    folder: &Path,
    instance: &str,
    kind: ProviderKind,
    settings: &TemplateSettings,
) -> Result<PathBuf, CatalogueError> {
    look_for(folder, instance, kind, settings)?.ok_or_else(|| CatalogueError::Unreadable {
        what: format!("there is no template file in {}", folder.display()),
        advice: format!("write {instance}prov_templates.json there, or name the file in template.file"),
    })
}

/// Finds the template file, if there is one; the one that the operator named need not be there.
///
/// # Errors
/// [`CatalogueError::Unreadable`] when the folder cannot be read, or it is not clear which of several files it is.
pub(super) fn look_for(
    folder: &Path,
    instance: &str,
    kind: ProviderKind,
    settings: &TemplateSettings,
) -> Result<Option<PathBuf>, CatalogueError> {
    if let Some(path) = &settings.file {
        return Ok(Some(path.clone()));
    }
    if let Some(path) = layers::find(folder, instance, "prov_templates.json").map_err(|error| unreadable(&error))? {
        return Ok(Some(path));
    }
    let orb = [
        format!("{instance}_templates.json"),
        format!("{kind}_templates.json"),
        format!("{}_templates.json", ProviderKind::Aws),
        "templates.json".to_owned(),
    ];
    Ok(orb.iter().map(|name| folder.join(name)).find(|path| path.is_file()))
}

/// Returns an error and its causes in one line.
pub(super) fn told(error: &ConfigurationError) -> String {
    let first = std::error::Error::source(error);
    let causes = std::iter::successors(first, |cause| cause.source()).map(|cause| format!(": {cause}"));
    format!("{error}{}", causes.collect::<String>())
}

pub(super) fn unreadable(error: &ConfigurationError) -> CatalogueError {
    CatalogueError::Unreadable { what: told(error), advice: "correct the template file".to_owned() }
}

/// Reads the template file. A relative path of a boot script is taken from `folder`.
///
/// # Errors
/// [`CatalogueError::Unreadable`] when it is not a template file, or holds no template.
pub(super) fn read(
    path: &Path,
    folder: &Path,
    kind: ProviderKind,
    settings: &TemplateSettings,
    types: &dyn InstanceTypes,
) -> Result<Reading, CatalogueError> {
    let text = document::read(path, LARGEST).map_err(|error| unreadable(&error))?;
    understand(&text, path, folder, kind, settings, types)
}

/// Reads the text of a template file at `path` as [`read`] does.
///
/// # Errors
/// As [`read`].
pub(super) fn understand(
    text: &str,
    path: &Path,
    folder: &Path,
    kind: ProviderKind,
    settings: &TemplateSettings,
    types: &dyn InstanceTypes,
) -> Result<Reading, CatalogueError> {
    let document = document::parse(text, path, false).map_err(|error| unreadable(&error))?;
    let mut reading = Reading::default();
    let mut seen: HashSet<String> = HashSet::new();
    for (at, (named, node)) in templates_of(&document, path)?.into_iter().enumerate() {
        let place = || named.map_or_else(|| format!("templates[{at}]"), short);
        let Node::Object(members) = node else {
            reading.refused.push(RefusedTemplate { id: place(), reason: format!("{} is not a template", node.kind()) });
            continue;
        };
        let record = Record::of(members);
        let id = match id_of(&record, named) {
            Ok(id) => id,
            Err(error) => {
                reading.refused.push(RefusedTemplate { id: place(), reason: error.to_string() });
                continue;
            }
        };
        let label = id.to_string();
        if seen.contains(&label) {
            let note = "comes twice in the file; the first one counts".to_owned();
            reading.warnings.push((label, vec![note]));
            continue;
        }
        if !record.unknown.is_empty() {
            reading.unknown.push((label.clone(), record.unknown.iter().map(|name| (*name).to_owned()).collect()));
        }
        let mut notes = Notes::default();
        match reader::read(id, &record, kind, folder, settings, types, &mut notes) {
            Ok(Some(entry)) => reading.entries.push(entry),
            Ok(None) => {
                debug!(template_id = %label, "template is switched off");
                reading.off.push(label.clone());
            }
            Err(error) => reading.refused.push(RefusedTemplate { id: label.clone(), reason: error.to_string() }),
        }
        if !notes.is_empty() {
            reading.warnings.push((label.clone(), notes.into_lines()));
        }
        seen.insert(label);
    }
    Ok(reading)
}

pub(super) type Found<'n, 'a> = Vec<(Option<&'n str>, &'n Node<'a>)>;

/// The templates of a file: an object with `templates`, a bare array, or an object keyed by id.
pub(super) fn templates_of<'n, 'a>(document: &'n Node<'a>, path: &Path) -> Result<Found<'n, 'a>, CatalogueError> {
    fn keyed<'n, 'a>(members: &'n [(Cow<'a, str>, Node<'a>)]) -> Found<'n, 'a> {
        let is_template =
            |(key, node): &&(Cow<'_, str>, Node<'_>)| !key.starts_with('_') && matches!(node, Node::Object(_));
        members.iter().filter(is_template).map(|(key, node)| (Some(key.as_ref()), node)).collect()
    }
    let found: Found<'n, 'a> = match document {
        Node::List(items) => items.iter().map(|item| (None, item)).collect(),
        Node::Object(members) => match members.iter().find(|(key, _)| key == "templates") {
            Some((_, Node::List(items))) => items.iter().map(|item| (None, item)).collect(),
            Some((_, Node::Object(inner))) => keyed(inner),
            Some((_, other)) => {
                return Err(CatalogueError::Unreadable {
                    what: format!("templates in {} is {}", path.display(), other.kind()),
                    advice: "it takes a list of templates".to_owned(),
                });
            }
            None => keyed(members),
        },
        other => {
            return Err(CatalogueError::Unreadable {
                what: format!("{} holds {}", path.display(), other.kind()),
                advice: "it takes an object with the key templates".to_owned(),
            });
        }
    };
    if found.is_empty() {
        return Err(CatalogueError::Unreadable {
            what: format!("{} holds no template", path.display()),
            advice: "add at least one to its list templates".to_owned(),
        });
    }
    Ok(found)
}

/// Returns the id of a template, which may be the key that it stands under.
///
/// # Errors
/// [`DomainError`](crate::domain::DomainError) when it has none that can be used.
pub(super) fn id_of(
    record: &Record<'_, '_>,
    named: Option<&str>,
) -> Result<crate::domain::TemplateId, crate::domain::DomainError> {
    match (record.text(Field::TemplateId)?, named) {
        (Some(id), _) => id.parse(),
        (None, Some(name)) => name.parse(),
        (None, None) => Err(crate::domain::DomainError::validation("templateId", "is missing")),
    }
}
