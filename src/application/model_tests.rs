//! A small model of Host Factory beside the fake cloud: operations are drawn at random, and after each of them what was
//! reported is held against what is true. `HOSTFACTORY_TEST_TRIALS=n` draws n sequences.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::commands::*;
use super::message::Handler;
use super::queries::{GetRequestStatus, GetRequestStatusHandler, HostResult, RequestView};
use super::testing::{Fate, World};
use super::{ApplicationError, StorageError};
use crate::domain::machine::MachineStatus;
use crate::domain::request::{Body, RequestStatus};
use crate::domain::{FailureClass, MachineId, RequestId, RequestKind};

/// What a create call meets.
#[derive(Debug, Clone, Copy)]
enum Luck {
    Good,
    Lost,
    Short,
    Fails(FailureClass),
}

/// What happens next.
#[derive(Debug, Clone)]
enum Step {
    /// Hosts are asked for; the answer may reach nobody.
    Request { count: u32, luck: Vec<Luck>, heard: bool },
    /// Host Factory asks about one request.
    Poll(usize),
    /// Some of the hosts that Host Factory holds are given back, those of the set bits.
    Return { which: u16, heard: bool },
    /// Host Factory asks which of its hosts are going.
    Held,
    /// Recovery on demand.
    Reconcile,
    /// The operation that follows cannot write down anything after so many commits: the process is as good as dead.
    Kill(u8),
    /// A host ends by itself.
    Die(usize),
    /// Pending hosts run, ending hosts end.
    Boot,
    /// The clock moves.
    Clock(i64),
    /// The cloud cannot be looked at, or can again.
    Blind(bool),
}

