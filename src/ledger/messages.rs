//! Messages in the ledger: listings and results.

use super::fault::Fault;
use super::folders::{Side, binding, ensure, find};
use super::rows::{
    MESSAGE_COLUMNS, MESSAGE_TABLES, flags, message, origin, signed, state_columns, words,
};
use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, Listed, MessageRow, MessageState, Need};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, BTreeSet};

/// Starts a listing: a new generation.
pub(super) fn begin_listing(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
) -> Result<(), Fault> {
    let id = ensure(tx, Side::Source, source)?;
    tx.prepare_cached(
        "UPDATE source_folder SET generation = generation + 1, uid_validity = ?2, listing = ?2
         WHERE id = ?1",
    )?
    .execute(params![id, uid_validity.0])?;
    Ok(())
}

/// Adds rows of a listing.
pub(super) fn list(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    rows: &[Listed],
) -> Result<(), Fault> {
    let id = ensure(tx, Side::Source, source)?;
    let generation: i64 = tx
        .prepare_cached(
            "UPDATE source_folder SET uid_validity = ?2 WHERE id = ?1 RETURNING generation",
        )?
        .query_row(params![id, uid_validity.0], |row| row.get(0))?;
    let unknown: bool = tx
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM source_folder s
                 JOIN destination_folder d ON d.id = s.destination
                 WHERE s.id = ?1 AND d.checkpoint_open = 1)",
        )?
        .query_row([id], |row| row.get(0))?;
    // A later listing may ask for less; what an earlier one told is kept.
    let mut statement = tx.prepare_cached(
        "INSERT INTO message (folder, uid_validity, uid, size, flags, internal_date, modseq,
             headers, generation)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (folder, uid_validity, uid) DO UPDATE SET
             size = excluded.size,
             -- With these it was sent, if it was sent.
             source_flags = CASE WHEN ?10 AND source_digest IS NULL AND flags <> excluded.flags
                 THEN coalesce(source_flags, flags) ELSE source_flags END,
             flags = excluded.flags,
             internal_date = coalesce(excluded.internal_date, internal_date),
             modseq = excluded.modseq,
             headers = coalesce(excluded.headers, headers),
             generation = excluded.generation,
             -- What was removed because it had vanished is to be copied when it is back.
             state = CASE WHEN state = 5 THEN 0 ELSE state END,
             vanished = 0",
    )?;
    for row in rows {
        statement.execute(params![
            id,
            uid_validity.0,
            row.uid.0,
            signed("RFC822.SIZE", row.size)?,
            words(&row.flags)?,
            row.internal_date.as_ref().map(InternalDate::as_str),
            row.modseq.map(|value| signed("MODSEQ", value)).transpose()?,
            row.headers.as_ref().map(|digest| digest.0.as_slice()),
            generation,
            unknown,
        ])?;
    }
    Ok(())
}

/// Returns the flags with which messages were sent, if they were, where they are other ones now.
pub(super) fn flags_when_sent(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    uids: &[Uid],
) -> Result<BTreeMap<Uid, Flags>, Fault> {
    let mut found = BTreeMap::new();
    let Some(id) = find(tx, Side::Source, source)? else { return Ok(found) };
    let mut statement = tx.prepare_cached(
        "SELECT source_flags FROM message WHERE folder = ?1 AND uid_validity = ?2 AND uid = ?3
             AND source_digest IS NULL AND source_flags IS NOT NULL",
    )?;
    for uid in uids {
        let text: Option<String> =
            statement.query_row(params![id, uid_validity.0, uid.0], |row| row.get(0)).optional()?;
        if let Some(text) = text {
            found.insert(*uid, flags(&text)?);
        }
    }
    Ok(found)
}

/// Forgets what [`flags_when_sent`] returns for every message that goes into a destination folder.
pub(super) fn forget_flags_when_sent(
    tx: &Transaction<'_>,
    destination: &FolderKey,
) -> Result<(), Fault> {
    let Some(id) = find(tx, Side::Destination, destination)? else { return Ok(()) };
    tx.prepare_cached(
        "UPDATE message SET source_flags = NULL
         WHERE folder IN (SELECT id FROM source_folder WHERE destination = ?1)
             AND source_digest IS NULL AND source_flags IS NOT NULL",
    )?
    .execute([id])?;
    Ok(())
}

