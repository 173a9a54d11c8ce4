//! A small world for tests of handlers: a clock to set, templates, a store in memory, and a cloud that remembers
//! everything it ever launched.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::commands::{
    HostRef, RequestMachines, RequestMachinesHandler, ReturnAccepted, ReturnMachines, ReturnMachinesHandler,
    SyncMachines, SyncMachinesHandler, SyncReport, SyncRequests, SyncRequestsHandler,
};
use super::engine::Engine;
use super::error::NotEnded;
use super::message::Handler;
use super::ports::*;
use super::queries::{
    GetRequestStatus, GetRequestStatusHandler, GetReturnRequests, GetReturnRequestsHandler, LostHost, RequestView,
};
use super::{ApplicationError, CatalogueError, ProviderError, StorageError};
use crate::domain::machine::{Interruption, MachineStatus, Sighting};
use crate::domain::request::{LaunchPlan, Pool, RequestPolicy};
use crate::domain::template::{
    Attribute, AttributeType, Attributes, LaunchSettings, PriceType, ProviderApi, ProviderKind, Template, TemplateParts,
};
use crate::domain::*;
use crate::infrastructure::storage::MemoryStore;

/// Host Factory, the operator and the cloud.
pub(crate) struct World {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) cloud: Arc<FakeCloud>,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) templates: Arc<FakeTemplates>,
    pub(crate) policy: RequestPolicy,
}

impl World {
    /// A world with one template `small`, two pools of unlimited capacity.
    pub(crate) fn new() -> Self {
        let clock = Arc::new(FakeClock(Mutex::new(1_760_000_000)));
        let store = Arc::new(MemoryStore::default());
        Self {
            cloud: Arc::new(FakeCloud { clock: clock.clone(), store: store.clone(), state: Mutex::default() }),
            store,
            clock,
            templates: Arc::new(FakeTemplates(Mutex::new(vec![template("small", -1, None)]))),
            policy: RequestPolicy::default(),
        }
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        let cloud = self.cloud.clone();
        Arc::new(Engine {
            store: self.store.clone(),
            clock: self.clock.clone(),
            ids: Arc::new(FakeIds),
            installation: Arc::new(FakeInstallation),
            templates: self.templates.clone(),
            fulfilments: HashMap::from([(ProviderApi::RunInstances, cloud.clone() as Arc<dyn Fulfilment>)]),
            observations: HashMap::from([(ProviderKind::Aws, cloud as Arc<dyn Observation>)]),
            policy: self.policy.clone(),
            default_api: ProviderApi::RunInstances,
        })
    }

    pub(crate) async fn request(&self, count: u32) -> Result<RequestId, ApplicationError> {
        let command =
            RequestMachines { template: "small".parse().unwrap(), count: count.try_into().unwrap(), account: None };
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

struct FakeInstallation;

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

    fn find(&self, id: &TemplateId) -> Result<Template, CatalogueError> {
        let unknown = || CatalogueError::Unknown { id: id.to_string(), advice: String::new() };
        self.0.lock().unwrap().iter().find(|template| template.id() == id).cloned().ok_or_else(unknown)
    }
}

/// What becomes of the next create call.
pub(crate) enum Fate {
    /// It launches so many and says so.
    Launches(u32),
    /// It launches everything and its answer is lost.
    AnswerLost,
    /// It fails with this class and launches nothing.
    Fails(FailureClass),
}

#[derive(Default)]
pub(crate) struct CloudState {
    /// Every host ever launched.
    pub(crate) hosts: BTreeMap<MachineId, Sighting>,
    /// Hosts by the token that launched them.
    by_token: HashMap<String, Vec<MachineId>>,
    by_request: HashMap<String, Vec<MachineId>>,
    /// What becomes of the next create calls; when empty, they launch everything.
    pub(crate) fates: VecDeque<Fate>,
    /// Tokens in the order in which they were sent.
    pub(crate) sent: Vec<String>,
    /// How many describe calls were made.
    pub(crate) looks: u32,
    /// What describe and find calls fail with.
    pub(crate) blind: Option<FailureClass>,
    /// Whether describe answers are empty, successfully.
    pub(crate) empty: bool,
    /// How far the cloud's clock is behind ours.
    pub(crate) seconds_late: i64,
    /// Hosts that cannot be ended.
    pub(crate) protected: Vec<MachineId>,
    /// Spot notices.
    pub(crate) notices: Vec<(MachineId, Interruption)>,
    /// Hosts that we were told to end, in order.
    pub(crate) ended: Vec<MachineId>,
}

pub(crate) struct FakeCloud {
    clock: Arc<FakeClock>,
    store: Arc<MemoryStore>,
    state: Mutex<CloudState>,
}

impl FakeCloud {
    pub(crate) fn state(&self) -> MutexGuard<'_, CloudState> {
        self.state.lock().unwrap()
    }

    pub(crate) fn fate(&self, fate: Fate) {
        self.state().fates.push_back(fate);
    }

    /// Lets every pending host run, with a name and an address.
    pub(crate) fn boot(&self) {
        for (n, host) in self.state().hosts.values_mut().enumerate() {
            if host.status == MachineStatus::Pending {
                host.status = MachineStatus::Running;
                host.name = Some(format!("ip-10-0-0-{n}.ec2.internal").parse().unwrap());
                host.private_ip = Some(format!("10.0.0.{n}"));
            }
        }
    }

    pub(crate) fn set(&self, id: &MachineId, status: MachineStatus) {
        self.state().hosts.get_mut(id).unwrap().status = status;
    }

