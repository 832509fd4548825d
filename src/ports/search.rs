//! The side table of a search: which messages of ours may be in a destination folder, what lies
//! there, and which is which. It holds what would not fit into memory, and is gone with the process.

use super::ledger::{FolderKey, Look};
use crate::error::Result;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::internal_date::InternalDate;
use crate::model::pairing::Round;
use crate::model::uid::{Uid, UidValidity};

/// A search that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SearchId(pub i64);

/// A message of ours: the number of its source folder in the search, and its UID there.
pub type SourceUid = (usize, Uid);

/// What is known of a message before it is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may be there or not.
    Unsettled,
    /// It was surely taken, by a server that did not say under which UID (no UIDPLUS).
    Unplaced,
}

/// A message of ours that may be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Which one.
    pub key: SourceUid,
    /// What is known of it.
    pub fate: Fate,
    /// Its size and date: at the source, or as they were sent.
    pub look: Look,
    /// The flags that it should have there.
    pub flags: Flags,
    /// What it is recognised by, where that is known already.
    pub identity: Option<Digest>,
    /// It may have another size there: without a date, it is near to everything.
    pub any_size: bool,
}

/// A message that lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theirs {
    /// At the destination.
    pub uid: Uid,
    /// RFC822.SIZE, in octets.
    pub size: u64,
    /// INTERNALDATE, when the server gave a valid one.
    pub date: Option<InternalDate>,
    /// Flags.
    pub flags: Flags,
}

/// Which messages of equal octets may be ours although they have another date than the one that was
/// sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherDate {
    /// Every one: another tool gave it its date.
    Any,
    /// Only where servers are known not to keep the date that was sent: none, one before 1971, one
    /// after the second `future`. Then one that is not earlier than the second `since`.
    Unkept {
        /// When the first of ours may have been sent.
        since: i64,
        /// What is later than this was in the future when it was sent.
        future: i64,
    },
}

/// What a body at the source says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it is recognised by; `None` when there is no such thing.
    pub identity: Option<Digest>,
    /// SHA-256 of the source's octets.
    pub source_digest: Digest,
    /// SHA-256 of the octets that are sent.
    pub sent_digest: Digest,
    /// Octets that are sent.
    pub sent_size: u64,
    /// Named transforms, in order.
    pub transforms: Vec<String>,
    /// The second of the header's date, which a message without INTERNALDATE is sent with.
    pub header_second: Option<i64>,
}

/// A message of ours and the one that stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paired {
    /// Ours.
    pub key: SourceUid,
    /// Which one stands for it.
    pub found: Theirs,
    /// The second of the dates is equal, or ours has none, so that any may have been sent.
    pub same_date: bool,
    /// What was read at the source; `None` for [`Fate::Unplaced`].
    pub reading: Option<Reading>,
}

/// A copy of ours that is equal to one of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// Its number, in ascending order.
    pub number: i64,
    /// The message of ours in the pair.
    pub key: SourceUid,
    /// Where it should be; `None` when the server never said.
    pub place: Option<(UidValidity, Uid)>,
}

/// A message of ours without a partner that may be there and could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// Ours.
    pub key: SourceUid,
    /// The first of theirs that may be it.
    pub near: Uid,
    /// Ours could not be read; otherwise it was theirs.
    pub unread: bool,
}

