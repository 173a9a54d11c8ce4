//! The operator's template files: IBM's, ORB's, and ours, read tolerantly and decided field by field.
//!
//! Invariants: no cloud is asked; a boot script shows in no message, log or `Debug`.

mod api;
mod attributes;
mod catalogue;
mod difference;
mod editor;
mod fields;
mod file;
mod fleet_file;
mod fleets;
mod launch;
mod market;
mod native;
mod patch;
mod placement;
mod reader;
mod record;
mod requirements;
mod schema;
mod shapes;
mod sheet;
mod user_data;
mod volumes;

#[cfg(test)]
mod editor_tests;
#[cfg(test)]
mod field_tests;
#[cfg(test)]
mod file_tests;
#[cfg(test)]
mod fleet_file_tests;
#[cfg(test)]
mod fleet_tests;
#[cfg(test)]
mod requirement_tests;
#[cfg(test)]
mod schema_tests;

use std::path::PathBuf;

pub use catalogue::{FileCatalogue, FileCatalogueParameters};
pub use editor::{FileEditor, FileEditorParameters};
pub use fields::{FIELDS, Fate, FieldInfo};
pub use schema::template_schema;

use super::Environment;

/// What a template without `providerApi` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    /// As in IBM's plug-in: what its price and its types ask for, `RunInstances` for plain hosts.
    #[default]
    Awsprov,
    /// As in ORB: EC2 Fleet.
    Orb,
}

/// How templates are found and read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateSettings {
    /// The file, where the operator named one.
    pub file: Option<PathBuf>,
    /// What a template without `providerApi` means.
    pub dialect: Dialect,
    /// Keys of the tags that everything gets; they share the room with a template's own.
    pub common_tags: Vec<String>,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// What `$NAME` in a path stands for.
    pub variables: Environment,
}

/// What is odd about a template and can be lived with.
#[derive(Debug, Default)]
struct Notes(Vec<String>);

impl Notes {
    /// Notes that a field has no effect.
    fn set_aside(&mut self, field: &str, reason: &str) {
        self.0.push(format!("{field} has no effect: {reason}"));
    }

    fn add(&mut self, line: String) {
        self.0.push(line);
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn into_lines(self) -> Vec<String> {
        self.0
    }
}
