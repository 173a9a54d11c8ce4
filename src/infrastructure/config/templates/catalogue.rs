//! The operator's templates as the application sees them.
//!
//! Invariants: the file is read at most once in a process, when it is first asked for; boot scripts are read by `find`
//! alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use shaku::Component;
use tracing::warn;

use super::file::{self, Reading};
use super::patch::unknown_fields;
use super::{TemplateSettings, user_data};
use crate::application::CatalogueError;
use crate::application::ports::{InstanceTypes, Listing, RefusedTemplate, TemplateCatalogue, TemplateReview};
use crate::domain::TemplateId;
use crate::domain::template::{ProviderKind, Template};
use crate::infrastructure::config::Settings;
use crate::infrastructure::config::text::nearest;

/// Reads templates from the configuration folder.
#[derive(Component)]
#[shaku(interface = TemplateCatalogue)]
pub struct FileCatalogue {
    /// What fills in the attributes that a template leaves out.
    #[shaku(inject)]
    types: Arc<dyn InstanceTypes>,
    /// The configuration folder.
    folder: PathBuf,
    /// The provider instance's name.
    instance: String,
    /// Who rents out the hosts.
    kind: ProviderKind,
    /// How templates are found and read.
    settings: TemplateSettings,
    #[shaku(force_default)]
    reading: OnceLock<Result<Reading, CatalogueError>>,
}

impl FileCatalogue {
    /// Returns a catalogue over the template file in `folder`.
    pub fn new(
        folder: PathBuf,
        instance: String,
        kind: ProviderKind,
        settings: TemplateSettings,
        types: Arc<dyn InstanceTypes>,
    ) -> Self {
        Self { types, folder, instance, kind, settings, reading: OnceLock::new() }
    }

    /// Returns the parameters of this component for the settings in force.
    pub fn parameters(settings: &Settings) -> FileCatalogueParameters {
        FileCatalogueParameters {
            folder: settings.folders.config.clone(),
            instance: settings.instance.clone(),
            kind: settings.provider_kind,
            settings: settings.templates.clone(),
        }
    }

    /// Returns what is odd about the templates and can be lived with, as `(template, notes)`.
    ///
    /// # Errors
    /// As [`TemplateCatalogue::list`], but for a file without a usable template.
    pub fn warnings(&self) -> Result<&[(String, Vec<String>)], CatalogueError> {
        self.reading().map(|reading| reading.warnings.as_slice())
    }

    fn reading(&self) -> Result<&Reading, CatalogueError> {
        let reading = self.reading.get_or_init(|| {
            let path = file::find(&self.folder, &self.instance, self.kind, &self.settings)?;
            let reading = file::read(&path, &self.folder, self.kind, &self.settings, &*self.types)?;
            for (template, notes) in &reading.warnings {
                warn!(template_id = %template, notes = %notes.join("; "), "template read with notes");
            }
            for RefusedTemplate { id, reason } in &reading.refused {
                warn!(template_id = %id, %reason, "template refused");
            }
            Ok(reading)
        });
        reading.as_ref().map_err(Clone::clone)
    }
}

impl TemplateCatalogue for FileCatalogue {
    fn list(&self) -> Result<Listing, CatalogueError> {
        let reading = self.reading()?;
        if reading.entries.is_empty() {
            return Err(CatalogueError::Unreadable {
                what: match reading.refused.first() {
                    Some(RefusedTemplate { id, reason }) => {
                        format!("not one of {} templates can be used; {id}: {reason}", reading.refused.len())
                    }
                    None => "every template is switched off".to_owned(),
                },
                advice: "correct the template file".to_owned(),
            });
        }
        Ok(Listing {
            templates: reading.entries.iter().map(|entry| entry.template.clone()).collect(),
            refused: reading.refused.clone(),
        })
    }

    fn review(&self, file: Option<&Path>) -> Result<TemplateReview, CatalogueError> {
        let path = match file {
            Some(path) => path.to_owned(),
            None => file::find(&self.folder, &self.instance, self.kind, &self.settings)?,
        };
        let reading = file::read(&path, &self.folder, self.kind, &self.settings, &*self.types)?;
        let (off, mut notes, refused) = (reading.off, reading.warnings, reading.refused);
        notes.extend(reading.unknown.iter().map(|(id, names)| (id.clone(), unknown_fields(names))));
        let mut review = TemplateReview { path, refused, off, notes, ..TemplateReview::default() };
        for entry in reading.entries {
            match entry.script.as_ref().map(user_data::read) {
                Some(Err(error)) => {
                    let id = entry.template.id().to_string();
                    review.refused.push(RefusedTemplate { id, reason: error.to_string() });
                }
                Some(Ok(_)) | None => review.accepted.push(entry.template),
            }
        }
        Ok(review)
    }

    fn find(&self, id: &TemplateId) -> Result<Template, CatalogueError> {
        let reading = self.reading()?;
        let refused = |reason: String| CatalogueError::Refused { id: id.to_string(), reason };
        let Some(entry) = reading.entries.iter().find(|entry| entry.template.id() == id) else {
            if let Some(found) = reading.refused.iter().find(|refused| refused.id == id.as_str()) {
                return Err(refused(found.reason.clone()));
            }
            let known: Vec<&str> = reading.entries.iter().map(|entry| entry.template.id().as_str()).collect();
            let advice = match nearest(id.as_str(), known.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("there are {} templates, see getAvailableTemplates", known.len()),
            };
            return Err(CatalogueError::Unknown { id: id.to_string(), advice });
        };
        entry.whole().map_err(|error| refused(error.to_string()))
    }
}
