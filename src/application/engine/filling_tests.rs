//! What fleets that launch by themselves bring, and that none of them brings more than was wanted.

use crate::application::ports::{Keep, Progress};
use crate::application::testing::World;
use crate::domain::machine::MachineStatus;
use crate::domain::request::{Refusal, RequestStatus};
use crate::domain::template::ProviderApi;
use crate::domain::{FailureClass, RequestId};

const FLEET: &str = "fleet-1";

fn no_capacity() -> Refusal {
    let code = Some("InsufficientInstanceCapacity".to_owned());
    Refusal { pool: None, class: FailureClass::Capacity, code, message: "no capacity".to_owned() }
}

async fn ordered(world: &World, count: u32) -> RequestId {
    let id = world.request(count).await.unwrap();
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    id
}

/// A fleet of so many running hosts whose request is settled, and how Host Factory names them.
async fn full(world: &World, count: u32) -> (RequestId, Vec<crate::application::commands::HostRef>) {
    let id = ordered(world, count).await;
    world.cloud.bring(FLEET, u32::MAX);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, count as usize));
    let name = |host: &crate::application::queries::HostView| crate::application::commands::HostRef {
        id: Some(host.id.clone()),
        name: Some(host.name.parse().unwrap()),
    };
    (id, view.hosts.iter().map(name).collect())
}

#[tokio::test]
async fn hosts_are_taken_in_as_they_come_until_all_are_there() {
    let world = World::with_fleets();
    let id = ordered(&world, 3).await;
    world.cloud.bring(FLEET, 1);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Running, 1));
    world.cloud.bring(FLEET, 2);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, 3));
    assert!(!world.cloud.state().fleets[FLEET].holds.is_empty(), "it launches nothing more");
    let looks = world.cloud.state().searches;
    world.poll(&id).await;
    assert_eq!(world.cloud.state().searches, looks, "a settled request asks nobody");
}

#[tokio::test]
async fn what_does_not_come_in_time_is_not_launched_later() {
    let world = World::with_fleets();
    let id = ordered(&world, 3).await;
    world.cloud.bring(FLEET, 1);
    world.cloud.boot();
    for _ in 0..16 {
        world.clock.pass(60);
        world.poll(&id).await;
    }
    let view = world.view(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, 1), "{}", view.message);
    assert!(view.message.contains("1 of 3"), "{}", view.message);
    world.cloud.bring(FLEET, u32::MAX);
    assert_eq!(world.cloud.live(), 1, "the fleet was shrunk before the request settled");
}

#[tokio::test]
async fn a_host_that_came_while_the_fleet_was_being_held_is_not_lost() {
    let world = World::with_fleets();
    let id = ordered(&world, 2).await;
    world.clock.pass(16 * 60);
    world.cloud.state().fleets.get_mut(FLEET).unwrap().modifying = 1;
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running, "it may still launch");
    world.cloud.state().fleets.get_mut(FLEET).unwrap().target = 1;
    world.cloud.bring(FLEET, 1);
    for _ in 0..6 {
        world.clock.pass(60);
        world.poll(&id).await;
    }
    assert_eq!(world.view(&id).await.status, RequestStatus::CompleteWithError);
    assert_eq!(world.cloud.live_unended(), 0, "it is ended: it came too late");
}

#[tokio::test]
async fn a_fleet_that_gives_up_settles_its_request_with_the_reason() {
    let world = World::with_fleets();
    let id = ordered(&world, 3).await;
    world.cloud.state().fleets.get_mut(FLEET).unwrap().progress =
        Progress { over: true, refusals: vec![no_capacity()] };
    world.poll(&id).await;
    // The second tier has a fleet of its own.
    assert_eq!(world.cloud.state().fleets.len(), 2);
    world.cloud.state().fleets.get_mut("fleet-2").unwrap().progress =
        Progress { over: true, refusals: vec![no_capacity()] };
    world.poll(&id).await;
    let view = world.poll(&id).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    assert!(view.message.contains("no capacity"), "{}", view.message);
    assert!(world.cloud.state().fleets.values().all(|fleet| fleet.retired), "empty fleets are removed");
}

