//! The lock: one owner at a time, fenced by a number that only grows.

use super::fault::Fault;
use super::owner::{Life, life};
use super::rows::timestamp;
use crate::ports::ledger::Owner;
use jiff::Timestamp;
use rusqlite::{Connection, Row, Transaction, params};
use std::time::Duration;

/// How long an owner on another machine may be silent. Four missed signs of life.
pub(super) const LEASE: Duration = Duration::from_secs(120);

/// Takes the lock and returns its fencing token.
pub(super) fn acquire(tx: &Transaction<'_>, owner: &Owner) -> Result<i64, Fault> {
    if let Some(there) = holder(tx)? {
        let silent = owner.heartbeat.duration_since(there.heartbeat);
        let over = silent >= jiff::SignedDuration::try_from(LEASE).unwrap_or_default();
        let free = match life(&there, owner) {
            Life::Gone => true,
            // Silent but there, for example stopped with Ctrl-Z: it may still write to a mail
            // server, where no token fences it.
            Life::Alive => false,
            Life::Unknown => over,
        };
        if !free {
            return Err(Fault::Held(Box::new(there)));
        }
    }
    let token = tx.query_row(
        "UPDATE lock SET token = token + 1, host = ?1, boot = ?2, pid = ?3, started = ?4,
             command = ?5, since = ?6, heartbeat = ?7
         WHERE id = 1 RETURNING token",
        params![
            owner.host,
            owner.boot,
            owner.pid,
            owner.started,
            owner.command,
            owner.since.to_string(),
            owner.heartbeat.to_string(),
        ],
        |row| row.get(0),
    )?;
    Ok(token)
}

/// Fails when this process is not the owner any more.
pub(super) fn check(tx: &Transaction<'_>, token: Option<i64>) -> Result<(), Fault> {
    let (current, held): (i64, bool) = tx
        .prepare_cached("SELECT token, host IS NOT NULL FROM lock WHERE id = 1")?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if held && token == Some(current) {
        return Ok(());
    }
    Err(Fault::Lost(holder(tx)?.map(Box::new)))
}

/// Notes a sign of life.
pub(super) fn heartbeat(tx: &Transaction<'_>, now: Timestamp) -> Result<(), Fault> {
    tx.execute("UPDATE lock SET heartbeat = ?1 WHERE id = 1", [now.to_string()])?;
    Ok(())
}

/// Gives the lock back; the token stays, so that it never comes again.
pub(super) fn release(tx: &Transaction<'_>) -> Result<(), Fault> {
    tx.execute(
        "UPDATE lock SET host = NULL, boot = NULL, pid = NULL, started = NULL, command = NULL,
             since = NULL, heartbeat = NULL
         WHERE id = 1",
        [],
    )?;
    Ok(())
}

/// Returns who holds the lock.
pub(super) fn holder(connection: &Connection) -> Result<Option<Owner>, Fault> {
    let read = |row: &Row<'_>| -> Result<Option<Owner>, Fault> {
        let Some(host) = row.get(0)? else { return Ok(None) };
        Ok(Some(Owner {
            host,
            boot: row.get(1)?,
            pid: row.get(2)?,
            started: row.get(3)?,
            command: row.get(4)?,
            since: timestamp(row.get(5)?)?,
            heartbeat: timestamp(row.get(6)?)?,
        }))
    };
    let mut statement = connection.prepare_cached(
        "SELECT host, boot, pid, started, command, since, heartbeat FROM lock WHERE id = 1",
    )?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => read(row),
        None => Err(Fault::Damaged("the lock has no row".to_owned())),
    }
}
