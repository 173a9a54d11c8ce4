//! A provider without a cloud, for a first try and for staging a Symphony integration at no cost.
//!
//! Invariant: it has no memory. A host's id holds the second of its launch and a hash of its token, and what the host is
//! doing follows from the two and from the settings; that it ends, the caller says. So the same token gives the same
//! hosts, in any process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use shaku::{Component, Interface, Keyed};

use crate::application::ProviderError;
use crate::application::ports::{
    Acquired, Clock, Fulfilment, Host, Inspection, InstanceTypeSource, Launch, Observation, OfferedTypes, Owner,
    Released, Search,
};
use crate::application::settings::SimulatedSettings;
use crate::domain::machine::{Interruption, MachineStatus, Sighting};
use crate::domain::request::{LaunchPlan, Pool};
use crate::domain::template::{PriceType, ProviderApi, ProviderKind, Template};
use crate::domain::{Digest, FailureClass, MachineId, Timestamp};

/// What an id says about its host: `i-` + launch second (8 hex digits) + market (1) + hash (8).
struct Traits {
    launched_at: Timestamp,
    price_type: PriceType,
    hash: u32,
}

const LAUNCHING: &str = "launching simulated hosts";

fn id_of(launch: Launch<'_>, index: u32) -> Result<MachineId, ProviderError> {
    let digest = Digest::of(&[launch.attempt.token.as_str(), &index.to_string()]);
    let is_spot = launch.attempt.pools.iter().any(|pool| pool.price_type == PriceType::Spot);
    let market = if is_spot { '1' } else { '0' };
    let hash: String = digest.as_str().chars().take(8).collect();
    format!("i-{:08x}{market}{hash}", launch.attempt.recorded_at.as_seconds()).parse().map_err(|_| {
        ProviderError::new(LAUNCHING, FailureClass::Invalid, "the clock shows a time beyond the year 2106")
    })
}

fn traits_of(id: &MachineId) -> Option<Traits> {
    let hex = id.as_str().strip_prefix("i-")?;
    let number = |from, to| hex.get(from..to).and_then(|part| u32::from_str_radix(part, 16).ok());
    Some(Traits {
        launched_at: Timestamp::from_seconds(number(0, 8)?.into()),
        price_type: match hex.get(8..9)? {
            "0" => PriceType::OnDemand,
            "1" => PriceType::Spot,
            _ => return None,
        },
        hash: number(9, 17)?,
    })
}

/// Returns what the host is doing at `now`; `None` for an id that this provider never made.
fn sight(
    id: &MachineId,
    ending_since: Option<Timestamp>,
    settings: &SimulatedSettings,
    now: Timestamp,
) -> Option<Sighting> {
    let Traits { launched_at, price_type, hash } = traits_of(id)?;
    let age = now.since(launched_at);
    let dies = hash % 100 < u32::from(settings.failure_percent) && age >= settings.boot;
    let reclaimed = is_reclaimed(&Traits { launched_at, price_type, hash }, settings) && age >= settings.reclaim_after;
    let (status, reason) = match ending_since {
        Some(since) if now.since(since) >= settings.shutdown => {
            (MachineStatus::Terminated, Some("Client.UserInitiatedShutdown: simulated"))
        }
        Some(_) => (MachineStatus::ShuttingDown, Some("Client.UserInitiatedShutdown: simulated")),
        None if dies => (MachineStatus::Terminated, Some("Server.InternalError: simulated failure at boot")),
        None if reclaimed => (MachineStatus::Terminated, Some("Server.SpotInstanceTermination: simulated reclaim")),
        None if age >= settings.boot => (MachineStatus::Running, None),
        None => (MachineStatus::Pending, None),
    };
    let [_, b, c, d] = hash.to_be_bytes();
    Some(Sighting {
        id: id.clone(),
        status,
        name: format!("sim-{}.simulated.internal", id.as_str().trim_start_matches("i-")).parse().ok(),
        private_ip: Some(format!("10.{b}.{c}.{d}")),
        public_ip: None,
        launched_at: Some(launched_at),
        instance_type: Some("simulated".to_owned()),
        price_type,
        zone: None,
        tags: String::new(),
        reason: reason.map(ToOwned::to_owned),
        owner: None,
        request: None,
        template: None,
        resource: None,
        api: Some(ProviderApi::Simulated),
    })
}

fn is_reclaimed(host: &Traits, settings: &SimulatedSettings) -> bool {
    // Other digits of the hash than those that decide about failures.
    host.price_type == PriceType::Spot && (host.hash / 100) % 100 < u32::from(settings.reclaim_percent)
}

