//! A small world for tests of handlers: a clock to set, templates, a store in memory, and a cloud that remembers
//! everything it ever launched.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;

mod cloud;
mod fleet;

use super::commands::{
    HostRef, RequestMachines, RequestMachinesHandler, ReturnAccepted, ReturnMachines, ReturnMachinesHandler,
    SyncMachines, SyncMachinesHandler, SyncReport, SyncRequests, SyncRequestsHandler,
};
use super::engine::Engine;
use super::message::Handler;
use super::ports::*;
use super::queries::{
    GetRequestStatus, GetRequestStatusHandler, GetReturnRequests, GetReturnRequestsHandler, LostHost, RequestView,
};
use super::settings::{CareSettings, HealthSettings};
use super::{ApplicationError, CatalogueError, StorageError};
use crate::domain::notes::Notes;
use crate::domain::request::RequestPolicy;
use crate::domain::template::{
    Attribute, AttributeType, Attributes, LaunchSettings, PriceType, ProviderApi, ProviderKind, Template, TemplateParts,
};
use crate::domain::*;
use crate::infrastructure::storage::MemoryStore;

pub(crate) use cloud::{FakeCloud, Fate};
pub(crate) use fleet::Fleet;

/// Host Factory, the operator and the cloud.
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) cloud: Arc<FakeCloud>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) templates: Arc<FakeTemplates>,
    pub(crate) notebook: Arc<FakeNotebook>,
    pub(crate) policy: RequestPolicy,
    pub(crate) care: CareSettings,
    pub(crate) health: HealthSettings,
}

impl World {
    /// A world with one template `small`, two pools of unlimited capacity.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(FakeClock(Mutex::new(1_760_000_000)));
        let store = Arc::new(MemoryStore::default());
        Self {
            cloud: Arc::new(FakeCloud::new(clock.clone(), store.clone())),
            store,
            clock,
            notebook: Arc::default(),
            templates: Arc::new(FakeTemplates(Mutex::new(vec![template("small", -1, None)]))),
            policy: RequestPolicy::default(),
            care: CareSettings::default(),
            health: HealthSettings::default(),
        }
    }

    /// A world whose template asks for a fleet that launches by itself and replaces what ends.
    pub(crate) fn with_fleets() -> Self {
        Self::with_fleets_of(ProviderApi::Ec2FleetMaintain)
    }

    /// A world whose template asks for fleets of this way.
    pub(crate) fn with_fleets_of(api: ProviderApi) -> Self {
        let world = Self::new();
        let launch = LaunchSettings {
            image: Some(template::Image::Ami("ami-1".to_owned())),
            instance_types: vec![template::WeightedType { name: "m6i.large".to_owned(), weight: 1 }],
            subnets: vec!["subnet-1".to_owned()],
            ..LaunchSettings::default()
        };
        let parts = TemplateParts { api, launch, ..template("small", -1, None).into() };
        *world.templates.0.lock().unwrap() = vec![Template::new(parts).unwrap()];
        world
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        let cloud = self.cloud.clone();
        Arc::new(Engine {
            store: self.store.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(FakeIds),
            installation: Arc::new(FakeInstallation),
            notebook: self.notebook.clone(),
            templates: self.templates.clone(),
            fulfilments: [ProviderApi::RunInstances, ProviderApi::Ec2FleetRequest, ProviderApi::Ec2FleetMaintain]
                .map(|api| (api, cloud.clone() as Arc<dyn Fulfilment>))
                .into(),
            observations: HashMap::from([(ProviderKind::Aws, cloud as Arc<dyn Observation>)]),
            policy: self.policy.clone(),
            care: self.care.clone(),
            health: self.health,
            watched_since: OnceLock::new(),
            default_api: ProviderApi::RunInstances,
        })
    }

    pub(crate) async fn request(&self, count: u32) -> Result<RequestId, ApplicationError> {
        self.request_with_key(count, None).await
    }

    pub(crate) async fn request_with_key(&self, count: u32, key: Option<&str>) -> Result<RequestId, ApplicationError> {
        let command = RequestMachines {
            template: "small".parse().unwrap(),
            count: count.try_into().unwrap(),
            account: None,
            key: key.map(|key| key.parse().unwrap()),
        };
        RequestMachinesHandler::new(self.engine()).handle(command).await
    }

    pub(crate) async fn sync(&self, id: &RequestId) -> Result<SyncReport, ApplicationError> {
        SyncRequestsHandler::new(self.engine()).handle(SyncRequests { ids: vec![id.clone()] }).await
    }

    pub(crate) async fn view(&self, id: &RequestId) -> RequestView {
        let handler = GetRequestStatusHandler::new(self.store.clone(), self.clock.clone(), self.policy.clone());
        handler.handle(GetRequestStatus { ids: vec![id.clone()] }).await.unwrap().remove(0).unwrap()
    }

    /// Polls a request once, as getRequestStatus does.
    pub(crate) async fn poll(&self, id: &RequestId) -> RequestView {
        self.sync(id).await.unwrap();
        self.view(id).await
    }

    pub(crate) async fn give_back(&self, hosts: Vec<HostRef>) -> ReturnAccepted {
        ReturnMachinesHandler::new(self.engine()).handle(ReturnMachines { hosts }).await.unwrap()
    }

    /// Asks which of these hosts are going, as getReturnRequests does.
    pub(crate) async fn lost(&self, hosts: &[HostRef]) -> Vec<LostHost> {
        let _ = SyncMachinesHandler::new(self.engine()).handle(SyncMachines { hosts: hosts.to_vec() }).await;
        let handler = GetReturnRequestsHandler::new(self.store.clone(), self.clock.clone());
        handler.handle(GetReturnRequests { hosts: hosts.to_vec() }).await.unwrap()
    }

    /// Requests hosts, lets them boot and polls until the request is settled.
    pub(crate) async fn running(&self, count: u32) -> (RequestId, Vec<HostRef>) {
        let id = self.request(count).await.unwrap();
        self.cloud.boot();
        let view = self.poll(&id).await;
        let host = |host: &super::queries::HostView| HostRef {
            id: Some(host.id.clone()),
            name: Some(host.name.parse().unwrap()),
        };
        (id, view.hosts.iter().map(host).collect())
    }
}

