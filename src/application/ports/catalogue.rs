//! Where templates come from.

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
}
