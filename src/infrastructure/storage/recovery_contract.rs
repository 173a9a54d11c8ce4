//! What recovery and purging rest on, over every store: claims, open requests, and forgetting.

use super::contract::Harness;
use super::samples::{self, acquire_id, at, machine_id, return_id};
use crate::application::ports::{Changes, Purged, UnitOfWork};
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::request::{Request, RequestPolicy};
use crate::domain::{RequestId, Timestamp};

/// Makes a module of tests for a [`Harness`].
macro_rules! recovery_contract {
    ($harness:ty) => {
        $crate::infrastructure::storage::recovery_contract::recovery_contract!($harness;
            open_requests_are_those_not_settled_oldest_first,
            unclaimed_are_acquire_requests_that_nobody_asked_about,
            a_settled_request_is_unclaimed_only_while_a_host_is_held,
            a_host_that_was_named_claims_its_request,
            a_claim_and_a_listing_come_back_as_they_were_stored,
            purging_forgets_what_has_ended_before_and_nothing_else,
            purging_takes_bounded_steps_oldest_first,
            purging_keeps_a_request_as_long_as_one_of_its_machines,
            purging_keeps_the_templates_that_are_named,
            purging_keeps_events_and_their_numbers,
        );
    };
    ($harness:ty; $($name:ident,)*) => {
        mod recovery_tests {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                $crate::infrastructure::storage::recovery_contract::$name(&<$harness>::default()).await;
            })*
        }
    };
}
pub(super) use recovery_contract;

async fn commit(store: &dyn UnitOfWork, requests: Vec<&mut Request>, machines: &mut [Machine], when: Timestamp) {
    let changes = Changes { requests, machines: machines.iter_mut().collect(), ..Changes::default() };
    store.commit(changes, when).await.unwrap();
}

/// An open acquire request that was accepted `second` seconds after the beginning.
fn asked_at(number: u32, second: i64) -> Request {
    let mut snapshot = samples::acquire(number, 1).snapshot().clone();
    snapshot.created_at = at(second);
    Request::from_snapshot(snapshot)
}

async fn unclaimed(harness: &impl Harness, before: i64) -> Vec<RequestId> {
    harness.open().unclaimed(at(before)).await.unwrap()
}

pub(super) async fn open_requests_are_those_not_settled_oldest_first(harness: &impl Harness) {
    let store = harness.open();
    assert!(store.open_requests().await.unwrap().is_empty());
    let (mut settled, mut hosts) = samples::settled(3);
    commit(&*store, vec![&mut settled], &mut hosts, at(9)).await;
    let (mut late, mut early, mut back) = (asked_at(1, 7), asked_at(2, 5), samples::give_back(4));
    commit(&*store, vec![&mut late, &mut back, &mut early], &mut [], at(9)).await;
    let expected = [return_id(4), acquire_id(2), acquire_id(1)];
    assert_eq!(harness.open().open_requests().await.unwrap(), expected);
    assert!(early.plan_attempts(&"grid-1".parse().unwrap(), at(9).into()) > 0 && early.attempt_given_up(1));
    assert!(early.settle(&[], &RequestPolicy::default(), at(100_000).into()).unwrap());
    commit(&*store, vec![&mut early], &mut [], at(9)).await;
    assert_eq!(harness.open().open_requests().await.unwrap(), [return_id(4), acquire_id(1)]);
}

pub(super) async fn unclaimed_are_acquire_requests_that_nobody_asked_about(harness: &impl Harness) {
    assert!(unclaimed(harness, 1000).await.is_empty());
    let store = harness.open();
    let (mut one, mut other, mut known) = (asked_at(1, 20), asked_at(2, 10), asked_at(3, 5));
    known.claim(at(6));
    commit(&*store, vec![&mut one, &mut other, &mut known, &mut samples::give_back(4)], &mut [], at(30)).await;
    assert_eq!(unclaimed(harness, 1000).await, [acquire_id(2), acquire_id(1)]);
    assert_eq!(unclaimed(harness, 20).await, [acquire_id(2)], "those that were accepted before, not at the time");
    other.claim(at(40));
    commit(&*store, vec![&mut other], &mut [], at(40)).await;
    assert_eq!(unclaimed(harness, 1000).await, [acquire_id(1)]);
}

pub(super) async fn a_settled_request_is_unclaimed_only_while_a_host_is_held(harness: &impl Harness) {
    let store = harness.open();
    let (mut request, mut hosts) = samples::settled(1);
    commit(&*store, vec![&mut request], &mut hosts, at(30)).await;
    assert_eq!(unclaimed(harness, 1000).await, [acquire_id(1)]);
    hosts[0].end_accepted(at(40), "nobody asked");
    commit(&*store, vec![], &mut hosts[..1], at(40)).await;
    assert!(unclaimed(harness, 1000).await.is_empty());
}

pub(super) async fn a_host_that_was_named_claims_its_request(harness: &impl Harness) {
    let store = harness.open();
    let (mut settled, mut hosts) = samples::settled(1);
    let mut open = samples::acquire(2, 1);
    let mut host = [samples::machine(7, Some(2), MachineStatus::Terminated)];
    commit(&*store, vec![&mut settled, &mut open], &mut hosts, at(30)).await;
    commit(&*store, vec![], &mut host, at(30)).await;
    assert_eq!(unclaimed(harness, 1000).await, [acquire_id(1), acquire_id(2)]);
    hosts[1].list();
    commit(&*store, vec![], &mut hosts[1..], at(31)).await;
    assert_eq!(unclaimed(harness, 1000).await, [acquire_id(2)], "whatever the host that was named is doing");
    host[0].list();
    commit(&*store, vec![], &mut host, at(32)).await;
    assert!(unclaimed(harness, 1000).await.is_empty());
}

