//! A template object becomes a template, or a refusal with its reason.
//!
//! Invariant: one bad template hides no good one.

use std::path::Path;

use super::api::choose_api;
use super::fields::{FIELDS, Fate, Field};
use super::record::Record;
use super::user_data::{self, Script};
use super::{Notes, TemplateSettings, attributes, fleet_file, launch};
use crate::application::ports::InstanceTypes;
use crate::domain::template::{LaunchSettings, MaxNumber, ProviderApi, ProviderKind, Template, TemplateParts};
use crate::domain::{DomainError, TemplateId};
use crate::infrastructure::config::document::Node;

/// What a template was read into.
pub(super) struct Entry {
    /// The template, its boot script not read.
    pub template: Template,
    /// The boot script.
    pub script: Option<Script>,
}

impl Entry {
    /// Returns the template with its boot script read.
    ///
    /// # Errors
    /// [`DomainError`] when that cannot be read or is no script.
    pub(super) fn whole(&self) -> Result<Template, DomainError> {
        let Some(script) = &self.script else { return Ok(self.template.clone()) };
        let mut parts = TemplateParts::from(self.template.clone());
        parts.launch.user_data = Some(user_data::read(script)?);
        Template::new(parts)
    }
}

/// Reads a template object; `None` when it is switched off.
///
/// # Errors
/// [`DomainError`] naming the field at fault.
pub(super) fn read(
    id: TemplateId,
    record: &Record<'_, '_>,
    kind: ProviderKind,
    folder: &Path,
    settings: &TemplateSettings,
    types: &dyn InstanceTypes,
    notes: &mut Notes,
) -> Result<Option<Entry>, DomainError> {
    if let Some(key) = &record.twice {
        return Err(DomainError::validation(key, "comes twice in this template"));
    }
    if record.flag(Field::IsActive)? == Some(false) {
        return Ok(None);
    }
    let max_number = match record.get(Field::MaxNumber) {
        None => return Err(DomainError::validation("maxNumber", "is missing; it is -1 (unlimited) or 0 to 10000")),
        Some(Node::Fraction(number)) if number.fract() != 0.0 => {
            return Err(DomainError::validation("maxNumber", format!("{number} is not a whole number")));
        }
        Some(_) => MaxNumber::try_from(record.whole(Field::MaxNumber, -1, 10_000)?.unwrap_or(0))?,
    };
    let file = match kind {
        ProviderKind::Aws => fleet_file::find(record, folder)?,
        ProviderKind::Simulated => None,
    };
    let choice = choose_api(record, kind, settings.dialect, file.as_ref(), notes)?;
    let mut parts = TemplateParts {
        id,
        max_number,
        attributes: attributes::of(record, choice, types)?,
        api: choice.api,
        price_type: choice.price,
        launch: LaunchSettings::default(),
        priority: record.whole(Field::Priority, i64::from(i32::MIN), i64::from(i32::MAX))?,
    };
    if kind == ProviderKind::Simulated {
        return simulated(record, choice, folder, settings, notes, parts).map(Some);
    }
    for (info, field) in FIELDS.iter().zip(Field::all()).filter(|(_, field)| record.has(*field)) {
        match info.fate {
            Fate::Refused(reason) => return Err(DomainError::validation(field.name(), reason)),
            Fate::SetAside(reason) => notes.set_aside(field.name(), reason),
            Fate::Acts | Fate::Describes => {}
        }
    }
    let script = user_data::find(record, folder, settings)?;
    if record.has(Field::UserDataScript) && record.has(Field::UserData) {
        notes.set_aside(Field::UserData.name(), "userDataScript goes before it");
    }
    parts.launch = launch::read(record, choice, folder, settings, notes)?;
    if script.is_some() && parts.launch.launch_template.is_some() && parts.api != ProviderApi::RunInstances {
        return Err(DomainError::validation(
            Field::UserDataScript.name(),
            "cannot go with launchTemplateId here: AWS takes it from the launch template alone; set it there, or remove \
             launchTemplateId",
        ));
    }
    Ok(Some(Entry { template: Template::new(parts)?, script }))
}

/// Without a cloud nothing is launched: what only AWS would mind is left out with a note.
fn simulated(
    record: &Record<'_, '_>,
    choice: super::api::Choice<'_>,
    folder: &Path,
    settings: &TemplateSettings,
    notes: &mut Notes,
    parts: TemplateParts,
) -> Result<Entry, DomainError> {
    let mut unheard = Notes::default();
    let whole = launch::read(record, choice, folder, settings, &mut unheard)
        .and_then(|launch| Template::new(TemplateParts { launch, ..parts.clone() }));
    let template = match whole {
        Ok(template) => template,
        Err(error) => {
            notes.add(format!("would be refused on AWS: {error}"));
            Template::new(parts)?
        }
    };
    Ok(Entry { template, script: None })
}
