//! Section F: capacity, quota, money.

use std::time::Duration;

use hostfactory_emulator::{Edit, Market, SUBNETS};
use serde_json::{Value, json};

use super::bench::{Bench, Running, on_both_stores};
use super::network::subnet_of;
use super::words::{MINUTE, order, order_from, template, told, within};
use crate::life::Grid;
use crate::support::Answered;

const TYPE: &str = "m6i.large";
/// How long a pool that was empty once is not asked again.
const MARKED: Duration = Duration::from_mins(4);

fn subnets_asked(bench: &Bench) -> Vec<String> {
    bench.emulator.calls_of("RunInstances").iter().map(|call| subnet_of(&call.parameters)).collect()
}

fn over_subnets(count: usize) -> Value {
    template("Wide", &json!({"subnetId": &SUBNETS[..count]}))
}

#[test]
fn row_55_what_one_pool_gave_is_kept_and_the_rest_has_a_reason() {
    on_both_stores(|bench| {
        bench.emulator.pool(TYPE, "us-east-1a", None, 10);
        let request = bench.request(50);
        let status = bench.settled(&request);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 10), "{status}");
        assert!(told(&status).contains("10 of 50"), "{status}");
        assert_eq!(bench.emulator.truth().most_at_once(), 10);
        assert!(bench.count_of("RunInstances") <= 2, "{:?}", bench.emulator.actions());
        bench.judge();
    });
}

#[test]
fn row_55_what_one_pool_lacks_is_had_from_the_next() {
    on_both_stores(|bench| {
        bench.offer(&[over_subnets(3)]);
        bench.emulator.pool(TYPE, "us-east-1a", None, 10);
        bench.emulator.pool(TYPE, "us-east-1b", None, 15);
        let (_, hosts) = bench.running_from("Wide", 50);
        assert_eq!(hosts.len(), 50);
        let truth = bench.emulator.truth();
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        assert_eq!(zones.map(|zone| truth.matching(|host| host.launch.zone == zone).len()), [10, 15, 25]);
        bench.judge();
    });
}

#[test]
fn row_56_a_pool_that_was_empty_is_left_alone_for_a_while() {
    on_both_stores(|bench| {
        bench.offer(&[over_subnets(2)]);
        bench.emulator.pool(TYPE, "us-east-1a", None, 0);
        bench.running_from("Wide", 2);
        assert_eq!(subnets_asked(bench), &SUBNETS[..2]);
        bench.running_from("Wide", 2);
        assert_eq!(subnets_asked(bench)[2..], SUBNETS[1..2], "the second order passes the empty pool over");
        bench.pass(MARKED);
        bench.emulator.edit(Edit::NoPools).unwrap();
        bench.running_from("Wide", 2);
        assert_eq!(subnets_asked(bench)[3..], SUBNETS[..1], "it is asked again after a while");
        bench.judge();
    });
}

#[test]
fn row_57_when_all_pools_are_empty_the_answer_says_so_at_once() {
    on_both_stores(|bench| {
        bench.offer(&[over_subnets(3)]);
        bench.emulator.pool("*", "*", None, 0);
        let answered = within(MINUTE, || bench.ask("requestMachines", &order_from("Wide", 5)));
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(answered.message().contains("InsufficientInstanceCapacity"), "{}", answered.message());
        assert_eq!(subnets_asked(bench), &SUBNETS[..3], "each pool is asked once");
        let again = bench.ask("requestMachines", &order_from("Wide", 5));
        assert!(again.code == 1 && again.message().contains("asked again in"), "{}", again.message());
        assert_eq!(bench.count_of("RunInstances"), 3, "an order while all are marked asks nobody");
        bench.judge();
    });
}

#[test]
fn row_59_a_quota_is_named_and_not_knocked_at() {
    on_both_stores(|bench| {
        bench.emulator.quota(Market::OnDemand, "standard", 32);
        let answered = bench.ask("requestMachines", &order(100));
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(answered.message().contains("VcpuLimitExceeded"), "{}", answered.message());
        assert_eq!(bench.count_of("RunInstances"), 1);
        let again = bench.ask("requestMachines", &order(100));
        assert!(again.code == 1 && again.message().contains("VcpuLimitExceeded"), "{}", again.message());
        assert_eq!(bench.count_of("RunInstances"), 1, "the same again is not sent");
        bench.running(16);
        assert_eq!(bench.emulator.truth().len(), 16, "fewer fit");
        bench.judge();
    });
}

#[test]
fn row_60_a_subnet_without_addresses_is_left_for_the_next_and_tried_again_later() {
    on_both_stores(|bench| {
        bench.offer(&[over_subnets(2)]);
        bench.emulator.subnet_free(SUBNETS[0], 5).unwrap();
        bench.running_from("Wide", 20);
        let truth = bench.emulator.truth();
        assert_eq!(truth.matching(|host| host.launch.subnet == SUBNETS[0]).len(), 5);
        assert_eq!(truth.len(), 20);
        let before = subnets_asked(bench).len();
        bench.running_from("Wide", 20);
        assert_eq!(subnets_asked(bench)[before..], SUBNETS[1..2], "the next order asks the other");
        bench.pass(MARKED);
        bench.emulator.subnet_free(SUBNETS[0], 500).unwrap();
        bench.running_from("Wide", 20);
        assert_eq!(subnets_asked(bench)[before + 1..], SUBNETS[..1], "after a while it is asked again");
        bench.judge();
    });
}

