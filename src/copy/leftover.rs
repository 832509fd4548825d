//! What a round of sending left over: refusals, missing bodies, messages to be read first.

use crate::catalogue::{self, Object};
use crate::copy::bodies::{Digester, Read};
use crate::copy::folder::{FolderCopy, Open, same_validity};
use crate::copy::send::{Round, Way};
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::copy::{inventory, reasons};
use crate::error::Retry;
use crate::imap::{ImapError, SequenceSet};
use crate::model::uid::Uid;
use crate::ports::ledger::MessageState;
use std::collections::{BTreeMap, BTreeSet};

/// Refusals on one connection: Exchange closes it at the tenth error.
const REFUSALS: usize = 7;

impl FolderCopy<'_> {
    /// Deals with what a round left over.
    pub(super) async fn after(
        &self,
        way: &Way<'_>,
        open: &Open<'_>,
        round: Round,
        tally: &mut Tally,
        first: &mut BTreeMap<Uid, Read>,
    ) -> Result<(), Stop> {
        tally.copied += round.answers.copied;
        tally.bytes += round.answers.bytes;
        tally.refused += round.excepted;
        if !round.to_read_first.is_empty() {
            self.read_first(way, &round.to_read_first, first).await?;
        }
        if let Some(stop) = round.stop {
            if !round.owed {
                self.close_checkpoint().await?;
            }
            return Err(stop);
        }
        self.unless_full(&round.answers.refused).await?;
        if !round.answers.refused.is_empty() {
            self.alone(way, round.answers.refused, tally, first).await?;
        }
        for (uid, error) in &round.unreadable {
            let words = error.words().unwrap_or_else(|| error.to_string());
            way.except(&[(*uid, reasons::unreadable(&words))]).await?;
            tally.refused += 1;
        }
        if !round.missing.is_empty() {
            tally.refused += self.without_body(way, open, &round.missing).await?;
        }
        Ok(())
    }

    /// Reads large messages once for their length and digest after the transforms.
    async fn read_first(
        &self,
        way: &Way<'_>,
        uids: &BTreeSet<Uid>,
        first: &mut BTreeMap<Uid, Read>,
    ) -> Result<(), Stop> {
        let failed = |error: ImapError| Stop::from_imap(&error, way.source_object);
        let uids: Vec<Uid> = uids.iter().copied().collect();
        let bodies = way
            .source
            .fetch_bodies(&SequenceSet::from_uids(uids.iter().copied()))
            .await
            .map_err(failed)?;
        let mut digester = Digester::new(bodies, &way.target.rules.transforms());
        while let Some(read) = digester.next().await.map_err(failed)? {
            first.insert(read.uid, read);
        }
        Ok(())
    }

    /// Stops when the mailbox has no room: nothing of this is about one message.
    async fn unless_full(&self, refused: &[(Uid, ImapError)]) -> Result<(), Stop> {
        let Some((_, error)) = refused.iter().find(|(_, error)| catalogue::is_full(error)) else {
            return Ok(());
        };
        self.close_checkpoint().await?;
        let object = Object::mailbox("destination", &self.mailbox.destination);
        Err(Stop::Failed(catalogue::imap(error, &object)))
    }

    /// Sends refused messages again, each alone; what is refused again stays behind.
    async fn alone(
        &self,
        way: &Way<'_>,
        refused: Vec<(Uid, ImapError)>,
        tally: &mut Tally,
        first: &BTreeMap<Uid, Read>,
    ) -> Result<(), Stop> {
        for (index, (uid, error)) in refused.into_iter().enumerate() {
            if index >= REFUSALS {
                self.close_checkpoint().await?;
                return Err(Stop::Again(
                    catalogue::imap(&error, way.destination_object).retry(Retry::Transient),
                ));
            }
            let (key, validity) = (self.source_key(), way.validity);
            let rows = self.desk.ledger(move |ledger| ledger.rows(&key, validity, uid, 1)).await?;
            let round = way.send(&rows, first).await?;
            tally.copied += round.answers.copied;
            tally.bytes += round.answers.bytes;
            tally.refused += round.excepted;
            if let Some(stop) = round.stop {
                if !round.owed {
                    self.close_checkpoint().await?;
                }
                return Err(stop);
            }
            self.unless_full(&round.answers.refused).await?;
            for (uid, error) in round.answers.refused {
                let words = error.words().unwrap_or_else(|| error.to_string());
                way.except(&[(uid, reasons::refused(&words))]).await?;
                tally.refused += 1;
            }
        }
        Ok(())
    }

    /// The source gave no body: either the message is gone, which a complete listing shows, or it
    /// stays behind.
    async fn without_body(
        &self,
        way: &Way<'_>,
        open: &Open<'_>,
        missing: &BTreeSet<Uid>,
    ) -> Result<u64, Stop> {
        let object = self.source_object();
        let selected = open
            .source
            .connection
            .examine(open.source_name)
            .await
            .map_err(|error| Stop::from_imap(&error, &object))?;
        same_validity(&object, way.validity, selected.uid_validity)?;
        inventory::record(
            self.desk,
            &open.source.connection,
            open.source_name,
            &selected,
            way.key,
            &object,
        )
        .await?;
        let mut excepted = 0;
        for &uid in missing {
            let (key, validity) = (self.source_key(), way.validity);
            let rows = self.desk.ledger(move |ledger| ledger.rows(&key, validity, uid, 1)).await?;
            let still = rows.iter().any(|row| {
                row.listed.uid == uid && !row.vanished && row.state == MessageState::Pending
            });
            if still {
                way.except(&[(uid, reasons::no_body())]).await?;
                excepted += 1;
            }
        }
        Ok(excepted)
    }
}
