//! Where templates come from.

use std::path::{Path, PathBuf};

use shaku::Interface;

use crate::application::CatalogueError;
use crate::domain::TemplateId;
use crate::domain::template::Template;

/// A template that was read and refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedTemplate {
    /// Its id, or its place in the file when it has none that can be used.
    pub id: String,
    /// Why, with the key at fault.
    pub reason: String,
}

/// Every template there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those that can be used, in the operator's order; Host Factory prefers earlier ones.
    pub templates: Vec<Template>,
    /// Those that cannot.
    pub refused: Vec<RefusedTemplate>,
}

/// How a template file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TemplateReview {
    /// The file.
    pub path: PathBuf,
    /// Templates that can be used, in the operator's order.
    pub accepted: Vec<Template>,
    /// Templates that cannot.
    pub refused: Vec<RefusedTemplate>,
    /// Templates that are switched off.
    pub off: Vec<String>,
    /// What is odd about a template and can be lived with, as `(template, notes)`.
    pub notes: Vec<(String, Vec<String>)>,
}

/// Reads the operator's templates. Implementations MUST NOT ask the cloud (INV-22).
pub trait TemplateCatalogue: Interface {
    /// Returns every active template. One bad template MUST NOT hide the good ones.
    ///
    /// # Errors
    /// [`CatalogueError::Unreadable`] when there is no template file that can be read, or not one usable template in it.
    fn list(&self) -> Result<Listing, CatalogueError>;

    /// Returns one template, its user data read.
    ///
    /// # Errors
    /// [`CatalogueError::Unknown`] or [`CatalogueError::Refused`] when there is none to use.
    fn find(&self, id: &TemplateId) -> Result<Template, CatalogueError>;

    /// Returns how each template of `file` is read, its user data included; of the file in force when there is none.
    ///
    /// # Errors
    /// [`CatalogueError::Unreadable`] when it is not a template file.
    fn review(&self, file: Option<&Path>) -> Result<TemplateReview, CatalogueError>;
}
