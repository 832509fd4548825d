//! The port over one SQLite connection.

use super::fault::Fault;
use super::{folders, lock, messages, open, pauses, rows, strays};
use crate::error::Result;
use crate::model::address::Address;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{
    Checkpoint, Copied, FolderKey, FolderTally, JournalEntry, Ledger, Listed, Look, MessageRow,
    MessageState, Need, Owner, Pass, Pause, Stray,
};
use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A ledger in an SQLite file with a write-ahead log, or in memory.
///
/// One connection, used by one thread at a time. Other processes may read the file meanwhile.
pub struct SqliteLedger {
    name: String,
    store: Mutex<Store>,
}

struct Store {
    connection: Connection,
    /// The fencing token that this process was given.
    token: Option<i64>,
}

impl SqliteLedger {
    /// Opens the ledger in a file of mode 0600, which is made with its folder (mode 0700) when
    /// there is none, and brings its tables up to date.
    ///
    /// Fails when the file belongs to another program, was written by a newer mailferry, is
    /// damaged, or cannot be written; the file is not changed then.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        match open::writable(path) {
            Ok(connection) => Ok(Self::over(name, connection)),
            Err(fault) => Err(fault.named(&name)),
        }
    }

    /// Opens the ledger for reading only, also while another process writes to it; `None` when
    /// the file does not exist or nothing was ever recorded in it.
    pub fn open_read_only(path: &Path) -> Result<Option<Self>> {
        let name = path.display().to_string();
        match open::readable(path) {
            Ok(connection) => Ok(connection.map(|connection| Self::over(name, connection))),
            Err(fault) => Err(fault.named(&name)),
        }
    }

    /// Makes an empty ledger that is gone with the process: what `plan` reads before the first
    /// `apply`.
    pub fn in_memory() -> Result<Self> {
        let name = "in memory".to_owned();
        match open::in_memory() {
            Ok(connection) => Ok(Self::over(name, connection)),
            Err(fault) => Err(fault.named(&name)),
        }
    }

    fn over(name: String, connection: Connection) -> Self {
        Self { name, store: Mutex::new(Store { connection, token: None }) }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // A thread that panicked left a transaction that was rolled back when it was dropped.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut store = self.store();
        let outcome = (|| {
            let tx = store.connection.transaction()?;
            f(&tx)
        })();
        outcome.map_err(|fault: Fault| fault.named(&self.name))
    }

    fn write<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut store = self.store();
        store.fenced(f).map_err(|fault| fault.named(&self.name))
    }

    /// Writes without the lock, for what a person says while somebody else holds it.
    fn write_unfenced<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut store = self.store();
        let outcome = (|| {
            let tx = store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = f(&tx)?;
            tx.commit()?;
            Ok(value)
        })();
        outcome.map_err(|fault: Fault| fault.named(&self.name))
    }

    /// Reads the ledger and writes beside it, into SQLite's temporary database: that needs no lock.
    fn aside<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut store = self.store();
        let outcome = (|| {
            let tx = store.connection.transaction()?;
            let value = f(&tx)?;
            tx.commit()?;
            Ok(value)
        })();
        outcome.map_err(|fault: Fault| fault.named(&self.name))
    }

    /// Like `write`, but on disk when it returns.
    fn durable<T>(&self, f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>) -> Result<T> {
        let mut store = self.store();
        let outcome = (|| {
            // Outside the transaction: SQLite takes no change of it inside.
            store.connection.pragma_update(None, "synchronous", "full")?;
            let outcome = store.fenced(f);
            store.connection.pragma_update(None, "synchronous", "normal")?;
            outcome
        })();
        outcome.map_err(|fault: Fault| fault.named(&self.name))
    }
}

impl Store {
    fn fenced<T>(
        &mut self,
        f: impl FnOnce(&Transaction<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        lock::check(&tx, self.token)?;
        let value = f(&tx)?;
        tx.commit()?;
        Ok(value)
    }
}

impl fmt::Debug for SqliteLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLedger").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Ledger for SqliteLedger {
    fn acquire(&self, owner: &Owner) -> Result<()> {
        let mut store = self.store();
        let outcome = (|| {
            let tx = store.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let token = lock::acquire(&tx, owner)?;
            tx.commit()?;
            Ok(token)
        })();
        store.token = Some(outcome.map_err(|fault: Fault| fault.named(&self.name))?);
        Ok(())
    }

    fn heartbeat(&self, now: Timestamp) -> Result<()> {
        self.write(|tx| lock::heartbeat(tx, now))
    }

