//! Where the folders of a destination mailbox stood when a run began: what is ours and turns up in
//! another folder after a crash lies above.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::imap::Connection;
use crate::model::address::Address;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use std::collections::BTreeMap;

/// What is recorded for a folder that could not be read: no folder has this UIDVALIDITY.
const UNREAD: (UidValidity, Uid) = (UidValidity(0), Uid(0));

/// Records where the folders stand, unless a checkpoint of the mailbox is open: what an
/// interrupted run sent may be in any of them above the landmark that it found.
pub(super) async fn record(
    desk: &Desk,
    line: &Line<Connection>,
    mailbox: &Address,
) -> Result<(), Stop> {
    let asked = mailbox.clone();
    if !desk.ledger(move |ledger| ledger.open_checkpoints(&asked)).await?.is_empty() {
        return Ok(());
    }
    let landmarks: BTreeMap<FolderPath, (UidValidity, Uid)> = positions(line, mailbox)
        .await?
        .into_iter()
        .map(|(folder, position)| (folder, position.unwrap_or(UNREAD)))
        .collect();
    let mailbox = mailbox.clone();
    Ok(desk.ledger(move |ledger| ledger.set_landmarks(&mailbox, &landmarks)).await?)
}

/// Returns UIDVALIDITY and UIDNEXT of every folder that can be selected; `None` for one that could
/// not be read.
pub(super) async fn positions(
    line: &Line<Connection>,
    mailbox: &Address,
) -> Result<BTreeMap<FolderPath, Option<(UidValidity, Uid)>>, Stop> {
    let folders = line.folders.iter().filter(|(_, entry)| lines::selectable(entry));
    let names: Vec<RawName> = folders.clone().map(|(_, entry)| entry.name.clone()).collect();
    let object = Object::mailbox("destination", mailbox);
    let read = line
        .connection
        .positions(&names)
        .await
        .map_err(|error| Stop::from_imap(&error, &object))?;
    let known = folders.map(|(path, entry)| (path.clone(), read.get(&entry.name).copied()));
    Ok(known.chain(line.unread.keys().map(|path| (path.clone(), None))).collect())
}
