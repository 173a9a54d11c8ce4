//! What giving hosts back promises: exactly the named hosts, and every one of them.

use crate::application::commands::HostRef;
use crate::application::ports::{Clock, MachineRepository};
use crate::application::queries::HostResult;
use crate::application::testing::World;
use crate::domain::FailureClass;
use crate::domain::machine::{Interruption, MachineStatus};
use crate::domain::request::RequestStatus;
use crate::domain::template::PriceType;

fn by_name(host: &HostRef) -> HostRef {
    HostRef { id: None, name: host.name.clone() }
}

#[tokio::test]
async fn exactly_the_named_hosts_end() {
    let world = World::new();
    let (_, hosts) = world.running(5).await;
    let accepted = world.give_back(vec![hosts[1].clone(), by_name(&hosts[3])]).await;
    assert!(accepted.any_active);
    let expected: Vec<_> = [1, 3].map(|n: usize| hosts[n].id.clone().unwrap()).to_vec();
    assert_eq!(world.cloud.state().ended, expected);
    assert_eq!(world.poll(&accepted.id).await.status, RequestStatus::Running);
    for id in &expected {
        world.cloud.set(id, MachineStatus::Terminated);
    }
    let view = world.poll(&accepted.id).await;
    assert_eq!((view.status, view.hosts.len(), world.cloud.live()), (RequestStatus::Complete, 2, 3));
    assert!(view.hosts.iter().all(|h| h.result == HostResult::Succeed && h.status == MachineStatus::Terminated));
}

#[tokio::test]
async fn our_own_hosts_are_ended_without_a_look() {
    let world = World::new();
    let (_, hosts) = world.running(2).await;
    let looks = world.cloud.state().looks;
    world.give_back(hosts).await;
    let state = world.cloud.state();
    assert_eq!((state.looks, state.searches, state.ended.len()), (looks, 0, 2));
}

#[tokio::test]
async fn the_id_wins_over_the_name() {
    let world = World::new();
    let (_, hosts) = world.running(2).await;
    world.give_back(vec![HostRef { id: hosts[0].id.clone(), name: hosts[1].name.clone() }]).await;
    assert_eq!(world.cloud.state().ended, [hosts[0].id.clone().unwrap()]);
}

#[tokio::test]
async fn a_host_returned_twice_has_two_ids_and_both_settle() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    let first = world.give_back(hosts.clone()).await;
    let second = world.give_back(vec![hosts[0].clone(), hosts[0].clone()]).await;
    assert_ne!(first.id, second.id);
    assert!(!second.any_active, "nobody holds it any more");
    world.cloud.set(hosts[0].id.as_ref().unwrap(), MachineStatus::Terminated);
    for id in [first.id, second.id] {
        let view = world.poll(&id).await;
        assert_eq!((view.status, view.hosts.len()), (RequestStatus::Complete, 1));
    }
    assert_eq!(world.cloud.state().ended.len(), 1);
}

#[tokio::test]
async fn a_cloud_that_is_away_does_not_lose_the_return() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    world.cloud.state().protected = vec![hosts[0].id.clone().unwrap()];
    let accepted = world.give_back(hosts).await;
    let view = world.poll(&accepted.id).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::Running, HostResult::Executing));
    assert!(view.hosts[0].message.contains("OperationNotPermitted"));
    world.cloud.state().protected.clear();
    world.poll(&accepted.id).await;
    assert_eq!(world.cloud.live(), 0);
}

#[tokio::test]
async fn a_protected_host_does_not_keep_the_others_alive_and_is_named_at_the_deadline() {
    let world = World::new();
    let (_, hosts) = world.running(3).await;
    world.cloud.state().protected = vec![hosts[0].id.clone().unwrap()];
    let accepted = world.give_back(hosts.clone()).await;
    assert_eq!(world.cloud.state().ended.len(), 2);
    for host in &hosts[1..] {
        world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
    }
    world.clock.pass(3600);
    let view = world.poll(&accepted.id).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    assert!(view.message.contains("OperationNotPermitted"), "{}", view.message);
}

#[tokio::test]
async fn an_unknown_host_that_host_factory_names_is_ended_and_tracked() {
    let world = World::new();
    let host = world.cloud.stranger("i-00000000000000abc", "old-plugin-1", None);
    let accepted = world.give_back(vec![host.clone()]).await;
    assert_eq!(world.cloud.state().ended, [host.id.clone().unwrap()]);
    world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
    let view = world.poll(&accepted.id).await;
    assert_eq!((view.status, view.hosts[0].name.as_str()), (RequestStatus::Complete, "old-plugin-1"));
}

