//! Asks for hosts.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::UnitOfWork;
use crate::domain::{AccountName, DomainError, MachineCount, RequestId, TemplateId};

/// Asks for so many hosts of a template.
#[derive(Debug, Clone)]
pub struct RequestMachines {
    /// The template.
    pub template: TemplateId,
    /// How many hosts.
    pub count: MachineCount,
    /// The account they are charged to.
    pub account: Option<AccountName>,
}

impl Message for RequestMachines {
    const NAME: &'static str = "RequestMachines";
    type Output = RequestId;
}

impl Command for RequestMachines {}

/// Carries out [`RequestMachines`].
#[derive(Component)]
#[shaku(interface = Handler<RequestMachines>)]
pub struct RequestMachinesHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
}

#[async_trait]
impl Handler<RequestMachines> for RequestMachinesHandler {
    async fn handle(&self, command: RequestMachines) -> Result<RequestId, ApplicationError> {
        let _ = (&self.store, command);
        Err(DomainError::NotFound { entity: "handler", id: String::new() }.into())
    }
}
