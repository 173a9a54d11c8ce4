//! What getReturnRequests promises (`hostfactory.md` 3.5).

use crate::application::commands::HostRef;
use crate::application::ports::{Clock, MachineRepository};
use crate::application::settings::ScheduledEvents;
use crate::application::testing::World;
use crate::domain::machine::{Interruption, MachineStatus};
use crate::domain::request::RequestStatus;
use crate::domain::template::PriceType;
use crate::domain::{FailureClass, RequestId, Timestamp};

#[tokio::test]
async fn hosts_that_run_are_not_reported() {
    let world = World::new();
    let (_, hosts) = world.running(3).await;
    assert!(world.lost(&hosts).await.is_empty());
    assert!(world.lost(&[]).await.is_empty());
}

#[tokio::test]
async fn hosts_that_are_gone_going_or_stopped_are_reported_at_every_call() {
    let world = World::new();
    let (_, hosts) = world.running(5).await;
    let states =
        [MachineStatus::Stopping, MachineStatus::Stopped, MachineStatus::ShuttingDown, MachineStatus::Terminated];
    for (host, status) in hosts.iter().zip(states) {
        world.cloud.set(host.id.as_ref().unwrap(), status);
    }
    for _ in 0..3 {
        let lost = world.lost(&hosts).await;
        let expected: Vec<String> = hosts[..4].iter().map(|host| host.name.as_ref().unwrap().to_string()).collect();
        assert_eq!(lost.iter().map(|host| host.name.clone()).collect::<Vec<_>>(), expected);
        assert!(lost.iter().all(|host| host.grace_seconds == 0));
    }
    assert!(world.lost(&hosts[4..]).await.is_empty(), "only hosts that are listed are reported");
}

#[tokio::test]
async fn a_spot_host_with_notice_is_reported_with_what_is_left_of_its_two_minutes() {
    let world = World::new();
    let (_, hosts) = world.running(2).await;
    let id = hosts[0].id.clone().unwrap();
    {
        let mut state = world.cloud.state();
        state.hosts.get_mut(&id).unwrap().price_type = PriceType::Spot;
        let at = Timestamp::from_seconds(1_760_000_000);
        state.notices.push((id, Interruption::spot("marked-for-termination", at)));
    }
    world.clock.pass(33);
    assert_eq!(world.lost(&hosts).await[0].grace_seconds, 87);
    world.clock.pass(30);
    assert_eq!(world.lost(&hosts).await[0].grace_seconds, 57);
}

/// A world with hosts, of the first of which the cloud says that it will be retired in a day.
async fn one_to_be_retired(count: u32) -> (World, RequestId, Vec<HostRef>) {
    let world = World::new();
    let (id, hosts) = world.running(count).await;
    let event = Interruption::health("instance-retirement", world.clock.now(), DAY_AFTER);
    world.cloud.state().health = Some(vec![(hosts[0].id.clone().unwrap(), event)]);
    (world, id, hosts)
}

const DAY_AFTER: Timestamp = Timestamp::from_seconds(1_760_086_400);

#[tokio::test]
async fn a_host_with_a_scheduled_end_is_reported_from_the_second_look_on_until_the_end_is_called_off() {
    let (world, id, hosts) = one_to_be_retired(2).await;
    let view = world.view(&id).await;
    assert!(world.lost(&hosts).await.is_empty());
    for second in [60, 120, 180] {
        world.clock.pass(60);
        let told = world.lost(&hosts).await;
        assert_eq!((told.len(), told[0].grace_seconds), (1, 86_400 - second));
    }
    // Asked a short while ago.
    let said = world.cloud.state().health.take();
    assert_eq!(world.lost(&hosts).await.len(), 1);
    assert_eq!(world.poll(&id).await, view, "the verdict stays");
    world.cloud.state().health = Some(Vec::new());
    assert!(world.lost(&hosts).await.is_empty());
    world.cloud.state().health = said;
    assert!(world.lost(&hosts).await.is_empty(), "one look is not enough the second time either");
}

#[tokio::test]
async fn a_look_at_the_health_that_fails_changes_nothing() {
    let (world, _, hosts) = one_to_be_retired(2).await;
    world.lost(&hosts).await;
    world.clock.pass(60);
    assert_eq!(world.lost(&hosts).await.len(), 1);
    world.cloud.state().health = Some(Vec::new());
    for class in FailureClass::ALL {
        world.cloud.state().blind = Some(class);
        assert_eq!(world.lost(&hosts).await.len(), 1, "{class:?}");
    }
}

