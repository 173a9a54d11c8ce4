//! What polling a request promises, whatever the cloud shows.

use std::time::Duration;

use crate::application::ports::{Changes, Clock, MachineRepository, Owner, UnitOfWork};
use crate::application::queries::HostResult;
use crate::application::testing::{Fate, World, template};
use crate::application::{ApplicationError, StorageError};
use crate::domain::machine::{Interruption, MachineStatus};
use crate::domain::request::{PartialStatus, Request, RequestStatus};
use crate::domain::{FailureClass, RequestId};

#[tokio::test]
async fn a_settled_request_is_answered_without_the_cloud() {
    let world = World::new();
    let (id, _) = world.running(2).await;
    let looks = world.cloud.state().looks;
    let first = world.view(&id).await;
    world.cloud.state().blind = Some(FailureClass::AuthExpired);
    assert_eq!(world.poll(&id).await, first);
    assert_eq!(world.cloud.state().looks, looks);
}

#[tokio::test]
async fn a_verdict_stays_when_hosts_are_lost_later() {
    let world = World::new();
    let (id, hosts) = world.running(2).await;
    let first = world.view(&id).await;
    world.cloud.set(hosts[0].id.as_ref().unwrap(), MachineStatus::Terminated);
    assert_eq!(world.lost(&hosts).await.len(), 1);
    assert_eq!(world.poll(&id).await, first);
}

#[tokio::test]
async fn a_cloud_that_cannot_be_seen_changes_nothing_and_the_request_runs_on() {
    let world = World::new();
    let id = world.request(2).await.unwrap();
    for class in [FailureClass::Throttle, FailureClass::Server, FailureClass::Network, FailureClass::Unreachable] {
        world.cloud.state().blind = Some(class);
        let report = world.sync(&id).await.unwrap();
        assert!(report.unconfirmed.contains_key(&id));
        world.clock.pass(100);
    }
    world.cloud.state().blind = None;
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 2);
}

#[tokio::test]
async fn credentials_that_do_not_work_stop_the_call() {
    let world = World::new();
    let id = world.request(2).await.unwrap();
    world.cloud.state().blind = Some(FailureClass::AuthExpired);
    assert!(matches!(world.sync(&id).await, Err(ApplicationError::Provider(error)) if error.is_auth()));
}

#[tokio::test]
async fn answers_that_are_suddenly_empty_fail_no_host_for_five_minutes() {
    let world = World::new();
    let id = world.request(2).await.unwrap();
    world.cloud.state().empty = true;
    for _ in 0..10 {
        assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
        world.clock.pass(15);
    }
    world.cloud.state().empty = false;
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 2);
}

#[tokio::test]
async fn a_host_stuck_pending_is_ended_and_reported() {
    let world = World::new();
    let id = world.request(2).await.unwrap();
    world.cloud.boot();
    let stuck = world.cloud.state().hosts.keys().next().unwrap().clone();
    world.cloud.set(&stuck, MachineStatus::Pending);
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    world.clock.pass(181);
    let view = world.poll(&id).await;
    assert_eq!((view.status, world.cloud.state().ended.clone()), (RequestStatus::Complete, vec![stuck]));
    assert!(view.message.contains("1 of 2 hosts are usable") && view.message.contains("pending for more than 180"));
}

#[tokio::test]
async fn a_host_that_was_given_up_is_ended_though_it_runs_in_the_end() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    let late = world.cloud.state().hosts.keys().next().unwrap().clone();
    world.cloud.state().protected.push(late.clone());
    world.clock.pass(181);
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    world.cloud.boot();
    // As another process would, that sees it run while the first is about to end it.
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::Running, HostResult::Fail));
    world.cloud.state().protected.clear();
    assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError);
    assert_eq!(world.cloud.state().ended, [late]);
}

#[tokio::test]
async fn an_attempt_that_others_may_have_sent_stays_open_though_the_cloud_cannot_be_reached_now() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(1).await.unwrap();
    world.cloud.fate(Fate::Fails(FailureClass::Unreachable));
    let report = world.sync(&id).await.unwrap();
    assert!(report.unconfirmed.contains_key(&id), "{report:?}");
    assert_eq!(world.view(&id).await.status, RequestStatus::Running);
    world.sync(&id).await.unwrap();
    assert_eq!(world.store.machines_of(&id).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_process_that_comes_late_ends_no_host_that_was_delivered_meanwhile() {
    let world = World::new();
    let (id, hosts) = world.running(1).await;
    let host = hosts[0].id.clone().unwrap();
    {
        let taken = Interruption::spot("marked-for-termination", world.clock.now());
        let mut state = world.cloud.state();
        state.hosts.get_mut(&host).unwrap().price_type = crate::domain::template::PriceType::Spot;
        state.notices.push((host, taken));
    }
    let engine = world.engine();
    let seen = engine.look(&world.store.machines_of(&id).await.unwrap()).await.unwrap();
    engine.judge(&id, &seen).await.unwrap();
    assert!(world.cloud.state().ended.is_empty());
    assert_eq!(world.lost(&hosts).await.len(), 1);
}

#[tokio::test]
async fn a_clock_of_the_cloud_that_is_an_hour_late_ends_no_host() {
    let world = World::new();
    world.cloud.state().seconds_late = 3600;
    let id = world.request(1).await.unwrap();
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    assert!(world.cloud.state().ended.is_empty());
}

#[tokio::test]
async fn a_failed_host_that_cannot_be_ended_keeps_the_request_running() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    let host = world.cloud.state().hosts.keys().next().unwrap().clone();
    world.cloud.state().protected.push(host);
    world.clock.pass(181);
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
    world.cloud.state().protected.clear();
    assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError);
}

