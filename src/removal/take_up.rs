//! Takes up a removal that was cut off: records what is gone, and takes our mark off what is not.

use super::intent::{Intent, Own, Purpose, begun, end};
use super::look::{DELETED, deleted};
use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::copy::there::those_there;
use crate::desired::DesiredMailbox;
use crate::error::Result;
use crate::imap::{Connection, SequenceSet};
use crate::model::address::Address;
use crate::ports::ledger::MessageState;

/// What may be done to the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hands {
    /// What is still there loses the mark that the removal had set.
    Free,
    /// Nothing: only the ledger learns what is gone.
    Bound,
}

/// What was found of a removal that was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TakenUp {
    /// Why it was begun.
    pub purpose: Purpose,
    /// How many messages are gone.
    pub gone: u64,
}

/// Takes up the removal of a mailbox that was begun and not ended; `None` when there is none.
///
/// With [`Hands::Free`] it is ended then. Where the folder is another one by now, nothing can be
/// told of its messages: their rows stay as they are.
pub async fn take_up(
    desk: &Desk,
    mailbox: &DesiredMailbox,
    destination: &Line<Connection>,
    hands: Hands,
) -> Result<Option<TakenUp>, Stop> {
    let address = mailbox.source.clone();
    let Some(intent) = desk.ledger(move |ledger| begun(ledger, &address)).await? else {
        return Ok(None);
    };
    let object = Object::folder("destination", &mailbox.destination, &intent.folder);
    let failed = |error| Stop::from_imap(&error, &object);
    let connection = &destination.connection;
    let mut taken = TakenUp { purpose: intent.purpose, gone: 0 };
    if let Some(name) = destination.name(&intent.folder)? {
        let selected = match hands {
            Hands::Free => connection.select(name).await,
            Hands::Bound => connection.examine(name).await,
        };
        if selected.map_err(failed)?.uid_validity == intent.uid_validity {
            let uids = intent.messages.iter().map(|own| own.at);
            let there = those_there(connection, uids).await.map_err(failed)?;
            let gone = |own: &&Own| !there.contains_key(&own.at);
            let gone: Vec<Own> = intent.messages.iter().filter(gone).cloned().collect();
            settle(desk, &mailbox.source, &intent, &gone).await?;
            taken.gone = gone.len() as u64;
            // Whatever its user changed since: left marked, it would go with any EXPUNGE.
            let marked = there.values().filter(|now| now.flags.contains(DELETED));
            let marked = SequenceSet::from_uids(marked.map(|now| now.uid));
            if hands == Hands::Free && !marked.is_empty() {
                connection.uid_store(&marked, false, &deleted()).await.map_err(failed)?;
            }
        }
    }
    if hands == Hands::Free {
        let gone = usize::try_from(taken.gone).unwrap_or(usize::MAX);
        end(desk, &mailbox.source, gone).await?;
    }
    Ok(Some(taken))
}

/// Records that messages are gone, in one transaction.
pub(super) async fn settle(
    desk: &Desk,
    mailbox: &Address,
    intent: &Intent,
    gone: &[Own],
) -> Result<()> {
    let (purpose, of) = (intent.purpose, intent.source(mailbox));
    let Some((key, validity)) = of.filter(|_| !gone.is_empty()) else { return Ok(()) };
    let gone = gone.to_vec();
    desk.ledger(move |ledger| {
        let mut results = Vec::new();
        for own in &gone {
            let Some(uid) = own.source else { continue };
            let row = ledger.rows(&key, validity, uid, 1)?.into_iter().next();
            let Some(row) = row.filter(|row| row.listed.uid == uid) else { continue };
            // A row that learned since of another copy keeps it.
            let place = row.copied.as_ref().and_then(|copied| copied.destination);
            let settled = matches!(row.state, MessageState::Acknowledged | MessageState::Verified);
            if !settled || place.is_none_or(|(_, at)| at != own.at) {
                continue;
            }
            results.push(match purpose {
                // One that is back at the source is to be copied again.
                Purpose::Deletion if row.vanished => (uid, MessageState::Removed, row.copied),
                _ => (uid, MessageState::Pending, None),
            });
        }
        ledger.settle(&key, validity, &results)
    })
    .await
}
