//! What becomes of hosts that bear our tag and that no request accounts for.

use super::tests::{MINUTE, dry_run, reconcile, watched};
use super::*;
use crate::application::testing::{Fate, World};
use crate::domain::machine::MachineStatus;
use crate::domain::request::RequestStatus;

#[tokio::test]
async fn row_110_an_orphan_is_watched_and_then_ended_and_others_hosts_never() {
    let world = World::new();
    world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1"));
    world.cloud.stranger("i-0000000000000bbbb", "theirs", Some("grid-2"));
    world.cloud.stranger("i-0000000000000cccc", "nobodys", None);
    let (_, hosts) = world.running(2).await;
    let ours: MachineId = "i-0000000000000aaaa".parse().unwrap();
    assert!(matches!(reconcile(&world).await.orphans[&ours], Orphan::Watched(_)));
    world.clock.pass(5 * MINUTE - 1);
    assert!(matches!(reconcile(&world).await.orphans[&ours], Orphan::Watched(_)));
    world.clock.pass(1);
    assert!(matches!(dry_run(&world).await.orphans[&ours], Orphan::Ended(_)));
    assert!(world.cloud.state().ended.is_empty());
    let report = reconcile(&world).await;
    assert_eq!(report.orphans.len(), 1);
    assert_eq!(world.cloud.state().ended, std::slice::from_ref(&ours));
    assert!(world.store.events().iter().any(|event| format!("{event:?}").contains("MachineGivenUp")));
    assert!(world.lost(&hosts).await.is_empty());
    assert!(reconcile(&world).await.orphans.is_empty());
}

#[tokio::test]
async fn a_suspicion_of_one_host_is_none_of_another_that_comes_in_its_place() {
    let world = World::new();
    world.cloud.stranger("i-0000000000000aaaa", "first", Some("grid-1"));
    reconcile(&world).await;
    world.cloud.state().hosts.clear();
    world.cloud.stranger("i-0000000000000bbbb", "second", Some("grid-1"));
    world.clock.pass(5 * MINUTE);
    reconcile(&world).await;
    assert!(world.cloud.state().ended.is_empty());
    world.clock.pass(5 * MINUTE);
    reconcile(&world).await;
    assert_eq!(world.cloud.state().ended.len(), 1);
}

#[tokio::test]
async fn a_dry_run_begins_no_suspicion() {
    let world = World::new();
    world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1"));
    dry_run(&world).await;
    assert!(world.notebook.0.lock().unwrap().suspects.is_empty());
    world.clock.pass(5 * MINUTE);
    reconcile(&world).await;
    assert!(world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn row_110_one_call_ends_so_many_orphans_and_leaves_the_rest() {
    let mut world = World::new();
    world.care.most_ended = 3;
    for n in 0..5 {
        world.cloud.stranger(&format!("i-0000000000000aaa{n}"), &format!("o{n}"), Some("grid-1"));
    }
    reconcile(&world).await;
    world.clock.pass(5 * MINUTE);
    for (ended, left) in [(3, 2), (2, 0)] {
        let orphans = reconcile(&world).await.orphans;
        let count = |wanted: fn(&Orphan) -> bool| orphans.values().filter(|orphan| wanted(orphan)).count();
        let found = (count(|o| matches!(o, Orphan::Ended(_))), count(|o| matches!(o, Orphan::LeftForLater(_))));
        assert_eq!(found, (ended, left));
    }
    assert_eq!(world.cloud.live(), 0);
}

#[tokio::test]
async fn a_listing_that_fails_changes_nothing_and_forgets_no_suspicion() {
    let world = World::new();
    world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1"));
    reconcile(&world).await;
    world.clock.pass(5 * MINUTE);
    world.cloud.state().blind = Some(crate::domain::FailureClass::Throttle);
    let report = reconcile(&world).await;
    assert!(report.orphans.is_empty() && !report.problems.is_empty());
    world.cloud.state().blind = None;
    reconcile(&world).await;
    assert_eq!(world.cloud.state().ended.len(), 1);
}

#[tokio::test]
async fn row_23_hosts_newer_than_a_restored_store_are_ended_unless_host_factory_names_them() {
    let world = World::new();
    let before = world.store.state();
    let (_, held) = world.running(2).await;
    world.request(1).await.unwrap();
    world.store.restore(before);
    assert!(world.lost(&held).await.is_empty(), "Host Factory asks about the hosts that it holds");
    reconcile(&world).await;
    watched(&world, 6).await;
    assert_eq!(reconcile(&world).await.orphans.len(), 1);
    assert_eq!(world.cloud.live(), 2);
}

#[tokio::test]
async fn a_host_that_an_open_request_lacks_is_taken_in_and_one_too_many_is_ended() {
    let world = World::new();
    world.cloud.fate(Fate::Launches(1));
    world.cloud.fate(Fate::Fails(crate::domain::FailureClass::Capacity));
    let id = world.request(3).await.unwrap();
    for n in 0..3 {
        let id_text = format!("i-0000000000000aaa{n}");
        world.cloud.stranger(&id_text, &format!("s{n}"), Some("grid-1"));
        world.cloud.state().hosts.get_mut(&id_text.parse().unwrap()).unwrap().request = Some(id.to_string());
    }
    let report = reconcile(&world).await;
    let adopted = report.orphans.values().filter(|orphan| matches!(orphan, Orphan::Adopted(_))).count();
    assert_eq!((adopted, report.orphans.len()), (2, 3));
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 3);
    world.clock.pass(5 * MINUTE);
    reconcile(&world).await;
    assert_eq!(world.cloud.live(), 3);
}

#[tokio::test]
async fn a_host_that_was_taken_for_ended_and_lives_is_ended() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    world.cloud.state().empty = true;
    for _ in 0..8 {
        world.lost(&hosts).await;
        world.clock.pass(MINUTE);
    }
    assert_eq!(world.lost(&hosts).await.len(), 1, "Host Factory was told that it is gone");
    world.cloud.state().empty = false;
    reconcile(&world).await;
    watched(&world, 5).await;
    reconcile(&world).await;
    assert_eq!(world.cloud.live(), 0);
}