#[tokio::test]
async fn hosts_that_die_at_boot_are_listed_with_their_reason_once_they_had_a_name() {
    let world = World::new();
    let id = world.request(2).await.unwrap();
    world.cloud.boot();
    {
        let mut state = world.cloud.state();
        let dead = state.hosts.values_mut().next().unwrap();
        dead.status = MachineStatus::Terminated;
        dead.reason = Some("Client.InternalError: no right to the key".to_owned());
    }
    let view = world.poll(&id).await;
    let failed: Vec<_> = view.hosts.iter().filter(|host| host.result == HostResult::Fail).collect();
    assert_eq!((view.status, failed.len(), view.hosts.len()), (RequestStatus::Complete, 1, 2));
    assert!(failed[0].message.contains("Client.InternalError"));
}

#[tokio::test]
async fn a_partly_filled_request_can_be_reported_as_an_error() {
    let mut world = World::new();
    world.policy.partial = PartialStatus::CompleteWithError;
    world.cloud.fate(Fate::Launches(1));
    world.cloud.fate(Fate::Fails(FailureClass::Capacity));
    let (id, _) = world.running(2).await;
    let view = world.view(&id).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::CompleteWithError, HostResult::Succeed));
}

#[tokio::test]
async fn a_spot_host_marked_for_interruption_fails_while_its_request_is_open() {
    let world = World::new();
    let id = world.request(1).await.unwrap();
    world.cloud.boot();
    let host = world.cloud.state().hosts.keys().next().unwrap().clone();
    {
        let mut state = world.cloud.state();
        state.hosts.get_mut(&host).unwrap().price_type = crate::domain::template::PriceType::Spot;
        let at = crate::domain::Timestamp::from_seconds(1_760_000_000);
        state.notices.push((host.clone(), Interruption::spot("marked-for-termination", at)));
    }
    let view = world.poll(&id).await;
    assert_eq!((view.status, view.hosts[0].result), (RequestStatus::CompleteWithError, HostResult::Fail));
}

/// Commits a request with its intent and stops there, as a process that is killed before its call.
async fn killed_before_the_call(world: &World, count: u32) -> RequestId {
    let engine = world.engine();
    let id: RequestId = "req-00000000-0000-4000-8000-000000000001".parse().unwrap();
    let template = template("small", -1, None);
    let owner = Owner {
        installation: "grid-1".parse().unwrap(),
        request: id.clone(),
        template: template.id().clone(),
        account: None,
    };
    let now = engine.clock.now();
    let plan = engine.fulfilment(template.api()).unwrap().prepare(&template, &owner).await.unwrap();
    let count = count.try_into().unwrap();
    let mut request = Request::acquire(id.clone(), &template, count, None, plan, &world.policy, now);
    request.plan_attempts(&owner.installation, now.into());
    let changes = Changes { requests: vec![&mut request], template: Some(&template), ..Changes::default() };
    world.store.commit(changes, now).await.unwrap();
    id
}

#[tokio::test]
async fn an_intent_that_was_never_sent_is_sent_once_by_a_later_call() {
    let world = World::new();
    let id = killed_before_the_call(&world, 3).await;
    for _ in 0..3 {
        world.sync(&id).await.unwrap();
    }
    assert_eq!((world.cloud.live(), world.cloud.state().sent.len()), (3, 1));
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 3);
}

#[tokio::test]
async fn an_intent_found_after_its_deadline_is_looked_up_and_never_sent() {
    let world = World::new();
    let id = killed_before_the_call(&world, 3).await;
    world.clock.pass(Duration::from_mins(16).as_secs().cast_signed());
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running, "an empty look-up proves nothing yet");
    world.clock.pass(Duration::from_mins(5).as_secs().cast_signed());
    assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError);
    assert_eq!(world.cloud.state().sent.len(), 0);
}

#[tokio::test]
async fn polls_at_once_send_the_same_token_and_take_the_hosts_in_once() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(3).await.unwrap();
    let (one, two, three) = tokio::join!(world.sync(&id), world.sync(&id), world.sync(&id));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    world.cloud.boot();
    assert_eq!((world.poll(&id).await.hosts.len(), world.cloud.live()), (3, 3));
}

#[tokio::test]
async fn user_data_that_has_changed_is_never_sent_under_an_old_token() {
    let world = World::new();
    *world.templates.0.lock().unwrap() = vec![template("small", -1, Some("#!/bin/sh\none"))];
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(2).await.unwrap();
    *world.templates.0.lock().unwrap() = vec![template("small", -1, Some("#!/bin/sh\ntwo"))];
    world.cloud.boot();
    let view = world.poll(&id).await;
    assert_eq!((view.hosts.len(), world.cloud.state().sent.len()), (2, 1), "found by its token, not sent again");
}

