//! Sends what is pending, page by page.

use crate::copy::folder::{FolderCopy, Open};
use crate::copy::memory::Memory;
use crate::copy::reasons;
use crate::copy::send::Way;
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::model::uid::Uid;
use crate::ports::ledger::{MessageRow, MessageState};

/// Pending rows that are sent in one round.
const PAGE: usize = 2_000;

impl FolderCopy<'_> {
    pub(super) async fn send_pending(
        &self,
        open: &Open<'_>,
        tally: &mut Tally,
        memory: &mut Memory,
    ) -> Result<(), Stop> {
        let (source_object, destination_object) = (self.source_object(), self.destination_object());
        let key = self.source_key();
        let way = Way {
            desk: self.desk,
            source: &open.source.connection,
            destination: &open.destination.connection,
            name: open.destination_name,
            permanent: &open.to.permanent_flags,
            target: &open.target,
            key: &key,
            validity: open.from.uid_validity,
            source_object: &source_object,
            destination_object: &destination_object,
            // Where messages were refused, more of it is expected.
            window: open.destination.window(if memory.suspects.is_empty() {
                usize::from(open.target.profile.window)
            } else {
                1
            }),
        };
        let mut from = Uid(1);
        let mut checkpointed = false;
        loop {
            let (mut rows, next) = self.pending(&way, from, tally).await?;
            rows.retain(|row| !memory.suspects.contains(&row.listed.uid));
            if !rows.is_empty() && !checkpointed {
                self.checkpoint(open).await?;
                checkpointed = true;
            }
            if !rows.is_empty() {
                let round = way.send(&rows, &memory.first).await?;
                self.after(&way, open, round, tally, memory).await?;
            }
            match next {
                Some(next) => from = next,
                None => break,
            }
        }
        if !memory.suspects.is_empty() && !checkpointed {
            self.checkpoint(open).await?;
            checkpointed = true;
        }
        self.alone(&way, open, tally, memory).await?;
        if checkpointed {
            self.close_checkpoint().await?;
        }
        Ok(())
    }

    /// Returns the next page of messages to send, and where the page after it begins.
    async fn pending(
        &self,
        way: &Way<'_>,
        from: Uid,
        tally: &mut Tally,
    ) -> Result<(Vec<MessageRow>, Option<Uid>), Stop> {
        let (key, validity) = (self.source_key(), way.validity);
        let rows = self.desk.ledger(move |ledger| ledger.rows(&key, validity, from, PAGE)).await?;
        let next = rows.last().map(|row| Uid(row.listed.uid.0.saturating_add(1)));
        let limit = way.target.message_size;
        let mut too_large = Vec::new();
        let mut pending = Vec::new();
        let mut lifted = Vec::new();
        for row in rows.into_iter().filter(|row| !row.vanished) {
            let wanted = match &row.state {
                MessageState::Pending => true,
                MessageState::Excepted(reason) => reasons::may_be_lifted(reason, &way.target.rules),
                _ => false,
            };
            if !wanted {
                continue;
            }
            match limit.filter(|&limit| row.listed.size > limit) {
                Some(limit) if row.state == MessageState::Pending => {
                    too_large.push((row.listed.uid, reasons::too_large(row.listed.size, limit)));
                }
                Some(_) => {}
                None => {
                    if row.state != MessageState::Pending {
                        lifted.push((row.listed.uid, MessageState::Pending, None));
                    }
                    pending.push(row);
                }
            }
        }
        if !lifted.is_empty() {
            // Recovery looks for pending messages only: they are pending before they are sent.
            let (key, validity) = (self.source_key(), way.validity);
            self.desk.ledger(move |ledger| ledger.settle(&key, validity, &lifted)).await?;
        }
        if !too_large.is_empty() {
            way.except(&too_large).await?;
            tally.excepted += too_large.len() as u64;
        }
        Ok((pending, next))
    }
}
