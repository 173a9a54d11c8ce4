//! The operator's verbs on the store, and the documents they print.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::moving::{self, ExportArgs, ImportArgs, MigrateArgs};
use crate::application::bus::Catalogue;
use crate::application::commands::{AdoptHosts, PurgeStore, RecoverStore};
use crate::application::ports::{Contents, Depth, Recovery, StoreCopy, StoreReport};
use crate::application::queries::CheckStore;
use crate::domain::Timestamp;
use crate::interface::cli::desk::{App, Desk, Ended};
use crate::interface::cli::exit::Exit;
use crate::interface::cli::report::{Block, Report};
use crate::interface::cli::table::{Cell, Tone};
use crate::interface::cli::{Composition, when};

/// What there is to do with the store.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum StorageVerb {
    /// Tells where the store is, how large it is, and what is in it, as the documents' checksums show it; storage check reads
    /// everything.
    Info,
    /// Reads the whole store and its copies, and tells how they are.
    Check,
    /// Puts the newest whole copy in place of a store that is damaged or gone. Nothing is deleted.
    Recover {
        /// Does it; without this, tells what would be done.
        #[arg(long)]
        yes: bool,
    },
    /// Takes in every live host that bears our owner tag and that the store does not know; begins a store anew that is
    /// gone.
    Adopt,
    /// Forgets settled requests and ended hosts that have not changed for a while.
    Purge {
        /// For how many days they have not.
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        older_than: u32,
        /// Does it without asking.
        #[arg(long)]
        yes: bool,
    },
    /// Moves everything into the store of the other strategy, checks it and puts it in force. The former store is set
    /// aside; the same command leads back.
    Migrate(MigrateArgs),
    /// Writes everything as one JSON document. Stores hold no secrets.
    Export(ExportArgs),
    /// Makes the store what storage export wrote.
    Import(ImportArgs),
}

/// Has somebody agree to what a verb forgets.
pub(super) fn check_confirmed<C: Composition>(desk: &Desk<'_, C>, verb: &StorageVerb) -> Result<(), Ended> {
    match verb {
        StorageVerb::Purge { older_than, yes } => {
            desk.confirm(&format!("forgets what ended and has not changed for {older_than} days"), *yes)
        }
        StorageVerb::Info
        | StorageVerb::Check
        | StorageVerb::Recover { .. }
        | StorageVerb::Adopt
        | StorageVerb::Migrate(_)
        | StorageVerb::Export(_)
        | StorageVerb::Import(_) => Ok(()),
    }
}

/// Does what `verb` says and returns what to print.
pub(super) async fn run<M: Catalogue>(app: App<'_, M>, verb: StorageVerb) -> Result<Report, Ended> {
    match verb {
        StorageVerb::Info => Ok(info(&app.queries().ask(CheckStore { depth: Depth::Outline }).await?)),
        StorageVerb::Migrate(args) => moving::migrate(app, &args).await,
        StorageVerb::Export(args) => moving::export(app, &args).await,
        StorageVerb::Import(args) => moving::import(app, &args).await,
        StorageVerb::Check => {
            let report = app.queries().ask(CheckStore { depth: Depth::Everything }).await?;
            let exit = if report.condition.is_good() { Exit::Done } else { Exit::Failed };
            Ok(Report::of(check(&report)).ending(exit))
        }
        StorageVerb::Recover { yes } => {
            let recovery = app.commands().dispatch(RecoverStore { act: yes }).await?;
            Ok(Report::of(recover(&recovery)))
        }
        StorageVerb::Adopt => {
            let report = app.commands().dispatch(AdoptHosts).await?;
            Ok(Report::of(json!({
                "beganAnew": report.began_anew,
                "listed": report.listed,
                "known": report.known,
                "adopted": report.adopted,
                "left": report.left,
            })))
        }
        StorageVerb::Purge { older_than, .. } => {
            let older_than = Duration::from_hours(24).saturating_mul(older_than);
            let outcome = app.commands().dispatch(PurgeStore { older_than }).await?;
            let document = json!({
                "requests": outcome.purged.requests,
                "machines": outcome.purged.machines,
                "complete": outcome.complete,
            });
            Ok(Report::of(document).ending(if outcome.complete { Exit::Done } else { Exit::Failed }))
        }
    }
}

