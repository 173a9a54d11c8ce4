//! Campaign 4: every effect of a run is recorded, and the folder is built again as a power cut at any place would have left
//! it.
//!
//! The model: data that was written and not synced is there or not, block by block, in any combination; names made, changed
//! and removed since the last sync of their folder are there up to some place in their order, as journaling file systems
//! keep it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::disk::{Bench, each_failing_store, id_of, order, shim};
use crate::draw::{self, Draw};
use crate::support::say;

/// One effect on the disk.
#[derive(Debug, Clone)]
pub(crate) struct Effect {
    pub(crate) what: String,
    pub(crate) path: String,
    pub(crate) other: String,
    pub(crate) offset: usize,
    pub(crate) data: Vec<u8>,
}

/// Reads what the shim wrote down.
pub(crate) fn read_trace(path: &Path) -> Vec<Effect> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut effects = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let head = std::str::from_utf8(&rest[..end]).unwrap();
        let parts: Vec<&str> = head.split('\t').collect();
        let length: usize = parts[4].parse().unwrap();
        effects.push(Effect {
            what: parts[0].to_owned(),
            path: parts[1].to_owned(),
            other: parts[2].to_owned(),
            offset: parts[3].parse().unwrap(),
            data: rest[end + 1..end + 1 + length].to_vec(),
        });
        rest = &rest[end + 2 + length..];
    }
    effects
}

const BLOCK: usize = 512;

/// A file: what is surely on the disk, and what may be.
#[derive(Debug, Clone, Default)]
struct Inode {
    synced: Vec<u8>,
    /// Since the last sync: the file was given this length, or these bytes were written.
    pending: Vec<Result<(usize, Vec<u8>), usize>>,
}

impl Inode {
    fn put(content: &mut Vec<u8>, offset: usize, data: &[u8]) {
        content.resize(content.len().max(offset + data.len()), 0);
        content[offset..offset + data.len()].copy_from_slice(data);
    }

    fn with_all(&self) -> Vec<u8> {
        self.after(|_| true)
    }

    fn after(&self, mut kept: impl FnMut(&mut Vec<u8>) -> bool) -> Vec<u8> {
        let mut content = self.synced.clone();
        for change in &self.pending {
            match change {
                Ok((offset, data)) => {
                    for (number, block) in data.chunks(BLOCK).enumerate() {
                        if kept(&mut content) {
                            Self::put(&mut content, offset + number * BLOCK, block);
                        }
                    }
                }
                Err(length) => {
                    if kept(&mut content) {
                        content.resize(*length, 0);
                    }
                }
            }
        }
        content
    }
}

#[derive(Debug, Clone)]
enum Naming {
    Add(String, usize),
    Remove(String),
}

/// The folder as the program sees it, and as a power cut may leave it.
#[derive(Debug, Clone, Default)]
struct Disk {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    pending: Vec<Naming>,
}

impl Disk {
    fn name(&mut self, change: Naming) {
        apply(&mut self.names, &change);
        self.pending.push(change);
    }

    fn take(&mut self, effect: &Effect) {
        let inode = self.names.get(&effect.path).copied();
        match (effect.what.as_str(), inode) {
            ("create", _) => {
                self.inodes.push(Inode::default());
                self.name(Naming::Add(effect.path.clone(), self.inodes.len() - 1));
            }
            ("write", Some(inode)) => self.inodes[inode].pending.push(Ok((effect.offset, effect.data.clone()))),
            ("truncate", Some(inode)) => self.inodes[inode].pending.push(Err(effect.offset)),
            ("fsync", Some(inode)) => {
                self.inodes[inode].synced = self.inodes[inode].with_all();
                self.inodes[inode].pending.clear();
            }
            ("fsync", None) => {
                self.synced = self.names.clone();
                self.pending.clear();
            }
            // Two names of one file: nothing changes.
            ("rename", Some(inode)) if self.names.get(&effect.other) == Some(&inode) => {}
            ("rename", Some(inode)) => {
                // In one step: a cut never shows neither name.
                self.name(Naming::Add(effect.other.clone(), inode));
                self.name(Naming::Remove(effect.path.clone()));
            }
            ("link", Some(inode)) => self.name(Naming::Add(effect.other.clone(), inode)),
            ("unlink", _) => self.name(Naming::Remove(effect.path.clone())),
            _ => {}
        }
    }

    /// Writes the folder as it is when the process is killed now.
    fn build_killed(&self, folder: &Path) {
        build(folder, self.names.iter().map(|(name, inode)| (name, self.inodes[*inode].with_all())));
    }

