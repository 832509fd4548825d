//! What a round of sending left over: refusals, missing bodies, messages to be read first.

use crate::catalogue::{self, Object};
use crate::copy::bodies::{Digester, Read};
use crate::copy::folder::{FolderCopy, Open, same_validity};
use crate::copy::memory::Memory;
use crate::copy::send::{Round, Way};
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::copy::{inventory, reasons};
use crate::error::{Class, Retry};
use crate::imap::{ImapError, SequenceSet};
use crate::model::uid::Uid;
use crate::ports::ledger::MessageState;
use std::collections::{BTreeMap, BTreeSet};

fn is_worn(way: &Way<'_>) -> bool {
    way.destination.is_worn() || way.source.is_worn()
}

impl FolderCopy<'_> {
    /// Deals with what a round left over. Messages that were refused among others are tried again
    /// later, alone; so is everything that a worn connection did not get.
    pub(super) async fn after(
        &self,
        way: &Way<'_>,
        open: &Open<'_>,
        mut round: Round,
        tally: &mut Tally,
        memory: &mut Memory,
    ) -> Result<(), Stop> {
        let refused = std::mem::take(&mut round.answers.refused);
        let (of_message, others): (Vec<_>, Vec<_>) =
            refused.into_iter().partition(|(_, error)| catalogue::class(error) == Class::Message);
        memory.met_here |= !of_message.is_empty();
        memory.suspects.extend(of_message.into_iter().map(|(uid, _)| uid));
        memory.went_through(round.answers.copied + round.excepted);
        if let Some((oldest, _)) = round.hung.take() {
            memory.hung(oldest);
        }
        self.rest(way, open, round, &others, tally, memory).await?;
        // A worn connection got nothing more: what is left of the page is still to be sent.
        if is_worn(way) { Err(self.renew(way).await?) } else { Ok(()) }
    }

    /// Sends refused messages again, each alone on a connection on which none of them was refused
    /// among others; what is refused again stays behind.
    pub(super) async fn alone(
        &self,
        way: &Way<'_>,
        open: &Open<'_>,
        tally: &mut Tally,
        memory: &mut Memory,
    ) -> Result<(), Stop> {
        while let Some(uid) = memory.suspects.first().copied() {
            self.desk.go_on()?;
            if memory.met_here || is_worn(way) {
                return Err(self.renew(way).await?);
            }
            let (key, validity) = (self.source_key(), way.validity);
            let mut rows =
                self.desk.ledger(move |ledger| ledger.rows(&key, validity, uid, 1)).await?;
            rows.retain(|row| {
                row.listed.uid == uid && !row.vanished && row.state == MessageState::Pending
            });
            if rows.is_empty() {
                memory.suspects.remove(&uid);
                continue;
            }
            // It was searched for after each of them, and is not there.
            if let Some(words) = memory.is_not_taken(uid) {
                way.except(&[(uid, reasons::hung_up(words))]).await?;
                tally.refused += 1;
                memory.suspects.remove(&uid);
                continue;
            }
            let mut round = way.send(&rows, memory).await?;
            memory.went_through(round.answers.copied + round.excepted);
            if let Some((uid, words)) = round.hung.take() {
                memory.hung_alone(uid, words);
            }
            let refused = std::mem::take(&mut round.answers.refused);
            let (of_message, others): (Vec<_>, Vec<_>) = refused
                .into_iter()
                .partition(|(_, error)| catalogue::class(error) == Class::Message);
            // First of all: the server may close the connection right behind its refusal.
            for (uid, error) in &of_message {
                way.except(&[(*uid, reasons::refused(error))]).await?;
                tally.refused += 1;
            }
            if !of_message.is_empty() || round.answers.copied > 0 || round.excepted > 0 {
                memory.suspects.remove(&uid);
            }
            let given = round.unreadable.len() + round.missing.len();
            self.rest(way, open, round, &others, tally, memory).await?;
            if given > 0 {
                memory.suspects.remove(&uid);
            }
        }
        Ok(())
    }

    /// Asks for fresh connections at once: this one has seen too many errors.
    async fn renew(&self, way: &Way<'_>) -> Result<Stop, Stop> {
        self.close_checkpoint().await?;
        let error = ImapError::Closed {
            command: "APPEND",
            bye: None,
            reason: Some("it saw refusals, and a fresh one takes its place".to_owned()),
        };
        Ok(Stop::Again(catalogue::imap(&error, way.destination_object).retry(Retry::AtOnce)))
    }

    /// Deals with everything of a round but the refusals that are about one message.
    async fn rest(
        &self,
        way: &Way<'_>,
        open: &Open<'_>,
        round: Round,
        others: &[(Uid, ImapError)],
        tally: &mut Tally,
        memory: &mut Memory,
    ) -> Result<(), Stop> {
        tally.copied += round.answers.copied;
        tally.bytes += round.answers.bytes;
        tally.refused += round.excepted;
        if !round.to_read_first.is_empty() {
            self.read_first(way, &round.to_read_first, &mut memory.first).await?;
        }
        // First of all: the source may have closed the connection right behind them.
        for (uid, error) in &round.unreadable {
            if memory.gives_nothing() {
                if !round.owed {
                    self.close_checkpoint().await?;
                }
                let error = catalogue::imap(error, way.source_object);
                return Err(Stop::Failed(error.hint(
                    "So many messages in a row could not be read that it is the source and not they: look at the server, then run the same command again.",
                )));
            }
            let words = error.words().unwrap_or_else(|| error.to_string());
            way.except(&[(*uid, reasons::unreadable(&words))]).await?;
            tally.refused += 1;
        }
        if let (Some(uid), Some(Stop::Again(error))) = (memory.fell(&round.fell), &round.stop) {
            let words = error.words.clone().unwrap_or_else(|| error.to_string());
            way.except(&[(uid, reasons::unreadable(&words))]).await?;
            tally.refused += 1;
        }
        if let Some(stop) = round.stop {
            if !round.owed {
                self.close_checkpoint().await?;
            }
            return Err(stop);
        }
        if let Some((_, error)) = others.first() {
            self.close_checkpoint().await?;
            return Err(Stop::Failed(match catalogue::class(error) {
                Class::Mailbox | Class::Credential => {
                    let object = Object::mailbox("destination", &self.mailbox.destination);
                    catalogue::imap(error, &object)
                }
                _ => catalogue::imap(error, way.destination_object),
            }));
        }
        if !round.missing.is_empty() {
            tally.refused += self.without_body(way, open, &round.missing, memory).await?;
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

    /// The source gave no body: either the message is gone, which a complete listing shows, or it
    /// stays behind.
    async fn without_body(
        &self,
        way: &Way<'_>,
        open: &Open<'_>,
        missing: &BTreeSet<Uid>,
        memory: &mut Memory,
    ) -> Result<u64, Stop> {
        let object = self.source_object();
        let selected = open
            .source
            .connection
            .examine(open.source_name)
            .await
            .map_err(|error| Stop::from_imap(&error, &object))?;
        same_validity(&object, way.validity, selected.uid_validity)?;
        let listing = inventory::record_readable(
            self.desk,
            &open.source.connection,
            open.source_name,
            &selected,
            way.key,
            &object,
        )
        .await?;
        // No answer is owed: what is pending goes out with the flags of this listing.
        let to = self.destination_key();
        self.desk.ledger(move |ledger| ledger.forget_flags_when_sent(&to)).await?;
        if listing.incomplete.is_some() {
            // Nobody can tell whether they are gone; the pass fails in the end.
            memory.incomplete = listing.incomplete;
            return Ok(0);
        }
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
