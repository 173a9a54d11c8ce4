//! What the commands that change templates have in common: the file first, then the events about it.

use tracing::{info, warn};

use crate::application::engine::Engine;
use crate::application::ports::{Changes, EditedTemplate, EditedTemplates, TemplateEdit, TemplateEditor};
use crate::application::{ApplicationError, StorageError};
use crate::domain::event::TemplateEvent;

/// What became of templates.
#[derive(Debug)]
pub struct TemplatesWritten {
    /// What was, or would be, changed.
    pub edited: EditedTemplates,
    /// Why no event tells of it, if none does; the file is changed all the same.
    pub unrecorded: Option<StorageError>,
}

/// Changes the template file, then commits what happened; without `act`, tells what would be changed.
pub(super) async fn write(
    editor: &dyn TemplateEditor,
    engine: &Engine,
    edit: &TemplateEdit,
    act: bool,
) -> Result<TemplatesWritten, ApplicationError> {
    let edited = editor.edit(edit, act).await?;
    let template_facts: Vec<TemplateEvent> =
        if act { edited.edited.iter().filter_map(fact_of).collect() } else { Vec::new() };
    for fact in &template_facts {
        info!(path = %edited.path.display(), ?fact, "the template file is changed");
    }
    let changes = Changes { template_facts, ..Changes::default() };
    let unrecorded = engine.store.commit(changes, engine.clock.now()).await.err();
    if let Some(error) = &unrecorded {
        warn!(%error, "no event tells of the change");
    }
    Ok(TemplatesWritten { edited, unrecorded })
}

fn fact_of(edited: &EditedTemplate) -> Option<TemplateEvent> {
    let template_id = edited.id.clone();
    match (edited.before.clone(), edited.after.clone()) {
        (None, Some(digest)) => Some(TemplateEvent::TemplateCreated { template_id, digest }),
        (Some(former), Some(digest)) if former != digest => {
            Some(TemplateEvent::TemplateUpdated { template_id, former, digest })
        }
        (Some(former), None) => Some(TemplateEvent::TemplateDeleted { template_id, former }),
        (Some(_), Some(_)) | (None, None) => None,
    }
}