#[tokio::test]
async fn row_10_a_process_that_dies_around_the_end_of_an_orphan_leaves_nothing_behind() {
    for noted in [false, true] {
        let world = World::new();
        world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1"));
        reconcile(&world).await;
        world.clock.pass(5 * MINUTE);
        let error = crate::application::StorageError::Busy { resource: "x".to_owned(), waited: Duration::ZERO };
        if noted {
            world.store.pass_next_commit();
        }
        world.store.fail_next_commit(error);
        assert!(!reconcile(&world).await.problems.is_empty());
        assert_eq!(world.cloud.live(), usize::from(!noted));
        assert_eq!(reconcile(&world).await.orphans.len(), usize::from(!noted));
        assert_eq!(world.cloud.state().ended.len(), 1);
    }
}

#[tokio::test]
async fn an_orphan_that_was_given_up_is_not_taken_in_by_a_request_and_ended_in_the_end() {
    let world = World::new();
    let before = world.store.state();
    let id = world.request(1).await.unwrap();
    world.cloud.boot();
    world.store.restore(before);
    let host = world.cloud.state().hosts.keys().next().unwrap().clone();
    world.cloud.state().protected.push(host.clone());
    reconcile(&world).await;
    world.clock.pass(5 * MINUTE);
    assert!(matches!(reconcile(&world).await.orphans[&host], Orphan::NotEnded(_)));
    // Host Factory asks about the request of which the restored store knows nothing.
    assert!(world.sync(&id).await.is_ok());
    assert!(world.store.state().requests.is_empty());
    world.cloud.state().protected.clear();
    reconcile(&world).await;
    assert_eq!((world.cloud.live(), world.cloud.state().ended.len()), (0, 1));
}

#[tokio::test]
async fn a_listing_that_shows_hosts_of_others_and_ended_ones_makes_no_orphans_of_them() {
    let world = World::new();
    world.cloud.stranger("i-0000000000000bbbb", "theirs", Some("grid-2"));
    world.cloud.stranger("i-0000000000000cccc", "nobodys", None);
    let ended = world.cloud.stranger("i-0000000000000dddd", "ended", Some("grid-1"));
    world.cloud.set(&ended.id.unwrap(), MachineStatus::Terminated);
    world.cloud.state().careless = true;
    for _ in 0..2 {
        assert_eq!(reconcile(&world).await.orphans, BTreeMap::new());
        world.clock.pass(5 * MINUTE);
    }
    assert!(world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn an_orphan_that_took_the_order_to_end_and_lives_is_told_again_after_some_minutes() {
    let world = World::new();
    let id = world.cloud.stranger("i-0000000000000aaaa", "ours", Some("grid-1")).id.unwrap();
    reconcile(&world).await;
    world.clock.pass(5 * MINUTE);
    assert!(matches!(reconcile(&world).await.orphans[&id], Orphan::Ended(_)));
    world.cloud.set(&id, MachineStatus::Running);
    world.clock.pass(5 * MINUTE - 1);
    assert_eq!(reconcile(&world).await.orphans, BTreeMap::new());
    world.clock.pass(1);
    assert!(matches!(reconcile(&world).await.orphans[&id], Orphan::Watched(_)));
    watched(&world, 5).await;
    assert!(matches!(reconcile(&world).await.orphans[&id], Orphan::Ended(_)));
    assert_eq!(world.cloud.state().ended, [id.clone(), id]);
}

#[tokio::test]
async fn a_host_that_its_open_request_gave_up_is_left_to_the_request() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    world.poll(&id).await;
    let host = world.cloud.state().hosts.keys().next().unwrap().clone();
    world.cloud.state().protected.push(host.clone());
    world.clock.pass(181);
    world.poll(&id).await;
    for _ in 0..2 {
        assert_eq!(reconcile(&world).await.orphans, BTreeMap::new());
        world.clock.pass(5 * MINUTE);
    }
    world.cloud.state().protected.clear();
    assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError);
    assert_eq!(world.cloud.state().ended, [host]);
}

#[tokio::test]
async fn an_orphan_that_takes_the_place_of_another_is_watched_from_then_on() {
    let world = World::new();
    let first = world.cloud.stranger("i-0000000000000aaaa", "one", Some("grid-1"));
    reconcile(&world).await;
    world.cloud.set(&first.id.unwrap(), MachineStatus::Terminated);
    let second = world.cloud.stranger("i-0000000000000bbbb", "two", Some("grid-1")).id.unwrap();
    world.clock.pass(MINUTE);
    assert!(matches!(reconcile(&world).await.orphans[&second], Orphan::Watched(_)));
    world.clock.pass(5 * MINUTE - 1);
    assert!(matches!(reconcile(&world).await.orphans[&second], Orphan::Watched(_)));
    world.clock.pass(1);
    assert!(matches!(reconcile(&world).await.orphans[&second], Orphan::Ended(_)));
}
