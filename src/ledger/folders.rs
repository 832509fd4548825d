//! Folders in the ledger: bindings, checkpoints, passes and numbers.

use super::fault::Fault;
use super::rows::{key, path, signed, state_of, timestamp, unsigned};
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Checkpoint, FolderKey, FolderTally, MessageState, Pass};
use rusqlite::{OptionalExtension, Transaction, params};
use std::collections::BTreeMap;
use std::time::Duration;

/// One of the two tables of folders.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Source,
    Destination,
}

/// Returns the number of a folder, when the ledger knows it.
pub(super) fn find(tx: &Transaction<'_>, side: Side, at: &FolderKey) -> Result<Option<i64>, Fault> {
    let sql = match side {
        Side::Source => "SELECT id FROM source_folder WHERE mailbox = ?1 AND path = ?2",
        Side::Destination => "SELECT id FROM destination_folder WHERE mailbox = ?1 AND path = ?2",
    };
    let mut statement = tx.prepare_cached(sql)?;
    let path = at.folder.to_string();
    Ok(statement.query_row(params![at.mailbox.as_str(), path], |row| row.get(0)).optional()?)
}

/// Returns the number of a folder, a new one when the ledger did not know it.
pub(super) fn ensure(tx: &Transaction<'_>, side: Side, at: &FolderKey) -> Result<i64, Fault> {
    if let Some(id) = find(tx, side, at)? {
        return Ok(id);
    }
    let sql = match side {
        Side::Source => "INSERT INTO source_folder (mailbox, path) VALUES (?1, ?2)",
        Side::Destination => "INSERT INTO destination_folder (mailbox, path) VALUES (?1, ?2)",
    };
    tx.prepare_cached(sql)?.execute(params![at.mailbox.as_str(), at.folder.to_string()])?;
    Ok(tx.last_insert_rowid())
}

/// Returns the last complete pass over a source folder.
pub(super) fn last_pass(tx: &Transaction<'_>, source: &FolderKey) -> Result<Option<Pass>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT pass_uid_validity, pass_uid_next, pass_messages, pass_highest_modseq
         FROM source_folder
         WHERE mailbox = ?1 AND path = ?2 AND pass_uid_validity IS NOT NULL",
    )?;
    let mut rows = statement.query(params![source.mailbox.as_str(), source.folder.to_string()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Pass {
        uid_validity: UidValidity(row.get(0)?),
        uid_next: Uid(row.get(1)?),
        messages: row.get(2)?,
        highest_modseq: row.get::<_, Option<i64>>(3)?.map(unsigned).transpose()?,
    }))
}

/// Returns the UIDVALIDITY of the newest listing of a source folder, complete or not.
pub(super) fn listed_under(
    tx: &Transaction<'_>,
    source: &FolderKey,
) -> Result<Option<UidValidity>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT uid_validity FROM source_folder
         WHERE mailbox = ?1 AND path = ?2 AND uid_validity IS NOT NULL",
    )?;
    let path = source.folder.to_string();
    let found = statement.query_row(params![source.mailbox.as_str(), path], |row| row.get(0));
    Ok(found.optional()?.map(UidValidity))
}

/// Records a complete pass.
pub(super) fn end_pass(tx: &Transaction<'_>, source: &FolderKey, pass: Pass) -> Result<(), Fault> {
    let id = ensure(tx, Side::Source, source)?;
    let modseq = pass.highest_modseq.map(|value| signed("HIGHESTMODSEQ", value)).transpose()?;
    tx.prepare_cached(
        "UPDATE source_folder SET pass_uid_validity = ?2, pass_uid_next = ?3,
             pass_messages = ?4, pass_highest_modseq = ?5
         WHERE id = ?1",
    )?
    .execute(params![id, pass.uid_validity.0, pass.uid_next.0, pass.messages, modseq])?;
    Ok(())
}

