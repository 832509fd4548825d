//! The ledger of a process that may die before any call, and whose disk may lose what was not
//! synced.

use crate::life::Life;
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
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

/// SQLite on a disk, until the process dies.
#[derive(Debug)]
pub(crate) struct Mortal {
    life: Life,
    disk: Disk,
    ledger: Mutex<Option<SqliteLedger>>,
}

/// The files of a ledger, and what of them a loss of power leaves.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
}

const FILES: [&str; 2] = ["ledger.sqlite", "ledger.sqlite-wal"];

impl Disk {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(FILES[0])
    }

    /// What is on the disk now stays there.
    fn sync(&self) {
        for file in FILES {
            let (from, to) = (self.folder.join(file), self.folder.join(format!("synced-{file}")));
            if from.exists() {
                fs::copy(from, to).expect("a copy");
            } else {
                let _ = fs::remove_file(to);
            }
        }
    }

    /// Only what was synced is left. Nobody may have the ledger open.
    pub(crate) fn lose_power(&self) {
        let _ = fs::remove_file(self.folder.join("ledger.sqlite-shm"));
        for file in FILES {
            let (to, from) = (self.folder.join(file), self.folder.join(format!("synced-{file}")));
            let _ = fs::remove_file(&to);
            if from.exists() {
                fs::copy(from, to).expect("a copy");
            }
        }
    }
}

impl Mortal {
    pub(crate) fn open(disk: &Disk, life: &Life) -> Result<Self> {
        let ledger = SqliteLedger::open(&disk.path())?;
        Ok(Self { life: life.clone(), disk: disk.clone(), ledger: Mutex::new(Some(ledger)) })
    }

    /// Closes the files, as the end of a process does.
    pub(crate) fn close(&self) {
        *self.ledger.lock().expect("one thread") = None;
    }

    fn call<T>(&self, call: impl FnOnce(&SqliteLedger) -> Result<T>) -> Result<T> {
        let ledger = self.ledger.lock().expect("one thread");
        match ledger.as_ref().filter(|_| self.life.step()) {
            Some(ledger) => call(ledger),
            None => {
                Err(Error::new(ErrorKind::Failed, "E000", "the process is dead")
                    .class(Class::Ledger))
            }
        }
    }
}

/// Hands calls on; those behind `synced` are on the disk when they return.
macro_rules! hand_on {
    ($port:ident; $(fn $call:ident($($name:ident: $kind:ty),*) -> $out:ty;)* synced $(fn $synced:ident($($sname:ident: $skind:ty),*) -> $sout:ty;)*) => {
        impl $port for Mortal {
            $(fn $call(&self, $($name: $kind),*) -> Result<$out> {
                self.call(|ledger| ledger.$call($($name),*))
            })*
            $(fn $synced(&self, $($sname: $skind),*) -> Result<$sout> {
                let done = self.call(|ledger| ledger.$synced($($sname),*))?;
                self.disk.sync();
                Ok(done)
            })*
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
    fn list(source: &FolderKey, uid_validity: UidValidity, rows: &[Listed]) -> ();
    fn end_listing(source: &FolderKey, uid_validity: UidValidity) -> ();
    fn rows(source: &FolderKey, uid_validity: UidValidity, from: Uid, limit: usize) -> Vec<MessageRow>;
    fn rows_for(source: &FolderKey, uid_validity: UidValidity, need: Need, from: Uid, limit: usize) -> Vec<MessageRow>;
    fn pages_for(source: &FolderKey, uid_validity: UidValidity, need: Need, size: usize) -> Vec<Uid>;
    fn settle(source: &FolderKey, uid_validity: UidValidity, results: &[(Uid, MessageState, Option<Copied>)]) -> ();
    fn prove(source: &FolderKey, uid_validity: UidValidity, uids: &[Uid], at: Timestamp) -> ();
    fn doubt(source: &FolderKey, uid_validity: UidValidity, uids: &[Uid], doubted: bool) -> ();
    fn flags_when_sent(source: &FolderKey, uid_validity: UidValidity, uids: &[Uid]) -> BTreeMap<Uid, Flags>;
    fn forget_flags_when_sent(destination: &FolderKey) -> ();
    fn source_folders(mailbox: &Address) -> Vec<(FolderPath, Option<UidValidity>)>;
    fn folder_gone(source: &FolderKey) -> ();
    fn strays(mailbox: &Address, looks: &BTreeSet<Look>, limit: usize) -> Vec<Stray>;
    fn take_over(stray: &Stray, source: &FolderKey, uid_validity: UidValidity, uid: Uid, copied: &Copied) -> ();
    fn checkpoint(destination: &FolderKey) -> Option<Checkpoint>;
    fn known_destination_uids(destination: &FolderKey, uid_validity: UidValidity, from: Uid) -> BTreeSet<Uid>;
    fn bind(source: &FolderKey, destination: &FolderKey) -> ();
    fn binding(source: &FolderKey) -> Option<FolderKey>;
    fn bound_to(destination: &FolderKey) -> Vec<FolderKey>;
    fn open_checkpoints(mailbox: &Address) -> BTreeMap<FolderPath, Checkpoint>;
    fn lost_unanswered(destination: &FolderKey) -> bool;
    fn orphans(mailbox: &Address) -> BTreeMap<FolderPath, (UidValidity, Uid)>;
    fn set_orphan(destination: &FolderKey, from: Option<(UidValidity, Uid)>) -> ();
    fn landmarks(mailbox: &Address) -> BTreeMap<FolderPath, (UidValidity, Uid)>;
    fn set_landmarks(mailbox: &Address, folders: &BTreeMap<FolderPath, (UidValidity, Uid)>) -> ();
    fn slowest_append(destination: &FolderKey) -> Option<Duration>;
    fn record_slowest_append(destination: &FolderKey, answer: Duration) -> ();
    fn pause(mailbox: &Address, pause: &Pause) -> ();
    fn resume(mailbox: &Address) -> bool;
    fn paused() -> BTreeMap<Address, Pause>;
    fn journal(entry: &JournalEntry) -> ();
    fn journal_tail(limit: usize) -> Vec<JournalEntry>;
    fn journal_last(action: &str) -> Option<JournalEntry>;
    synced
    fn journal_durably(entry: &JournalEntry) -> ();
    fn set_checkpoint(destination: &FolderKey, checkpoint: &Checkpoint) -> ();
}
