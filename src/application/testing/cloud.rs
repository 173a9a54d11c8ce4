//! A cloud that remembers everything it ever launched, and that fails on demand.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;

use super::fleet::Fleet;
use super::{FakeClock, MemoryStore};
use crate::application::ProviderError;
use crate::application::commands::HostRef;
use crate::application::error::NotEnded;
use crate::application::ports::*;
use crate::application::settings::HealthSettings;
use crate::domain::machine::{Interruption, MachineStatus, Sighting};
use crate::domain::request::{LaunchPlan, Pool, Refusal};
use crate::domain::template::{PriceType, Template};
use crate::domain::*;

/// What becomes of the next create call.
pub(crate) enum Fate {
    /// It launches so many, or all it was asked for if that is less, and says so.
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
    pub(super) by_request: HashMap<String, Vec<MachineId>>,
    /// What becomes of the next create calls; when empty, they launch everything.
    pub(crate) fates: VecDeque<Fate>,
    /// Tokens in the order in which they were sent.
    pub(crate) sent: Vec<String>,
    /// The subnets in the order in which they were asked.
    pub(crate) pools: Vec<String>,
    /// How many describe calls were made.
    pub(crate) looks: u32,
    /// How many find calls were made.
    pub(crate) searches: u32,
    /// What describe and find calls fail with.
    pub(crate) blind: Option<FailureClass>,
    /// Whether describe answers are empty, successfully.
    pub(crate) empty: bool,
    /// How far the cloud's clock is behind ours.
    pub(crate) seconds_late: i64,
    /// Whether a search for our hosts shows every host there is, ended ones and those of others too.
    pub(crate) careless: bool,
    /// Hosts that cannot be ended.
    pub(crate) protected: Vec<MachineId>,
    /// What is said about the health of hosts; `None` says that it was asked a short while ago.
    pub(crate) health: Option<Vec<(MachineId, Interruption)>>,
    /// How often it was asked about the health of how many hosts.
    pub(crate) health_looks: Vec<usize>,
    /// Spot notices.
    pub(crate) notices: Vec<(MachineId, Interruption)>,
    /// Hosts that we were told to end, in order.
    pub(crate) ended: Vec<MachineId>,
    /// The fleets that were made, by their names.
    pub(crate) fleets: BTreeMap<String, Fleet>,
}

pub(crate) struct FakeCloud {
    pub(super) clock: Arc<FakeClock>,
    store: Arc<MemoryStore>,
    state: Mutex<CloudState>,
}

impl FakeCloud {
    pub(super) fn new(clock: Arc<FakeClock>, store: Arc<MemoryStore>) -> Self {
        Self { clock, store, state: Mutex::default() }
    }
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

