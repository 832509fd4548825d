//! Removes what was approved, in batches, each looked at again right before.

use super::Rollback;
use super::look::Eyes;
use crate::copy::desk::Desk;
use crate::copy::inventory;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::imap::{Connection, SourceConnection};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::removal::{self, BATCH, Batch, Hands, Purpose};
use std::collections::BTreeSet;

/// Removes what was approved and is still as it was then; returns how many messages that were.
/// `removed` counts also when it ends early.
pub async fn remove(
    desk: &Desk,
    mailbox: &DesiredMailbox,
    source: &Line<SourceConnection>,
    destination: &Line<Connection>,
    approved: &Rollback,
    removed: &mut u64,
) -> Result<(), Stop> {
    removal::require_uidplus(&destination.connection, mailbox)?;
    // A batch that an earlier try began: what was there before, the look took up.
    let taken = removal::take_up(desk, mailbox, destination, Hands::Free).await?;
    *removed += taken.map_or(0, |taken| taken.gone);
    let eyes = Eyes { desk, mailbox, destination };
    for (key, validity) in eyes.folders().await? {
        // The prompt may have stood open for long: what vanished at the source meanwhile may have
        // its only copy here.
        inventory::anew(desk, source, &key, validity, None).await?;
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
            let found = eyes.page(&key, page).await?;
            for ((folder, known), mut ours) in found.ours {
                ours.retain(|one| may.contains(&(&folder, known, one.at)));
                for messages in ours.chunks(BATCH) {
                    let batch = Batch {
                        purpose: Purpose::Rollback,
                        folder: &folder,
                        uid_validity: known,
                        of: Some((&key.folder, validity)),
                        messages: messages.to_vec(),
                    };
                    let done = removal::remove(desk, mailbox, destination, batch).await?;
                    *removed += done.gone.len() as u64;
                }
            }
        }
    }
    Ok(())
}
