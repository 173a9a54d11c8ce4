//! A SQLite database of ORB. It is copied first: SQLite would write beside it even to read it.

use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use super::database;
use super::records::Kind;
use super::values::Record;
use crate::application::ports::Found;
use crate::domain::DomainError;

/// Returns whether a file is a SQLite database.
pub(super) fn is_database(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0; 16];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && &head == b"SQLite format 3\0"
}

/// Reads the tables.
pub(super) fn read(path: &Path, found: &mut Found) -> Result<(), DomainError> {
    let refused = |error: &dyn std::fmt::Display| {
        DomainError::validation(path.display().to_string(), format!("cannot be read as a database of ORB: {error}"))
    };
    let folder = tempfile::tempdir().map_err(|error| refused(&error))?;
    let copy = folder.path().join("database");
    std::fs::copy(path, &copy).map_err(|error| refused(&error))?;
    for log in ["-wal", "-journal"] {
        let beside = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(log);
            std::path::PathBuf::from(name)
        };
        if beside(path).is_file() {
            std::fs::copy(beside(path), beside(&copy)).map_err(|error| refused(&error))?;
        }
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&copy, flags).map_err(|error| refused(&error))?;
    connection.pragma_update(None, "trusted_schema", false).map_err(|error| refused(&error))?;
    let mut tables = 0;
    for (table, kind) in [("templates", Kind::Template), ("requests", Kind::Request), ("machines", Kind::Machine)] {
        let there = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
        let is_there = connection.prepare(there).and_then(|mut query| query.exists([table]));
        if !is_there.map_err(|error| refused(&error))? {
            continue;
        }
        tables += 1;
        rows(&connection, table, kind, found).map_err(|error| refused(&error))?;
        if kind != Kind::Template {
            found.sections.entry(table).or_default().files.push(path.to_owned());
        }
    }
    if tables == 0 { Err(refused(&"it has none of its tables")) } else { Ok(()) }
}

fn rows(connection: &Connection, table: &str, kind: Kind, found: &mut Found) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut record = Record::new();
        for (at, name) in names.iter().enumerate() {
            record.insert(name.clone(), value(row.get_ref(at)?));
        }
        let key =
            names.first().and_then(|name| record.get(name)).and_then(Value::as_str).unwrap_or_default().to_owned();
        database::take(&key, &record, Some(kind), found);
    }
    Ok(())
}

fn value(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => Value::Null,
        ValueRef::Integer(number) => number.into(),
        ValueRef::Real(number) => number.into(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into(),
    }
}
