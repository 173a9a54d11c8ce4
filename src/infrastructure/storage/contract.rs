//! What every store keeps to, as one suite of tests that runs over each of them.

use std::sync::Arc;

use super::samples::{self, acquire_id, at, machine_id, return_id};
use crate::application::StorageError;
use crate::application::ports::{Admission, Changes, UnitOfWork};
use crate::domain::event::{DomainEvent, EventEnvelope};
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::request::{Request, RequestPolicy};
use crate::domain::{HostName, MachineId};

/// A place for a store, empty at first, that can be opened as by several processes.
pub(super) trait Harness: Default + Sync {
    fn open(&self) -> Arc<dyn UnitOfWork>;
}

/// Makes a module of tests for a [`Harness`].
macro_rules! store_contract {
    ($harness:ty) => {
        $crate::infrastructure::storage::contract::store_contract!($harness;
            what_was_never_stored_is_not_there,
            a_request_comes_back_as_it_was_stored,
            a_machine_comes_back_as_it_was_stored,
            a_template_comes_back_without_its_user_data,
            machines_of_a_request_are_ordered_by_id,
            machines_are_found_by_id_and_by_name_once_each,
            creating_what_exists_is_a_conflict,
            changing_what_does_not_exist_is_a_conflict,
            a_stale_version_is_a_conflict_and_the_first_write_stays,
            a_withdrawn_request_is_removed_and_its_events_stay,
            the_same_thing_twice_in_one_commit_is_a_conflict,
            a_conflict_in_the_second_aggregate_writes_nothing_at_all,
            aggregates_are_marked_committed_only_on_success,
            an_empty_commit_changes_nothing,
            committed_hosts_are_open_orders_and_held_machines_of_settled_requests,
            admission_holds_up_to_the_maximum_and_not_past_it,
            events_come_in_order_with_numbers_of_their_own,
            acknowledged_events_do_not_come_again,
            delivered_events_are_forgotten_after_their_retention_and_numbers_go_on,
            concurrent_commits_lose_nothing,
            hosts_that_are_added_meanwhile_are_read_whole,
            concurrent_admissions_never_pass_the_maximum,
        );
    };
    ($harness:ty; $($name:ident,)*) => {
        mod contract_tests {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                $crate::infrastructure::storage::contract::$name(&<$harness>::default()).await;
            })*
        }
    };
}
pub(super) use store_contract;

fn requests(request: &mut Request) -> Changes<'_> {
    Changes { requests: vec![request], ..Changes::default() }
}

fn machines(machines: &mut [Machine]) -> Changes<'_> {
    Changes { machines: machines.iter_mut().collect(), ..Changes::default() }
}

async fn commit(store: &dyn UnitOfWork, changes: Changes<'_>) {
    store.commit(changes, at(10)).await.unwrap();
}

async fn events(store: &dyn UnitOfWork) -> Vec<EventEnvelope> {
    store.undelivered(usize::MAX).await.unwrap()
}

fn is_conflict(result: Result<(), StorageError>, over: &str) -> bool {
    matches!(result.unwrap_err(), StorageError::Conflict { id } if id == over)
}

pub(super) async fn what_was_never_stored_is_not_there(harness: &impl Harness) {
    let store = harness.open();
    assert!(store.request(&acquire_id(1)).await.unwrap().is_none());
    assert!(store.machines_of(&acquire_id(1)).await.unwrap().is_empty());
    assert!(store.machines(&[machine_id(1)]).await.unwrap().is_empty());
    assert!(store.machines(&[]).await.unwrap().is_empty());
    assert!(store.machines_named(&["x".parse().unwrap()]).await.unwrap().is_empty());
    assert_eq!(store.committed_hosts(&samples::template_id()).await.unwrap(), 0);
    assert!(store.template(&samples::template().digest()).await.unwrap().is_none());
    assert!(events(&*store).await.is_empty());
    store.acknowledge(0).await.unwrap();
}

pub(super) async fn a_request_comes_back_as_it_was_stored(harness: &impl Harness) {
    let (settled, _) = samples::settled(3);
    for mut request in [samples::acquire(1, 10_000), samples::give_back(2), settled] {
        commit(&*harness.open(), requests(&mut request)).await;
        let stored = harness.open().request(request.id()).await.unwrap().unwrap();
        assert_eq!(stored.snapshot(), request.snapshot());
        assert!(stored.pending_events().is_empty());
    }
}

