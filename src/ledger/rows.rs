//! Values as columns, and back.

use super::fault::Fault;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, JournalEntry, Listed, MessageRow, MessageState};
use jiff::Timestamp;
use rusqlite::Row;

/// The columns that [`message`] reads, in its order, of `message` as `m` in [`MESSAGE_TABLES`].
pub(super) const MESSAGE_COLUMNS: &str = "m.uid, m.size, m.flags, m.internal_date, m.modseq, \
     m.headers, m.vanished, m.state, m.reason, m.destination_uid_validity, m.destination_uid, \
     m.source_digest, m.sent_digest, m.sent_size, m.stored_flags, m.source_flags, m.sent_date, \
     m.transforms, m.adopted, m.proven_at, \
     CASE WHEN m.destination <> f.destination THEN d.path END, m.doubted, m.tried_flags";

/// What [`MESSAGE_COLUMNS`] are of: messages with their source folder and where the copy is.
pub(super) const MESSAGE_TABLES: &str = "message m JOIN source_folder f ON f.id = m.folder \
     LEFT JOIN destination_folder d ON d.id = m.destination";

/// Reads a message.
pub(super) fn message(row: &Row<'_>) -> Result<MessageRow, Fault> {
    let listed = Listed {
        uid: Uid(row.get(0)?),
        size: unsigned(row.get(1)?)?,
        flags: flags(&row.get::<_, String>(2)?)?,
        internal_date: row.get::<_, Option<String>>(3)?.map(|text| date(&text)).transpose()?,
        modseq: row.get::<_, Option<i64>>(4)?.map(unsigned).transpose()?,
        headers: row.get::<_, Option<Vec<u8>>>(5)?.map(digest).transpose()?,
    };
    let state = state_of(row.get(7)?, row.get(8)?)?;
    let proven_at = row.get::<_, Option<String>>(19)?.map(timestamp).transpose()?;
    Ok(MessageRow {
        listed,
        state,
        copied: copied(row)?,
        vanished: row.get(6)?,
        proven_at,
        doubted: row.get(21)?,
    })
}

fn copied(row: &Row<'_>) -> Result<Option<Copied>, Fault> {
    let Some(source_digest) = row.get::<_, Option<Vec<u8>>>(11)? else { return Ok(None) };
    let destination = match (row.get(9)?, row.get(10)?) {
        (Some(validity), Some(uid)) => Some((UidValidity(validity), Uid(uid))),
        (None, None) => None,
        _ => return Err(Fault::Damaged("a UID without its UIDVALIDITY".to_owned())),
    };
    let transforms: String = row.get(17)?;
    let origin: u8 = row.get(18)?;
    if origin > FOUND {
        return Err(Fault::Damaged(format!("a message of origin {origin}")));
    }
    Ok(Some(Copied {
        destination,
        source_digest: digest(source_digest)?,
        sent_digest: digest(row.get(12)?)?,
        size: unsigned(row.get(13)?)?,
        stored_flags: flags(&row.get::<_, String>(14)?)?,
        source_flags: flags(&row.get::<_, String>(15)?)?,
        tried_flags: row.get::<_, Option<String>>(22)?.map(|text| flags(&text)).transpose()?,
        internal_date: row.get::<_, Option<String>>(16)?.map(|text| date(&text)).transpose()?,
        transforms: names(&transforms)?,
        adopted: origin == ADOPTED,
        found: origin == FOUND,
        elsewhere: row.get::<_, Option<String>>(20)?.map(|text| path(&text)).transpose()?,
    }))
}

/// How a copy became known, in the column `adopted`: 0 is acknowledged in answer to its APPEND.
const ADOPTED: u8 = 1;
const FOUND: u8 = 2;

/// Returns how a copy became known.
pub(super) fn origin(copied: &Copied) -> u8 {
    match copied {
        Copied { adopted: true, .. } => ADOPTED,
        Copied { found: true, .. } => FOUND,
        _ => 0,
    }
}