/// Knows how simulated hosts behave. Keyed components take no parameters of their own, so that this one holds them.
pub trait Behaviour: Interface {
    /// Returns the settings.
    fn settings(&self) -> &SimulatedSettings;
}

/// Holds the settings of the simulated provider.
#[derive(Component)]
#[shaku(interface = Behaviour)]
pub struct Simulation {
    /// How the hosts behave.
    #[shaku(default)]
    settings: SimulatedSettings,
}

impl Behaviour for Simulation {
    fn settings(&self) -> &SimulatedSettings {
        &self.settings
    }
}

/// Launches and ends simulated hosts.
#[derive(Component)]
#[shaku(interface = Fulfilment)]
pub struct SimulatedFulfilment {
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
    #[shaku(inject)]
    behaviour: Arc<dyn Behaviour>,
}

impl Keyed for SimulatedFulfilment {
    type KeyType = ProviderApi;
    const KEY: ProviderApi = ProviderApi::Simulated;
}

#[async_trait]
impl Fulfilment for SimulatedFulfilment {
    async fn prepare(&self, template: &Template, owner: &Owner) -> Result<LaunchPlan, ProviderError> {
        let pool = Pool { instance_type: None, subnet: None, price_type: template.price_type() };
        let parameters = json!({ "template": owner.template });
        Ok(LaunchPlan { tiers: vec![vec![pool]], parameters, ..LaunchPlan::default() })
    }

    async fn acquire(&self, launch: Launch<'_>) -> Result<Acquired, ProviderError> {
        let now = self.clock.now();
        let host = |index| {
            let id = id_of(launch, index)?;
            sight(&id, None, self.behaviour.settings(), now).ok_or_else(|| {
                ProviderError::new(LAUNCHING, FailureClass::Unknown, format!("{id} is not an id of a simulated host"))
            })
        };
        let hosts = (0..launch.attempt.count).map(host).collect::<Result<_, _>>()?;
        Ok(Acquired { hosts, ..Acquired::default() })
    }

    async fn recall(&self, _: Launch<'_>) -> Result<Option<Acquired>, ProviderError> {
        // Nothing is launched before the answer is there.
        Ok(None)
    }

    async fn release(&self, _: Option<&str>, hosts: &[MachineId]) -> Released {
        let (accepted, gone) = hosts.iter().cloned().partition(|id| traits_of(id).is_some());
        Released { accepted, gone, not_ended: Vec::new() }
    }
}

/// Looks at simulated hosts.
#[derive(Component)]
#[shaku(interface = Observation)]
pub struct SimulatedObservation {
    #[shaku(inject)]
    clock: Arc<dyn Clock>,
    #[shaku(inject)]
    behaviour: Arc<dyn Behaviour>,
}

impl Keyed for SimulatedObservation {
    type KeyType = ProviderKind;
    const KEY: ProviderKind = ProviderKind::Simulated;
}

#[async_trait]
impl Observation for SimulatedObservation {
    async fn observe(&self, hosts: &[Host]) -> Result<Vec<Sighting>, ProviderError> {
        let now = self.clock.now();
        Ok(hosts.iter().filter_map(|host| sight(&host.id, host.ending_since, self.behaviour.settings(), now)).collect())
    }

    async fn find(&self, _: &Search) -> Result<Vec<Sighting>, ProviderError> {
        // Without a memory nothing can be found that is not named by its id.
        Ok(Vec::new())
    }

    async fn interruptions(&self, hosts: &[Host]) -> Result<Vec<(MachineId, Interruption)>, ProviderError> {
        let now = self.clock.now();
        let settings = self.behaviour.settings();
        let notice = |host: &Host| {
            let traits = traits_of(&host.id).filter(|traits| is_reclaimed(traits, settings))?;
            let lead = Duration::from_mins(2).min(settings.reclaim_after);
            let at = traits.launched_at.after(settings.reclaim_after.checked_sub(lead)?);
            (now >= at).then(|| (host.id.clone(), Interruption::spot("marked-for-termination", at)))
        };
        Ok(hosts.iter().filter_map(notice).collect())
    }

    async fn console(&self, _: &MachineId) -> Result<Option<String>, ProviderError> {
        Ok(None)
    }
}

/// Tells of no instance types: simulated hosts are made of what their template says.
#[derive(Component)]
#[shaku(interface = InstanceTypeSource)]
pub struct SimulatedInstanceTypes;

