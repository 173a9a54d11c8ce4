//! Section E: the network, and what AWS answers.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use hostfactory_emulator::{Fault, Garble, SUBNETS};
use serde_json::json;

use super::bench::{Bench, on_both_stores};
use super::words::{about, order, template, told, within};
use crate::life::Grid;

/// What a call may take while the cloud cannot be reached (INV-10).
const UNREACHABLE: Duration = Duration::from_secs(15);

/// Checks that a request came to `count` usable hosts with one launch each, all of them known.
fn assert_launched_once(bench: &Bench, request: &str, count: usize) {
    let status = bench.settled(request);
    assert_eq!(Grid::named(&status).len(), count, "{status}");
    let truth = bench.emulator.truth();
    assert_eq!((truth.len(), truth.most_at_once(), truth.tokens().len()), (count, count, 1));
}

#[test]
fn row_45_a_throttled_launch_is_sent_at_most_three_times_and_a_later_call_goes_on() {
    for (times, most) in [(1, 2), (3, 3)] {
        on_both_stores(|bench| {
            bench.emulator.fault(Fault::throttle().on("RunInstances").times(times));
            let request = bench.request(3);
            assert!(bench.count_of("RunInstances") <= most, "{:?}", bench.emulator.actions());
            assert_launched_once(bench, &request, 3);
        });
    }
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::throttle().on("RunInstances").always());
        let request = bench.request(3);
        for _ in 0..2 {
            let before = bench.count_of("RunInstances");
            let status = bench.status(&request);
            assert_eq!(status["status"], "running", "{status}");
            assert!(bench.count_of("RunInstances") - before <= 3);
            assert!(bench.emulator.truth().is_empty());
        }
        bench.emulator.clear_faults();
        assert_launched_once(bench, &request, 3);
        bench.judge();
    });
}

#[test]
fn row_45_a_throttled_look_changes_nothing() {
    on_both_stores(|bench| {
        let request = bench.request(3);
        bench.emulator.fault(Fault::throttle().on("DescribeInstances").always());
        let before = bench.count_of("DescribeInstances");
        let status = bench.status(&request);
        assert_eq!(status["status"], "running", "{status}");
        assert!(bench.count_of("DescribeInstances") - before <= 3);
        bench.emulator.clear_faults();
        assert_launched_once(bench, &request, 3);
        bench.judge();
    });
}

#[test]
fn row_47_a_server_error_before_or_after_the_effect_launches_once() {
    for fault in [Fault::e500(), Fault::e500().after_effect(), Fault::e503(), Fault::e503().after_effect()] {
        on_both_stores(|bench| {
            bench.emulator.fault(fault.clone().on("RunInstances").times(2));
            let request = bench.request(3);
            assert_launched_once(bench, &request, 3);
        });
    }
}

#[test]
fn row_48_a_shortage_that_comes_as_http_500_costs_one_call_of_that_pool() {
    on_both_stores(|bench| {
        bench.offer(&[template("Two", &json!({"subnetId": [SUBNETS[0], SUBNETS[1]]}))]);
        let shortage = Fault::code("InsufficientInstanceCapacity").status(500).zone("us-east-1a");
        bench.emulator.fault(shortage.on("RunInstances").always());
        let request = bench.request_from("Two", 3);
        let subnets: Vec<_> =
            bench.emulator.calls_of("RunInstances").iter().map(|call| subnet_of(&call.parameters)).collect();
        assert_eq!(subnets, [SUBNETS[0], SUBNETS[1]]);
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 3);
        assert_eq!(bench.emulator.truth().len(), 3);
        bench.judge();
    });
}

/// The subnet that a launch names.
pub(super) fn subnet_of(parameters: &hostfactory_emulator::Parameters) -> String {
    let named = ["SubnetId", "NetworkInterface.1.SubnetId"].iter().find_map(|name| parameters.get(name));
    named.unwrap_or_default().to_owned()
}

