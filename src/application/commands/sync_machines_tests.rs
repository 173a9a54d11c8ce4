//! What getReturnRequests promises (`hostfactory.md` 3.5).

use crate::application::commands::HostRef;
use crate::application::testing::World;
use crate::domain::machine::{Interruption, MachineStatus};
use crate::domain::template::PriceType;
use crate::domain::{FailureClass, Timestamp};

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
        state.notices.push((id, Interruption { code: "marked-for-termination".to_owned(), at }));
    }
    world.clock.pass(33);
    assert_eq!(world.lost(&hosts).await[0].grace_seconds, 87);
    world.clock.pass(30);
    assert_eq!(world.lost(&hosts).await[0].grace_seconds, 57);
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
    let notice = Interruption { code: "marked-for-termination".to_owned(), at };
    world.cloud.state().notices.push((hosts[0].id.clone().unwrap(), notice));
    assert!(world.lost(&hosts).await.is_empty());
}
