//! How requests stand, from the store alone.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use shaku::Component;

use crate::application::ApplicationError;
use crate::application::message::{Handler, Message, Query};
use crate::application::ports::{Clock, UnitOfWork};
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::request::{Acquire, Body, Request, RequestPolicy, RequestStatus, Return, Verdict};
use crate::domain::template::PriceType;
use crate::domain::{MachineId, Moment, RequestId, Timestamp};

/// Asks how these requests stand.
#[derive(Debug, Clone)]
pub struct GetRequestStatus {
    /// The requests, of either kind.
    pub ids: Vec<RequestId>,
}

impl Message for GetRequestStatus {
    const NAME: &'static str = "GetRequestStatus";
    /// One entry for each id, in order; `None` for a request that the store does not have.
    type Output = Vec<Option<RequestView>>;
}

impl Query for GetRequestStatus {}

/// A request as Host Factory sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    /// The id.
    pub id: RequestId,
    /// How it stands.
    pub status: RequestStatus,
    /// Explanation; empty when all is well.
    pub message: String,
    /// Its hosts, as far as they have a name.
    pub hosts: Vec<HostView>,
}

/// What became of a host in the eyes of the request that is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostResult {
    /// Not decided.
    Executing,
    /// Usable (acquire), or ended (return).
    Succeed,
    /// Not usable, or not ended.
    Fail,
}

/// A host as Host Factory sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostView {
    /// Instance id.
    pub id: MachineId,
    /// Host name; never empty, never changes.
    pub name: String,
    /// What became of it.
    pub result: HostResult,
    /// What it is doing.
    pub status: MachineStatus,
    /// Private address; empty when it never had one.
    pub private_ip: String,
    /// Public address, if it has one.
    pub public_ip: Option<String>,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// Explanation; empty unless it failed or something stands in the way.
    pub message: String,
    /// How it is paid for.
    pub price_type: PriceType,
    /// Instance type, once known.
    pub instance_type: Option<String>,
    /// Tags as `k=v;k=v`.
    pub tags: String,
}

impl HostView {
    fn of(machine: &Machine, name: String, result: HostResult, status: MachineStatus, message: String) -> Self {
        let host = machine.snapshot();
        Self {
            id: host.id.clone(),
            name,
            result,
            status,
            private_ip: host.private_ip.clone().unwrap_or_default(),
            public_ip: host.public_ip.clone(),
            launched_at: host.launched_at,
            message,
            price_type: host.price_type,
            instance_type: host.instance_type.clone(),
            tags: host.tags.clone(),
        }
    }
}

/// Answers from the store.
#[derive(Component)]
#[shaku(interface = Handler<GetRequestStatus>)]
pub struct GetRequestStatusHandler {
    #[shaku(inject)]
    store: Arc<dyn UnitOfWork>,
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
    /// The operator's choices.
    #[shaku(default)]
    policy: RequestPolicy,
}

impl GetRequestStatusHandler {
    /// Returns a handler over `store`.
    pub fn new(store: Arc<dyn UnitOfWork>, clock: Arc<dyn Clock>, policy: RequestPolicy) -> Self {
        Self { store, clock, policy }
    }

    async fn view(&self, id: &RequestId) -> Result<Option<RequestView>, ApplicationError> {
        let Some(request) = self.store.request(id).await? else { return Ok(None) };
        let hosts = match &request.snapshot().body {
            Body::Acquire(acquire) => {
                let machines = self.store.machines_of(id).await?;
                self.acquired(&request, acquire, &machines)
            }
            Body::Return(give_back) => {
                let ids: Vec<MachineId> = give_back.items.iter().filter_map(|item| item.machine_id.clone()).collect();
                returned(&request, give_back, &self.store.machines(&ids).await?)
            }
        };
        Ok(Some(RequestView { id: id.clone(), status: request.status(), message: request.message().to_owned(), hosts }))
    }

    fn acquired(&self, request: &Request, acquire: &Acquire, machines: &[Machine]) -> Vec<HostView> {
        // A host is overdue once a command has said so, and has ordered its end.
        let moment = Moment::at_first_sight(self.clock.now());
        let frozen: HashMap<&MachineId, _> = acquire.outcomes.iter().map(|o| (&o.machine_id, o)).collect();
        machines
            .iter()
            .filter_map(|machine| {
                let name = machine.name()?.to_string();
                let (verdict, status) = match frozen.get(machine.id()) {
                    Some(outcome) => (outcome.verdict.clone(), outcome.status),
                    // Found after the verdict; never part of it.
                    None if request.is_settled() => return None,
                    None => (Verdict::over(machine, false, moment, &self.policy), machine.status()),
                };
                let (result, message) = match verdict {
                    Verdict::Executing => (HostResult::Executing, String::new()),
                    Verdict::Usable => (HostResult::Succeed, String::new()),
                    Verdict::Failed(reason) => (HostResult::Fail, reason),
                };
                Some(HostView::of(machine, name, result, status, message))
            })
            .collect()
    }
}

fn returned(request: &Request, give_back: &Return, machines: &[Machine]) -> Vec<HostView> {
    let known: HashMap<&MachineId, &Machine> = machines.iter().map(|machine| (machine.id(), machine)).collect();
    give_back
        .items
        .iter()
        .filter_map(|item| {
            let machine = known.get(item.machine_id.as_ref()?)?;
            // A host that nobody ever named goes by its id, since an entry needs a name.
            let name = machine.name().map_or_else(|| machine.id().to_string(), ToString::to_string);
            let (result, message) = match (&item.refused, machine.status()) {
                (Some(reason), _) => (HostResult::Fail, reason.clone()),
                (None, MachineStatus::Terminated) => (HostResult::Succeed, String::new()),
                (None, _) if request.is_settled() => (HostResult::Fail, "not ended".to_owned()),
                (None, _) => (HostResult::Executing, item.problem.clone().unwrap_or_default()),
            };
            Some(HostView::of(machine, name, result, machine.status(), message))
        })
        .collect()
}

#[async_trait]
impl Handler<GetRequestStatus> for GetRequestStatusHandler {
    async fn handle(&self, query: GetRequestStatus) -> Result<Vec<Option<RequestView>>, ApplicationError> {
        let mut views = Vec::with_capacity(query.ids.len());
        for id in &query.ids {
            views.push(self.view(id).await?);
        }
        Ok(views)
    }
}
