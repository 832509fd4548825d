//! The ledger: what was done, message by message.
//!
//! Every method is one transaction. Methods that write check that this process still holds the
//! lock (its fencing token is in the same transaction) and fail with [`ErrorKind::Locked`]
//! otherwise. Calls block; use them from `spawn_blocking` where a reactor would wait.
//!
//! [`ErrorKind::Locked`]: crate::error::ErrorKind::Locked

use super::archive::Archives;
use super::search::Searches;
use crate::error::Result;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A folder of a mailbox; which side, the place of use says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FolderKey {
    /// The mailbox: the address of the migration plan for a source folder, the destination
    /// address for a destination folder.
    pub mailbox: Address,
    /// The folder.
    pub folder: FolderPath,
}

/// What must be durable before the first APPEND into a destination folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// UIDVALIDITY of the destination folder.
    pub uid_validity: UidValidity,
    /// UIDNEXT of the destination folder: what we append has this UID or a higher one.
    pub uid_next: Uid,
    /// When it was taken.
    pub at: Timestamp,
    /// Set before the first APPEND of a run, cleared when every APPEND was answered and recorded.
    /// While it is set, what lies above `uid_next` and is not in the ledger is unclear.
    pub open: bool,
}

/// A message of a source folder as listed, before anything is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its UID.
    pub uid: Uid,
    /// RFC822.SIZE in octets.
    pub size: u64,
    /// Flags at the source.
    pub flags: Flags,
    /// `None` when the server gave none that is valid.
    pub internal_date: Option<InternalDate>,
    /// MODSEQ, where the server keeps one.
    pub modseq: Option<u64>,
    /// SHA-256 over the key header fields as the server gave them; only the digest is kept.
    pub headers: Option<Digest>,
}

/// How far a message has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageState {
    /// Listed, not sent, or sent in a run that did not live to record the answer.
    Pending,
    /// The destination said OK, or it was found there by digest.
    Acknowledged,
    /// `verify` saw it there with an equal digest.
    Verified,
    /// It stays behind, with the reason.
    Excepted(String),
    /// Its fate could not be found out, with the reason; it is not sent.
    Unclear(String),
    /// It vanished at the source, and its copy was removed as the migration plan's policy says.
    Removed,
}

/// A message of a source folder as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageRow {
    /// As listed last.
    pub listed: Listed,
    /// How far it has come.
    pub state: MessageState,
    /// What is known of the copy.
    pub copied: Option<Copied>,
    /// A complete later listing lacked it, or its folder is gone or was listed completely under
    /// another UIDVALIDITY since.
    pub vanished: bool,
    /// When `verify` proved it in place; only for [`MessageState::Verified`].
    pub proven_at: Option<Timestamp>,
    /// `verify` found its copy missing, changed or unreadable, and did not find it well since.
    pub doubted: bool,
}

/// Rows that a step of a pass has something to do with, so that it need not read the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// At the source, and pending, excepted or unclear.
    ToSend,
    /// Copied, and the server never said under which UID.
    Unplaced,
    /// Pending or unclear at the source, or unplaced.
    ToFind,
    /// Copied and at the source.
    Copied,
    /// Copied and at the source, with other flags there than the copy stands for; spellings of
    /// equal flags may be among them.
    Behind,
}

/// A copied message that is not where it was at the source any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    /// The source folder that it was in.
    pub source: FolderKey,
    /// The UIDVALIDITY that it was listed under.
    pub uid_validity: UidValidity,
    /// What is known of it.
    pub row: MessageRow,
    /// The destination folder that its copy is in.
    pub destination: FolderKey,
}

/// What is cheap to know of a message: RFC822.SIZE, and the second of its INTERNALDATE. Two
/// messages look alike when their sizes are equal and so are their dates, where both have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Look {
    /// RFC822.SIZE at the source, in octets.
    pub size: u64,
    /// INTERNALDATE in seconds since 1970.
    pub second: Option<i64>,
}

impl Look {
    /// Returns what is cheap to know of a listed message.
    pub fn of(listed: &Listed) -> Self {
        let second = listed.internal_date.as_ref().map(|date| date.instant().as_second());
        Self { size: listed.size, second }
    }

    /// Tells whether a message may be one of these.
    pub fn is_among(&self, looks: &BTreeSet<Self>) -> bool {
        let first = Self { size: self.size, second: None };
        let last = Self { size: self.size, second: Some(i64::MAX) };
        match self.second {
            None => looks.range(first..=last).next().is_some(),
            Some(_) => looks.contains(self) || looks.contains(&first),
        }
    }
}

