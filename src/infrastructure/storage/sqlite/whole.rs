//! Reading a database from end to end.
//!
//! Invariant: a database without findings holds what was written, in its documents and in the columns beside them.

use rusqlite::Connection;
use serde::de::DeserializeOwned;

use super::error::Fault;
use super::rows;
use crate::application::ports::Contents;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::MachineSnapshot;
use crate::domain::request::RequestSnapshot;
use crate::domain::template::TemplateParts;
use crate::infrastructure::storage::examine::Whole;
use crate::infrastructure::storage::outline::Outline;
use crate::infrastructure::storage::{StoreState, rules};

/// A table is searched for what does not fit so many times at most.
const MOST_FINDINGS: usize = 20;

/// Reads everything, with what is wrong.
pub(super) fn read(connection: &Connection, schema: u32) -> Result<Whole, Fault> {
    // As of one moment, whatever other processes write meanwhile.
    read_within(&*connection.unchecked_transaction()?, schema)
}

/// Does what [`read`] does within a transaction of the caller's.
pub(super) fn read_within(connection: &Connection, schema: u32) -> Result<Whole, Fault> {
    let findings = integrity(connection)?;
    let mut found = Whole { state: StoreState::default(), schema: schema.into(), delivered: None, findings };
    let upgrade = schema < 2;
    documents(connection, "templates", "digest", &mut found, |state, parts: TemplateParts, key| {
        if let Ok(digest) = key.parse() {
            state.templates.insert(digest, parts);
        }
    })?;
    documents(connection, "requests", "id", &mut found, |state, mut request: RequestSnapshot, _| {
        if upgrade {
            rules::upgrade_request(&mut request);
        }
        state.requests.insert(request.id.clone(), request);
    })?;
    documents(connection, "machines", "id", &mut found, |state, mut machine: MachineSnapshot, _| {
        if upgrade {
            rules::upgrade_machine(&mut machine);
        }
        state.machines.insert(machine.id.clone(), machine);
    })?;
    documents(connection, "events", "CAST(sequence AS TEXT)", &mut found, |state, event: EventEnvelope, _| {
        state.events.push(event);
    })?;
    found.state.events.sort_by_key(|event| event.sequence);
    found.state.next_sequence = meta(connection, "next_sequence")?;
    found.delivered = Some(meta(connection, "delivered")?);
    if !upgrade {
        columns(connection, &mut found)?;
    }
    Ok(found)
}

/// Returns what is in a database of the newest form whose documents fit their checksums, without reading any; `None` when that
/// cannot be told.
pub(super) fn outline(connection: &Connection, schema: u32) -> Result<Option<Contents>, Fault> {
    let connection = &*connection.unchecked_transaction()?;
    let mut outline = Outline::new(schema.into(), meta(connection, "next_sequence")?, meta(connection, "delivered")?);
    each(connection, "templates", "digest", |_| {
        outline.template();
        Some(())
    })?;
    let known = each(connection, "requests", "id", |document| outline.request(document))?
        && each(connection, "machines", "id", |document| outline.machine(document))?
        && each(connection, "events", "CAST(sequence AS TEXT)", |document| outline.event(document))?;
    Ok(known.then(|| outline.contents()))
}

