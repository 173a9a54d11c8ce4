//! Takes a template out of the template file.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use super::template_writing::{TemplatesWritten, write};
use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{MachineFilter, RequestFilter, TemplateEdit, TemplateEditor};
use crate::domain::request::RequestStatus;
use crate::domain::{MachineId, RequestId, TemplateId};

/// Asks that there are no more hosts of a template to ask for. Its requests and hosts go on (INV-17).
#[derive(Debug, Clone)]
pub struct DeleteTemplate {
    /// The template.
    pub id: TemplateId,
    /// Whether it is done; else it is only told what would be.
    pub act: bool,
}

/// What became of the template, and what goes on without it.
#[derive(Debug)]
pub struct TemplateDeleted {
    /// What was, or would be, changed.
    pub written: TemplatesWritten,
    /// Its requests that are not settled.
    pub open_requests: Vec<RequestId>,
    /// Its hosts that live and that nobody has asked to end.
    pub hosts: Vec<MachineId>,
}

impl Message for DeleteTemplate {
    const NAME: &'static str = "DeleteTemplate";
    type Output = TemplateDeleted;
}

impl Command for DeleteTemplate {}

/// Carries out [`DeleteTemplate`].
#[derive(Component)]
#[shaku(interface = Handler<DeleteTemplate>)]
pub struct DeleteTemplateHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    editor: Arc<dyn TemplateEditor>,
}

impl DeleteTemplateHandler {
    /// Returns a handler over these.
    pub fn new(engine: Arc<dyn EngineSource>, editor: Arc<dyn TemplateEditor>) -> Self {
        Self { engine, editor }
    }
}

#[async_trait]
impl Handler<DeleteTemplate> for DeleteTemplateHandler {
    async fn handle(&self, command: DeleteTemplate) -> Result<TemplateDeleted, ApplicationError> {
        let DeleteTemplate { id, act } = command;
        let engine = self.engine.engine();
        let open = RequestFilter {
            statuses: vec![RequestStatus::Running],
            template: Some(id.clone()),
            limit: usize::MAX - 1,
            ..RequestFilter::default()
        };
        let held = MachineFilter {
            template: Some(id.clone()),
            only_held: true,
            limit: usize::MAX - 1,
            ..MachineFilter::default()
        };
        let open_requests = engine.store.list_requests(&open).await?;
        let hosts = engine.store.list_machines(&held).await?;
        let written = write(&*self.editor, engine, &TemplateEdit::Remove(id), act).await?;
        Ok(TemplateDeleted {
            written,
            open_requests: open_requests.into_iter().map(|request| request.id).collect(),
            hosts: hosts.iter().map(|host| host.id().clone()).collect(),
        })
    }
}

#[cfg(test)]
#[path = "template_commands_tests.rs"]
mod tests;
