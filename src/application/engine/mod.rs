//! What several commands share: launching, watching and ending hosts, each step written down before and after.
//!
//! Invariants: a create call is sent only for an attempt that is committed (INV-01); only complete answers of the cloud
//! change a host (INV-06); only hosts that a request names are ended (INV-07), and never one of another installation
//! (INV-08).

mod collecting;
mod ending;
mod filling;
mod launching;
mod noting;
mod recovering;
mod resources;
mod syncing;
mod transaction;
mod watching;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use shaku::{Component, Interface};

use super::ApplicationError;
use super::ports::{Clock, Fulfilment, IdSource, Installation, Notebook, Observation, TemplateCatalogue, UnitOfWork};
use super::settings::{CareSettings, HealthSettings};
use crate::domain::machine::Sighting;
use crate::domain::request::RequestPolicy;
use crate::domain::template::{ProviderApi, ProviderKind};
use crate::domain::{MachineId, Moment, RequestId, Timestamp};

pub use collecting::Orphan;
pub use recovering::Recovered;
pub use syncing::SyncReport;
pub(crate) use transaction::{Case, pause};
pub(crate) use watching::Seen;

/// Gives access to the [`Engine`]. Components are injected as traits; this is the engine's.
pub trait EngineSource: Interface {
    /// Returns the engine.
    fn engine(&self) -> &Engine;
}

/// The ports that commands work with, and the steps that they share.
#[derive(Component)]
#[shaku(interface = EngineSource)]
pub struct Engine {
    #[shaku(inject)]
    pub(crate) store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    pub(crate) clock: Arc<dyn Clock>,
    #[shaku(inject)]
    pub(crate) ids: Arc<dyn IdSource>,
    #[shaku(inject)]
    pub(crate) installation: Arc<dyn Installation>,
    #[shaku(inject)]
    pub(crate) notebook: Arc<dyn Notebook>,
    #[shaku(inject)]
    pub(crate) templates: Arc<dyn TemplateCatalogue>,
    #[shaku(inject)]
    pub(crate) fulfilments: HashMap<ProviderApi, Arc<dyn Fulfilment>>,
    #[shaku(inject)]
    pub(crate) observations: HashMap<ProviderKind, Arc<dyn Observation>>,
    /// The operator's choices about requests.
    #[shaku(default)]
    pub(crate) policy: RequestPolicy,
    /// The operator's choices about what nobody asks for.
    #[shaku(default)]
    pub(crate) care: CareSettings,
    /// What of a host's health counts.
    #[shaku(default)]
    pub(crate) health: HealthSettings,
    /// Since when calls have come without a long gap; found out by the first step that needs it.
    #[shaku(force_default)]
    pub(crate) watched_since: OnceLock<Timestamp>,
    /// The way that is taken to give back a host that we did not launch.
    #[shaku(default = ProviderApi::RunInstances)]
    pub(crate) default_api: ProviderApi,
}

impl EngineSource for Engine {
    fn engine(&self) -> &Engine {
        self
    }
}

impl Engine {
    /// Returns now, with since when we have been watching as far as a step has found that out ([`Self::watch`]).
    pub(crate) fn moment(&self) -> Moment {
        let now = self.clock.now();
        match self.watched_since.get() {
            Some(since) => Moment { now, watched_since: *since },
            None => Moment::at_first_sight(now),
        }
    }

    /// Finds out since when calls have come without a long gap, and notes this one down. Once in a process.
    pub(crate) async fn watch(&self) {
        if self.watched_since.get().is_some() {
            return;
        }
        let now = self.clock.now();
        let notes = self.notebook.read().await;
        let mut since = notes.watched_since(now);
        if !notes.watch_is_fresh(now) {
            self.notebook.edit(&mut |notes| since = notes.watch(now)).await;
        }
        let _ = self.watched_since.set(since);
    }

    /// Returns the provider of one way to get hosts.
    ///
    /// # Errors
    /// [`ApplicationError::NoProvider`] when this binary has none.
    pub(crate) fn fulfilment(&self, api: ProviderApi) -> Result<&dyn Fulfilment, ApplicationError> {
        self.fulfilments.get(&api).map(AsRef::as_ref).ok_or_else(|| ApplicationError::no_provider(&format!("{api:?}")))
    }

    /// Returns the way a host was got, as far as its tags tell.
    pub(crate) fn api_of(&self, host: &Sighting) -> ProviderApi {
        host.api.unwrap_or(self.default_api)
    }

    pub(crate) fn observation(&self, kind: ProviderKind) -> Result<&dyn Observation, ApplicationError> {
        self.observations.get(&kind).map(AsRef::as_ref).ok_or_else(|| ApplicationError::no_provider(&kind))
    }
}

/// Why a step on a host could not be taken.
pub(crate) type Problems = HashMap<MachineId, String>;

/// Returns the ids without repetition, in order.
pub(crate) fn distinct(ids: &[RequestId]) -> Vec<&RequestId> {
    let mut seen = std::collections::HashSet::new();
    ids.iter().filter(|id| seen.insert(*id)).collect()
}
