//! What there is in the cloud that a first template can name.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Discovery, Inspection};
use crate::domain::template::ProviderKind;

/// Asks the cloud in use what the account has there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscoverSite;

impl Message for DiscoverSite {
    const NAME: &'static str = "DiscoverSite";
    /// `None` without a cloud.
    type Output = Option<Discovery>;
}

impl Query for DiscoverSite {}

/// Answers [`DiscoverSite`]. Neither store nor templates are needed for it.
#[derive(Component)]
#[shaku(interface = Handler<DiscoverSite>)]
pub struct DiscoverSiteHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    inspections: HashMap<ProviderKind, Arc<dyn Inspection>>,
}

#[async_trait]
impl Handler<DiscoverSite> for DiscoverSiteHandler {
    async fn handle(&self, _: DiscoverSite) -> Result<Option<Discovery>, ApplicationError> {
        let kind = self.engine.engine().default_api.kind();
        let inspection = self.inspections.get(&kind).ok_or_else(|| ApplicationError::no_provider(&kind))?;
        Ok(inspection.discover().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::ProviderError;
    use crate::application::testing::World;
    use crate::domain::FailureClass;

    struct Far;

    #[async_trait]
    impl Inspection for Far {
        async fn discover(&self) -> Result<Option<Discovery>, ProviderError> {
            Err(ProviderError::new("DescribeVpcs", FailureClass::Unreachable, "no route"))
        }
    }

    struct Cloudless;

    impl Inspection for Cloudless {}

    #[tokio::test]
    async fn the_cloud_in_use_is_asked_and_one_that_does_not_answer_is_an_error() {
        let handler = |inspection: Arc<dyn Inspection>| DiscoverSiteHandler {
            engine: World::new().engine(),
            inspections: HashMap::from([(ProviderKind::Aws, inspection)]),
        };
        let error = handler(Arc::new(Far)).handle(DiscoverSite).await.unwrap_err();
        assert!(matches!(error, ApplicationError::Provider(_)), "{error}");
        assert!(handler(Arc::new(Cloudless)).handle(DiscoverSite).await.unwrap().is_none());
    }
}