#[tokio::test]
async fn a_host_with_a_scheduled_end_is_delivered_and_ended_at_once_when_it_is_given_back() {
    let (world, _, hosts) = one_to_be_retired(2).await;
    world.lost(&hosts).await;
    world.clock.pass(60);
    assert_eq!(world.lost(&hosts).await.len(), 1);
    world.give_back(vec![hosts[0].clone()]).await;
    assert_eq!(world.cloud.state().ended.len(), 1, "nobody else ends it today");
}

#[tokio::test]
async fn a_host_that_boots_into_a_scheduled_end_is_usable() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    world.cloud.boot();
    let machine = world.store.machines_of(&id).await.unwrap().remove(0);
    let host = HostRef { id: Some(machine.id().clone()), name: None };
    let event = Interruption::health("instance-stop", world.clock.now(), DAY_AFTER);
    world.cloud.state().health = Some(vec![(machine.id().clone(), event)]);
    for count in [0, 1] {
        assert_eq!(world.lost(std::slice::from_ref(&host)).await.len(), count);
        world.clock.pass(60);
    }
    assert_eq!(world.poll(&id).await.status, RequestStatus::Complete);
}

#[tokio::test]
async fn only_hosts_that_run_and_stay_are_asked_about_their_health_and_only_if_it_is_wanted() {
    let (mut world, _, hosts) = one_to_be_retired(5).await;
    world.cloud.set(hosts[1].id.as_ref().unwrap(), MachineStatus::Terminated);
    world.cloud.set(hosts[2].id.as_ref().unwrap(), MachineStatus::Stopping);
    world.give_back(vec![hosts[3].clone()]).await;
    world.lost(&hosts).await;
    assert_eq!(world.cloud.state().health_looks, [2]);
    world.clock.pass(60);
    assert_eq!(world.lost(&hosts).await.iter().filter(|host| host.grace_seconds > 0).count(), 1);
    world.lost(&hosts[1..3]).await;
    assert_eq!(world.cloud.state().health_looks, [2, 2]);
    // Switched off, nobody is asked, and what was told is not told any more.
    world.health.events = ScheduledEvents::Ignored;
    assert!(world.lost(&hosts).await.iter().all(|host| host.grace_seconds == 0));
    assert_eq!(world.cloud.state().health_looks, [2, 2]);
}

#[tokio::test]
async fn a_cloud_that_cannot_be_seen_adds_nothing() {
    let world = World::new();
    let (_, hosts) = world.running(2).await;
    for id in hosts.iter().filter_map(|host| host.id.as_ref()) {
        world.cloud.set(id, MachineStatus::Terminated);
    }
    for class in FailureClass::ALL {
        world.cloud.state().blind = Some(class);
        assert!(world.lost(&hosts).await.is_empty());
    }
}

#[tokio::test]
async fn hosts_missing_from_complete_answers_are_reported_after_three_over_five_minutes() {
    let world = World::new();
    let (_, hosts) = world.running(2).await;
    world.cloud.state().empty = true;
    for _ in 0..9 {
        assert!(world.lost(&hosts).await.is_empty());
        world.clock.pass(30);
    }
    world.clock.pass(60);
    assert_eq!(world.lost(&hosts).await.len(), 2);
}

#[tokio::test]
async fn hosts_of_another_plug_in_are_watched_too() {
    let world = World::new();
    let host = world.cloud.stranger("i-00000000000000abc", "old-plugin-1", None);
    let hosts = [host.clone()];
    assert!(world.lost(&hosts).await.is_empty());
    world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
    assert_eq!(world.lost(&hosts).await[0].name, "old-plugin-1");
    assert!(world.cloud.state().ended.is_empty(), "watching ends nothing");
}

#[tokio::test]
async fn a_return_under_way_need_not_be_told_and_a_finished_one_may() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    world.give_back(hosts.clone()).await;
    assert!(world.lost(&hosts).await.is_empty());
    world.cloud.set(hosts[0].id.as_ref().unwrap(), MachineStatus::Terminated);
    assert_eq!(world.lost(&hosts).await.len(), 1, "still listed, so it is still told");
}

#[tokio::test]
async fn a_host_listed_by_name_alone_is_found_in_the_store() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    world.cloud.set(hosts[0].id.as_ref().unwrap(), MachineStatus::Terminated);
    let listed = [HostRef { id: None, name: hosts[0].name.clone() }];
    assert_eq!(world.lost(&listed).await.len(), 1);
}

#[tokio::test]
async fn a_notice_about_a_host_that_is_not_of_the_spot_market_is_none() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    let at = Timestamp::from_seconds(1_760_000_000);
    let notice = Interruption::spot("marked-for-termination", at);
    world.cloud.state().notices.push((hosts[0].id.clone().unwrap(), notice));
    assert!(world.lost(&hosts).await.is_empty());
}
