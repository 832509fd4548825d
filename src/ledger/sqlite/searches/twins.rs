//! Copies of ours that are equal to what a search found.

use super::{key, most, second, source};
use crate::ledger::fault::Fault;
use crate::ledger::rows::{date, path};
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::search::{SourceUid, Twin};
use rusqlite::{Row, Transaction, params};

/// Notes them, with one walk through the messages of the mailbox, and returns their folders.
pub(super) fn note(
    tx: &Transaction<'_>,
    id: i64,
    mailbox: &Address,
) -> Result<Vec<FolderPath>, Fault> {
    // CROSS JOIN keeps the order: one walk through the copies of the mailbox, each of which is looked
    // up among ours. SQLite takes the worse index of two when it is not told.
    let mut copies = tx.prepare_cached(
        "SELECT o.source, o.uid, d.path, m.destination_uid_validity, m.destination_uid,
             coalesce(m.sent_date, m.internal_date), t.second
         FROM destination_folder b
         CROSS JOIN source_folder s ON s.destination = b.id
         CROSS JOIN message m ON m.folder = s.id
         CROSS JOIN search_ours o INDEXED BY search_ours_digest
             ON o.search = ?1 AND o.source_digest = m.source_digest
         JOIN destination_folder d ON d.id = m.destination
         JOIN search_pair p ON p.search = ?1 AND p.source = o.source AND p.uid = o.uid
         JOIN search_theirs t ON t.search = ?1 AND t.uid = p.theirs
         WHERE b.mailbox = ?2 AND m.vanished = 0 AND m.state IN (1, 2) AND o.fate = 0",
    )?;
    let mut keep = tx.prepare_cached(
        "INSERT INTO search_twin (search, source, uid, path, uid_validity, twin)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut rows = copies.query(params![id, mailbox.as_str()])?;
    while let Some(row) = rows.next()? {
        let (index, uid) = key(row)?;
        let dated = row.get::<_, Option<String>>(5)?.map(|text| date(&text)).transpose()?;
        let found: Option<i64> = row.get(6)?;
        // Of one without a date nobody knows which one it was stored with.
        if let (Some(dated), Some(found)) = (dated.as_ref().map(second), found)
            && dated != found
        {
            continue;
        }
        keep.execute(params![
            id,
            source(index)?,
            uid.0,
            row.get::<_, String>(2)?,
            row.get::<_, Option<u32>>(3)?,
            row.get::<_, Option<u32>>(4)?,
        ])?;
    }
    let mut folders =
        tx.prepare_cached("SELECT DISTINCT path FROM search_twin WHERE search = ?1 ORDER BY path")?;
    folders.query_and_then([id], |row| path(&row.get::<_, String>(0)?))?.collect()
}

/// Returns a page of those that should be in a folder.
pub(super) fn page(
    tx: &Transaction<'_>,
    id: i64,
    folder: &FolderPath,
    behind: i64,
    limit: usize,
) -> Result<Vec<Twin>, Fault> {
    let mut twins = tx.prepare_cached(
        "SELECT source, uid, id, uid_validity, twin FROM search_twin
         WHERE search = ?1 AND path = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
    )?;
    let twin = |row: &Row<'_>| -> Result<Twin, Fault> {
        let place = row.get::<_, Option<u32>>(3)?.zip(row.get::<_, Option<u32>>(4)?);
        Ok(Twin {
            number: row.get(2)?,
            key: key(row)?,
            place: place.map(|(validity, uid)| (UidValidity(validity), Uid(uid))),
        })
    };
    twins.query_and_then(params![id, folder.to_string(), behind, most(limit)], twin)?.collect()
}

/// Takes the partners of messages of ours out of the search.
pub(super) fn part(tx: &Transaction<'_>, id: i64, ours: &[SourceUid]) -> Result<(), Fault> {
    let mut theirs = tx.prepare_cached(
        "DELETE FROM search_theirs WHERE search = ?1 AND uid IN (SELECT theirs FROM search_pair
             WHERE search = ?1 AND source = ?2 AND uid = ?3)",
    )?;
    let mut pair = tx
        .prepare_cached("DELETE FROM search_pair WHERE search = ?1 AND source = ?2 AND uid = ?3")?;
    for (index, uid) in ours {
        let at = params![id, source(*index)?, uid.0];
        theirs.execute(at)?;
        pair.execute(at)?;
    }
    Ok(())
}
