//! Lists a source folder: completely or not at all, or all of it that can be read.

use crate::catalogue::{self, Object};
use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::error::{Error, ErrorKind, Retry};
use crate::imap::{
    FetchRow, ImapError, Lacking, RowQuery, Selected, SequenceSet, SourceConnection,
};
use crate::model::folder::RawName;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Listed, Pass};
use std::collections::BTreeSet;

/// Rows that go to the ledger in one transaction.
const PAGE: usize = 2_000;

/// What a complete listing of a folder needs to ask for.
pub fn query(connection: &SourceConnection, selected: &Selected) -> RowQuery {
    RowQuery {
        flags: true,
        internal_date: true,
        size: true,
        // A folder that keeps none answers BAD to the question, RFC 7162 section 3.1.2.2.
        modseq: connection.has("CONDSTORE") && selected.highest_modseq.is_some(),
        ..RowQuery::default()
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
pub fn same(pass: &Pass, selected: &Selected) -> bool {
    pass.highest_modseq == selected.highest_modseq
        && pass.uid_validity == selected.uid_validity
        && pass.uid_next == selected.uid_next
        && pass.messages == selected.exists
}

/// A listing of everything that can be read.
#[derive(Debug)]
pub struct Listing {
    /// What the folder looked like.
    pub pass: Pass,
    /// Names a record that cannot be read. What the listing lacks is unknown then, and not absent.
    pub incomplete: Option<Error>,
}

impl Listing {
    /// Returns the pass of a complete listing, for whoever cannot do with less.
    pub fn whole(self) -> Result<Pass, Stop> {
        match self.incomplete {
            Some(error) => Err(Stop::Failed(error)),
            None => Ok(self.pass),
        }
    }
}

/// Lists every message of the folder that is examined, page by page, completely or not at all.
pub async fn walk<F, Fut>(
    connection: &SourceConnection,
    name: &RawName,
    selected: &Selected,
    object: &Object,
    page_done: F,
) -> Result<Pass, Stop>
where
    F: FnMut(Vec<Listed>) -> Fut,
    Fut: Future<Output = Result<(), Stop>>,
{
    walk_readable(connection, name, selected, object, false, page_done).await?.whole()
}

/// Takes rows, page by page, and counts them.
struct Pages<F> {
    page: Vec<Listed>,
    done: F,
    /// The highest UID so far.
    last: Uid,
    /// Messages so far.
    messages: u32,
    /// Those that were there when the folder was opened: what came since stands for none of them.
    old: u32,
    uid_next: Uid,
}

impl<F, Fut> Pages<F>
where
    F: FnMut(Vec<Listed>) -> Fut,
    Fut: Future<Output = Result<(), Stop>>,
{
    async fn take(&mut self, row: Listed) -> Result<(), Stop> {
        self.messages += 1;
        self.old += u32::from(row.uid < self.uid_next);
        self.page.push(row);
        if self.page.len() >= PAGE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<(), Stop> {
        if self.page.is_empty() {
            return Ok(());
        }
        (self.done)(std::mem::take(&mut self.page)).await
    }
}

/// Asks once more for messages whose rows came in part or not readably. What does not come is
/// gone; the error of what cannot be read now either is given back.
async fn again<F, Fut>(
    connection: &SourceConnection,
    query: RowQuery,
    error: ImapError,
    lacking: Lacking,
    pages: &mut Pages<F>,
    object: &Object,
) -> Result<Option<ImapError>, Stop>
where
    F: FnMut(Vec<Listed>) -> Fut,
    Fut: Future<Output = Result<(), Stop>>,
{
    if lacking.uids.is_empty() {
        return Ok(Some(error));
    }
    let failed = |error: ImapError| Stop::from_imap(&error, object);
    let unnamed = lacking.unnamed.then_some(error);
    let asked = lacking.uids;
    let mut taken = BTreeSet::new();
    let set = SequenceSet::from_uids(asked.iter().copied());
    let mut rows = connection.fetch_rows(&set, query).await.map_err(failed)?;
    loop {
        match rows.next().await {
            Ok(Some(row)) => {
                if taken.insert(row.uid) {
                    pages.take(listed(row).map_err(failed)?).await?;
                }
            }
            Ok(None) => return Ok(unnamed),
            Err(error @ ImapError::Unreadable { .. }) => return Ok(Some(error)),
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Lists every message of the folder that is examined whose record can be read, page by page.
///
/// The rows of what was there at EXAMINE must be as many as EXISTS said; fewer are accepted only
/// when a second EXAMINE says that messages went away meanwhile, for a listing that is short for
/// any other reason would look like a smaller mailbox. With `ask_again`, messages whose rows were
/// not readable are asked about a second time, and come last and not in order.
pub async fn walk_readable<F, Fut>(
    connection: &SourceConnection,
    name: &RawName,
    selected: &Selected,
    object: &Object,
    ask_again: bool,
    page_done: F,
) -> Result<Listing, Stop>
where
    F: FnMut(Vec<Listed>) -> Fut,
    Fut: Future<Output = Result<(), Stop>>,
{
    let failed = |error: ImapError| Stop::from_imap(&error, object);
    let mut pages = Pages {
        page: Vec::with_capacity(PAGE),
        done: page_done,
        last: Uid(0),
        messages: 0,
        old: 0,
        uid_next: selected.uid_next,
    };
    let mut incomplete = None;
    if selected.exists > 0 {
        let query = query(connection, selected);
        let all = SequenceSet::all();
        let mut rows = connection.fetch_rows(&all, query.clone()).await.map_err(failed)?;
        loop {
            match rows.next().await {
                Ok(Some(row)) => {
                    let row = listed(row).map_err(failed)?;
                    // A server may repeat a row (a flag changed meanwhile); UIDs ascend otherwise.
                    if row.uid > pages.last {
                        pages.last = row.uid;
                        pages.take(row).await?;
                    } else {
                        pages.page.push(row);
                    }
                }
                Ok(None) => break,
                Err(error @ ImapError::Unreadable { .. }) => {
                    let lacking = rows.lacking();
                    incomplete = if ask_again {
                        again(connection, query, error, lacking, &mut pages, object).await?
                    } else {
                        Some(error)
                    };
                    break;
                }
                Err(error) => return Err(failed(error)),
            }
        }
        pages.flush().await?;
    }
    let Pages { last, messages, old, .. } = pages;
    if incomplete.is_none() && old < selected.exists {
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
    Ok(Listing {
        pass: Pass {
            uid_validity: selected.uid_validity,
            uid_next: Uid(selected.uid_next.0.max(last.0.saturating_add(1))),
            messages,
            highest_modseq: selected.highest_modseq,
        },
        incomplete: incomplete.map(|error| catalogue::imap(&error, object)),
    })
}

/// A folder that the ledger knows, as it is now.
#[derive(Clone, Copy, Debug)]
pub enum Now {
    /// It is listed in the ledger.
    Listed(Pass),
    /// It is gone, and so are its messages.
    Gone,
    /// It has another UIDVALIDITY: the ledger knows nothing of what is in it.
    Another(UidValidity),
}

impl Now {
    /// Returns what is listed; `None` when the folder is gone.
    ///
    /// # Errors
    /// When it has another UIDVALIDITY than the one named.
    pub fn same(self, key: &FolderKey, validity: UidValidity) -> Result<Option<Pass>, Stop> {
        match self {
            Self::Listed(pass) => Ok(Some(pass)),
            Self::Gone => Ok(None),
            Self::Another(now) => {
                let object = Object::folder("source", &key.mailbox, &key.folder);
                Err(Stop::Failed(catalogue::new_validity(&object, validity, now)))
            }
        }
    }
}

/// Lists a source folder that the ledger knows anew into it; `None` when the folder is gone.
///
/// # Errors
/// When it could not be listed completely, or has another UIDVALIDITY.
pub async fn anew(
    desk: &Desk,
    source: &Line<SourceConnection>,
    key: &FolderKey,
    validity: UidValidity,
    known: Option<Pass>,
) -> Result<Option<Pass>, Stop> {
    now(desk, source, key, validity, known).await?.same(key, validity)
}

/// Lists a source folder that the ledger knows anew into it, if it is the same one. One that holds
/// the same messages as in `known`, which the ledger has, is not listed again.
///
/// # Errors
/// When it could not be listed completely.
pub async fn now(
    desk: &Desk,
    source: &Line<SourceConnection>,
    key: &FolderKey,
    validity: UidValidity,
    known: Option<Pass>,
) -> Result<Now, Stop> {
    let object = Object::folder("source", &key.mailbox, &key.folder);
    let Some(name) = source.name(&key.folder)? else {
        let gone = key.clone();
        desk.ledger(move |ledger| ledger.folder_gone(&gone)).await?;
        return Ok(Now::Gone);
    };
    let connection = &source.connection;
    let selected =
        connection.examine(name).await.map_err(|error| Stop::from_imap(&error, &object))?;
    if selected.uid_validity != validity {
        return Ok(Now::Another(selected.uid_validity));
    }
    if let Some(pass) = known.filter(|pass| same(pass, &selected)) {
        return Ok(Now::Listed(pass));
    }
    record(desk, connection, name, &selected, key, &object).await.map(Now::Listed)
}

/// Writes a complete listing into the ledger, or fails.
pub async fn record(
    desk: &Desk,
    connection: &SourceConnection,
    name: &RawName,
    selected: &Selected,
    key: &FolderKey,
    object: &Object,
) -> Result<Pass, Stop> {
    record_readable(desk, connection, name, selected, key, object).await?.whole()
}

/// Writes a listing into the ledger. Where it is not complete, nothing vanishes.
pub async fn record_readable(
    desk: &Desk,
    connection: &SourceConnection,
    name: &RawName,
    selected: &Selected,
    key: &FolderKey,
    object: &Object,
) -> Result<Listing, Stop> {
    let validity = selected.uid_validity;
    let begun = key.clone();
    desk.ledger(move |ledger| ledger.begin_listing(&begun, validity)).await?;
    let listing = walk_readable(connection, name, selected, object, true, |page| {
        let (desk, key) = (desk.clone(), key.clone());
        async move {
            desk.go_on()?;
            desk.ledger(move |ledger| ledger.list(&key, validity, &page)).await?;
            Ok(())
        }
    })
    .await?;
    if listing.incomplete.is_none() {
        let ended = key.clone();
        desk.ledger(move |ledger| ledger.end_listing(&ended, validity)).await?;
    }
    Ok(listing)
}