    /// Adds a host that we did not launch.
    pub(crate) fn stranger(&self, id: &str, name: &str, owner: Option<&str>) -> HostRef {
        let mut host = sighting(id.parse().unwrap(), self.clock.now());
        host.status = MachineStatus::Running;
        host.name = Some(name.parse().unwrap());
        host.private_ip = Some("10.9.9.9".to_owned());
        host.owner = owner.map(ToOwned::to_owned);
        let named = HostRef { id: Some(host.id.clone()), name: host.name.clone() };
        self.state().hosts.insert(host.id.clone(), host);
        named
    }

    pub(crate) fn live(&self) -> usize {
        self.state().hosts.values().filter(|host| host.status.is_live()).count()
    }

    fn see(&self) -> Result<(), ProviderError> {
        match self.state().blind {
            Some(class) => Err(ProviderError::new("DescribeInstances", class, "blind")),
            None => Ok(()),
        }
    }
}

fn sighting(id: MachineId, at: Timestamp) -> Sighting {
    Sighting {
        id,
        status: MachineStatus::Pending,
        name: None,
        private_ip: None,
        public_ip: None,
        launched_at: Some(at),
        instance_type: Some("m6i.large".to_owned()),
        price_type: PriceType::OnDemand,
        zone: None,
        tags: String::new(),
        reason: None,
        owner: Some("grid-1".to_owned()),
        template: Some("small".to_owned()),
    }
}

#[async_trait]
impl Fulfilment for FakeCloud {
    async fn prepare(&self, _: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
        let pool = |n: u8| Pool {
            instance_type: Some("m6i.large".to_owned()),
            subnet: Some(format!("subnet-{n}")),
            price_type: PriceType::OnDemand,
        };
        let parameters = serde_json::json!({ "request": owner.request });
        Ok(LaunchPlan { pools: vec![pool(1), pool(2)], parameters })
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let token = launch.attempt.token.to_string();
        let request = launch.plan.parameters["request"].as_str().unwrap().to_owned();
        // INV-01: whatever is sent is in the store already.
        let stored = self.store.request(&request.parse().unwrap()).await.unwrap().expect("intent first");
        assert!(stored.as_acquire().unwrap().attempts.iter().any(|a| a.token == launch.attempt.token && a.is_open()));
        let mut state = self.state();
        state.sent.push(token.clone());
        let fate = state.fates.pop_front();
        let error = |class| {
            Err(ProviderError { code: Some(format!("{class:?}")), ..ProviderError::new("RunInstances", class, "fate") })
        };
        let (count, lost) = match fate {
            Some(Fate::Fails(class)) => return error(class),
            Some(Fate::Launches(count)) => (count, false),
            Some(Fate::AnswerLost) => (launch.attempt.count, true),
            None => (launch.attempt.count, false),
        };
        if !state.by_token.contains_key(&token) {
            let first = state.hosts.len();
            let ids: Vec<MachineId> =
                (0..count as usize).map(|n| format!("i-{:017x}", first + n + 1).parse().unwrap()).collect();
            for id in &ids {
                let at = Timestamp::from_seconds(self.clock.now().as_seconds() - state.seconds_late);
                state.hosts.insert(id.clone(), sighting(id.clone(), at));
            }
            state.by_request.entry(request).or_default().extend(ids.clone());
            state.by_token.insert(token.clone(), ids);
        }
        if lost {
            return error(FailureClass::Network);
        }
        let hosts = state.by_token[&token].iter().map(|id| state.hosts[id].clone()).collect();
        Ok(Acquired { hosts, resource: Some("r-1".to_owned()) })
    }

    async fn release(&self, hosts: &[MachineId]) -> Released {
        let mut released = Released::default();
        let mut state = self.state();
        for id in hosts {
            if state.protected.contains(id) {
                let reason = "OperationNotPermitted".to_owned();
                released.not_ended.push(NotEnded { id: id.clone(), class: FailureClass::Protected, reason });
                continue;
            }
            state.ended.push(id.clone());
            match state.hosts.get_mut(id) {
                Some(host) => {
                    host.status = host.status.max(MachineStatus::ShuttingDown);
                    released.accepted.push(id.clone());
                }
                None => released.gone.push(id.clone()),
            }
        }
        released
    }
}

#[async_trait]
impl Observation for FakeCloud {
    async fn observe(&self, hosts: &[Host]) -> Result<Vec<Sighting>, ProviderError> {
        assert!(!hosts.is_empty(), "an empty list of ids asks for everything");
        self.state().looks += 1;
        self.see()?;
        let state = self.state();
        let shown = hosts.iter().filter(|_| !state.empty).filter_map(|host| state.hosts.get(&host.id).cloned());
        Ok(shown.collect())
    }

    async fn find(&self, search: &Search) -> Result<Vec<Sighting>, ProviderError> {
        self.see()?;
        let state = self.state();
        let of = |ids: Option<&Vec<MachineId>>| ids.into_iter().flatten().map(|id| state.hosts[id].clone()).collect();
        Ok(match search {
            Search::Token(token) => of(state.by_token.get(token.as_str())),
            Search::Request(_, request) => of(state.by_request.get(request.as_str())),
            Search::Names(installation, names) => state
                .hosts
                .values()
                .filter(|host| host.owner.as_deref() == Some(installation.as_str()))
                .filter(|host| host.name.as_ref().is_some_and(|name| names.contains(name)))
                .cloned()
                .collect(),
        })
    }

    async fn interruptions(&self, hosts: &[Host]) -> Result<Vec<(MachineId, Interruption)>, ProviderError> {
        self.see()?;
        let asked: Vec<&MachineId> = hosts.iter().map(|host| &host.id).collect();
        Ok(self.state().notices.iter().filter(|(id, _)| asked.contains(&id)).cloned().collect())
    }
}