/// Ends a complete listing and marks what it lacked.
pub(super) fn end_listing(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
) -> Result<(), Fault> {
    let not_listing = || Fault::NotListing { folder: source.folder.clone(), uid_validity };
    let id = find(tx, Side::Source, source)?.ok_or_else(not_listing)?;
    let generation: Option<i64> = tx
        .prepare_cached(
            "UPDATE source_folder SET listing = NULL WHERE id = ?1 AND listing = ?2
             RETURNING generation",
        )?
        .query_row(params![id, uid_validity.0], |row| row.get(0))
        .optional()?;
    let generation = generation.ok_or_else(not_listing)?;
    // A UID under another UIDVALIDITY names nothing any more.
    tx.prepare_cached(
        "UPDATE message SET vanished = 1
         WHERE folder = ?1 AND (uid_validity <> ?2 OR generation <> ?3) AND vanished = 0",
    )?
    .execute(params![id, uid_validity.0, generation])?;
    Ok(())
}

/// Returns rows in order of UID; all of them without a need.
pub(super) fn rows(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    need: Option<Need>,
    from: Uid,
    limit: usize,
) -> Result<Vec<MessageRow>, Fault> {
    let Some(id) = find(tx, Side::Source, source)? else { return Ok(Vec::new()) };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let needed = need.map_or("1", condition);
    let mut statement = tx.prepare_cached(&format!(
        "SELECT {MESSAGE_COLUMNS} FROM {MESSAGE_TABLES}
         WHERE m.folder = ?1 AND m.uid_validity = ?2 AND m.uid >= ?3 AND {needed}
         ORDER BY m.uid LIMIT ?4"
    ))?;
    let mut found = statement.query(params![id, uid_validity.0, from.0, limit])?;
    let mut rows = Vec::new();
    while let Some(row) = found.next()? {
        rows.push(message(row)?);
    }
    Ok(rows)
}

/// Returns the first UID of every `size` rows.
pub(super) fn pages(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    need: Need,
    size: usize,
) -> Result<Vec<Uid>, Fault> {
    let Some(id) = find(tx, Side::Source, source)? else { return Ok(Vec::new()) };
    let needed = condition(need);
    let mut statement = tx.prepare_cached(&format!(
        "SELECT m.uid FROM message m
         WHERE m.folder = ?1 AND m.uid_validity = ?2 AND {needed} ORDER BY m.uid"
    ))?;
    let mut found = statement.query(params![id, uid_validity.0])?;
    let (mut pages, mut count) = (Vec::new(), 0_usize);
    while let Some(row) = found.next()? {
        if count.is_multiple_of(size.max(1)) {
            pages.push(Uid(row.get(0)?));
        }
        count += 1;
    }
    Ok(pages)
}

/// What a row of `message` as `m` must be for a need.
fn condition(need: Need) -> &'static str {
    match need {
        Need::ToSend => "m.vanished = 0 AND m.state IN (0, 3, 4)",
        Need::Unplaced => "m.source_digest IS NOT NULL AND m.destination_uid IS NULL",
        Need::ToFind => {
            "(m.vanished = 0 AND m.state IN (0, 4)
                 OR m.source_digest IS NOT NULL AND m.destination_uid IS NULL)"
        }
        Need::Copied => "m.vanished = 0 AND m.state IN (1, 2)",
        Need::Behind => {
            "m.vanished = 0 AND m.state IN (1, 2)
                 AND (m.source_flags <> m.flags OR m.tried_flags IS NOT NULL)"
        }
    }
}

const SETTLE: &str = "UPDATE message SET state = ?4, reason = ?5,
         proven_at = CASE WHEN ?4 = 2 THEN proven_at END, destination = ?6,
         destination_uid_validity = ?7, destination_uid = ?8, source_digest = ?9,
         sent_digest = ?10, sent_size = ?11, stored_flags = ?12,
         -- While it is unclear, it may still turn out that it was sent with these.
         source_flags = CASE WHEN ?4 = 4 AND ?9 IS NULL AND source_digest IS NULL
             THEN source_flags ELSE ?13 END,
         sent_date = ?14, transforms = ?15, adopted = ?16, tried_flags = ?17
     WHERE folder = ?1 AND uid_validity = ?2 AND uid = ?3";

