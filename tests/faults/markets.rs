//! Section F, where a template names more than one market: reservation, spot, on demand, each for what the ones before it did
//! not give.

use hostfactory_emulator::{Edit, Market, ReservationKind, SUBNETS, Truth};
use serde_json::{Value, json};

use super::bench::{Bench, on_both_stores};
use super::words::{merge, order_from, template, told};
use crate::life::Grid;
use crate::support::say;

const TYPE: &str = "m6i.large";
const ZONE: &str = "us-east-1a";
const RESERVATION: &str = "cr-0123456789abcdef0";

/// Runs `body` on a bench of each store for each way that asks one market after the other, with its templates.
fn on_ways(more: &Value, body: impl Fn(&Bench)) {
    for way in ["RunInstances", "EC2Fleet"] {
        on_both_stores(|bench| {
            say(&format!("by {way}"));
            let mut fields = json!({"providerApi": way});
            merge(&mut fields, more);
            bench.offer(&[template("Ordered", &fields)]);
            body(bench);
            bench.judge();
        });
    }
}

/// How many hosts were launched into the reservation, as spot, and on demand beside it.
fn markets(truth: &Truth) -> [usize; 3] {
    let of = |reserved: bool, market| {
        truth.matching(|host| host.launch.reserved.is_some() == reserved && host.launch.market == market).len()
    };
    [of(true, Market::OnDemand), of(false, Market::Spot), of(false, Market::OnDemand)]
}

fn reservation(bench: &Bench, places: u32) {
    bench.emulator.reservation(RESERVATION, TYPE, ZONE, ReservationKind::Targeted, places);
}

#[test]
fn row_62_what_a_reservation_lacks_is_had_from_the_next_markets_in_their_order() {
    let all = json!({"marketOrder": ["reserved", "spot", "on-demand"], "capacityReservationId": RESERVATION});
    on_ways(&all, |bench| {
        reservation(bench, 3);
        bench.emulator.pool(TYPE, ZONE, Market::Spot, 1);
        let (request, hosts) = bench.running_from("Ordered", 5);
        assert_eq!((hosts.len(), markets(&bench.emulator.truth())), (5, [3, 1, 1]));
        let status = bench.status(&request);
        let of =
            |word: &str| status["machines"].as_array().unwrap().iter().filter(|host| host["priceType"] == word).count();
        assert_eq!((of("ondemand"), of("spot")), (4, 1), "{status}");
    });
    on_ways(&json!({"marketOrder": "reserved,on-demand", "capacityReservationId": RESERVATION}), |bench| {
        reservation(bench, 0);
        bench.running_from("Ordered", 2);
        assert_eq!(markets(&bench.emulator.truth()), [0, 0, 2]);
        reservation(bench, 9);
        bench.running_from("Ordered", 2);
        assert_eq!(markets(&bench.emulator.truth()), [2, 0, 2], "it is asked again at once when it has room");
    });
}

#[test]
fn row_62_a_reservation_that_has_ended_is_passed_over() {
    let order = json!({"marketOrder": ["reserved", "spot"], "capacityReservationId": "cr-0fedcba9876543210"});
    on_ways(&order, |bench| {
        bench.running_from("Ordered", 2);
        assert_eq!(markets(&bench.emulator.truth()), [0, 2, 0]);
    });
}

#[test]
fn row_62_a_template_of_a_reservation_alone_takes_no_host_beside_it() {
    on_ways(&json!({"capacityReservationId": RESERVATION}), |bench| {
        reservation(bench, 3);
        let request = bench.request_from("Ordered", 5);
        let status = bench.settled(&request);
        assert_eq!((Grid::named(&status).len(), markets(&bench.emulator.truth())), (3, [3, 0, 0]));
        assert!(told(&status).contains("3 of 5"), "{status}");
        let full = bench.ask("requestMachines", &order_from("Ordered", 1));
        assert!(full.code == 1 && full.message().contains("ReservationCapacityExceeded"), "{full:?}");
    });
}

#[test]
fn row_62_a_capacity_block_gives_what_it_has() {
    on_ways(&json!({"capacityReservationId": RESERVATION, "capacityBlock": true}), |bench| {
        bench.emulator.reservation(RESERVATION, TYPE, ZONE, ReservationKind::Block, 2);
        bench.running_from("Ordered", 2);
        assert_eq!(markets(&bench.emulator.truth()), [2, 0, 0]);
    });
}

#[test]
fn row_61_on_demand_hosts_stand_in_for_spot_where_the_template_says_so() {
    let order = json!({"marketOrder": ["spot", "on-demand"], "maxSpotPrice": "0.01"});
    let short: [&dyn Fn(&Bench); 3] = [
        &|bench| bench.emulator.pool("*", "*", Market::Spot, 0),
        &|bench| bench.emulator.edit(Edit::SpotPrice { price: 0.05 }).unwrap(),
        &|bench| bench.emulator.quota(Market::Spot, "standard", 0),
    ];
    for lacks in short {
        on_ways(&order, |bench| {
            lacks(bench);
            bench.running_from("Ordered", 3);
            assert_eq!(markets(&bench.emulator.truth()), [0, 0, 3]);
            let actions =
                bench.emulator.calls_of("RunInstances").into_iter().chain(bench.emulator.calls_of("CreateFleet"));
            let mut tokens: Vec<String> =
                actions.filter_map(|call| call.parameters.get("ClientToken").map(str::to_owned)).collect();
            let asked = tokens.len();
            tokens.dedup();
            assert_eq!((asked, tokens.len()), (2, 2), "another market is another attempt");
        });
    }
}

#[test]
fn no_host_is_launched_in_a_zone_that_the_template_excludes() {
    let fields = json!({"subnetId": SUBNETS, "excludedZones": ["us-east-1a", "use1-az2"]});
    on_ways(&fields, |bench| {
        bench.running_from("Ordered", 4);
        let truth = bench.emulator.truth();
        assert_eq!((truth.matching(|host| host.launch.zone == "us-east-1c").len(), truth.len()), (4, 4));
        assert_eq!(bench.count_of("DescribeSubnets"), 1);
    });
    on_both_stores(|bench| {
        bench.offer(&[template("Nowhere", &json!({"excludedZones": "us-east-1a"}))]);
        let answered = bench.ask("requestMachines", &order_from("Nowhere", 1));
        assert!(answered.code == 1 && answered.message().contains("excludedZones"), "{answered:?}");
        assert!(bench.emulator.truth().is_empty());
    });
}
