//! Lists for operators, filtered, ordered and cut by SQLite.
//!
//! Invariant: what comes from the command line is bound, never part of a statement.

use rusqlite::functions::FunctionFlags;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use serde::de::DeserializeOwned;

use super::error::Fault;
use super::rows;
use crate::application::ports::{
    Census, EventFilter, MachineFilter, MachineSort, RequestFilter, RequestSort, RequestSummary,
};
use crate::domain::event::EventEnvelope;
use crate::domain::machine::Machine;
use crate::domain::{RequestKind, TemplateId, Timestamp};
use crate::infrastructure::storage::glance::Member;
use crate::infrastructure::storage::heads::RequestHead;
use crate::infrastructure::storage::lists::{EventGlance, fits_event};

/// Conditions that must hold together, and what is bound to their places.
#[derive(Default)]
struct Conditions {
    texts: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    /// Adds a condition with one place, unless there is nothing to compare with.
    fn add(&mut self, condition: &str, value: Option<impl Into<Value>>) {
        if let Some(value) = value {
            self.texts.push(condition.to_owned());
            self.values.push(value.into());
        }
    }

    /// Adds that `column` is one of these, unless there are none.
    fn one_of(&mut self, column: &str, texts: impl IntoIterator<Item = String>) {
        if let Some(condition) = self.choice(column, texts) {
            self.texts.push(condition);
        }
    }

    fn choice(&mut self, column: &str, texts: impl IntoIterator<Item = String>) -> Option<String> {
        let before = self.values.len();
        self.values.extend(texts.into_iter().map(Value::from));
        let places = vec!["?"; self.values.len() - before].join(", ");
        (!places.is_empty()).then(|| format!("{column} IN ({places})"))
    }

    fn whole(&self) -> String {
        if self.texts.is_empty() { "1".to_owned() } else { self.texts.join(" AND ") }
    }

