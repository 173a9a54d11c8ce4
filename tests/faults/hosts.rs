//! Section H: what becomes of hosts while Host Factory looks elsewhere.

use std::sync::Arc;
use std::time::Duration;

use hostfactory_emulator::Fault;
use serde_json::{Value, json};

use super::bench::{Bench, on_both_stores};
use super::words::{ids, order, template};
use crate::life::Grid;

/// The names of hosts.
fn names(hosts: &[Value]) -> Vec<String> {
    hosts.iter().map(|host| host["name"].as_str().unwrap().to_owned()).collect()
}

/// A host on record that is not live any more.
fn is_ended(bench: &Bench, id: &str) -> bool {
    !bench.emulator.truth().instance(id).unwrap().is_live()
}

#[test]
fn row_72_a_host_that_cannot_be_seen_yet_goes_on_booting() {
    on_both_stores(|bench| {
        bench.emulator.lag(Duration::from_mins(2));
        let id = bench.request(3);
        for _ in 0..5 {
            let status = bench.status(&id);
            assert_eq!(status["status"], "running", "{status}");
            assert!(!status.to_string().contains("fail"), "{status}");
            bench.pass(Duration::from_secs(20));
        }
        bench.pass(Duration::from_secs(30));
        assert_eq!(Grid::named(&bench.settled(&id)).len(), 3);
        bench.judge();
    });
}

#[test]
fn row_72_a_tag_that_cannot_be_seen_yet_makes_nobody_an_orphan() {
    on_both_stores(|bench| {
        bench.emulator.tag_lag(Duration::from_mins(10));
        let (_, hosts) = bench.running(2);
        bench.reconcile();
        bench.watched(12);
        bench.reconcile();
        assert!(bench.lost(&json!(hosts)).is_empty());
        bench.judge();
    });
}

#[test]
fn row_73_one_host_that_nobody_knows_spoils_nothing_for_the_others() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(20);
        let gone = &ids(&hosts)[7];
        bench.emulator.vanish(gone).unwrap();
        bench.tampered_with(gone);
        assert!(bench.lost(&json!(hosts)).is_empty(), "not seen once is not gone");
        let told = bench.settled(&bench.give_back(&json!(hosts[..10])));
        assert_eq!((told["status"].as_str(), Grid::named(&told).len()), (Some("complete"), 10), "{told}");
        assert_eq!(bench.emulator.truth().live().len(), 11, "the one that nobody can see, and those that were kept");
        bench.judge();
    });
}

#[test]
fn row_74_a_host_that_ends_before_it_runs_is_replaced_if_room_was_missing_and_else_told_with_the_reason_of_aws() {
    on_both_stores(|bench| {
        let id = bench.request(3);
        let victim = bench.emulator.truth().ids()[1].clone();
        bench.emulator.kill(&victim, "Server.InsufficientInstanceCapacity", "no room").unwrap();
        let status = bench.settled(&id);
        assert_eq!((status["status"].as_str(), Grid::named(&status).len()), (Some("complete"), 3), "{status}");
        assert_eq!(bench.emulator.truth().of_request(&id).len(), 4, "one for the other");

        let id = bench.request(3);
        let victim = bench.emulator.truth().of_request(&id).ids()[1].clone();
        bench.emulator.kill(&victim, "Client.InternalError", "a volume that cannot be read").unwrap();
        let status = bench.settled(&id);
        assert!(status["message"].as_str().unwrap().contains("Client.InternalError"), "{status}");
        assert_eq!(Grid::named(&status).len(), 2, "{status}");
        assert_eq!(bench.emulator.truth().of_request(&id).len(), 3);
        bench.judge();
    });
}

#[test]
fn row_75_a_host_that_is_ended_by_hand_is_told_at_every_call_and_the_verdict_stays() {
    on_both_stores(|bench| {
        let (id, hosts) = bench.running(3);
        let verdict = bench.status(&id);
        bench.emulator.kill_by_hand(&ids(&hosts)[0]).unwrap();
        for _ in 0..4 {
            assert_eq!(bench.lost(&json!(hosts)), names(&hosts[..1]));
            assert_eq!(bench.status(&id), verdict);
            bench.pass(Duration::from_mins(30));
        }
        // Long after AWS has forgotten it.
        assert_eq!(bench.lost(&json!(hosts)), names(&hosts[..1]));
        bench.settled(&bench.give_back(&json!([hosts[0]])));
        // Ended before anybody was told that it was usable, it was never delivered.
        let booting = bench.request(2);
        let victim = bench.emulator.truth().of_request(&booting).ids()[0].clone();
        bench.emulator.kill_by_hand(&victim).unwrap();
        let status = bench.settled(&booting);
        assert!(
            status["machines"].as_array().unwrap().iter().all(|h| h["machineId"] != *victim || h["result"] == "fail")
        );
        bench.judge();
    });
}

