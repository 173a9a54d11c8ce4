//! Examining and recovering a store, as both stores on disks do it.
//!
//! Invariant: nothing is deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::place::{Place, beside};
use super::{StoreState, checksum, rules};
use crate::application::StorageError;
use crate::application::ports::{Condition, Contents, Depth, Recovery, StoreCopy, StoreReport};
use crate::domain::Timestamp;
use crate::infrastructure::files;

/// A store that was read from end to end.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) state: StoreState,
    pub(super) schema: u64,
    /// Up to which event they are delivered, if that is noted in the store.
    pub(super) delivered: Option<u64>,
    /// What is wrong although it can be read.
    pub(super) findings: Vec<String>,
}

/// Why a store cannot be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    Newer(String),
    Damaged(String),
    /// Not for anything that is wrong with it.
    Error(StorageError),
}

/// What differs between the stores.
pub(super) trait Form: Sync {
    /// The files' names.
    const PLACE: Place;

    /// Reads the store, or a copy of it, at `path`, where there is a file.
    fn read(&self, path: &Path) -> Result<Whole, Unreadable>;

    /// Returns what is in the store at `path` without reading its documents, if that can be told.
    fn outline(&self, path: &Path) -> Result<Option<Contents>, Unreadable>;

    /// Counts the requests and machines of a damaged store.
    fn count(&self, path: &Path) -> Option<(usize, usize)>;

    /// Files that belong to the store beside its own, such as a log; they go where a damaged store goes.
    fn companions(&self, path: &Path) -> Vec<PathBuf>;

    /// Puts a copy in place of whatever is at `path`.
    fn put(&self, copy: &Path, path: &Path) -> Result<(), StorageError>;

    /// Up to which event they are delivered, if that is noted beside the store at `path`.
    fn delivered(&self, _path: &Path, _next: u64) -> Option<u64> {
        None
    }
}

/// Looks at the store at `path` and at everything kept beside it.
pub(super) fn examine<F: Form>(form: &F, path: &Path, depth: Depth) -> Result<StoreReport, StorageError> {
    let mut report = StoreReport {
        strategy: F::PLACE.strategy,
        path: path.to_owned(),
        condition: Condition::Whole,
        findings: Vec::new(),
        remarks: Vec::new(),
        contents: None,
        files: BTreeMap::new(),
        copies: Vec::new(),
    };
    match files::check_private(path) {
        Ok(None) => {
            if let Err(error) = F::PLACE.check_never_was(path) {
                report.condition = Condition::Missing;
                report.findings.push(error.to_string());
            } else {
                report.condition = Condition::NeverMade;
            }
        }
        Ok(Some(_)) => look_inside(form, path, depth, &mut report)?,
        Err(error) => {
            report.condition = Condition::Damaged;
            report.findings.push(StorageError::from(error).to_string());
        }
    }
    for file in [path.to_owned()].into_iter().chain(form.companions(path)) {
        if let (Ok(found), Some(name)) = (fs::symlink_metadata(&file), file.file_name()) {
            report.files.insert(name.to_string_lossy().into_owned(), found.len());
        }
    }
    for (copy, age) in F::PLACE.copies_of(path) {
        let contents = match depth {
            Depth::Outline => Err("it was not looked at".to_owned()),
            Depth::Everything => contents_of_copy(form, &copy),
        };
        let bytes = fs::symlink_metadata(&copy).map_or(0, |found| found.len());
        report.copies.push(StoreCopy { path: copy, bytes, age, contents });
    }
    Ok(report)
}

fn contents_of_copy<F: Form>(form: &F, copy: &Path) -> Result<Contents, String> {
    match form.read(copy) {
        Ok(whole) if whole.findings.is_empty() => Ok(contents_of(&whole, None)),
        Ok(whole) => Err(whole.findings.join("; ")),
        Err(Unreadable::Newer(finding) | Unreadable::Damaged(finding)) => Err(finding),
        Err(Unreadable::Error(error)) => Err(error.to_string()),
    }
}

fn look_inside<F: Form>(form: &F, path: &Path, depth: Depth, report: &mut StoreReport) -> Result<(), StorageError> {
    let outlined = match depth {
        Depth::Outline => form.outline(path),
        Depth::Everything => Ok(None),
    };
    let read = match outlined {
        Ok(None) => form.read(path),
        Ok(contents) => {
            report.contents = contents;
            return Ok(());
        }
        Err(unreadable) => Err(unreadable),
    };
    match read {
        Ok(whole) => {
            let next = whole.state.next_sequence;
            let delivered = whole.delivered.or_else(|| form.delivered(path, next)).unwrap_or(0);
            report.contents = Some(contents_of(&whole, Some(delivered)));
            report.remarks = remarks(&whole.state);
            report.findings = whole.findings;
            report.findings.extend(contradictions(&whole.state));
            if !report.findings.is_empty() {
                report.condition = Condition::Damaged;
            }
        }
        Err(Unreadable::Newer(finding)) => {
            report.condition = Condition::Newer;
            report.findings.push(finding);
        }
        Err(Unreadable::Damaged(finding)) => {
            report.condition = Condition::Damaged;
            report.findings.push(finding);
        }
        Err(Unreadable::Error(error)) => return Err(error),
    }
    Ok(())
}

