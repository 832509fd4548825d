//! What the ledger and a fresh listing say about each source folder, in numbers.

use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::uid::UidValidity;
use crate::model::uid_set::UidSet;
use crate::ports::ledger::{FolderKey, Pause};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The ledger's side of planning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerSummary {
    /// Nothing was ever copied or listed.
    pub empty: bool,
    /// By source folder. A folder that could not be listed has no entry.
    #[serde(with = "by_pair")]
    pub folders: BTreeMap<FolderKey, Census>,
    /// Mailboxes that a person told to rest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub paused: BTreeMap<Address, Pause>,
}

/// One source folder: the listing compared with the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Messages in the listing.
    pub listed: u64,
    /// Their octets.
    pub bytes: u64,
    /// Listed, not settled in the ledger: to be copied.
    pub to_copy: u64,
    /// Octets of those.
    pub to_copy_bytes: u64,
    /// Copied, with flags at the source that differ from those that the copy stands for.
    pub flags_changed: u64,
    /// Settled as excepted, by reason.
    pub excepted: BTreeMap<String, u64>,
    /// Above the destination's size limit and not settled; part of neither `to_copy` nor `excepted`.
    pub over_limit: u64,
    /// Of other dates than the migration plan wants, and not settled; part of none of the above.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub excluded: u64,
    /// Fate unknown since an interrupted run.
    pub unclear: u64,
    /// In the ledger, not in the listing.
    pub vanished: u64,
    /// UIDVALIDITY of the destination folder at the time of the copy.
    pub destination_uid_validity: Option<UidValidity>,
    /// An interrupted run left the destination folder's checkpoint open.
    pub interrupted: bool,
    /// The UIDVALIDITY under which it was listed before, when it has another one now.
    #[serde(default)]
    pub was_uid_validity: Option<UidValidity>,
    /// Of `to_copy`, those that look by size and date like a copied message that is not any more
    /// in this folder of the source.
    #[serde(default)]
    pub moved: BTreeMap<FolderPath, u64>,
    /// The copies of what vanished; only where the migration plan wants them to follow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<Deleted>,
}

/// The copies of messages that vanished from one source folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deleted {
    /// Copies that were made from the folder, those of vanished messages included.
    pub copied: u64,
    /// Copies of vanished messages that are as we left them.
    pub removable: u64,
    /// The source UIDs of those, the first of them where they are many.
    pub uids: UidSet,
    /// Of `uids`, those whose removal an earlier run began.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub begun: u64,
    /// Copies of vanished messages that stay, by reason.
    pub stay: BTreeMap<String, u64>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

mod by_pair {
    use super::{BTreeMap, Census, FolderKey};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<FolderKey, Census>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        map.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<FolderKey, Census>, D::Error> {
        Ok(Vec::<(FolderKey, Census)>::deserialize(deserializer)?.into_iter().collect())
    }
}