#[test]
fn row_76_a_host_that_is_stopped_by_hand_is_told_and_ended_once_it_is_given_back() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(2);
        bench.emulator.stop(&ids(&hosts)[0]).unwrap();
        assert_eq!(bench.lost(&json!(hosts)), names(&hosts[..1]));
        bench.pass(Duration::from_mins(2));
        assert_eq!(bench.lost(&json!(hosts)), names(&hosts[..1]));
        assert_eq!(bench.settled(&bench.give_back(&json!([hosts[0]])))["status"], "complete");
        assert!(is_ended(bench, &ids(&hosts)[0]) && !is_ended(bench, &ids(&hosts)[1]));
        bench.judge();
    });
}

#[test]
fn row_77_row_78_a_spot_host_that_is_marked_or_taken_is_told_within_one_poll() {
    on_both_stores(|bench| {
        bench.templates(&json!([template("Small", &json!({"priceType": "spot"}))]));
        let (_, hosts) = bench.running(3);
        // Notices are read at most once in 20 seconds.
        bench.pass(Duration::from_secs(30));
        bench.emulator.mark_spot(&ids(&hosts)[0], "marked-for-termination").unwrap();
        let told = bench.done("getReturnRequests", &json!({"machines": hosts}));
        let lost = told["requests"].as_array().unwrap();
        assert_eq!(lost.len(), 1, "{told}");
        assert_eq!(lost[0]["machine"], hosts[0]["name"]);
        let grace = lost[0]["gracePeriod"].as_u64().unwrap();
        assert!((1..=120).contains(&grace), "{told}");
        assert!(!is_ended(bench, &ids(&hosts)[0]));
        // Without a notice.
        bench.emulator.kill(&ids(&hosts)[1], "Server.SpotInstanceTermination", "taken").unwrap();
        assert_eq!(bench.lost(&json!(hosts)), names(&hosts[..2]));
        bench.settled(&bench.give_back(&json!([hosts[1]])));
        // Its time comes.
        bench.emulator.kill(&ids(&hosts)[0], "Server.SpotInstanceTermination", "taken").unwrap();
        bench.pass(Duration::from_mins(3));
        assert_eq!(bench.settled(&bench.give_back(&json!([hosts[0]])))["status"], "complete");
        assert!(!is_ended(bench, &ids(&hosts)[2]));
        bench.judge();
    });
}

#[test]
fn row_80_hosts_that_are_not_in_the_store_are_ended_only_if_they_are_not_another_installations() {
    for strict in [false, true] {
        on_both_stores(|bench| {
            bench.configure(&json!({"hostFactory": {"strictOwner": strict}}));
            let (_, ours) = bench.running(2);
            let other = Bench::sharing(bench.store, Arc::clone(&bench.emulator), "AKIDOTHER");
            let (_, theirs) = other.running(1);
            let unknown = bench.emulator.stranger(&[]).unwrap();
            bench.emulator.kill_by_hand(&ids(&ours)[0]).unwrap();
            let machine = |id: &str| json!({"name": format!("name-of-{id}"), "machineId": id});
            let no_such = "i-0dead0dead0dead00";
            let hosts = json!([ours[0], ours[1], theirs[0], machine(&unknown), machine(no_such), {"name": "nobody.ec2.internal"}]);
            let told = bench.settled(&bench.give_back(&hosts));
            assert_eq!(told["status"], "complete_with_error", "{told}");
            let result = |id: &str| {
                let hosts = told["machines"].as_array().unwrap();
                hosts
                    .iter()
                    .find(|host| host["machineId"] == *id)
                    .map(|host| host["result"].as_str().unwrap().to_owned())
            };
            assert_eq!(result(&ids(&ours)[0]).as_deref(), Some("succeed"), "it had ended already");
            assert_eq!(result(&ids(&ours)[1]).as_deref(), Some("succeed"));
            assert_eq!(result(&ids(&theirs)[0]).as_deref(), Some("fail"), "{told}");
            assert_eq!(result(no_such).as_deref(), Some("succeed"), "{told}");
            assert_eq!(result(&unknown).as_deref(), Some(if strict { "fail" } else { "succeed" }), "{told}");
            assert!(told["message"].as_str().unwrap().contains("nobody.ec2.internal: no host of this"), "{told}");
            assert!(is_ended(bench, &ids(&ours)[1]) && !is_ended(bench, &ids(&theirs)[0]));
            assert_eq!(is_ended(bench, &unknown), !strict);
        });
    }
}

