//! What becomes of a request's attempts, one pool or several, at once or by and by.

use std::time::Duration;

use super::*;
use crate::domain::machine::{Machine, MachineStatus};
use crate::domain::request::request::tests::{at, host, installation, lacking, plan, pool, request, template};
use crate::domain::request::{LaunchPlan, RequestPolicy, RequestStatus};

#[test]
fn of_pools_that_are_asked_together_those_that_gave_nothing_are_left_out_next_time() {
    let policy = RequestPolicy::default();
    let together = LaunchPlan { tiers: vec![vec![pool(0), pool(1)], vec![pool(2)]], ..LaunchPlan::default() };
    let id = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let mut request = Request::acquire(id, &template(), 10.try_into().unwrap(), None, together, &policy, at(0));
    let mut next = |lacking: Option<Vec<Refusal>>| {
        if let Some(refusals) = lacking {
            let last = request.as_acquire().unwrap().attempts.last().unwrap().number;
            assert!(request.attempt_launched(last, 1, Some("fleet-1".to_owned()), refusals));
        }
        request.plan_attempts(&installation(), at(1).into());
        let acquire = request.as_acquire().unwrap();
        let open = acquire.attempts.last().filter(|attempt| attempt.is_open());
        open.map(|attempt| (attempt.count, attempt.pools.clone()))
    };
    assert_eq!(next(None), Some((10, vec![pool(0), pool(1)])));
    assert_eq!(next(Some(lacking(Some(pool(1))))), Some((9, vec![pool(0)])));
    assert_eq!(next(Some(lacking(None))), Some((8, vec![pool(2)])));
    // The cloud slowed down or gave no reason: the same pools once more, and not for ever.
    assert_eq!(next(Some(Vec::new())), Some((7, vec![pool(2)])));
    assert_eq!(next(Some(Vec::new())), Some((6, vec![pool(2)])));
    assert_eq!(next(Some(Vec::new())), None);
}

#[test]
fn a_refusal_that_no_other_pool_can_mend_ends_the_asking_and_keeps_what_came() {
    let policy = RequestPolicy::default();
    let mut request = request(2, 3, &policy);
    let refusal = Refusal {
        pool: Some(pool(0)),
        class: FailureClass::AuthDenied,
        code: Some("UnauthorizedOperation".to_owned()),
        message: "not allowed".to_owned(),
    };
    assert!(request.attempt_launched(1, 1, None, vec![refusal]));
    assert_eq!(request.plan_attempts(&installation(), at(1).into()), 0);
    assert!(request.settle(&[host(1, MachineStatus::Running)], &policy, at(2).into()).unwrap());
    assert_eq!(request.status(), RequestStatus::Complete);
    assert!(request.message().contains("1 of 2 hosts are usable. not allowed"), "{}", request.message());
}

#[test]
fn what_launches_by_itself_keeps_its_claim_until_it_is_concluded() {
    let policy = RequestPolicy::default();
    let mut request = request(10, 2, &policy);
    assert!(request.attempt_filling(1, "fleet-1".to_owned()));
    assert!(!request.attempt_filling(1, "fleet-2".to_owned()), "another process was faster");
    request.attempt_progress(1, 4, None);
    request.attempt_progress(1, 3, Some(lacking(None)));
    let claims = |request: &Request| request.as_acquire().unwrap().claimed();
    assert!(!request.attempt_failed(1, FailureClass::Capacity, None, "none".to_owned()), "another process was told so");
    assert!(!request.attempt_given_up(1));
    assert_eq!((claims(&request), request.as_acquire().unwrap().attempts[0].brought()), (10, 4));
    assert_eq!(request.plan_attempts(&installation(), at(1).into()), 0);
    assert!(!request.settle(&[], &policy, at(100_000).into()).unwrap(), "more may come of it");
    assert!(request.attempt_launched(1, 4, Some("fleet-1".to_owned()), lacking(None)));
    assert_eq!(request.plan_attempts(&installation(), at(2).into()), 1);
    assert_eq!(claims(&request), 10);
}