pub(super) async fn a_machine_comes_back_as_it_was_stored(harness: &impl Harness) {
    let mut stored: Vec<Machine> =
        (1_u32..).zip(MachineStatus::ALL).map(|(n, s)| samples::machine(n, Some(1), s)).collect();
    stored[0].miss(at(2).into());
    stored[1].end_accepted(at(3), "returned");
    stored[1].join_return(&return_id(9));
    commit(&*harness.open(), machines(&mut stored)).await;
    let found = harness.open().machines_of(&acquire_id(1)).await.unwrap();
    assert_eq!(found.len(), 6);
    for (found, stored) in found.iter().zip(&stored) {
        assert_eq!(found.snapshot(), stored.snapshot());
    }
    let sighting = sighting_of(&stored[0], MachineStatus::Running);
    stored[0].see(&sighting);
    commit(&*harness.open(), machines(&mut stored[..1])).await;
    assert_eq!(harness.open().machines(&[machine_id(1)]).await.unwrap()[0].snapshot(), stored[0].snapshot());
}

fn sighting_of(machine: &Machine, status: MachineStatus) -> crate::domain::machine::Sighting {
    let kept = machine.snapshot();
    crate::domain::machine::Sighting {
        id: kept.id.clone(),
        status,
        name: kept.name.clone(),
        private_ip: kept.private_ip.clone(),
        public_ip: None,
        launched_at: None,
        instance_type: None,
        price_type: kept.price_type,
        zone: None,
        tags: String::new(),
        reason: None,
        owner: None,
        request: None,
        template: None,
        resource: None,
        api: None,
    }
}

pub(super) async fn a_template_comes_back_without_its_user_data(harness: &impl Harness) {
    let template = samples::template();
    let mut request = samples::acquire(1, 1);
    commit(&*harness.open(), Changes { template: Some(&template), ..requests(&mut request) }).await;
    let kept = harness.open().template(&template.digest()).await.unwrap().unwrap();
    assert_eq!(kept, template);
    assert_eq!(kept.digest(), template.digest());
    assert_eq!(kept.launch().user_data.as_ref().unwrap().text(), None);
    let created = |events: &[EventEnvelope]| {
        events.iter().filter(|envelope| matches!(envelope.event, DomainEvent::Template(_))).count()
    };
    assert_eq!(created(&events(&*harness.open()).await), 1);
    commit(&*harness.open(), Changes { template: Some(&template), ..Changes::default() }).await;
    assert_eq!(created(&events(&*harness.open()).await), 1);
}

pub(super) async fn machines_of_a_request_are_ordered_by_id(harness: &impl Harness) {
    let mut all: Vec<Machine> = [7, 3, 5, 1].map(|n| samples::machine(n, Some(1), MachineStatus::Running)).into();
    all.push(samples::machine(2, Some(2), MachineStatus::Running));
    all.push(samples::machine(4, None, MachineStatus::Running));
    commit(&*harness.open(), machines(&mut all)).await;
    let found = harness.open().machines_of(&acquire_id(1)).await.unwrap();
    let ids: Vec<MachineId> = found.iter().map(|machine| machine.id().clone()).collect();
    assert_eq!(ids, [1, 3, 5, 7].map(machine_id));
}

pub(super) async fn machines_are_found_by_id_and_by_name_once_each(harness: &impl Harness) {
    let mut all: Vec<Machine> = (1..5)
        .map(|n| samples::machine(n, None, if n == 2 { MachineStatus::Terminated } else { MachineStatus::Running }))
        .collect();
    commit(&*harness.open(), machines(&mut all)).await;
    let store = harness.open();
    let found = store.machines(&[3, 1, 9, 3].map(machine_id)).await.unwrap();
    assert_eq!(found.len(), 2);
    let names: Vec<HostName> = [2, 4, 9, 2].map(|n| format!("ip-{n}.example").parse().unwrap()).into();
    let mut ids: Vec<_> = store.machines_named(&names).await.unwrap().iter().map(|m| m.id().clone()).collect();
    ids.sort();
    assert_eq!(ids, [2, 4].map(machine_id));
}

pub(super) async fn creating_what_exists_is_a_conflict(harness: &impl Harness) {
    let store = harness.open();
    commit(&*store, requests(&mut samples::give_back(1))).await;
    let again = store.commit(requests(&mut samples::give_back(1)), at(11)).await;
    assert!(is_conflict(again, return_id(1).as_str()));
    let mut host = [samples::machine(1, None, MachineStatus::Pending)];
    commit(&*store, machines(&mut host)).await;
    let again = store.commit(machines(&mut [samples::machine(1, None, MachineStatus::Running)]), at(11)).await;
    assert!(is_conflict(again, machine_id(1).as_str()));
}

