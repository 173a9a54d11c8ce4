//! `docs/faults.md` against the tests: every row of the fault table has a test, or a reason why it has none.

use std::collections::{BTreeMap, BTreeSet};

use crate::{root, sources};

/// How many rows the fault table has.
const ROWS: u32 = 112;

/// Every test of a row, by its number. A test is named `row_NN_…` after its row, or `row_NN_row_MM_…` after several.
fn tests_by_row() -> BTreeMap<u32, BTreeSet<String>> {
    let mut found: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for folder in ["src", "tests"] {
        for file in sources(&root().join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            for (at, _) in text.match_indices(concat!("fn ", "row_")) {
                let name: String =
                    text[at + 3..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                let words: Vec<&str> = name.split('_').collect();
                for number in words.chunks(2).take_while(|pair| pair[0] == "row").map(|pair| pair[1].parse()) {
                    let number = number.unwrap_or_else(|_| panic!("{}: {name} names no row", file.display()));
                    found.entry(number).or_default().insert(name.clone());
                }
            }
        }
    }
    found
}

/// The rows of the document: number, and everything in backticks of its last column, or the reason there.
fn documented() -> BTreeMap<u32, (BTreeSet<String>, String)> {
    let text = std::fs::read_to_string(root().join("docs/faults.md")).unwrap();
    let rows = text.lines().filter_map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let number: u32 = cells.first()?.parse().ok()?;
        let last = *cells.last()?;
        let names = last.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect();
        Some((number, (names, last.to_owned())))
    });
    rows.collect()
}

#[test]
fn every_row_of_the_fault_table_has_its_tests_or_a_reason() {
    let (tests, rows) = (tests_by_row(), documented());
    let mut complaints = Vec::new();
    for number in 1..=ROWS {
        let none = BTreeSet::new();
        let exist = tests.get(&number).unwrap_or(&none);
        match rows.get(&number) {
            None => complaints.push(format!("row {number} is missing")),
            Some((names, _)) if names != exist => {
                let missing: Vec<_> = exist.difference(names).collect();
                let gone: Vec<_> = names.difference(exist).collect();
                complaints.push(format!("row {number}: not listed {missing:?}, listed and not there {gone:?}"));
            }
            Some((names, reason)) if names.is_empty() && reason.len() < 20 => {
                complaints.push(format!("row {number} has neither a test nor a reason"));
            }
            Some(_) => {}
        }
    }
    assert!(complaints.is_empty(), "docs/faults.md:\n{}", complaints.join("\n"));
}
