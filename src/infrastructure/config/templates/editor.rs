//! Changing the operator's template file.
//!
//! Invariants: what is written was read whole as templates are read; the file is replaced in one step, by one process at a
//! time, and its former state kept beside it; templates that are not named stay as they were written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::ExposeSecret as _;
use shaku::Component;

use super::file::{self, LARGEST, Reading};
use super::patch::{self, Patch};
use super::sheet::{self, Sheet};
use super::{TemplateSettings, difference};
use crate::application::ports::{EditedTemplate, EditedTemplates, InstanceTypes, TemplateEdit, TemplateEditor};
use crate::application::{ApplicationError, CatalogueError};
use crate::domain::template::ProviderKind;
use crate::domain::{Digest, TemplateId};
use crate::infrastructure::config::text::nearest;
use crate::infrastructure::config::{Settings, document, replacing};
use crate::infrastructure::lock::FileLock;
use crate::infrastructure::storage::path_in_made;

/// Keeps two processes from changing the file at once.
const LOCK: &str = "templates.lock";

/// Changes the template file in the configuration folder.
#[derive(Component)]
#[shaku(interface = TemplateEditor)]
pub struct FileEditor {
    #[shaku(inject)]
    types: Arc<dyn InstanceTypes>,
    /// The configuration folder.
    folder: PathBuf,
    /// The work folder, where the lock is.
    work_dir: PathBuf,
    /// How long to wait for another process.
    lock_timeout: Duration,
    /// The provider instance's name.
    instance: String,
    /// Who rents out the hosts.
    kind: ProviderKind,
    /// How templates are found and read.
    settings: TemplateSettings,
}

impl FileEditor {
    /// Returns an editor over `conf` and `work` in `folder`.
    #[cfg(test)]
    pub(super) fn over(
        folder: &Path,
        instance: &str,
        kind: ProviderKind,
        settings: TemplateSettings,
        types: Arc<dyn InstanceTypes>,
        lock_timeout: Duration,
    ) -> Self {
        let (conf, work_dir) = (folder.join("conf"), folder.join("work"));
        Self { types, folder: conf, work_dir, lock_timeout, instance: instance.to_owned(), kind, settings }
    }

    /// Returns the parameters of this component for the settings in force.
    pub fn parameters(settings: &Settings) -> FileEditorParameters {
        FileEditorParameters {
            folder: settings.folders.config.clone(),
            work_dir: settings.folders.work.clone(),
            lock_timeout: settings.storage.lock_timeout,
            instance: settings.instance.clone(),
            kind: settings.provider_kind,
            settings: settings.templates.clone(),
        }
    }

    fn path(&self, edit: &TemplateEdit) -> Result<PathBuf, CatalogueError> {
        let found = file::look_for(&self.folder, &self.instance, self.kind, &self.settings)?;
        match (found, edit) {
            (Some(path), _) => Ok(path),
            (None, TemplateEdit::Add(_)) => Ok(self.folder.join(format!("{}prov_templates.json", self.instance))),
            (None, TemplateEdit::Change(..) | TemplateEdit::Remove(_)) => {
                file::find(&self.folder, &self.instance, self.kind, &self.settings)
            }
        }
    }

    fn understand(&self, text: &str, path: &Path) -> Result<Reading, CatalogueError> {
        file::understand(text, path, &self.folder, self.kind, &self.settings, &*self.types)
    }

    /// Refuses a template that could not be used as it is now, and tells what is odd about it.
    fn judge(reading: &Reading, id: &TemplateId) -> Result<Vec<String>, CatalogueError> {
        let refused = |reason: String| CatalogueError::NotWritten { what: format!("template {id}"), reason };
        if let Some(found) = reading.refused.iter().find(|refused| refused.id == id.as_str()) {
            return Err(refused(found.reason.clone()));
        }
        let entry = reading.entries.iter().find(|entry| entry.template.id() == id);
        if let Some(Err(error)) = entry.map(super::reader::Entry::whole) {
            return Err(refused(error.to_string()));
        }
        let mut notes: Vec<String> = of(&reading.warnings, id).cloned().collect();
        notes.extend(patch::unknown_fields(&of(&reading.unknown, id).cloned().collect::<Vec<_>>()));
        if reading.off.iter().any(|off| off == id.as_str()) {
            notes.push("it is switched off (isActive)".to_owned());
        }
        Ok(notes)
    }
}

fn of<'r>(told: &'r [(String, Vec<String>)], id: &'r TemplateId) -> impl Iterator<Item = &'r String> {
    told.iter().filter(move |(template, _)| template == id.as_str()).flat_map(|(_, lines)| lines)
}

