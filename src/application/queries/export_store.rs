//! Everything that an installation keeps, as one document.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Archive, Clock, Installation, Notebook, StoreMover};
use crate::application::{ApplicationError, StorageError, progress};

/// Asks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportStore {
    /// A new file that it is written into.
    pub file: Option<PathBuf>,
}

impl Message for ExportStore {
    const NAME: &'static str = "ExportStore";
    type Output = Archive;
}

impl Query for ExportStore {}

/// Handles [`ExportStore`].
#[derive(Component)]
#[shaku(interface = Handler<ExportStore>)]
pub struct ExportStoreHandler {
    #[shaku(inject)]
    mover: Arc<dyn StoreMover>,
    #[shaku(inject)]
    installation: Arc<dyn Installation>,
    #[shaku(inject)]
    notebook: Arc<dyn Notebook>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Handler<ExportStore> for ExportStoreHandler {
    async fn handle(&self, query: ExportStore) -> Result<Archive, ApplicationError> {
        let mut archive = self.mover.export(self.installation.id()?, self.clock.now()).await?;
        archive.notes = self.notebook.read().await;
        // Leases are of processes of this machine.
        archive.notes.free_dead(|_| false);
        if let Some(file) = &query.file {
            progress::tell(|| {
                let (requests, hosts) = (archive.requests.len(), archive.machines.len());
                format!("writing {requests} requests and {hosts} hosts to {}", file.display())
            });
            let text = serde_json::to_vec(&archive).map_err(|error| StorageError::Unavailable {
                operation: "writing down everything".to_owned(),
                source: Box::new(error),
            })?;
            self.mover.save(&text, file)?;
        }
        Ok(archive)
    }
}
