//! Removes one batch.

use super::intent::{Intent, Own, Purpose, begin, end};
use super::look::{Standing, deleted, look};
use super::take_up::settle;
use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::folder::gone;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind};
use crate::imap::{Connection, SequenceSet};
use crate::model::folder::FolderPath;
use crate::model::uid::UidValidity;

/// Messages of one destination folder that may be removed.
#[derive(Debug)]
pub struct Batch<'a> {
    /// Why.
    pub purpose: Purpose,
    /// The destination folder.
    pub folder: &'a FolderPath,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The source folder whose rows know them, and its UIDVALIDITY.
    pub of: Option<(&'a FolderPath, UidValidity)>,
    /// At most [`super::BATCH`].
    pub messages: Vec<Own>,
}

/// What came of a batch.
#[derive(Debug, Default)]
pub struct Removed {
    /// Removed.
    pub gone: Vec<Own>,
    /// Not touched, because they are not as we left them.
    pub stayed: Vec<(Own, Standing)>,
}

/// Refuses a destination without UIDPLUS: there EXPUNGE removes what others marked, too.
pub fn require_uidplus(connection: &Connection, mailbox: &DesiredMailbox) -> Result<(), Stop> {
    if connection.has("UIDPLUS") {
        return Ok(());
    }
    Err(Stop::Failed(
        Error::new(
            ErrorKind::Failed,
            "E521",
            format!(
                "{}: the destination lacks UIDPLUS, without which nothing is ever expunged",
                mailbox.destination
            ),
        )
        .hint(
            "Without it EXPUNGE would also remove what others marked. Remove the copies by hand.",
        ),
    ))
}

/// Removes those messages of a batch that are as we left them, and records that they are gone.
///
/// # Errors
/// Without UIDPLUS; when the folder is another one; when messages are still there afterwards.
/// What was begun is taken up by the next run.
pub async fn remove(
    desk: &Desk,
    mailbox: &DesiredMailbox,
    destination: &Line<Connection>,
    batch: Batch<'_>,
) -> Result<Removed, Stop> {
    let object = Object::folder("destination", &mailbox.destination, batch.folder);
    let failed = |error| Stop::from_imap(&error, &object);
    let connection = &destination.connection;
    require_uidplus(connection, mailbox)?;
    let Some(name) = destination.name(batch.folder)? else {
        return Err(gone(&object));
    };
    let selected = connection.select(name).await.map_err(failed)?;
    if selected.uid_validity != batch.uid_validity {
        let now = selected.uid_validity;
        return Err(Stop::Failed(crate::catalogue::new_validity(&object, batch.uid_validity, now)));
    }
    desk.go_on()?;
    let standings = look(connection, &batch.messages).await.map_err(failed)?;
    let (mut going, mut removed) = (Vec::new(), Removed::default());
    for (own, standing) in batch.messages.into_iter().zip(standings) {
        match standing {
            Standing::AsStored => going.push(own),
            other => removed.stayed.push((own, other)),
        }
    }
    if going.is_empty() {
        return Ok(removed);
    }
    let intent = Intent {
        purpose: batch.purpose,
        folder: batch.folder.clone(),
        uid_validity: batch.uid_validity,
        of: batch.of.map(|(folder, validity)| (folder.clone(), validity)),
        messages: going,
    };
    begin(desk, &mailbox.source, &intent).await?;
    let set = SequenceSet::from_uids(intent.messages.iter().map(|one| one.at));
    connection.uid_store(&set, true, &deleted()).await.map_err(failed)?;
    connection.uid_expunge(&set).await.map_err(failed)?;
    let now = look(connection, &intent.messages).await.map_err(failed)?;
    let gone = now.iter().map(|standing| *standing == Standing::Gone);
    let gone: Vec<Own> = intent
        .messages
        .iter()
        .zip(gone)
        .filter(|(_, gone)| *gone)
        .map(|(own, _)| own.clone())
        .collect();
    settle(desk, &mailbox.source, &intent, &gone).await?;
    let left = intent.messages.len() - gone.len();
    if left > 0 {
        // The intent stays, so that the next run takes the marks off what is left.
        return Err(Stop::Failed(
            Error::new(
                ErrorKind::Failed,
                "E524",
                format!("{object}: {left} messages are still there after UID EXPUNGE said OK"),
            )
            .hint("Look whether the mailbox is on hold or keeps what is deleted; then run the same command again."),
        ));
    }
    end(desk, &mailbox.source, gone.len()).await?;
    removed.gone = gone;
    Ok(removed)
}
