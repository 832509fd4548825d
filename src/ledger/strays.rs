//! Copied messages that are not where they were at the source any more.

use super::fault::Fault;
use super::folders::{Side, find};
use super::messages::{doubt, prove, settle};
use super::rows::{MESSAGE_COLUMNS, MESSAGE_TABLES, key, message, signed};
use crate::model::address::Address;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, Look, MessageState, Stray};
use rusqlite::{Transaction, params};
use std::collections::BTreeSet;

/// Columns of [`MESSAGE_COLUMNS`]; what follows them here starts at this one.
const MORE: usize = 23;

/// Returns copied messages of a mailbox that vanished and look like one of these.
pub(super) fn strays(
    tx: &Transaction<'_>,
    mailbox: &Address,
    looks: &BTreeSet<Look>,
    limit: usize,
) -> Result<Vec<Stray>, Fault> {
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {MESSAGE_COLUMNS}, f.path, m.uid_validity, d.mailbox, d.path
         FROM {MESSAGE_TABLES}
         WHERE m.vanished = 1 AND m.source_digest IS NOT NULL AND m.state IN (1, 2)
             AND m.size = ?1 AND f.mailbox = ?2
         ORDER BY f.path, m.uid_validity, m.uid"
    ))?;
    let mut strays: Vec<Stray> = Vec::new();
    let sizes: BTreeSet<u64> = looks.iter().map(|look| look.size).collect();
    for size in sizes {
        let mut found = statement.query(params![signed("RFC822.SIZE", size)?, mailbox.as_str()])?;
        while strays.len() < limit
            && let Some(row) = found.next()?
        {
            let message = message(row)?;
            if !Look::of(&message.listed).is_among(looks) {
                continue;
            }
            strays.push(Stray {
                row: message,
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
    let gave = tx
        .prepare_cached(
            "DELETE FROM message WHERE folder = ?1 AND uid_validity = ?2 AND uid = ?3
                 AND vanished = 1 AND source_digest IS NOT NULL AND state IN (1, 2)",
        )?
        .execute(params![id, stray.uid_validity.0, listed.0])?;
    if gave != 1 {
        return Err(gone());
    }
    settle(tx, source, uid_validity, &[(uid, MessageState::Acknowledged, Some(copied.clone()))])?;
    let in_place = stray.row.copied.as_ref().and_then(|was| was.destination) == copied.destination;
    if stray.row.doubted {
        doubt(tx, source, uid_validity, &[uid], true)?;
    }
    match stray.row.proven_at.filter(|_| in_place && copied.destination.is_some()) {
        Some(at) => prove(tx, source, uid_validity, &[uid], at),
        None => Ok(()),
    }
}
