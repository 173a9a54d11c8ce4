//! Receivers that take, refuse, or never answer, over a store in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::*;
use crate::application::testing::World;

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    Refuses,
    Swallows,
}

/// Receivers that remember what they took, and a ledger in memory.
struct Office {
    receivers: Mutex<Vec<(SinkProfile, Manner, Vec<u64>)>>,
    tries: AtomicUsize,
    standings: Mutex<Standings>,
    taken: Arc<Mutex<bool>>,
}

impl Office {
    fn of(receivers: &[(&'static str, Manner, &[&str])]) -> Arc<Self> {
        let receiver = |(name, manner, words): &(&'static str, Manner, &[&str])| {
            let profile = SinkProfile { name, target: "x".to_owned(), wanted: Wanted::of(words) };
            (profile, *manner, Vec::new())
        };
        Arc::new(Self {
            receivers: Mutex::new(receivers.iter().map(receiver).collect()),
            tries: AtomicUsize::new(0),
            standings: Mutex::default(),
            taken: Arc::default(),
        })
    }

    fn behave(&self, name: &str, manner: Manner) {
        let mut receivers = self.receivers.lock().unwrap();
        receivers.iter_mut().find(|(profile, ..)| profile.name == name).unwrap().1 = manner;
    }

    fn took(&self, name: &str) -> Vec<u64> {
        let receivers = self.receivers.lock().unwrap();
        receivers.iter().find(|(profile, ..)| profile.name == name).unwrap().2.clone()
    }
}

#[async_trait]
impl Sinks for Office {
    fn configured(&self) -> Vec<SinkProfile> {
        self.receivers.lock().unwrap().iter().map(|(profile, ..)| profile.clone()).collect()
    }

    async fn send(&self, sink: &str, events: &[EventEnvelope], _: Timestamp, within: Duration) -> Result<(), String> {
        self.tries.fetch_add(1, Ordering::SeqCst);
        let manner = {
            let mut receivers = self.receivers.lock().unwrap();
            let (_, manner, took) = receivers.iter_mut().find(|(profile, ..)| profile.name == sink).unwrap();
            if *manner == Manner::Takes {
                took.extend(events.iter().map(|event| event.sequence));
            }
            *manner
        };
        match manner {
            Manner::Takes => Ok(()),
            Manner::Refuses => Err("it answered 500".to_owned()),
            Manner::Swallows => {
                tokio::time::sleep(within).await;
                Err("no answer".to_owned())
            }
        }
    }
}

struct Key(Arc<Office>);

impl HeldLedger for Key {
    fn write(&mut self, standings: &Standings) -> Result<(), StorageError> {
        standings.clone_into(&mut self.0.standings.lock().unwrap());
        Ok(())
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap() = false;
    }
}

#[async_trait]
impl SinkLedger for Arc<Office> {
    fn read(&self) -> Standings {
        self.standings.lock().unwrap().clone()
    }

    async fn take(&self, _: Duration) -> Result<Option<Box<dyn HeldLedger>>, StorageError> {
        let was_taken = std::mem::replace(&mut *self.taken.lock().unwrap(), true);
        Ok((!was_taken).then(|| Box::new(Key(self.clone())) as Box<dyn HeldLedger>))
    }
}

fn notifier<'p>(world: &'p World, office: &'p Arc<Office>) -> Notifier<'p> {
    Notifier { store: &*world.store, sinks: &**office, ledger: office, clock: &*world.clock }
}

fn all(world: &World) -> Vec<u64> {
    world.store.events().iter().map(|event| event.sequence).collect()
}

const PASSING: Effort = Effort::InPassing(Duration::from_secs(2));
const DEMAND: Effort = Effort::OnDemand(Duration::from_secs(15));

#[tokio::test]
async fn everybody_is_told_in_order_of_what_they_want_and_once() {
    let world = World::new();
    let office = Office::of(&[
        ("webhook", Manner::Takes, &[]),
        ("command", Manner::Takes, &["RequestCreated"]),
        ("sns", Manner::Takes, &["failures"]),
    ]);
    let notifier = notifier(&world, &office);
    assert!(notifier.deliver(PASSING).await.unwrap().is_empty(), "nothing has happened");
    world.running(150).await;
    notifier.deliver(PASSING).await.unwrap();
    assert_eq!(office.took("webhook"), all(&world));
    assert_eq!((office.took("command"), office.took("sns")), (vec![2], vec![]));
    let tries = office.tries.load(Ordering::SeqCst);
    notifier.deliver(PASSING).await.unwrap();
    assert_eq!(office.tries.load(Ordering::SeqCst), tries, "nothing comes twice");
    world.running(1).await;
    let taken = notifier.deliver(DEMAND).await.unwrap();
    assert_eq!(office.took("webhook"), all(&world));
    assert!(taken.contains(&("command".to_owned(), 1)), "{taken:?}");
}

#[tokio::test]
async fn whoever_fails_is_left_alone_longer_each_time_and_then_told_of_everything() {
    let world = World::new();
    let office = Office::of(&[("webhook", Manner::Refuses, &[]), ("command", Manner::Takes, &[])]);
    let notifier = notifier(&world, &office);
    let so_far = || office.tries.swap(0, Ordering::SeqCst);
    world.running(1).await;
    let mut tries = Vec::new();
    for seconds in [0, 29, 1, 59, 1, 119, 1] {
        world.clock.pass(seconds);
        notifier.deliver(PASSING).await.unwrap();
        tries.push(so_far());
    }
    assert_eq!(tries, [2, 0, 1, 0, 1, 0, 1], "30, 60 and 120 seconds are left between");
    assert_eq!(office.took("command"), all(&world), "the others do not wait for it");
    let report = notifier.look().await.unwrap().remove(0);
    assert_eq!((report.standing.failures, report.waiting), (4, all(&world).len()));
    assert_eq!(report.standing.last_error.as_deref(), Some("it answered 500"));
    assert!(report.paused_until.is_some());
    office.behave("webhook", Manner::Takes);
    notifier.deliver(DEMAND).await.unwrap();
    assert_eq!(office.took("webhook"), all(&world), "on demand nobody is left alone");
    let report = notifier.look().await.unwrap().remove(0);
    assert_eq!((report.standing.failures, report.standing.last_error, report.waiting), (0, None, 0));
}

#[tokio::test]
async fn one_that_swallows_everything_takes_no_time_from_those_who_are_well() {
    let world = World::new();
    let office = Office::of(&[("webhook", Manner::Swallows, &[]), ("command", Manner::Takes, &[])]);
    let notifier = notifier(&world, &office);
    let short = Effort::InPassing(Duration::from_millis(300));
    world.running(1).await;
    let begun = Instant::now();
    notifier.deliver(short).await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    // The next time it comes last.
    world.clock.pass(3600);
    world.running(1).await;
    notifier.deliver(short).await.unwrap();
    assert_eq!(office.took("command"), all(&world));
    assert!(office.took("webhook").is_empty());
}

#[tokio::test]
async fn a_host_is_lost_unless_it_was_asked_to_end() {
    let world = World::new();
    let office = Office::of(&[("webhook", Manner::Takes, &["lost"])]);
    let notifier = notifier(&world, &office);
    let (_, hosts) = world.running(2).await;
    let ret = world.give_back(vec![hosts[0].clone()]).await;
    world.cloud.set(hosts[0].id.as_ref().unwrap(), crate::domain::machine::MachineStatus::Terminated);
    world.poll(&ret.id).await;
    world.cloud.set(hosts[1].id.as_ref().unwrap(), crate::domain::machine::MachineStatus::Terminated);
    world.lost(&hosts[1..]).await;
    let ended = |host: usize| {
        let events = world.store.events().into_iter().filter(|event| {
            let facts = event.event.facts();
            facts.name == "MachineTerminated" && facts.machine == hosts[host].id.as_ref()
        });
        events.map(|event| event.sequence).collect::<Vec<_>>()
    };
    assert!(!ended(0).is_empty() && !ended(1).is_empty(), "both have ended");
    notifier.deliver(PASSING).await.unwrap();
    assert_eq!(office.took("webhook"), ended(1));
}

#[tokio::test]
async fn one_process_at_a_time_delivers() {
    let world = World::new();
    let office = Office::of(&[("webhook", Manner::Takes, &[])]);
    let notifier = notifier(&world, &office);
    world.running(1).await;
    let other = office.take(Duration::ZERO).await.unwrap().unwrap();
    assert!(notifier.deliver(PASSING).await.unwrap().is_empty());
    assert!(office.took("webhook").is_empty());
    drop(other);
    notifier.deliver(PASSING).await.unwrap();
    assert_eq!(office.took("webhook"), all(&world));
}

#[tokio::test]
async fn what_is_set_aside_is_told_to_nobody_and_what_comes_after_it_is() {
    let world = World::new();
    let office = Office::of(&[("webhook", Manner::Takes, &[])]);
    let notifier = notifier(&world, &office);
    world.running(1).await;
    let before = all(&world).len();
    notifier.skip().await.unwrap();
    world.running(1).await;
    notifier.deliver(PASSING).await.unwrap();
    assert_eq!(office.took("webhook"), all(&world)[before..]);
}
