//! Rows 13, 33, 34, 36 and 109: stores of other versions, and stores that have grown.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::disk::{Bench, asked, each_store, id_of, order, shim};
use super::store::{failed, places};
use super::store_damage::overwrite;
use crate::support::{say, stores};

#[test]
fn row_33_a_newer_schema_is_refused_with_both_versions_and_left_alone() {
    each_store(|bench| {
        let id = bench.request(1);
        if bench.strategy == "json" {
            let text = std::fs::read_to_string(bench.store()).unwrap();
            overwrite(&bench.store(), text.replace("\"schema\":3", "\"schema\":9").as_bytes());
        } else {
            #[cfg(feature = "sqlite")]
            rusqlite::Connection::open(bench.store()).unwrap().pragma_update(None, "user_version", 9).unwrap();
        }
        let before = std::fs::read(bench.store()).unwrap();
        for answer in [bench.status(&id), bench.ask("requestMachines", &order(1))] {
            failed(&answer, &["schema 9", "up to 3", "newer version"]);
        }
        let report = bench.storage(&["check"]);
        assert_eq!((report.code, &report.document["condition"]), (1, &json!("newer")));
        let refused = bench.storage(&["recover", "--yes"]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(std::fs::read(bench.store()).unwrap() == before);
    });
}

/// A store that the version before this one made.
fn of_schema_1(strategy: &'static str) -> (Bench, &'static str) {
    let bench = Bench::new(strategy);
    let (file, id): (&[u8], _) = if strategy == "json" {
        (include_bytes!("../fixtures/stores/schema-1.json"), "req-87b4687f-7250-4d2e-bc1c-0456616982fa")
    } else {
        (include_bytes!("../fixtures/stores/schema-1.db"), "req-8d235651-d53c-441d-bd8b-b74e1dcf85ff")
    };
    std::fs::create_dir(bench.data("")).unwrap();
    std::fs::set_permissions(bench.data(""), std::fs::Permissions::from_mode(0o700)).unwrap();
    overwrite(&bench.store(), file);
    (bench, id)
}

#[test]
fn row_34_an_older_schema_is_migrated_and_a_kill_at_any_effect_leaves_one_or_the_other() {
    for strategy in stores() {
        let (bench, id) = of_schema_1(strategy);
        let entry = bench.settled(id);
        assert_eq!((&entry["status"], entry["machines"].as_array().unwrap().len()), (&json!("complete"), 3));
        bench.request(1);
        assert_eq!(bench.is_good()["contents"]["schema"], 3);
        let kept = format!("{}.schema-1", bench.store().display());
        assert!(Path::new(&kept).exists());
        if shim().is_none() {
            continue;
        }
        let mut killed = 0;
        for number in places(300) {
            let (bench, id) = of_schema_1(strategy);
            let output =
                bench.output(bench.failing("work/data", &format!("any;{number};KILL;")), "requestMachines", &order(1));
            let schema = bench.is_good()["contents"]["schema"].clone();
            assert!(schema == 1 || schema == 3, "{schema}");
            assert_eq!(bench.settled(id), entry, "effect {number}");
            if output.status.code().is_some() {
                break;
            }
            killed += 1;
            if number % 5 == 0 {
                bench.oracle(&[]);
            }
        }
        assert!(killed > 5, "{killed}");
    }
}

#[test]
fn row_109_what_the_version_before_wrote_is_carried_on() {
    for strategy in stores() {
        let (bench, id) = of_schema_1(strategy);
        let (returned, other) = if *strategy == "json" {
            ("ret-6db75c27-f163-41a9-a3dc-f97973840e8c", "req-2f89b659-6645-4826-92c7-b1ee0b51d2bc")
        } else {
            ("ret-3ed51f0b-832d-4f4a-9fdc-ab12210430c8", "req-645d7b32-11f5-408e-83c8-e2cb68c6e2e4")
        };
        let before = bench.is_good()["contents"].clone();
        assert_eq!((&before["schema"], &before["requests"]["complete"]), (&json!(1), &json!(3)));
        let hosts: Vec<Value> = [id, returned, other]
            .iter()
            .flat_map(|id| {
                let entry = bench.settled(id);
                assert_eq!(entry["status"], "complete");
                entry["machines"].as_array().unwrap().clone()
            })
            .collect();
        assert_eq!(hosts.len(), 5);
        // Its hosts are given back by this one. That an older version refuses what this one wrote, row 33 shows.
        let back = id_of(&bench.ask("requestReturnMachines", &json!({"machines": hosts[..1]}))).unwrap();
        bench.settled(&back);
        assert_eq!(bench.is_good()["contents"]["schema"], 3);
        bench.oracle(&[]);
    }
}

#[test]
fn row_36_a_store_that_has_grown_for_a_year_answers_and_is_purged() {
    each_store(|bench| {
        let id = bench.request(100);
        bench.settled(&id);
        super::store_damage::grow(bench, if bench.strategy == "json" { 10_000 } else { 100_000 });
        let start = Instant::now();
        assert_eq!(bench.settled(&id)["machines"].as_array().unwrap().len(), 100);
        let took = start.elapsed();
        let begun = Instant::now();
        let new = bench.request(1);
        say(&format!("{}: status {took:?}, request {:?}", bench.strategy, begun.elapsed()));
        // An unoptimised build; what a call costs is measured by scripts/bench.sh.
        assert!(bench.strategy == "json" || took < Duration::from_secs(1), "{took:?}");
        let purged = bench.storage(&["purge", "--older-than", "1", "--yes"]);
        assert_eq!((purged.code, &purged.document["complete"]), (0, &json!(true)), "{purged:?}");
        assert!(purged.document["machines"].as_u64().unwrap() >= 10_000, "{purged:?}");
        bench.oracle(&[id, new]);
    });
}

#[test]
fn row_13_a_call_beside_ten_thousand_hosts_lives_in_64_mebibytes() {
    each_store(|bench| {
        let id = bench.request(100);
        bench.settled(&id);
        super::store_damage::grow(bench, 10_000);
        let program = bench.program();
        let mut limited = bench.sandbox.command("/bin/sh");
        // Everything that it can write to: heap and stacks.
        limited.args(["-c", "ulimit -d 65536; exec \"$0\" \"$@\""]).arg(program.get_program()).args(program.get_args());
        let answer = bench.run(limited, "getRequestStatus", &asked(&id));
        assert_eq!((answer.code, &answer.document["requests"][0]["status"]), (0, &json!("complete")), "{answer:?}");
    });
}