pub(super) async fn a_claim_and_a_listing_come_back_as_they_were_stored(harness: &impl Harness) {
    let mut request = samples::acquire(1, 1);
    let mut host = [samples::machine(1, Some(1), MachineStatus::Running)];
    request.claim(at(5));
    host[0].list();
    commit(&*harness.open(), vec![&mut request], &mut host, at(30)).await;
    let stored = harness.open().request(&acquire_id(1)).await.unwrap().unwrap();
    assert_eq!((stored.snapshot().claimed_at, stored.snapshot().changed_at), (Some(at(5)), at(30)));
    let stored = harness.open().machines(&[machine_id(1)]).await.unwrap();
    assert_eq!((stored[0].snapshot().listed, stored[0].snapshot().changed_at), (true, at(30)));
}

pub(super) async fn purging_forgets_what_has_ended_before_and_nothing_else(harness: &impl Harness) {
    assert_eq!(harness.open().purge(at(1000), 10).await.unwrap(), Purged::default());
    let store = harness.open();
    let ended = |number| samples::machine(number, None, MachineStatus::Terminated);
    let mut told_to_end = samples::machine(4, None, MachineStatus::Running);
    told_to_end.end_accepted(at(9), "it did not become usable");
    let mut waited_for = samples::machine(5, None, MachineStatus::Running);
    waited_for.join_return(&return_id(2));
    waited_for.end_accepted(at(9), "Host Factory returned it");
    let mut hosts = [ended(1), samples::machine(2, None, MachineStatus::Running), told_to_end, waited_for, ended(3)];
    commit(&*store, vec![&mut samples::unsent(1), &mut samples::give_back(2)], &mut hosts[..4], at(10)).await;
    commit(&*store, vec![&mut samples::unsent(3)], &mut hosts[4..], at(20)).await;
    assert_eq!(store.purge(at(10), 10).await.unwrap(), Purged::default(), "before, not at the time");
    assert_eq!(store.purge(at(20), 10).await.unwrap(), Purged { requests: 1, machines: 2 });
    let store = harness.open();
    assert!(store.request(&acquire_id(1)).await.unwrap().is_none());
    assert!(store.request(&return_id(2)).await.unwrap().is_some(), "it is open");
    assert!(store.request(&acquire_id(3)).await.unwrap().is_some(), "it is younger");
    let left = store.machines(&[1, 2, 3, 4, 5].map(machine_id)).await.unwrap();
    assert_eq!(left.len(), 3, "one lives, one is waited for, one is younger");
}

pub(super) async fn purging_takes_bounded_steps_oldest_first(harness: &impl Harness) {
    let store = harness.open();
    for number in 1..=5 {
        let mut host = [samples::machine(number, None, MachineStatus::Terminated)];
        commit(&*store, vec![&mut samples::unsent(number)], &mut host, at(10 - i64::from(number))).await;
    }
    assert_eq!(store.purge(at(1000), 2).await.unwrap(), Purged { requests: 2, machines: 2 });
    let kept: Vec<bool> = {
        let store = harness.open();
        let mut kept = Vec::new();
        for number in 1..=5 {
            kept.push(store.request(&acquire_id(number)).await.unwrap().is_some());
        }
        kept
    };
    assert_eq!(kept, [true, true, true, false, false]);
    assert_eq!(store.purge(at(1000), 0).await.unwrap(), Purged::default());
    assert_eq!(store.purge(at(1000), 9).await.unwrap(), Purged { requests: 3, machines: 3 });
}

pub(super) async fn purging_keeps_a_request_as_long_as_one_of_its_machines(harness: &impl Harness) {
    let store = harness.open();
    let (mut request, mut hosts) = samples::settled(1);
    commit(&*store, vec![&mut request], &mut hosts, at(10)).await;
    assert_eq!(store.purge(at(1000), 10).await.unwrap(), Purged { requests: 0, machines: 1 });
    assert_eq!(harness.open().machines_of(&acquire_id(1)).await.unwrap().len(), 1);
    hosts[0].end_accepted(at(11), "returned");
    hosts[0].gone();
    commit(&*store, vec![], &mut hosts[..1], at(12)).await;
    assert_eq!(store.purge(at(1000), 10).await.unwrap(), Purged { requests: 1, machines: 1 });
    assert!(harness.open().request(&acquire_id(1)).await.unwrap().is_none());
}

pub(super) async fn purging_keeps_the_templates_that_are_named(harness: &impl Harness) {
    let store = harness.open();
    let template = samples::template();
    for (number, when) in [(1, at(1)), (2, at(5))] {
        let mut request = samples::unsent(number);
        let changes = Changes { template: Some(&template), requests: vec![&mut request], ..Changes::default() };
        store.commit(changes, when).await.unwrap();
    }
    assert_eq!(store.purge(at(3), 10).await.unwrap().requests, 1);
    assert!(harness.open().template(&template.digest()).await.unwrap().is_some());
    assert_eq!(store.purge(at(9), 10).await.unwrap().requests, 1);
    assert!(harness.open().template(&template.digest()).await.unwrap().is_none());
}

pub(super) async fn purging_keeps_events_and_their_numbers(harness: &impl Harness) {
    let store = harness.open();
    commit(&*store, vec![&mut samples::unsent(1)], &mut [], at(1)).await;
    let before = store.undelivered(usize::MAX).await.unwrap();
    store.purge(at(9), 10).await.unwrap();
    assert_eq!(harness.open().undelivered(usize::MAX).await.unwrap(), before);
    commit(&*store, vec![&mut samples::give_back(2)], &mut [], at(9)).await;
    let after = harness.open().undelivered(usize::MAX).await.unwrap();
    assert_eq!(after.last().unwrap().sequence, before.last().unwrap().sequence + 1);
}