#[test]
fn where_types_are_weighted_capacity_units_are_counted() {
    let policy = RequestPolicy::default();
    let weights = [("m6i.large".to_owned(), 3)].into();
    let weighted = LaunchPlan { weights, batch_limit: Some(1000), ..plan(1) };
    let id = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let mut request = Request::acquire(id, &template(), 7.try_into().unwrap(), None, weighted, &policy, at(0));
    request.plan_attempts(&installation(), at(0).into());
    assert!(request.attempt_launched(1, 9, None, Vec::new()), "capacity is rounded up by less than one host");
    let hosts: Vec<Machine> = (0..3)
        .map(|n| {
            let mut host = host(n, MachineStatus::Running);
            host.belong(Some(&"fleet-1".to_owned()), 3);
            host
        })
        .collect();
    assert_eq!(request.plan_attempts(&installation(), at(1).into()), 0);
    assert!(request.settle(&hosts, &policy, at(2).into()).unwrap());
    assert_eq!((request.status(), request.message()), (RequestStatus::Complete, ""));
}

#[test]
fn half_of_the_time_is_kept_for_the_tier_after_it() {
    let policy = RequestPolicy::default();
    let deadline = at(900);
    let until = |tiers: usize, fill_seconds| {
        let id = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
        let plan = LaunchPlan { fill_seconds, ..plan(tiers) };
        let mut request = Request::acquire(id, &template(), 1.try_into().unwrap(), None, plan, &policy, at(0));
        request.plan_attempts(&installation(), at(100).into());
        let acquire = request.as_acquire().unwrap();
        acquire.fill_until(&acquire.attempts[0], deadline)
    };
    assert_eq!(until(1, None), deadline);
    assert_eq!(until(2, None), at(500));
    assert_eq!(until(2, Some(60)), at(160));
    assert_eq!(until(1, Some(100_000)), deadline);
}

#[test]
fn attempts_and_plans_of_schema_2_are_read() {
    let acquire = request(1, 2, &RequestPolicy::default());
    let mut stored = serde_json::to_value(acquire.as_acquire().unwrap()).unwrap();
    stored["attempts"][0]["pool"] = stored["attempts"][0]["pools"][0].take();
    stored["attempts"][0].as_object_mut().unwrap().remove("pools");
    stored["plan"]["pools"] = serde_json::json!([stored["plan"]["tiers"][0][0], stored["plan"]["tiers"][1][0]]);
    stored["plan"].as_object_mut().unwrap().remove("tiers");
    let read: super::super::Acquire = serde_json::from_value(stored).unwrap();
    assert_eq!(&read, acquire.as_acquire().unwrap());
}

#[test]
fn a_request_that_nobody_asked_about_says_so_and_after_how_long() {
    let policy = RequestPolicy::default();
    let mut forgotten = request(1, 1, &policy);
    assert!(!forgotten.abandon(Duration::from_hours(1)).unwrap(), "it may have launched something");
    forgotten.attempt_failed(1, FailureClass::Capacity, None, "none".to_owned());
    assert!(forgotten.abandon(Duration::from_hours(1)).unwrap());
    assert!(forgotten.message().contains("within 60 minutes"), "{}", forgotten.message());
}

#[test]
fn a_found_host_is_taken_in_by_an_open_request_that_lacks_as_much_and_by_no_other() {
    let policy = RequestPolicy::default();
    let found = host(7, MachineStatus::Running);
    let lacking_one = || {
        let mut request = request(3, 1, &policy);
        request.attempt_launched(1, 2, None, lacking(None));
        request
    };
    assert!(lacking_one().adopt_more(found.id(), 1));
    assert!(!lacking_one().adopt_more(found.id(), 2), "it would be too much");
    assert!(!request(3, 1, &policy).adopt_more(found.id(), 1), "an attempt accounts for it");
    let mut settled = lacking_one();
    assert!(settled.settle(&[host(1, MachineStatus::Running)], &policy, at(1).into()).unwrap());
    let before = settled.snapshot().clone();
    assert!(!settled.adopt_more(found.id(), 1) && *settled.snapshot() == before);
    let mut open = request(3, 1, &policy);
    open.attempt_filling(1, "fleet-1".to_owned());
    assert!(!open.adopt_more(found.id(), 1), "a fleet accounts for it");
}
