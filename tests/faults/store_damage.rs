//! Rows 29 to 31: files that were cut, changed or emptied; and stores that tests make by themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::disk::{Bench, each_store};
use crate::draw::{self, Draw};
use crate::support::say;

/// Writes over a file in place, as damage does.
pub(super) fn overwrite(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = std::fs::File::create(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_permissions(std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A store with a request, hosts that were given back, and a copy.
fn filled(bench: &Bench) -> (String, Value) {
    let id = bench.request(2);
    bench.settled(&id);
    let back = bench.request(1);
    let entry = bench.settled(&back);
    bench.ask("requestReturnMachines", &json!({"machines": entry["machines"]}));
    // The copy is made at most once an hour; this asks for one that has it all.
    let _ = std::fs::remove_file(bench.data("request_database.db.copy.lock"));
    bench.settled(&bench.request(1));
    let status = bench.settled(&id);
    (id, status)
}

#[test]
fn row_29_a_store_cut_anywhere_is_refused_names_its_copy_and_is_recovered() {
    each_store(|bench| {
        let (id, status) = filled(bench);
        let whole = std::fs::read(bench.store()).unwrap();
        let copy = bench.copy();
        assert!(copy.exists());
        for length in (1024..whole.len()).step_by(1024).chain([1, 100, whole.len() - 1]) {
            overwrite(&bench.store(), &whole[..length]);
            let answer = bench.status(&id);
            assert_eq!(answer.code, 1, "{length}: {answer:?}");
            for hint in [bench.store().to_str().unwrap(), copy.to_str().unwrap(), " ago", "hostfactory storage recover"]
            {
                assert!(answer.message().contains(hint), "{} lacks {hint}", answer.message());
            }
            assert!(std::fs::read(bench.store()).unwrap() == whole[..length], "it is left as it is");
        }
        let report = bench.storage(&["check"]);
        assert_eq!((report.code, &report.document["condition"]), (1, &json!("damaged")));
        assert_eq!(report.document["copies"][0]["whole"], true, "{report:?}");
        let planned = bench.storage(&["recover"]);
        assert_eq!((planned.code, &planned.document["done"]), (0, &json!(false)));
        let done = bench.storage(&["recover", "--yes"]);
        assert_eq!((done.code, &done.document["done"]), (0, &json!(true)), "{done:?}");
        assert!(done.document["next"].as_str().unwrap().contains("storage adopt"));
        let moved = done.document["movedTo"][0].as_str().unwrap();
        assert!(std::fs::read(moved).unwrap() == whole[..whole.len() - 1], "nothing is deleted");
        assert_eq!(bench.settled(&id), status);
        assert_eq!(bench.storage(&["recover", "--yes"]).code, 1, "a whole store is not recovered");
        bench.oracle(&[id]);
    });
}

#[test]
fn row_30_flipped_bytes_are_noticed_or_harm_nothing() {
    const FLIPS: usize = 1000;
    each_store(|bench| {
        let started = std::time::Instant::now();
        let (id, status) = filled(bench);
        let whole = std::fs::read(bench.store()).unwrap();
        let seed = draw::seed();
        let dice = Mutex::new((Draw(seed), 0, 0));
        // Each thread has an installation of its own.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let other = Bench::new(bench.strategy);
                    std::fs::create_dir(other.data("")).unwrap();
                    std::fs::set_permissions(other.data(""), PermissionsExt::from_mode(0o700)).unwrap();
                    loop {
                        let (at, bit) = {
                            let mut dice = dice.lock().unwrap();
                            if dice.1 == FLIPS * draw::times() {
                                return;
                            }
                            dice.1 += 1;
                            (dice.0.index(whole.len()), dice.0.index(8))
                        };
                        let mut flipped = whole.clone();
                        flipped[at] ^= 1 << bit;
                        let _ = std::fs::remove_file(other.data("request_database.db-wal"));
                        overwrite(&other.store(), &flipped);
                        let answer = other.status(&id);
                        if answer.code == 0 {
                            assert_eq!(answer.document["requests"][0], status, "byte {at}, bit {bit}");
                        } else {
                            dice.lock().unwrap().2 += 1;
                        }
                    }
                });
            }
        });
        let noticed = dice.lock().unwrap().2;
        let (flips, took) = (FLIPS * draw::times(), started.elapsed());
        say(&format!("{}: {noticed} of {flips} flips were noticed, seed {seed}, {took:?}", bench.strategy));
        assert!(
            bench.strategy != "json" || noticed == FLIPS * draw::times(),
            "a JSON store has no byte that may change"
        );
    });
}