/// Records results; all of them or none.
pub(super) fn settle(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    results: &[(Uid, MessageState, Option<Copied>)],
) -> Result<(), Fault> {
    let unlisted = |uid| Fault::Unlisted { folder: source.folder.clone(), uid_validity, uid };
    let Some((first, _, _)) = results.first() else { return Ok(()) };
    let id = find(tx, Side::Source, source)?.ok_or_else(|| unlisted(*first))?;
    let bound = binding(tx, source)?;
    let bound = match &bound {
        Some(bound) => find(tx, Side::Destination, bound)?.map(|id| (id, bound)),
        None => None,
    };
    let mut statement = tx.prepare_cached(SETTLE)?;
    for (uid, state, copied) in results {
        let (number, reason) = state_columns(state);
        let changed = match copied {
            None => {
                let nothing = rusqlite::types::Null;
                statement.execute(params![
                    id,
                    uid_validity.0,
                    uid.0,
                    number,
                    reason,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                    nothing,
                ])?
            }
            Some(copied) => {
                let (bound, key) = bound.ok_or_else(|| Fault::Unbound(source.folder.clone()))?;
                statement.execute(params![
                    id,
                    uid_validity.0,
                    uid.0,
                    number,
                    reason,
                    place(tx, bound, key, copied)?,
                    copied.destination.map(|(validity, _)| validity.0),
                    copied.destination.map(|(_, uid)| uid.0),
                    copied.source_digest.0.as_slice(),
                    copied.sent_digest.0.as_slice(),
                    signed("a message", copied.size)?,
                    words(&copied.stored_flags)?,
                    words(&copied.source_flags)?,
                    copied.internal_date.as_ref().map(InternalDate::as_str),
                    words(&copied.transforms)?,
                    origin(copied),
                    copied.tried_flags.as_ref().map(words).transpose()?,
                ])?
            }
        };
        if changed != 1 {
            return Err(unlisted(*uid));
        }
    }
    Ok(())
}

/// The folder that a copy is in: the bound one unless the copy says that it is elsewhere.
fn place(tx: &Transaction<'_>, bound: i64, key: &FolderKey, copied: &Copied) -> Result<i64, Fault> {
    match &copied.elsewhere {
        None => Ok(bound),
        Some(folder) => {
            let at = FolderKey { mailbox: key.mailbox.clone(), folder: folder.clone() };
            ensure(tx, Side::Destination, &at)
        }
    }
}

/// Records that messages were proven in place.
pub(super) fn prove(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    uids: &[Uid],
    at: jiff::Timestamp,
) -> Result<(), Fault> {
    let unlisted = |uid| Fault::Unlisted { folder: source.folder.clone(), uid_validity, uid };
    let Some(first) = uids.first() else { return Ok(()) };
    let id = find(tx, Side::Source, source)?.ok_or_else(|| unlisted(*first))?;
    let mut statement = tx.prepare_cached(
        "UPDATE message SET state = 2, proven_at = ?4
         WHERE folder = ?1 AND uid_validity = ?2 AND uid = ?3 AND state IN (1, 2)",
    )?;
    for uid in uids {
        if statement.execute(params![id, uid_validity.0, uid.0, at.to_string()])? != 1 {
            return Err(unlisted(*uid));
        }
    }
    Ok(())
}

/// Records that copies were found missing, changed or unreadable, or well again.
pub(super) fn doubt(
    tx: &Transaction<'_>,
    source: &FolderKey,
    uid_validity: UidValidity,
    uids: &[Uid],
    doubted: bool,
) -> Result<(), Fault> {
    let unlisted = |uid| Fault::Unlisted { folder: source.folder.clone(), uid_validity, uid };
    let Some(first) = uids.first() else { return Ok(()) };
    let id = find(tx, Side::Source, source)?.ok_or_else(|| unlisted(*first))?;
    let mut statement = tx.prepare_cached(
        "UPDATE message SET doubted = ?4 WHERE folder = ?1 AND uid_validity = ?2 AND uid = ?3",
    )?;
    for uid in uids {
        if statement.execute(params![id, uid_validity.0, uid.0, doubted])? != 1 {
            return Err(unlisted(*uid));
        }
    }
    Ok(())
}

/// Returns which UIDs of a destination folder are known as ours.
pub(super) fn known_destination_uids(
    tx: &Transaction<'_>,
    destination: &FolderKey,
    uid_validity: UidValidity,
    from: Uid,
) -> Result<BTreeSet<Uid>, Fault> {
    let Some(id) = find(tx, Side::Destination, destination)? else { return Ok(BTreeSet::new()) };
    let mut statement = tx.prepare_cached(
        "SELECT destination_uid FROM message
         WHERE destination = ?1 AND destination_uid_validity = ?2 AND destination_uid >= ?3",
    )?;
    let mut found = statement.query(params![id, uid_validity.0, from.0])?;
    let mut uids = BTreeSet::new();
    while let Some(row) = found.next()? {
        uids.insert(Uid(row.get(0)?));
    }
    Ok(uids)
}