pub(super) async fn changing_what_does_not_exist_is_a_conflict(harness: &impl Harness) {
    let mut request = samples::give_back(1);
    request.mark_committed(at(0));
    let mut host = [samples::machine(1, None, MachineStatus::Pending)];
    host[0].mark_committed(at(0));
    let store = harness.open();
    assert!(is_conflict(store.commit(requests(&mut request), at(1)).await, return_id(1).as_str()));
    assert!(is_conflict(store.commit(machines(&mut host), at(1)).await, machine_id(1).as_str()));
    assert!(store.request(&return_id(1)).await.unwrap().is_none());
}

pub(super) async fn a_stale_version_is_a_conflict_and_the_first_write_stays(harness: &impl Harness) {
    let (one, other) = (harness.open(), harness.open());
    commit(&*one, requests(&mut samples::give_back(1))).await;
    let mut first = one.request(&return_id(1)).await.unwrap().unwrap();
    let mut second = other.request(&return_id(1)).await.unwrap().unwrap();
    first.open_items_mut()[0].problem = Some("first".to_owned());
    second.open_items_mut()[0].problem = Some("second".to_owned());
    commit(&*one, requests(&mut first)).await;
    assert!(is_conflict(other.commit(requests(&mut second), at(11)).await, return_id(1).as_str()));
    let stored = other.request(&return_id(1)).await.unwrap().unwrap();
    assert_eq!(stored.snapshot(), first.snapshot());
    assert_eq!(stored.snapshot().version.number(), 2);
}

pub(super) async fn a_withdrawn_request_is_removed_and_its_events_stay(harness: &impl Harness) {
    let store = harness.open();
    let mut request = samples::unsent(1);
    let id = request.id().clone();
    commit(&*store, Changes { requests: vec![&mut request], ..Changes::default() }).await;
    let mut stale = store.request(&id).await.unwrap().unwrap();
    request.withdraw();
    assert!(request.is_withdrawn());
    commit(&*store, Changes { requests: vec![&mut request], ..Changes::default() }).await;
    assert!(store.request(&id).await.unwrap().is_none());
    assert!(events(&*store).await.len() >= 2);
    stale.withdraw();
    let again = Changes { requests: vec![&mut stale], ..Changes::default() };
    assert!(matches!(store.commit(again, at(9)).await, Err(StorageError::Conflict { .. })));
}

pub(super) async fn the_same_thing_twice_in_one_commit_is_a_conflict(harness: &impl Harness) {
    let store = harness.open();
    let mut twice = [1, 1].map(|n| samples::machine(n, None, MachineStatus::Pending));
    assert!(is_conflict(store.commit(machines(&mut twice), at(1)).await, machine_id(1).as_str()));
    assert!(store.machines(&[machine_id(1)]).await.unwrap().is_empty());
}

pub(super) async fn a_conflict_in_the_second_aggregate_writes_nothing_at_all(harness: &impl Harness) {
    let store = harness.open();
    commit(&*store, machines(&mut [samples::machine(1, None, MachineStatus::Pending)])).await;
    let before = events(&*store).await;
    let template = samples::template();
    let mut request = samples::acquire(5, 1);
    let mut hosts = [2, 1].map(|n| samples::machine(n, Some(5), MachineStatus::Running));
    let changes = Changes { template: Some(&template), requests: vec![&mut request], ..machines(&mut hosts) };
    assert!(is_conflict(store.commit(changes, at(11)).await, machine_id(1).as_str()));
    let store = harness.open();
    assert!(store.request(&acquire_id(5)).await.unwrap().is_none());
    assert!(store.machines_of(&acquire_id(5)).await.unwrap().is_empty());
    assert!(store.template(&template.digest()).await.unwrap().is_none());
    assert_eq!(events(&*store).await, before);
    commit(&*store, requests(&mut samples::give_back(1))).await;
    assert_eq!(events(&*store).await.last().unwrap().sequence, before.last().unwrap().sequence + 1);
}

pub(super) async fn aggregates_are_marked_committed_only_on_success(harness: &impl Harness) {
    let store = harness.open();
    let mut request = samples::give_back(1);
    let mut hosts = [samples::machine(1, None, MachineStatus::Running)];
    let changes = Changes { requests: vec![&mut request], ..machines(&mut hosts) };
    store.commit(changes, at(1)).await.unwrap();
    assert!(request.pending_events().is_empty() && hosts[0].pending_events().is_empty());
    assert_eq!((request.snapshot().version.number(), hosts[0].snapshot().version.number()), (1, 1));
    let (mut new, mut stale) = (samples::give_back(2), samples::give_back(1));
    let changes = Changes { requests: vec![&mut new, &mut stale], ..Changes::default() };
    store.commit(changes, at(1)).await.unwrap_err();
    assert!(new.snapshot().version.is_new() && stale.snapshot().version.is_new());
    assert_eq!((new.pending_events().len(), stale.pending_events().len()), (1, 1));
    commit(&*store, requests(&mut new)).await;
}