#[test]
fn row_31_an_empty_file_is_refused_and_recovered() {
    each_store(|bench| {
        let (id, status) = filled(bench);
        overwrite(&bench.store(), b"");
        let answer = bench.status(&id);
        assert!(answer.code == 1 && answer.message().contains("is empty"), "{answer:?}");
        assert_eq!(bench.ask("requestMachines", &super::disk::order(1)).code, 1);
        assert_eq!(std::fs::metadata(bench.store()).unwrap().len(), 0);
        assert_eq!(bench.storage(&["recover", "--yes"]).code, 0);
        assert_eq!(bench.settled(&id), status);
        bench.oracle(&[id]);
    });
}

/// The stores' checksum, written down once more: what is on disks must not change with the program.
pub(crate) fn checksum(parts: &[&[u8]]) -> u64 {
    let step = |sum: u64, group: u64| {
        let product = (sum ^ group).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        product ^ (product >> 32)
    };
    parts.iter().fold(0x243f_6a88_85a3_08d3, |sum, part| {
        let mut sum = step(sum, part.len() as u64);
        let groups = part.chunks_exact(8);
        let rest = groups.remainder();
        for group in groups {
            sum = step(sum, u64::from_le_bytes(group.try_into().unwrap()));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        step(sum, u64::from_le_bytes(last))
    })
}

/// Adds hosts that ended long ago, each like one that there is, in requests of a hundred.
pub(crate) fn grow(bench: &Bench, hosts: usize) {
    let aged = |document: &mut Value| {
        for member in ["changedAt", "createdAt", "claimedAt", "knownSince", "launchedAt", "endingSince"] {
            if document[member].is_i64() || document[member].is_u64() {
                document[member] = json!(1_000_000_000_000_i64);
            }
        }
    };
    let of_number = |number: usize| format!("req-00000000-0000-4000-8000-{:012x}", number / 100);
    let made = |request: &Value, machine: &Value, number: usize| {
        let (mut request, mut machine) = (request.clone(), machine.clone());
        aged(&mut request);
        aged(&mut machine);
        request["id"] = json!(of_number(number));
        machine["id"] = json!(format!("i-{number:017x}"));
        machine["requestId"] = json!(of_number(number));
        machine["status"] = json!("terminated");
        (request, machine)
    };
    if bench.strategy == "json" {
        let mut document: Value = serde_json::from_slice(&std::fs::read(bench.store()).unwrap()).unwrap();
        let (request, machine) = first_of(&document);
        for number in 0..hosts {
            let (request, machine) = made(&request, &machine, number);
            for (member, value) in [("requests", request), ("machines", machine)] {
                let id = value["id"].as_str().unwrap().to_owned();
                document[member][id] = value;
            }
        }
        let mut text = format!("\",\n\"schema\":2,\n\"nextSequence\":{}", document["nextSequence"]);
        for member in ["templates", "requests", "machines", "events"] {
            write!(text, ",\"{member}\":{}", document[member]).unwrap();
        }
        text.push_str("}\n");
        overwrite(&bench.store(), format!("{{\"checksum\":\"{:016x}{text}", checksum(&[text.as_bytes()])).as_bytes());
    } else {
        #[cfg(feature = "sqlite")]
        grow_database(bench, hosts, made);
    }
}

fn first_of(document: &Value) -> (Value, Value) {
    let first = |member: &str| document[member].as_object().unwrap().values().next().unwrap().clone();
    (first("requests"), first("machines"))
}

#[cfg(feature = "sqlite")]
fn grow_database(bench: &Bench, hosts: usize, made: impl Fn(&Value, &Value, usize) -> (Value, Value)) {
    use rusqlite::params;
    let mut database = rusqlite::Connection::open(bench.store()).unwrap();
    let document = |table: &str| -> Value {
        let sql = format!("SELECT document FROM {table} LIMIT 1");
        let text: String = database.query_row(&sql, [], |row| row.get(0)).unwrap();
        serde_json::from_str(&text).unwrap()
    };
    let (request, machine) = (document("requests"), document("machines"));
    let transaction = database.transaction().unwrap();
    for number in 0..hosts {
        let (request, machine) = made(&request, &machine, number);
        let sum = |table: &str, key: &str, text: &str| {
            checksum(&[table.as_bytes(), key.as_bytes(), text.as_bytes()]).cast_signed()
        };
        if number % 100 == 0 {
            let (id, text) = (request["id"].as_str().unwrap(), request.to_string());
            let sql = "INSERT INTO requests (id, version, wanted, settled, document, checksum, created_at, changed_at)
                       VALUES (?1, ?2, 0, 1, ?3, ?4, ?5, ?5)";
            let version = request["version"].as_i64().unwrap();
            transaction
                .prepare_cached(sql)
                .unwrap()
                .execute(params![id, version, text, sum("requests", id, &text), 1_000_000_000_000_i64])
                .unwrap();
        }
        let (id, text) = (machine["id"].as_str().unwrap(), machine.to_string());
        let sql = "INSERT INTO machines (id, version, request_id, status, held, document, checksum, listed, changed_at)
                   VALUES (?1, ?2, ?3, 'terminated', 0, ?4, ?5, ?6, ?7)";
        let columns = params![
            id,
            machine["version"].as_i64().unwrap(),
            machine["requestId"].as_str().unwrap(),
            text,
            sum("machines", id, &text),
            machine["listed"].as_bool().unwrap_or(false),
            1_000_000_000_000_i64,
        ];
        transaction.prepare_cached(sql).unwrap().execute(columns).unwrap();
    }
    transaction.commit().unwrap();
}

/// Rebuilds the status of each request and machine from the events alone and compares it with what is stored.
pub(crate) fn events_tell_the_state(bench: &Bench) {
    let (events, stored) = everything(bench);
    let mut told = BTreeMap::new();
    for event in &events {
        let fact = &event["fact"];
        let id = fact["requestId"].as_str().filter(|_| event["aggregate"] == "request").or(fact["machineId"].as_str());
        match (fact["type"].as_str().unwrap(), id) {
            ("RequestCreated", Some(id)) => told.insert(id.to_owned(), "running".to_owned()),
            ("RequestWithdrawn", Some(id)) => told.remove(id),
            ("MachineCreated", Some(id)) => told.insert(id.to_owned(), String::new()),
            ("RequestStatusChanged" | "MachineStatusChanged", Some(id)) => {
                told.insert(id.to_owned(), fact["to"].as_str().unwrap().to_owned())
            }
            ("MachineTerminated", Some(id)) => told.insert(id.to_owned(), "terminated".to_owned()),
            _ => None,
        };
    }
    assert!(told.len() > 10);
    assert_eq!(told.keys().collect::<Vec<_>>(), stored.keys().collect::<Vec<_>>(), "{}", bench.strategy);
    for (id, status) in &stored {
        assert!(told[id].is_empty() || told[id] == *status, "{id} is {status}, and the events say {}", told[id]);
    }
}

fn everything(bench: &Bench) -> (Vec<Value>, BTreeMap<String, String>) {
    let mut documents: Vec<Value> = Vec::new();
    let mut events: Vec<Value> = Vec::new();
    if bench.strategy == "json" {
        let document: Value = serde_json::from_slice(&std::fs::read(bench.store()).unwrap()).unwrap();
        for member in ["requests", "machines"] {
            documents.extend(document[member].as_object().unwrap().values().cloned());
        }
        events.extend(document["events"].as_array().unwrap().iter().cloned());
    } else {
        #[cfg(feature = "sqlite")]
        {
            let database = rusqlite::Connection::open(bench.store()).unwrap();
            for (table, order) in [("requests", "id"), ("machines", "id"), ("events", "sequence")] {
                let mut statement =
                    database.prepare(&format!("SELECT document FROM {table} ORDER BY {order}")).unwrap();
                let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
                let found = rows.map(|text| serde_json::from_str(&text.unwrap()).unwrap());
                if table == "events" { events.extend(found) } else { documents.extend(found) }
            }
        }
    }
    let text = |document: &Value, member: &str| document[member].as_str().unwrap().to_owned();
    (events, documents.iter().map(|document| (text(document, "id"), text(document, "status"))).collect())
}
