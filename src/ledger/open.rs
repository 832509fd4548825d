//! Opens the ledger's file.

use super::fault::Fault;
use super::schema::{self, Kind};
use rusqlite::{Connection, OpenFlags};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// How long a transaction waits for another process's: theirs take milliseconds.
const BUSY: Duration = Duration::from_secs(10);

/// The distinct statements of this module's neighbours, with room to spare.
const STATEMENTS: usize = 128;

/// Opens a ledger for writing; makes it, and its folder, when there is none.
pub(super) fn writable(path: &Path) -> Result<Connection, Fault> {
    let created = create(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    // Before anything is changed, its mode included: it may be somebody else's database.
    schema::identify(&connection)?;
    tighten(path)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Fault::NoWal(mode));
    }
    connection.pragma_update(None, "synchronous", "normal")?;
    // On macOS only this reaches the disk; elsewhere it does nothing.
    connection.pragma_update(None, "fullfsync", true)?;
    schema::migrate(&mut connection)?;
    if created {
        // SQLite syncs a file's contents, not the name of a new database.
        File::open(path)?.sync_all()?;
        if let Some(folder) = path.parent().filter(|folder| cfg!(unix) && folder.is_dir()) {
            File::open(folder)?.sync_all()?;
        }
    }
    Ok(connection)
}

/// Opens a ledger for reading, also while another process writes; `None` when there is none, or
/// nothing was ever recorded in it.
pub(super) fn readable(path: &Path) -> Result<Option<Connection>, Fault> {
    match std::fs::metadata(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let (connection, kind) = match open_to_read(path, "mode=ro") {
        // A write-ahead log needs a folder that can be written, and none exists when the last
        // writer ended in order: then the file alone is complete and nobody changes it.
        Err(Fault::Sqlite(error)) if cannot_make_log(&error) && !has_log(path)? => {
            open_to_read(path, "immutable=1")?
        }
        other => other?,
    };
    match kind {
        Kind::Blank | Kind::Ledger(0) => Ok(None),
        Kind::Ledger(version) => {
            schema::require_current(version)?;
            Ok(Some(connection))
        }
    }
}

/// Makes a ledger that lives in memory.
pub(super) fn in_memory() -> Result<Connection, Fault> {
    let mut connection = Connection::open_in_memory()?;
    prepare(&connection)?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}

fn prepare(connection: &Connection) -> Result<(), Fault> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

pub(super) fn open_to_read(path: &Path, parameter: &str) -> Result<(Connection, Kind), Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let absolute = std::path::absolute(path)?;
    let connection = Connection::open_with_flags(uri(&absolute, parameter)?, flags)?;
    prepare(&connection)?;
    let kind = schema::identify(&connection)?;
    Ok((connection, kind))
}

fn uri(path: &Path, parameter: &str) -> Result<String, Fault> {
    let text = path.to_str().ok_or_else(|| {
        std::io::Error::new(ErrorKind::InvalidInput, "the path of the ledger is not UTF-8")
    })?;
    let escaped = text.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    Ok(format!("file://{escaped}?{parameter}"))
}

fn cannot_make_log(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, PermissionDenied, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly | PermissionDenied))
}

pub(super) fn has_log(path: &Path) -> Result<bool, Fault> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    match std::fs::metadata(log) {
        Ok(found) => Ok(found.len() > 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Makes the file with its modes before SQLite sees it; SQLite gives its companions the same.
fn create(path: &Path) -> Result<bool, Fault> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder)?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.clone().create_new(true).open(path) {
        Ok(_) => Ok(true),
        // Opened here too, because the system's words are clearer than SQLite's.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            options.open(path)?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(unix)]
fn tighten(path: &Path) -> Result<(), Fault> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        permissions.set_mode(0o600);
        std::fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn tighten(_: &Path) -> Result<(), Fault> {
    Ok(())
}
