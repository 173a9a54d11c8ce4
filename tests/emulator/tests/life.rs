//! What happens to hosts besides launch and termination, rights and rates.

use std::time::Duration;

use hostfactory_emulator::{Emulator, Settings, State, Which};

use crate::client::{ask, ask_about, filtered, frozen, hosts, run};

#[test]
fn a_killed_host_says_why_and_by_whom() {
    let emulator = frozen();
    let ids = hosts(&emulator, 3, &[]);
    emulator.kill(&ids[0], "Server.InsufficientInstanceCapacity", "no room").unwrap();
    let seen = filtered(&emulator, "instance-id", &ids[0]);
    assert_eq!((seen.one("name"), seen.one("message")), ("terminated", "no room"));
    assert!(seen.body.contains("<code>Server.InsufficientInstanceCapacity</code>"));
    emulator.kill_by_hand(Which::Newest(1)).unwrap();
    assert_eq!(emulator.truth().live().ids(), ids[1..2]);
    emulator.kill_by_hand(Which::All).unwrap();
    assert!(emulator.truth().live().is_empty() && emulator.truth().ended_by_calls().is_empty());
    assert!(emulator.kill_by_hand("i-00000000000000001").unwrap_err().contains("i-00000000000000001"));
}

#[test]
fn a_stopped_host_keeps_its_name_and_can_be_terminated() {
    let emulator = frozen();
    let ids = hosts(&emulator, 1, &[]);
    emulator.clock_advance(Duration::from_mins(1));
    emulator.stop(&ids[0]).unwrap();
    assert_eq!(filtered(&emulator, "instance-id", &ids[0]).one("name"), "stopping");
    emulator.clock_advance(Duration::from_secs(30));
    let seen = filtered(&emulator, "instance-id", &ids[0]);
    assert_eq!((seen.one("name"), seen.one("code")), ("stopped", "80"));
    assert!(!seen.one("privateDnsName").is_empty());
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids).all("name"), ["shutting-down", "stopped"]);
}

#[test]
fn a_vanished_host_is_unknown_to_calls_and_known_to_the_truth() {
    let emulator = frozen();
    let ids = hosts(&emulator, 2, &[]);
    emulator.vanish(&ids[0]).unwrap();
    assert_eq!(ask_about(&emulator, "TerminateInstances", &ids).code(), "InvalidInstanceID.NotFound");
    assert_eq!(ask(&emulator, "DescribeInstances", &[]).all("instanceId"), ids[1..]);
    assert_eq!(emulator.truth().live().len(), 2);
}

#[test]
fn a_host_may_run_without_an_address_or_never_run() {
    let emulator = frozen();
    emulator.edit(hostfactory_emulator::Edit::Addresses { given: false }).unwrap();
    hosts(&emulator, 1, &[]);
    emulator.clock_advance(Duration::from_mins(1));
    let seen = ask(&emulator, "DescribeInstances", &[]);
    assert_eq!((seen.one("name"), seen.one("privateDnsName")), ("running", ""));
    emulator.boot(Duration::from_hours(1_000));
    let ids = hosts(&emulator, 1, &[]);
    emulator.clock_advance(Duration::from_hours(999));
    assert_eq!(emulator.truth().instance(&ids[0]).unwrap().state, State::Pending);
}

#[test]
fn the_most_at_once_counts_hosts_that_live_together() {
    let emulator = frozen();
    let first = hosts(&emulator, 3, &[]);
    emulator.clock_advance(Duration::from_secs(1));
    ask_about(&emulator, "TerminateInstances", &first[..2]);
    hosts(&emulator, 2, &[]);
    assert_eq!((emulator.truth().len(), emulator.truth().most_at_once()), (5, 3));
}

#[test]
fn expired_keys_denied_actions_and_stale_signatures_are_refused() {
    let emulator = frozen();
    emulator.expire_credentials("AKIDTEST", true);
    assert_eq!(run(&emulator, 1, &[]).code(), "RequestExpired");
    emulator.expire_credentials("AKIDTEST", false);
    emulator.unauthorized("RunInstances", true);
    let denied = run(&emulator, 1, &[]);
    assert_eq!((denied.status, denied.code()), (403, "UnauthorizedOperation"));
    assert!(denied.one("Message").contains("Encoded authorization failure message:"));
    emulator.unauthorized("RunInstances", false);
    emulator.skew(3_600);
    assert_eq!(run(&emulator, 1, &[]).code(), "RequestExpired", "no date is no date");
    assert!(emulator.truth().is_empty());
}

#[test]
fn buckets_throttle_when_they_are_on_and_refill_with_the_clock() {
    let emulator = Emulator::with(Settings { frozen: true, throttling: true, ..Settings::default() }).unwrap();
    assert!((0..5).all(|_| run(&emulator, 1, &[]).status == 200));
    let throttled = run(&emulator, 1, &[]);
    assert_eq!((throttled.status, throttled.code()), (503, "RequestLimitExceeded"));
    emulator.clock_advance(Duration::from_millis(500));
    assert_eq!(run(&emulator, 997, &[]).code(), "RequestLimitExceeded", "995 of 1,000 were left, and one came back");
    emulator.clock_advance(Duration::from_secs(1));
    assert_eq!(run(&emulator, 900, &[]).status, 200);
    assert_eq!((0..60).filter(|_| ask(&emulator, "DescribeInstances", &[]).status == 200).count(), 50, "unfiltered");
    assert_eq!((0..120).filter(|_| filtered(&emulator, "client-token", "t").status == 200).count(), 100);
}
