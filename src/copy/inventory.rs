//! Lists a source folder, completely or not at all.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::error::{Error, ErrorKind, Retry};
use crate::imap::{FetchRow, ImapError, RowQuery, Selected, SequenceSet, SourceConnection};
use crate::model::folder::RawName;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Listed, Pass};

/// Rows that go to the ledger in one transaction.
const PAGE: usize = 2_000;

/// What a complete listing of a folder needs to ask for.
pub fn query(connection: &SourceConnection) -> RowQuery {
    RowQuery {
        flags: true,
        internal_date: true,
        size: true,
        modseq: connection.has("CONDSTORE"),
        header_fields: Vec::new(),
    }
}

/// Turns a row of FETCH into a row of the listing; a row without size or flags is unreadable.
pub fn listed(row: FetchRow) -> Result<Listed, ImapError> {
    let (Some(flags), Some(size)) = (row.flags, row.size) else {
        return Err(ImapError::Protocol {
            what: format!("the listing gave message UID {} without FLAGS or RFC822.SIZE", row.uid),
            words: None,
        });
    };
    Ok(Listed {
        uid: row.uid,
        size,
        flags,
        internal_date: row.internal_date,
        modseq: row.modseq,
        headers: None,
    })
}

/// Tells whether a folder is as it was at the end of a pass. Only a server that keeps
/// mod-sequences can say so.
pub fn unchanged(pass: &Pass, selected: &Selected) -> bool {
    pass.highest_modseq.is_some() && same(pass, selected)
}

/// Tells whether a folder holds the same messages as at the end of a pass, and, where the server
/// keeps mod-sequences, with the same flags.
pub(super) fn same(pass: &Pass, selected: &Selected) -> bool {
    pass.highest_modseq == selected.highest_modseq
        && pass.uid_validity == selected.uid_validity
        && pass.uid_next == selected.uid_next
        && pass.messages == selected.exists
}

/// Lists every message of the folder that is examined, page by page.
///
/// The rows must be as many as EXISTS said; fewer are accepted only when a second EXAMINE says
/// that messages went away meanwhile, for a listing that is short for any other reason would
/// look like a smaller mailbox.
pub async fn walk<F, Fut>(
    connection: &SourceConnection,
    name: &RawName,
    selected: &Selected,
    object: &Object,
    mut page_done: F,
) -> Result<Pass, Stop>
where
    F: FnMut(Vec<Listed>) -> Fut,
    Fut: Future<Output = Result<(), Stop>>,
{
    let failed = |error: ImapError| Stop::from_imap(&error, object);
    let mut messages: u32 = 0;
    let mut last = Uid(0);
    if selected.exists > 0 {
        let mut rows =
            connection.fetch_rows(&SequenceSet::all(), query(connection)).await.map_err(failed)?;
        let mut page = Vec::with_capacity(PAGE);
        while let Some(row) = rows.next().await.map_err(failed)? {
            let row = listed(row).map_err(failed)?;
            // A server may repeat a row (a flag changed meanwhile); UIDs ascend otherwise.
            if row.uid > last {
                last = row.uid;
                messages += 1;
            }
            page.push(row);
            if page.len() == PAGE {
                page_done(std::mem::take(&mut page)).await?;
            }
        }
        if !page.is_empty() {
            page_done(page).await?;
        }
    }
    if messages < selected.exists {
        let now = connection.examine(name).await.map_err(failed)?;
        if messages < now.exists {
            return Err(Stop::Again(
                Error::new(
                    ErrorKind::Failed,
                    "E155",
                    format!("{object}: {} messages are there, the listing gave {messages}", now.exists),
                )
                .hint("Nothing is concluded from a listing that is not complete; run the same command again.")
                .retry(Retry::Transient),
            ));
        }
    }
    Ok(Pass {
        uid_validity: selected.uid_validity,
        uid_next: Uid(selected.uid_next.0.max(last.0.saturating_add(1))),
        messages,
        highest_modseq: selected.highest_modseq,
    })
}

/// Lists a source folder that the ledger knows anew into it; `None` when the folder is gone, and so are its messages.
///
/// # Errors
/// When it could not be listed completely, or has another UIDVALIDITY.
pub async fn anew(
    desk: &Desk,
    source: &Line<SourceConnection>,
    key: &FolderKey,
    validity: UidValidity,
) -> Result<Option<Pass>, Stop> {
    let object = Object::folder("source", &key.mailbox, &key.folder);
    let Some(name) = source.name(&key.folder) else {
        let gone = key.clone();
        desk.ledger(move |ledger| ledger.folder_gone(&gone)).await?;
        return Ok(None);
    };
    let connection = &source.connection;
    let selected =
        connection.examine(name).await.map_err(|error| Stop::from_imap(&error, &object))?;
    if selected.uid_validity != validity {
        let now = selected.uid_validity;
        return Err(Stop::Failed(crate::catalogue::new_validity(&object, validity, now)));
    }
    record(desk, connection, name, &selected, key, &object).await.map(Some)
}

/// Writes a complete listing into the ledger.
pub async fn record(
    desk: &Desk,
    connection: &SourceConnection,
    name: &RawName,
    selected: &Selected,
    key: &FolderKey,
    object: &Object,
) -> Result<Pass, Stop> {
    let validity = selected.uid_validity;
    let begun = key.clone();
    desk.ledger(move |ledger| ledger.begin_listing(&begun, validity)).await?;
    let pass = walk(connection, name, selected, object, |page| {
        let (desk, key) = (desk.clone(), key.clone());
        async move {
            desk.go_on()?;
            desk.ledger(move |ledger| ledger.list(&key, validity, &page)).await?;
            Ok(())
        }
    })
    .await?;
    let ended = key.clone();
    desk.ledger(move |ledger| ledger.end_listing(&ended, validity)).await?;
    Ok(pass)
}