#[tokio::test]
async fn a_fleet_is_shrunk_before_a_returned_host_is_ended_and_replaces_none() {
    for returned in [1, 3, 5] {
        let world = World::with_fleets();
        let (_, hosts) = full(&world, 5).await;
        world.give_back(hosts[..returned].to_vec()).await;
        let left = 5 - returned;
        assert_eq!(world.cloud.state().ended.len(), returned);
        assert_eq!(world.cloud.live_unended(), left, "no host came in the place of those that were returned");
        let keep = *world.cloud.state().fleets[FLEET].holds.last().unwrap();
        assert_eq!(keep, Keep { on_demand: u32::try_from(left).unwrap(), spot: 0, more: 0 });
    }
}

#[tokio::test]
async fn two_returns_on_one_fleet_end_the_hosts_of_both_and_no_other() {
    let world = World::with_fleets();
    let (_, hosts) = full(&world, 4).await;
    world.cloud.state().fleets.get_mut(FLEET).unwrap().modifying = 1;
    let first = world.give_back(hosts[..1].to_vec()).await;
    assert!(world.cloud.state().ended.is_empty(), "the fleet is still being changed");
    world.give_back(hosts[1..2].to_vec()).await;
    world.poll(&first.id).await;
    world.poll(&first.id).await;
    assert_eq!(world.cloud.state().ended.len(), 2);
    assert_eq!((world.cloud.live_unended(), world.cloud.state().fleets[FLEET].target), (2, 2));
}

#[tokio::test]
async fn a_fleet_is_removed_when_its_last_host_has_ended_and_not_before() {
    let world = World::with_fleets();
    let (_, hosts) = full(&world, 2).await;
    for (nth, host) in hosts.iter().enumerate() {
        let back = world.give_back(vec![host.clone()]).await;
        assert!(!world.cloud.state().fleets[FLEET].retired, "a host lives");
        world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
        assert_eq!(world.poll(&back.id).await.status, RequestStatus::Complete);
        assert_eq!(world.cloud.state().fleets[FLEET].retired, nth == 1);
    }
}

#[tokio::test]
async fn a_return_that_is_taken_up_again_shrinks_the_fleet_no_further() {
    let world = World::with_fleets();
    let (_, hosts) = full(&world, 3).await;
    world.cloud.state().protected = vec![hosts[0].id.clone().unwrap()];
    let back = world.give_back(hosts[..1].to_vec()).await;
    for _ in 0..3 {
        world.clock.pass(31);
        world.poll(&back.id).await;
    }
    let fleet = &world.cloud.state().fleets[FLEET];
    assert!(fleet.holds.len() > 2 && fleet.target == 2, "{:?}", fleet.holds);
}

#[tokio::test]
async fn a_fleet_whose_hosts_all_died_is_removed_by_the_collector() {
    let world = World::with_fleets();
    let (_, hosts) = full(&world, 2).await;
    world.engine().collect(false).await.unwrap();
    assert!(!world.cloud.state().fleets[FLEET].retired, "its hosts live");
    for host in &hosts {
        world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
    }
    assert_eq!(world.lost(&hosts).await.len(), 2);
    world.engine().collect(true).await.unwrap();
    assert!(!world.cloud.state().fleets[FLEET].retired, "a dry run changes nothing");
    world.engine().collect(false).await.unwrap();
    assert!(world.cloud.state().fleets[FLEET].retired);
}

#[tokio::test]
async fn a_fleet_is_removed_by_the_collector_though_no_template_names_its_way_any_more() {
    let world = World::with_fleets();
    let (_, hosts) = full(&world, 1).await;
    *world.templates.0.lock().unwrap() = World::new().templates.0.lock().unwrap().clone();
    world.cloud.set(hosts[0].id.as_ref().unwrap(), MachineStatus::Terminated);
    assert_eq!(world.lost(&hosts).await.len(), 1);
    for _ in 0..2 {
        world.engine().collect(false).await.unwrap();
    }
    assert!(world.cloud.state().fleets[FLEET].retired);
    assert_eq!(world.notebook.0.lock().unwrap().ways, [ProviderApi::Ec2FleetMaintain].into());
    world.clock.pass(25 * 3_600);
    world.engine().collect(false).await.unwrap();
    assert!(world.notebook.0.lock().unwrap().ways.is_empty(), "nothing is left to look for");
}

