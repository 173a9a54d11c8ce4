//! What every store's lists keep to, as one suite of tests that runs over each of them.

use std::collections::BTreeMap;

use super::contract::Harness;
use super::samples::{self, acquire_id, at, machine_id, return_id};
use crate::application::ports::{
    Census, Changes, EventFilter, MachineFilter, MachineSort, Purpose, RequestFilter, RequestSort, RequestSummary,
    UnitOfWork,
};
use crate::domain::event::{DomainEvent, TemplateEvent};
use crate::domain::machine::MachineStatus;
use crate::domain::request::{Request, RequestStatus};
use crate::domain::{Digest, RequestId, RequestKind};

/// Makes a module of tests for a [`Harness`].
macro_rules! lists_contract {
    ($harness:ty) => {
        $crate::infrastructure::storage::lists_contract::lists_contract!($harness;
            an_empty_store_lists_nothing,
            requests_are_filtered_and_ordered,
            a_list_says_of_a_request_what_the_request_itself_says,
            machines_are_filtered_and_ordered,
            events_are_filtered_and_the_newest_are_kept,
            what_is_asked_for_is_never_part_of_a_statement,
            facts_about_the_template_file_are_events_and_nothing_else,
            a_census_counts_everything_that_is_kept,
            events_are_read_on_from_any_place_whether_delivered_or_not,
        );
    };
    ($harness:ty; $($name:ident,)*) => {
        mod lists_contract_tests {
            use super::*;
            $(#[tokio::test]
            async fn $name() {
                $crate::infrastructure::storage::lists_contract::$name(&<$harness>::default()).await;
            })*
        }
    };
}
pub(super) use lists_contract;

const ALL: usize = 100;

/// Two settled requests with hosts, one that failed, an open one and a return, each committed a minute after the other.
async fn fill(store: &dyn UnitOfWork) {
    for number in [1, 2] {
        let (mut request, mut machines) = samples::settled(number);
        let changes =
            Changes { requests: vec![&mut request], machines: machines.iter_mut().collect(), ..Changes::default() };
        store.commit(changes, at(i64::from(number) * 60)).await.unwrap();
    }
    let others: [Request; 3] = [samples::unsent(3), samples::acquire(4, 2), samples::give_back(5)];
    for (minute, mut request) in (3..).zip(others) {
        let changes = Changes { requests: vec![&mut request], ..Changes::default() };
        store.commit(changes, at(minute * 60)).await.unwrap();
    }
}

async fn requests(store: &dyn UnitOfWork, filter: RequestFilter) -> Vec<RequestId> {
    let found = store.list_requests(&filter).await.unwrap();
    found.into_iter().map(|request| request.id).collect()
}

pub(super) async fn an_empty_store_lists_nothing(harness: &impl Harness) {
    let store = harness.open();
    assert!(store.list_requests(&RequestFilter { limit: ALL, ..RequestFilter::default() }).await.unwrap().is_empty());
    assert!(store.list_machines(&MachineFilter { limit: ALL, ..MachineFilter::default() }).await.unwrap().is_empty());
    assert!(store.list_events(&EventFilter { limit: ALL, ..EventFilter::default() }).await.unwrap().is_empty());
}

pub(super) async fn requests_are_filtered_and_ordered(harness: &impl Harness) {
    fill(&*harness.open()).await;
    // Another process, which has nothing of it in memory.
    let store = &*harness.open();
    let all = || RequestFilter { limit: ALL, sort: RequestSort::Changed, ..RequestFilter::default() };
    let (one, two, three, four, five) = (acquire_id(1), acquire_id(2), acquire_id(3), acquire_id(4), return_id(5));
    let ids = |ids: &[&RequestId]| ids.iter().map(|id| (*id).clone()).collect::<Vec<_>>();
    assert_eq!(requests(store, all()).await, ids(&[&five, &four, &three, &two, &one]));
    let reversed = RequestFilter { reversed: true, limit: 2, ..all() };
    assert_eq!(requests(store, reversed).await, ids(&[&one, &two]));
    let running = RequestFilter { statuses: vec![RequestStatus::Running], ..all() };
    assert_eq!(requests(store, running).await, ids(&[&five, &four]));
    let both = vec![RequestStatus::Running, RequestStatus::CompleteWithError];
    assert_eq!(requests(store, RequestFilter { statuses: both, ..all() }).await, ids(&[&five, &four, &three]));
    let complete = RequestFilter { statuses: vec![RequestStatus::Complete], ..all() };
    assert_eq!(requests(store, complete).await, ids(&[&two, &one]));
    let returns = RequestFilter { kind: Some(RequestKind::Return), ..all() };
    assert_eq!(requests(store, returns).await, ids(&[&five]));
    let of_template = RequestFilter { template: Some(samples::template_id()), ..all() };
    assert_eq!(requests(store, of_template).await, ids(&[&four, &three, &two, &one]));
    let since = RequestFilter { changed_since: Some(at(240)), ..all() };
    assert_eq!(requests(store, since).await, ids(&[&five, &four]));
    for (sort, expected) in [
        (RequestSort::Id, [&one, &two, &three, &four, &five]),
        (RequestSort::Created, [&one, &two, &three, &four, &five]),
        (RequestSort::Status, [&one, &two, &three, &four, &five]),
        (RequestSort::Template, [&five, &one, &two, &three, &four]),
    ] {
        assert_eq!(requests(store, RequestFilter { sort, ..all() }).await, ids(&expected), "{sort:?}");
    }
}

