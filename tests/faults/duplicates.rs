//! Section B: several processes at once, the same order twice, two installations, a store from a backup.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hostfactory_emulator::{Emulator, Fault, Phase, Settings};
use serde_json::{Value, json};

use super::bench::{BOOT, Bench, PATIENCE, on_both_stores};
use super::words::{id_of, ids, order};
use crate::life::Grid;
use crate::support::stores;

#[test]
fn row_14_the_same_order_twice_is_two_orders_and_with_a_key_one() {
    on_both_stores(|bench| {
        assert_ne!(bench.request(2), bench.request(2));
        assert_eq!(bench.emulator.truth().len(), 4);
        let mut keyed = order(3);
        keyed["requestKey"] = json!("order-7");
        let calls: Vec<_> = (0..4).map(|_| bench.start("requestMachines", &keyed)).collect();
        let mut answers: BTreeSet<String> = calls.into_iter().map(|call| id_of(&call.answered().document)).collect();
        answers.insert(id_of(&bench.done("requestMachines", &keyed)));
        assert_eq!((answers.len(), bench.emulator.truth().len()), (1, 7));
        keyed["template"]["machineCount"] = json!(4);
        let refused = bench.ask("requestMachines", &keyed);
        assert_eq!(refused.code, 1);
        assert!(refused.message().contains("requestKey"), "{}", refused.message());
        assert_eq!(bench.emulator.truth().len(), 7);
        bench.judge();
    });
}

#[test]
fn row_14_a_key_whose_first_call_was_killed_gets_the_same_hosts() {
    on_both_stores(|bench| {
        let mut keyed = order(3);
        keyed["requestKey"] = json!("order-7");
        bench.emulator.fault(Fault::hold(Phase::After).on("RunInstances"));
        let running = bench.start("requestMachines", &keyed);
        let held = bench.emulator.wait_held(PATIENCE).unwrap();
        running.kill();
        held.drop_connection();
        let id = id_of(&bench.done("requestMachines", &keyed));
        assert_eq!(Grid::named(&bench.settled(&id)).len(), 3);
        assert_eq!((bench.emulator.truth().len(), bench.emulator.truth().tokens().len()), (3, 1));
        bench.judge();
    });
}

#[test]
fn row_15_fifty_orders_at_once_are_fifty_requests_with_exactly_their_hosts() {
    on_both_stores(|bench| {
        // On this machine fifty processes may take turns for longer than Host Factory's would.
        bench.configure(&json!({"hostFactory": {"softBudgetSeconds": 200}}));
        let mut running: Vec<_> = (0..50).map(|_| bench.start("requestMachines", &order(10))).collect();
        let answers: Vec<_> = running.drain(..).map(super::bench::Running::answered).collect();
        assert!(answers.iter().all(|answer| answer.code == 0), "{answers:?}");
        let requests: BTreeSet<String> = answers.iter().map(|answer| id_of(&answer.document)).collect();
        assert_eq!(requests.len(), 50);
        bench.pass(Duration::from_mins(1));
        bench.judge();
        let truth = bench.emulator.truth();
        assert!(requests.iter().all(|id| truth.of_request(id).len() == 10));
        assert_eq!((truth.len(), truth.live().len()), (500, 500));
    });
}

#[test]
fn row_16_twenty_polls_at_once_of_a_launch_whose_answer_was_lost_find_one_set_of_hosts() {
    on_both_stores(|bench| {
        bench.emulator.fault(Fault::drop_after().on("RunInstances").times(3));
        let id = bench.request(5);
        assert_eq!(bench.emulator.calls_of("RunInstances").len(), 3);
        let asked = json!({"requests": [{"requestId": id}]});
        let polls: Vec<_> = (0..20).map(|_| bench.start("getRequestStatus", &asked)).collect();
        assert!(polls.into_iter().all(|poll| poll.answered().code == 0));
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.tokens().len()), (5, 1));
        assert!(bench.emulator.calls_of("RunInstances").len() <= 3 + 20);
        bench.judge();
    });
}

