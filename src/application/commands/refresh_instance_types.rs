//! Asks the cloud which instance types there are, and keeps what it tells.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;
use tracing::info;

use crate::application::ApplicationError;
use crate::application::engine::EngineSource;
use crate::application::message::{Command, Handler, Message};
use crate::application::ports::{InstanceTypeSource, InstanceTypes};
use crate::domain::template::ProviderKind;

/// Asks to learn the instance types of the region. A listing that is not complete changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshInstanceTypes;

/// What was learnt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TypesLearnt {
    /// Types that are kept from now on.
    pub kept: usize,
    /// Of them, those that were not known before.
    pub new: usize,
    /// Of them, those that were known to be made of something else.
    pub changed: usize,
    /// Types that were told and are not kept.
    pub left_out: usize,
}

impl Message for RefreshInstanceTypes {
    const NAME: &'static str = "RefreshInstanceTypes";
    /// `None` when this provider has none to tell of.
    type Output = Option<TypesLearnt>;
}

impl Command for RefreshInstanceTypes {}

/// Handles [`RefreshInstanceTypes`].
#[derive(Component)]
#[shaku(interface = Handler<RefreshInstanceTypes>)]
pub struct RefreshInstanceTypesHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    sources: HashMap<ProviderKind, Arc<dyn InstanceTypeSource>>,
    #[shaku(inject)]
    types: Arc<dyn InstanceTypes>,
}

#[async_trait]
impl Handler<RefreshInstanceTypes> for RefreshInstanceTypesHandler {
    async fn handle(&self, _: RefreshInstanceTypes) -> Result<Option<TypesLearnt>, ApplicationError> {
        let kind = self.engine.engine().default_api.kind();
        let source = self.sources.get(&kind).ok_or_else(|| ApplicationError::no_provider(&kind))?;
        let Some(offered) = source.offered().await? else { return Ok(None) };
        let mut learnt =
            TypesLearnt { kept: offered.shapes.len(), left_out: offered.left_out, ..TypesLearnt::default() };
        for shape in &offered.shapes {
            match self.types.shape(&shape.name) {
                None => learnt.new += 1,
                Some(known) => learnt.changed += usize::from(known != *shape),
            }
        }
        self.types.keep(&offered.shapes)?;
        let TypesLearnt { kept, new, changed, left_out } = learnt;
        info!(kept, new, changed, left_out, "the instance types of the region are kept");
        Ok(Some(learnt))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::application::ProviderError;
    use crate::application::ports::OfferedTypes;
    use crate::application::testing::World;
    use crate::domain::FailureClass;
    use crate::domain::template::{Architecture, InstanceShape};
    use crate::infrastructure::instance_types::KnownInstanceTypes;

    /// What the cloud tells; `None` fails.
    struct Source(Option<Vec<InstanceShape>>);

    #[async_trait]
    impl InstanceTypeSource for Source {
        async fn offered(&self) -> Result<Option<OfferedTypes>, ProviderError> {
            let shapes = self.0.clone();
            let shapes = shapes.ok_or_else(|| ProviderError::new("listing", FailureClass::Throttle, "slow"))?;
            Ok((!shapes.is_empty()).then_some(OfferedTypes { shapes, left_out: 1 }))
        }
    }

    fn shape(name: &str, memory: u32) -> InstanceShape {
        let number = |number| NonZeroU32::new(number).unwrap();
        InstanceShape {
            name: name.to_owned(),
            vcpus: number(2),
            cores: number(1),
            memory: number(memory),
            architecture: Architecture::X86_64,
            baseline_bandwidth: None,
            peak_bandwidth: None,
            network_cards: NonZeroU32::MIN,
            efa_interfaces: 0,
            gpus: None,
        }
    }

    async fn refreshed(
        work: &std::path::Path,
        told: Option<Vec<InstanceShape>>,
    ) -> Result<Option<TypesLearnt>, ApplicationError> {
        let source: Arc<dyn InstanceTypeSource> = Arc::new(Source(told));
        let handler = RefreshInstanceTypesHandler {
            engine: World::new().engine(),
            sources: HashMap::from([(ProviderKind::Aws, source)]),
            types: Arc::new(KnownInstanceTypes::new(work)),
        };
        handler.handle(RefreshInstanceTypes).await
    }

    #[tokio::test]
    async fn what_the_cloud_tells_is_kept_and_counted_against_what_was_known() {
        let work = tempfile::tempdir().unwrap();
        let told = vec![shape("x9.large", 4096), shape("m6i.large", 4096)];
        let learnt = refreshed(work.path(), Some(told.clone())).await.unwrap().unwrap();
        assert_eq!(learnt, TypesLearnt { kept: 2, new: 1, changed: 1, left_out: 1 });
        let again = refreshed(work.path(), Some(told.clone())).await.unwrap().unwrap();
        assert_eq!(again, TypesLearnt { kept: 2, new: 0, changed: 0, left_out: 1 });
        assert_eq!(KnownInstanceTypes::new(work.path()).shape("x9.large").as_ref(), Some(&told[0]));
    }

    #[tokio::test]
    async fn a_listing_that_fails_and_a_cloud_that_has_none_change_nothing() {
        let work = tempfile::tempdir().unwrap();
        let told = vec![shape("x9.large", 4096)];
        refreshed(work.path(), Some(told)).await.unwrap();
        assert!(refreshed(work.path(), None).await.is_err());
        assert_eq!(refreshed(work.path(), Some(Vec::new())).await.unwrap(), None);
        assert!(KnownInstanceTypes::new(work.path()).shape("x9.large").is_some());
    }
}
