//! Opening the database: made whole under a temporary name, migrated in one transaction, refused when it is newer.
//!
//! Invariants: a file at the database's path is complete; only making and migrating take our lock.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};
use tracing::warn;

use super::error::Fault;
use super::{copy, header, rows};
use crate::application::StorageError;
use crate::infrastructure::file_system::FileSystem;
use crate::infrastructure::files;
use crate::infrastructure::lock::{self, FileLock};
use crate::infrastructure::storage::place::{self, LOCK};

/// The steps from an empty database to the newest form; `user_version` counts those that are done.
const MIGRATIONS: &[Migration] = &[
    (include_str!("migrations/0001_initial.sql"), |_| Ok(())),
    (include_str!("migrations/0002_recovery.sql"), rows::upgrade_to_2),
    (include_str!("migrations/0003_weights.sql"), |_| Ok(())),
];

/// The longest pause between two tries to write beside another process.
const PAUSE: Duration = Duration::from_millis(10);

/// Statements, and what else is to be done after them.
type Migration = (&'static str, fn(&Connection) -> Result<(), Fault>);

/// Opens the database at `path`, migrated to the newest form; returns `None` when there is none.
pub(super) async fn open(path: &Path, on: FileSystem, timeout: Duration) -> Result<Option<Connection>, StorageError> {
    if !header::check_file(path)? {
        return Ok(None);
    }
    let opened = explained("opening", path, || {
        let connection = connect(path, timeout)?;
        if on != FileSystem::Local {
            set_journal(&connection, on)?;
        }
        let schema = header::schema_of(&connection, path)?;
        Ok((connection, schema))
    });
    let (mut connection, schema) = match opened {
        Err(error) if header::log_size(path) == 0 && cannot_be_written(&error) => {
            warn!(%error, "the store cannot be written; what is read is what was last committed");
            explained("reading", path, || {
                let connection = connect_unchanging(path)?;
                let schema = header::schema_of(&connection, path)?;
                Ok((connection, schema))
            })?
        }
        opened => opened?,
    };
    check_schema(path, schema)?;
    if schema < newest() {
        let _lock = FileLock::acquire_on(on, &path.with_file_name(LOCK), timeout).await?;
        explained("migrating", path, || {
            copy::keep_former(&connection, path)?;
            migrate(&mut connection)
        })?;
    }
    Ok(Some(connection))
}

/// Opens the database at `path`; makes it when there is none.
pub(super) async fn open_or_make(path: &Path, on: FileSystem, timeout: Duration) -> Result<Connection, StorageError> {
    loop {
        if let Some(connection) = open(path, on, timeout).await? {
            return Ok(connection);
        }
        let _lock = FileLock::acquire_on(on, &path.with_file_name(LOCK), timeout).await?;
        if !header::check_file(path)? {
            place::SQLITE.check_never_was(path)?;
            make(path, on)?;
        }
    }
}

/// Makes the database under a temporary name and puts it in place. The lock is held.
pub(super) fn make(path: &Path, on: FileSystem) -> Result<(), StorageError> {
    make_with(path, on, |_| Ok(()))
}

/// Makes the database, with what `fill` puts into it, under a temporary name and puts it in place. The lock is held.
pub(super) fn make_with(
    path: &Path,
    on: FileSystem,
    fill: impl FnOnce(&mut Connection) -> Result<(), Fault>,
) -> Result<(), StorageError> {
    files::sweep_temporaries(path);
    // Only the name is kept: an open file beside SQLite's would free its locks when it closes.
    let temporary = files::temporary_beside(path)?.into_temp_path();
    explained("making", path, || {
        let mut connection = connect(&temporary, Duration::ZERO)?;
        connection.pragma_update(None, "application_id", header::APPLICATION)?;
        migrate(&mut connection)?;
        fill(&mut connection)?;
        set_journal(&connection, on)?;
        connection.close().map_err(|(_, error)| error)?;
        Ok(())
    })?;
    Ok(files::put_in_place(temporary, path)?)
}

/// Chooses the journal. On a local disk it is a log, which later connections find in the file and the last one to close
/// removes. The log needs memory that its users share, which processes on two machines have not.
pub(super) fn set_journal(connection: &Connection, on: FileSystem) -> Result<(), Fault> {
    let mode = match on {
        FileSystem::Local => "WAL",
        FileSystem::Network(_) => "TRUNCATE",
    };
    connection.pragma_update_and_check(None, "journal_mode", mode, |_| Ok(()))?;
    Ok(())
}

/// Opens a database that cannot be written and that nobody else writes either.
fn connect_unchanging(path: &Path) -> Result<Connection, Fault> {
    let mut name = String::from("file:");
    for character in path.to_string_lossy().chars() {
        match character {
            '%' => name.push_str("%25"),
            '?' => name.push_str("%3f"),
            '#' => name.push_str("%23"),
            other => name.push(other),
        }
    }
    name.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(name, flags)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Returns whether the file system does not let us write, as opposed to failing.
fn cannot_be_written(error: &StorageError) -> bool {
    let StorageError::Unavailable { source, .. } = error else { return false };
    let code = source.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

pub(super) fn connect(path: &Path, timeout: Duration) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    wait_for_others(&mut connection, timeout)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Waits up to `timeout` in all for other processes. SQLite's own waits grow to 100 ms, for which a store that is free again
/// stands idle.
#[expect(clippy::disallowed_methods, reason = "SQLite waits inside its call, where nothing can be awaited")]
fn wait_for_others(connection: &mut Connection, timeout: Duration) -> Result<(), Fault> {
    let mut since = Instant::now();
    connection.busy_handler(Some(move |tries| {
        if tries == 0 {
            since = Instant::now();
        }
        let left = timeout.saturating_sub(since.elapsed());
        std::thread::sleep(lock::jittered(PAUSE).min(left));
        !left.is_zero()
    }))?;
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have done it while we waited.
    let done: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (statements, upgrade) in MIGRATIONS.iter().skip(done as usize) {
        transaction.execute_batch(statements)?;
        upgrade(&transaction)?;
    }
    if done < newest() {
        transaction.pragma_update(None, "user_version", newest())?;
    }
    Ok(transaction.commit()?)
}

/// Returns the newest form of the database.
pub(super) fn newest() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Returns whether a database is of a version after this one.
pub(super) fn is_newer(schema: u32) -> bool {
    schema > newest()
}

fn check_schema(path: &Path, schema: u32) -> Result<(), StorageError> {
    let known = newest();
    if schema > known {
        return Err(StorageError::Corrupt {
            what: format!("{} has schema {schema}, and this version knows schemas up to {known}", path.display()),
            advice: "run the newer version of hostfactory; the file is left as it is".to_owned(),
        });
    }
    Ok(())
}

pub(super) fn explained<T>(
    operation: &str,
    path: &Path,
    work: impl FnOnce() -> Result<T, Fault>,
) -> Result<T, StorageError> {
    let start = Instant::now();
    work().map_err(|fault| fault.explain(operation, path, start.elapsed()))
}