pub(super) async fn a_list_says_of_a_request_what_the_request_itself_says(harness: &impl Harness) {
    let store = harness.open();
    fill(store.as_ref()).await;
    let mut brought = Vec::new();
    for summary in store.list_requests(&RequestFilter { limit: ALL, ..RequestFilter::default() }).await.unwrap() {
        let request = store.request(&summary.id).await.unwrap().unwrap();
        assert_eq!(summary, RequestSummary::from(request.snapshot()));
        if let Purpose::Acquire { launched, usable, .. } = summary.purpose {
            brought.push((launched, usable));
        }
    }
    brought.sort_unstable();
    assert_eq!(brought, [(0, None), (0, Some(0)), (2, Some(1)), (2, Some(1))]);
}

pub(super) async fn machines_are_filtered_and_ordered(harness: &impl Harness) {
    fill(&*harness.open()).await;
    // Another process, which has nothing of it in memory.
    let store = &*harness.open();
    let all = || MachineFilter { limit: ALL, ..MachineFilter::default() };
    let found = async |filter: MachineFilter| {
        let found = store.list_machines(&filter).await.unwrap();
        found.iter().map(|machine| machine.id().clone()).collect::<Vec<_>>()
    };
    let ids = |numbers: &[u32]| numbers.iter().map(|number| machine_id(*number)).collect::<Vec<_>>();
    assert_eq!(found(all()).await, ids(&[200, 201, 100, 101]), "what changed last comes first");
    assert_eq!(found(MachineFilter { limit: 1, reversed: true, ..all() }).await, ids(&[100]));
    let ended = MachineFilter { statuses: vec![MachineStatus::Terminated], ..all() };
    assert_eq!(found(ended).await, ids(&[201, 101]));
    assert_eq!(found(MachineFilter { only_held: true, ..all() }).await, ids(&[200, 100]));
    assert_eq!(found(MachineFilter { request: Some(acquire_id(1)), ..all() }).await, ids(&[100, 101]));
    assert_eq!(found(MachineFilter { request: Some(return_id(1)), ..all() }).await, ids(&[]));
    assert_eq!(found(MachineFilter { template: Some("Other".parse().unwrap()), ..all() }).await, ids(&[]));
    assert_eq!(found(MachineFilter { changed_since: Some(at(120)), ..all() }).await, ids(&[200, 201]));
    for (sort, expected) in [
        (MachineSort::Id, [100, 101, 200, 201]),
        (MachineSort::Launched, [100, 101, 200, 201]),
        (MachineSort::Name, [100, 101, 200, 201]),
        (MachineSort::Template, [100, 101, 200, 201]),
        (MachineSort::Status, [100, 200, 101, 201]),
        (MachineSort::Request, [100, 101, 200, 201]),
    ] {
        assert_eq!(found(MachineFilter { sort, ..all() }).await, ids(&expected), "{sort:?}");
    }
    let [mut returned] = store.machines(&[machine_id(100)]).await.unwrap().try_into().unwrap();
    returned.join_return(&return_id(9));
    store.commit(Changes { machines: vec![&mut returned], ..Changes::default() }, at(900)).await.unwrap();
    assert_eq!(found(MachineFilter { request: Some(return_id(9)), ..all() }).await, ids(&[100]));
}