/// Reads `at, action, step, note` of the journal.
pub(super) fn entry(row: &Row<'_>) -> Result<JournalEntry, Fault> {
    Ok(JournalEntry {
        at: timestamp(row.get(0)?)?,
        action: row.get(1)?,
        step: row.get(2)?,
        note: row.get(3)?,
    })
}

/// Splits a state into its number and its reason.
pub(super) fn state_columns(state: &MessageState) -> (u8, Option<&str>) {
    match state {
        MessageState::Pending => (0, None),
        MessageState::Acknowledged => (1, None),
        MessageState::Verified => (2, None),
        MessageState::Excepted(reason) => (3, Some(reason)),
        MessageState::Unclear(reason) => (4, Some(reason)),
        MessageState::Removed => (5, None),
    }
}

/// Joins a state from its number and its reason.
pub(super) fn state_of(number: u8, reason: Option<String>) -> Result<MessageState, Fault> {
    match (number, reason) {
        (0, None) => Ok(MessageState::Pending),
        (1, None) => Ok(MessageState::Acknowledged),
        (2, None) => Ok(MessageState::Verified),
        (3, Some(reason)) => Ok(MessageState::Excepted(reason)),
        (4, Some(reason)) => Ok(MessageState::Unclear(reason)),
        (5, None) => Ok(MessageState::Removed),
        (number, _) => Err(Fault::Damaged(format!("a message in state {number}"))),
    }
}

/// Reads a folder from its two texts.
pub(super) fn key(mailbox: &str, folder: &str) -> Result<FolderKey, Fault> {
    Ok(FolderKey { mailbox: address(mailbox)?, folder: path(folder)? })
}

/// Reads an address.
pub(super) fn address(text: &str) -> Result<Address, Fault> {
    text.parse().map_err(Fault::Damaged)
}

/// Reads a path.
pub(super) fn path(text: &str) -> Result<FolderPath, Fault> {
    text.parse().map_err(Fault::Damaged)
}

/// Writes a list of words; flags may not hold blanks, but servers are not to be trusted in that.
pub(super) fn words<T: serde::Serialize>(words: &T) -> Result<String, Fault> {
    serde_json::to_string(words).map_err(|error| Fault::Damaged(error.to_string()))
}

/// Reads flags.
pub(super) fn flags(text: &str) -> Result<Flags, Fault> {
    json(text, "flags")
}

/// Reads the names of transforms.
pub(super) fn names(text: &str) -> Result<Vec<String>, Fault> {
    json(text, "transforms")
}

fn json<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::Damaged(format!("{what}: {error}")))
}

/// Reads an INTERNALDATE.
pub(super) fn date(text: &str) -> Result<InternalDate, Fault> {
    InternalDate::parse(text).ok_or_else(|| Fault::Damaged(format!("the date `{text}`")))
}

/// Reads a digest.
#[allow(clippy::needless_pass_by_value, reason = "it is handed over by `Option::map`")]
pub(super) fn digest(octets: Vec<u8>) -> Result<Digest, Fault> {
    let wrong = |_| Fault::Damaged(format!("a digest of {} octets", octets.len()));
    octets.as_slice().try_into().map(Digest).map_err(wrong)
}

/// Reads a time.
#[allow(clippy::needless_pass_by_value, reason = "called with a column")]
pub(super) fn timestamp(text: String) -> Result<Timestamp, Fault> {
    text.parse().map_err(|_| Fault::Damaged(format!("the time `{text}`")))
}

/// Reads a number that is never negative.
pub(super) fn unsigned(number: i64) -> Result<u64, Fault> {
    u64::try_from(number).map_err(|_| Fault::Damaged(format!("the number {number}")))
}

/// Writes a number; SQLite's integers have 63 bits and a sign.
pub(super) fn signed(what: &'static str, value: u64) -> Result<i64, Fault> {
    i64::try_from(value).map_err(|_| Fault::TooLarge { what, value })
}
