//! What becomes of what killed processes left, whoever calls next.

use super::*;
use crate::application::commands::HostRef;
use crate::application::ports::{Changes, MachineRepository, RequestRepository, UnitOfWork};
use crate::application::queries::HostResult;
use crate::application::testing::{Fate, World};
use crate::domain::machine::MachineStatus;
use crate::domain::request::RequestStatus;

pub(super) const MINUTE: i64 = 60;

pub(super) async fn pass_by(world: &World) -> ReconcileReport {
    let command = Reconcile::InPassing { except: Vec::new() };
    ReconcileHandler::new(world.engine()).handle(command).await.unwrap()
}

pub(super) async fn reconcile(world: &World) -> ReconcileReport {
    ReconcileHandler::new(world.engine()).handle(Reconcile::Whole).await.unwrap()
}

pub(super) async fn dry_run(world: &World) -> ReconcileReport {
    ReconcileHandler::new(world.engine()).handle(Reconcile::DryRun).await.unwrap()
}

/// Lets time pass as it does while Host Factory polls.
pub(super) async fn watched(world: &World, minutes: i64) {
    for _ in 0..minutes {
        world.clock.pass(MINUTE);
        world.engine().watch().await;
    }
}

#[tokio::test]
async fn row_03_what_a_killed_process_launched_is_taken_in_by_the_next_call_of_any_kind() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(3).await.unwrap();
    assert_eq!(pass_by(&world).await, ReconcileReport::default(), "nothing is due yet");
    world.clock.pass(MINUTE);
    let report = pass_by(&world).await;
    assert_eq!(report.recovered.brought_forward, std::slice::from_ref(&id));
    assert_eq!(world.store.request(&id).await.unwrap().unwrap().as_acquire().unwrap().claimed(), 3);
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (3, 2), "the same token, one effect");
    assert_eq!(pass_by(&world).await, ReconcileReport::default(), "once a minute");
}

#[tokio::test]
async fn what_the_call_itself_saw_to_is_left_out_and_a_doubt_is_reported() {
    let world = World::new();
    let (one, two) = (world.request(1).await.unwrap(), world.request(1).await.unwrap());
    pass_by(&world).await;
    world.clock.pass(MINUTE);
    world.cloud.state().blind = Some(crate::domain::FailureClass::Throttle);
    let command = Reconcile::InPassing { except: vec![one] };
    let report = ReconcileHandler::new(world.engine()).handle(command).await.unwrap();
    assert_eq!(report.recovered.brought_forward, std::slice::from_ref(&two));
    assert!(report.recovered.unconfirmed.contains_key(&two));
}

#[tokio::test]
async fn row_04_a_request_that_nobody_asks_about_is_given_up_after_an_hour_and_its_hosts_are_ended() {
    for settled in [true, false] {
        let world = World::new();
        let id = world.request(3).await.unwrap();
        if settled {
            world.cloud.boot();
            reconcile(&world).await;
            assert_eq!(world.store.request(&id).await.unwrap().unwrap().status(), RequestStatus::Complete);
        }
        watched(&world, 59).await;
        world.cloud.boot();
        assert!(reconcile(&world).await.recovered.given_up.is_empty());
        assert_eq!(world.cloud.live(), 3);
        watched(&world, 2).await;
        assert_eq!(dry_run(&world).await.recovered.given_up[&id].len(), 3);
        assert_eq!(world.cloud.live(), 3, "a dry run ends nothing");
        assert_eq!(reconcile(&world).await.recovered.given_up[&id].len(), 3);
        assert_eq!(world.cloud.live(), 0);
        let late = world.poll(&id).await;
        assert_eq!(late.status, RequestStatus::CompleteWithError);
        assert!(late.message.contains("nobody asked"), "{}", late.message);
        assert!(late.hosts.iter().all(|host| host.result == crate::application::queries::HostResult::Fail));
        assert!(reconcile(&world).await.recovered.given_up.is_empty(), "once");
    }
}

#[tokio::test]
async fn a_request_that_host_factory_knows_is_never_given_up() {
    let world = World::new();
    let (asked, _) = world.running(1).await;
    let silent = world.request(1).await.unwrap();
    world.cloud.boot();
    reconcile(&world).await;
    let machines = world.store.machines_of(&silent).await.unwrap();
    let held: Vec<_> = machines.iter().map(|m| HostRef { id: Some(m.id().clone()), name: None }).collect();
    world.lost(&held).await;
    watched(&world, 600).await;
    assert!(reconcile(&world).await.recovered.given_up.is_empty());
    assert_eq!(world.cloud.live(), 2);
    assert!(world.store.request(&asked).await.unwrap().unwrap().is_claimed());
}

