//! Section D: clocks that jump, differ, or stand in another zone.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bench::{Bench, on_both_stores};
use super::words::{id_of, ids, order};
use crate::life::Grid;
use crate::support::Answered;

const DAY: i64 = 86_400;

/// A bench with hosts that run, hosts that boot, hosts of an order that nobody knows, and an orphan.
fn lived_in(bench: &Bench) -> (Vec<Value>, String) {
    let (_, hosts) = bench.running(2);
    let before = bench.backup();
    bench.kill_after_effect(&order(1));
    bench.restore(&before);
    bench.reconcile();
    bench.kill_after_effect(&order(1));
    (hosts, bench.request(2))
}

#[test]
fn row_41_the_first_call_after_the_clock_jumped_a_day_ends_no_host() {
    on_both_stores(|bench| {
        let (hosts, booting) = lived_in(bench);
        let live = bench.emulator.truth().live().len();
        bench.jump(DAY);
        // Each of them could be the first; none of them is far enough from it to have watched.
        assert_eq!(bench.status(&booting)["status"], "running");
        bench.reconcile();
        assert!(bench.lost(&json!(hosts)).is_empty());
        let truth = bench.emulator.truth();
        assert_eq!((truth.live().len(), truth.ended_by_calls().len()), (live, 0), "not even the orphan");
        bench.judge();
        assert_eq!(Grid::named(&bench.settled(&booting)).len(), 2);
    });
}

#[test]
fn row_42_a_clock_that_jumps_back_a_day_takes_nothing_back_and_repeats_no_id() {
    on_both_stores(|bench| {
        let (hosts, booting) = lived_in(bench);
        let mut requests: BTreeSet<String> = BTreeSet::new();
        for hours in [-24, -48, 0] {
            bench.jump(hours * 3_600);
            let orders: Vec<_> = (0..8).map(|_| bench.start("requestMachines", &order(1))).collect();
            requests.extend(orders.into_iter().map(|order| id_of(&order.answered().document)));
        }
        assert_eq!(requests.len(), 24);
        let given = bench.give_back(&json!([hosts[0]]));
        assert_eq!(bench.settled(&given)["status"], "complete");
        assert_eq!(Grid::named(&bench.settled(&booting)).len(), 2);
        bench.judge();
        assert!(bench.emulator.truth().instance(&ids(&hosts)[1]).unwrap().is_live());
    });
}

#[test]
fn row_43_a_clock_that_differs_from_that_of_aws_is_named_and_the_request_is_kept() {
    on_both_stores(|bench| {
        let id = bench.request(2);
        bench.emulator.skew(3_600);
        let told = bench.ask("getRequestStatus", &json!({"requests": [{"requestId": id}]}));
        assert_eq!(told.code, 1, "{}", told.document);
        let refused = bench.ask("requestMachines", &order(1));
        for message in [told.message(), refused.message()] {
            assert!(message.contains("RequestExpired") && message.contains("clock"), "{message}");
        }
        assert_eq!(bench.emulator.truth().len(), 2);
        bench.emulator.skew(0);
        assert_eq!(Grid::named(&bench.settled(&id)).len(), 2);
        bench.judge();
    });
}

#[test]
fn row_44_the_zone_and_the_language_of_the_machine_change_no_answer() {
    on_both_stores(|bench| {
        let (id, hosts) = bench.running(2);
        let asked = json!({"requests": [{"requestId": id}]}).to_string();
        let held = json!({"machines": hosts}).to_string();
        let mut answers = BTreeSet::new();
        for zone in ["UTC", "Asia/Kolkata", "America/St_Johns", ":/no/such/file", "XXX-14:30"] {
            for language in ["C", "tr_TR.UTF-8", "de_DE@euro", "ja_JP.SJIS", "no_such"] {
                let told = |call: &str, input: &str| {
                    let mut command = bench.command(call);
                    command.env("TZ", zone).env("LC_ALL", language).env("LANG", language);
                    let answered = Answered::of(&command.args(["--data", input]).output().unwrap());
                    assert_eq!(answered.code, 0, "{zone} {language}: {}", answered.document);
                    answered.document.to_string()
                };
                answers.insert(told("getRequestStatus", &asked));
                if zone == "XXX-14:30" {
                    told("getReturnRequests", &held);
                }
            }
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
    });
}
