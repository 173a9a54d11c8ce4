//! What goes wrong on demand.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use hostfactory_emulator::{Fault, Garble, Phase, SUBNETS};

use crate::client::{Answer, ask, ask_about, filtered, frozen, hosts, run, signed, try_ask};

const PATIENCE: Duration = Duration::from_secs(20);

#[test]
fn an_error_comes_with_its_status_before_the_effect_or_after_it() {
    let emulator = frozen();
    for (fault, wanted, launched) in [
        (Fault::throttle(), (503, "RequestLimitExceeded"), 0),
        (Fault::e500(), (500, "InternalError"), 0),
        (Fault::e503(), (503, "Unavailable"), 0),
        (Fault::code("InsufficientInstanceCapacity"), (500, "InsufficientInstanceCapacity"), 0),
        (Fault::code("Odd").status(418).message("words"), (418, "Odd"), 0),
        (Fault::e500().after_effect(), (500, "InternalError"), 1),
    ] {
        emulator.fault(fault.clone().on("RunInstances"));
        let answer = run(&emulator, 1, &[]);
        assert_eq!((answer.status, answer.code()), wanted);
        assert_eq!(emulator.truth().len(), launched, "{fault:?}");
    }
    let calls = emulator.calls();
    assert_eq!((calls[4].status, calls[4].code.as_deref()), (Some(418), Some("Odd")));
    assert_eq!(calls[4].fault.as_deref(), Some("code(Odd)"));
    assert_eq!((calls[0].access_key.as_str(), calls[0].user_agent.as_str()), ("AKIDTEST", "tiny"));
}

#[test]
fn a_fault_takes_the_calls_that_it_is_for_as_often_as_it_says() {
    let emulator = frozen();
    let here = hosts(&emulator, 1, &[]);
    let there = hosts(&emulator, 1, &[("SubnetId", SUBNETS[1]), ("InstanceType", "c5.large")]);
    let refused = |answer: &Answer| answer.status == 500;
    emulator.fault(Fault::e500().on("RunInstances").skip(1).times(2));
    let outcomes: Vec<bool> = (0..4).map(|_| refused(&run(&emulator, 1, &[]))).collect();
    assert_eq!(outcomes, [false, true, true, false]);
    emulator.fault(Fault::e500().zone("us-east-1b").always());
    assert!(!refused(&run(&emulator, 1, &[])) && refused(&run(&emulator, 1, &[("SubnetId", SUBNETS[1])])));
    assert!(!refused(&filtered(&emulator, "instance-id", &here[0])));
    assert!(refused(&filtered(&emulator, "instance-id", &there[0])));
    assert!(refused(&ask_about(&emulator, "TerminateInstances", &there)));
    emulator.clear_faults();
    emulator.fault(Fault::e500().instance_type("c5.large").always());
    emulator.fault(Fault::e500().instance(&here[0]).always());
    emulator.fault(Fault::e500().parameter("MaxCount", "7").always());
    assert!(refused(&filtered(&emulator, "instance-id", &there[0])));
    assert!(refused(&filtered(&emulator, "instance-id", &here[0])));
    assert!(refused(&run(&emulator, 7, &[])) && !refused(&run(&emulator, 6, &[])));
    assert_eq!(emulator.faults().len(), 3);
}