/// Returns the few lines that say what store there is.
fn info(report: &StoreReport) -> Report {
    let contents = report.contents.as_ref();
    let counted = |counts: &dyn Fn(&Contents) -> &BTreeMap<&'static str, usize>| {
        let parts =
            |contents| counts(contents).iter().map(|(word, number)| format!("{number} {word}")).collect::<Vec<_>>();
        contents.map(parts).filter(|parts| !parts.is_empty()).map(|parts| parts.join(", "))
    };
    let bytes: u64 = report.files.values().sum();
    let pairs = vec![
        ("Store", Cell::from(format!("{} at {}", report.strategy, shown(&report.path)))),
        (
            "Condition",
            Cell::toned(report.condition.word(), if report.condition.is_good() { Tone::Good } else { Tone::Bad }),
        ),
        ("Size", format!("{bytes} bytes in {} files", report.files.len()).into()),
        ("Requests", counted(&|contents| &contents.requests).into()),
        ("Hosts", counted(&|contents| &contents.machines).into()),
        ("Templates", contents.map(|contents| contents.templates.to_string()).into()),
        ("Events", contents.map(|contents| contents.events.to_string()).into()),
        ("Last commit", contents.and_then(|contents| contents.last_commit).map(when::rfc3339).into()),
        ("Copies", report.copies.len().to_string().into()),
    ];
    let document = json!({
        "strategy": report.strategy,
        "path": shown(&report.path),
        "condition": report.condition.word(),
        "bytes": bytes,
        "contents": contents.map(self::contents),
        "copies": report.copies.len(),
    });
    Report::of(document).with(Block::Pairs(pairs)).ending(if report.condition.is_good() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

pub(super) fn check(report: &StoreReport) -> Value {
    json!({
        "strategy": report.strategy,
        "path": shown(&report.path),
        "condition": report.condition.word(),
        "findings": report.findings,
        "remarks": report.remarks,
        "files": report.files,
        "contents": report.contents.as_ref().map(contents),
        "copies": report.copies.iter().map(copy).collect::<Vec<_>>(),
    })
}

pub(super) fn contents(contents: &Contents) -> Value {
    json!({
        "schema": contents.schema,
        "requests": contents.requests,
        "machines": contents.machines,
        "templates": contents.templates,
        "events": contents.events,
        "undeliveredEvents": contents.undelivered,
        "nextSequence": contents.next_sequence,
        "lastCommit": contents.last_commit.map(Timestamp::as_seconds),
        "digest": contents.digest.map(|digest| format!("{digest:016x}")),
    })
}

fn copy(copy: &StoreCopy) -> Value {
    let (found, finding) = match &copy.contents {
        Ok(found) => (Some(contents(found)), None),
        Err(finding) => (None, Some(finding)),
    };
    json!({
        "path": shown(&copy.path),
        "bytes": copy.bytes,
        "ageSeconds": copy.age.as_secs(),
        "whole": found.is_some(),
        "finding": finding,
        "contents": found,
    })
}

fn recover(recovery: &Recovery) -> Value {
    let until = recovery.copy.as_ref().and_then(|copy| copy.contents.as_ref().ok()?.last_commit);
    let lost = match (&recovery.copy, until) {
        (Some(_), Some(at)) => format!("whatever was committed after {} (seconds since 1970)", at.as_seconds()),
        (Some(_), None) => "whatever was committed after the copy was made".to_owned(),
        (None, _) => "there is no whole copy: everything, unless a backup is restored".to_owned(),
    };
    let next = match (recovery.done, &recovery.copy) {
        (false, Some(_)) => "run: hostfactory storage recover --yes",
        (false, None) => "restore a backup; or run hostfactory storage recover --yes, then hostfactory storage adopt",
        (true, Some(_)) => {
            "run hostfactory storage adopt, then hostfactory reconcile: they take in what the copy lacks"
        }
        (true, None) => "restore a backup, or run hostfactory storage adopt",
    };
    json!({
        "done": recovery.done,
        "path": shown(&recovery.found.path),
        "condition": recovery.found.condition.word(),
        "findings": recovery.found.findings,
        "movedTo": recovery.moved.iter().map(PathBuf::as_path).map(shown).collect::<Vec<_>>(),
        "copy": recovery.copy.as_ref().map(copy),
        "held": recovery.held.map(|(requests, machines)| json!({"requests": requests, "machines": machines})),
        "lost": lost,
        "next": next,
    })
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
