//! Rows 103 to 105: many hosts, pages, and answers with nothing in them.

use std::time::{Duration, Instant};

use hostfactory_emulator::Fault;
use serde_json::json;

use super::bench::on_both_stores;
use super::words::{about, within};
use crate::draw;
use crate::life::Grid;
use crate::support::say;

/// What one call may take at most (INV-10).
const BUDGET: Duration = Duration::from_mins(5);

/// How many times the ordinary size a heavy case runs at.
fn scale() -> u32 {
    u32::try_from(draw::times()).unwrap_or(u32::MAX).min(20)
}

#[test]
fn row_103_calls_grow_with_the_hosts_and_by_pages_alone() {
    on_both_stores(|bench| {
        let hosts = 500 * scale();
        let started = Instant::now();
        let request = within(BUDGET, || bench.request(hosts));
        let ordered = started.elapsed();
        bench.pass(Duration::from_secs(30));
        while bench.emulator.truth().len() < hosts as usize {
            let before = bench.emulator.truth().len();
            within(BUDGET, || bench.status(&request));
            assert!(bench.emulator.truth().len() > before, "a call launches more");
        }
        assert_eq!(bench.count_of("RunInstances"), hosts as usize / 100);
        bench.pass(Duration::from_secs(30));
        let before = bench.count_of("DescribeInstances");
        let started = Instant::now();
        let status = within(BUDGET, || bench.status(&request));
        let polled = started.elapsed();
        let live = Grid::named(&status);
        assert_eq!((status["status"].as_str(), live.len()), (Some("complete"), hosts as usize));
        assert!(bench.count_of("DescribeInstances") - before <= hosts.div_ceil(200) as usize);
        let started = Instant::now();
        let before = bench.emulator.calls().len();
        assert!(bench.lost(&json!(live)).is_empty());
        let (asked, calls) = (started.elapsed(), bench.emulator.calls().len() - before);
        assert!(calls <= hosts.div_ceil(200) as usize * 2 + 2, "{calls} calls for {hosts} hosts");
        say(&format!(
            "{hosts} hosts, {}: order {ordered:?}, status {polled:?}, getReturnRequests {asked:?} in {calls} calls",
            bench.store
        ));
        assert_eq!(bench.emulator.truth().most_at_once(), hosts as usize);
        bench.judge();
    });
}

#[test]
fn row_104_a_page_that_repeats_or_fails_discards_the_whole_look() {
    on_both_stores(|bench| {
        // More than one sweep of filters.
        let request = bench.request(450);
        bench.pass(Duration::from_secs(30));
        for fault in [Fault::page_loop(), Fault::bad_page(2)] {
            let before = bench.emulator.calls().len();
            // The second sweep meets it.
            bench.emulator.fault(fault.clone().on("DescribeInstances").skip(1).always());
            let asked = bench.ask("getRequestStatus", &about(&request));
            assert_eq!(asked.code, 0, "{asked:?}");
            assert!(bench.emulator.calls().len() - before <= 12, "{fault:?}");
            bench.emulator.clear_faults();
        }
        assert_eq!(Grid::named(&bench.settled(&request)).len(), 450);
        assert_eq!(bench.emulator.truth().live().len(), 450);
    });
    on_both_stores(|bench| {
        // A collector's look is paged by 1,000: these are two pages.
        for _ in 0..3 {
            bench.request(400);
        }
        bench.pass(Duration::from_mins(1));
        for fault in [Fault::page_loop(), Fault::bad_page(2)] {
            bench.emulator.fault(fault.on("DescribeInstances").always());
            assert_eq!(bench.ask("reconcile", &json!({})).code, 1);
            bench.emulator.clear_faults();
        }
        assert_eq!(bench.emulator.truth().live().len(), 1_200);
        bench.judge();
    });
}

#[test]
fn row_105_answers_that_are_suddenly_empty_take_no_host_for_gone() {
    on_both_stores(|bench| {
        let (request, hosts) = bench.running(5);
        let booting = bench.request(3);
        for calls in [1, 2, 5] {
            bench.emulator.fault(Fault::empty().on("DescribeInstances").always());
            for _ in 0..calls {
                assert_eq!(bench.status(&booting)["status"], "running");
                assert!(bench.lost(&json!(hosts)).is_empty(), "after {calls} empty answers");
                bench.pass(Duration::from_secs(20));
            }
            bench.emulator.clear_faults();
            assert!(bench.lost(&json!(hosts)).is_empty());
        }
        assert_eq!(Grid::named(&bench.settled(&booting)).len(), 3);
        assert_eq!(Grid::named(&bench.status(&request)).len(), 5);
        assert_eq!(bench.emulator.truth().live().len(), 8);
        assert_eq!(bench.emulator.truth().len(), 8);
        bench.judge();
    });
}
