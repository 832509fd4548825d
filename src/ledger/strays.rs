//! Copied messages that are not where they were at the source any more.

use super::fault::Fault;
use super::folders::{Side, find};
use super::messages::settle;
use super::rows::{MESSAGE_COLUMNS, MESSAGE_TABLES, key, message, signed};
use crate::model::address::Address;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageState, Stray};
use rusqlite::{Transaction, params};
use std::collections::BTreeSet;

/// Columns of [`MESSAGE_COLUMNS`]; what follows them here starts at this one.
const MORE: usize = 21;

/// Returns copied messages of a mailbox that vanished and have one of these sizes.
pub(super) fn strays(
    tx: &Transaction<'_>,
    mailbox: &Address,
    sizes: &BTreeSet<u64>,
    limit: usize,
) -> Result<Vec<Stray>, Fault> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {MESSAGE_COLUMNS}, f.path, m.uid_validity, d.mailbox, d.path
         FROM {MESSAGE_TABLES}
         WHERE m.vanished = 1 AND m.source_digest IS NOT NULL AND m.state IN (1, 2)
             AND m.size = ?1 AND f.mailbox = ?2
         ORDER BY f.path, m.uid_validity, m.uid LIMIT ?3"
    ))?;
    let mut strays: Vec<Stray> = Vec::new();
    for size in sizes {
        let room = limit.saturating_sub(strays.len());
        let room = i64::try_from(room).unwrap_or(i64::MAX);
        let mut found =
            statement.query(params![signed("RFC822.SIZE", *size)?, mailbox.as_str(), room])?;
        while let Some(row) = found.next()? {
            strays.push(Stray {
                row: message(row)?,
                source: key(mailbox.as_str(), &row.get::<_, String>(MORE)?)?,
                uid_validity: UidValidity(row.get(MORE + 1)?),
                destination: key(
                    &row.get::<_, String>(MORE + 2)?,
                    &row.get::<_, String>(MORE + 3)?,
                )?,
            });
        }
    }
    let place = |stray: &Stray| (stray.source.clone(), stray.uid_validity, stray.row.listed.uid);
    strays.sort_by_key(place);
    Ok(strays)
}

/// Gives the copy of a stray to the message that it is now.
pub(super) fn take_over(
    tx: &Transaction<'_>,
    stray: &Stray,
    source: &FolderKey,
    uid_validity: UidValidity,
    uid: Uid,
    copied: &Copied,
) -> Result<(), Fault> {
    let listed = stray.row.listed.uid;
    let gone = || Fault::Unlisted {
        folder: stray.source.folder.clone(),
        uid_validity: stray.uid_validity,
        uid: listed,
    };
    let id = find(tx, Side::Source, &stray.source)?.ok_or_else(gone)?;
    let forgotten = tx
        .prepare_cached(
            "UPDATE message SET state = 0, reason = NULL, proven_at = NULL, destination = NULL,
                 destination_uid_validity = NULL, destination_uid = NULL, source_digest = NULL,
                 sent_digest = NULL, sent_size = NULL, stored_flags = NULL, source_flags = NULL,
                 sent_date = NULL, transforms = NULL, adopted = NULL
             WHERE folder = ?1 AND uid_validity = ?2 AND uid = ?3 AND vanished = 1
                 AND source_digest IS NOT NULL",
        )?
        .execute(params![id, stray.uid_validity.0, listed.0])?;
    if forgotten != 1 {
        return Err(gone());
    }
    settle(tx, source, uid_validity, &[(uid, MessageState::Acknowledged, Some(copied.clone()))])
}
