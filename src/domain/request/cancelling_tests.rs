//! What giving a request up by hand promises.

use super::*;
use crate::domain::machine::MachineStatus;
use crate::domain::request::request::tests::{at, host, installation, request};
use crate::domain::request::{RequestStatus, ReturnItem};

#[test]
fn a_cancelled_request_asks_for_nothing_more_and_settles_with_an_error_once_its_hosts_are_told_to_end() {
    let policy = RequestPolicy::default();
    let mut request = request(2, 2, &policy);
    assert!(request.attempt_launched(1, 1, None, Vec::new()));
    let mut hosts = vec![host(1, MachineStatus::Running)];
    assert!(request.cancel(at(5)).unwrap());
    assert!(!request.cancel(at(6)).unwrap(), "once is enough");
    assert_eq!(request.plan_attempts(&installation(), at(6).into()), 0);
    assert!(!request.settle(&hosts, &policy, at(6).into()).unwrap(), "a host that is held is still to be ended");
    hosts[0].give_up(CANCELLED);
    hosts[0].end_accepted(at(7), CANCELLED);
    assert!(request.settle(&hosts, &policy, at(7).into()).unwrap());
    assert_eq!(request.status(), RequestStatus::CompleteWithError);
    assert!(
        request.message().starts_with("cancelled by the operator. 0 of 2 hosts are usable"),
        "{}",
        request.message()
    );
    let cancelled = |event: &&RequestEvent| matches!(event, RequestEvent::RequestCancelled { .. });
    assert_eq!(request.pending_events().iter().filter(cancelled).count(), 1);
}

#[test]
fn what_a_call_may_still_bring_is_waited_for() {
    let policy = RequestPolicy::default();
    let mut request = request(1, 1, &policy);
    request.cancel(at(5)).unwrap();
    assert!(!request.settle(&[], &policy, at(6).into()).unwrap(), "its outcome is not known");
    assert!(request.attempt_given_up(1));
    assert!(request.settle(&[], &policy, at(6).into()).unwrap());
}

#[test]
fn settled_requests_and_returns_cannot_be_cancelled() {
    let policy = RequestPolicy::default();
    let mut settled = request(1, 1, &policy);
    settled.attempt_launched(1, 1, None, Vec::new());
    assert!(settled.settle(&[host(1, MachineStatus::Running)], &policy, at(5).into()).unwrap());
    let error = settled.cancel(at(6)).unwrap_err().to_string();
    assert!(error.contains("machines return --all-of"), "{error}");
    let items = vec![ReturnItem::named(Some("i-0123456789abcdef0".parse().unwrap()), None)];
    let id = "ret-6b1f2c4e-2a51-4c3e-9d52-1f0a7c9be101".parse().unwrap();
    let mut back = Request::give_back(id, items, &policy, at(0)).unwrap();
    assert!(back.cancel(at(1)).unwrap_err().to_string().contains("cannot be taken back"));
}
