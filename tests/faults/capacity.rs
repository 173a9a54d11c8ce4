//! Section F: capacity, quota, money.

use std::time::Duration;

use hostfactory_emulator::{Edit, Market, SUBNETS};
use serde_json::{Value, json};

use super::network::subnet_of;
use super::stage::{MINUTE, Stage, on_both_stores, order, template, told, within};
use crate::life::Grid;
use crate::support::Answered;

const TYPE: &str = "m6i.large";
/// How long a pool that was empty once is not asked again.
const MARKED: Duration = Duration::from_mins(4);

fn subnets_asked(stage: &Stage) -> Vec<String> {
    stage.emulator.calls_of("RunInstances").iter().map(|call| subnet_of(&call.parameters)).collect()
}

fn over_subnets(count: usize) -> Value {
    template("Wide", &json!({"subnetId": &SUBNETS[..count]}))
}

#[test]
fn row_55_what_one_pool_gave_is_kept_and_the_rest_has_a_reason() {
    on_both_stores(|stage| {
        stage.emulator.pool(TYPE, "us-east-1a", None, 10);
        let request = stage.grid().request("Small", 50);
        let status = stage.settled(&request);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 10), "{status}");
        assert!(told(&status).contains("10 of 50"), "{status}");
        assert_eq!(stage.emulator.truth().most_at_once(), 10);
        assert!(stage.count_of("RunInstances") <= 2, "{:?}", stage.emulator.actions());
    });
}

#[test]
fn row_55_what_one_pool_lacks_is_had_from_the_next() {
    on_both_stores(|stage| {
        stage.offer(&[over_subnets(3)]);
        stage.emulator.pool(TYPE, "us-east-1a", None, 10);
        stage.emulator.pool(TYPE, "us-east-1b", None, 15);
        let (_, hosts) = stage.usable("Wide", 50);
        assert_eq!(hosts.len(), 50);
        let truth = stage.emulator.truth();
        let zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
        assert_eq!(zones.map(|zone| truth.matching(|host| host.launch.zone == zone).len()), [10, 15, 25]);
    });
}

#[test]
fn row_56_a_pool_that_was_empty_is_left_alone_for_a_while() {
    on_both_stores(|stage| {
        stage.offer(&[over_subnets(2)]);
        stage.emulator.pool(TYPE, "us-east-1a", None, 0);
        stage.usable("Wide", 2);
        assert_eq!(subnets_asked(stage), &SUBNETS[..2]);
        stage.usable("Wide", 2);
        assert_eq!(subnets_asked(stage)[2..], SUBNETS[1..2], "the second order passes the empty pool over");
        stage.pass(MARKED);
        stage.emulator.edit(Edit::NoPools).unwrap();
        stage.usable("Wide", 2);
        assert_eq!(subnets_asked(stage)[3..], SUBNETS[..1], "it is asked again after a while");
    });
}

#[test]
fn row_57_when_all_pools_are_empty_the_answer_says_so_at_once() {
    on_both_stores(|stage| {
        stage.offer(&[over_subnets(3)]);
        stage.emulator.pool("*", "*", None, 0);
        let answered = within(MINUTE, || stage.ask("Wide", 5));
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(answered.message().contains("InsufficientInstanceCapacity"), "{}", answered.message());
        assert_eq!(subnets_asked(stage), &SUBNETS[..3], "each pool is asked once");
        let again = stage.ask("Wide", 5);
        assert!(again.code == 1 && again.message().contains("asked again in"), "{}", again.message());
        assert_eq!(stage.count_of("RunInstances"), 3, "an order while all are marked asks nobody");
    });
}

#[test]
fn row_59_a_quota_is_named_and_not_knocked_at() {
    on_both_stores(|stage| {
        stage.emulator.quota(Market::OnDemand, "standard", 32);
        let answered = stage.ask("Small", 100);
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(answered.message().contains("VcpuLimitExceeded"), "{}", answered.message());
        assert_eq!(stage.count_of("RunInstances"), 1);
        let again = stage.ask("Small", 100);
        assert!(again.code == 1 && again.message().contains("VcpuLimitExceeded"), "{}", again.message());
        assert_eq!(stage.count_of("RunInstances"), 1, "the same again is not sent");
        stage.usable("Small", 16);
        assert_eq!(stage.emulator.truth().len(), 16, "fewer fit");
    });
}

#[test]
fn row_60_a_subnet_without_addresses_is_left_for_the_next_and_tried_again_later() {
    on_both_stores(|stage| {
        stage.offer(&[over_subnets(2)]);
        stage.emulator.subnet_free(SUBNETS[0], 5).unwrap();
        stage.usable("Wide", 20);
        let truth = stage.emulator.truth();
        assert_eq!(truth.matching(|host| host.launch.subnet == SUBNETS[0]).len(), 5);
        assert_eq!(truth.len(), 20);
        let before = subnets_asked(stage).len();
        stage.usable("Wide", 20);
        assert_eq!(subnets_asked(stage)[before..], SUBNETS[1..2], "the next order asks the other");
        stage.pass(MARKED);
        stage.emulator.subnet_free(SUBNETS[0], 500).unwrap();
        stage.usable("Wide", 20);
        assert_eq!(subnets_asked(stage)[before + 1..], SUBNETS[..1], "after a while it is asked again");
    });
}

