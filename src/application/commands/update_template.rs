//! Changes a template in the template file.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use super::template_writing::{TemplatesWritten, write};
use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{TemplateChange, TemplateEdit, TemplateEditor};
use crate::domain::TemplateId;

/// Asks that a template is changed from now on. Requests that were made before go on with what they have (INV-17).
#[derive(Debug, Clone)]
pub struct UpdateTemplate {
    /// The template.
    pub id: TemplateId,
    /// What is to be different.
    pub change: TemplateChange,
    /// Whether it is done; else it is only told what would be.
    pub act: bool,
}

impl Message for UpdateTemplate {
    const NAME: &'static str = "UpdateTemplate";
    type Output = TemplatesWritten;
}

impl Command for UpdateTemplate {}

/// Carries out [`UpdateTemplate`].
#[derive(Component)]
#[shaku(interface = Handler<UpdateTemplate>)]
pub struct UpdateTemplateHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    editor: Arc<dyn TemplateEditor>,
}

impl UpdateTemplateHandler {
    /// Returns a handler over these.
    pub fn new(engine: Arc<dyn EngineSource>, editor: Arc<dyn TemplateEditor>) -> Self {
        Self { engine, editor }
    }
}

#[async_trait]
impl Handler<UpdateTemplate> for UpdateTemplateHandler {
    async fn handle(&self, command: UpdateTemplate) -> Result<TemplatesWritten, ApplicationError> {
        let UpdateTemplate { id, change, act } = command;
        write(&*self.editor, self.engine.engine(), &TemplateEdit::Change(id, change), act).await
    }
}