pub(crate) fn template(id: &str, maximum: i64, user_data: Option<&str>) -> Template {
    let attribute = |name: &str, kind, value: &str| (name.to_owned(), Attribute(kind, value.to_owned()));
    Template::new(TemplateParts {
        id: id.parse().unwrap(),
        max_number: maximum.try_into().unwrap(),
        attributes: Attributes::new(vec![
            attribute("type", AttributeType::String, "X86_64"),
            attribute("ncpus", AttributeType::Numeric, "1"),
            attribute("nram", AttributeType::Numeric, "1024"),
        ])
        .unwrap(),
        api: ProviderApi::RunInstances,
        price_type: PriceType::OnDemand,
        launch: LaunchSettings {
            launch_template: Some(template::LaunchTemplate { id: "lt-1".to_owned(), version: None }),
            user_data: user_data.map(|text| template::UserData::new(text.to_owned())),
            ..LaunchSettings::default()
        },
        priority: None,
    })
    .unwrap()
}

pub(crate) struct FakeClock(Mutex<i64>);

impl FakeClock {
    pub(crate) fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += seconds;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(*self.0.lock().unwrap())
    }
}

struct FakeIds;

impl IdSource for FakeIds {
    #[expect(clippy::disallowed_methods, reason = "the fake of the port that is the allowed source")]
    fn request_id(&self, kind: RequestKind) -> RequestId {
        let prefix = if kind == RequestKind::Return { "ret" } else { "req" };
        format!("{prefix}-{}", uuid::Uuid::new_v4()).parse().unwrap()
    }
}

/// Notes in memory.
#[derive(Default)]
pub(crate) struct FakeNotebook(pub(crate) Mutex<Notes>);

#[async_trait]
impl Notebook for FakeNotebook {
    async fn read(&self) -> Notes {
        self.0.lock().unwrap().clone()
    }

    async fn edit(&self, edit: &mut (dyn for<'n> FnMut(&'n mut Notes) + Send)) {
        edit(&mut self.0.lock().unwrap());
    }

    fn holder(&self) -> String {
        "this process".to_owned()
    }
}

pub(crate) struct FakeInstallation;

impl Installation for FakeInstallation {
    fn id(&self) -> Result<InstallationId, StorageError> {
        Ok("grid-1".parse().unwrap())
    }
}

pub(crate) struct FakeTemplates(pub(crate) Mutex<Vec<Template>>);

impl TemplateCatalogue for FakeTemplates {
    fn list(&self) -> Result<Listing, CatalogueError> {
        Ok(Listing { templates: self.0.lock().unwrap().clone(), refused: Vec::new() })
    }

    fn review(&self, _: Option<&std::path::Path>) -> Result<TemplateReview, CatalogueError> {
        Ok(TemplateReview { accepted: self.0.lock().unwrap().clone(), ..TemplateReview::default() })
    }

    fn find(&self, id: &TemplateId) -> Result<Template, CatalogueError> {
        let unknown = || CatalogueError::Unknown { id: id.to_string(), advice: String::new() };
        self.0.lock().unwrap().iter().find(|template| template.id() == id).cloned().ok_or_else(unknown)
    }
}
