//! `templates refresh`: what AWS tells about instance types is kept whole, or not at all.

use std::sync::Arc;

use hostfactory_emulator::{Emulator, Fault, Settings};
use serde_json::{Value, json};

use super::bench::Bench;
use super::words::template;
use crate::support::Answered;

fn refresh(bench: &Bench) -> Answered {
    Answered::of(&bench.command("templates").arg("refresh").output().unwrap())
}

fn attributes(bench: &Bench) -> Value {
    bench.done("getAvailableTemplates", &json!({}))["templates"][0]["attributes"].clone()
}

#[test]
fn the_types_of_the_region_are_kept_and_a_listing_that_fails_or_is_cut_changes_nothing() {
    let settings = Settings { frozen: true, type_page: 7, ..Settings::default() };
    let bench = Bench::sharing("json", Arc::new(Emulator::with(settings).unwrap()), "AKIDCANARY");
    let bare = json!({"attributes": null, "vmType": "m6i.4xlarge"});
    bench.offer(&[template("Small", &bare)]);
    let before = attributes(&bench);
    let table = bench.sandbox.path("work/data/instance_types.tsv");
    for fault in [Fault::bad_page(2), Fault::page_loop(), Fault::garbage(), Fault::empty(), Fault::drop_before()] {
        bench.emulator.fault(fault.on("DescribeInstanceTypes").always());
        let failed = refresh(&bench);
        assert_eq!(failed.code, 1, "{failed:?}");
        assert!(failed.message().contains("DescribeInstanceTypes") && !table.exists(), "{failed:?}");
        bench.emulator.clear_faults();
    }
    let asked = bench.count_of("DescribeInstanceTypes");
    let first = refresh(&bench);
    assert_eq!((first.code, bench.count_of("DescribeInstanceTypes") - asked), (0, 4), "{first:?}");
    assert_eq!((&first.document["kept"], &first.document["new"]), (&json!(24), &json!(0)));
    assert!(first.document["changed"].as_u64() > Some(0), "its bandwidths are not those of AWS: {first:?}");
    let kept = std::fs::read_to_string(&table).unwrap();
    assert_eq!(kept.lines().count(), 24);
    assert_eq!(refresh(&bench).document["changed"], 0);
    bench.emulator.fault(Fault::bad_page(3).on("DescribeInstanceTypes").always());
    assert_eq!(refresh(&bench).code, 1);
    assert_eq!(std::fs::read_to_string(&table).unwrap(), kept);
    assert_eq!(attributes(&bench), before);
}
