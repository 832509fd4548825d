//! Mailboxes that a person told to rest.

use super::fault::Fault;
use super::rows::{address, timestamp};
use crate::model::address::Address;
use crate::ports::ledger::Pause;
use rusqlite::{Transaction, params};
use std::collections::BTreeMap;

/// Tells a mailbox to rest.
pub(super) fn pause(tx: &Transaction<'_>, mailbox: &Address, pause: &Pause) -> Result<(), Fault> {
    tx.prepare_cached(
        "INSERT INTO paused (mailbox, since, note) VALUES (?1, ?2, ?3)
         ON CONFLICT (mailbox) DO UPDATE SET note = excluded.note",
    )?
    .execute(params![mailbox.as_str(), pause.since.to_string(), pause.note])?;
    Ok(())
}

/// Ends the rest of a mailbox.
pub(super) fn resume(tx: &Transaction<'_>, mailbox: &Address) -> Result<bool, Fault> {
    let ended =
        tx.prepare_cached("DELETE FROM paused WHERE mailbox = ?1")?.execute([mailbox.as_str()])?;
    Ok(ended == 1)
}

/// Returns the mailboxes that rest.
pub(super) fn paused(tx: &Transaction<'_>) -> Result<BTreeMap<Address, Pause>, Fault> {
    let mut statement = tx.prepare_cached("SELECT mailbox, since, note FROM paused")?;
    let mut rows = statement.query([])?;
    let mut paused = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let pause = Pause { since: timestamp(row.get(1)?)?, note: row.get(2)? };
        paused.insert(address(&row.get::<_, String>(0)?)?, pause);
    }
    Ok(paused)
}
