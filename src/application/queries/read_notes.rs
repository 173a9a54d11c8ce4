//! Tells what calls noted down for later calls.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::Notebook;
use crate::domain::notes::Notes;

/// Asks for the notes, without what hosts wrote to their consoles: nobody knows what that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadNotes;

impl Message for ReadNotes {
    const NAME: &'static str = "ReadNotes";
    type Output = Notes;
}

impl Query for ReadNotes {}

/// Handles [`ReadNotes`].
#[derive(Component)]
#[shaku(interface = Handler<ReadNotes>)]
pub struct ReadNotesHandler {
    #[shaku(inject)]
    notebook: Arc<dyn Notebook>,
}

#[async_trait]
impl Handler<ReadNotes> for ReadNotesHandler {
    async fn handle(&self, _: ReadNotes) -> Result<Notes, ApplicationError> {
        let mut notes = self.notebook.read().await;
        for brake in notes.brakes.values_mut() {
            brake.console = None;
        }
        Ok(notes)
    }
}
