//! Adds templates to the template file.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use shaku::Component;

use super::template_writing::{TemplatesWritten, write};
use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{TemplateEdit, TemplateEditor};

/// Asks that templates are added to the file in force; all of them or none.
#[derive(Debug, Clone)]
pub struct CreateTemplates {
    /// A JSON document with one template, a list of them, or a template file.
    pub document: SecretString,
    /// Whether it is done; else it is only told what would be.
    pub act: bool,
}

impl Message for CreateTemplates {
    const NAME: &'static str = "CreateTemplates";
    type Output = TemplatesWritten;
}

impl Command for CreateTemplates {}

/// Carries out [`CreateTemplates`].
#[derive(Component)]
#[shaku(interface = Handler<CreateTemplates>)]
pub struct CreateTemplatesHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    editor: Arc<dyn TemplateEditor>,
}

impl CreateTemplatesHandler {
    /// Returns a handler over these.
    pub fn new(engine: Arc<dyn EngineSource>, editor: Arc<dyn TemplateEditor>) -> Self {
        Self { engine, editor }
    }
}

#[async_trait]
impl Handler<CreateTemplates> for CreateTemplatesHandler {
    async fn handle(&self, command: CreateTemplates) -> Result<TemplatesWritten, ApplicationError> {
        write(&*self.editor, self.engine.engine(), &TemplateEdit::Add(command.document), command.act).await
    }
}
