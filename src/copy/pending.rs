//! Sends what is pending, page by page.

use crate::copy::folder::{FolderCopy, Open};
use crate::copy::memory::Memory;
use crate::copy::reasons;
use crate::copy::send::Way;
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::executor::event::Event;
use crate::model::date_range::{MessageChoice, Order};
use crate::model::uid::{Uid, UidValidity};
use crate::model::words;
use crate::ports::ledger::{MessageRow, MessageState, Need};

impl FolderCopy<'_> {
    /// Sends what was there when the mailbox was listed: what came since may have been moved out of
    /// a folder that is copied already, and the next run knows.
    pub(super) async fn send_pending(
        &self,
        open: &Open<'_>,
        end: Option<Uid>,
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
            destination_validity: open.to.uid_validity,
            source_object: &source_object,
            destination_object: &destination_object,
            // Where messages were refused, more of it is expected.
            window: open.destination.window(if memory.suspects.is_empty() {
                usize::from(open.target.profile.window)
            } else {
                1
            }),
        };
        let (mut checkpointed, mut later) = (false, 0);
        for page in self.pages(way.validity).await? {
            let mut rows = self.pending(&way, page, tally).await?;
            rows.retain(|row| !memory.suspects.contains(&row.listed.uid));
            let all = rows.len();
            rows.retain(|row| end.is_none_or(|end| row.listed.uid < end));
            later += all - rows.len();
            if !rows.is_empty() && !checkpointed {
                self.checkpoint(open).await?;
                checkpointed = true;
            }
            if !rows.is_empty() {
                let round = way.send(&rows, memory).await?;
                self.after(&way, open, round, tally, memory).await?;
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
        if later > 0 {
            let message = format!(
                "{source_object}: {} came while this run was under way; the next apply copies what is new",
                words::messages(later as u64)
            );
            self.desk.tell(&Event::Notice { message });
        }
        Ok(())
    }

    /// Returns the pages of messages that may be to send, in the order in which they are sent: the
    /// first UID of each, and that of the one above. What a crash leaves does not depend on it: the
    /// search looks for every pending message.
    async fn pages(&self, validity: UidValidity) -> Result<Vec<(Uid, Option<Uid>)>, Stop> {
        let begins = self.desk.pages_for(&self.source_key(), validity, Need::ToSend).await?;
        let above = begins.iter().skip(1).copied().map(Some).chain([None]);
        let mut pages: Vec<_> = begins.iter().copied().zip(above).collect();
        if self.mailbox.messages.order == Order::NewestFirst {
            pages.reverse();
        }
        Ok(pages)
    }

    /// Returns the messages to send of a page.
    async fn pending(
        &self,
        way: &Way<'_>,
        (mut from, above): (Uid, Option<Uid>),
        tally: &mut Tally,
    ) -> Result<Vec<MessageRow>, Stop> {
        let (key, validity) = (self.source_key(), way.validity);
        let rows = self.desk.page_for(&key, validity, Need::ToSend, &mut from).await?;
        let within = |row: &MessageRow| above.is_none_or(|above| row.listed.uid < above);
        let rows = rows.unwrap_or_default().into_iter().filter(within);
        let MessageChoice { order, range } = self.mailbox.messages;
        let limit = way.target.message_size;
        let mut too_large = Vec::new();
        let mut pending = Vec::new();
        let mut lifted = Vec::new();
        for row in rows {
            let wanted = match &row.state {
                MessageState::Pending => true,
                MessageState::Excepted(reason) => reasons::may_be_lifted(reason, &way.target.rules),
                _ => false,
            };
            // What was put back by `retry`, or listed before, waits for a wider range.
            if !wanted || !range.holds(row.listed.internal_date.as_ref()) {
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
        if order == Order::NewestFirst {
            // Within a FETCH the source still answers as it likes.
            pending.reverse();
        }
        Ok(pending)
    }
}