#[tokio::test]
async fn a_host_of_another_installation_is_left_alone() {
    let world = World::new();
    let host = world.cloud.stranger("i-00000000000000abc", "theirs", Some("grid-2"));
    let accepted = world.give_back(vec![host]).await;
    let view = world.poll(&accepted.id).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::CompleteWithError, HostResult::Fail));
    assert!(view.message.contains("grid-2") && world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn a_host_of_another_installation_among_ours_is_left_alone_and_ours_end() {
    let world = World::new();
    let (_, mut hosts) = world.running(1).await;
    let ours = hosts[0].id.clone().unwrap();
    hosts.push(world.cloud.stranger("i-0000000000000bbbb", "theirs", Some("grid-2")));
    let id = world.give_back(hosts).await.id;
    assert_eq!(world.cloud.state().ended, std::slice::from_ref(&ours));
    world.clock.pass(60);
    world.poll(&id).await;
    assert!(world.cloud.state().ended.iter().all(|ended| *ended == ours));
}

#[tokio::test]
async fn an_order_to_end_is_repeated_after_half_a_minute_in_which_the_host_goes_on_running() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    let host = hosts[0].id.clone().unwrap();
    let id = world.give_back(hosts).await.id;
    for (seconds, orders) in [(29, 1), (1, 2)] {
        world.clock.pass(seconds);
        world.cloud.set(&host, MachineStatus::Running);
        world.poll(&id).await;
        assert_eq!(world.cloud.state().ended.len(), orders);
    }
}

#[tokio::test]
async fn a_host_that_the_spot_market_takes_is_left_to_it_while_it_has_time_unless_it_is_to_be_ended_at_once() {
    for at_once in [false, true] {
        let mut world = World::new();
        world.policy.terminate_on_reclaim = at_once;
        let (_, hosts) = world.running(1).await;
        let host = hosts[0].id.clone().unwrap();
        {
            let taken = Interruption::spot("marked-for-termination", world.clock.now());
            let mut state = world.cloud.state();
            state.hosts.get_mut(&host).unwrap().price_type = PriceType::Spot;
            state.notices.push((host, taken));
        }
        assert_eq!(world.lost(&hosts).await.len(), 1);
        let id = world.give_back(hosts).await.id;
        assert_eq!(world.cloud.state().ended.len(), usize::from(at_once));
        world.clock.pass(119);
        world.poll(&id).await;
        assert_eq!(world.cloud.state().ended.is_empty(), !at_once, "it has a second left");
        world.clock.pass(1);
        world.poll(&id).await;
        assert!(!world.cloud.state().ended.is_empty());
    }
}

#[tokio::test]
async fn a_host_that_we_launched_is_ours_whatever_became_of_its_tags() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    let host = hosts[0].id.clone().unwrap();
    {
        let mut state = world.cloud.state();
        state.hosts.get_mut(&host).unwrap().owner = Some("grid-2".to_owned());
        state.protected.push(host.clone());
    }
    let id = world.give_back(hosts).await.id;
    world.poll(&id).await;
    world.cloud.state().protected.clear();
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    assert_eq!(world.cloud.state().ended, [host]);
}

#[tokio::test]
async fn a_host_without_an_owner_is_left_alone_when_the_switch_says_so() {
    let mut world = World::new();
    world.policy.strict_owner = true;
    let host = world.cloud.stranger("i-00000000000000abc", "whose", None);
    let accepted = world.give_back(vec![host]).await;
    assert_eq!(world.poll(&accepted.id).await.status, RequestStatus::CompleteWithError);
    assert!(world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn a_stranger_is_not_ended_unseen() {
    let world = World::new();
    let host = world.cloud.stranger("i-00000000000000abc", "whose", Some("grid-2"));
    world.cloud.state().blind = Some(FailureClass::Network);
    let accepted = world.give_back(vec![host]).await;
    assert!(world.cloud.state().ended.is_empty());
    assert!(world.sync(&accepted.id).await.unwrap().unconfirmed.contains_key(&accepted.id));
}

#[tokio::test]
async fn a_host_that_nobody_knows_has_ended() {
    let world = World::new();
    let host = HostRef { id: Some("i-0ffffffffffffffff".parse().unwrap()), name: None };
    let accepted = world.give_back(vec![host]).await;
    world.poll(&accepted.id).await;
    let view = world.poll(&accepted.id).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::Complete, HostResult::Succeed));
    assert_eq!(view.hosts[0].name, "i-0ffffffffffffffff");
}

