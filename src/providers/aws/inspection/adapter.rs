//! The component.

use std::sync::Arc;

use async_trait::async_trait;
use shaku::{Component, Keyed};

use super::{discovery, facts, judging, quotas, reach, resources, rights};
use crate::application::ProviderError;
use crate::application::ports::{CloudResources, Discovery, Finding, Inspection, InstanceTypes, Reach};
use crate::domain::InstallationId;
use crate::domain::template::{ProviderKind, Template};
use crate::providers::aws::client::ClientSource;

/// Looks into an account and region of AWS.
#[derive(Component)]
#[shaku(interface = Inspection)]
pub struct AwsInspection {
    #[shaku(inject)]
    pub(super) clients: Arc<dyn ClientSource>,
    #[shaku(inject)]
    pub(super) types: Arc<dyn InstanceTypes>,
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

    async fn examine(
        &self,
        templates: &[Template],
        installation: Option<&InstallationId>,
    ) -> Result<Option<Vec<Finding>>, ProviderError> {
        let source = self.clients.as_ref();
        let facts = facts::about(source, templates).await?;
        let mut found: Vec<Finding> = templates.iter().flat_map(|template| judging::judged(template, &facts)).collect();
        found.extend(rights::tried(source, templates, &facts, installation).await);
        found.extend(quotas::examined(source, self.types.as_ref(), templates, installation).await);
        Ok(Some(found))
    }

    async fn discover(&self) -> Result<Option<Discovery>, ProviderError> {
        Box::pin(discovery::of(self.clients.as_ref())).await.map(Some)
    }
}
