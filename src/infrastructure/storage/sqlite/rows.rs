//! Rows and statements: how aggregates lie in the tables.
//!
//! Invariant: a document whose checksum does not fit is an error, never an aggregate.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use super::error::Fault;
use crate::application::ports::Changes;
use crate::domain::event::EventEnvelope;
use crate::domain::machine::{Machine, MachineSnapshot};
use crate::domain::request::{Request, RequestSnapshot};
use crate::domain::template::{Template, TemplateParts};
use crate::domain::{Digest, HostName, MachineId, RequestId, TemplateId, Timestamp};
use crate::infrastructure::storage::{checksum, rules};

const EVENT_TEXT: &str = "writing down an event";

pub(super) fn request(connection: &Connection, id: &RequestId) -> Result<Option<Request>, Fault> {
    let mut statement = connection.prepare_cached("SELECT id, document, checksum FROM requests WHERE id = ?1")?;
    let row = statement.query_row([id.as_str()], |row| document::<RequestSnapshot>("requests", row)).optional()?;
    Ok(row.map(Request::from_snapshot))
}

pub(super) fn machines_of(connection: &Connection, request: &RequestId) -> Result<Vec<Machine>, Fault> {
    let query = "SELECT id, document, checksum FROM machines WHERE request_id = ?1 ORDER BY id";
    machines_by(connection, query, [request.as_str()])
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
              + (SELECT COUNT(*) FROM machines WHERE template_id = ?1 AND held = 1 AND NOT EXISTS
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
        write_request(connection, request)?;
    }
    for machine in &changes.machines {
        write_machine(connection, machine)?;
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

fn write_request(connection: &Connection, request: &Request) -> Result<(), Fault> {
    if request.is_withdrawn() {
        let columns = params![request.id().as_str(), signed(request.snapshot().version.number())];
        let removed =
            connection.prepare_cached("DELETE FROM requests WHERE id = ?1 AND version = ?2")?.execute(columns)?;
        return exactly_one(removed, request.id().as_str());
    }
    let row = rules::next_request(request);
    let (template, wanted) = rules::on_order(&row).map_or((None, 0), |(template, wanted)| (Some(template), wanted));
    let text = rules::text_of(&row, "writing down a request")?;
    let id = row.id.as_str();
    let columns = params![
        id,
        signed(row.version.number()),
        template.map(TemplateId::as_str),
        wanted,
        row.status.is_settled(),
        text,
        checksum("requests", id, &text),
        signed(request.snapshot().version.number()),
    ];
    let query = if request.snapshot().version.is_new() {
        "INSERT INTO requests (id, version, template_id, wanted, settled, document, checksum)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?8 = 0 ON CONFLICT DO NOTHING"
    } else {
        "UPDATE requests SET version = ?2, template_id = ?3, wanted = ?4, settled = ?5, document = ?6, checksum = ?7
         WHERE id = ?1 AND version = ?8"
    };
    exactly_one(connection.prepare_cached(query)?.execute(columns)?, id)
}

fn write_machine(connection: &Connection, machine: &Machine) -> Result<(), Fault> {
    let row = rules::next_machine(machine);
    let text = rules::text_of(&row, "writing down a machine")?;
    let id = row.id.as_str();
    let columns = params![
        id,
        signed(row.version.number()),
        row.request_id.as_ref().map(RequestId::as_str),
        row.template_id.as_ref().map(TemplateId::as_str),
        row.name.as_ref().map(HostName::as_str),
        row.status.word(),
        rules::is_held(&row),
        text,
        checksum("machines", id, &text),
        signed(machine.snapshot().version.number()),
    ];
    let query = if machine.snapshot().version.is_new() {
        "INSERT INTO machines (id, version, request_id, template_id, name, status, held, document, checksum)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 WHERE ?10 = 0 ON CONFLICT DO NOTHING"
    } else {
        "UPDATE machines SET version = ?2, request_id = ?3, template_id = ?4, name = ?5, status = ?6, held = ?7,
         document = ?8, checksum = ?9 WHERE id = ?1 AND version = ?10"
    };
    exactly_one(connection.prepare_cached(query)?.execute(columns)?, id)
}

/// Keeps a template unless its content is kept already; returns whether it was new.
fn keep_template(connection: &Connection, template: &Template) -> Result<bool, Fault> {
    let digest = template.digest();
    let text = rules::template_text(template)?;
    let query = "INSERT INTO templates (digest, id, document, checksum) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
    let columns = params![digest.as_str(), template.id().as_str(), text, checksum("templates", digest.as_str(), &text)];
    Ok(connection.prepare_cached(query)?.execute(columns)? == 1)
}

fn write_event(connection: &Connection, event: &EventEnvelope) -> Result<(), Fault> {
    let text = rules::text_of(event, EVENT_TEXT)?;
    let sum = checksum("events", &event.sequence.to_string(), &text);
    connection
        .prepare_cached("INSERT INTO events (sequence, at, document, checksum) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![signed(event.sequence), event.at.as_millis(), text, sum])?;
    Ok(())
}

fn exactly_one(written: usize, id: &str) -> Result<(), Fault> {
    if written == 1 { Ok(()) } else { Err(rules::conflict(&id).into()) }
}

/// Returns the value of a row `key, document, checksum`.
fn document<T: DeserializeOwned>(table: &str, row: &Row<'_>) -> rusqlite::Result<T> {
    let key = row.get_ref(0)?.as_str()?;
    let text = row.get_ref(1)?.as_str()?;
    let expected: i64 = row.get(2)?;
    let wrong = |cause: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, cause)
    };
    if checksum(table, key, text) != expected {
        return Err(wrong(format!("the checksum of {table} {key} does not fit its content").into()));
    }
    serde_json::from_str(text).map_err(|error| wrong(Box::new(error)))
}

fn checksum(table: &str, key: &str, text: &str) -> i64 {
    checksum::of(&[table.as_bytes(), key.as_bytes(), text.as_bytes()]).cast_signed()
}

/// Returns a number as SQLite keeps it. Versions and sequences count commits and never come near the limit.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