fn luck() -> impl Strategy<Value = Luck> {
    prop_oneof![
        4 => Just(Luck::Good),
        2 => Just(Luck::Lost),
        1 => Just(Luck::Short),
        1 => Just(Luck::Fails(FailureClass::Capacity)),
        1 => Just(Luck::Fails(FailureClass::Server)),
        1 => Just(Luck::Fails(FailureClass::Unreachable)),
        1 => Just(Luck::Fails(FailureClass::Size)),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![
        4 => 1_i64..60,
        4 => 60_i64..240,
        1 => Just(3_600_i64),
        1 => Just(86_400_i64),
        1 => Just(-3_600_i64),
        1 => Just(-86_400_i64),
    ];
    let request = (1_u32..6, prop::collection::vec(luck(), 0..4), prop::bool::weighted(0.8));
    prop_oneof![
        3 => request.prop_map(|(count, luck, heard)| Step::Request { count, luck, heard }),
        5 => (0_usize..8).prop_map(Step::Poll),
        2 => (any::<u16>(), prop::bool::weighted(0.8)).prop_map(|(which, heard)| Step::Return { which, heard }),
        2 => Just(Step::Held),
        2 => Just(Step::Reconcile),
        2 => (0_u8..4).prop_map(Step::Kill),
        1 => (0_usize..12).prop_map(Step::Die),
        3 => Just(Step::Boot),
        4 => seconds.prop_map(Step::Clock),
        1 => any::<bool>().prop_map(Step::Blind),
    ]
}

/// Host Factory, as far as it remembers.
struct Model {
    world: World,
    /// How many hosts each request wants, whoever knows its id.
    wanted: BTreeMap<RequestId, u32>,
    /// The ids that Host Factory was told, with what it heard last.
    known: BTreeMap<RequestId, Option<RequestView>>,
    /// The ids that Host Factory was told, in order; they are random, and a drawn sequence is to repeat itself.
    order: Vec<RequestId>,
    /// The hosts that settled requests reported as usable, with the name. Host Factory takes no others.
    delivered: BTreeMap<MachineId, HostRef>,
    /// The hosts that any return named.
    named: BTreeSet<MachineId>,
    /// The hosts that Host Factory has let go of: it heard that their return was accepted.
    gone: BTreeSet<MachineId>,
    /// The commits that the next operation may make.
    commits: Option<u8>,
}

impl Model {
    fn new() -> Self {
        Self {
            world: World::new(),
            wanted: BTreeMap::new(),
            known: BTreeMap::new(),
            order: Vec::new(),
            delivered: BTreeMap::new(),
            named: BTreeSet::new(),
            gone: BTreeSet::new(),
            commits: None,
        }
    }

    fn hear(&mut self, id: RequestId) {
        self.order.push(id.clone());
        self.known.insert(id, None);
    }

    fn held(&self) -> Vec<HostRef> {
        self.delivered.iter().filter(|(id, _)| !self.gone.contains(*id)).map(|(_, host)| host.clone()).collect()
    }

    /// Prepares the store for an operation that dies.
    fn arm(&mut self) -> bool {
        let Some(commits) = self.commits.take() else { return false };
        for _ in 0..commits {
            self.world.store.pass_next_commit();
        }
        for _ in 0..40 {
            let resource = "the process has died".to_owned();
            self.world.store.fail_next_commit(StorageError::Busy { resource, waited: Duration::ZERO });
        }
        true
    }

    async fn take(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Kill(commits) => self.commits = Some(*commits),
            Step::Clock(seconds) => self.world.clock.pass(*seconds),
            Step::Blind(blind) => self.world.cloud.state().blind = blind.then_some(FailureClass::Throttle),
            Step::Boot => self.boot(),
            Step::Die(number) => {
                let mut state = self.world.cloud.state();
                if let Some(host) = state.hosts.values_mut().filter(|host| host.status.is_live()).nth(*number) {
                    host.status = MachineStatus::Terminated;
                }
            }
            Step::Request { .. } | Step::Poll(_) | Step::Return { .. } | Step::Held | Step::Reconcile => {
                let dies = self.arm();
                self.call(step, dies).await?;
                self.world.store.stop_failing();
                self.world.cloud.state().fates.clear();
            }
        }
        self.check()
    }

    async fn call(&mut self, step: &Step, dies: bool) -> Result<(), String> {
        match step {
            Step::Request { count, luck, heard } => {
                for luck in luck {
                    self.world.cloud.fate(match luck {
                        Luck::Good => Fate::Launches(*count),
                        Luck::Lost => Fate::AnswerLost,
                        Luck::Short => Fate::Launches(count - 1),
                        Luck::Fails(class) => Fate::Fails(*class),
                    });
                }
                // What died before its answer was heard by nobody.
                if let Ok(id) = self.world.request(*count).await
                    && *heard
                    && !dies
                {
                    self.hear(id);
                }
                for (id, request) in &self.world.store.state().requests {
                    let Body::Acquire(acquire) = &request.body else { continue };
                    let wanted = acquire.wanted.get();
                    self.wanted.entry(id.clone()).or_insert(wanted);
                }
            }
            Step::Poll(number) => {
                let id = self.order.get(*number).cloned();
                if let Some(id) = id {
                    self.poll(&id, dies).await?;
                }
            }
            Step::Return { which, heard } => {
                let chosen = |(bit, _): &(usize, HostRef)| *bit < 16 && which & (1 << bit) != 0;
                let hosts: Vec<HostRef> = self.held().into_iter().enumerate().filter(chosen).map(|(_, h)| h).collect();
                if hosts.is_empty() {
                    return Ok(());
                }
                let ids: Vec<MachineId> = hosts.iter().filter_map(|host| host.id.clone()).collect();
                self.named.extend(ids.iter().cloned());
                let handler = ReturnMachinesHandler::new(self.world.engine());
                if let Ok(accepted) = handler.handle(ReturnMachines { hosts }).await
                    && *heard
                    && !dies
                {
                    self.hear(accepted.id);
                    self.gone.extend(ids);
                }
            }
            Step::Held => {
                let hosts = self.held();
                let handler = SyncMachinesHandler::new(self.world.engine());
                let _ = handler.handle(SyncMachines { hosts }).await;
            }
            _ => {
                let handler = ReconcileHandler::new(self.world.engine());
                handler.handle(Reconcile::Whole).await.map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }

    /// Host Factory asks about a request it knows; what a dead process found out it does not hear.
    async fn poll(&mut self, id: &RequestId, dies: bool) -> Result<(), String> {
        let synced = SyncRequestsHandler::new(self.world.engine()).handle(SyncRequests { ids: vec![id.clone()] }).await;
        let report = match synced {
            Ok(report) if !dies => report,
            Ok(_) => return Ok(()),
            Err(ApplicationError::Storage(_)) if dies => return Ok(()),
            Err(error) => return Err(format!("{id} cannot be polled: {error}")),
        };
        let world = &self.world;
        let handler = GetRequestStatusHandler::new(world.store.clone(), world.clock.clone(), world.policy.clone());
        let answer = handler.handle(GetRequestStatus { ids: vec![id.clone()] }).await;
        let view = answer.map_err(|error| error.to_string())?.remove(0).ok_or(format!("INV-04: {id} is not known"))?;
        if report.unconfirmed.contains_key(id) {
            return Ok(());
        }
        let before = self.known.insert(id.clone(), Some(view.clone())).flatten();
        for host in &view.hosts {
            let told = before.iter().flat_map(|view| &view.hosts).find(|other| other.id == host.id);
            // A host of an open request can still fail (`aws-semantics.md` section 15).
            let goes_back = |from, to| from != to && from != HostResult::Executing && to != HostResult::Fail;
            if told.is_some_and(|told| goes_back(told.result, host.result)) {
                return Err(format!("INV-05: {} was {told:?} and is {host:?}", host.id));
            }
            let settled = view.status != RequestStatus::Running;
            if id.kind() == RequestKind::Acquire && settled && host.result == HostResult::Succeed {
                let state = self.world.cloud.state();
                let launched = state.hosts.get(&host.id).and_then(|truth| truth.request.clone());
                if launched.as_deref() != Some(id.as_str()) {
                    return Err(format!("INV-02: {} was delivered by {id} and launched for {launched:?}", host.id));
                }
                let name = host.name.parse().ok();
                self.delivered.insert(host.id.clone(), HostRef { id: Some(host.id.clone()), name });
            }
        }
        match before {
            Some(before) if before.status != RequestStatus::Running && before != view => {
                Err(format!("INV-05: {id} was settled as {before:?} and is {view:?}"))
            }
            _ => Ok(()),
        }
    }

    /// Pending hosts run, and hosts that end have ended.
    fn boot(&self) {
        self.world.cloud.boot();
        for host in self.world.cloud.state().hosts.values_mut() {
            if host.status == MachineStatus::ShuttingDown {
                host.status = MachineStatus::Terminated;
            }
        }
    }

    /// The live hosts, with the request that each was launched for.
    fn live(&self) -> BTreeMap<MachineId, Option<RequestId>> {
        let state = self.world.cloud.state();
        let live = state.hosts.values().filter(|host| host.status <= MachineStatus::Running);
        live.map(|host| (host.id.clone(), host.request.as_ref().and_then(|id| id.parse().ok()))).collect()
    }

    /// What holds after every step.
    fn check(&self) -> Result<(), String> {
        let mut counts: BTreeMap<RequestId, u32> = BTreeMap::new();
        for request in self.live().into_values().flatten() {
            *counts.entry(request).or_default() += 1;
        }
        for (request, count) in counts {
            let wanted = self.wanted.get(&request).copied().unwrap_or_default();
            if count > wanted {
                return Err(format!("INV-02: {request} has {count} hosts and wants {wanted}"));
            }
        }
        let ended = self.world.cloud.state().ended.clone();
        let wrong = |id: &&MachineId| self.delivered.contains_key(*id) && !self.named.contains(*id);
        match ended.iter().find(wrong) {
            Some(id) => Err(format!("INV-07: {id} was delivered and not given back, and was ended")),
            None => Ok(()),
        }
    }

    /// Nothing goes wrong any more and time passes; then everything must be in order.
    async fn settle(&mut self) -> Result<(), String> {
        self.world.cloud.state().blind = None;
        let known: Vec<RequestId> = self.known.keys().cloned().collect();
        for _ in 0..20 {
            self.world.clock.pass(240);
            self.boot();
            for id in &known {
                self.poll(id, false).await?;
            }
            self.world.lost(&self.held()).await;
            self.call(&Step::Reconcile, false).await?;
            self.check()?;
        }
        for (id, view) in &self.known {
            if view.as_ref().is_none_or(|view| view.status == RequestStatus::Running) {
                return Err(format!("INV-18: {id} does not settle: {view:?}"));
            }
        }
        let live = self.live();
        let held = self.held();
        let is_held = |id: &MachineId| held.iter().any(|host| host.id.as_ref() == Some(id));
        if let Some((id, request)) = live.iter().find(|(id, _)| !is_held(id)) {
            let entry = self.world.store.state();
            let detail = (entry.requests.get(request.as_ref().unwrap()), entry.machines.get(id));
            return Err(format!("INV-03: {id} lives and Host Factory does not hold it: {detail:?}"));
        }
        let told: BTreeSet<String> = self.world.lost(&held).await.into_iter().map(|lost| lost.name).collect();
        for host in &held {
            let ended = !live.contains_key(host.id.as_ref().unwrap());
            if ended != told.contains(host.name.as_ref().unwrap().as_str()) {
                return Err(format!("row 75: {host:?} is ended: {ended}, and told are {told:?}"));
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "tests read the variables that the operator of a campaign sets")]
fn trials() -> Option<u32> {
    std::env::var("HOSTFACTORY_TEST_TRIALS").ok()?.parse().ok()
}

#[test]
fn whatever_happens_what_is_reported_is_true_and_nothing_is_lost_doubled_or_ended_by_mistake() {
    let cases = trials().unwrap_or(300);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, max_shrink_iters: 2_000, ..Config::with_cases(cases) });
    let outcome = runner.run(&prop::collection::vec(step(), 1..40), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let mut model = Model::new();
            for step in &steps {
                model.take(step).await.map_err(TestCaseError::fail)?;
            }
            model.settle().await.map_err(TestCaseError::fail)
        })
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}