#[tokio::test]
async fn a_fleet_whose_making_was_not_answered_is_found_and_nothing_is_made_twice() {
    let world = World::with_fleets();
    world.cloud.fate(crate::application::testing::Fate::AnswerLost);
    let id = world.request(2).await.unwrap();
    world.cloud.bring(FLEET, 2);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, 2));
    assert_eq!(world.cloud.state().fleets.len(), 1);
}

#[tokio::test]
async fn a_fleet_that_can_never_be_held_does_not_keep_its_request_open() {
    for (class, settles) in [(FailureClass::AuthDenied, true), (FailureClass::Server, false)] {
        let world = World::with_fleets();
        let id = ordered(&world, 2).await;
        world.cloud.bring(FLEET, 2);
        world.cloud.boot();
        world.cloud.state().fleets.get_mut(FLEET).unwrap().refuses = Some(class);
        let _ = world.sync(&id).await;
        let _ = world.sync(&id).await;
        assert_eq!(world.view(&id).await.status == RequestStatus::Complete, settles, "{class:?}");
        world.cloud.state().fleets.get_mut(FLEET).unwrap().refuses = None;
        assert_eq!(world.poll(&id).await.status, RequestStatus::Complete);
    }
}

#[tokio::test]
async fn the_hosts_of_one_fleet_do_not_count_for_another_or_for_none() {
    let world = World::with_fleets();
    let id = ordered(&world, 3).await;
    world.cloud.bring(FLEET, 1);
    world.cloud.boot();
    world.cloud.state().fleets.get_mut(FLEET).unwrap().progress =
        Progress { over: true, refusals: vec![no_capacity()] };
    world.poll(&id).await;
    let view = world.poll(&id).await;
    assert_eq!(view.status, RequestStatus::Running, "the second fleet has brought nothing yet");
    world.cloud.bring("fleet-2", 1);
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running, "one is missing still");
    world.cloud.bring("fleet-2", 1);
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, 3));
}

#[tokio::test]
async fn what_a_fleet_still_lacks_is_kept_when_a_host_of_it_is_returned() {
    let world = World::with_fleets();
    let id = ordered(&world, 3).await;
    world.cloud.bring(FLEET, 1);
    world.cloud.boot();
    let view = world.poll(&id).await;
    let early = crate::application::commands::HostRef { id: Some(view.hosts[0].id.clone()), name: None };
    world.give_back(vec![early]).await;
    let held = world.cloud.state().fleets[FLEET].holds.last().copied();
    assert_eq!(held, Some(Keep { on_demand: 0, spot: 0, more: 2 }));
}

/// How many hosts we were told to end, and how often the fleet was held.
fn ended_and_holds(world: &World) -> (usize, usize) {
    let state = world.cloud.state();
    (state.ended.len(), state.fleets[FLEET].holds.len())
}

#[tokio::test]
async fn a_fleet_that_replaces_nothing_is_held_once_when_its_attempt_is_resolved() {
    let world = World::with_fleets_of(ProviderApi::Ec2FleetRequest);
    let (_, hosts) = full(&world, 2).await;
    assert_eq!(world.cloud.state().fleets[FLEET].holds.len(), 1);
    world.give_back(hosts[..1].to_vec()).await;
    assert_eq!(ended_and_holds(&world), (1, 1));
    // As long as it launches it is held before a host of it is ended.
    let world = World::with_fleets_of(ProviderApi::Ec2FleetRequest);
    let id = ordered(&world, 2).await;
    world.cloud.bring(FLEET, 1);
    world.cloud.boot();
    let view = world.poll(&id).await;
    let early = crate::application::commands::HostRef { id: Some(view.hosts[0].id.clone()), name: None };
    world.give_back(vec![early]).await;
    assert_eq!(ended_and_holds(&world), (1, 1));
}

#[tokio::test]
async fn why_hosts_are_missing_is_told_by_the_fleet_or_else_by_us() {
    for (refusals, told) in [(vec![no_capacity()], "no capacity"), (Vec::new(), "no more will")] {
        let world = World::with_fleets();
        let id = ordered(&world, 3).await;
        for fleet in [FLEET, "fleet-2"] {
            world.cloud.state().fleets.get_mut(fleet).unwrap().progress =
                Progress { over: true, refusals: refusals.clone() };
            world.poll(&id).await;
        }
        let message = world.poll(&id).await.message;
        assert!(message.contains(told), "{message}");
        assert_eq!(message.contains("no more will"), refusals.is_empty(), "{message}");
    }
}