/// A template asks one market: falling back from spot to on-demand is left to a second template.
#[test]
fn row_61_a_spot_template_never_turns_into_on_demand_by_itself() {
    on_both_stores(|stage| {
        stage.offer(&[template("Spot", &json!({"priceType": "spot"})), template("Small", &json!({}))]);
        stage.emulator.pool("*", "*", Market::Spot, 0);
        let answered = stage.ask("Spot", 3);
        assert_eq!(answered.code, 1, "{answered:?}");
        assert!(stage.emulator.truth().is_empty());
        stage.usable("Small", 3);
    });
    on_both_stores(|stage| {
        stage.offer(&[template("Cheap", &json!({"priceType": "spot", "maxSpotPrice": 0.01}))]);
        stage.emulator.edit(Edit::SpotPrice { price: 0.05 }).unwrap();
        let answered = stage.ask("Cheap", 3);
        assert!(answered.code == 1 && answered.message().contains("SpotMaxPriceTooLow"), "{answered:?}");
        assert!(stage.emulator.truth().is_empty());
    });
}

#[test]
fn row_63_a_template_whose_hosts_die_at_boot_stops_launching() {
    on_both_stores(|stage| {
        let (mut refused, mut reason) = (0, String::new());
        for _ in 0..50 {
            let answered = stage.ask("Small", 1);
            if answered.code == 0 {
                stage.pass(Duration::from_secs(5));
                let newest = hostfactory_emulator::Which::Newest(1);
                stage.emulator.kill(newest, "Client.InternalError", "Client error on launch").unwrap();
                let status = stage.grid().status(answered.document["requestId"].as_str().unwrap());
                assert_eq!(status["status"], "complete_with_error", "{status}");
            } else {
                refused += 1;
                answered.message().clone_into(&mut reason);
            }
        }
        assert_eq!((stage.emulator.truth().len(), refused), (10, 40), "the brake is set to ten deaths");
        assert!(reason.contains("died at boot") && reason.contains("Client.InternalError"), "{reason}");
        let offered = stage.grid().done("getAvailableTemplates", &json!({}));
        assert_eq!(offered["templates"][0]["templateId"], "Small", "it stays listed");
        assert_eq!(offered["templates"][0]["maxNumber"], 10_000);
        stage.offer(&[template("Small", &json!({"vmType": "m6i.xlarge"}))]);
        stage.usable("Small", 1);
    });
}

#[test]
fn row_64_orders_at_once_stay_within_the_maximum_together() {
    on_both_stores(|stage| {
        stage.offer(&[template("Ten", &json!({"maxNumber": 10}))]);
        let orders: Vec<_> =
            (0..30).map(|_| stage.program("requestMachines", &order("Ten", 3)).spawn().unwrap()).collect();
        let answers: Vec<Answered> =
            orders.into_iter().map(|order| Answered::of(&order.wait_with_output().unwrap())).collect();
        let (accepted, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answered| answered.code == 0);
        assert_eq!(accepted.len(), 3, "{answers:?}");
        assert!(refused.iter().all(|answered| answered.message().contains("maxNumber")), "{refused:?}");
        assert_eq!(stage.emulator.truth().most_at_once(), 9);
        assert_eq!(stage.ask("Ten", 2).code, 1);
        stage.usable("Ten", 1);
        assert_eq!(stage.ask("Ten", 1).code, 1, "hosts that live count too");
    });
}

#[test]
fn row_65_a_host_that_stays_pending_is_ended_and_told_as_failed() {
    on_both_stores(|stage| {
        stage.emulator.boot(Duration::from_hours(9));
        let request = stage.grid().request("Small", 3);
        let status = stage.pass_watched(6, &request);
        assert_eq!(status["status"], "complete_with_error", "{status}");
        let hosts = status["machines"].as_array().unwrap();
        assert!(hosts.iter().all(|host| host["result"] == "fail"), "{status}");
        assert!(told(&status).contains("pending"), "{status}");
        let truth = stage.emulator.truth();
        assert_eq!((truth.len(), truth.ended_by_calls().len(), truth.live().len()), (3, 3, 0));
    });
}

#[test]
fn row_66_a_host_that_runs_and_is_never_usable_is_ended_at_the_deadline() {
    on_both_stores(|stage| {
        stage.emulator.edit(Edit::Addresses { given: false }).unwrap();
        let request = stage.grid().request("Small", 2);
        let status = stage.pass_watched(10, &request);
        assert_eq!(status["status"], "running", "{status}");
        let status = stage.pass_watched(10, &request);
        assert_eq!(status["status"], "complete_with_error", "{status}");
        assert!(told(&status).contains("not usable within 900 seconds"), "{status}");
        let truth = stage.emulator.truth();
        assert_eq!((truth.len(), truth.ended_by_calls().len()), (2, 2));
    });
}
