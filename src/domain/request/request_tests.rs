//! What a request promises, whatever happens to it in whatever order.

use std::collections::HashSet;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::domain::FailureClass;
use crate::domain::machine::{Origin, Sighting};
use crate::domain::request::{Attempt, OverMaximum, Pool, Refusal};
use crate::domain::template::{Attribute, AttributeType, Attributes, PriceType, ProviderApi, TemplateParts};

pub(in crate::domain::request) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_760_000_000 + seconds)
}

pub(in crate::domain::request) fn installation() -> InstallationId {
    "grid-1".parse().unwrap()
}

pub(in crate::domain::request) fn template() -> Template {
    let attribute = |name: &str, kind, value: &str| (name.to_owned(), Attribute(kind, value.to_owned()));
    Template::new(TemplateParts {
        id: "small".parse().unwrap(),
        max_number: (-1).try_into().unwrap(),
        attributes: Attributes::new(vec![
            attribute("type", AttributeType::String, "X86_64"),
            attribute("ncpus", AttributeType::Numeric, "1"),
            attribute("nram", AttributeType::Numeric, "1024"),
        ])
        .unwrap(),
        api: ProviderApi::Simulated,
        price_type: PriceType::OnDemand,
        launch: crate::domain::template::LaunchSettings::default(),
        priority: None,
    })
    .unwrap()
}

pub(in crate::domain::request) fn pool(n: usize) -> Pool {
    Pool {
        instance_type: Some("m6i.large".to_owned()),
        subnet: Some(format!("subnet-{n}")),
        price_type: PriceType::OnDemand,
    }
}

pub(in crate::domain::request) fn plan(pools: usize) -> LaunchPlan {
    LaunchPlan { tiers: (0..pools).map(|n| vec![pool(n)]).collect(), ..LaunchPlan::default() }
}

/// That pools lack hosts; that all do that were asked when `pool` is unset.
pub(in crate::domain::request) fn lacking(pool: Option<Pool>) -> Vec<Refusal> {
    let code = Some("InsufficientInstanceCapacity".to_owned());
    vec![Refusal { pool, class: FailureClass::Capacity, code, message: "none left".to_owned() }]
}

pub(in crate::domain::request) fn request(wanted: u32, pools: usize, policy: &RequestPolicy) -> Request {
    let id = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let mut request = Request::acquire(id, &template(), wanted.try_into().unwrap(), None, plan(pools), policy, at(0));
    request.plan_attempts(&installation(), at(0).into());
    request
}

pub(in crate::domain::request) fn sighting(n: usize, status: MachineStatus) -> Sighting {
    Sighting {
        id: format!("i-{n:017x}").parse().unwrap(),
        status,
        name: Some(format!("host-{n}").parse().unwrap()),
        private_ip: Some("10.0.0.1".to_owned()),
        public_ip: None,
        launched_at: Some(at(0)),
        instance_type: Some("m6i.large".to_owned()),
        price_type: PriceType::OnDemand,
        zone: None,
        tags: String::new(),
        reason: (status == MachineStatus::Terminated).then(|| "Server.InternalError".to_owned()),
        owner: None,
        request: None,
        template: None,
        resource: None,
        api: None,
    }
}

pub(in crate::domain::request) fn host(n: usize, status: MachineStatus) -> Machine {
    Machine::seen(&sighting(n, status), ProviderApi::Simulated, Origin::HostFactory, at(0))
}

fn counts(request: &Request) -> Vec<u32> {
    request.as_acquire().unwrap().attempts.iter().map(|attempt| attempt.count).collect()
}

#[test]
fn three_hundred_hosts_are_three_attempts_with_their_own_tokens() {
    let request = request(300, 1, &RequestPolicy::default());
    assert_eq!(counts(&request), [100, 100, 100]);
    let tokens: HashSet<_> = request.as_acquire().unwrap().attempts.iter().map(|a| a.token.clone()).collect();
    assert_eq!(tokens.len(), 3);
}