#[test]
fn row_81_a_host_that_is_given_back_twice_is_ended_once_and_both_returns_settle() {
    on_both_stores(|bench| {
        let (_, hosts) = bench.running(3);
        let first = bench.give_back(&json!(hosts[..2]));
        let second = bench.give_back(&json!(hosts[1..2]));
        let listed_twice = bench.give_back(&json!([hosts[0], hosts[0]["machineId"], hosts[0]["name"]]));
        for (id, count) in [(first, 2), (second, 1), (listed_twice, 1)] {
            let told = bench.settled(&id);
            assert_eq!((told["status"].as_str(), Grid::named(&told).len()), (Some("complete"), count), "{told}");
        }
        let named: Vec<String> = bench
            .emulator
            .calls_of("TerminateInstances")
            .iter()
            .flat_map(|call| (1..5).filter_map(|n| call.parameters.get(&format!("InstanceId.{n}")).map(str::to_owned)))
            .collect();
        assert_eq!(named.len(), 2, "one order for each host: {named:?}");
        bench.judge();
    });
}

#[test]
fn row_82_a_name_that_a_new_host_has_inherited_ends_nobody_else() {
    on_both_stores(|bench| {
        bench.emulator.reuse_addresses();
        let (_, old) = bench.running(1);
        assert_eq!(bench.settled(&bench.give_back(&json!(old)))["status"], "complete");
        bench.pass(Duration::from_mins(2));
        let (_, new) = bench.running(1);
        assert_eq!((&new[0]["name"], new[0]["machineId"] == old[0]["machineId"]), (&old[0]["name"], false));
        // The id wins over the name that goes with it.
        assert_eq!(bench.settled(&bench.give_back(&json!(old)))["status"], "complete");
        assert!(!is_ended(bench, &ids(&new)[0]));
        assert!(bench.lost(&json!(new)).is_empty());
        assert_eq!(bench.lost(&json!(old)), names(&old));
        bench.judge();
    });
}

#[test]
fn row_83_a_protected_host_is_reported_and_stays_protected_and_the_others_end() {
    on_both_stores(|bench| {
        bench.configure(&json!({"hostFactory": {"returnDeadlineSeconds": 1200}}));
        let (_, hosts) = bench.running(10);
        let protected = &ids(&hosts)[4];
        bench.emulator.protect(protected).unwrap();
        let id = bench.give_back(&json!(hosts));
        bench.pass(Duration::from_mins(1));
        let told = bench.status(&id);
        assert_eq!(told["status"], "running", "{told}");
        let entry = |told: &Value| {
            told["machines"].as_array().unwrap().iter().find(|host| host["machineId"] == **protected).cloned().unwrap()
        };
        assert!(!entry(&told)["message"].as_str().unwrap().is_empty(), "{told}");
        assert_eq!(bench.emulator.truth().live().ids(), std::slice::from_ref(protected));
        let mut told = bench.status(&id);
        for _ in 0..30 {
            if told["status"] != "running" {
                break;
            }
            bench.pass(Duration::from_mins(1));
            told = bench.status(&id);
        }
        assert_eq!(
            (told["status"].as_str(), entry(&told)["result"].as_str()),
            (Some("complete_with_error"), Some("fail"))
        );
        assert!(!bench.emulator.actions().iter().any(|action| action == "ModifyInstanceAttribute"));
        bench.judge();
    });
}

#[test]
fn row_93_a_request_keeps_the_template_it_began_with() {
    for change in ["edited", "removed"] {
        on_both_stores(|bench| {
            bench.configure(&json!({"hostFactory": {"batchLimit": 2}}));
            // The first batch is launched; the others are not sent before the call ends.
            bench.emulator.fault(Fault::drop_before().on("RunInstances").skip(1).times(3));
            bench.emulator.fault(Fault::drop_before().on("RunInstances").skip(1).times(3));
            let id = bench.done("requestMachines", &order(6))["requestId"].as_str().unwrap().to_owned();
            assert!(bench.emulator.truth().len() < 6);
            bench.emulator.clear_faults();
            let other = if change == "edited" { "Small" } else { "Other" };
            bench.templates(&json!([template(other, &json!({"vmType": "t3.micro"}))]));
            assert_eq!(Grid::named(&bench.settled(&id)).len(), 6);
            let truth = bench.emulator.truth();
            assert!(truth.instances.iter().all(|host| host.launch.instance_type == "m6i.large"), "{change}");
            assert_eq!((truth.len(), truth.tokens().len()), (6, 3));
            bench.judge();
        });
    }
}
