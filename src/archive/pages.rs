//! The recorded messages of one archived folder, a page at a time.

use crate::copy::desk::Desk;
use crate::error::Result;
use crate::model::uid::Uid;
use crate::ports::archive::{ArchiveKey, Archived};

/// Recorded messages that are read at once.
const PAGE: usize = 2_000;

/// Reads them in order of UID.
pub(super) struct Pages<'a> {
    desk: &'a Desk,
    at: &'a ArchiveKey,
    from: Option<Uid>,
}

impl<'a> Pages<'a> {
    /// Begins with the first message.
    pub(super) fn new(desk: &'a Desk, at: &'a ArchiveKey) -> Self {
        Self { desk, at, from: Some(Uid(1)) }
    }

    /// Returns the next page, which is empty after the last.
    pub(super) async fn next(&mut self) -> Result<Vec<Archived>> {
        let Some(from) = self.from else { return Ok(Vec::new()) };
        let at = self.at.clone();
        let page = self.desk.ledger(move |ledger| ledger.archived(&at, from, PAGE)).await?;
        self.from = page.last().and_then(|last| last.uid.behind());
        Ok(page)
    }
}