#[tokio::test]
async fn a_request_with_an_outcome_that_is_not_known_is_not_given_up_before_it_is() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(2).await.unwrap();
    world.cloud.state().blind = Some(crate::domain::FailureClass::Server);
    for _ in 0..20 {
        world.cloud.fate(Fate::Fails(crate::domain::FailureClass::Server));
    }
    watched(&world, 70).await;
    assert!(reconcile(&world).await.recovered.given_up.is_empty());
    world.cloud.state().blind = None;
    world.cloud.state().fates.clear();
    for _ in 0..3 {
        reconcile(&world).await;
        watched(&world, 1).await;
    }
    assert_eq!(world.cloud.live(), 0);
    assert_eq!(world.view(&id).await.status, RequestStatus::CompleteWithError);
}

#[tokio::test]
async fn row_41_a_clock_that_jumps_a_day_ends_no_host_and_gives_nothing_up() {
    let world = World::new();
    let pending = world.request(2).await.unwrap();
    let silent = world.request(2).await.unwrap();
    world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1"));
    reconcile(&world).await;
    world.clock.pass(30);
    world.poll(&pending).await;
    world.clock.pass(86_400);
    assert_eq!(world.poll(&pending).await.status, RequestStatus::Running);
    let report = reconcile(&world).await;
    assert!(report.recovered.given_up.is_empty());
    assert!(report.orphans.values().all(|orphan| matches!(orphan, Orphan::Watched(_))), "{:?}", report.orphans);
    assert_eq!((world.cloud.live(), world.cloud.state().ended.len()), (5, 0));
    world.cloud.boot();
    assert_eq!(world.poll(&pending).await.hosts.len(), 2);
    assert_eq!(world.poll(&silent).await.hosts.len(), 2);
}

#[tokio::test]
async fn row_42_what_lies_ahead_of_a_clock_that_was_set_back_does_not_wait_until_it_has_caught_up() {
    let world = World::new();
    let pending = world.request(2).await.unwrap();
    world.poll(&pending).await;
    let silent = world.request(2).await.unwrap();
    world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1"));
    reconcile(&world).await;
    world.clock.pass(-86_400);
    reconcile(&world).await;
    assert_eq!(world.poll(&pending).await.status, RequestStatus::Running);
    assert_eq!(world.cloud.live(), 5);
    watched(&world, 6).await;
    reconcile(&world).await;
    assert_eq!(world.cloud.live(), 0, "the orphan, and what is pending for too long");
    assert_eq!(world.poll(&pending).await.status, RequestStatus::CompleteWithError);
    assert_eq!(world.poll(&silent).await.status, RequestStatus::CompleteWithError);
}

#[tokio::test]
async fn row_42_an_order_that_nobody_knows_is_given_up_an_hour_after_the_clock_was_set_back() {
    let world = World::new();
    let silent = world.request(2).await.unwrap();
    world.cloud.boot();
    reconcile(&world).await;
    world.clock.pass(-86_400);
    reconcile(&world).await;
    watched(&world, 59).await;
    reconcile(&world).await;
    assert_eq!(world.cloud.live(), 2);
    watched(&world, 2).await;
    assert_eq!(reconcile(&world).await.recovered.given_up[&silent].len(), 2);
    assert_eq!(world.cloud.live(), 0);
}

#[tokio::test]
async fn row_16_one_process_at_a_time_sends_the_attempts_of_a_request() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(3).await.unwrap();
    let now = world.engine().clock.now();
    let other = "another process";
    assert!(world.notebook.0.lock().unwrap().lease(id.as_str(), other, Duration::from_mins(4), now));
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    assert_eq!(world.cloud.state().sent.len(), 1);
    world.notebook.0.lock().unwrap().free(id.as_str(), other);
    world.poll(&id).await;
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (3, 2));
}

