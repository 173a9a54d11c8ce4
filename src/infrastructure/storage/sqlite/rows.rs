//! Rows and statements: how aggregates lie in the tables.
//!
//! Invariant: a document whose checksum does not fit is an error, never an aggregate.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::error::Fault;
use crate::application::ports::{Changes, Purged};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineSnapshot};
use crate::domain::request::{Request, RequestSnapshot};
use crate::domain::template::{Template, TemplateParts};
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp, Version};
use crate::infrastructure::storage::{checksum, rules};

const EVENT_TEXT: &str = "writing down an event";

pub(super) fn request(connection: &Connection, id: &RequestId) -> Result<Option<Request>, Fault> {
    let mut statement = connection.prepare_cached("SELECT id, document, checksum FROM requests WHERE id = ?1")?;
    let row = statement.query_row([id.as_str()], |row| document::<RequestSnapshot>("requests", row)).optional()?;
    if row.is_none() {
        // A damaged index hides rows. Few ids are asked for in vain, so that going through the table does no harm.
        let query = "SELECT 1 FROM requests NOT INDEXED WHERE id = ?1";
        if connection.prepare_cached(query)?.exists([id.as_str()])? {
            return Err(wrong(format!("request {id} is there and not in its index").into()).into());
        }
    }
    Ok(row.map(Request::from_snapshot))
}

pub(super) fn open_requests(connection: &Connection) -> Result<Vec<RequestId>, Fault> {
    ids(connection, "SELECT id FROM requests WHERE settled = 0 ORDER BY created_at, id", [])
}

/// Finds what [`crate::infrastructure::storage::StoreState::unclaimed`] does.
pub(super) fn unclaimed(connection: &Connection, before: Timestamp) -> Result<Vec<RequestId>, Fault> {
    let query = "SELECT id FROM requests WHERE unclaimed = 1 AND created_at < ?1
         AND (settled = 0 OR EXISTS (SELECT 1 FROM machines WHERE request_id = requests.id AND held = 1))
         AND NOT EXISTS (SELECT 1 FROM machines WHERE request_id = requests.id AND listed = 1)
         ORDER BY created_at, id";
    ids(connection, query, [before.as_millis()])
}

fn ids(connection: &Connection, query: &str, params: impl rusqlite::Params) -> Result<Vec<RequestId>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let texts = statement.query_map(params, |row| row.get::<_, String>(0))?;
    // The id stands in the checked document too; a column that was tampered with names no request.
    Ok(texts.filter_map(|text| text.map(|text| text.parse().ok()).transpose()).collect::<Result<_, _>>()?)
}

/// Forgets what [`crate::application::ports::UnitOfWork::purge`] says. The caller has opened the transaction.
pub(super) fn purge(connection: &Connection, before: Timestamp, limit: usize) -> Result<Purged, Fault> {
    let arguments = params![before.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)];
    let machines = connection.execute(
        "DELETE FROM machines WHERE id IN (SELECT id FROM machines
             WHERE changed_at < ?1 AND held = 0 AND (status = 'terminated' OR NOT EXISTS (SELECT 1 FROM requests
                 WHERE settled = 0 AND id IN (request_id, json_extract(machines.document, '$.returnId'))))
             ORDER BY changed_at, id LIMIT ?2)",
        arguments,
    )?;
    let requests = connection.execute(
        "DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE changed_at < ?1 AND settled = 1
             AND NOT EXISTS (SELECT 1 FROM machines WHERE request_id = requests.id)
             ORDER BY changed_at, id LIMIT ?2)",
        arguments,
    )?;
    if requests > 0 {
        connection.execute(
            "DELETE FROM templates WHERE NOT EXISTS (SELECT 1 FROM requests WHERE template_digest = digest)",
            [],
        )?;
    }
    Ok(Purged { requests, machines })
}

pub(super) fn machines_of(connection: &Connection, request: &RequestId) -> Result<Vec<Machine>, Fault> {
    // Another process may add machines between the two queries: both see the same moment.
    let connection = connection.unchecked_transaction()?;
    let query = "SELECT id, document, checksum FROM machines WHERE request_id = ?1 ORDER BY id";
    let found = machines_by(&connection, query, [request.as_str()])?;
    let mut tally = connection.prepare_cached("SELECT machines FROM tallies WHERE request_id = ?1")?;
    let expected: Option<i64> = tally.query_row([request.as_str()], |row| row.get(0)).optional()?;
    let expected = expected.unwrap_or(0);
    if usize::try_from(expected) != Ok(found.len()) {
        let finding = format!("{} of {expected} machines of {request} are found", found.len());
        return Err(wrong(finding.into()).into());
    }
    Ok(found)
}