/// A mailbox that a person told to rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Why, in the person's words; often empty.
    pub note: String,
}

/// What is known of a message at the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// UIDVALIDITY and UID at the destination; `None` when the server told none and it was not
    /// looked up yet.
    pub destination: Option<(UidValidity, Uid)>,
    /// SHA-256 of the source's octets.
    pub source_digest: Digest,
    /// SHA-256 of the octets that were sent; differs only when transformed.
    pub sent_digest: Digest,
    /// Octets sent.
    pub size: u64,
    /// Flags that the destination stored: the base of later three-way merges.
    pub stored_flags: Flags,
    /// The flags of the source that `stored_flags` stand for.
    pub source_flags: Flags,
    /// While the answer to a STORE is not recorded: flags of the source that the copy stands for at
    /// most; `source_flags` are those that it stands for at least.
    pub tried_flags: Option<Flags>,
    /// INTERNALDATE sent.
    pub internal_date: Option<InternalDate>,
    /// Named transforms, in order.
    pub transforms: Vec<String>,
    /// It was there before and was recognised by digest, not sent by us.
    pub adopted: bool,
    /// It was found by digest, and not acknowledged in answer to its APPEND: after an interruption,
    /// or as the copy of a message that moved at the source. Never with [`Copied::adopted`].
    pub found: bool,
    /// The folder of the destination mailbox that it is in, when that is not the one that its
    /// source folder is bound to: its user moved it, or the mapping changed since.
    pub elsewhere: Option<FolderPath>,
}

/// The end of a pass over a source folder: what it looked like when it was complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass {
    /// UIDVALIDITY of the source folder.
    pub uid_validity: UidValidity,
    /// UIDNEXT at the listing.
    pub uid_next: Uid,
    /// Messages at the listing.
    pub messages: u32,
    /// HIGHESTMODSEQ at the listing.
    pub highest_modseq: Option<u64>,
}

/// What the ledger holds of one source folder, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderTally {
    /// Rows by state, vanished ones left out.
    pub pending: u64,
    /// Acknowledged or verified.
    pub copied: u64,
    /// Octets of those.
    pub copied_bytes: u64,
    /// Of `copied`, those that `verify` proved.
    pub verified: u64,
    /// By reason.
    pub excepted: BTreeMap<String, u64>,
    /// Fate unknown.
    pub unclear: u64,
    /// Listed once, absent from a later complete listing.
    pub vanished: u64,
    /// Of `vanished`, those whose copies were removed by policy.
    pub removed: u64,
}

/// Who holds a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Host name.
    pub host: String,
    /// Identifies the boot of the host, so that a pid is not mistaken after a restart.
    pub boot: String,
    /// Process id.
    pub pid: u32,
    /// Start time of the process as the kernel counts it, so that a reused pid is not mistaken.
    pub started: String,
    /// `apply`, `verify`, …
    pub command: String,
    /// When the lock was taken.
    pub since: Timestamp,
    /// Last sign of life.
    pub heartbeat: Timestamp,
}

/// What the journal keeps of one action in one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalEntry {
    /// When, by the clock of the run.
    pub at: Timestamp,
    /// The action's id.
    pub action: String,
    /// `intent`, `done`, `already done`, `stale`, `failed`, …
    pub step: String,
    /// A sentence, cut and escaped.
    pub note: String,
}

/// Where everything that was done is kept.
pub trait Ledger: Archives + Searches + Send + Sync + std::fmt::Debug {
    /// Takes the lock, waiting not at all. An owner on the same host and boot is replaced at once
    /// when its process is gone and never while it is there; any other one when its lease of 120 s
    /// is over, counted from its last heartbeat to that of `owner`.
    fn acquire(&self, owner: &Owner) -> Result<()>;
    /// Shows that the owner lives; at least every 30 s.
    fn heartbeat(&self, now: Timestamp) -> Result<()>;
    /// Gives the lock back.
    fn release(&self) -> Result<()>;
    /// Returns who holds the lock.
    fn holder(&self) -> Result<Option<Owner>>;

    /// Returns true while nothing was ever copied or listed.
    fn is_empty(&self) -> Result<bool>;
    /// Returns all source folders that the ledger knows, with their numbers under the UIDVALIDITY
    /// that was listed last.
    fn tallies(&self) -> Result<BTreeMap<FolderKey, FolderTally>>;
    /// Returns the last complete pass over a source folder.
    fn last_pass(&self, source: &FolderKey) -> Result<Option<Pass>>;
    /// Records a complete pass, after [`Ledger::end_listing`].
    fn end_pass(&self, source: &FolderKey, pass: Pass) -> Result<()>;

