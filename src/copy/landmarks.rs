//! Where the folders of a destination mailbox stood when a run began: what is ours and turns up in
//! another folder after a crash lies above.

use crate::catalogue::{self, Object};
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::error::Class;
use crate::imap::status::Position;
use crate::imap::{Connection, ImapError};
use crate::model::address::Address;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is recorded for a folder that could not be read: no folder has this UIDVALIDITY.
const UNREAD: Position = (UidValidity(0), Uid(0));

/// Between two questions about a folder that the server has trouble with.
const TROUBLE: Duration = Duration::from_secs(1);

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
    let landmarks: BTreeMap<FolderPath, Position> = positions(desk, line, mailbox)
        .await?
        .into_iter()
        .map(|(folder, position)| (folder, position.unwrap_or(UNREAD)))
        .collect();
    let mailbox = mailbox.clone();
    Ok(desk.ledger(move |ledger| ledger.set_landmarks(&mailbox, &landmarks)).await?)
}

/// Returns UIDVALIDITY and UIDNEXT of every folder that can be selected; `None` for one that could
/// not be read, because the server refused it or had trouble with it twice.
pub(super) async fn positions(
    desk: &Desk,
    line: &Line<Connection>,
    mailbox: &Address,
) -> Result<BTreeMap<FolderPath, Option<Position>>, Stop> {
    let folders = line.folders.iter().filter(|(_, entry)| lines::selectable(entry));
    let mut read = ask(line, mailbox, folders.clone().map(|(_, entry)| &entry.name)).await?;
    let trouble: Vec<RawName> = read
        .iter()
        .filter(|(_, position)| position.as_ref().is_err_and(catalogue::passes))
        .map(|(name, _)| name.clone())
        .collect();
    if !trouble.is_empty() {
        desk.rest(TROUBLE).await?;
        read.extend(ask(line, mailbox, trouble.iter()).await?);
    }
    let mut positions = BTreeMap::new();
    for (path, entry) in folders {
        let position = match read.remove(&entry.name).transpose() {
            Ok(position) => position,
            Err(error) => refused(&error, &Object::folder("destination", mailbox, path))?,
        };
        positions.insert(path.clone(), position);
    }
    positions.extend(line.unread.keys().map(|path| (path.clone(), None)));
    Ok(positions)
}

async fn ask<'a>(
    line: &Line<Connection>,
    mailbox: &Address,
    names: impl Iterator<Item = &'a RawName>,
) -> Result<BTreeMap<RawName, Result<Position, ImapError>>, Stop> {
    let names: Vec<RawName> = names.cloned().collect();
    let object = Object::mailbox("destination", mailbox);
    let failed = |error| Stop::from_imap(&error, &object);
    line.connection.positions(&names).await.map_err(failed)
}

/// What is about one folder leaves it without a position; what is about now, the mailbox or the
/// run ends the look, because a later one can know more.
fn refused(error: &ImapError, object: &Object) -> Result<Option<Position>, Stop> {
    match Stop::from_imap(error, object) {
        Stop::Again(explained) if explained.class == Class::Transient => Ok(None),
        Stop::Failed(explained)
            if !matches!(explained.class, Class::Mailbox | Class::Credential) =>
        {
            Ok(None)
        }
        stop => Err(stop),
    }
}
