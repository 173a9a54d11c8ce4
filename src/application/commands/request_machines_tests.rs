//! What asking for hosts promises. The fake cloud asserts at every create call that its intent is in the store.

use std::time::Duration;

use crate::application::budget::Budget;
use crate::application::commands::{RequestMachines, RequestMachinesHandler};
use crate::application::message::Handler;
use crate::application::queries::HostResult;
use crate::application::testing::{Fate, World, template};
use crate::application::{ApplicationError, StorageError};
use crate::domain::request::{OverMaximum, RequestStatus};
use crate::domain::{FailureClass, RequestKind};

#[tokio::test]
async fn hosts_are_asked_for_once_and_become_usable() {
    let world = World::new();
    let id = world.request(3).await.unwrap();
    assert_eq!(id.kind(), RequestKind::Acquire);
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (3, 1));
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len()), (RequestStatus::Running, 0), "a host without a name is not listed");
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.message.as_str()), (RequestStatus::Complete, ""));
    assert!(view.hosts.iter().all(|host| host.result == HostResult::Succeed && !host.private_ip.is_empty()));
    assert_eq!((view.hosts.len(), world.cloud.live()), (3, 3));
}

#[tokio::test]
async fn two_hundred_and_fifty_hosts_are_three_calls_with_their_own_tokens() {
    let world = World::new();
    world.request(250).await.unwrap();
    let mut sent = world.cloud.state().sent.clone();
    sent.dedup();
    assert_eq!((world.cloud.live(), sent.len()), (250, 3));
}

#[tokio::test]
async fn a_call_whose_time_is_up_sends_one_batch_and_later_calls_the_rest() {
    let world = World::new();
    let spent = Budget::starting_now(Duration::ZERO, Duration::from_mins(5));
    let id = spent.scope(world.request(250)).await.unwrap();
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (100, 1));
    world.poll(&id).await;
    assert_eq!(world.cloud.live(), 250);
}

#[tokio::test]
async fn what_one_pool_does_not_give_the_next_is_asked_for() {
    let world = World::new();
    world.cloud.fate(Fate::Launches(2));
    let id = world.request(5).await.unwrap();
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (5, 2));
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 5);
}

#[tokio::test]
async fn a_pool_that_gave_too_few_hosts_is_left_alone_by_the_next_order() {
    let world = World::new();
    world.cloud.fate(Fate::Launches(2));
    world.request(5).await.unwrap();
    world.request(5).await.unwrap();
    assert_eq!(world.cloud.state().pools, ["subnet-1", "subnet-2", "subnet-2"]);
}

#[tokio::test]
async fn a_shortage_everywhere_is_an_error_with_its_code_and_asks_each_pool_once() {
    let world = World::new();
    world.cloud.fate(Fate::Fails(FailureClass::Capacity));
    world.cloud.fate(Fate::Fails(FailureClass::SubnetCapacity));
    let error = world.request(5).await.unwrap_err();
    assert!(error.to_string().contains("Error Code: SubnetCapacity"), "{error}");
    assert_eq!(world.cloud.state().sent.len(), 2);
}

#[tokio::test]
async fn invalid_parameters_are_final_and_other_pools_are_not_tried() {
    for class in [FailureClass::Invalid, FailureClass::AuthDenied, FailureClass::Quota] {
        let world = World::new();
        world.cloud.fate(Fate::Fails(class));
        assert!(matches!(world.request(5).await, Err(ApplicationError::Provider(error)) if error.class == class));
        assert_eq!(world.cloud.state().sent.len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_still_gives_an_id_and_the_next_poll_finds_the_same_hosts() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(4).await.unwrap();
    assert_eq!((world.view(&id).await.hosts.len(), world.cloud.live()), (0, 4));
    world.cloud.fate(Fate::AnswerLost);
    assert!(world.sync(&id).await.unwrap().unconfirmed.contains_key(&id), "still not known, still running");
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts.len(), world.cloud.live()), (RequestStatus::Complete, 4, 4));
    let sent = world.cloud.state().sent.clone();
    assert!(sent.len() == 3 && sent.iter().all(|token| *token == sent[0]));
}

#[tokio::test]
async fn a_call_that_cannot_be_sent_fails_at_once_and_leaves_nothing_open() {
    for class in [FailureClass::Unreachable, FailureClass::AuthExpired] {
        let world = World::new();
        world.cloud.fate(Fate::Fails(class));
        assert!(matches!(world.request(2).await, Err(ApplicationError::Provider(error)) if error.class == class));
        assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (0, 1));
        assert!(world.store.state().requests.is_empty(), "the store is as it was");
    }
}