#[test]
fn row_49_a_connection_that_is_reset_is_made_again() {
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::drop_before().on("RunInstances").times(2));
        let request = bench.request(3);
        bench.emulator.fault(Fault::drop_before().on("DescribeInstances").times(2));
        assert_launched_once(bench, &request, 3);
        bench.judge();
    });
}

#[test]
fn row_49_a_connection_that_ends_in_the_tls_handshake_is_an_error_in_time() {
    on_both_stores(|bench| {
        let request = bench.request(2);
        let door = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("https://{}", door.local_addr().unwrap());
        let doorman = std::thread::spawn(move || {
            // Each connection ends as soon as it has said hello; the last one is the test's own.
            for connection in door.incoming().flatten() {
                if std::io::Read::read(&mut &connection, &mut [0; 1]).unwrap_or(0) == 0 {
                    return;
                }
            }
        });
        bench.configure_for(&endpoint, &json!({}));
        assert_polls_go_on(bench, &request);
        drop(TcpStream::connect(endpoint.trim_start_matches("https://")).unwrap());
        doorman.join().unwrap();
        assert_eq!(bench.emulator.truth().len(), 2);
    });
}

#[test]
fn row_49_an_endpoint_that_takes_connections_and_says_nothing_is_given_up_in_time() {
    on_both_stores(|bench| {
        let request = bench.request(2);
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", silent.local_addr().unwrap());
        bench.configure_for(&endpoint, &json!({"provider": {"aws": {"attemptTimeoutMs": 400}}}));
        let status = within(UNREACHABLE, || bench.status(&request));
        assert_eq!(status["status"], "running", "{status}");
        // What was sent may have worked, so the id is told and the request stays.
        let answered = within(UNREACHABLE, || bench.ask("requestMachines", &order(1)));
        bench.configure(&json!({}));
        if answered.code == 0 {
            let second = answered.document["requestId"].as_str().unwrap();
            assert_eq!(Grid::named(&bench.settled(second)).len(), 1);
        }
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 2);
        bench.judge();
    });
}

#[test]
fn row_50_an_answer_that_stops_in_the_middle_is_given_up_and_asked_for_again() {
    on_both_stores(|bench| {
        bench.configure(&json!({"provider": {"aws": {"attemptTimeoutMs": 400}}}));
        bench.emulator.fault(Fault::stall().on("RunInstances").always());
        let request = within(UNREACHABLE, || bench.request(3));
        bench.emulator.clear_faults();
        bench.emulator.fault(Fault::stall().on("DescribeInstances").always());
        let status = within(UNREACHABLE, || bench.status(&request));
        assert_eq!(status["status"], "running", "{status}");
        bench.emulator.clear_faults();
        assert_launched_once(bench, &request, 3);
        bench.judge();
    });
}

#[test]
fn row_51_an_answer_that_cannot_be_read_changes_nothing() {
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::garbage().on("RunInstances").always());
        let request = bench.request(2);
        bench.emulator.clear_faults();
        let garbled = [Garble::Frozen, Garble::NoId, Garble::NoLaunchTime].map(Fault::garble);
        for fault in garbled.into_iter().chain([Fault::garbage()]) {
            bench.emulator.fault(fault.on("DescribeInstances").always());
            let status = bench.status(&request);
            assert_eq!(status["status"], "running", "{status}");
            bench.emulator.clear_faults();
        }
        assert_launched_once(bench, &request, 2);
        let hosts = Grid::named(&bench.status(&request));
        let back = bench.give_back(&json!(hosts));
        bench.emulator.fault(Fault::garbage().on("DescribeInstances").always());
        assert_eq!(bench.status(&back)["status"], "running");
        assert!(bench.lost(&json!(hosts)).is_empty());
        bench.emulator.clear_faults();
        assert_eq!(bench.settled(&back)["status"], "complete");
        bench.judge();
    });
}