#[test]
fn what_a_pool_does_not_give_is_asked_of_the_next_as_a_new_attempt() {
    let policy = RequestPolicy::default();
    let mut request = request(10, 2, &policy);
    assert!(request.attempt_launched(1, 4, None, lacking(None)));
    assert_eq!(request.plan_attempts(&installation(), at(1).into()), 1);
    let attempts = &request.as_acquire().unwrap().attempts;
    assert_eq!((attempts[1].count, attempts[1].pools[0].subnet.as_deref()), (6, Some("subnet-1")));
    assert_ne!(attempts[0].token, attempts[1].token);
    request.attempt_failed(
        2,
        FailureClass::Capacity,
        Some("InsufficientInstanceCapacity".to_owned()),
        "none".to_owned(),
    );
    assert_eq!(request.plan_attempts(&installation(), at(2).into()), 0, "no pool is left");
}

#[test]
fn a_quota_ends_its_market_and_no_other() {
    let of = |market| move |n| Pool { price_type: market, ..pool(n) };
    let tiers = [PriceType::Spot, PriceType::Reserved, PriceType::OnDemand].map(of);
    let tiers = tiers.into_iter().flat_map(|pool| [vec![pool(0)], vec![pool(1)]]).collect();
    let policy = RequestPolicy::default();
    let id = "req-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let plan = LaunchPlan { tiers, ..LaunchPlan::default() };
    let mut request = Request::acquire(id, &template(), 4.try_into().unwrap(), None, plan, &policy, at(0));
    let asked = |request: &Request| request.as_acquire().unwrap().attempts.last().unwrap().pools[0].clone();
    let met = |request: &mut Request| {
        let number = u32::try_from(request.as_acquire().unwrap().attempts.len()).unwrap();
        request.attempt_failed(number, FailureClass::Quota, Some("VcpuLimitExceeded".to_owned()), "full".to_owned());
        request.plan_attempts(&installation(), at(1).into())
    };
    request.plan_attempts(&installation(), at(0).into());
    assert_eq!(asked(&request), of(PriceType::Spot)(0));
    assert_eq!((met(&mut request), asked(&request)), (1, of(PriceType::Reserved)(0)), "spot hosts have a quota apart");
    assert_eq!(met(&mut request), 0, "hosts of a reservation and on-demand hosts share one");
}

#[test]
fn an_ambiguous_failure_keeps_the_attempt_and_its_token() {
    let mut request = request(2, 2, &RequestPolicy::default());
    for class in [FailureClass::Network, FailureClass::Server, FailureClass::Throttle, FailureClass::AuthExpired] {
        assert!(!request.attempt_failed(1, class, None, "lost".to_owned()));
        assert_eq!(request.plan_attempts(&installation(), at(1).into()), 0);
        assert!(request.as_acquire().unwrap().attempts[0].is_open());
    }
    assert!(
        !request.settle(&[], &RequestPolicy::default(), at(100_000).into()).unwrap(),
        "the outcome is still not known"
    );
}

#[test]
fn too_large_a_batch_is_halved_down_to_one_and_then_final() {
    let mut request = request(3, 1, &RequestPolicy::default());
    request.attempt_failed(1, FailureClass::Size, None, "too many".to_owned());
    assert_eq!(request.plan_attempts(&installation(), at(1).into()), 3);
    assert_eq!(counts(&request), [3, 1, 1, 1]);
    request.attempt_failed(2, FailureClass::Size, None, "too many".to_owned());
    assert!(!request.as_acquire().unwrap().wants_attempts());
}

#[test]
fn an_outcome_is_taken_in_once() {
    let mut request = request(2, 1, &RequestPolicy::default());
    assert!(request.attempt_launched(1, 2, None, Vec::new()));
    assert!(!request.attempt_launched(1, 2, None, Vec::new()));
    assert!(!request.attempt_failed(1, FailureClass::Capacity, None, String::new()));
}

