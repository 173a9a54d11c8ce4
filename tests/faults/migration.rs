//! A migration that is killed, or that meets a full disk, at each of its effects on the disk.

use super::disk::{Bench, each_failing_store};
use crate::support::{Answered, say};

/// More effects than a migration has.
const MOST: usize = 200;

fn other(strategy: &str) -> &'static str {
    if strategy == "json" { "sqlite" } else { "json" }
}

/// Checks that the store in force is whole and has the request, whichever store that is.
fn is_whole(bench: &Bench, request: &str, when: &str) {
    let entry = bench.settled(request);
    assert_eq!(
        (&entry["status"], entry["machines"].as_array().unwrap().len()),
        (&"complete".into(), 2),
        "{when}: {entry}"
    );
    let check = bench.storage(&["check"]);
    assert_eq!((check.code, &check.document["condition"]), (0, &"whole".into()), "{when}: {check:?}");
}

#[test]
fn a_migration_that_is_killed_or_fails_anywhere_leaves_one_whole_store_in_force() {
    each_failing_store(|bench| {
        let request = bench.request(2);
        is_whole(bench, &request, "before");
        let (mut from, mut to) = (bench.strategy, other(bench.strategy));
        let (mut n, mut how) = (1, "KILL");
        // There and back in turn, so that each direction is stopped at every other effect; the other run takes the rest.
        while n < MOST {
            let when = format!("{from} to {to}, {how} at effect {n}");
            let mut program = bench.failing("work", &format!("any;{n};{how};request_database"));
            let output = program.args(["storage", "migrate", "--to", to]).output().unwrap();
            is_whole(bench, &request, &when);
            let another = bench.request(1);
            let again = bench.storage(&["migrate", "--to", to]);
            assert_eq!(again.code, 0, "{when}: {again:?}");
            let entry = bench.settled(&another);
            assert_eq!(entry["status"], "complete", "{when}: {entry}");
            if how == "KILL" && output.status.success() {
                say(&format!("{when}: that is more than there are"));
                break;
            }
            (from, to) = (to, from);
            (n, how) = if how == "KILL" && n % 4 == 0 { (n, "ENOSPC") } else { (n + 1, "KILL") };
        }
        assert!((10..MOST).contains(&n), "{n} effects");
    });
}

#[test]
fn a_store_that_is_there_already_is_respected_unless_the_operator_says_otherwise() {
    super::disk::each_store(|bench| {
        let request = bench.request(2);
        is_whole(bench, &request, "before");
        // Another store of this work folder, as somebody left it.
        let there = Bench::new(other(bench.strategy));
        there.request(1);
        std::fs::copy(there.store(), bench.data(there.store().file_name().unwrap().to_str().unwrap())).unwrap();
        let refused = bench.storage(&["migrate", "--to", there.strategy]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(
            refused.message().contains("--replace") && refused.message().contains("holds something else"),
            "{refused:?}"
        );
        is_whole(bench, &request, "refused");
        let done = bench.storage(&["migrate", "--to", there.strategy, "--replace"]);
        assert_eq!(done.code, 0, "{done:?}");
        assert!(done.document["setAside"].as_array().unwrap().len() >= 2, "{done:?}");
        assert!(done.document["next"].as_str().unwrap().contains("set storage.strategy to"), "{done:?}");
        is_whole(bench, &request, "replaced");
        let again: Answered = bench.storage(&["migrate", "--to", there.strategy]);
        assert_eq!((again.code, &again.document["done"]), (0, &false.into()), "{again:?}");
    });
}
