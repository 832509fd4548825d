//! The ledger of a process that may die before any call, and whose disk may lose what was not
//! synced.

use crate::disk::{Disk, Ill};
use crate::life::{Life, On};
use crate::mutant::{Mutant, Mutants};
use jiff::Timestamp;
use mailferry::error::{Class, Error, ErrorKind, Result};
use mailferry::ledger::SqliteLedger;
use mailferry::model::address::Address;
use mailferry::model::digest::Digest;
use mailferry::model::flags::Flags;
use mailferry::model::folder::FolderPath;
use mailferry::model::pairing::Round;
use mailferry::model::uid::{Uid, UidValidity};
use mailferry::ports::archive::{ArchiveFolder, ArchiveKey, Archived, Archives};
use mailferry::ports::ledger::{
    Checkpoint, Copied, FolderKey, FolderTally, JournalEntry, Ledger, Listed, Look, MessageRow,
    MessageState, Need, Owner, Pass, Pause, Stray,
};
use mailferry::ports::search::{
    Doubt, Fate, OtherDate, Ours, Paired, Reading, SearchId, Searches, SourceUid, Theirs, Twin,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

/// SQLite on a disk, until the process dies.
#[derive(Debug)]
pub(crate) struct Mortal {
    life: Life,
    disk: Disk,
    mutants: Mutants,
    ledger: Mutex<Option<SqliteLedger>>,
}

impl Mortal {
    pub(crate) fn open(disk: &Disk, life: &Life, mutants: &Mutants) -> Result<Self> {
        let ledger = Mutex::new(Some(SqliteLedger::open(&disk.path())?));
        Ok(Self { life: life.clone(), disk: disk.clone(), mutants: mutants.clone(), ledger })
    }

    /// Closes the files, as the end of a process does.
    pub(crate) fn close(&self) {
        *self.ledger.lock().expect("one thread") = None;
    }

    fn call<T>(&self, name: &str, call: impl FnOnce(&SqliteLedger) -> Result<T>) -> Result<T> {
        let ledger = self.ledger.lock().expect("one thread");
        let Some(ledger) = ledger.as_ref().filter(|_| self.life.step(On::Ledger)) else {
            return Err(
                Error::new(ErrorKind::Failed, "E000", "the process is dead").class(Class::Ledger)
            );
        };
        match if READS.contains(&name) { None } else { self.disk.strikes() } {
            None => call(ledger),
            Some(Ill::Full) => Err(Ill::Full.error()),
            Some(ill @ Ill::DoneAndFailed) => call(ledger).and(Err(ill.error())),
        }
    }
}

/// Calls that write nothing, so that a full disk is nothing to them.
const READS: [&str; 25] = [
    "archive_folder",
    "knows_archive",
    "archived",
    "archive_end",
    "holder",
    "is_empty",
    "tallies",
    "last_pass",
    "listed_under",
    "rows",
    "rows_for",
    "pages_for",
    "flags_when_sent",
    "source_folders",
    "strays",
    "checkpoint",
    "first_uid_next",
    "known_destination_uids",
    "binding",
    "bound_to",
    "open_checkpoints",
    "landmarks",
    "paused",
    "journal_tail",
    "journal_last",
];

/// Hands calls on; those behind `synced` are on the disk when they return.
macro_rules! hand_on {
    ($port:ident; $(fn $call:ident($($name:ident: $kind:ty),*) -> $out:ty;)* synced $(fn $synced:ident($($sname:ident: $skind:ty),*) -> $sout:ty;)* $(mutable $more:item)*) => {
        impl $port for Mortal {
            $(fn $call(&self, $($name: $kind),*) -> Result<$out> {
                self.call(stringify!($call), |ledger| ledger.$call($($name),*))
            })*
            $(fn $synced(&self, $($sname: $skind),*) -> Result<$sout> {
                let done = self.call(stringify!($synced), |ledger| ledger.$synced($($sname),*))?;
                self.disk.sync();
                Ok(done)
            })*
            $($more)*
        }
    };
}

hand_on! { Archives;
    fn archive_folder(at: &ArchiveKey) -> Option<ArchiveFolder>;
    fn knows_archive(archive: &str) -> bool;
    fn archived(at: &ArchiveKey, from: Uid, limit: usize) -> Vec<Archived>;
    fn archive_end(at: &ArchiveKey) -> u64;
    synced
    fn set_archive_folder(at: &ArchiveKey, folder: &ArchiveFolder) -> ();
    fn archive(at: &ArchiveKey, messages: &[Archived]) -> ();
}

hand_on! { Searches;
    fn unread_ours(search: SearchId, unread: &[SourceUid]) -> ();
    fn unread_theirs(search: SearchId, unread: &[Uid]) -> ();
    fn doubts(search: SearchId, behind: Option<SourceUid>, limit: usize) -> Vec<Doubt>;
    fn begin_search() -> SearchId;
    fn end_search(search: SearchId) -> ();
    fn add_ours(search: SearchId, messages: &[Ours]) -> ();
    fn count_ours(search: SearchId, fate: Fate) -> u64;
    fn add_theirs(search: SearchId, destination: &FolderKey, uid_validity: UidValidity, messages: &[Theirs]) -> u64;
    fn theirs(search: SearchId, above: Uid, limit: usize) -> Vec<Uid>;
    fn identify_theirs(search: SearchId, read: &[(Uid, Digest)]) -> ();
    fn near_ours(search: SearchId, behind: Option<SourceUid>, limit: usize) -> Vec<SourceUid>;
    fn identify_ours(search: SearchId, read: &[(SourceUid, Reading)]) -> ();
    fn leave_out_like_unplaced(search: SearchId) -> ();
    fn leave_out_other_dates(search: SearchId) -> ();
    fn count_alike(search: SearchId, looks: &[Look], any_size: bool) -> ();
    fn leave_out_twins(search: SearchId) -> ();
    fn pair(search: SearchId, fate: Fate, round: Round, other: OtherDate) -> ();
    fn paired(search: SearchId, fate: Fate, behind: Option<SourceUid>, limit: usize) -> Vec<Paired>;
    fn note_twins(search: SearchId, mailbox: &Address) -> Vec<FolderPath>;
    fn twins(search: SearchId, folder: &FolderPath, behind: i64, limit: usize) -> Vec<Twin>;
    fn part(search: SearchId, ours: &[SourceUid]) -> ();
    fn look_alikes(search: SearchId, limit: usize) -> (u64, Vec<Uid>);
    synced
}

hand_on! { Ledger;
    fn acquire(owner: &Owner) -> ();
    fn heartbeat(now: Timestamp) -> ();
    fn release() -> ();
    fn holder() -> Option<Owner>;
    fn is_empty() -> bool;
    fn tallies() -> BTreeMap<FolderKey, FolderTally>;
    fn last_pass(source: &FolderKey) -> Option<Pass>;
    fn end_pass(source: &FolderKey, pass: Pass) -> ();
    fn begin_listing(source: &FolderKey, uid_validity: UidValidity) -> ();
    fn listed_under(source: &FolderKey) -> Option<UidValidity>;
    fn end_listing(source: &FolderKey, uid_validity: UidValidity) -> ();
    fn rows(source: &FolderKey, uid_validity: UidValidity, from: Uid, limit: usize) -> Vec<MessageRow>;
    fn pages_for(source: &FolderKey, uid_validity: UidValidity, need: Need, size: usize) -> Vec<Uid>;
    fn prove(source: &FolderKey, uid_validity: UidValidity, uids: &[Uid], at: Timestamp) -> ();
    fn doubt(source: &FolderKey, uid_validity: UidValidity, uids: &[Uid], doubted: bool) -> ();
    fn forget_flags_when_sent(destination: &FolderKey) -> ();
    fn source_folders(mailbox: &Address) -> Vec<(FolderPath, Option<UidValidity>)>;
    fn folder_gone(source: &FolderKey) -> ();
    fn strays(mailbox: &Address, looks: &BTreeSet<Look>, limit: usize) -> Vec<Stray>;
    fn take_over(stray: &Stray, source: &FolderKey, uid_validity: UidValidity, uid: Uid, copied: &Copied) -> ();
    fn checkpoint(destination: &FolderKey) -> Option<Checkpoint>;
    fn first_uid_next(destination: &FolderKey, uid_validity: UidValidity) -> Option<Uid>;
    fn known_destination_uids(destination: &FolderKey, uid_validity: UidValidity, from: Uid) -> BTreeSet<Uid>;
    fn bind(source: &FolderKey, destination: &FolderKey) -> ();
    fn binding(source: &FolderKey) -> Option<FolderKey>;
    fn bound_to(destination: &FolderKey) -> Vec<FolderKey>;
    fn open_checkpoints(mailbox: &Address) -> BTreeMap<FolderPath, Checkpoint>;
    fn lost_unanswered(destination: &FolderKey) -> bool;
    fn orphans(mailbox: &Address) -> BTreeMap<FolderPath, (UidValidity, Uid)>;
    fn set_orphan(destination: &FolderKey, from: Option<(UidValidity, Uid)>) -> ();
    fn flags_when_sent(source: &FolderKey, uid_validity: UidValidity, uids: &[Uid]) -> BTreeMap<Uid, Flags>;
    fn landmarks(mailbox: &Address) -> BTreeMap<FolderPath, (UidValidity, Uid)>;
    fn record_slowest_append(destination: &FolderKey, answer: Duration) -> ();
    fn pause(mailbox: &Address, pause: &Pause) -> ();
    fn resume(mailbox: &Address) -> bool;
    fn paused() -> BTreeMap<Address, Pause>;
    fn journal(entry: &JournalEntry) -> ();
    fn journal_tail(limit: usize) -> Vec<JournalEntry>;
    fn journal_last(action: &str) -> Option<JournalEntry>;
    synced
    fn journal_durably(entry: &JournalEntry) -> ();
    fn settle_durably(source: &FolderKey, uid_validity: UidValidity, results: &[(Uid, MessageState, Option<Copied>)]) -> ();
    mutable fn set_checkpoint(&self, destination: &FolderKey, checkpoint: &Checkpoint) -> Result<()> {
        let checkpoint = &self.mutants.checkpoint(checkpoint);
        self.call("set_checkpoint", |ledger| ledger.set_checkpoint(destination, checkpoint))?;
        if !self.mutants.has(Mutant::CheckpointNotSynced) {
            self.disk.sync();
        }
        Ok(())
    }
    mutable fn settle(&self, source: &FolderKey, uid_validity: UidValidity, results: &[(Uid, MessageState, Option<Copied>)]) -> Result<()> {
        let results = &self.mutants.results(results);
        self.call("settle", |ledger| ledger.settle(source, uid_validity, results))
    }
    mutable fn set_landmarks(&self, mailbox: &Address, folders: &BTreeMap<FolderPath, (UidValidity, Uid)>) -> Result<()> {
        let folders = &self.mutants.landmarks(folders);
        self.call("set_landmarks", |ledger| ledger.set_landmarks(mailbox, folders))
    }
    mutable fn rows_for(&self, source: &FolderKey, uid_validity: UidValidity, need: Need, from: Uid, limit: usize) -> Result<Vec<MessageRow>> {
        if need == Need::Behind && self.mutants.has(Mutant::FlagsStay) {
            return Ok(Vec::new());
        }
        self.call("rows_for", |ledger| ledger.rows_for(source, uid_validity, need, from, limit))
    }
    mutable fn list(&self, source: &FolderKey, uid_validity: UidValidity, rows: &[Listed]) -> Result<()> {
        let rows = self.mutants.listing(rows);
        self.call("list", |ledger| ledger.list(source, uid_validity, rows))
    }
    mutable fn slowest_append(&self, destination: &FolderKey) -> Result<Option<Duration>> {
        if self.mutants.has(Mutant::NoQuiet) {
            return Ok(None);
        }
        self.call("slowest_append", |ledger| ledger.slowest_append(destination))
    }
}