#[test]
fn a_short_request_is_complete_with_its_reasons_and_an_empty_one_is_an_error() {
    let policy = RequestPolicy::default();
    let mut short = request(2, 1, &policy);
    short.attempt_launched(1, 1, None, lacking(None));
    assert!(short.settle(&[host(1, MachineStatus::Running)], &policy, at(5).into()).unwrap());
    assert_eq!(short.status(), RequestStatus::Complete);
    assert!(short.message().starts_with("1 of 2 hosts are usable"), "{}", short.message());

    let mut empty = request(2, 1, &policy);
    empty.attempt_failed(1, FailureClass::Invalid, None, "invalid: Error Code: InvalidAMIID.NotFound".to_owned());
    assert!(empty.settle(&[], &policy, at(5).into()).unwrap());
    assert_eq!(empty.status(), RequestStatus::CompleteWithError);
    assert!(empty.message().contains("InvalidAMIID.NotFound") && empty.message().contains("m6i.large"));

    let strict = RequestPolicy { partial: PartialStatus::CompleteWithError, ..policy };
    let mut short = request(2, 1, &strict);
    short.attempt_launched(1, 1, None, lacking(None));
    short.settle(&[host(1, MachineStatus::Running)], &strict, at(5).into()).unwrap();
    assert_eq!(short.status(), RequestStatus::CompleteWithError);
}

#[test]
fn a_failed_host_keeps_the_request_running_until_the_cloud_took_the_order_to_end_it() {
    let policy = RequestPolicy::default();
    let mut request = request(1, 1, &policy);
    request.attempt_launched(1, 1, None, Vec::new());
    let mut stuck = host(1, MachineStatus::Pending);
    assert!(!request.settle(std::slice::from_ref(&stuck), &policy, at(181).into()).unwrap());
    stuck.end_accepted(at(182), "stuck");
    assert!(request.settle(&[stuck], &policy, at(183).into()).unwrap());
    assert_eq!(request.status(), RequestStatus::CompleteWithError);
}

#[test]
fn a_verdict_is_frozen() {
    let policy = RequestPolicy::default();
    let mut request = request(1, 1, &policy);
    request.attempt_launched(1, 1, None, Vec::new());
    request.settle(&[host(1, MachineStatus::Running)], &policy, at(5).into()).unwrap();
    let settled = request.snapshot().clone();
    assert!(!request.settle(&[host(1, MachineStatus::Terminated)], &policy, at(99_999).into()).unwrap());
    assert_eq!(*request.snapshot(), settled);
}

#[test]
fn a_return_is_complete_once_all_have_ended_and_says_what_has_not() {
    let policy = RequestPolicy::default();
    let item = |n: usize| ReturnItem::named(Some(format!("i-{n:017x}").parse().unwrap()), None);
    let id: RequestId = "ret-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let mut request = Request::give_back(id.clone(), vec![item(1), item(2)], &policy, at(0)).unwrap();
    let hosts = [host(1, MachineStatus::Terminated), host(2, MachineStatus::ShuttingDown)];
    assert!(!request.settle(&hosts, &policy, at(5).into()).unwrap());
    let mut late = request.clone();
    assert!(late.settle(&hosts, &policy, at(3600).into()).unwrap());
    assert_eq!(late.status(), RequestStatus::CompleteWithError);
    assert!(late.message().contains("i-00000000000000002"), "{}", late.message());
    assert!(
        request
            .settle(&[host(1, MachineStatus::Terminated), host(2, MachineStatus::Terminated)], &policy, at(6).into())
            .unwrap()
    );
    assert_eq!((request.status(), request.message()), (RequestStatus::Complete, ""));
    assert!(Request::give_back(id, vec![], &policy, at(0)).is_err());
}