#[tokio::test]
async fn a_name_is_looked_up_among_our_own_alone() {
    let world = World::new();
    world.cloud.stranger("i-00000000000000abc", "theirs", Some("grid-2"));
    let ours = world.cloud.stranger("i-00000000000000abd", "forgotten", Some("grid-1"));
    let named = |name: &str| HostRef { id: None, name: Some(name.parse().unwrap()) };
    let accepted = world.give_back(vec![named("theirs"), named("forgotten"), named("nowhere")]).await;
    assert_eq!(world.cloud.state().ended, [ours.id.clone().unwrap()]);
    world.cloud.set(ours.id.as_ref().unwrap(), MachineStatus::Terminated);
    let view = world.poll(&accepted.id).await;
    assert_eq!(view.status, RequestStatus::CompleteWithError);
    for name in ["theirs", "nowhere"] {
        assert!(view.message.contains(&format!("{name}: no host of this installation has this name")), "{view:?}");
    }
}

#[tokio::test]
async fn a_host_whose_name_the_store_has_not_heard_yet_is_found_by_it_and_stays_of_its_request() {
    let world = World::new();
    let request = world.request(1).await.unwrap();
    world.cloud.boot();
    let name = world.cloud.state().hosts.values().next().unwrap().name.clone();
    world.give_back(vec![HostRef { id: None, name }]).await;
    assert_eq!(world.cloud.state().ended.len(), 1);
    assert_eq!(world.store.machines_of(&request).await.unwrap().len(), 1);
}

#[tokio::test]
async fn polling_the_return_of_a_host_that_we_did_not_launch_looks_at_it_once() {
    let world = World::new();
    let host = world.cloud.stranger("i-00000000000000abc", "old-plugin-1", None);
    let id = world.give_back(vec![host]).await.id;
    let looks = world.cloud.state().looks;
    world.poll(&id).await;
    assert_eq!(world.cloud.state().looks, looks + 1);
}

#[tokio::test]
async fn hosts_named_by_id_and_others_by_name_all_end() {
    let world = World::new();
    let by_id = world.cloud.stranger("i-00000000000000ab1", "one", Some("grid-1"));
    let other = world.cloud.stranger("i-00000000000000ab2", "two", Some("grid-1"));
    world.give_back(vec![by_id.clone(), by_name(&other)]).await;
    let mut ended = world.cloud.state().ended.clone();
    ended.sort();
    assert_eq!(ended, [by_id.id.unwrap(), other.id.unwrap()]);
}

#[tokio::test]
async fn a_host_named_once_by_name_and_once_by_id_ends_once() {
    let world = World::new();
    let host = world.cloud.stranger("i-00000000000000abd", "forgotten", Some("grid-1"));
    let by_id = HostRef { id: host.id.clone(), name: None };
    let accepted = world.give_back(vec![by_name(&host), by_id]).await;
    assert_eq!(world.cloud.state().ended, [host.id.clone().unwrap()]);
    world.cloud.set(host.id.as_ref().unwrap(), MachineStatus::Terminated);
    assert_eq!(world.poll(&accepted.id).await.status, RequestStatus::Complete);
}

#[tokio::test]
async fn a_name_that_fits_two_live_hosts_ends_neither() {
    let world = World::new();
    for id in ["i-00000000000000ab1", "i-00000000000000ab2"] {
        world.cloud.stranger(id, "twin", Some("grid-1"));
    }
    let accepted = world.give_back(vec![HostRef { id: None, name: Some("twin".parse().unwrap()) }]).await;
    assert!(world.cloud.state().ended.is_empty());
    assert!(world.poll(&accepted.id).await.message.contains("return it by machineId"));
}

#[tokio::test]
async fn a_stopped_host_is_told_to_end() {
    let world = World::new();
    let (_, hosts) = world.running(1).await;
    world.cloud.set(hosts[0].id.as_ref().unwrap(), MachineStatus::Stopped);
    let accepted = world.give_back(hosts).await;
    assert_eq!(world.cloud.live(), 0);
    assert_eq!(world.poll(&accepted.id).await.status, RequestStatus::Running);
}
