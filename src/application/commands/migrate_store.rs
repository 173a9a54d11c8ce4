//! Moves everything from one store to the other, and from a document into the store.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::info;

use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{Archive, Clock, Moved, Notebook, Present, StoreMover};
use crate::application::settings::StorageStrategy;

/// Asks for everything to be kept in the store of this strategy from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrateStore {
    /// The strategy.
    pub to: StorageStrategy,
    /// What happens to another store that is there already.
    pub present: Present,
}

impl Message for MigrateStore {
    const NAME: &'static str = "MigrateStore";
    type Output = Moved;
}

impl Command for MigrateStore {}

/// Handles [`MigrateStore`].
#[derive(Component)]
#[shaku(interface = Handler<MigrateStore>)]
pub struct MigrateStoreHandler {
    #[shaku(inject)]
    mover: Arc<dyn StoreMover>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler<MigrateStore> for MigrateStoreHandler {
    async fn handle(&self, command: MigrateStore) -> Result<Moved, ApplicationError> {
        Ok(self.mover.migrate(command.to, command.present, self.clock.now()).await?)
    }
}

/// Asks for the store to be what an archive says.
#[derive(Debug)]
pub struct ImportArchive {
    /// What `storage export` wrote.
    pub archive: Archive,
    /// What happens to a store that is there already.
    pub present: Present,
}

impl Message for ImportArchive {
    const NAME: &'static str = "ImportArchive";
    type Output = Moved;
}

impl Command for ImportArchive {}

/// Handles [`ImportArchive`].
#[derive(Component)]
#[shaku(interface = Handler<ImportArchive>)]
pub struct ImportArchiveHandler {
    #[shaku(inject)]
    mover: Arc<dyn StoreMover>,
    #[shaku(inject)]
    notebook: Arc<dyn Notebook>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler<ImportArchive> for ImportArchiveHandler {
    async fn handle(&self, command: ImportArchive) -> Result<Moved, ApplicationError> {
        let notes = command.archive.notes.clone();
        let moved = self.mover.import(command.archive, command.present, self.clock.now()).await?;
        if moved.done {
            // Notes may be lost; of those that are worth keeping, ours are the newer.
            self.notebook
                .edit(&mut |ours| {
                    ours.account = ours.account.take().or_else(|| notes.account.clone());
                    for (id, brake) in &notes.brakes {
                        ours.brakes.entry(id.clone()).or_insert_with(|| brake.clone());
                    }
                    for (name, at) in &notes.launch_templates {
                        ours.launch_templates.entry(name.clone()).or_insert(*at);
                    }
                })
                .await;
            info!(path = %moved.path.display(), "an archive was imported");
        }
        Ok(moved)
    }
}