/// Returns the checkpoint of a destination folder.
pub(super) fn checkpoint(
    tx: &Transaction<'_>,
    destination: &FolderKey,
) -> Result<Option<Checkpoint>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT checkpoint_uid_validity, checkpoint_uid_next, checkpoint_at, checkpoint_open
         FROM destination_folder
         WHERE mailbox = ?1 AND path = ?2 AND checkpoint_uid_validity IS NOT NULL",
    )?;
    let path = destination.folder.to_string();
    let mut rows = statement.query(params![destination.mailbox.as_str(), path])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Checkpoint {
        uid_validity: UidValidity(row.get(0)?),
        uid_next: Uid(row.get(1)?),
        at: timestamp(row.get(2)?)?,
        open: row.get(3)?,
    }))
}

/// Writes the checkpoint of a destination folder.
pub(super) fn set_checkpoint(
    tx: &Transaction<'_>,
    destination: &FolderKey,
    checkpoint: &Checkpoint,
) -> Result<(), Fault> {
    let id = ensure(tx, Side::Destination, destination)?;
    tx.prepare_cached(
        "UPDATE destination_folder SET checkpoint_uid_validity = ?2, checkpoint_uid_next = ?3,
             checkpoint_at = ?4, checkpoint_open = ?5, first_uid_validity = ?2,
             first_uid_next = iif(first_uid_validity = ?2, min(first_uid_next, ?3), ?3)
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        checkpoint.uid_validity.0,
        checkpoint.uid_next.0,
        checkpoint.at.to_string(),
        checkpoint.open,
    ])?;
    Ok(())
}

/// Returns the lowest UIDNEXT of the checkpoints of a destination folder.
pub(super) fn first_uid_next(
    tx: &Transaction<'_>,
    destination: &FolderKey,
    uid_validity: UidValidity,
) -> Result<Option<Uid>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT first_uid_next FROM destination_folder
         WHERE mailbox = ?1 AND path = ?2 AND first_uid_validity = ?3",
    )?;
    let path = destination.folder.to_string();
    let of = params![destination.mailbox.as_str(), path, uid_validity.0];
    let mut rows = statement.query(of)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(row.get::<_, Option<u32>>(0)?.map(Uid))
}

/// Binds a source folder to a destination folder, and to no other one.
pub(super) fn bind(
    tx: &Transaction<'_>,
    source: &FolderKey,
    destination: &FolderKey,
) -> Result<(), Fault> {
    let source = ensure(tx, Side::Source, source)?;
    let destination = ensure(tx, Side::Destination, destination)?;
    tx.prepare_cached("UPDATE source_folder SET destination = ?2 WHERE id = ?1")?
        .execute([source, destination])?;
    Ok(())
}

/// Returns the destination folder that a source folder is bound to.
pub(super) fn binding(
    tx: &Transaction<'_>,
    source: &FolderKey,
) -> Result<Option<FolderKey>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT d.mailbox, d.path FROM source_folder s
         JOIN destination_folder d ON d.id = s.destination
         WHERE s.mailbox = ?1 AND s.path = ?2",
    )?;
    let mut rows = statement.query(params![source.mailbox.as_str(), source.folder.to_string()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    key(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?).map(Some)
}

/// Returns the source folders bound to a destination folder, in order.
pub(super) fn bound_to(
    tx: &Transaction<'_>,
    destination: &FolderKey,
) -> Result<Vec<FolderKey>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT s.mailbox, s.path FROM source_folder s
         JOIN destination_folder d ON d.id = s.destination
         WHERE d.mailbox = ?1 AND d.path = ?2",
    )?;
    let path = destination.folder.to_string();
    let mut rows = statement.query(params![destination.mailbox.as_str(), path])?;
    let mut folders = Vec::new();
    while let Some(row) = rows.next()? {
        folders.push(key(&row.get::<_, String>(0)?, &row.get::<_, String>(1)?)?);
    }
    folders.sort();
    Ok(folders)
}

/// Returns the source folders of a mailbox with the UIDVALIDITY of their newest listing.
pub(super) fn source_folders(
    tx: &Transaction<'_>,
    mailbox: &Address,
) -> Result<Vec<(FolderPath, Option<UidValidity>)>, Fault> {
    let mut statement =
        tx.prepare_cached("SELECT path, uid_validity FROM source_folder WHERE mailbox = ?1")?;
    let mut rows = statement.query([mailbox.as_str()])?;
    let mut folders = Vec::new();
    while let Some(row) = rows.next()? {
        let validity = row.get::<_, Option<u32>>(1)?.map(UidValidity);
        folders.push((path(&row.get::<_, String>(0)?)?, validity));
    }
    folders.sort();
    Ok(folders)
}

