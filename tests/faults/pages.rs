//! Rows 103 to 105: many hosts, pages, and answers with nothing in them.

use std::time::{Duration, Instant};

use hostfactory_emulator::Fault;
use serde_json::json;

use super::stage::{about, on_both_stores, within};
use crate::draw;
use crate::life::Grid;

/// What one call may take at most (INV-10).
const BUDGET: Duration = Duration::from_secs(300);

/// How many times the ordinary size a heavy case runs at.
fn scale() -> u32 {
    u32::try_from(draw::times()).unwrap_or(u32::MAX).min(20)
}

#[test]
fn row_103_calls_grow_with_the_hosts_and_by_pages_alone() {
    on_both_stores(|stage| {
        let hosts = 500 * scale();
        let started = Instant::now();
        let request = within(BUDGET, || stage.grid().request("Small", hosts));
        let ordered = started.elapsed();
        stage.pass(Duration::from_secs(30));
        while stage.emulator.truth().len() < hosts as usize {
            let before = stage.emulator.truth().len();
            within(BUDGET, || stage.grid().status(&request));
            assert!(stage.emulator.truth().len() > before, "a call launches more");
        }
        assert_eq!(stage.count_of("RunInstances"), hosts as usize / 100);
        stage.pass(Duration::from_secs(30));
        let before = stage.count_of("DescribeInstances");
        let started = Instant::now();
        let status = within(BUDGET, || stage.grid().status(&request));
        let polled = started.elapsed();
        let live = Grid::named(&status);
        assert_eq!((status["status"].as_str(), live.len()), (Some("complete"), hosts as usize));
        assert!(stage.count_of("DescribeInstances") - before <= hosts.div_ceil(200) as usize);
        let started = Instant::now();
        let before = stage.emulator.calls().len();
        assert!(stage.grid().lost(&json!(live)).is_empty());
        let (asked, calls) = (started.elapsed(), stage.emulator.calls().len() - before);
        assert!(calls <= hosts.div_ceil(200) as usize * 2 + 2, "{calls} calls for {hosts} hosts");
        println!(
            "{hosts} hosts, {}: order {ordered:?}, status {polled:?}, getReturnRequests {asked:?} in {calls} calls",
            stage.store
        );
        assert_eq!(stage.emulator.truth().most_at_once(), hosts as usize);
    });
}

#[test]
fn row_104_a_page_that_repeats_or_fails_discards_the_whole_look() {
    on_both_stores(|stage| {
        // More than one sweep of filters.
        let request = stage.grid().request("Small", 450);
        stage.pass(Duration::from_secs(30));
        for fault in [Fault::page_loop(), Fault::bad_page(2)] {
            let before = stage.emulator.calls().len();
            // The second sweep meets it.
            stage.emulator.fault(fault.clone().on("DescribeInstances").skip(1).always());
            let asked = stage.grid().ask("getRequestStatus", &about(&request));
            assert_eq!(asked.code, 0, "{asked:?}");
            assert!(stage.emulator.calls().len() - before <= 12, "{fault:?}");
            stage.emulator.clear_faults();
        }
        assert_eq!(Grid::named(&stage.settled(&request)).len(), 450);
        assert_eq!(stage.emulator.truth().live().len(), 450);
    });
    on_both_stores(|stage| {
        // A collector's look is paged by 1,000: these are two pages.
        for _ in 0..3 {
            stage.grid().request("Small", 400);
        }
        stage.pass(Duration::from_mins(1));
        for fault in [Fault::page_loop(), Fault::bad_page(2)] {
            stage.emulator.fault(fault.on("DescribeInstances").always());
            let reconciled = stage.program("reconcile", &json!({})).output().unwrap();
            assert!(reconciled.status.code().is_some());
            stage.emulator.clear_faults();
        }
        assert_eq!(stage.emulator.truth().live().len(), 1_200);
    });
}

#[test]
fn row_105_answers_that_are_suddenly_empty_take_no_host_for_gone() {
    on_both_stores(|stage| {
        let (request, hosts) = stage.usable("Small", 5);
        let booting = stage.grid().request("Small", 3);
        for calls in [1, 2, 5] {
            stage.emulator.fault(Fault::empty().on("DescribeInstances").always());
            for _ in 0..calls {
                assert_eq!(stage.grid().status(&booting)["status"], "running");
                assert!(stage.grid().lost(&json!(hosts)).is_empty(), "after {calls} empty answers");
                stage.pass(Duration::from_secs(20));
            }
            stage.emulator.clear_faults();
            assert!(stage.grid().lost(&json!(hosts)).is_empty());
        }
        assert_eq!(Grid::named(&stage.settled(&booting)).len(), 3);
        assert_eq!(Grid::named(&stage.grid().status(&request)).len(), 5);
        assert_eq!(stage.emulator.truth().live().len(), 8);
        assert_eq!(stage.emulator.truth().len(), 8);
    });
}
