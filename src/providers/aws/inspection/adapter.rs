//! The component.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::{Component, Keyed};

use super::{facts, judging, reach, resources};
use crate::application::ProviderError;
use crate::application::ports::{CloudResources, Finding, Inspection, Reach};
use crate::domain::template::{ProviderKind, Template};
use crate::providers::aws::client::ClientSource;

/// Looks into an account and region of AWS.
#[derive(Component)]
#[shaku(interface = Inspection)]
pub struct AwsInspection {
    #[shaku(inject)]
    pub(super) clients: Arc<dyn ClientSource>,
}

impl Keyed for AwsInspection {
    type KeyType = ProviderKind;
    const KEY: ProviderKind = ProviderKind::Aws;
}

#[async_trait]
impl Inspection for AwsInspection {
    fn region(&self) -> Option<String> {
        self.clients.settings().region.clone()
    }

    async fn resources(&self) -> Result<CloudResources, ProviderError> {
        resources::listed(self.clients.as_ref()).await
    }

    async fn reach(&self) -> Option<Reach> {
        Some(reach::of(self.clients.as_ref()).await)
    }

    async fn examine(&self, templates: &[Template]) -> Result<Option<Vec<Finding>>, ProviderError> {
        let facts = facts::about(self.clients.as_ref(), templates).await?;
        Ok(Some(templates.iter().flat_map(|template| judging::judged(template, &facts)).collect()))
    }
}
