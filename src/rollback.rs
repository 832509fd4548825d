//! Takes our own copies away from a destination mailbox: only what the ledger proves to be ours,
//! only what nobody changed since, and only what is still at the source.

mod look;
mod remove;

pub use look::look;
pub use remove::remove;

use crate::model::address::Address;
use crate::model::digest::{Digest, Hasher};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use std::collections::{BTreeMap, BTreeSet};

/// Copies in one destination folder that came from one source folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The folder at the source.
    pub source: FolderPath,
    /// Its UIDVALIDITY.
    pub source_validity: UidValidity,
    /// The folder at the destination.
    pub destination: FolderPath,
    /// Its UIDVALIDITY.
    pub destination_validity: UidValidity,
    /// UIDs at the destination, ascending.
    pub uids: Vec<Uid>,
    /// Octets of those.
    pub bytes: u64,
}

/// What a rollback would do to one mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// The mailbox by its address in the migration plan.
    pub mailbox: Address,
    /// At the destination.
    pub destination: Address,
    /// In order of source folder, then of destination folder.
    pub places: Vec<Place>,
    /// Copies that stay, by source folder and reason.
    pub kept: BTreeMap<FolderPath, BTreeMap<String, u64>>,
    /// Copies that an earlier rollback removed before it was cut off, and that were recorded now.
    pub gone: u64,
    /// Destination folders where an interrupted apply may have left more copies: only the search
    /// of the next apply finds them.
    pub interrupted: BTreeSet<FolderPath>,
}

impl Rollback {
    /// Returns how many messages would be removed.
    pub fn messages(&self) -> u64 {
        self.places.iter().map(|place| place.uids.len() as u64).sum()
    }

    /// Returns their octets.
    pub fn bytes(&self) -> u64 {
        self.places.iter().map(|place| place.bytes).sum()
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.messages() == 0
    }

    /// Returns what an approval binds: which messages of which folders.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        let mut part = |text: &str| {
            hasher.update(format!("{}:", text.len()).as_bytes());
            hasher.update(text.as_bytes());
        };
        part(self.mailbox.as_str());
        part(self.destination.as_str());
        for place in &self.places {
            part(&place.destination.to_string());
            part(&place.destination_validity.to_string());
            for uid in &place.uids {
                part(&uid.to_string());
            }
        }
        hasher.finish()
    }
}