pub(super) fn machines(connection: &Connection, ids: &[MachineId]) -> Result<Vec<Machine>, Fault> {
    let query = "SELECT id, document, checksum FROM machines WHERE id = ?1";
    machines_by(connection, query, unique(ids.iter().map(MachineId::as_str)))
}

pub(super) fn machines_named(connection: &Connection, names: &[HostName]) -> Result<Vec<Machine>, Fault> {
    let query = "SELECT id, document, checksum FROM machines WHERE name = ?1";
    machines_by(connection, query, unique(names.iter().map(HostName::as_str)))
}

fn unique<'a>(keys: impl Iterator<Item = &'a str>) -> std::collections::BTreeSet<&'a str> {
    keys.collect()
}

fn machines_by<'a>(
    connection: &Connection,
    query: &str,
    keys: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Machine>, Fault> {
    let mut statement = connection.prepare_cached(query)?;
    let mut found = Vec::new();
    for key in keys {
        for machine in statement.query_map([key], |row| document::<MachineSnapshot>("machines", row))? {
            found.push(Machine::from_snapshot(machine?));
        }
    }
    Ok(found)
}

/// Counts as [`crate::infrastructure::storage::StoreState::committed_hosts`] does.
pub(super) fn committed_hosts(connection: &Connection, template: &TemplateId) -> Result<u32, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT COALESCE(SUM(wanted), 0) FROM requests WHERE template_id = ?1 AND settled = 0)
              + (SELECT COALESCE(SUM(weight), 0) FROM machines WHERE template_id = ?1 AND held = 1 AND NOT EXISTS
                    (SELECT 1 FROM requests WHERE requests.id = machines.request_id AND settled = 0))",
    )?;
    let count: i64 = statement.query_row([template.as_str()], |row| row.get(0))?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

pub(super) fn template(connection: &Connection, digest: &Digest) -> Result<Option<Template>, Fault> {
    let query = "SELECT digest, document, checksum FROM templates WHERE digest = ?1";
    let mut statement = connection.prepare_cached(query)?;
    let row = statement.query_row([digest.as_str()], |row| document::<TemplateParts>("templates", row)).optional()?;
    Ok(row.map(rules::template_from).transpose()?)
}

pub(super) fn undelivered(connection: &Connection, limit: usize) -> Result<Vec<EventEnvelope>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT CAST(sequence AS TEXT), document, checksum FROM events
         WHERE sequence > (SELECT value FROM meta WHERE key = 'delivered') ORDER BY sequence LIMIT ?1",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let events = statement.query_map([limit], |row| document("events", row))?.collect::<Result<_, _>>()?;
    Ok(events)
}

pub(super) fn events_after(connection: &Connection, sequence: u64, limit: usize) -> Result<Vec<EventEnvelope>, Fault> {
    let query =
        "SELECT CAST(sequence AS TEXT), document, checksum FROM events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
    let mut statement = connection.prepare_cached(query)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let events = statement.query_map([signed(sequence), limit], |row| document("events", row))?;
    Ok(events.collect::<Result<_, _>>()?)
}

pub(super) fn last_sequence(connection: &Connection) -> Result<u64, Fault> {
    let query = "SELECT value FROM meta WHERE key = 'next_sequence'";
    let next: i64 = connection.prepare_cached(query)?.query_row([], |row| row.get(0))?;
    Ok(next.unsigned_abs().saturating_sub(1))
}

pub(super) fn acknowledge(connection: &Connection, sequence: u64) -> Result<(), Fault> {
    let query = "UPDATE meta SET value = ?1 WHERE key = 'delivered' AND value < ?1";
    connection.prepare_cached(query)?.execute([signed(sequence)])?;
    Ok(())
}