#[test]
fn a_dropped_connection_has_the_effect_or_has_it_not() {
    let emulator = frozen();
    for (fault, launched) in [(Fault::drop_before(), 0), (Fault::drop_after(), 1)] {
        emulator.fault(fault);
        let count = [("MinCount", "1"), ("MaxCount", "1"), ("ImageId", hostfactory_emulator::IMAGES[0])];
        assert_eq!(try_ask(&emulator, "RunInstances", &count).unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(emulator.truth().len(), launched);
    }
    assert_eq!(emulator.calls()[1].status, None);
}

#[test]
fn a_delay_is_in_real_time_and_on_its_side_of_the_effect() {
    let emulator = frozen();
    for fault in [Fault::delay(60), Fault::delay_after(60)] {
        emulator.fault(fault);
        let started = Instant::now();
        assert_eq!(run(&emulator, 1, &[]).status, 200);
        assert!(started.elapsed() >= Duration::from_millis(60));
    }
}

#[test]
fn a_held_call_waits_before_or_after_its_effect_until_the_test_decides() {
    let emulator = frozen();
    for (phase, launched) in [(Phase::Before, 0), (Phase::After, 1)] {
        emulator.fault(Fault::hold(phase).on("RunInstances").always());
        thread::scope(|scope| {
            let before = emulator.truth().len();
            let call = scope.spawn(|| run(&emulator, 1, &[]));
            let held = emulator.wait_held(PATIENCE).unwrap();
            assert_eq!(
                (held.action(), held.phase(), emulator.truth().len() - before),
                ("RunInstances", phase, launched)
            );
            held.release();
            assert_eq!(call.join().unwrap().status, 200);
            assert_eq!(emulator.truth().len(), before + 1);

            let call = scope.spawn(|| run(&emulator, 1, &[]));
            emulator.wait_held(PATIENCE).unwrap().refuse("InternalError");
            assert_eq!(call.join().unwrap().code(), "InternalError");

            let call = scope.spawn(|| try_ask(&emulator, "RunInstances", &[]));
            drop(emulator.wait_held(PATIENCE).unwrap());
            assert_eq!(call.join().unwrap().unwrap_err().kind(), ErrorKind::UnexpectedEof);
            assert_eq!(emulator.truth().len(), before + 1 + launched);
        });
        emulator.clear_faults();
    }
    let nothing = emulator.wait_held(Duration::ZERO).unwrap_err();
    assert!(nothing.to_string().contains("RunInstances"), "it says what came instead: {nothing}");
}

#[test]
fn a_stalled_answer_is_half_and_then_nothing() {
    let emulator = frozen();
    emulator.fault(Fault::stall());
    let mut stream = TcpStream::connect(emulator.address()).unwrap();
    stream.write_all(signed("us-east-1", "", "Action=DescribeSubnets").as_bytes()).unwrap();
    let mut seen = String::new();
    let mut chunk = [0; 4096];
    while !seen.contains("subnetSet") {
        let count = stream.read(&mut chunk).unwrap();
        seen.push_str(&String::from_utf8_lossy(&chunk[..count]));
    }
    stream.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
    while stream.read(&mut chunk).is_ok_and(|count| count > 0) {}
    let error = stream.read(&mut chunk).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "still open: {error}");
    assert!(!seen.contains("</DescribeSubnetsResponse>"));
}

#[test]
fn answers_are_garbage_empty_or_odd() {
    let emulator = frozen();
    let ids = hosts(&emulator, 2, &[]);
    let describe = || ask(&emulator, "DescribeInstances", &[]);
    emulator.fault(Fault::garbage());
    assert!(describe().body.contains("<<not XML"));
    emulator.fault(Fault::empty());
    assert_eq!((describe().status, describe().all("instanceId").len()), (200, 2));
    emulator.fault(Fault::garble(Garble::Frozen));
    assert_eq!(describe().all("name"), ["frozen", "pending"]);
    emulator.fault(Fault::garble(Garble::NoId));
    assert_eq!(describe().all("instanceId"), ids[1..]);
    emulator.fault(Fault::garble(Garble::NoLaunchTime));
    assert_eq!(describe().all("launchTime").len(), 1);
    emulator.fault(Fault::garbage().on("RunInstances"));
    run(&emulator, 1, &[]);
    assert_eq!(emulator.truth().len(), 3, "the launch behind the garbage is real");
}

#[test]
fn pages_loop_or_fail_one_by_one() {
    let emulator = frozen();
    hosts(&emulator, 20, &[]);
    let page = |token: &str| ask(&emulator, "DescribeInstances", &[("MaxResults", "5"), ("NextToken", token)]);
    emulator.fault(Fault::page_loop().always());
    let first = page("").one("nextToken").to_owned();
    assert_eq!(page(&first).one("nextToken"), first);
    emulator.clear_faults();
    emulator.fault(Fault::bad_page(3));
    let second = page("").one("nextToken").to_owned();
    let third = page(&second).one("nextToken").to_owned();
    assert_eq!(page(&third).code(), "InternalError");
    assert_eq!(page(&third).all("instanceId").len(), 5);
}