    /// Starts a listing of a source folder: rows not seen by [`Ledger::list`] until
    /// [`Ledger::end_listing`] are vanished then.
    fn begin_listing(&self, source: &FolderKey, uid_validity: UidValidity) -> Result<()>;
    /// Returns the UIDVALIDITY under which a source folder was listed last.
    fn listed_under(&self, source: &FolderKey) -> Result<Option<UidValidity>>;
    /// Adds rows of a listing, at most some thousands at once: new ones become pending, known
    /// ones take the new flags and MODSEQ, and are not vanished any more. A date or digest that
    /// was known stays when the new row has none. Also without a listing under way, for passes
    /// that ask for changes only.
    fn list(&self, source: &FolderKey, uid_validity: UidValidity, rows: &[Listed]) -> Result<()>;
    /// Ends a complete, successful listing and marks what it lacked as vanished. Never called
    /// after an error; fails when no listing under this UIDVALIDITY was begun.
    fn end_listing(&self, source: &FolderKey, uid_validity: UidValidity) -> Result<()>;

    /// Returns rows in order of UID, from `from` on, at most `limit`; vanished ones included.
    fn rows(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        from: Uid,
        limit: usize,
    ) -> Result<Vec<MessageRow>>;
    /// Returns of [`Ledger::rows`] only those that a step needs.
    fn rows_for(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        need: Need,
        from: Uid,
        limit: usize,
    ) -> Result<Vec<MessageRow>>;
    /// Returns the first UID of every `size` rows that a step needs, in order.
    fn pages_for(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        need: Need,
        size: usize,
    ) -> Result<Vec<Uid>>;
    /// Records results, one row a source UID; the state and what is known of the copy replace
    /// what was there. All or none: fails when a UID was never listed, or when something was copied
    /// out of a folder that was not bound before.
    fn settle(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        results: &[(Uid, MessageState, Option<Copied>)],
    ) -> Result<()>;

    /// Records the same, and it is on disk when this returns (`synchronous=FULL`): what is about to
    /// be done to a copy.
    fn settle_durably(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        results: &[(Uid, MessageState, Option<Copied>)],
    ) -> Result<()>;

    /// Records that `verify` proved messages in place at a time; they become
    /// [`MessageState::Verified`]. Fails when one of them is not copied.
    fn prove(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        uids: &[Uid],
        at: Timestamp,
    ) -> Result<()>;
    /// Records that `verify` found copies missing, changed or unreadable, or (`doubted` is false)
    /// that it read them and found them well. Fails when one of them was never listed.
    fn doubt(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        uids: &[Uid],
        doubted: bool,
    ) -> Result<()>;
    /// Returns the flags with which messages were sent, if they were, where the source has other ones
    /// now: a listing that changes the flags of a message that is not copied, while the checkpoint
    /// of its destination folder is open, keeps those from before. Others are left out.
    fn flags_when_sent(
        &self,
        source: &FolderKey,
        uid_validity: UidValidity,
        uids: &[Uid],
    ) -> Result<BTreeMap<Uid, Flags>>;
    /// Forgets those flags for every message that goes into a destination folder: what is not
    /// copied now was not sent. Before the checkpoint is closed, or the next APPEND.
    fn forget_flags_when_sent(&self, destination: &FolderKey) -> Result<()>;
    /// Returns the source folders of a mailbox that the ledger knows, with the UIDVALIDITY of
    /// their newest listing.
    fn source_folders(&self, mailbox: &Address) -> Result<Vec<(FolderPath, Option<UidValidity>)>>;
    /// Records that a complete, successful LIST lacked a source folder: its messages vanished.
    fn folder_gone(&self, source: &FolderKey) -> Result<()>;
    /// Returns copied messages of a source mailbox that vanished where they were and look like one
    /// of these, in order of folder, UIDVALIDITY and UID, at most `limit`.
    fn strays(&self, mailbox: &Address, looks: &BTreeSet<Look>, limit: usize)
    -> Result<Vec<Stray>>;
    /// Gives the copy of a stray to the message that it is now at the source: in one transaction
    /// the stray's row goes, and the new row has the copy: proven when that is where it was proven,
    /// else acknowledged. Fails when the stray has no copy any more, or when the new row was never
    /// listed.
    fn take_over(
        &self,
        stray: &Stray,
        source: &FolderKey,
        uid_validity: UidValidity,
        uid: Uid,
        copied: &Copied,
    ) -> Result<()>;