#[tokio::test]
async fn an_attempt_that_may_not_be_sent_again_is_given_up_once_its_token_has_shown_no_host_for_five_minutes() {
    let world = World::new();
    *world.templates.0.lock().unwrap() = vec![template("small", -1, Some("#!/bin/sh\none"))];
    world.cloud.fate(Fate::Fails(FailureClass::Network));
    let id = world.request(2).await.unwrap();
    *world.templates.0.lock().unwrap() = vec![template("small", -1, Some("#!/bin/sh\ntwo"))];
    for _ in 0..4 {
        assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
        world.clock.pass(74);
    }
    world.clock.pass(4);
    assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError);
    assert_eq!(world.cloud.state().sent.len(), 1);
}

#[tokio::test]
async fn an_attempt_that_is_overdue_is_given_up_five_minutes_after_the_last_time_that_it_may_have_been_sent() {
    let world = World::new();
    for _ in 0..40 {
        world.cloud.fate(Fate::Fails(FailureClass::Network));
    }
    let id = world.request(1).await.unwrap();
    for _ in 0..20 {
        assert_eq!(world.poll(&id).await.status, RequestStatus::Running);
        world.clock.pass(59);
    }
    assert_eq!(world.poll(&id).await.status, RequestStatus::Running, "19 minutes and 40 seconds");
    world.clock.pass(20);
    assert_eq!(world.poll(&id).await.status, RequestStatus::CompleteWithError);
}

#[tokio::test]
async fn a_host_that_ran_and_dies_says_nothing_about_how_its_template_boots() {
    let mut world = World::new();
    world.care.brake.deaths = 1;
    let id = world.request(2).await.unwrap();
    world.cloud.boot();
    let hosts: Vec<_> = world.cloud.state().hosts.keys().cloned().collect();
    world.cloud.set(&hosts[1], MachineStatus::Pending);
    world.poll(&id).await;
    world.cloud.set(&hosts[0], MachineStatus::Terminated);
    world.poll(&id).await;
    assert!(world.request(1).await.is_ok());
    world.cloud.set(&hosts[1], MachineStatus::Terminated);
    world.poll(&id).await;
    assert!(world.request(1).await.unwrap_err().to_string().contains("out of use"));
}

#[tokio::test]
async fn credentials_that_are_refused_in_a_launch_stop_the_call_and_keep_the_attempt() {
    let world = World::new();
    world.cloud.fate(Fate::AnswerLost);
    let id = world.request(1).await.unwrap();
    world.cloud.fate(Fate::Fails(FailureClass::AuthExpired));
    assert!(matches!(world.sync(&id).await, Err(ApplicationError::Provider(error)) if error.is_auth()));
    world.cloud.boot();
    assert_eq!(world.poll(&id).await.hosts.len(), 1);
}

#[tokio::test]
async fn a_decision_is_taken_anew_twelve_times_when_others_are_faster_and_then_the_call_fails() {
    for (conflicts, works) in [(12, true), (13, false)] {
        let world = World::new();
        let id = world.request(1).await.unwrap();
        world.cloud.boot();
        for _ in 0..conflicts {
            world.store.fail_next_commit(StorageError::Conflict { id: "x".to_owned() });
        }
        assert_eq!(world.sync(&id).await.is_ok(), works);
    }
}

#[tokio::test]
async fn hosts_of_a_forgotten_request_are_taken_in_though_others_are_faster_twelve_times() {
    for (conflicts, works) in [(12, true), (13, false)] {
        let world = World::new();
        let before = world.store.state();
        let id = world.request(1).await.unwrap();
        world.cloud.boot();
        world.store.restore(before);
        for _ in 0..conflicts {
            world.store.fail_next_commit(StorageError::Conflict { id: "x".to_owned() });
        }
        assert_eq!(world.sync(&id).await.is_ok(), works);
        assert_eq!(world.store.state().requests.len(), usize::from(works));
    }
}

#[tokio::test]
async fn a_request_that_the_store_forgot_is_rebuilt_from_its_tag() {
    let (world, forgetful) = (World::new(), World::new());
    let (id, _) = world.running(2).await;
    let after = World { store: forgetful.store, ..world };
    let view = after.poll(&id).await;
    assert_eq!((view.status, view.hosts.len(), after.cloud.state().sent.len()), (RequestStatus::Complete, 2, 1));
}

#[tokio::test]
async fn an_unknown_id_is_not_confirmed_while_the_cloud_cannot_be_asked() {
    let world = World::new();
    let id: RequestId = "req-00000000-0000-4000-8000-00000000000f".parse().unwrap();
    world.cloud.state().blind = Some(FailureClass::Throttle);
    assert!(world.sync(&id).await.unwrap().unconfirmed.contains_key(&id));
    world.cloud.state().blind = None;
    assert!(world.sync(&id).await.unwrap().unconfirmed.is_empty());
    assert!(world.engine().load(&id).await.unwrap().is_none());
}
