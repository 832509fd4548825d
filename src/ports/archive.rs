//! The ledger of archives: which messages are in which files.

use super::ledger::FolderKey;
use crate::error::Result;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};

/// A folder of the source in one archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveKey {
    /// The absolute path of the archive.
    pub archive: String,
    /// The folder.
    pub source: FolderKey,
}

/// How far the file of a folder has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Its file is to be made.
    Planned,
    /// What lies behind the last recorded message is ours and not whole.
    Writing,
    /// Nothing but what is recorded is in it.
    Complete,
}

/// Where a folder is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveFolder {
    /// UIDVALIDITY at the source.
    pub uid_validity: UidValidity,
    /// Below the archive: the file of an mbox, the directory of a Maildir.
    pub place: String,
    /// `mbox` or `maildir`.
    pub format: String,
    /// How far it has come.
    pub stage: Stage,
}

/// A message in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// At the source.
    pub uid: Uid,
    /// The file of a Maildir; empty in an mbox.
    pub name: String,
    /// Where its octets begin in the file.
    pub begins: u64,
    /// Octets in the file: in an mbox some lines have a `>` more.
    pub stored: u64,
    /// Where the next message of an mbox begins.
    pub ends: u64,
    /// Octets of the message.
    pub size: u64,
    /// SHA-256 of the message as the source gave it.
    pub digest: Digest,
    /// Flags at the source.
    pub flags: Flags,
    /// INTERNALDATE at the source, when it gave a valid one.
    pub internal_date: Option<InternalDate>,
}

/// What the ledger keeps of archives. Methods that write need the lock.
pub trait Archives {
    /// Returns where a folder is archived.
    fn archive_folder(&self, at: &ArchiveKey) -> Result<Option<ArchiveFolder>>;
    /// Records where a folder is archived, in place of what was known; its messages stay. It is
    /// on disk when this returns. Fails when another folder has the place.
    fn set_archive_folder(&self, at: &ArchiveKey, folder: &ArchiveFolder) -> Result<()>;
    /// Tells whether anything was ever recorded of an archive.
    fn knows_archive(&self, archive: &str) -> Result<bool>;
    /// Returns archived messages in order of UID, from `from` on, at most `limit`.
    fn archived(&self, at: &ArchiveKey, from: Uid, limit: usize) -> Result<Vec<Archived>>;
    /// Returns where the last recorded message of a folder ends; 0 without any.
    fn archive_end(&self, at: &ArchiveKey) -> Result<u64>;
    /// Records messages that are on disk; all or none. It is on disk when this returns. Fails for
    /// a folder that is not recorded, and for a message that is recorded already.
    fn archive(&self, at: &ArchiveKey, messages: &[Archived]) -> Result<()>;
}