/// Marks everything in a source folder as vanished.
pub(super) fn gone(tx: &Transaction<'_>, source: &FolderKey) -> Result<(), Fault> {
    let Some(id) = find(tx, Side::Source, source)? else { return Ok(()) };
    tx.prepare_cached("UPDATE message SET vanished = 1 WHERE folder = ?1 AND vanished = 0")?
        .execute([id])?;
    tx.prepare_cached(
        "UPDATE source_folder SET listing = NULL, pass_uid_validity = NULL WHERE id = ?1",
    )?
    .execute([id])?;
    Ok(())
}

/// Returns the folders of a destination mailbox whose checkpoints are open.
pub(super) fn open_checkpoints(
    tx: &Transaction<'_>,
    mailbox: &Address,
) -> Result<BTreeMap<FolderPath, Checkpoint>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT path, checkpoint_uid_validity, checkpoint_uid_next, checkpoint_at
         FROM destination_folder WHERE mailbox = ?1 AND checkpoint_open = 1",
    )?;
    let mut rows = statement.query([mailbox.as_str()])?;
    let mut open = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let checkpoint = Checkpoint {
            uid_validity: UidValidity(row.get(1)?),
            uid_next: Uid(row.get(2)?),
            at: timestamp(row.get(3)?)?,
            open: true,
        };
        open.insert(path(&row.get::<_, String>(0)?)?, checkpoint);
    }
    Ok(open)
}

/// Reads places in folders of a mailbox: path, UIDVALIDITY and UID.
fn places(
    tx: &Transaction<'_>,
    sql: &str,
    mailbox: &Address,
) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>, Fault> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query([mailbox.as_str()])?;
    let mut places = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let at = (UidValidity(row.get(1)?), Uid(row.get(2)?));
        places.insert(path(&row.get::<_, String>(0)?)?, at);
    }
    Ok(places)
}

/// Tells whether unanswered messages vanished from a source folder that goes to this one.
pub(super) fn lost_unanswered(
    tx: &Transaction<'_>,
    destination: &FolderKey,
) -> Result<bool, Fault> {
    let Some(id) = find(tx, Side::Destination, destination)? else { return Ok(false) };
    let mut statement = tx.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM source_folder s JOIN message m ON m.folder = s.id
             WHERE s.destination = ?1 AND m.vanished = 1 AND m.state IN (0, 4))",
    )?;
    Ok(statement.query_row([id], |row| row.get(0))?)
}

/// Returns where copies may be whose messages are elsewhere at the source.
pub(super) fn orphans(
    tx: &Transaction<'_>,
    mailbox: &Address,
) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>, Fault> {
    let sql = "SELECT path, orphan_uid_validity, orphan_uid_next FROM destination_folder
         WHERE mailbox = ?1 AND orphan_uid_validity IS NOT NULL";
    places(tx, sql, mailbox)
}

/// Notes such a place, or that there is none any more.
pub(super) fn set_orphan(
    tx: &Transaction<'_>,
    destination: &FolderKey,
    from: Option<(UidValidity, Uid)>,
) -> Result<(), Fault> {
    let id = ensure(tx, Side::Destination, destination)?;
    tx.prepare_cached(
        "UPDATE destination_folder SET orphan_uid_validity = ?2, orphan_uid_next = ?3
         WHERE id = ?1",
    )?
    .execute(params![id, from.map(|(validity, _)| validity.0), from.map(|(_, uid)| uid.0)])?;
    Ok(())
}

/// Returns the landmarks of a destination mailbox.
pub(super) fn landmarks(
    tx: &Transaction<'_>,
    mailbox: &Address,
) -> Result<BTreeMap<FolderPath, (UidValidity, Uid)>, Fault> {
    let sql = "SELECT path, landmark_uid_validity, landmark_uid_next FROM destination_folder
         WHERE mailbox = ?1 AND landmark_uid_validity IS NOT NULL";
    places(tx, sql, mailbox)
}