#[tokio::test]
async fn an_attempt_that_another_process_may_have_sent_stays_open_when_the_cloud_is_unreachable() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(2).await.unwrap();
    world.cloud.fate(Fate::Fails(FailureClass::Unreachable));
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 2);
}

#[tokio::test]
async fn nothing_is_launched_that_cannot_be_recorded() {
    let world = World::new();
    world.store.fail_next_commit(StorageError::Corrupt { what: "disk full".to_owned(), advice: String::new() });
    assert!(matches!(world.request(2).await, Err(ApplicationError::Storage(_))));
    assert_eq!(world.cloud.state().sent.len(), 0);
}

#[tokio::test]
async fn an_outcome_that_cannot_be_recorded_is_found_again_by_its_token() {
    let world = World::new();
    world.store.pass_next_commit();
    world.store.fail_next_commit(StorageError::Corrupt { what: "disk full".to_owned(), advice: String::new() });
    let id = world.request(2).await.unwrap();
    assert_eq!((world.cloud.live(), world.view(&id).await.hosts.len()), (2, 0), "launched, and not written down");
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 2);
    let sent = world.cloud.state().sent.clone();
    assert_eq!((sent.len(), world.cloud.live()), (2, 2));
    assert_eq!(sent[0], sent[1]);
}

#[tokio::test]
async fn max_number_counts_live_hosts_and_orders_and_refuses_with_the_figures() {
    let world = World::new();
    *world.templates.0.lock().unwrap() = vec![template("small", 5, None)];
    let (_, hosts) = world.running(3).await;
    world.request(1).await.unwrap();
    let error = world.request(2).await.unwrap_err().to_string();
    assert!(error.contains("maxNumber") && error.contains("allows 5 hosts, 4 live"), "{error}");
    assert_eq!(world.cloud.live(), 4);
    world.give_back(hosts).await;
    world.request(4).await.unwrap();
}

#[tokio::test]
async fn max_number_can_clip_instead() {
    let mut world = World::new();
    world.policy.over_maximum = OverMaximum::Clip;
    *world.templates.0.lock().unwrap() = vec![template("small", 5, None)];
    world.request(3).await.unwrap();
    world.request(3).await.unwrap();
    assert_eq!(world.cloud.live(), 5);
    assert!(world.request(1).await.is_err(), "no room at all is refused");
}

#[tokio::test]
async fn many_requests_at_once_do_not_pass_max_number() {
    let world = World::new();
    *world.templates.0.lock().unwrap() = vec![template("small", 10, None)];
    let asked: Vec<_> = (0..20).map(|_| world.request(1)).collect();
    let mut granted = 0;
    for request in asked {
        granted += u32::from(request.await.is_ok());
    }
    assert_eq!((granted, world.cloud.live()), (10, 10));
}

#[tokio::test]
async fn an_unknown_template_changes_nothing() {
    let world = World::new();
    let command =
        RequestMachines { template: "larger".parse().unwrap(), count: 1.try_into().unwrap(), account: None, key: None };
    assert!(RequestMachinesHandler::new(world.engine()).handle(command).await.is_err());
    assert_eq!(world.cloud.state().sent.len(), 0);
}

#[tokio::test]
async fn row_56_a_pool_that_had_nothing_to_give_is_not_asked_by_the_next_call_until_its_mark_is_over() {
    let world = World::new();
    world.cloud.fate(Fate::Fails(FailureClass::Capacity));
    world.request(2).await.unwrap();
    let asked = || world.cloud.state().pools.clone();
    assert_eq!(asked(), ["subnet-1", "subnet-2"]);
    world.request(2).await.unwrap();
    assert_eq!(asked()[2..], ["subnet-2"]);
    world.clock.pass(180);
    world.request(2).await.unwrap();
    assert_eq!(asked()[3..], ["subnet-1"]);
}

#[tokio::test]
async fn row_57_when_every_pool_is_known_to_be_empty_the_call_fails_at_once_and_says_when_to_ask_again() {
    let world = World::new();
    for _ in 0..2 {
        world.cloud.fate(Fate::Fails(FailureClass::Capacity));
    }
    world.request(2).await.unwrap_err();
    let sent = world.cloud.state().sent.len();
    let commits = world.store.commits();
    let error = world.request(2).await.unwrap_err().to_string();
    assert!(error.contains("asked again in") && error.contains("Error Code: Capacity"), "{error}");
    assert_eq!((world.cloud.state().sent.len(), world.store.commits()), (sent, commits));
}