/// Takes in every document of a table whose checksum fits, as long as `take` knows what it is; returns whether it did.
fn each(
    connection: &Connection,
    table: &str,
    key: &str,
    mut take: impl FnMut(&[u8]) -> Option<()>,
) -> Result<bool, Fault> {
    let mut statement = connection.prepare(&format!("SELECT {key}, document, checksum FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if take(rows::checked(table, row)?.as_bytes()).is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn meta(connection: &Connection, key: &str) -> Result<u64, Fault> {
    let query = "SELECT value FROM meta WHERE key = ?1";
    let value = connection.query_row(query, [key], |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(value).unwrap_or(0))
}

/// Returns how many rows a table has.
pub(super) fn count(connection: &Connection, table: &str) -> rusqlite::Result<usize> {
    let count: i64 = connection.query_row(&format!("SELECT COUNT(*) FROM {table}"), [], |row| row.get(0))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// Returns what SQLite and the documents' checksums find wrong.
pub(super) fn verify(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut found = integrity(connection)?;
    for (table, key) in
        [("templates", "digest"), ("requests", "id"), ("machines", "id"), ("events", "CAST(sequence AS TEXT)")]
    {
        let mut statement = connection.prepare(&format!("SELECT {key}, document, checksum FROM {table}"))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let Err(error) = rows::checked(table, row) {
                found.push(error.to_string());
            }
        }
    }
    Ok(found)
}

pub(super) fn integrity(connection: &Connection) -> Result<Vec<String>, Fault> {
    let mut statement = connection.prepare(&format!("PRAGMA integrity_check({MOST_FINDINGS})"))?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    Ok(lines.into_iter().filter(|line| line != "ok").collect())
}

fn documents<T: DeserializeOwned>(
    connection: &Connection,
    table: &str,
    key: &str,
    found: &mut Whole,
    mut take: impl FnMut(&mut StoreState, T, &str),
) -> Result<(), Fault> {
    let mut statement = connection.prepare(&format!("SELECT {key}, document, checksum FROM {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        match rows::document::<T>(table, row) {
            Ok(value) => take(&mut found.state, value, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?),
            Err(error) if found.findings.len() < MOST_FINDINGS => found.findings.push(error.to_string()),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Compares the columns that queries go by with the documents beside them.
fn columns(connection: &Connection, found: &mut Whole) -> Result<(), Fault> {
    let mut statement = connection.prepare("SELECT id, version, settled, unclaimed FROM requests")?;
    let mut rows = statement.query([])?;
    let mut wrong = Vec::new();
    while let Some(row) = rows.next()? {
        let (id, version): (String, i64) = (row.get(0)?, row.get(1)?);
        let (settled, unclaimed): (bool, bool) = (row.get(2)?, row.get(3)?);
        let fits = id.parse().ok().and_then(|id| found.state.requests.get(&id)).is_none_or(|request| {
            rows::signed(request.version.number()) == version
                && request.status.is_settled() == settled
                && rules::is_unclaimed(request) == unclaimed
        });
        if !fits {
            wrong.push(format!("the columns of requests {id} do not fit its document"));
        }
    }
    let mut statement = connection.prepare("SELECT id, version, status, held, listed, request_id FROM machines")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, version, status): (String, i64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let (held, listed): (bool, bool) = (row.get(3)?, row.get(4)?);
        let request: Option<String> = row.get(5)?;
        let fits = id.parse().ok().and_then(|id| found.state.machines.get(&id)).is_none_or(|machine| {
            rows::signed(machine.version.number()) == version
                && machine.status.word() == status
                && rules::is_held(machine) == held
                && machine.listed == listed
                && machine.request_id.as_ref().map(crate::domain::RequestId::as_str) == request.as_deref()
        });
        if !fits {
            wrong.push(format!("the columns of machines {id} do not fit its document"));
        }
    }
    let tallies = "SELECT (SELECT COUNT(*) FROM (
             SELECT request_id, COUNT(*) FROM machines NOT INDEXED WHERE request_id IS NOT NULL GROUP BY request_id
             EXCEPT SELECT request_id, machines FROM tallies))
         + (SELECT COUNT(*) FROM tallies WHERE request_id NOT IN (SELECT request_id FROM machines NOT INDEXED
             WHERE request_id IS NOT NULL))";
    if connection.query_row(tallies, [], |row| row.get::<_, i64>(0))? != 0 {
        wrong.push("the numbers of machines do not fit the machines".to_owned());
    }
    found.findings.extend(wrong.into_iter().take(MOST_FINDINGS));
    Ok(())
}
