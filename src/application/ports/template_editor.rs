//! Where templates are changed.

use std::path::PathBuf;

use async_trait::async_trait;
use secrecy::SecretString;
use shaku::Interface;

use crate::application::ApplicationError;
use crate::domain::{Digest, TemplateId};

/// What is to become of templates. Boot scripts may be in any of the texts, so that none of them shows in `Debug`.
#[derive(Debug, Clone)]
pub enum TemplateEdit {
    /// Templates are added behind those that are there: a JSON document with one, a list of them, or a template file.
    Add(SecretString),
    /// A template is changed.
    Change(TemplateId, TemplateChange),
    /// A template is taken out.
    Remove(TemplateId),
}

/// What is to be different about a template; in this order.
#[derive(Debug, Clone, Default)]
pub struct TemplateChange {
    /// A JSON merge document (RFC 7396).
    pub merge: Option<SecretString>,
    /// Fields and their values, `attributes.nram` for a member of a field.
    pub set: Vec<(String, SecretString)>,
    /// Fields that are taken away.
    pub unset: Vec<String>,
}

/// What became of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedTemplate {
    /// The template.
    pub id: TemplateId,
    /// Its content before, if it was there.
    pub before: Option<Digest>,
    /// Its content now, if it is there.
    pub after: Option<Digest>,
    /// What is odd about it and can be lived with.
    pub notes: Vec<String>,
}

/// What became of the template file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedTemplates {
    /// The file.
    pub path: PathBuf,
    /// Its former state, if it was replaced.
    pub former: Option<PathBuf>,
    /// Each template that was to be changed.
    pub edited: Vec<EditedTemplate>,
    /// The lines that differ and some around them: `-` before, `+` now, a space for both. Boot scripts are masked.
    pub difference: Vec<String>,
}

/// Changes the operator's template file. Implementations MUST read the whole file as templates are read before they replace
/// it, MUST replace it in one step and only if nobody else changed it meanwhile, and MUST leave everything else in it as it was
/// written.
#[async_trait]
pub trait TemplateEditor: Interface {
    /// Does what `edit` says; without `act`, tells what it would do.
    ///
    /// # Errors
    /// [`ApplicationError::Catalogue`] when a template is not there, is there already, or could not be used;
    /// [`ApplicationError::Domain`] for a field that there is not; others when the file cannot be written. Nothing has
    /// changed then.
    async fn edit(&self, edit: &TemplateEdit, act: bool) -> Result<EditedTemplates, ApplicationError>;
}