impl Keyed for SimulatedInstanceTypes {
    type KeyType = ProviderKind;
    const KEY: ProviderKind = ProviderKind::Simulated;
}

#[async_trait]
impl InstanceTypeSource for SimulatedInstanceTypes {
    async fn offered(&self) -> Result<Option<OfferedTypes>, ProviderError> {
        Ok(None)
    }
}

/// Has nothing to look into: there is no cloud.
#[derive(Component)]
#[shaku(interface = Inspection)]
pub struct SimulatedInspection;

impl Keyed for SimulatedInspection {
    type KeyType = ProviderKind;
    const KEY: ProviderKind = ProviderKind::Simulated;
}

impl Inspection for SimulatedInspection {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::{Attempt, AttemptState};

    struct Noon(i64);

    impl Clock for Noon {
        fn now(&self) -> Timestamp {
            Timestamp::from_seconds(1_760_000_000 + self.0)
        }
    }

    fn behaves(settings: &SimulatedSettings) -> Arc<dyn Behaviour> {
        Arc::new(Simulation { settings: settings.clone() })
    }

    fn attempt(count: u32, price_type: PriceType) -> Attempt {
        Attempt {
            number: 1,
            pools: vec![Pool { instance_type: None, subnet: None, price_type }],
            count,
            token: "a".repeat(64).parse().unwrap(),
            recorded_at: Noon(0).now(),
            state: AttemptState::Open,
        }
    }

    async fn launched(second: i64, settings: &SimulatedSettings, attempt: &Attempt) -> Vec<Sighting> {
        let provider = SimulatedFulfilment { clock: Arc::new(Noon(second)), behaviour: behaves(settings) };
        let plan = LaunchPlan::default();
        provider.acquire(Launch { attempt, plan: &plan, user_data: None }).await.unwrap().hosts
    }

    #[tokio::test]
    async fn the_same_token_gives_the_same_hosts_at_any_time() {
        let settings = SimulatedSettings::default();
        let attempt = attempt(50, PriceType::OnDemand);
        let ids = |hosts: Vec<Sighting>| hosts.into_iter().map(|host| host.id).collect::<Vec<_>>();
        let first = ids(launched(0, &settings, &attempt).await);
        assert_eq!(first, ids(launched(500, &settings, &attempt).await));
        assert_eq!(first.iter().collect::<std::collections::HashSet<_>>().len(), 50);
    }

    #[tokio::test]
    async fn hosts_boot_run_shut_down_and_end_by_age() {
        let settings = SimulatedSettings::default();
        let id = launched(0, &settings, &attempt(1, PriceType::OnDemand)).await.remove(0).id;
        let status = |second, ending: Option<i64>| {
            sight(&id, ending.map(|s| Noon(s).now()), &settings, Noon(second).now()).unwrap().status
        };
        assert_eq!(status(0, None), MachineStatus::Pending);
        assert_eq!(status(20, None), MachineStatus::Running);
        assert_eq!(status(31, Some(30)), MachineStatus::ShuttingDown);
        assert_eq!(status(40, Some(30)), MachineStatus::Terminated);
    }

    #[tokio::test]
    async fn shares_of_failure_and_reclaim_are_kept() {
        let settings = SimulatedSettings {
            failure_percent: 20,
            reclaim_percent: 30,
            reclaim_after: Duration::from_mins(10),
            ..SimulatedSettings::default()
        };
        let attempt = attempt(1000, PriceType::Spot);
        let booted = launched(30, &settings, &attempt).await;
        let dead = booted.iter().filter(|host| host.status == MachineStatus::Terminated).count();
        assert!((150..250).contains(&dead), "{dead}");
        let hosts: Vec<Host> = booted
            .iter()
            .map(|host| Host { id: host.id.clone(), price_type: PriceType::Spot, ending_since: None })
            .collect();
        let watch = |second| SimulatedObservation { clock: Arc::new(Noon(second)), behaviour: behaves(&settings) };
        assert!(watch(479).interruptions(&hosts).await.unwrap().is_empty());
        let marked = watch(480).interruptions(&hosts).await.unwrap();
        assert!((250..350).contains(&marked.len()), "{}", marked.len());
        assert_eq!(marked[0].1.grace_seconds(Noon(500).now()), 100);
    }

    #[test]
    fn an_id_of_another_cloud_is_not_ours() {
        assert!(traits_of(&"i-0abc1234".parse().unwrap()).is_none());
        assert!(traits_of(&"i-0123456789abcdef0".parse().unwrap()).is_none());
    }
}