/// Replaces the landmarks of a destination mailbox.
pub(super) fn set_landmarks(
    tx: &Transaction<'_>,
    mailbox: &Address,
    folders: &BTreeMap<FolderPath, (UidValidity, Uid)>,
) -> Result<(), Fault> {
    tx.prepare_cached(
        "UPDATE destination_folder SET landmark_uid_validity = NULL, landmark_uid_next = NULL
         WHERE mailbox = ?1",
    )?
    .execute([mailbox.as_str()])?;
    for (folder, (validity, uid_next)) in folders {
        let at = FolderKey { mailbox: mailbox.clone(), folder: folder.clone() };
        let id = ensure(tx, Side::Destination, &at)?;
        tx.prepare_cached(
            "UPDATE destination_folder SET landmark_uid_validity = ?2, landmark_uid_next = ?3
             WHERE id = ?1",
        )?
        .execute(params![id, validity.0, uid_next.0])?;
    }
    Ok(())
}

/// Returns the slowest answer to an APPEND into a folder.
pub(super) fn slowest_append(
    tx: &Transaction<'_>,
    destination: &FolderKey,
) -> Result<Option<Duration>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT slowest_append FROM destination_folder
         WHERE mailbox = ?1 AND path = ?2 AND slowest_append IS NOT NULL",
    )?;
    let path = destination.folder.to_string();
    let found: Option<i64> = statement
        .query_row(params![destination.mailbox.as_str(), path], |row| row.get(0))
        .optional()?;
    Ok(found.map(unsigned).transpose()?.map(Duration::from_millis))
}

/// Records an answer to an APPEND, when it is slower than what was recorded.
pub(super) fn record_slowest_append(
    tx: &Transaction<'_>,
    destination: &FolderKey,
    answer: Duration,
) -> Result<(), Fault> {
    let id = ensure(tx, Side::Destination, destination)?;
    let milliseconds = u64::try_from(answer.as_millis()).unwrap_or(u64::MAX);
    tx.prepare_cached(
        "UPDATE destination_folder SET slowest_append = max(coalesce(slowest_append, 0), ?2)
         WHERE id = ?1",
    )?
    .execute(params![id, signed("an answer's time", milliseconds)?])?;
    Ok(())
}

/// Returns the numbers of every source folder under its present UIDVALIDITY.
pub(super) fn tallies(tx: &Transaction<'_>) -> Result<BTreeMap<FolderKey, FolderTally>, Fault> {
    let mut tallies: BTreeMap<i64, (FolderKey, FolderTally)> = BTreeMap::new();
    let mut folders = tx.prepare_cached("SELECT id, mailbox, path FROM source_folder")?;
    let mut rows = folders.query([])?;
    while let Some(row) = rows.next()? {
        let folder = key(&row.get::<_, String>(1)?, &row.get::<_, String>(2)?)?;
        tallies.insert(row.get(0)?, (folder, FolderTally::default()));
    }
    let mut statement = tx.prepare_cached(
        "SELECT m.folder, m.vanished, m.state, m.reason, count(*),
             sum(coalesce(m.sent_size, m.size))
         FROM source_folder f
         JOIN message m ON m.folder = f.id AND m.uid_validity = f.uid_validity
         GROUP BY m.folder, m.vanished, m.state, m.reason",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Some((_, tally)) = tallies.get_mut(&row.get(0)?) else { continue };
        let state = state_of(row.get(2)?, row.get(3)?)?;
        add(tally, row.get(1)?, state, unsigned(row.get(4)?)?, unsigned(row.get(5)?)?);
    }
    Ok(tallies.into_values().collect())
}

fn add(tally: &mut FolderTally, vanished: bool, state: MessageState, count: u64, bytes: u64) {
    if vanished {
        tally.vanished += count;
        if state == MessageState::Removed {
            tally.removed += count;
        }
        return;
    }
    match state {
        // Only what vanished is removed; one that came back is to be copied again.
        MessageState::Pending | MessageState::Removed => tally.pending += count,
        MessageState::Acknowledged | MessageState::Verified => {
            tally.copied += count;
            tally.copied_bytes += bytes;
            if state == MessageState::Verified {
                tally.verified += count;
            }
        }
        MessageState::Excepted(reason) => *tally.excepted.entry(reason).or_default() += count,
        MessageState::Unclear(_) => tally.unclear += count,
    }
}