#[test]
fn row_52_an_endpoint_that_cannot_be_reached_keeps_requests_alive_and_hosts_listed() {
    on_both_stores(|bench| {
        let request = bench.request(2);
        let (_, hosts) = bench.running(1);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let hole = BlackHole::new();
        for address in [closed, hole.listener.local_addr().unwrap()] {
            bench.configure_for(&format!("http://{address}"), &json!({}));
            assert_polls_go_on(bench, &request);
            assert!(within(UNREACHABLE, || bench.lost(&json!(hosts))).is_empty());
        }
        bench.configure(&json!({}));
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 2);
        assert_eq!(bench.emulator.truth().len(), 3, "what could not be sent was withdrawn");
        bench.judge();
    });
}

/// A listening socket that has no room for another connection: the kernel passes over who knocks.
struct BlackHole {
    listener: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl BlackHole {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let knock = || TcpStream::connect_timeout(&address, Duration::from_millis(200)).ok();
        let waiting: Vec<_> = std::iter::from_fn(knock).take(10_000).collect();
        Self { listener, _waiting: waiting }
    }
}

/// With a cloud that cannot be reached, a poll says `running` and an order fails, both in time; templates are listed.
fn assert_polls_go_on(bench: &Bench, request: &str) {
    let status = within(UNREACHABLE, || bench.status(request));
    assert_eq!(status["status"], "running", "{status}");
    assert!(!told(&status).is_empty());
    let answered = within(UNREACHABLE, || bench.ask("requestMachines", &order(1)));
    assert_eq!(answered.code, 1, "{}", answered.document);
    let offered = bench.done("getAvailableTemplates", &json!({}));
    assert_eq!(offered["templates"][0]["templateId"], "Small");
}

#[test]
fn row_53_hosts_are_looked_at_by_filter_and_an_outage_of_one_zone_leaves_the_others() {
    on_both_stores(|bench| {
        let other = json!({"subnetId": SUBNETS[1]});
        bench.offer(&[template("Small", &json!({})), template("Other", &other)]);
        let (here, there) = (bench.request(2), bench.request_from("Other", 2));
        bench.emulator.fault(Fault::code("InternalError").on("DescribeInstances").zone("us-east-1b").always());
        let both = json!({"requests": [{"requestId": here}, {"requestId": there}]});
        let status = bench.done("getRequestStatus", &both);
        assert!(status["requests"].as_array().unwrap().iter().all(|entry| entry["status"] == "running"), "{status}");
        assert_eq!(Grid::named(&bench.settled(&here)).len(), 2);
        assert_eq!(bench.status(&there)["status"], "running");
        bench.emulator.clear_faults();
        assert_eq!(Grid::named(&bench.settled(&there)).len(), 2);
        // With ids AWS fails the whole call for one host of such a zone; with filters it leaves that host out.
        for call in bench.emulator.calls_of("DescribeInstances") {
            assert!(call.parameters.get("InstanceId.1").is_none() && call.parameters.get("Filter.1.Name").is_some());
        }
        assert_eq!(bench.emulator.truth().live().len(), 4);
        bench.judge();
    });
}

#[test]
fn row_45_twenty_processes_that_are_throttled_ask_no_more_than_three_times_each() {
    on_both_stores(|bench| {
        let requests: Vec<String> = (0..20).map(|_| bench.request(1)).collect();
        bench.emulator.fault(Fault::throttle().on("DescribeInstances").always());
        let before = bench.count_of("DescribeInstances");
        let polls: Vec<_> = requests.iter().map(|id| bench.start("getRequestStatus", &about(id))).collect();
        for poll in polls {
            let answered = poll.answered();
            assert_eq!(answered.code, 0, "{answered:?}");
            assert_eq!(answered.document["requests"][0]["status"], "running");
        }
        let calls = bench.count_of("DescribeInstances") - before;
        // The bucket of AWS for this call holds 100.
        assert!(calls <= 60, "{calls} calls of 20 processes");
        bench.emulator.clear_faults();
        assert!(requests.iter().all(|request| Grid::named(&bench.settled(request)).len() == 1));
        bench.judge();
    });
}