/// Writes a change set and its events. The caller has opened the transaction and ends it.
pub(super) fn write(
    connection: &Connection,
    changes: &Changes<'_>,
    at: Timestamp,
    retention: Duration,
) -> Result<(), Fault> {
    if let Some(admission) = &changes.admission {
        rules::admit(admission, committed_hosts(connection, &admission.template)?)?;
    }
    for request in &changes.requests {
        write_request(connection, request, at)?;
    }
    for machine in &changes.machines {
        write_machine(connection, machine, at)?;
    }
    let template_is_new = changes.template.map(|template| keep_template(connection, template)).transpose()?;
    let first: i64 = connection
        .prepare_cached("SELECT value FROM meta WHERE key = 'next_sequence'")?
        .query_row([], |row| row.get(0))?;
    let events = changes.envelopes(u64::try_from(first).unwrap_or(1), at, template_is_new.unwrap_or(false));
    for event in &events {
        write_event(connection, event)?;
    }
    if let Some(last) = events.last() {
        connection
            .prepare_cached("UPDATE meta SET value = ?1 WHERE key = 'next_sequence'")?
            .execute([signed(last.sequence.saturating_add(1))])?;
    }
    let oldest = at.as_millis().saturating_sub(i64::try_from(retention.as_millis()).unwrap_or(i64::MAX));
    connection
        .prepare_cached(
            "DELETE FROM events WHERE at < ?1 AND sequence <= (SELECT value FROM meta WHERE key = 'delivered')",
        )?
        .execute([oldest])?;
    Ok(())
}

fn write_request(connection: &Connection, request: &Request, at: Timestamp) -> Result<(), Fault> {
    if request.is_withdrawn() {
        let columns = params![request.id().as_str(), signed(request.snapshot().version.number())];
        let removed =
            connection.prepare_cached("DELETE FROM requests WHERE id = ?1 AND version = ?2")?.execute(columns)?;
        return exactly_one(removed, request.id().as_str());
    }
    put_request(connection, &rules::next_request(request, at), request.snapshot().version)
}

/// Writes the row of a request that was loaded at this version, or that is new.
pub(super) fn put_request(connection: &Connection, row: &RequestSnapshot, loaded: Version) -> Result<(), Fault> {
    let (template, wanted) = rules::on_order(row).map_or((None, 0), |(template, wanted)| (Some(template), wanted));
    let text = rules::text_of(row, "writing down a request")?;
    let id = row.id.as_str();
    let columns = params![
        id,
        signed(row.version.number()),
        template.map(TemplateId::as_str),
        wanted,
        row.status.is_settled(),
        text,
        checksum("requests", id, &text),
        rules::is_unclaimed(row),
        row.created_at.as_millis(),
        row.changed_at.as_millis(),
        rules::template_of(row).map(Digest::as_str),
        signed(loaded.number()),
    ];
    let query = if loaded.is_new() {
        "INSERT INTO requests (id, version, template_id, wanted, settled, document, checksum, unclaimed, created_at,
             changed_at, template_digest)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE ?12 = 0 ON CONFLICT DO NOTHING"
    } else {
        "UPDATE requests SET version = ?2, template_id = ?3, wanted = ?4, settled = ?5, document = ?6, checksum = ?7,
             unclaimed = ?8, created_at = ?9, changed_at = ?10, template_digest = ?11
         WHERE id = ?1 AND version = ?12"
    };
    exactly_one(connection.prepare_cached(query)?.execute(columns)?, id)
}

fn write_machine(connection: &Connection, machine: &Machine, at: Timestamp) -> Result<(), Fault> {
    put_machine(connection, &rules::next_machine(machine, at), machine.snapshot().version)
}

/// Writes the row of a machine that was loaded at this version, or that is new.
pub(super) fn put_machine(connection: &Connection, row: &MachineSnapshot, loaded: Version) -> Result<(), Fault> {
    let text = rules::text_of(row, "writing down a machine")?;
    let id = row.id.as_str();
    let columns = params![
        id,
        signed(row.version.number()),
        row.request_id.as_ref().map(RequestId::as_str),
        row.template_id.as_ref().map(TemplateId::as_str),
        row.name.as_ref().map(HostName::as_str),
        row.status.word(),
        rules::is_held(row),
        text,
        checksum("machines", id, &text),
        row.listed,
        row.changed_at.as_millis(),
        signed(loaded.number()),
        row.weight,
    ];
    let query = if loaded.is_new() {
        "INSERT INTO machines (id, version, request_id, template_id, name, status, held, document, checksum, listed,
             changed_at, weight)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?13 WHERE ?12 = 0 ON CONFLICT DO NOTHING"
    } else {
        "UPDATE machines SET version = ?2, request_id = ?3, template_id = ?4, name = ?5, status = ?6, held = ?7,
             document = ?8, checksum = ?9, listed = ?10, changed_at = ?11, weight = ?13
         WHERE id = ?1 AND version = ?12"
    };
    exactly_one(connection.prepare_cached(query)?.execute(columns)?, id)
}