pub(super) async fn an_empty_commit_changes_nothing(harness: &impl Harness) {
    let store = harness.open();
    commit(&*store, Changes::default()).await;
    assert!(events(&*store).await.is_empty());
}

pub(super) async fn committed_hosts_are_open_orders_and_held_machines_of_settled_requests(harness: &impl Harness) {
    let store = harness.open();
    let count = async || store.committed_hosts(&samples::template_id()).await.unwrap();
    // An open order counts whole, and its hosts do not count again.
    let mut open = samples::acquire(1, 5);
    let mut hosts = vec![samples::machine(1, Some(1), MachineStatus::Running)];
    commit(&*store, Changes { requests: vec![&mut open], ..machines(&mut hosts) }).await;
    assert_eq!(count().await, 5);
    // A settled one counts by its live hosts: one of two.
    let (mut settled, mut hosts) = samples::settled(2);
    commit(&*store, Changes { requests: vec![&mut settled], ..machines(&mut hosts) }).await;
    assert_eq!(count().await, 6);
    // Neither do returns count, nor hosts that Host Factory named, nor hosts of another template.
    let mut others = vec![samples::machine(3, None, MachineStatus::Running)];
    commit(&*store, Changes { requests: vec![&mut samples::give_back(1)], ..machines(&mut others) }).await;
    assert_eq!(count().await, 6);
    assert_eq!(store.committed_hosts(&"Template-2".parse().unwrap()).await.unwrap(), 0);
    // A host whose request is not kept is paid for all the same.
    commit(&*store, machines(&mut [samples::machine(4, Some(99), MachineStatus::Stopped)])).await;
    assert_eq!(count().await, 7);
    // A host that was asked to end no longer counts.
    hosts[0].end_accepted(at(20), "returned");
    commit(&*store, machines(&mut hosts[..1])).await;
    assert_eq!(count().await, 6);
    // Settling the open order leaves its one live host.
    let only = store.machines_of(&acquire_id(1)).await.unwrap();
    assert!(
        open.plan_attempts(&"grid-1".parse().unwrap(), at(1).into()) > 0
            && open.attempt_launched(1, 5, None, Vec::new())
    );
    assert!(open.settle(&only, &RequestPolicy::default(), at(100_000).into()).unwrap());
    commit(&*store, requests(&mut open)).await;
    assert_eq!(count().await, 2);
}

pub(super) async fn admission_holds_up_to_the_maximum_and_not_past_it(harness: &impl Harness) {
    let store = harness.open();
    let admission = |adding| Some(Admission { template: samples::template_id(), adding, maximum: 10 });
    let admitted = async |number, wanted| {
        let mut request = samples::acquire(number, wanted);
        let changes = Changes { admission: admission(wanted), ..requests(&mut request) };
        store.commit(changes, at(1)).await
    };
    admitted(1, 6).await.unwrap();
    match admitted(2, 5).await.unwrap_err() {
        StorageError::OverMaximum { committed, maximum } => assert_eq!((committed, maximum), (6, 10)),
        other => panic!("{other}"),
    }
    assert!(store.request(&acquire_id(2)).await.unwrap().is_none());
    assert_eq!(events(&*store).await.len(), 1);
    admitted(2, 4).await.unwrap();
    admitted(3, 1).await.unwrap_err();
}