/// What a search keeps aside. Nothing of it needs the lock, and no other search sees it.
///
/// Two messages are *near* when their sizes are equal, or their seconds where both have a date, or
/// when ours has no date and may have any size there:
/// a server that stores other octets than were sent changes the size, one that refuses a date in the
/// future changes the date.
pub trait Searches {
    /// Begins a search with nothing in it.
    fn begin_search(&self) -> Result<SearchId>;
    /// Ends a search and drops all of it.
    fn end_search(&self, search: SearchId) -> Result<()>;
    /// Adds messages of ours.
    fn add_ours(&self, search: SearchId, messages: &[Ours]) -> Result<()>;
    /// Returns how many messages of ours are in it.
    fn count_ours(&self, search: SearchId, fate: Fate) -> Result<u64>;
    /// Adds messages of a destination folder: those that no source folder knows as its copy and that
    /// are near to one of ours. Returns how many of them are new.
    fn add_theirs(
        &self,
        search: SearchId,
        destination: &FolderKey,
        uid_validity: UidValidity,
        messages: &[Theirs],
    ) -> Result<u64>;
    /// Returns messages of theirs above a UID, in order, at most `limit`.
    fn theirs(&self, search: SearchId, above: Uid, limit: usize) -> Result<Vec<Uid>>;
    /// Records what messages of theirs are recognised by.
    fn identify_theirs(&self, search: SearchId, read: &[(Uid, Digest)]) -> Result<()>;
    /// Returns unsettled messages of ours behind one, in order, that are near to one of theirs.
    fn near_ours(
        &self,
        search: SearchId,
        behind: Option<SourceUid>,
        limit: usize,
    ) -> Result<Vec<SourceUid>>;
    /// Records what bodies of ours say.
    fn identify_ours(&self, search: SearchId, read: &[(SourceUid, Reading)]) -> Result<()>;

    /// Records messages of ours that are listed and not given.
    fn unread_ours(&self, search: SearchId, unread: &[SourceUid]) -> Result<()>;
    /// Records messages of theirs that are listed and not given.
    fn unread_theirs(&self, search: SearchId, unread: &[Uid]) -> Result<()>;
    /// Returns unsettled messages of ours without a partner behind one, in order, at most `limit`:
    /// unread ones that are near to one of theirs without a partner, and others that are near to an
    /// unread one of theirs.
    fn doubts(
        &self,
        search: SearchId,
        behind: Option<SourceUid>,
        limit: usize,
    ) -> Result<Vec<Doubt>>;

    /// Leaves out unsettled messages of ours that have the size of one that is unplaced.
    fn leave_out_like_unplaced(&self, search: SearchId) -> Result<()>;
    /// Leaves out unsettled messages of ours that have the second of none of theirs.
    fn leave_out_other_dates(&self, search: SearchId) -> Result<()>;
    /// Counts messages of a mailbox to the unsettled ones that they look like; see [`Look`]. With
    /// `any_size` the dates alone count.
    fn count_alike(&self, search: SearchId, looks: &[Look], any_size: bool) -> Result<()>;
    /// Leaves out unsettled messages of ours that were counted more than once, and what of theirs is
    /// near to none any more.
    fn leave_out_twins(&self, search: SearchId) -> Result<()>;

    /// Pairs messages of equal identity that have no partner yet, each with at most one. Dates are
    /// those that were sent; what may have another one says `other` in [`Round::Octets`].
    fn pair(&self, search: SearchId, fate: Fate, round: Round, other: OtherDate) -> Result<()>;
    /// Returns pairs behind one of ours, in order of ours, at most `limit`.
    fn paired(
        &self,
        search: SearchId,
        fate: Fate,
        behind: Option<SourceUid>,
        limit: usize,
    ) -> Result<Vec<Paired>>;
    /// Notes the copies in a destination mailbox that are equal to the octets of an unsettled one of
    /// ours with a partner and have the second of that partner, and returns the folders in which they
    /// should be.
    fn note_twins(&self, search: SearchId, mailbox: &Address) -> Result<Vec<FolderPath>>;
    /// Returns those of them that should be in a folder, behind a number of theirs, at most `limit`.
    fn twins(
        &self,
        search: SearchId,
        folder: &FolderPath,
        behind: i64,
        limit: usize,
    ) -> Result<Vec<Twin>>;
    /// Takes the partners of messages of ours from them and out of the search.
    fn part(&self, search: SearchId, ours: &[SourceUid]) -> Result<()>;
    /// Returns how many messages that were read and have no partner have the second of an unsettled one of ours
    /// without a partner, and the first `limit` of them.
    fn look_alikes(&self, search: SearchId, limit: usize) -> Result<(u64, Vec<Uid>)>;
}