/// Puts the newest whole copy in place of the store at `path`. The lock is held.
pub(super) fn recover<F: Form>(form: &F, path: &Path, at: Timestamp, act: bool) -> Result<Recovery, StorageError> {
    let found = examine(form, path, Depth::Everything)?;
    let refused = |what: &str, advice: &str| {
        Err(StorageError::Corrupt { what: format!("{} {what}", path.display()), advice: advice.to_owned() })
    };
    match found.condition {
        Condition::Whole => return refused("is whole", "there is nothing to recover; it is left as it is"),
        Condition::NeverMade => return refused("was never made", "there is nothing to recover"),
        Condition::Newer => return refused("is of a newer version", "run that version; the file is left as it is"),
        Condition::Missing | Condition::Damaged => {}
    }
    let copy = found.copies.iter().find(|copy| copy.contents.is_ok()).cloned();
    let held = form.count(path);
    let mut moved = Vec::new();
    if act {
        files::sweep_temporaries(path);
        let name = format!("damaged-{}", at.as_millis());
        // The log first: it must not be applied to the copy.
        for companion in form.companions(path) {
            moved.extend(move_away(&companion, &name)?);
        }
        if let Some(copy) = &copy {
            moved.extend(second_name(path, &name)?);
            form.put(&copy.path, path)?;
        } else {
            moved.extend(move_away(path, &name)?);
        }
        F::PLACE.note_made(path);
    }
    Ok(Recovery { found, done: act, moved, copy, held })
}

/// Gives what is at `path` another name, for good; returns it.
pub(super) fn move_away(path: &Path, suffix: &str) -> Result<Option<PathBuf>, StorageError> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(None);
    }
    let away = beside(path, suffix);
    files::move_to(path, &away)?;
    Ok(Some(away))
}

/// Gives what is at `path` a second name, so that at no time there is no store; what is no plain file is moved away.
fn second_name(path: &Path, suffix: &str) -> Result<Option<PathBuf>, StorageError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(None) };
    if !found.is_file() {
        return move_away(path, suffix);
    }
    let away = beside(path, suffix);
    files::keep_as(path, &away)?;
    Ok(Some(away))
}

pub(super) fn contents_of(whole: &Whole, delivered: Option<u64>) -> Contents {
    let state = &whole.state;
    let count = |words: &mut dyn Iterator<Item = &'static str>| {
        words.fold(BTreeMap::new(), |mut counts, word| {
            *counts.entry(word).or_insert(0_usize) += 1;
            counts
        })
    };
    let changed = state.requests.values().map(|request| request.changed_at);
    let changed = changed.chain(state.machines.values().map(|machine| machine.changed_at));
    Contents {
        schema: whole.schema,
        requests: count(&mut state.requests.values().map(|request| request.status.word())),
        machines: count(&mut state.machines.values().map(|machine| machine.status.word())),
        templates: state.templates.len(),
        events: state.events.len(),
        undelivered: delivered.map(|delivered| state.undelivered(delivered, usize::MAX).len()),
        next_sequence: state.next_sequence,
        last_commit: changed.chain(state.events.last().map(|event| event.at)).max(),
        digest: Some(digest_of(state)),
    }
}

pub(super) fn digest_of(state: &StoreState) -> u64 {
    let text = |value: Result<String, StorageError>| value.unwrap_or_default();
    let parts = [
        text(rules::text_of(&state.templates, "")),
        text(rules::text_of(&state.requests, "")),
        text(rules::text_of(&state.machines, "")),
        text(rules::text_of(&state.next_sequence, "")),
    ];
    checksum::of(&parts.each_ref().map(String::as_bytes))
}

/// What no store that this program wrote can hold.
fn contradictions(state: &StoreState) -> Vec<String> {
    let mut found = Vec::new();
    let requests = state.requests.iter().filter(|(id, request)| **id != request.id).map(|(id, _)| id.to_string());
    let machines = state.machines.iter().filter(|(id, machine)| **id != machine.id).map(|(id, _)| id.to_string());
    found.extend(requests.chain(machines).map(|id| format!("what is kept as {id} says that it is another")));
    if !state.events.is_sorted_by(|one, next| one.sequence < next.sequence)
        || state.events.last().is_some_and(|last| last.sequence >= state.next_sequence)
    {
        found.push("the numbers of the events are not in order".to_owned());
    }
    found
}

/// What points nowhere, which purging and withdrawing leave behind at times and nothing depends on.
fn remarks(state: &StoreState) -> Vec<String> {
    let mut remarks = Vec::new();
    let unknown: BTreeSet<_> = state
        .machines
        .values()
        .filter_map(|machine| machine.request_id.as_ref())
        .filter(|id| !state.requests.contains_key(*id))
        .collect();
    if !unknown.is_empty() {
        remarks.push(format!("{} requests of machines are not kept any more", unknown.len()));
    }
    let lacking = state.requests.values().filter(|request| !request.status.is_settled());
    let lacking = lacking.filter_map(rules::template_of).filter(|digest| !state.templates.contains_key(*digest));
    let lacking = lacking.count();
    if lacking > 0 {
        remarks.push(format!("the templates of {lacking} open requests are not kept"));
    }
    remarks
}