#[tokio::test]
async fn row_59_a_quota_lets_smaller_requests_pass() {
    let world = World::new();
    world.cloud.fate(Fate::Fails(FailureClass::Quota));
    world.request(100).await.unwrap_err();
    assert!(world.request(100).await.unwrap_err().to_string().contains("Quota"));
    assert_eq!(world.cloud.state().sent.len(), 1);
    world.request(50).await.unwrap();
    assert_eq!(world.cloud.live(), 50);
}

#[tokio::test]
async fn row_63_a_template_whose_hosts_die_at_boot_is_out_of_use_until_it_changes_or_its_pause_is_over() {
    let world = World::new();
    for round in 0..50 {
        let Ok(id) = world.request(2).await else { continue };
        world.cloud.die("Client.InternalError: the image does not boot");
        assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError, "{round}");
    }
    assert_eq!(world.cloud.state().hosts.len(), 10);
    let error = world.request(1).await.unwrap_err().to_string();
    assert!(error.contains("10 of its hosts died at boot") && error.contains("Client.InternalError"), "{error}");
    let console = world.notebook.0.lock().unwrap().brakes.values().next().unwrap().console.clone();
    assert_eq!(console.as_deref(), Some("Kernel panic"));
    assert_eq!(world.engine().templates.list().unwrap().templates.len(), 1, "it is still offered (INV-22)");

    let mended = template("small", -1, Some("#!/bin/sh"));
    let broken = std::mem::replace(&mut *world.templates.0.lock().unwrap(), vec![mended]);
    world.request(1).await.unwrap();
    *world.templates.0.lock().unwrap() = broken;
    world.request(1).await.unwrap_err();
    world.clock.pass(15 * 60);
    world.request(1).await.unwrap();
}

#[tokio::test]
async fn hosts_that_the_cloud_takes_back_or_that_were_ended_by_hand_say_nothing_about_the_template() {
    for reason in
        ["Server.SpotInstanceTermination: x", "Server.InsufficientInstanceCapacity: x", "Client.UserInitiatedShutdown"]
    {
        let world = World::new();
        for _ in 0..10 {
            let id = world.request(2).await.unwrap();
            world.cloud.die(reason);
            world.poll(&id).await;
        }
        assert_eq!(world.cloud.state().hosts.len(), 20, "{reason}");
    }
}

#[tokio::test]
async fn row_69_a_template_that_the_cloud_refuses_is_not_sent_again_at_once() {
    let world = World::new();
    world.cloud.fate(Fate::Fails(FailureClass::AuthDenied));
    world.request(2).await.unwrap_err();
    let error = world.request(2).await.unwrap_err().to_string();
    assert!(error.contains("out of use") && error.contains("not authorised"), "{error}");
    assert_eq!(world.cloud.state().sent.len(), 1);
    world.clock.pass(180);
    world.request(2).await.unwrap();
}

#[tokio::test]
async fn row_14_the_same_key_is_the_same_request_and_launches_nothing_more() {
    let world = World::new();
    let first = world.request_with_key(3, Some("order-7")).await.unwrap();
    assert_eq!(world.request_with_key(3, Some("order-7")).await.unwrap(), first);
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (3, 1));
    let error = world.request_with_key(4, Some("order-7")).await.unwrap_err().to_string();
    assert!(error.contains("requestKey") && error.contains("3 hosts of small"), "{error}");
    assert_ne!(world.request_with_key(3, Some("order-8")).await.unwrap(), first);
    assert_eq!(world.cloud.live(), 6);
}

#[tokio::test]
async fn row_14_a_key_whose_first_call_died_takes_its_launch_up_again() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let first = world.request_with_key(3, Some("order-7")).await.unwrap();
    assert_eq!(world.request_with_key(3, Some("order-7")).await.unwrap(), first);
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (3, 2), "the same token");
}

#[tokio::test]
async fn row_14_a_key_whose_order_got_nothing_says_so_again_and_asks_nobody() {
    let world = World::new();
    world.cloud.fate(Fate::Fails(FailureClass::Quota));
    assert!(world.request_with_key(3, Some("order-7")).await.is_err());
    let again = world.request_with_key(3, Some("order-7")).await.unwrap_err();
    assert!(matches!(again, ApplicationError::NothingLaunched { .. }), "{again}");
    assert_eq!(world.cloud.state().sent.len(), 1);
}
