//! The SQLite store as one that is moved.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::error::Fault;
use super::keeper::{Sqlite, kind_of};
use super::{connection, header, rows, whole};
use crate::application::StorageError;
use crate::domain::Version;
use crate::infrastructure::storage::examine::Unreadable;
use crate::infrastructure::storage::mover::{Movable, Source, source_of};
use crate::infrastructure::storage::rules;

impl Movable for Sqlite {
    /// A transaction that keeps everybody else from committing; it ends with the connection.
    type Held = Connection;

    fn schema(&self) -> u64 {
        connection::newest().into()
    }

    fn hold(&self, path: &Path) -> Result<(Connection, Source), StorageError> {
        header::check_file(path)?;
        let (held, found) = connection::explained("reading", path, || {
            let held = connection::connect(path, self.timeout)?;
            let schema = header::schema_of(&held, path)?;
            if connection::is_newer(schema) {
                return Ok((held, Err(Unreadable::Newer(format!("{} has schema {schema}", path.display())))));
            }
            held.execute_batch("BEGIN IMMEDIATE")?;
            let found = whole::read_within(&held, schema)?;
            Ok((held, Ok(found)))
        })?;
        Ok((held, source_of(self, path, found)?))
    }

    fn make(&self, path: &Path, source: &Source) -> Result<(), StorageError> {
        connection::make_with(path, kind_of(path), |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            fill(&transaction, source)?;
            Ok(transaction.commit()?)
        })
    }

    fn replace(&self, held: Connection, path: &Path, source: &Source) -> Result<(), StorageError> {
        connection::explained("replacing", path, || {
            held.execute_batch(
                "DELETE FROM events; DELETE FROM machines; DELETE FROM requests; DELETE FROM templates;",
            )?;
            fill(&held, source)?;
            Ok(held.execute_batch("COMMIT")?)
        })
    }

    fn let_go(&self, held: Connection, path: &Path) -> Result<bool, StorageError> {
        connection::explained("closing", path, || {
            held.execute_batch("ROLLBACK")?;
            // What is in the log goes into the file, so that the file alone is the store.
            let busy: i64 = held.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            held.close().map_err(|(_, error)| error)?;
            Ok(busy == 0 && header::log_size(path) == 0)
        })
    }
}

fn fill(connection: &Connection, source: &Source) -> Result<(), Fault> {
    let state = &source.state;
    for (digest, parts) in &state.templates {
        rows::put_template(connection, digest, &parts.id, &rules::text_of(parts, "writing down a template")?)?;
    }
    let new = Version::default();
    for request in state.requests.values() {
        rows::put_request(connection, request, new)?;
    }
    for machine in state.machines.values() {
        rows::put_machine(connection, machine, new)?;
    }
    for event in &state.events {
        rows::write_event(connection, event)?;
    }
    let mut meta = connection.prepare("UPDATE meta SET value = ?2 WHERE key = ?1")?;
    meta.execute(("next_sequence", rows::signed(state.next_sequence)))?;
    meta.execute(("delivered", rows::signed(source.delivered)))?;
    Ok(())
}
