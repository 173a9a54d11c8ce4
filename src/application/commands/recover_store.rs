//! Puts a copy in place of a store that is damaged or missing.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::warn;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Clock, Recovery, StoreKeeper};

/// Asks for the newest whole copy to become the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecoverStore {
    /// Whether to do it, rather than to tell what would be done.
    pub act: bool,
}

impl Message for RecoverStore {
    const NAME: &'static str = "RecoverStore";
    type Output = Recovery;
}

impl Command for RecoverStore {}

/// Handles [`RecoverStore`].
#[derive(Component)]
#[shaku(interface = Handler<RecoverStore>)]
pub struct RecoverStoreHandler {
    #[shaku(inject)]
    keeper: Arc<dyn StoreKeeper>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler<RecoverStore> for RecoverStoreHandler {
    async fn handle(&self, command: RecoverStore) -> Result<Recovery, ApplicationError> {
        let recovery = self.keeper.recover(self.clock.now(), command.act).await?;
        if recovery.done {
            let copy = recovery.copy.as_ref().map(|copy| copy.path.display().to_string());
            warn!(path = %recovery.found.path.display(), copy, "the store was recovered");
        }
        Ok(recovery)
    }
}
