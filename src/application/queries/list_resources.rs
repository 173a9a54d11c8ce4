//! What the cloud holds of ours beside hosts: fleets, groups and launch templates.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::engine::EngineSource;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{CloudResource, Inspection};
use crate::application::{ApplicationError, ProviderError};
use crate::domain::request::RequestStatus;
use crate::domain::template::ProviderKind;
use crate::domain::{InstallationId, RequestId, Timestamp};

/// Asks the cloud what bears our owner tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListResources {
    /// Whether what bears the tag of another installation is wanted too.
    pub all: bool,
}

impl Message for ListResources {
    const NAME: &'static str = "ListResources";
    type Output = ResourceList;
}

impl Query for ListResources {}

/// A resource, and how its request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceEntry {
    /// What the cloud tells.
    pub resource: CloudResource,
    /// How its request stands; `None` when it names none, or one that the store does not tell of.
    pub status: Option<RequestStatus>,
    /// Whether this installation made it. Of the requests of others we know nothing.
    pub is_ours: bool,
}

impl ResourceEntry {
    /// Returns whether it is ours and belongs to a request that is over, or that the store does not have.
    pub fn is_left_over(&self) -> bool {
        self.is_ours && self.resource.request.is_some() && self.status.is_none_or(RequestStatus::is_settled)
    }
}

/// What bears our owner tag.
#[derive(Debug)]
pub struct ResourceList {
    /// This installation.
    pub installation: InstallationId,
    /// What was found, by kind and then by age, the oldest first.
    pub entries: Vec<ResourceEntry>,
    /// What could not be listed, and why.
    pub unread: Vec<ProviderError>,
    /// When the list was made.
    pub at: Timestamp,
}

/// Answers [`ListResources`] from the cloud.
#[derive(Component)]
#[shaku(interface = Handler<ListResources>)]
pub struct ListResourcesHandler {
    #[shaku(inject)]
    engine: Arc<dyn EngineSource>,
    #[shaku(inject)]
    inspections: HashMap<ProviderKind, Arc<dyn Inspection>>,
}

#[async_trait]
impl Handler<ListResources> for ListResourcesHandler {
    async fn handle(&self, query: ListResources) -> Result<ResourceList, ApplicationError> {
        let engine = self.engine.engine();
        let installation = engine.installation.id()?;
        let kind = engine.default_api.kind();
        let inspection = self.inspections.get(&kind).ok_or_else(|| ApplicationError::no_provider(&kind))?;
        let told = inspection.resources().await?;
        let mut found = told.found;
        found.retain(|resource| query.all || resource.owner == installation.as_str());
        found.sort_by(|one, other| (one.kind, one.made_at, &one.name).cmp(&(other.kind, other.made_at, &other.name)));
        let mut entries = Vec::with_capacity(found.len());
        for resource in found {
            let is_ours = resource.owner == installation.as_str();
            let id = resource.request.as_deref().and_then(|id| id.parse::<RequestId>().ok());
            let request = match id.as_ref().filter(|_| is_ours) {
                Some(id) => engine.store.request(id).await?,
                None => None,
            };
            entries.push(ResourceEntry { status: request.map(|request| request.status()), resource, is_ours });
        }
        Ok(ResourceList { installation, entries, unread: told.unread, at: engine.clock.now() })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::application::ports::{CloudResources, ResourceKind};
    use crate::application::testing::World;
    use crate::domain::FailureClass;

    struct Fixed(Mutex<CloudResources>);

    #[async_trait]
    impl Inspection for Fixed {
        async fn resources(&self) -> Result<CloudResources, ProviderError> {
            Ok(std::mem::take(&mut *self.0.lock().unwrap()))
        }
    }

    fn resource(kind: ResourceKind, name: &str, owner: &str, request: Option<&str>) -> CloudResource {
        let request = request.map(ToOwned::to_owned);
        CloudResource { kind, name: name.to_owned(), owner: owner.to_owned(), request, state: None, made_at: None }
    }

    #[tokio::test]
    async fn what_is_ours_is_listed_with_how_its_request_stands() {
        let world = World::new();
        let open = world.request(1).await.unwrap();
        let unknown = "req-00000000-0000-4000-8000-000000000001";
        let found = vec![
            resource(ResourceKind::LaunchTemplate, "hostfactory-x", "grid-1", None),
            resource(ResourceKind::Ec2Fleet, "fleet-2", "grid-1", Some(unknown)),
            resource(ResourceKind::Ec2Fleet, "fleet-1", "grid-1", Some(open.as_str())),
            resource(ResourceKind::Ec2Fleet, "fleet-9", "grid-2", Some(unknown)),
        ];
        let refused = || ProviderError::new("DescribeAutoScalingGroups", FailureClass::AuthDenied, "no");
        let handler = |found: Vec<CloudResource>| {
            let told = Fixed(Mutex::new(CloudResources { found, unread: vec![refused()] }));
            let inspections = HashMap::from([(ProviderKind::Aws, Arc::new(told) as Arc<dyn Inspection>)]);
            ListResourcesHandler { engine: world.engine(), inspections }
        };
        let list = handler(found.clone()).handle(ListResources { all: false }).await.unwrap();
        let shown: Vec<_> = list.entries.iter().map(|e| (e.resource.name.as_str(), e.is_left_over())).collect();
        assert_eq!(shown, [("fleet-1", false), ("fleet-2", true), ("hostfactory-x", false)]);
        assert_eq!(list.unread.len(), 1);
        let all = handler(found).handle(ListResources { all: true }).await.unwrap();
        let of_others: Vec<_> = all.entries.iter().filter(|entry| !entry.is_ours).collect();
        assert_eq!((all.entries.len(), of_others.len()), (4, 1));
        assert!(!of_others[0].is_left_over(), "what others have is theirs to judge");
    }
}
