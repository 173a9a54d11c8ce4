//! Tells how the store is.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Depth, StoreKeeper, StoreReport};

/// Asks how the store and its copies are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckStore {
    /// How closely to look.
    pub depth: Depth,
}

impl Message for CheckStore {
    const NAME: &'static str = "CheckStore";
    type Output = StoreReport;
}

impl Query for CheckStore {}

/// Handles [`CheckStore`].
#[derive(Component)]
#[shaku(interface = Handler<CheckStore>)]
pub struct CheckStoreHandler {
    #[shaku(inject)]
    keeper: Arc<dyn StoreKeeper>,
}

#[async_trait]
impl Handler<CheckStore> for CheckStoreHandler {
    async fn handle(&self, query: CheckStore) -> Result<StoreReport, ApplicationError> {
        Ok(self.keeper.examine(query.depth).await?)
    }
}