    fn release(&self) -> Result<()> {
        self.write(lock::release)
    }

    fn holder(&self) -> Result<Option<Owner>> {
        self.read(|tx| lock::holder(tx))
    }

    fn is_empty(&self) -> Result<bool> {
        self.read(|tx| {
            let listed: bool = tx.query_row(
                "SELECT EXISTS (SELECT 1 FROM source_folder WHERE generation > 0)
                     OR EXISTS (SELECT 1 FROM message)",
                [],
                |row| row.get(0),
            )?;
            Ok(!listed)
        })
    }

    fn tallies(&self) -> Result<BTreeMap<FolderKey, FolderTally>> {
        self.read(folders::tallies)
    }

    fn last_pass(&self, source: &FolderKey) -> Result<Option<Pass>> {
        self.read(|tx| folders::last_pass(tx, source))
    }

    fn end_pass(&self, source: &FolderKey, pass: Pass) -> Result<()> {
        self.write(|tx| folders::end_pass(tx, source, pass))
    }

    fn begin_listing(&self, source: &FolderKey, uid_validity: UidValidity) -> Result<()> {
        self.write(|tx| messages::begin_listing(tx, source, uid_validity))
    }

    fn listed_under(&self, source: &FolderKey) -> Result<Option<UidValidity>> {
        self.read(|tx| folders::listed_under(tx, source))
    }

    fn list(&self, source: &FolderKey, uid_validity: UidValidity, rows: &[Listed]) -> Result<()> {
        self.write(|tx| messages::list(tx, source, uid_validity, rows))
    }

    fn end_listing(&self, source: &FolderKey, uid_validity: UidValidity) -> Result<()> {
        self.write(|tx| messages::end_listing(tx, source, uid_validity))
    }

    fn rows(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        from: Uid,
        limit: usize,
    ) -> Result<Vec<MessageRow>> {
        self.read(|tx| messages::rows(tx, source, uid_validity, None, from, limit))
    }

    fn rows_for(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        need: Need,
        from: Uid,
        limit: usize,
    ) -> Result<Vec<MessageRow>> {
        self.read(|tx| messages::rows(tx, source, uid_validity, Some(need), from, limit))
    }

    fn pages_for(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        need: Need,
        size: usize,
    ) -> Result<Vec<Uid>> {
        self.read(|tx| messages::pages(tx, source, uid_validity, need, size))
    }

    fn settle(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        results: &[(Uid, MessageState, Option<Copied>)],
    ) -> Result<()> {
        self.write(|tx| messages::settle(tx, source, uid_validity, results))
    }

    fn settle_durably(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        results: &[(Uid, MessageState, Option<Copied>)],
    ) -> Result<()> {
        self.durable(|tx| messages::settle(tx, source, uid_validity, results))
    }

    fn prove(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        uids: &[Uid],
        at: Timestamp,
    ) -> Result<()> {
        self.write(|tx| messages::prove(tx, source, uid_validity, uids, at))
    }

    fn doubt(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        uids: &[Uid],
        doubted: bool,
    ) -> Result<()> {
        self.write(|tx| messages::doubt(tx, source, uid_validity, uids, doubted))
    }

    fn flags_when_sent(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        uids: &[Uid],
    ) -> Result<BTreeMap<Uid, Flags>> {
        self.read(|tx| messages::flags_when_sent(tx, source, uid_validity, uids))
    }

    fn forget_flags_when_sent(&self, destination: &FolderKey) -> Result<()> {
        self.write(|tx| messages::forget_flags_when_sent(tx, destination))
    }

    fn source_folders(&self, mailbox: &Address) -> Result<Vec<(FolderPath, Option<UidValidity>)>> {
        self.read(|tx| folders::source_folders(tx, mailbox))
    }

    fn folder_gone(&self, source: &FolderKey) -> Result<()> {
        self.write(|tx| folders::gone(tx, source))
    }

    fn strays(
        &self,
        mailbox: &Address,
        looks: &BTreeSet<Look>,
        limit: usize,
    ) -> Result<Vec<Stray>> {
        self.read(|tx| strays::strays(tx, mailbox, looks, limit))
    }

    fn take_over(
        &self,
        stray: &Stray,
        source: &FolderKey,
        uid_validity: UidValidity,
        uid: Uid,
        copied: &Copied,
    ) -> Result<()> {
        self.write(|tx| strays::take_over(tx, stray, source, uid_validity, uid, copied))
    }

    fn checkpoint(&self, destination: &FolderKey) -> Result<Option<Checkpoint>> {
        self.read(|tx| folders::checkpoint(tx, destination))
    }