proptest! {
    #[test]
    fn whatever_happens_states_only_move_forward_and_counts_never_go_wrong(
        wanted in 1_u32..400,
        pools in 1_usize..4,
        batch in 1_u32..120,
        steps in proptest::collection::vec((0_usize..(5 + FailureClass::ALL.len()), 0_u32..130, 0_i64..2000), 1..60),
    ) {
        let policy = RequestPolicy {
            batch_limit: batch,
            acquire_deadline: Duration::from_mins(15),
            over_maximum: OverMaximum::Refuse,
            ..RequestPolicy::default()
        };
        let mut request = request(wanted, pools, &policy);
        let mut machines: Vec<Machine> = Vec::new();
        for (step, number, second) in steps {
            let before = request.snapshot().clone();
            let launched = |request: &Request| -> u32 {
                request.as_acquire().unwrap().attempts.iter().map(Attempt::brought).sum()
            };
            match step {
                0 => { request.plan_attempts(&installation(), at(second).into()); }
                1 => { request.settle(&machines, &policy, at(second).into()).unwrap(); }
                2 => {
                    let sought = request.as_acquire().unwrap().attempts.iter().find(|a| a.number == number).cloned();
                    if let Some(attempt) = sought {
                        let hosts = attempt.count.min(number / 2 + 1).max(attempt.brought());
                        let refusals = if second % 2 == 0 { lacking(None) } else { Vec::new() };
                        let came = hosts - attempt.brought();
                        if request.attempt_launched(attempt.number, hosts, None, refusals) {
                            let first = machines.len();
                            machines.extend((0..came as usize).map(|n| host(first + n, MachineStatus::Running)));
                        }
                    }
                }
                3 => { request.attempt_filling(number, format!("fleet-{number}")); }
                4 => {
                    let sought = request.as_acquire().unwrap().attempts.iter().find(|a| a.number == number).cloned();
                    if let Some(attempt) = sought.filter(|a| a.filling().is_some() && a.brought() < a.count) {
                        request.attempt_progress(number, attempt.brought() + 1, None);
                        machines.push(host(machines.len(), MachineStatus::Running));
                    }
                }
                _ => {
                    let class = FailureClass::ALL[step - 5];
                    request.attempt_failed(number, class, None, format!("{class:?}"));
                }
            }
            let acquire = request.as_acquire().unwrap();
            prop_assert!(acquire.claimed() <= wanted, "never more than wanted");
            prop_assert_eq!(launched(&request) as usize, machines.len());
            let tokens: HashSet<_> = acquire.attempts.iter().map(|a| a.token.clone()).collect();
            prop_assert_eq!(tokens.len(), acquire.attempts.len(), "a token for each attempt");
            prop_assert!(!before.status.is_settled() || before == *request.snapshot(), "settled is settled");
            prop_assert!(!request.is_settled() || !acquire.may_bring_more());
        }
    }
}

#[test]
fn row_74_hosts_that_are_taken_back_for_want_of_capacity_are_asked_for_again_once_each() {
    let taken_back = |n| {
        let mut machine = host(n, MachineStatus::Pending);
        machine.see(&Sighting {
            status: MachineStatus::Terminated,
            reason: Some("Server.InsufficientInstanceCapacity: none left".to_owned()),
            ..sighting(n, MachineStatus::Pending)
        });
        machine
    };
    let policy = RequestPolicy::default();
    let mut request = request(2, 1, &policy);
    assert!(request.attempt_launched(1, 2, None, Vec::new()));
    let lost = [taken_back(1), host(2, MachineStatus::Running)];
    for _ in 0..3 {
        request.count_lost(&lost);
    }
    assert_eq!(request.plan_attempts(&installation(), at(5).into()), 1);
    assert_eq!(request.as_acquire().unwrap().attempts.last().unwrap().count, 1);
    assert!(!request.settle(&lost, &policy, at(6).into()).unwrap(), "another is on its way");
    assert!(request.attempt_launched(2, 1, None, Vec::new()));
    let hosts = [taken_back(1), host(2, MachineStatus::Running), host(3, MachineStatus::Running)];
    assert!(request.settle(&hosts, &policy, at(7).into()).unwrap());
    assert_eq!(request.status(), RequestStatus::Complete);
}
