//! Messages that may be at the destination and cannot be compared, because one of the sides lists
//! a message and does not give it: they stay unclear, and everything else goes on.

use crate::copy::folder::{FolderCopy, Open};
use crate::copy::recovery::Search;
use crate::copy::stop::Stop;
use crate::error::{Error, ErrorKind};
use crate::executor::event::Event;
use crate::model::uid::{Uid, UidValidity};
use crate::model::words;
use crate::ports::ledger::{MessageRow, MessageState, Need};
use crate::ports::search::{Doubt, SearchId};
use std::collections::BTreeMap;

/// Doubts that are recorded together.
const PAGE: usize = 500;

/// Messages that an error names.
const EXAMPLES: usize = 5;

/// Prefix of the reason.
const UNREAD: &str = "unread: ";

/// Tells whether a message is unclear because it could not be compared. Only a search that looks at
/// all of its destination folder takes that away.
pub(super) fn is_doubted(row: &MessageRow) -> bool {
    matches!(&row.state, MessageState::Unclear(reason) if reason.starts_with(UNREAD))
}

fn reason(doubt: &Doubt) -> String {
    let Doubt { near, unread, .. } = doubt;
    if *unread {
        format!(
            "{UNREAD}the source does not give it, and UID {near} of the destination folder has its size or date"
        )
    } else {
        format!(
            "{UNREAD}UID {near} of the destination folder has its size or date, and the destination does not give that one"
        )
    }
}

impl Search<'_> {
    /// Makes messages unclear that may be here and could not be compared.
    pub(super) async fn doubt(&self, id: SearchId) -> Result<(), Stop> {
        let mut behind = None;
        loop {
            self.desk.go_on()?;
            let page = self.desk.ledger(move |ledger| ledger.doubts(id, behind, PAGE)).await?;
            let Some(last) = page.last() else { break };
            behind = Some(last.key);
            if self.elsewhere {
                return Err(Stop::Failed(unclear(&self.object().to_string(), &page)));
            }
            self.unread.doubt(true);
            for group in page.chunk_by(|a, b| a.key.0 == b.key.0) {
                let Some(first) = group.first() else { continue };
                let state = |doubt: &Doubt| MessageState::Unclear(reason(doubt));
                let group = group.iter().map(|doubt| (doubt.key.1, state(doubt), None)).collect();
                self.settle(first.key.0, group).await?;
            }
        }
        // One that begins further up did not look at what they were doubted for.
        if self.elsewhere || self.from > Uid(1) { Ok(()) } else { self.no_longer_doubted(id).await }
    }

    /// Makes messages pending that were doubted before and are not now.
    async fn no_longer_doubted(&self, id: SearchId) -> Result<(), Stop> {
        for (index, (key, _, validity)) in self.sources.iter().enumerate() {
            let mut from = Uid(1);
            while let Some(rows) =
                self.desk.page_for(key, *validity, Need::ToSend, &mut from).await?
            {
                let mut clear = Vec::new();
                for row in rows.iter().filter(|row| !row.vanished && is_doubted(row)) {
                    let uid = row.listed.uid;
                    let behind = Some((index, Uid(uid.0.saturating_sub(1))));
                    let next = self.desk.ledger(move |ledger| ledger.doubts(id, behind, 1)).await?;
                    if next.first().is_none_or(|doubt| doubt.key != (index, uid)) {
                        clear.push((uid, MessageState::Pending, None));
                    }
                }
                self.settle(index, clear).await?;
            }
        }
        Ok(())
    }
}

impl FolderCopy<'_> {
    /// Returns the error of a copy that left messages in doubt.
    pub(super) async fn left_in_doubt(&self, validity: UidValidity) -> Result<Option<Error>, Stop> {
        if !self.unread.doubts() {
            return Ok(None);
        }
        let key = self.source_key();
        let (mut from, mut count, mut named) = (Uid(1), 0_u64, Vec::new());
        while let Some(rows) = self.desk.page_for(&key, validity, Need::ToSend, &mut from).await? {
            for row in rows.iter().filter(|row| !row.vanished && is_doubted(row)) {
                count += 1;
                if let (true, MessageState::Unclear(reason)) = (named.len() < EXAMPLES, &row.state)
                {
                    let reason = reason.trim_start_matches(UNREAD);
                    named.push(format!("UID {}: {reason}", row.listed.uid));
                }
            }
        }
        let object = self.source_object();
        Ok((count > 0).then(|| {
            error(&format!("{object}: {} unclear: {}", words::messages(count), named.join("; ")))
        }))
    }

    /// Leaves messages behind that the source does not give.
    pub(super) async fn stay_unread(
        &self,
        open: &Open<'_>,
        unread: BTreeMap<Uid, String>,
    ) -> Result<(), Stop> {
        let (key, validity) = (self.source_key(), open.from.uid_validity);
        self.unread.stay(unread.len() as u64);
        for (uid, reason) in &unread {
            let (mailbox, folder) = (key.mailbox.clone(), key.folder.clone());
            self.desk.tell(&Event::Excepted {
                mailbox,
                folder,
                uid: uid.0,
                reason: reason.clone(),
            });
        }
        let states = unread.into_iter();
        let states: Vec<_> =
            states.map(|(uid, reason)| (uid, MessageState::Excepted(reason), None)).collect();
        Ok(self.desk.ledger(move |ledger| ledger.settle(&key, validity, &states)).await?)
    }
}

fn unclear(object: &str, doubts: &[Doubt]) -> Error {
    let named = doubts
        .iter()
        .take(EXAMPLES)
        .map(|doubt| format!("UID {}: {}", doubt.key.1, reason(doubt).trim_start_matches(UNREAD)));
    let named = named.collect::<Vec<_>>().join("; ");
    error(&format!("{object}: what may be there cannot be compared: {named}"))
}

fn error(message: &str) -> Error {
    Error::new(ErrorKind::Failed, "E244", message.to_owned())
        .hint("They may be at the destination already, so they are not sent. Look at these messages with a mail program: repair, move or delete what cannot be opened, then apply again.")
}