    fn set_checkpoint(&self, destination: &FolderKey, checkpoint: &Checkpoint) -> Result<()> {
        self.durable(|tx| folders::set_checkpoint(tx, destination, checkpoint))
    }

    fn first_uid_next(
        &self,
        destination: &FolderKey,
        uid_validity: UidValidity,
    ) -> Result<Option<Uid>> {
        self.read(|tx| folders::first_uid_next(tx, destination, uid_validity))
    }

    fn known_destination_uids(
        &self,
        destination: &FolderKey,
        uid_validity: UidValidity,
        from: Uid,
    ) -> Result<BTreeSet<Uid>> {
        self.read(|tx| messages::known_destination_uids(tx, destination, uid_validity, from))
    }

    fn bind(&self, source: &FolderKey, destination: &FolderKey) -> Result<()> {
        self.write(|tx| folders::bind(tx, source, destination))
    }

    fn binding(&self, source: &FolderKey) -> Result<Option<FolderKey>> {
        self.read(|tx| folders::binding(tx, source))
    }

    fn bound_to(&self, destination: &FolderKey) -> Result<Vec<FolderKey>> {
        self.read(|tx| folders::bound_to(tx, destination))
    }

    fn open_checkpoints(&self, mailbox: &Address) -> Result<BTreeMap<FolderPath, Checkpoint>> {
        self.read(|tx| folders::open_checkpoints(tx, mailbox))
    }

    fn landmarks(&self, mailbox: &Address) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>> {
        self.read(|tx| folders::landmarks(tx, mailbox))
    }

    fn set_landmarks(
        &self,
        mailbox: &Address,
        folders: &BTreeMap<FolderPath, (UidValidity, Uid)>,
    ) -> Result<()> {
        self.write(|tx| folders::set_landmarks(tx, mailbox, folders))
    }

    fn lost_unanswered(&self, destination: &FolderKey) -> Result<bool> {
        self.read(|tx| folders::lost_unanswered(tx, destination))
    }

    fn orphans(&self, mailbox: &Address) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>> {
        self.read(|tx| folders::orphans(tx, mailbox))
    }

    fn set_orphan(&self, destination: &FolderKey, from: Option<(UidValidity, Uid)>) -> Result<()> {
        self.write(|tx| folders::set_orphan(tx, destination, from))
    }

    fn slowest_append(&self, destination: &FolderKey) -> Result<Option<Duration>> {
        self.read(|tx| folders::slowest_append(tx, destination))
    }

    fn record_slowest_append(&self, destination: &FolderKey, answer: Duration) -> Result<()> {
        self.write(|tx| folders::record_slowest_append(tx, destination, answer))
    }

    fn pause(&self, mailbox: &Address, pause: &Pause) -> Result<()> {
        self.write_unfenced(|tx| pauses::pause(tx, mailbox, pause))
    }

    fn resume(&self, mailbox: &Address) -> Result<bool> {
        self.write_unfenced(|tx| pauses::resume(tx, mailbox))
    }

    fn paused(&self) -> Result<BTreeMap<Address, Pause>> {
        self.read(pauses::paused)
    }

    fn journal(&self, entry: &JournalEntry) -> Result<()> {
        self.write(|tx| add_to_journal(tx, entry))
    }

    fn journal_durably(&self, entry: &JournalEntry) -> Result<()> {
        self.durable(|tx| add_to_journal(tx, entry))
    }

    fn journal_tail(&self, limit: usize) -> Result<Vec<JournalEntry>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT at, action, step, note FROM journal ORDER BY id DESC LIMIT ?1",
            )?;
            let mut found = statement.query([limit])?;
            let mut entries = Vec::new();
            while let Some(row) = found.next()? {
                entries.push(rows::entry(row)?);
            }
            entries.reverse();
            Ok(entries)
        })
    }

    fn journal_last(&self, action: &str) -> Result<Option<JournalEntry>> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT at, action, step, note FROM journal
                 WHERE action = ?1 ORDER BY id DESC LIMIT 1",
            )?;
            let mut found = statement.query([action])?;
            found.next()?.map(rows::entry).transpose()
        })
    }
}

fn add_to_journal(tx: &Transaction<'_>, entry: &JournalEntry) -> Result<(), Fault> {
    tx.prepare_cached("INSERT INTO journal (at, action, step, note) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![entry.at.to_string(), entry.action, entry.step, entry.note])?;
    Ok(())
}

mod archives;
mod searches;
#[cfg(test)]
mod tests;