    /// Returns the checkpoint of a destination folder.
    fn checkpoint(&self, destination: &FolderKey) -> Result<Option<Checkpoint>>;
    /// Writes the checkpoint of a destination folder; it is on disk when this returns
    /// (`synchronous=FULL`).
    fn set_checkpoint(&self, destination: &FolderKey, checkpoint: &Checkpoint) -> Result<()>;
    /// Returns the lowest UIDNEXT of the checkpoints of a destination folder under a UIDVALIDITY:
    /// nothing below was sent by us. `None` when there was none, or when a version that did not
    /// note it wrote them.
    fn first_uid_next(
        &self,
        destination: &FolderKey,
        uid_validity: UidValidity,
    ) -> Result<Option<Uid>>;
    /// Returns which UIDs at or above `from` of a destination folder the ledger knows as ours,
    /// over all source folders that go there.
    fn known_destination_uids(
        &self,
        destination: &FolderKey,
        uid_validity: UidValidity,
        from: Uid,
    ) -> Result<BTreeSet<Uid>>;
    /// Binds a source folder to its destination folder and to no other one; what is settled from
    /// then on is known there. What was settled before stays known where it was.
    fn bind(&self, source: &FolderKey, destination: &FolderKey) -> Result<()>;
    /// Returns the destination folder that a source folder is bound to.
    fn binding(&self, source: &FolderKey) -> Result<Option<FolderKey>>;
    /// Returns the source folders bound to a destination folder.
    fn bound_to(&self, destination: &FolderKey) -> Result<Vec<FolderKey>>;

    /// Returns the folders of a destination mailbox whose checkpoints are open.
    fn open_checkpoints(&self, mailbox: &Address) -> Result<BTreeMap<FolderPath, Checkpoint>>;
    /// Returns what [`Ledger::set_landmarks`] recorded last for a destination mailbox; empty when
    /// it never did.
    fn landmarks(&self, mailbox: &Address) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>>;
    /// Records UIDVALIDITY and UIDNEXT of the folders of a destination mailbox, in place of what
    /// was recorded before. Only while no checkpoint of the mailbox is open: a message of ours
    /// that turns up elsewhere later has the recorded UID or a higher one. A folder that could not
    /// be read is recorded with UIDVALIDITY 0, which no folder has (RFC 3501 section 9, `nz-number`).
    fn set_landmarks(
        &self,
        mailbox: &Address,
        folders: &BTreeMap<FolderPath, (UidValidity, Uid)>,
    ) -> Result<()>;
    /// Tells whether messages vanished from a source folder that is bound to a destination folder
    /// before it was known whether they are copied.
    fn lost_unanswered(&self, destination: &FolderKey) -> Result<bool>;
    /// Returns the folders of a destination mailbox that [`Ledger::set_orphan`] noted.
    fn orphans(&self, mailbox: &Address) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>>;
    /// Notes from which UID on a destination folder may hold copies of messages that are in
    /// another source folder now, or that it does not any more.
    fn set_orphan(&self, destination: &FolderKey, from: Option<(UidValidity, Uid)>) -> Result<()>;
    /// Returns the slowest answer to an APPEND into a destination folder that was recorded.
    fn slowest_append(&self, destination: &FolderKey) -> Result<Option<Duration>>;
    /// Records an answer to an APPEND, when it is slower than what was recorded.
    fn record_slowest_append(&self, destination: &FolderKey, answer: Duration) -> Result<()>;

    /// Tells a mailbox to rest, by its address in the migration plan. Needs no lock: a person
    /// says it while an `apply` runs.
    fn pause(&self, mailbox: &Address, pause: &Pause) -> Result<()>;
    /// Ends the rest of a mailbox and returns whether it rested. Needs no lock.
    fn resume(&self, mailbox: &Address) -> Result<bool>;
    /// Returns the mailboxes that rest.
    fn paused(&self) -> Result<BTreeMap<Address, Pause>>;

    /// Adds to the journal.
    fn journal(&self, entry: &JournalEntry) -> Result<()>;
    /// Adds to the journal; it is on disk when this returns (`synchronous=FULL`). For what nobody
    /// could tell after a loss of power otherwise.
    fn journal_durably(&self, entry: &JournalEntry) -> Result<()>;
    /// Returns the last `limit` journal entries, the newest last.
    fn journal_tail(&self, limit: usize) -> Result<Vec<JournalEntry>>;
    /// Returns the newest journal entry of an action.
    fn journal_last(&self, action: &str) -> Result<Option<JournalEntry>>;
}
