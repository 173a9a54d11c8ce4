//! Which providers there are, and whether the one in use can be reached.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Inspection, Reach};
use crate::domain::template::{ProviderApi, ProviderKind};

/// Asks which providers this program has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckProviders {
    /// Whether the cloud of the one in use is asked.
    pub ask: bool,
}

impl Message for CheckProviders {
    const NAME: &'static str = "CheckProviders";
    /// The one in use first.
    type Output = Vec<ProviderStanding>;
}

impl Query for CheckProviders {}

/// A provider of this program.
#[derive(Debug)]
pub struct ProviderStanding {
    /// Who rents out the hosts.
    pub kind: ProviderKind,
    /// Whether hosts come from it.
    pub in_use: bool,
    /// Where, in the cloud's own name for it.
    pub region: Option<String>,
    /// The ways in which hosts can be got.
    pub ways: Vec<ProviderApi>,
    /// Whether its cloud can be worked with, where it was asked.
    pub reach: Option<Reach>,
}

/// Answers [`CheckProviders`].
#[derive(Component)]
#[shaku(interface = Handler<CheckProviders>)]
pub struct CheckProvidersHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    inspections: HashMap<ProviderKind, Arc<dyn Inspection>>,
}

#[async_trait]
impl Handler<CheckProviders> for CheckProvidersHandler {
    async fn handle(&self, query: CheckProviders) -> Result<Vec<ProviderStanding>, ApplicationError> {
        let engine = self.engine.engine();
        let used = engine.default_api.kind();
        let mut standings = Vec::with_capacity(self.inspections.len());
        for (kind, inspection) in &self.inspections {
            let ways = engine.fulfilments.keys().copied().filter(|api| api.kind() == *kind);
            let mut ways: Vec<ProviderApi> = ways.collect();
            ways.sort_unstable();
            let in_use = *kind == used;
            let reach = if query.ask && in_use { inspection.reach().await } else { None };
            standings.push(ProviderStanding { kind: *kind, in_use, region: inspection.region(), ways, reach });
        }
        standings.sort_by_key(|standing| (!standing.in_use, standing.kind));
        Ok(standings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ports::Caller;
    use crate::application::testing::World;

    struct Near;

    #[async_trait]
    impl Inspection for Near {
        async fn reach(&self) -> Option<Reach> {
            let caller = Caller { account: "1".to_owned(), name: "grid".to_owned() };
            Some(Reach { caller: Ok(caller), probe: None })
        }
    }

    #[tokio::test]
    async fn only_the_cloud_in_use_is_asked_and_only_when_told_to() {
        let near = || Arc::new(Near) as Arc<dyn Inspection>;
        let inspections = HashMap::from([ProviderKind::Simulated, ProviderKind::Aws].map(|kind| (kind, near())));
        let handler = CheckProvidersHandler { engine: World::new().engine(), inspections };
        for ask in [false, true] {
            let standings = handler.handle(CheckProviders { ask }).await.unwrap();
            let shown: Vec<_> = standings.iter().map(|s| (s.kind, s.in_use, s.ways.len(), s.reach.is_some())).collect();
            assert_eq!(shown, [(ProviderKind::Aws, true, 3, ask), (ProviderKind::Simulated, false, 0, false)]);
        }
    }
}