    /// Lets every pending host die.
    pub(crate) fn die(&self, reason: &str) {
        for host in self.state().hosts.values_mut().filter(|host| host.status == MachineStatus::Pending) {
            host.status = MachineStatus::Terminated;
            host.reason = Some(reason.to_owned());
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

    /// How many hosts live that nobody has told to end.
    pub(crate) fn live_unended(&self) -> usize {
        let stays = |host: &&Sighting| host.status <= MachineStatus::Running;
        self.state().hosts.values().filter(stays).count()
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

pub(super) fn sighting(id: MachineId, at: Timestamp) -> Sighting {
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
        request: None,
        template: Some("small".to_owned()),
        resource: None,
        api: None,
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
        Ok(LaunchPlan { tiers: vec![vec![pool(1)], vec![pool(2)]], parameters, ..LaunchPlan::default() })
    }

    async fn rehearse(&self, launch: Launch<'_>, check: bool) -> Result<Rehearsal, ProviderError> {
        let count = ("Count".to_owned(), launch.attempt.count.to_string());
        let call = RehearsedCall { operation: "Launch".to_owned(), parameters: vec![count] };
        Ok(Rehearsal { calls: vec![call], verdict: check.then_some(Ok(())) })
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let token = launch.attempt.token.to_string();
        let request = launch.plan.parameters["request"].as_str().unwrap().to_owned();
        // INV-01: whatever is sent is in the store already.
        let stored = self.store.request(&request.parse().unwrap()).await.unwrap().expect("intent first");
        assert!(stored.as_acquire().unwrap().attempts.iter().any(|a| a.token == launch.attempt.token && a.is_open()));
        let mut state = self.state();
        state.sent.push(token.clone());
        state.pools.extend(launch.attempt.pools.iter().filter_map(|pool| pool.subnet.clone()));
        let fate = state.fates.pop_front();
        let error = |class| {
            Err(ProviderError { code: Some(format!("{class:?}")), ..ProviderError::new("RunInstances", class, "fate") })
        };
        let (count, lost) = match fate {
            Some(Fate::Fails(class)) => return error(class),
            Some(Fate::Launches(count)) => (count.min(launch.attempt.count), false),
            Some(Fate::AnswerLost) => (launch.attempt.count, true),
            None => (launch.attempt.count, false),
        };
        let api = stored.as_acquire().unwrap().api;
        if api.launches_by_itself() {
            drop(state);
            let made = self.make_fleet(launch, &request);
            return if lost { error(FailureClass::Network) } else { Ok(made) };
        }
        if !state.by_token.contains_key(&token) {
            let first = state.hosts.len();
            let ids: Vec<MachineId> =
                (0..count as usize).map(|n| format!("i-{:017x}", first + n + 1).parse().unwrap()).collect();
            for id in &ids {
                let at = Timestamp::from_seconds(self.clock.now().as_seconds() - state.seconds_late);
                let host = Sighting { request: Some(request.clone()), ..sighting(id.clone(), at) };
                state.hosts.insert(id.clone(), host);
            }
            state.by_request.entry(request).or_default().extend(ids.clone());
            state.by_token.insert(token.clone(), ids);
        }
        if lost {
            return error(FailureClass::Network);
        }
        let hosts: Vec<Sighting> = state.by_token[&token].iter().map(|id| state.hosts[id].clone()).collect();
        let short = hosts.len() < launch.attempt.count as usize;
        let refusal = Refusal {
            pool: launch.attempt.pools.first().cloned(),
            class: FailureClass::Capacity,
            code: None,
            message: "a pool gave fewer hosts than asked for".to_owned(),
        };
        let refusals = if short { vec![refusal] } else { Vec::new() };
        Ok(Acquired { hosts, resource: Some("r-1".to_owned()), filling: false, refusals })
    }

    async fn recall(&self, launch: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
        self.state().searches += 1;
        self.see()?;
        let state = self.state();
        let ids = state.by_token.get(launch.attempt.token.as_str());
        Ok(ids.map(|ids| Acquired {
            hosts: ids.iter().map(|id| state.hosts[id].clone()).collect(),
            ..Acquired::default()
        }))
    }

    async fn progress(&self, resource: &str) -> Result<Progress, ProviderError> {
        self.see()?;
        Ok(self.state().fleets[resource].progress.clone())
    }

    async fn hold(&self, resource: &str, keep: Keep) -> Result<Hold, ProviderError> {
        self.see()?;
        let mut state = self.state();
        let fleet = state.fleets.get_mut(resource).unwrap();
        if let Some(class) = fleet.refuses {
            return Err(ProviderError::new("ModifyFleet", class, "refused"));
        }
        fleet.holds.push(keep);
        fleet.target = fleet.target.min(keep.total());
        if fleet.modifying > 0 {
            fleet.modifying -= 1;
            return Ok(Hold::NotYet("it is modifying".to_owned()));
        }
        Ok(Hold::Holds)
    }

    async fn leftovers(&self) -> Result<Vec<Leftover>, ProviderError> {
        self.see()?;
        let state = self.state();
        let there = state.fleets.iter().filter(|(_, fleet)| !fleet.retired);
        let leftover = |(name, fleet): (&String, &Fleet)| Leftover {
            name: name.clone(),
            owner: "grid-1".to_owned(),
            request: fleet.request.clone(),
        };
        Ok(there.map(leftover).collect())
    }

    async fn retire(&self, resource: &str) -> Result<(), ProviderError> {
        self.see()?;
        self.state().fleets.get_mut(resource).unwrap().retired = true;
        Ok(())
    }

    async fn release(&self, resource: Option<&str>, hosts: &[MachineId]) -> Released {
        let released = self.release_now(hosts);
        // What refills does so at once.
        if let Some(resource) = resource.filter(|name| self.state().fleets.get(*name).is_some_and(|f| f.refills)) {
            self.bring(resource, u32::MAX);
        }
        released
    }
}

impl FakeCloud {
    fn release_now(&self, hosts: &[MachineId]) -> Released {
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
        self.state().searches += 1;
        self.see()?;
        let state = self.state();
        let of = |ids: Option<&Vec<MachineId>>| ids.into_iter().flatten().map(|id| state.hosts[id].clone()).collect();
        Ok(match search {
            Search::Installation(installation) => state
                .hosts
                .values()
                .filter(|host| {
                    let wanted = host.owner.as_deref() == Some(installation.as_str()) && host.status.is_live();
                    state.careless || wanted
                })
                .cloned()
                .collect(),
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

    async fn health(
        &self,
        hosts: &[Host],
        _: HealthSettings,
    ) -> Result<Option<Vec<(MachineId, Interruption)>>, ProviderError> {
        self.state().health_looks.push(hosts.len());
        self.see()?;
        Ok(self.state().health.clone())
    }

    async fn console(&self, _: &MachineId) -> Result<Option<String>, ProviderError> {
        self.see()?;
        Ok(Some("Kernel panic".to_owned()))
    }
}
