//! What a host wrote to its console.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::domain::MachineId;

/// Asks the cloud for the end of what a host wrote to its console.
#[derive(Debug, Clone)]
pub struct ReadConsole {
    /// The host.
    pub id: MachineId,
}

impl Message for ReadConsole {
    const NAME: &'static str = "ReadConsole";
    /// `None` when the cloud has kept nothing of it.
    type Output = Option<String>;
}

impl Query for ReadConsole {}

/// Answers [`ReadConsole`].
#[derive(Component)]
#[shaku(interface = Handler<ReadConsole>)]
pub struct ReadConsoleHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
}

impl ReadConsoleHandler {
    /// Returns a handler over `engine`.
    pub fn new(engine: Arc<dyn EngineSource>) -> Self {
        Self { engine }
    }
}

#[async_trait]
impl Handler<ReadConsole> for ReadConsoleHandler {
    async fn handle(&self, query: ReadConsole) -> Result<Option<String>, ApplicationError> {
        let engine = self.engine.engine();
        let known = engine.store.machines(std::slice::from_ref(&query.id)).await?;
        // A host that the store does not know is asked for where this installation gets its hosts.
        let api = known.first().map_or(engine.default_api, crate::domain::machine::Machine::api);
        Ok(engine.observation(api.kind())?.console(&query.id).await?)
    }
}