#[tokio::test]
async fn what_has_been_settled_for_long_is_forgotten_and_what_lives_is_kept() {
    let world = World::new();
    let (old, hosts) = world.running(1).await;
    let (kept, _) = world.running(1).await;
    let given_back = world.give_back(hosts).await.id;
    let ended = world.cloud.state().ended[0].clone();
    world.cloud.set(&ended, MachineStatus::Terminated);
    world.poll(&given_back).await;
    world.clock.pass(31 * 86_400);
    let report = reconcile(&world).await;
    assert_eq!((report.purged.requests, report.purged.machines), (2, 1));
    assert!(world.store.request(&old).await.unwrap().is_none());
    assert!(world.store.request(&kept).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_reported_and_no_panic() {
    let world = World::new();
    world.request(1).await.unwrap();
    let changes = Changes::default();
    world.store.commit(changes, world.engine().clock.now()).await.unwrap();
    for _ in 0..4 {
        let error = crate::application::StorageError::Busy { resource: "x".to_owned(), waited: Duration::ZERO };
        world.store.fail_next_commit(error);
    }
    world.cloud.boot();
    assert!(!reconcile(&world).await.problems.is_empty());
}

#[tokio::test]
async fn hosts_of_an_order_that_was_given_up_are_ended_though_its_id_turns_up_before_they_are() {
    let world = World::new();
    let id = world.request(2).await.unwrap();
    world.cloud.boot();
    let hosts: Vec<MachineId> = world.cloud.state().hosts.keys().cloned().collect();
    world.cloud.state().protected.extend(hosts);
    reconcile(&world).await;
    watched(&world, 61).await;
    reconcile(&world).await;
    assert_eq!(world.cloud.live(), 2);
    let told = world.poll(&id).await;
    assert!(told.status == RequestStatus::CompleteWithError && told.hosts.iter().all(|h| h.result == HostResult::Fail));
    world.cloud.state().protected.clear();
    reconcile(&world).await;
    watched(&world, 6).await;
    reconcile(&world).await;
    assert_eq!(world.cloud.live(), 0);
}

#[tokio::test]
async fn a_dry_run_neither_adopts_nor_forgets_and_says_that_it_would_adopt() {
    let world = World::new();
    let (done, hosts) = world.running(1).await;
    let back = world.give_back(hosts).await.id;
    let ended = world.cloud.state().ended.clone();
    world.cloud.set(&ended[0], MachineStatus::Terminated);
    world.poll(&back).await;
    world.cloud.fate(Fate::Launches(1));
    world.cloud.fate(Fate::Fails(crate::domain::FailureClass::Capacity));
    let id = world.request(2).await.unwrap();
    let found: MachineId = "i-0000000000000aaaa".parse().unwrap();
    world.cloud.stranger(found.as_str(), "s", Some("grid-1"));
    world.cloud.state().hosts.get_mut(&found).unwrap().request = Some(id.to_string());
    world.clock.pass(365 * 24 * 60 * MINUTE);
    let before = world.store.state();
    let report = dry_run(&world).await;
    assert_eq!((report.purged, &report.orphans[&found]), (Purged::default(), &Orphan::Adopted(id)));
    let after = world.store.state();
    assert_eq!((after.requests.len(), after.machines.len()), (before.requests.len(), before.machines.len()));
    assert!(after.requests.contains_key(&done) && !after.machines.contains_key(&found));
    let report = reconcile(&world).await;
    assert_eq!((report.purged.requests, report.purged.machines), (2, 1));
}

#[tokio::test]
async fn in_passing_nothing_is_begun_that_the_call_has_no_time_for() {
    let seconds = Duration::from_secs;
    for (soft, hard, done) in [(240, 4, false), (0, 300, false), (240, 300, true)] {
        let world = World::new();
        pass_by(&world).await;
        let id = world.request(1).await.unwrap();
        world.clock.pass(MINUTE);
        let budget = crate::application::budget::Budget::starting_now(seconds(soft), seconds(hard));
        let report = budget.scope(pass_by(&world)).await;
        assert_eq!(report.recovered.brought_forward.contains(&id), done, "{soft} {hard}");
    }
}

#[tokio::test]
async fn one_call_brings_a_hundred_requests_forward_and_a_dry_run_names_them_all() {
    let world = World::new();
    for _ in 0..101 {
        world.request(1).await.unwrap();
    }
    assert_eq!(dry_run(&world).await.recovered.brought_forward.len(), 101);
    assert_eq!(reconcile(&world).await.recovered.brought_forward.len(), 100);
}

#[tokio::test]
async fn a_dry_run_looks_at_no_host_and_writes_nothing_though_the_clock_was_set_back() {
    let world = World::new();
    world.request(1).await.unwrap();
    reconcile(&world).await;
    world.clock.pass(-86_400);
    let (commits, looks) = (world.store.commits(), world.cloud.state().looks);
    dry_run(&world).await;
    assert_eq!((world.store.commits(), world.cloud.state().looks), (commits, looks));
}

#[tokio::test]
async fn a_call_whose_time_is_up_gives_nothing_up_and_a_dry_run_says_all_the_same_what_is_due() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    world.cloud.boot();
    reconcile(&world).await;
    watched(&world, 61).await;
    let spent = || crate::application::budget::Budget::starting_now(Duration::ZERO, Duration::from_mins(5));
    assert!(spent().scope(reconcile(&world)).await.recovered.given_up.is_empty());
    assert!(spent().scope(dry_run(&world)).await.recovered.given_up.contains_key(&id));
    assert!(reconcile(&world).await.recovered.given_up.contains_key(&id));
}
