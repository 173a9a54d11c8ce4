//! Looks at the hosts that Host Factory holds.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use super::HostRef;
use crate::application::ApplicationError;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::UnitOfWork;

/// Looks at these hosts and takes in what the cloud shows.
#[derive(Debug, Clone)]
pub struct SyncMachines {
    /// Every host that Host Factory holds from this provider.
    pub hosts: Vec<HostRef>,
}

impl Message for SyncMachines {
    const NAME: &'static str = "SyncMachines";
    type Output = ();
}

impl Command for SyncMachines {}

/// Carries out [`SyncMachines`].
#[derive(Component)]
#[shaku(interface = Handler<SyncMachines>)]
pub struct SyncMachinesHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
}

#[async_trait]
impl Handler<SyncMachines> for SyncMachinesHandler {
    async fn handle(&self, command: SyncMachines) -> Result<(), ApplicationError> {
        let _ = (&self.store, command);
        Ok(())
    }
}