pub(super) async fn events_come_in_order_with_numbers_of_their_own(harness: &impl Harness) {
    let store = harness.open();
    let template = samples::template();
    let mut request = samples::acquire(1, 1);
    assert_eq!(request.plan_attempts(&"grid-1".parse().unwrap(), at(1).into()), 1);
    let mut hosts = [1, 2].map(|n| samples::machine(n, Some(1), MachineStatus::Pending));
    let changes = Changes { template: Some(&template), requests: vec![&mut request], ..machines(&mut hosts) };
    let expected = changes.envelopes(1, at(7), true);
    assert_eq!(expected.len(), 5);
    store.commit(changes, at(7)).await.unwrap();
    assert_eq!(events(&*harness.open()).await, expected);
    commit(&*harness.open(), requests(&mut samples::give_back(1))).await;
    let all = events(&*store).await;
    assert_eq!(all.iter().map(|event| event.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(store.undelivered(2).await.unwrap(), all[..2]);
}

pub(super) async fn acknowledged_events_do_not_come_again(harness: &impl Harness) {
    let store = harness.open();
    for number in 1..=3 {
        commit(&*store, requests(&mut samples::give_back(number))).await;
    }
    store.acknowledge(2).await.unwrap();
    let left: Vec<u64> = events(&*harness.open()).await.iter().map(|event| event.sequence).collect();
    assert_eq!(left, [3]);
    store.acknowledge(3).await.unwrap();
    assert!(events(&*harness.open()).await.is_empty());
    commit(&*harness.open(), requests(&mut samples::give_back(4))).await;
    assert_eq!(events(&*store).await.len(), 1);
}

pub(super) async fn delivered_events_are_forgotten_after_their_retention_and_numbers_go_on(harness: &impl Harness) {
    let store = harness.open();
    for number in 1..=3 {
        store.commit(requests(&mut samples::give_back(number)), at(0)).await.unwrap();
    }
    store.acknowledge(2).await.unwrap();
    store.commit(requests(&mut samples::give_back(4)), at(1_000_000)).await.unwrap();
    // The third is as old as the others and was not delivered.
    let left: Vec<u64> = events(&*harness.open()).await.iter().map(|event| event.sequence).collect();
    assert_eq!(left, [3, 4]);
    store.acknowledge(4).await.unwrap();
    store.commit(requests(&mut samples::give_back(5)), at(2_000_000)).await.unwrap();
    assert_eq!(events(&*harness.open()).await[0].sequence, 5);
}

pub(super) async fn concurrent_commits_lose_nothing(harness: &impl Harness) {
    const THREADS: u32 = 8;
    const EACH: u32 = 8;
    commit(&*harness.open(), machines(&mut [samples::machine(1, None, MachineStatus::Running)])).await;
    in_threads(THREADS, |thread| async move {
        let store = harness.open();
        for turn in 0..EACH {
            commit(&*store, requests(&mut samples::give_back(1 + thread * EACH + turn))).await;
            loop {
                let mut host = store.machines(&[machine_id(1)]).await.unwrap();
                host[0].miss(at(1).into());
                match store.commit(machines(&mut host), at(1)).await {
                    Ok(()) => break,
                    Err(StorageError::Conflict { .. }) => tokio::task::yield_now().await,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    });
    let store = harness.open();
    for number in 1..=THREADS * EACH {
        assert!(store.request(&return_id(number)).await.unwrap().is_some(), "{number}");
    }
    let host = &store.machines(&[machine_id(1)]).await.unwrap()[0];
    assert_eq!(host.snapshot().version.number(), u64::from(1 + THREADS * EACH));
    assert_eq!(host.snapshot().unseen.unwrap().times, THREADS * EACH);
    let sequences: Vec<u64> = events(&*store).await.iter().map(|event| event.sequence).collect();
    let expected = 1..=sequences.len() as u64;
    assert_eq!(sequences, expected.collect::<Vec<_>>());
    assert!(sequences.len() >= (THREADS * EACH) as usize);
}

pub(super) async fn hosts_that_are_added_meanwhile_are_read_whole(harness: &impl Harness) {
    const HOSTS: u32 = 100;
    commit(&*harness.open(), requests(&mut samples::acquire(1, HOSTS))).await;
    in_threads(2, |thread| async move {
        let store = harness.open();
        if thread == 0 {
            for pair in 0..HOSTS / 2 {
                let mut hosts = [1, 2].map(|n| samples::machine(2 * pair + n, Some(1), MachineStatus::Running));
                commit(&*store, machines(&mut hosts)).await;
            }
        } else {
            let mut found = 0;
            while found < HOSTS as usize {
                found = store.machines_of(&acquire_id(1)).await.unwrap().len();
                assert_eq!(found % 2, 0);
            }
        }
    });
}

pub(super) async fn concurrent_admissions_never_pass_the_maximum(harness: &impl Harness) {
    commit(&*harness.open(), requests(&mut samples::give_back(1))).await;
    in_threads(8, |thread| async move {
        let admission = Some(Admission { template: samples::template_id(), adding: 2, maximum: 7 });
        let mut request = samples::acquire(1 + thread, 2);
        match harness.open().commit(Changes { admission, ..requests(&mut request) }, at(1)).await {
            Ok(()) | Err(StorageError::OverMaximum { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    });
    assert_eq!(harness.open().committed_hosts(&samples::template_id()).await.unwrap(), 6);
}

/// Runs `work` in so many threads at once, each with a runtime of its own, as a process has.
pub(super) fn in_threads<F: Future<Output = ()>>(threads: u32, work: impl Fn(u32) -> F + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let work = &work;
            scope.spawn(move || {
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work(thread));
            });
        }
    });
}
