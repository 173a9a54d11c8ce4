//! Row 79: what AWS says about the health of hosts that Host Factory holds.

use std::time::Duration;

use hostfactory_emulator::{Check, Fault};
use serde_json::{Value, json};

use super::bench::{Bench, on_both_stores};
use super::words::{MINUTE, ids};

/// What getReturnRequests says: the names and the grace of hosts.
fn told(bench: &Bench, hosts: &[Value]) -> Vec<(String, u64)> {
    let answer = bench.done("getReturnRequests", &json!({"machines": hosts}));
    let entry = |lost: &Value| (lost["machine"].as_str().unwrap().to_owned(), lost["gracePeriod"].as_u64().unwrap());
    answer["requests"].as_array().unwrap().iter().map(entry).collect()
}

fn name(host: &Value) -> String {
    host["name"].as_str().unwrap().to_owned()
}

/// Asks now, and once more a minute later.
fn told_twice(bench: &Bench, hosts: &[Value]) -> [Vec<(String, u64)>; 2] {
    let first = told(bench, hosts);
    bench.pass(MINUTE);
    [first, told(bench, hosts)]
}

#[test]
fn row_79_a_host_whose_end_is_scheduled_is_told_from_the_second_look_on_and_until_it_is_called_off() {
    on_both_stores(|bench| {
        let (request, hosts) = bench.running(3);
        let verdict = bench.status(&request);
        let day = Duration::from_hours(24);
        bench.emulator.event_in(&ids(&hosts)[0], "instance-retirement", day).unwrap();
        bench.emulator.event_in(&ids(&hosts)[1], "system-maintenance", day).unwrap();
        assert_eq!(told(bench, &hosts), []);
        for second in [60, 120, 180] {
            bench.pass(MINUTE);
            let told = told(bench, &hosts);
            assert_eq!((told.len(), &told[0].0), (1, &name(&hosts[0])));
            // The program's clock goes on while it works.
            assert!((86_400 - second - 30..=86_400 - second).contains(&told[0].1), "{told:?}");
        }
        assert_eq!(bench.status(&request), verdict, "the verdict stays");
        bench.emulator.event_over(&ids(&hosts)[0], "instance-retirement", "Canceled").unwrap();
        bench.pass(MINUTE);
        assert_eq!(told(bench, &hosts), []);
        // One that is given back ends at once, long before its event.
        bench.emulator.event_in(&ids(&hosts)[2], "instance-stop", day).unwrap();
        bench.pass(MINUTE);
        assert_eq!(told_twice(bench, &hosts)[1].len(), 1);
        assert_eq!(bench.settled(&bench.give_back(&json!([hosts[2]])))["status"], "complete");
        assert_eq!(bench.emulator.truth().live().len(), 2);
        bench.judge();
    });
}

#[test]
fn row_79_an_impaired_host_and_a_scheduled_reboot_move_nobody_unless_a_setting_says_so() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(3);
        bench.emulator.impair(&ids(&hosts)[0]).unwrap();
        bench.emulator.event(&ids(&hosts)[1], "system-reboot").unwrap();
        for _ in 0..3 {
            assert_eq!(told_twice(bench, &hosts), [[], []]);
        }
        bench.configure(&json!({"hostFactory": {"scheduledEvents": "all", "impairedAfterSeconds": 600}}));
        bench.pass(MINUTE);
        let [first, second] = told_twice(bench, &hosts);
        assert_eq!(first, []);
        let names: Vec<&str> = second.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, [name(&hosts[1])], "the check has not failed for long enough");
        bench.pass(Duration::from_mins(5));
        let second = &told_twice(bench, &hosts)[1];
        assert_eq!((second.len(), &second[0]), (2, &(name(&hosts[0]), 0)));
        bench.emulator.check(&ids(&hosts)[0], Check::Instance, true).unwrap();
        bench.pass(MINUTE);
        assert_eq!(told(bench, &hosts).len(), 1);
        // Switched off, nothing is told any more and nobody is asked.
        bench.configure(&json!({"hostFactory": {"scheduledEvents": "ignore"}}));
        let asked = bench.count_of("DescribeInstanceStatus");
        bench.pass(MINUTE);
        assert_eq!(told_twice(bench, &hosts), [[], []]);
        assert_eq!(bench.count_of("DescribeInstanceStatus"), asked);
        assert_eq!(bench.emulator.truth().live().len(), 3);
        bench.judge();
    });
}

#[test]
fn row_79_a_failed_or_cut_look_at_the_health_changes_nothing_and_says_nothing_to_host_factory() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(12);
        bench.emulator.event(&ids(&hosts)[0], "instance-retirement").unwrap();
        assert_eq!(told_twice(bench, &hosts)[1].len(), 1);
        bench.emulator.event_over(&ids(&hosts)[0], "instance-retirement", "Completed").unwrap();
        bench.emulator.event(&ids(&hosts)[1], "instance-retirement").unwrap();
        for fault in [
            Fault::throttle().always(),
            Fault::e500().always(),
            Fault::drop_before().always(),
            Fault::garbage().always(),
            Fault::page_loop().always(),
        ] {
            bench.emulator.fault(fault.on("DescribeInstanceStatus"));
            bench.pass(MINUTE);
            assert_eq!(told(bench, &hosts).len(), 1, "what was told is told on");
            bench.emulator.clear_faults();
        }
        bench.emulator.unauthorized("DescribeInstanceStatus", true);
        bench.pass(MINUTE);
        assert_eq!(told(bench, &hosts).len(), 1);
        bench.emulator.unauthorized("DescribeInstanceStatus", false);
        bench.pass(MINUTE);
        let [first, second] = told_twice(bench, &hosts);
        assert_eq!((first.len(), &second[0].0), (0, &name(&hosts[1])));
        bench.tampered_with(&ids(&hosts)[1]);
        bench.judge();
    });
}

#[test]
fn row_79_the_health_of_any_number_of_hosts_costs_one_call_a_minute() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(250);
        let before = bench.count_of("DescribeInstanceStatus");
        for _ in 0..6 {
            told(bench, &hosts);
            bench.pass(Duration::from_secs(30));
        }
        assert_eq!(bench.count_of("DescribeInstanceStatus") - before, 3);
        bench.emulator.kill_by_hand(hostfactory_emulator::Which::All).unwrap();
        told(bench, &hosts);
        bench.pass(MINUTE);
        told(bench, &hosts);
        assert_eq!(bench.count_of("DescribeInstanceStatus") - before, 3, "none of what has ended");
    });
}