    /// Writes the folder as a power cut may leave it.
    fn build_cut(&self, folder: &Path, dice: &mut Draw) {
        let mut names = self.synced.clone();
        let reached = dice.index(self.pending.len() + 1);
        self.pending[..reached].iter().for_each(|change| apply(&mut names, change));
        // All, none, or each block by itself.
        let habit = dice.index(4);
        let files: Vec<_> = names
            .iter()
            .map(|(name, inode)| {
                let content = self.inodes[*inode].after(|_| match habit {
                    0 => true,
                    1 => false,
                    _ => dice.index(2) == 0,
                });
                (name, content)
            })
            .collect();
        build(folder, files.into_iter());
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Naming) {
    match change {
        Naming::Add(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        Naming::Remove(name) => {
            names.remove(name);
        }
    }
}

fn build<'n>(folder: &Path, files: impl Iterator<Item = (&'n String, Vec<u8>)>) {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let _ = std::fs::remove_dir_all(folder);
    std::fs::create_dir(folder).unwrap();
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
    for (name, content) in files {
        // The log's index lives in memory and is made anew.
        let Some(name) = name.strip_prefix("data/").filter(|name| !name.ends_with("-shm")) else { continue };
        let mut options = std::fs::File::options();
        options.write(true).create_new(true).mode(0o600);
        options.open(folder.join(name)).unwrap().write_all(&content).unwrap();
    }
}

/// Carries out some thirty calls, recorded.
fn record(bench: &Bench) -> Vec<Effect> {
    let trace = bench.sandbox.path("trace");
    let call = |verb: &str, input: &Value| {
        let mut program = bench.program();
        program
            .env("LD_PRELOAD", shim().unwrap())
            .env("SHIM_ROOT", bench.sandbox.path("work"))
            .env("SHIM_TRACE", &trace);
        bench.run(program, verb, input)
    };
    for turn in 0..6 {
        let id = id_of(&call("requestMachines", &order(1 + turn % 3))).unwrap();
        let status = call("getRequestStatus", &super::disk::asked(&id));
        let hosts = json!({"machines": status.document["requests"][0]["machines"]});
        call("getReturnRequests", &hosts);
        if turn % 2 == 0 {
            let back = id_of(&call("requestReturnMachines", &hosts)).unwrap();
            call("getRequestStatus", &super::disk::asked(&back));
        }
        if turn == 3 {
            // The database's copy is due again.
            let _ = std::fs::remove_file(bench.data("request_database.db.copy.lock"));
        }
    }
    read_trace(&trace)
}

#[test]
fn a_power_cut_at_any_effect_leaves_a_store_that_knows_every_printed_id() {
    each_failing_store(|bench| {
        let effects = record(bench);
        let cuts = 1 + 2 * draw::times();
        let seed = draw::seed();
        let mut dice = Draw(seed);
        let scratch = Bench::new(bench.strategy);
        std::fs::create_dir_all(scratch.sandbox.path("work")).unwrap();
        let folder = scratch.data("");
        let mut disk = Disk::default();
        let mut printed: Vec<String> = Vec::new();
        // What each transaction left, by the number of the next event.
        let mut known: BTreeMap<u64, Value> = BTreeMap::new();
        let (mut states, mut durable) = (0, 0);
        let step = (effects.len() / (120 * draw::times())).max(1);
        for (number, effect) in effects.iter().enumerate() {
            if effect.what == "stdout" {
                let document: Value = serde_json::from_slice(&effect.data).unwrap();
                printed.extend(document["requestId"].as_str().map(ToOwned::to_owned));
                durable = *known.last_key_value().map_or(&0, |(next, _)| next);
                continue;
            }
            disk.take(effect);
            let interesting = ["fsync", "rename", "link", "unlink"].contains(&effect.what.as_str());
            if !interesting && number % step != 0 {
                continue;
            }
            disk.build_killed(&folder);
            let (next, contents) = checked(&scratch, number, "killed");
            assert!(next >= durable, "effect {number}: {next} is less than {durable}");
            let former = known.entry(next).or_insert_with(|| contents.clone());
            assert_eq!(*former, contents, "effect {number}: the same number of events, another state");
            for _ in 0..cuts {
                if number % 3 != 0 && draw::times() == 1 {
                    continue;
                }
                disk.build_cut(&folder, &mut dice);
                let (next, contents) = checked(&scratch, number, "cut");
                assert!(next >= durable, "effect {number}: {next} is less than {durable}, which was answered");
                if let Some(former) = known.get(&next) {
                    assert_eq!(*former, contents, "effect {number}: half a transaction");
                }
                states += 1;
            }
            if let (Some(id), true) = (printed.last(), number % 10 == 0) {
                let answer = scratch.status(id);
                assert_eq!(answer.code, 0, "{answer:?}");
                let message = answer.document["requests"][0]["message"].as_str().unwrap();
                assert!(!message.contains("Unknown"), "effect {number}: {id} is not known");
            }
        }
        let (store, ids) = (bench.strategy, printed.len());
        say(&format!(
            "storage torture: {store}, {} effects, {ids} ids, {states} power cuts, seed {seed}",
            effects.len()
        ));
        assert!(printed.len() >= 9 && known.len() > 15, "{} {}", printed.len(), known.len());
    });
}

/// Checks the store and returns the number of the next event and what identifies its contents.
fn checked(bench: &Bench, number: usize, how: &str) -> (u64, Value) {
    let report = bench.storage(&["check"]);
    assert_eq!(report.code, 0, "effect {number}, {how}: {}", report.document);
    let contents = &report.document["contents"];
    for copy in report.document["copies"].as_array().unwrap() {
        assert_eq!(copy["whole"], true, "effect {number}, {how}: {copy}");
    }
    (contents["nextSequence"].as_u64().unwrap_or(0), contents["digest"].clone())
}
