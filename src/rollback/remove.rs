//! Removes what was approved, in batches, each looked at again right before.

use super::look::{Eyes, Ours, rows};
use super::{Batch, Rollback, action};
use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind};
use crate::imap::{Connection, SequenceSet, SourceConnection};
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, JournalEntry, MessageState};
use std::collections::BTreeSet;

/// Messages that are removed together: what a crash leaves in between is looked at again.
const BATCH: usize = 200;

/// Removes what was approved and is still as it was then; returns how many messages that were.
/// `removed` counts also when it ends early.
///
/// For each batch: the intent is journalled, the messages are marked and expunged by their UIDs,
/// a fresh FETCH shows that they are gone, the ledger takes them as pending.
pub async fn remove(
    desk: &Desk,
    mailbox: &DesiredMailbox,
    source: &Line<SourceConnection>,
    destination: &Line<Connection>,
    approved: &Rollback,
    removed: &mut u64,
) -> Result<(), Stop> {
    if !destination.connection.has("UIDPLUS") {
        return Err(Stop::Failed(
            Error::new(
                ErrorKind::Failed,
                "E521",
                format!("{}: the destination lacks UIDPLUS, without which nothing is ever expunged", mailbox.destination),
            )
            .hint("Without it EXPUNGE would also remove what others marked. Remove the copies by hand."),
        ));
    }
    let eyes = Eyes::open(desk, mailbox, source, destination).await?;
    for (key, validity) in eyes.folders().await? {
        // The prompt may have stood open for long: what vanished at the source meanwhile may have
        // its only copy here.
        eyes.list(&key, validity).await?;
        let may: BTreeSet<(&FolderPath, UidValidity, Uid)> = approved
            .places
            .iter()
            .filter(|place| place.source == key.folder && place.source_validity == validity)
            .flat_map(|place| {
                place.uids.iter().map(|uid| (&place.destination, place.destination_validity, *uid))
            })
            .collect();
        let mut from = Uid(1);
        while let Some(page) = desk.page(&key, validity, &mut from).await? {
            let rows_of = page.clone();
            let found = eyes.page(&key, validity, page).await?;
            settle(desk, &key, validity, &found.gone).await?;
            for ((folder, known), ours) in found.ours {
                let ours: Vec<Ours> = ours
                    .into_iter()
                    .filter(|one| may.contains(&(&folder, known, one.at)))
                    .collect();
                for batch in ours.chunks(BATCH) {
                    desk.go_on()?;
                    let uids: BTreeSet<Uid> = batch.iter().map(|one| one.uid).collect();
                    let rows = rows_of.iter().filter(|row| uids.contains(&row.listed.uid));
                    let now = eyes.page(&key, validity, rows.cloned().collect()).await?;
                    settle(desk, &key, validity, &now.gone).await?;
                    let batch: Vec<Ours> = now
                        .ours
                        .into_iter()
                        .filter(|((at, now), _)| *at == folder && *now == known)
                        .flat_map(|(_, ours)| ours)
                        .collect();
                    if !batch.is_empty() {
                        expunge(&eyes, &key, validity, (&folder, known), &batch).await?;
                        *removed += batch.len() as u64;
                    }
                }
            }
        }
    }
    let entry = JournalEntry {
        at: desk.clock.now(),
        action: action(&mailbox.source),
        step: "done".to_owned(),
        note: format!("removed {removed}"),
    };
    Ok(desk.ledger(move |ledger| ledger.journal(&entry)).await?)
}

async fn expunge(
    eyes: &Eyes<'_>,
    key: &FolderKey,
    validity: UidValidity,
    (folder, known): (&FolderPath, UidValidity),
    batch: &[Ours],
) -> Result<(), Stop> {
    let object = Object::folder("destination", &eyes.mailbox.destination, folder);
    let failed = |error| Stop::from_imap(&error, &object);
    let connection = &eyes.destination.connection;
    let Some(name) = eyes.destination.name(folder) else { return Ok(()) };
    let selected = connection.select(name).await.map_err(failed)?;
    if selected.uid_validity != known {
        let now = selected.uid_validity;
        return Err(Stop::Failed(crate::catalogue::new_validity(&object, known, now)));
    }
    let uids: Vec<Uid> = batch.iter().map(|one| one.uid).collect();
    let intent = Batch { folder: key.folder.clone(), uid_validity: validity, uids: uids.clone() };
    let note = serde_json::to_string(&intent).map_err(|error| {
        Stop::Failed(
            Error::new(ErrorKind::Failed, "E523", "the intent of a removal could not be written")
                .source(error),
        )
    })?;
    let entry = JournalEntry {
        at: eyes.desk.clock.now(),
        action: action(&eyes.mailbox.source),
        step: "intent".to_owned(),
        note,
    };
    eyes.desk.ledger(move |ledger| ledger.journal(&entry)).await?;
    let set = SequenceSet::from_uids(batch.iter().map(|one| one.at));
    let deleted = Flags::from_words(["\\Deleted"]);
    connection.uid_store(&set, true, &deleted).await.map_err(failed)?;
    connection.uid_expunge(&set).await.map_err(failed)?;
    let left = rows(connection, batch.iter().map(|one| one.at)).await.map_err(failed)?;
    let gone: Vec<Uid> =
        batch.iter().filter(|one| !left.contains_key(&one.at)).map(|one| one.uid).collect();
    settle(eyes.desk, key, validity, &gone).await?;
    if !left.is_empty() {
        return Err(Stop::Failed(
            Error::new(
                ErrorKind::Failed,
                "E524",
                format!("{object}: {} messages are still there after UID EXPUNGE said OK", left.len()),
            )
            .hint("Look whether the mailbox is on hold or keeps what is deleted; then run the same command again."),
        ));
    }
    Ok(())
}

/// Makes messages pending: the next apply copies them again.
async fn settle(
    desk: &Desk,
    key: &FolderKey,
    validity: UidValidity,
    uids: &[Uid],
) -> Result<(), Stop> {
    if uids.is_empty() {
        return Ok(());
    }
    let results: Vec<_> = uids.iter().map(|uid| (*uid, MessageState::Pending, None)).collect();
    let key = key.clone();
    Ok(desk.ledger(move |ledger| ledger.settle(&key, validity, &results)).await?)
}