#[test]
fn row_17_polls_and_returns_of_the_same_hosts_at_once_end_exactly_the_hosts_that_were_named() {
    on_both_stores(|bench| {
        let mut kept = Vec::new();
        for round in 0..5_u64 {
            let (id, hosts) = bench.running(3);
            let (asked, given) = (json!({"requests": [{"requestId": id}]}), json!({"machines": hosts[..2]}));
            let first = bench.start("getRequestStatus", &asked);
            let give_back = bench.start("requestReturnMachines", &given);
            let again = bench.start("requestReturnMachines", &given);
            let held = bench.start("getReturnRequests", &json!({"machines": hosts}));
            let last = bench.start("getRequestStatus", &asked);
            for call in [first, give_back, again, held, last] {
                assert_eq!(call.answered().code, 0);
            }
            kept.push(ids(&hosts)[2].clone());
            bench.pass(Duration::from_secs(10 * round));
        }
        let mut live = bench.emulator.truth().live().ids();
        live.sort();
        kept.sort();
        assert_eq!(live, kept);
        bench.judge();
    });
}

#[test]
fn row_21_installations_in_one_account_leave_each_others_hosts_alone() {
    for store in stores() {
        let settings = Settings { boot: BOOT, shutdown: BOOT, frozen: true, ..Settings::default() };
        let emulator = Arc::new(Emulator::with(settings).unwrap());
        let one = Bench::sharing(store, Arc::clone(&emulator), "AKIDONE");
        let two = Bench::sharing(store, Arc::clone(&emulator), "AKIDTWO");
        let (_, first) = one.running(2);
        // The program's clock of the other is behind by what the first one's took.
        two.jump(300);
        let (_, second) = two.running(2);
        one.jump(300);
        // An orphan of the first: its store is from before the request.
        let before = one.backup();
        one.kill_after_effect(&order(1));
        one.restore(&before);
        for _ in 0..4 {
            emulator.clock_advance(Duration::from_mins(3));
            one.jump(180);
            two.jump(180);
            one.reconcile();
            two.reconcile();
        }
        let truth = emulator.truth();
        assert_eq!((truth.len(), truth.live().len()), (5, 4), "{store}: the orphan alone was ended");
        // Named by mistake, a host of the other is refused with the reason.
        let id = two.give_back(&json!([{"machineId": ids(&first)[0]}]));
        let refused = two.settled(&id);
        assert!(refused.to_string().contains("another installation"), "{refused}");
        assert_eq!(emulator.truth().live().len(), 4);
        one.judge();
        two.judge();
        assert_eq!(two.emulator.truth().live().len(), 4);
        assert!(one.lost(&json!(first)).is_empty() && two.lost(&json!(second)).is_empty());
    }
}

#[test]
fn row_23_hosts_that_are_newer_than_a_restored_store_are_taken_in_or_ended_and_never_counted_twice() {
    on_both_stores(|bench| {
        let (_, old) = bench.running(2);
        let before = bench.backup();
        let (known, held) = bench.running(2);
        bench.kill_after_effect(&order(3));
        bench.restore(&before);
        // Host Factory asks about what it knows: the request is rebuilt from tags, its hosts stay.
        let told = bench.status(&known);
        assert_eq!(ids(&Grid::named(&told)).len(), 2, "{told}");
        assert!(bench.lost(&json!(held)).is_empty());
        bench.reconcile();
        bench.watched(12);
        bench.reconcile();
        let truth = bench.emulator.truth();
        assert_eq!((truth.len(), truth.live().len()), (7, 4), "those of the order that nobody knows are ended");
        let live = truth.live();
        let kept: Vec<Value> = old.into_iter().chain(held).collect();
        assert!(ids(&kept).iter().all(|host| live.instance(host).is_some()));
        bench.judge();
    });
}