/// Keeps a template unless its content is kept already; returns whether it was new.
fn keep_template(connection: &Connection, template: &Template) -> Result<bool, Fault> {
    put_template(connection, &template.digest(), template.id(), &rules::template_text(template)?)
}

/// Writes the row of a template unless there is one with this content; returns whether it was new.
pub(super) fn put_template(
    connection: &Connection,
    digest: &Digest,
    id: &TemplateId,
    text: &str,
) -> Result<bool, Fault> {
    let query = "INSERT INTO templates (digest, id, document, checksum) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let columns = params![digest.as_str(), id.as_str(), text, checksum("templates", digest.as_str(), text)];
    Ok(connection.prepare_cached(query)?.execute(columns)? == 1)
}

pub(super) fn write_event(connection: &Connection, event: &EventEnvelope) -> Result<(), Fault> {
    let text = rules::text_of(event, EVENT_TEXT)?;
    let sum = checksum("events", &event.sequence.to_string(), &text);
    connection
        .prepare_cached("INSERT INTO events (sequence, at, document, checksum) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![signed(event.sequence), event.at.as_millis(), text, sum])?;
    Ok(())
}

/// Brings the documents of schema 1 to schema 2. What a version wrote that did not note who asked was asked about: it
/// must not be taken for something that nobody knows.
pub(super) fn upgrade_to_2(connection: &Connection) -> Result<(), Fault> {
    for_each(connection, "requests", |mut request: RequestSnapshot| {
        rules::upgrade_request(&mut request);
        let text = rules::text_of(&request, "upgrading a request")?;
        let query = "UPDATE requests SET document = ?2, checksum = ?3, created_at = ?4, changed_at = ?5,
             template_digest = ?6, unclaimed = 0 WHERE id = ?1";
        let id = request.id.as_str();
        connection.prepare_cached(query)?.execute(params![
            id,
            text,
            checksum("requests", id, &text),
            request.created_at.as_millis(),
            request.changed_at.as_millis(),
            rules::template_of(&request).map(Digest::as_str),
        ])?;
        Ok(())
    })?;
    for_each(connection, "machines", |mut machine: MachineSnapshot| {
        rules::upgrade_machine(&mut machine);
        let text = rules::text_of(&machine, "upgrading a machine")?;
        let query = "UPDATE machines SET document = ?2, checksum = ?3, changed_at = ?4 WHERE id = ?1";
        let id = machine.id.as_str();
        let columns = params![id, text, checksum("machines", id, &text), machine.changed_at.as_millis()];
        connection.prepare_cached(query)?.execute(columns)?;
        Ok(())
    })
}

fn for_each<T: DeserializeOwned>(
    connection: &Connection,
    table: &str,
    mut change: impl FnMut(T) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut statement = connection.prepare(&format!("SELECT id, document, checksum FROM {table}"))?;
    let all: Vec<T> = statement.query_map([], |row| document(table, row))?.collect::<Result<_, _>>()?;
    all.into_iter().try_for_each(&mut change)
}

fn exactly_one(written: usize, id: &str) -> Result<(), Fault> {
    if written == 1 { Ok(()) } else { Err(rules::conflict(&id).into()) }
}

/// Returns the value of a row `key, document, checksum`.
pub(super) fn document<T: DeserializeOwned>(table: &str, row: &Row<'_>) -> rusqlite::Result<T> {
    serde_json::from_str(checked(table, row)?).map_err(|error| wrong(Box::new(error)))
}

/// Returns the text of a row `key, document, checksum`.
pub(super) fn checked<'r>(table: &str, row: &'r Row<'_>) -> rusqlite::Result<&'r str> {
    let key = row.get_ref(0)?.as_str()?;
    let text = row.get_ref(1)?.as_str()?;
    let expected: i64 = row.get(2)?;
    if checksum(table, key, text) != expected {
        return Err(wrong(format!("the checksum of {table} {key} does not fit its content").into()));
    }
    Ok(text)
}

fn wrong(cause: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, cause)
}

fn checksum(table: &str, key: &str, text: &str) -> i64 {
    checksum::of(&[table.as_bytes(), key.as_bytes(), text.as_bytes()]).cast_signed()
}

/// Returns a number as SQLite keeps it. Versions and sequences count commits and never come near the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