/// Returns the digest of a template as requests keep it, or of its text where it cannot be used as it is.
fn content(reading: Option<&Reading>, sheet: &Sheet<'_>, id: &TemplateId) -> Option<Digest> {
    let text = sheet.template(id)?;
    let entry = reading.and_then(|reading| reading.entries.iter().find(|entry| entry.template.id() == id));
    let whole = entry.and_then(|entry| entry.whole().ok());
    Some(whole.map_or_else(|| Digest::of(&[text]), |template| template.digest()))
}

/// Does what `edit` says to a sheet and returns which templates it is about.
fn carry_out(edit: &TemplateEdit, sheet: &mut Sheet<'_>) -> Result<Vec<TemplateId>, ApplicationError> {
    let known = sheet.ids()?;
    let unknown = |id: &TemplateId| {
        let near = nearest(id.as_str(), known.iter().map(TemplateId::as_str));
        let advice = match near {
            Some(near) => format!("did you mean {near}?"),
            None => format!("there are {} templates, see hostfactory templates list", known.len()),
        };
        CatalogueError::Unknown { id: id.to_string(), advice }
    };
    match edit {
        TemplateEdit::Add(document) => {
            let mut added: Vec<TemplateId> = Vec::new();
            for (named, node) in sheet::templates_in(document.expose_secret())? {
                let id = patch::id_of(&node, named.as_deref())?;
                let refused = |reason: String| CatalogueError::NotWritten { what: format!("template {id}"), reason };
                if added.contains(&id) {
                    return Err(refused("it comes twice in what was given".to_owned()).into());
                }
                if known.contains(&id) {
                    let reason = format!("there is one with this id; hostfactory templates update {id} changes it");
                    return Err(refused(reason).into());
                }
                sheet.add(&id, &node)?;
                added.push(id);
            }
            Ok(added)
        }
        TemplateEdit::Change(id, change) => {
            if !known.contains(id) {
                return Err(unknown(id).into());
            }
            let mut patch = Patch::new(sheet, id);
            if let Some(document) = &change.merge {
                patch.merge(document.expose_secret())?;
            }
            for (name, value) in &change.set {
                patch.set(name, value.expose_secret())?;
            }
            for name in &change.unset {
                patch.unset(name)?;
            }
            Ok(vec![id.clone()])
        }
        TemplateEdit::Remove(id) => {
            if !sheet.remove(id)? {
                return Err(unknown(id).into());
            }
            if sheet.ids()?.is_empty() {
                let reason =
                    "it is the last one, and Host Factory takes no file without a template; switch it off with: \
                              hostfactory templates update"
                        .to_owned();
                let reason = format!("{reason} {id} --set isActive=false");
                return Err(CatalogueError::NotWritten { what: format!("the file without {id}"), reason }.into());
            }
            Ok(vec![id.clone()])
        }
    }
}

#[async_trait]
impl TemplateEditor for FileEditor {
    async fn edit(&self, edit: &TemplateEdit, act: bool) -> Result<EditedTemplates, ApplicationError> {
        let _lock = if act {
            Some(FileLock::acquire(&path_in_made(&self.work_dir, LOCK)?, self.lock_timeout).await?)
        } else {
            None
        };
        let path = self.path(edit)?;
        let is_new = matches!(edit, TemplateEdit::Add(_)) && !path.exists();
        let found =
            if is_new { None } else { Some(document::read(&path, LARGEST).map_err(|error| file::unreadable(&error))?) };
        let mut sheet = Sheet::new(found.as_deref(), &path)?;
        let former = Sheet::new(found.as_deref(), &path)?;
        let ids = carry_out(edit, &mut sheet)?;
        let reading = self.understand(sheet.text(), &path)?;
        // What could not be read before may be what the change mends.
        let before = found.as_deref().and_then(|text| self.understand(text, &path).ok());
        let mut edited = Vec::new();
        for id in ids {
            let is_there = sheet.find(&id)?.is_some();
            edited.push(EditedTemplate {
                notes: if is_there { Self::judge(&reading, &id)? } else { Vec::new() },
                before: content(before.as_ref(), &former, &id),
                after: content(Some(&reading), &sheet, &id),
                id,
            });
        }
        let text = sheet.text();
        if text.len() as u64 > LARGEST {
            let reason = format!("it would be longer than {LARGEST} bytes");
            return Err(CatalogueError::NotWritten { what: path.display().to_string(), reason }.into());
        }
        let difference = difference::lines(found.as_deref().unwrap_or_default(), text);
        let former = if act && found.as_deref() != Some(text) {
            replacing::replace(&path, found.as_deref(), text, LARGEST).map_err(|error| CatalogueError::NotWritten {
                what: path.display().to_string(),
                reason: file::told(&error),
            })?
        } else {
            None
        };
        Ok(EditedTemplates { path, former, edited, difference })
    }
}