pub(super) async fn events_are_filtered_and_the_newest_are_kept(harness: &impl Harness) {
    fill(&*harness.open()).await;
    // Another process, which has nothing of it in memory.
    let store = &*harness.open();
    let all = || EventFilter { limit: ALL, ..EventFilter::default() };
    let found = async |filter: EventFilter| store.list_events(&filter).await.unwrap();
    let every = store.undelivered(usize::MAX).await.unwrap();
    assert_eq!(found(all()).await, every);
    let newest = found(EventFilter { limit: 2, ..all() }).await;
    assert_eq!(newest, every[every.len() - 2..]);
    assert_eq!(found(EventFilter { after: newest[0].sequence, ..all() }).await, newest[1..]);
    let created = found(EventFilter { names: vec!["MachineCreated".to_owned()], ..all() }).await;
    assert_eq!(created.len(), 4);
    let told = found(EventFilter { requests: vec![acquire_id(1)], machines: vec![machine_id(101)], ..all() }).await;
    assert!(told.len() > 2);
    for event in &told {
        let facts = event.event.facts();
        assert!(facts.request == Some(&acquire_id(1)) || facts.machine == Some(&machine_id(101)), "{event:?}");
    }
    assert!(told.iter().any(|event| event.event.facts().machine == Some(&machine_id(101))));
    let late = found(EventFilter { since: Some(at(300)), ..all() }).await;
    assert!(!late.is_empty() && late.iter().all(|event| event.at >= at(300)));
}

pub(super) async fn what_is_asked_for_is_never_part_of_a_statement(harness: &impl Harness) {
    fill(&*harness.open()).await;
    // Another process, which has nothing of it in memory.
    let store = &*harness.open();
    let names = vec!["'); DROP TABLE events; --".to_owned()];
    assert!(store.list_events(&EventFilter { names, limit: ALL, ..EventFilter::default() }).await.unwrap().is_empty());
    assert!(!store.list_events(&EventFilter { limit: ALL, ..EventFilter::default() }).await.unwrap().is_empty());
}

pub(super) async fn facts_about_the_template_file_are_events_and_nothing_else(harness: &impl Harness) {
    let (store, template) = (harness.open(), samples::template());
    let (template_id, digest) = (template.id().clone(), template.digest());
    let facts = vec![
        TemplateEvent::TemplateCreated { template_id: template_id.clone(), digest: digest.clone() },
        TemplateEvent::TemplateUpdated {
            template_id: template_id.clone(),
            former: digest.clone(),
            digest: Digest::of(&["new"]),
        },
        TemplateEvent::TemplateDeleted { template_id, former: digest.clone() },
    ];
    for fact in &facts {
        let changes = Changes { template_facts: vec![fact.clone()], ..Changes::default() };
        store.commit(changes, at(0)).await.unwrap();
    }
    let waiting = harness.open().undelivered(ALL).await.unwrap();
    let events: Vec<DomainEvent> = facts.into_iter().map(DomainEvent::Template).collect();
    assert_eq!(waiting.iter().map(|event| event.event.clone()).collect::<Vec<_>>(), events);
    let named = EventFilter { names: vec!["TemplateUpdated".to_owned()], limit: ALL, ..EventFilter::default() };
    assert_eq!(harness.open().list_events(&named).await.unwrap(), [waiting[1].clone()]);
    assert!(store.template(&digest).await.unwrap().is_none());
}

pub(super) async fn a_census_counts_everything_that_is_kept(harness: &impl Harness) {
    let store = &*harness.open();
    assert_eq!(store.census().await.unwrap(), Census::default());
    fill(store).await;
    let census = store.census().await.unwrap();
    let everything = RequestFilter { limit: ALL, ..RequestFilter::default() };
    let mut requests = BTreeMap::new();
    for request in store.list_requests(&everything).await.unwrap() {
        let template = request.template().map(ToString::to_string).unwrap_or_default();
        let kind = request.id.as_str()[..3].to_owned();
        *requests.entry((kind, request.status.word().to_owned(), template)).or_default() += 1;
    }
    assert!(requests.len() > 2, "{requests:?}");
    assert_eq!(census.requests, requests);
    let mut machines = BTreeMap::new();
    for machine in store.list_machines(&MachineFilter { limit: ALL, ..MachineFilter::default() }).await.unwrap() {
        let template = machine.snapshot().template_id.as_ref().map(ToString::to_string).unwrap_or_default();
        *machines.entry((machine.status().word().to_owned(), template)).or_default() += 1;
    }
    assert!(!machines.is_empty());
    assert_eq!(census.machines, machines);
}

pub(super) async fn events_are_read_on_from_any_place_whether_delivered_or_not(harness: &impl Harness) {
    let store = &*harness.open();
    assert!(store.events_after(0, ALL).await.unwrap().is_empty());
    assert_eq!(store.last_sequence().await.unwrap(), 0);
    fill(store).await;
    let every = store.undelivered(usize::MAX).await.unwrap();
    store.acknowledge(every[every.len() - 1].sequence).await.unwrap();
    assert_eq!(store.last_sequence().await.unwrap(), every[every.len() - 1].sequence);
    assert_eq!(store.events_after(0, 2).await.unwrap(), every[..2]);
    assert_eq!(store.events_after(every[1].sequence, usize::MAX).await.unwrap(), every[2..]);
    assert!(store.events_after(u64::MAX, ALL).await.unwrap().is_empty());
}