/// A template asks one market, unless it names several.
#[test]
fn row_61_a_spot_template_never_turns_into_on_demand_by_itself() {
    on_both_stores(|bench| {
        bench.offer(&[template("Spot", &json!({"priceType": "spot"})), template("Small", &json!({}))]);
        bench.emulator.pool("*", "*", Market::Spot, 0);
        let answered = bench.ask("requestMachines", &order_from("Spot", 3));
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(bench.emulator.truth().is_empty());
        bench.running(3);
    });
    on_both_stores(|bench| {
        bench.offer(&[template("Cheap", &json!({"priceType": "spot", "maxSpotPrice": 0.01}))]);
        bench.emulator.edit(Edit::SpotPrice { price: 0.05 }).unwrap();
        let answered = bench.ask("requestMachines", &order_from("Cheap", 3));
        assert!(answered.code == 1 && answered.message().contains("SpotMaxPriceTooLow"), "{answered:?}");
        assert!(bench.emulator.truth().is_empty());
        bench.judge();
    });
}

#[test]
fn row_63_a_template_whose_hosts_die_at_boot_stops_launching() {
    on_both_stores(|bench| {
        let (mut refused, mut reason) = (0, String::new());
        for _ in 0..50 {
            let answered = bench.ask("requestMachines", &order(1));
            if answered.code == 0 {
                bench.pass(Duration::from_secs(5));
                let newest = hostfactory_emulator::Which::Newest(1);
                bench.emulator.kill(newest, "Client.InternalError", "Client error on launch").unwrap();
                let status = bench.status(answered.document["requestId"].as_str().unwrap());
                assert_eq!(status["status"], "complete_with_error", "{status}");
            } else {
                refused += 1;
                answered.message().clone_into(&mut reason);
            }
        }
        assert_eq!((bench.emulator.truth().len(), refused), (10, 40), "the brake is set to ten deaths");
        assert!(reason.contains("died at boot") && reason.contains("Client.InternalError"), "{reason}");
        let offered = bench.done("getAvailableTemplates", &json!({}));
        assert_eq!(offered["templates"][0]["templateId"], "Small", "it stays listed");
        assert_eq!(offered["templates"][0]["maxNumber"], 10_000);
        bench.offer(&[template("Small", &json!({"vmType": "m6i.xlarge"}))]);
        bench.running(1);
        bench.judge();
    });
}

#[test]
fn row_64_orders_at_once_stay_within_the_maximum_together() {
    on_both_stores(|bench| {
        bench.offer(&[template("Ten", &json!({"maxNumber": 10}))]);
        let orders: Vec<Running<'_>> = (0..30).map(|_| bench.start("requestMachines", &order_from("Ten", 3))).collect();
        let answers: Vec<Answered> = orders.into_iter().map(Running::answered).collect();
        let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answered| answered.code == 0);
        assert_eq!(accepted.len(), 3, "{answers:?}");
        assert!(refused.iter().all(|answered| answered.message().contains("maxNumber")), "{refused:?}");
        assert_eq!(bench.emulator.truth().most_at_once(), 9);
        assert_eq!(bench.ask("requestMachines", &order_from("Ten", 2)).code, 1);
        bench.running_from("Ten", 1);
        assert_eq!(bench.ask("requestMachines", &order_from("Ten", 1)).code, 1, "hosts that live count too");
        bench.judge();
    });
}

#[test]
fn row_65_a_host_that_stays_pending_is_ended_and_told_as_failed() {
    on_both_stores(|bench| {
        bench.emulator.boot(Duration::from_hours(9));
        let request = bench.request(3);
        let status = bench.pass_watched(6, &request);
        assert_eq!(status["status"], "complete_with_error", "{status}");
        let hosts = status["machines"].as_array().unwrap();
        assert!(hosts.iter().all(|host| host["result"] == "fail"), "{status}");
        assert!(told(&status).contains("pending"), "{status}");
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.ended_by_calls().len(), truth.live().len()), (3, 3, 0));
        bench.judge();
    });
}

#[test]
fn row_66_a_host_that_runs_and_is_never_usable_is_ended_at_the_deadline() {
    on_both_stores(|bench| {
        bench.emulator.edit(Edit::Addresses { given: false }).unwrap();
        let request = bench.request(2);
        let status = bench.pass_watched(10, &request);
        assert_eq!(status["status"], "running", "{status}");
        let status = bench.pass_watched(10, &request);
        assert_eq!(status["status"], "complete_with_error", "{status}");
        assert!(told(&status).contains("not usable within 900 seconds"), "{status}");
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.ended_by_calls().len()), (2, 2));
        bench.judge();
    });
}