    /// Returns the documents that fit, in this order. The places of rows are ordered first: SQLite would carry the documents
    /// through its sorter. The join keeps their order, since it goes over the left side as it comes.
    fn read<T: DeserializeOwned>(
        mut self,
        connection: &Connection,
        table: &str,
        order: &str,
        limit: usize,
    ) -> Result<Vec<T>, Fault> {
        self.values.push(Value::from(i64::try_from(limit).unwrap_or(i64::MAX)));
        let places = format!("SELECT rowid AS place FROM {table} WHERE {} ORDER BY {order} LIMIT ?", self.whole());
        let query = format!("SELECT id, document, checksum FROM ({places}) CROSS JOIN {table} ON rowid = place");
        let mut rows = connection.prepare(&query)?;
        let found = rows.query_map(params_from_iter(self.values), |row| rows::document(table, row))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

/// Gives SQLite a function that returns a member of a document, where `json_extract` would build a tree of the whole.
fn offer(connection: &Connection, function: &str, member: &str) -> Result<(), Fault> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    let member = Member::named(member);
    connection.create_scalar_function(function, 1, flags, move |arguments| {
        Ok(member.word(arguments.get_raw(0).as_str()?.as_bytes()).map(ToOwned::to_owned))
    })?;
    Ok(())
}

/// Finds what [`crate::infrastructure::storage::StoreState::list_requests`] does.
pub(super) fn requests(connection: &Connection, filter: &RequestFilter) -> Result<Vec<RequestSummary>, Fault> {
    offer(connection, "status_of", "status")?;
    offer(connection, "template_of", "templateId")?;
    let mut conditions = Conditions::default();
    if !filter.statuses.is_empty() {
        // The column has an index; the word stands in the document alone.
        let mut settled: Vec<bool> = filter.statuses.iter().map(|status| status.is_settled()).collect();
        settled.dedup();
        if let [one] = settled.as_slice() {
            conditions.add("settled = ?", Some(i64::from(*one)));
        }
        conditions.one_of("status_of(document)", filter.statuses.iter().map(|s| s.word().to_owned()));
    }
    let prefix = |kind| match kind {
        RequestKind::Acquire => "req-".to_owned(),
        RequestKind::Return => "ret-".to_owned(),
    };
    conditions.add("substr(id, 1, 4) = ?", filter.kind.map(prefix));
    conditions.add("template_of(document) = ?", filter.template.as_ref().map(TemplateId::to_string));
    conditions.add("changed_at >= ?", filter.changed_since.map(Timestamp::as_millis));
    let order = match filter.sort {
        RequestSort::Created => time("created_at", filter.reversed),
        RequestSort::Changed => time("changed_at", filter.reversed),
        RequestSort::Id => word("id", filter.reversed),
        RequestSort::Status => word("status_of(document)", filter.reversed),
        RequestSort::Template => word("COALESCE(template_of(document), '')", filter.reversed),
    };
    let found = conditions.read::<RequestHead>(connection, "requests", &order, filter.limit)?;
    Ok(found.into_iter().map(RequestSummary::from).collect())
}

/// Finds what [`crate::infrastructure::storage::StoreState::list_machines`] does.
pub(super) fn machines(connection: &Connection, filter: &MachineFilter) -> Result<Vec<Machine>, Fault> {
    offer(connection, "return_of", "returnId")?;
    let mut conditions = Conditions::default();
    conditions.one_of("status", filter.statuses.iter().map(|status| status.word().to_owned()));
    conditions.add("template_id = ?", filter.template.as_ref().map(TemplateId::to_string));
    let column = |kind| match kind {
        RequestKind::Acquire => "request_id = ?",
        RequestKind::Return => "return_of(document) = ?",
    };
    if let Some(request) = &filter.request {
        conditions.add(column(request.kind()), Some(request.to_string()));
    }
    conditions.add("held = ?", filter.only_held.then_some(1));
    conditions.add("changed_at >= ?", filter.changed_since.map(Timestamp::as_millis));
    let order = match filter.sort {
        MachineSort::Changed => time("changed_at", filter.reversed),
        MachineSort::Launched => time("json_extract(document, '$.launchedAt')", filter.reversed),
        MachineSort::Id => word("id", filter.reversed),
        MachineSort::Name => word("COALESCE(name, '')", filter.reversed),
        MachineSort::Status => word("status", filter.reversed),
        MachineSort::Template => word("COALESCE(template_id, '')", filter.reversed),
        MachineSort::Request => word("COALESCE(request_id, '')", filter.reversed),
    };
    let found = conditions.read(connection, "machines", &order, filter.limit)?;
    Ok(found.into_iter().map(Machine::from_snapshot).collect())
}

/// Finds what [`crate::infrastructure::storage::StoreState::list_events`] does.
pub(super) fn events(connection: &Connection, filter: &EventFilter) -> Result<Vec<EventEnvelope>, Fault> {
    let mut conditions = Conditions::default();
    conditions.add("sequence > ?", (filter.after > 0).then(|| rows::signed(filter.after)));
    conditions.add("at >= ?", filter.since.map(Timestamp::as_millis));
    let glance = EventGlance::new(filter);
    let query = format!(
        "SELECT CAST(sequence AS TEXT), document, checksum FROM events WHERE {} ORDER BY sequence DESC",
        conditions.whole()
    );
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query(params_from_iter(conditions.values))?;
    let mut found: Vec<EventEnvelope> = Vec::new();
    // What an event is about stands in its document alone; those that are not asked for are not read.
    while found.len() < filter.limit
        && let Some(row) = rows.next()?
    {
        if glance.may_fit(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?.as_bytes()) {
            found.extend(Some(rows::document("events", row)?).filter(|event| fits_event(filter, event)));
        }
    }
    found.reverse();
    Ok(found)
}

/// Counts what [`crate::infrastructure::storage::StoreState::census`] does.
pub(super) fn census(connection: &Connection) -> Result<Census, Fault> {
    let count = |row: &rusqlite::Row<'_>, column| Ok::<_, rusqlite::Error>(row.get::<_, i64>(column)?.unsigned_abs());
    let mut requests = connection.prepare(
        "SELECT substr(id, 1, 3), json_extract(document, '$.status'),
                COALESCE(json_extract(document, '$.body.templateId'), ''), COUNT(*) FROM requests GROUP BY 1, 2, 3",
    )?;
    let requests = requests
        .query_map([], |row| Ok(((row.get(0)?, row.get(1)?, row.get(2)?), count(row, 3)?)))?
        .collect::<Result<_, _>>()?;
    let mut machines =
        connection.prepare("SELECT status, COALESCE(template_id, ''), COUNT(*) FROM machines GROUP BY 1, 2")?;
    let machines =
        machines.query_map([], |row| Ok(((row.get(0)?, row.get(1)?), count(row, 2)?)))?.collect::<Result<_, _>>()?;
    Ok(Census { requests, machines })
}

/// Orders by a time, newest first unless reversed.
fn time(column: &str, reversed: bool) -> String {
    format!("{column} {}, id", if reversed { "ASC" } else { "DESC" })
}

/// Orders by a text, from small to large unless reversed.
fn word(column: &str, reversed: bool) -> String {
    format!("{column} {}, id", if reversed { "DESC" } else { "ASC" })
}
