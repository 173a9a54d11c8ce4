//! What this version makes of another plug-in's templates.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::values::{Record, is_unset};
use crate::application::ports::FieldFate::{Changed, Left, Taken};
use crate::application::ports::{FieldFate, Flavour, Found, InstanceTypes, TemplateCatalogue};
use crate::domain::template::ProviderKind;
use crate::infrastructure::config::Environment;
use crate::infrastructure::config::templates::{Dialect, FIELDS, Fate, FileCatalogue, TemplateSettings};
use crate::infrastructure::files;

const LARGEST: u64 = 16 << 20;

/// Finds the template file in a configuration folder.
pub(super) fn template_file(folder: &Path, flavour: Flavour) -> Option<PathBuf> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with("_templates.json") || name == "templates.json")
        .collect();
    names.sort_unstable();
    let rank = |name: &String| match flavour {
        Flavour::Ibm | Flavour::Ohfp => (!name.ends_with("prov_templates.json"), name == "templates.json"),
        Flavour::Orb => (name == "templates.json", name == "aws_templates.json"),
    };
    names.sort_by_key(rank);
    names.first().map(|name| folder.join(name))
}

/// Reads the templates as this version would, and notes what becomes of each field.
pub(super) fn templates(path: &Path, types: &Arc<dyn InstanceTypes>, found: &mut Found) {
    let settings = TemplateSettings {
        file: Some(path.to_owned()),
        dialect: if found.flavour == Flavour::Ibm { Dialect::Awsprov } else { Dialect::Orb },
        variables: Environment::capture(),
        ..TemplateSettings::default()
    };
    let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
    let catalogue = FileCatalogue::new(folder, "aws".to_owned(), ProviderKind::Aws, settings, Arc::clone(types));
    let section = found.sections.entry("templates").or_default();
    section.files.push(path.to_owned());
    match catalogue.list() {
        Ok(listing) => {
            section.records = listing.templates.len() + listing.refused.len();
            for refused in listing.refused {
                section.left.push((refused.id, refused.reason));
            }
            for template in listing.templates {
                let weighted = template.launch().instance_types.iter().filter(|kind| kind.weight > 1);
                let units: Vec<_> = weighted.map(|kind| (kind.name.clone(), kind.weight)).collect();
                if !units.is_empty() {
                    found.weights.insert(template.id().to_string(), units.into_iter().collect());
                }
            }
        }
        Err(error) => section.remarks.push(error.to_string()),
    }
    for (template, notes) in catalogue.warnings().unwrap_or_default() {
        section.remarks.extend(notes.iter().map(|note| format!("{template}: {note}")));
    }
    let text = files::read_limited(path, LARGEST).unwrap_or_default();
    let document: Value = serde_json::from_slice(&text).unwrap_or_default();
    for template in each(&document) {
        for (key, value) in template.iter().filter(|(key, value)| !key.starts_with('_') && !is_unset(value)) {
            let (fate, note) = fate_of(key, value);
            section.note(key, fate, note);
        }
    }
    if found.flavour == Flavour::Orb {
        section.remarks.push(
            "ORB fills in defaults that its file does not show, such as the tags Environment and Project: compare a \
             template with a host of it, and write what you need into the template"
                .to_owned(),
        );
    }
}

/// The templates of a file in any of its forms.
fn each(document: &Value) -> Vec<&Record> {
    let inside = |value: &'_ Value| -> bool { value.is_array() || value.is_object() };
    let document = document.get("templates").filter(|templates| inside(templates)).unwrap_or(document);
    match document {
        Value::Array(items) => items.iter().filter_map(Value::as_object).collect(),
        Value::Object(members) => members.values().filter_map(Value::as_object).collect(),
        _ => Vec::new(),
    }
}

fn fate_of(key: &str, value: &Value) -> (FieldFate, &'static str) {
    let plain = |word: &str| word.replace('_', "").to_ascii_lowercase();
    let names = |info: &&crate::infrastructure::config::templates::FieldInfo| {
        std::iter::once(&info.name).chain(info.aliases).any(|name| plain(name) == plain(key))
    };
    match FIELDS.iter().find(names) {
        Some(info) => match info.fate {
            Fate::Acts if info.name == key => (Taken, info.name),
            Fate::Acts => (Changed, info.name),
            Fate::Describes => (Taken, "it describes, and has no effect"),
            Fate::SetAside(why) | Fate::Refused(why) => (Left, why),
        },
        None if value.is_object() => (Left, "it is not known here"),
        None => (Left, "not known here"),
    }
}
