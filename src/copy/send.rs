//! Streams pending messages from the source to the destination.

use crate::catalogue::{self, Object};
use crate::copy::acks::{self, Answers, InFlight};
use crate::copy::batches;
use crate::copy::desk::Desk;
use crate::copy::memory::Memory;
use crate::copy::reasons;
use crate::copy::stop::Stop;
use crate::copy::unread;
use crate::copy::window::{Place, Window};
use crate::error::Class;
use crate::executor::event::Event;
use crate::imap::{
    AppendBody, Bodies, BodyEvent, Connection, ImapError, PendingAppend, SequenceSet,
    SourceConnection,
};
use crate::message::date;
use crate::message::rules::Refusal;
use crate::message::scan::{Scanner, Traits};
use crate::message::transform::{Transform, Transformer};
use crate::model::digest::Digest;
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::folder::RawName;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageRow, MessageState};
use crate::profile::target::Target;
use bytes::{Bytes, BytesMut};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The error at which Exchange closes a connection.
const CLOSED_AT: u32 = 10;

/// Messages up to this size are buffered whole and checked before the first octet is sent.
pub const BUFFERED: u64 = 1 << 20;

/// One direction of a folder copy: everything that stays the same from message to message.
#[derive(Debug)]
pub struct Way<'a> {
    /// What every step needs.
    pub desk: &'a Desk,
    /// The source, with its folder examined.
    pub source: &'a SourceConnection,
    /// The destination, with its folder selected.
    pub destination: &'a Connection,
    /// The destination folder on the wire.
    pub name: &'a RawName,
    /// What the destination folder can store.
    pub permanent: &'a PermanentFlags,
    /// What holds for the destination.
    pub target: &'a Target,
    /// The source folder.
    pub key: &'a FolderKey,
    /// Its UIDVALIDITY.
    pub validity: UidValidity,
    /// The UIDVALIDITY of the destination folder.
    pub destination_validity: UidValidity,
    /// For sentences.
    pub source_object: &'a Object,
    /// For sentences.
    pub destination_object: &'a Object,
    /// What may be in flight to the destination.
    pub window: Window,
}

/// What one round of sending gave.
#[derive(Debug, Default)]
pub struct Round {
    /// The answers.
    pub answers: Answers,
    /// Messages for which the source gave no body.
    pub missing: BTreeSet<Uid>,
    /// Messages that the source would not give even when asked for alone, in its own words.
    pub unreadable: Vec<(Uid, ImapError)>,
    /// Large messages that hold what the destination cannot take: they need a first reading.
    pub to_read_first: BTreeSet<Uid>,
    /// Messages that stay behind because a transform that they need is not allowed.
    pub excepted: u64,
    /// What the source still owed of a FETCH when its line fell, in the order of UIDs.
    pub fell: Vec<Uid>,
    /// The oldest message that the destination had not answered when its line fell, and its last
    /// words.
    pub hung: Option<(Uid, String)>,
    /// The message in which the destination's line fell while it was written.
    cut: Option<(Uid, ImapError)>,
    /// Why it ended early.
    pub stop: Option<Stop>,
    /// An APPEND was begun and its answer will never come: its message is unclear.
    pub owed: bool,
    /// Cancelled when the server wants nothing more now.
    pub halt: CancellationToken,
}

impl Round {
    /// Finds the message at which the destination hung up. A line that fell because the source's
    /// did, or because this side closed it before a forbidden octet, says nothing.
    fn find_hung(&mut self) {
        let cut = self.cut.take();
        if !self.fell.is_empty() || !self.to_read_first.is_empty() {
            return;
        }
        let oldest = self.answers.lost.clone().or(cut);
        self.hung = oldest
            .filter(|(_, error)| matches!(catalogue::class(error), Class::Message | Class::Line))
            .map(|(uid, error)| (uid, error.words().unwrap_or_else(|| error.to_string())));
    }
}

impl Way<'_> {
    /// Sends messages in order of UID.
    pub async fn send(&self, rows: &[MessageRow], memory: &Memory) -> Result<Round, Stop> {
        let halt = CancellationToken::new();
        let (flights, task) = acks::start(
            self.desk.clone(),
            self.key.clone(),
            self.validity,
            self.destination_validity,
            halt.clone(),
        );
        let mut round = Round { halt, ..Round::default() };
        let ended = self.pump(rows, memory, &flights, &mut round).await;
        drop(flights);
        // What was refused before its literal went out never was in flight.
        let refused = std::mem::take(&mut round.answers.refused);
        round.answers = acks::join(task).await?;
        round.answers.refused.extend(refused);
        round.owed |= round.answers.lost.is_some();
        if let Err(stop) = ended {
            round.stop = Some(stop);
        }
        if let (None, Some((_, lost))) = (&round.stop, &round.answers.lost) {
            round.stop = Some(Stop::from_imap(lost, self.destination_object));
        }
        round.find_hung();
        let busy = round.answers.refused.iter().map(|(_, error)| error);
        let busy = busy.filter(|error| catalogue::passes(error)).max_by_key(|e| e.backoff());
        // A line that was lost as well must not shorten the time that the server wants.
        if let (None | Some(Stop::Again(_)), Some(error)) = (&round.stop, busy) {
            round.stop = Some(Stop::from_imap(error, self.destination_object));
        }
        if let Some(now) = round.answers.another {
            // Nothing of it is in the ledger: the checkpoint stays open.
            round.owed = true;
            let (object, known) = (self.destination_object, self.destination_validity);
            round.stop = Some(Stop::Failed(catalogue::new_validity(object, known, now)));
        }
        Ok(round)
    }

    /// How many messages the errors of the connection leave room for: if all of them were refused,
    /// the server still would not close it.
    pub(super) fn room(&self) -> usize {
        match self.destination.errors() {
            0 => usize::MAX,
            errors => usize::try_from(CLOSED_AT.saturating_sub(1 + errors)).unwrap_or(1).max(1),
        }
    }

    /// Keeps a refusal of a message whose octets were not asked for.
    fn refused(round: &mut Round, uid: Uid, error: ImapError) {
        if acks::halts(&error) {
            round.halt.cancel();
        }
        round.answers.refused.push((uid, error));
    }

    async fn pump(
        &self,
        rows: &[MessageRow],
        memory: &Memory,
        flights: &mpsc::UnboundedSender<InFlight>,
        round: &mut Round,
    ) -> Result<(), Stop> {
        let by_uid: BTreeMap<Uid, &MessageRow> =
            rows.iter().map(|row| (row.listed.uid, row)).collect();
        let window = &self.window;
        let mut batches = batches::batches(rows, &memory.apart);
        let mut running: VecDeque<(Vec<Uid>, Bodies)> = VecDeque::new();
        loop {
            // What it refused may be all that came, so that no body ends the round.
            if self.source.is_worn() {
                return Ok(());
            }
            // The next FETCH goes out before the present one ends.
            while running.len() < 2 {
                let Some(uids) = batches.pop_front() else { break };
                let bodies = self
                    .source
                    .fetch_bodies(&SequenceSet::from_uids(uids.iter().copied()))
                    .await
                    .map_err(|error| Stop::from_imap(&error, self.source_object))?;
                running.push_back((uids, bodies));
            }
            let Some((uids, mut bodies)) = running.pop_front() else { return Ok(()) };
            let mut seen = BTreeSet::new();
            loop {
                let event = match bodies.next().await {
                    Ok(Some(event)) => event,
                    Ok(None) => break,
                    Err(error) => {
                        self.apart(error, &uids, &mut seen, &mut batches, round)?;
                        break;
                    }
                };
                let BodyEvent::Start { uid, size } = event else { continue };
                self.desk.go_on()?;
                if round.halt.is_cancelled() || self.destination.is_worn() {
                    return Ok(());
                }
                let uid = if size <= BUFFERED {
                    let (uid, octets) = match self.buffer(&mut bodies, size).await? {
                        Ok(whole) => whole,
                        Err(error) => {
                            self.apart(error, &uids, &mut seen, &mut batches, round)?;
                            break;
                        }
                    };
                    if let Some(row) = by_uid.get(&uid).filter(|_| seen.insert(uid)) {
                        self.send_whole(row, octets, window, flights, round).await?;
                    }
                    uid
                } else {
                    // A server that tells the UID after the body can only be asked for one
                    // message at a time; batches hold a large message alone.
                    let uid = uid.or_else(|| uids.first().copied().filter(|_| uids.len() == 1));
                    let row =
                        uid.filter(|uid| !seen.contains(uid)).and_then(|uid| by_uid.get(&uid));
                    let Some(row) = row else { continue };
                    let first = &memory.first;
                    self.send_streamed(row, size, first, &mut bodies, window, flights, round)
                        .await?;
                    row.listed.uid
                };
                seen.insert(uid);
            }
            round.missing.extend(uids.iter().filter(|uid| !seen.contains(uid)));
        }
    }

    /// Deals with a FETCH that the source ended with a refusal or with a record that cannot be
    /// read: what it did not give is asked for again, each message alone, so that one bad message
    /// does not keep its folder back. `seen` takes what is dealt with.
    ///
    /// Dovecot closes the connection at a message that it cannot read, or says SERVERBUG: what it
    /// owed then is noted, and the round ends.
    fn apart(
        &self,
        error: ImapError,
        uids: &[Uid],
        seen: &mut BTreeSet<Uid>,
        batches: &mut VecDeque<Vec<Uid>>,
        round: &mut Round,
    ) -> Result<(), Stop> {
        if unread::fells(&error) {
            let owed: BTreeSet<Uid> =
                uids.iter().copied().filter(|uid| !seen.contains(uid)).collect();
            round.fell = owed.into_iter().collect();
        }
        if !unread::is_of_messages(&error) {
            return Err(Stop::from_imap(&error, self.source_object));
        }
        let rest: Vec<Uid> = uids.iter().copied().filter(|uid| seen.insert(*uid)).collect();
        if let ([_], [only]) = (uids, rest.as_slice()) {
            round.unreadable.push((*only, error));
        } else {
            for uid in rest.into_iter().rev() {
                batches.push_front(vec![uid]);
            }
        }
        Ok(())
    }

    /// Takes a body whole; the inner error is that of a record which could not be read.
    async fn buffer(
        &self,
        bodies: &mut Bodies,
        size: u64,
    ) -> Result<Result<(Uid, Bytes), ImapError>, Stop> {
        let mut octets = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
        loop {
            match bodies.next().await {
                Ok(Some(BodyEvent::Chunk(chunk))) => octets.extend_from_slice(&chunk),
                Ok(Some(BodyEvent::End { uid })) => return Ok(Ok((uid, octets.freeze()))),
                Ok(Some(BodyEvent::Start { .. } | BodyEvent::Missing { .. }) | None) => {
                    return Err(self.broken_body());
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    pub(super) fn broken_body(&self) -> Stop {
        let error = ImapError::Protocol {
            what: "a body ended before its announced size".to_owned(),
            words: None,
        };
        Stop::Again(
            catalogue::imap(&error, self.source_object).retry(crate::error::Retry::Transient),
        )
    }

    async fn send_whole(
        &self,
        row: &MessageRow,
        octets: Bytes,
        window: &Window,
        flights: &mpsc::UnboundedSender<InFlight>,
        round: &mut Round,
    ) -> Result<(), Stop> {
        let scan = |octets: &[u8]| {
            let mut scanner = Scanner::new();
            scanner.feed(octets);
            scanner.finish()
        };
        let Some(transforms) = self.allowed(row, &scan(&octets), round).await? else {
            return Ok(());
        };
        let sent = match Transformer::whole(&transforms, &octets) {
            Ok(sent) => sent,
            Err(refusal) => return self.stays(row, reasons::unfit(refusal), round).await,
        };
        let traits = scan(&sent);
        if let Some(reason) = self.still_unfit(&traits, &transforms) {
            return self.stays(row, reason, round).await;
        }
        let literal8 = self.target.rules.is_literal8(&traits);
        let copied = self.copied(
            row,
            (Digest::of(&octets), Digest::of(&sent), sent.len() as u64),
            &transforms,
            row.listed.internal_date.clone().or_else(|| date::from_headers(&octets)),
        );
        self.desk.spend(copied.size).await;
        let place = window.enter(copied.size, || self.room()).await;
        if round.halt.is_cancelled() || self.destination.is_worn() {
            return Ok(());
        }
        let body = if literal8 { AppendBody::Binary(sent) } else { AppendBody::Whole(sent) };
        self.append(row, copied, body, place, flights, round).await
    }

    async fn append(
        &self,
        row: &MessageRow,
        copied: Copied,
        body: AppendBody,
        place: Place,
        flights: &mpsc::UnboundedSender<InFlight>,
        round: &mut Round,
    ) -> Result<(), Stop> {
        let uid = row.listed.uid;
        let date = copied.internal_date.clone();
        let answer = self
            .destination
            .append(self.name, &copied.stored_flags, date.as_ref(), copied.size, body)
            .await;
        self.written(uid, answer, copied, place, flights, round)
    }

    /// Deals with an APPEND whose octets are written, or refused, or cut off.
    pub(super) fn written(
        &self,
        uid: Uid,
        answer: Result<PendingAppend, ImapError>,
        copied: Copied,
        place: Place,
        flights: &mpsc::UnboundedSender<InFlight>,
        round: &mut Round,
    ) -> Result<(), Stop> {
        match answer {
            Ok(answer) => {
                self.fly(InFlight { uid, answer, copied, place, sent: Instant::now() }, flights)
            }
            Err(error) if error.is_answer() => {
                place.trouble();
                Self::refused(round, uid, error);
                Ok(())
            }
            Err(error) => {
                // Where the line holds, nothing was sent: the run ended while the server wanted
                // nothing, or it cannot be said in IMAP.
                if error.loses_connection() {
                    round.owed = true;
                    round.cut = Some((uid, error.clone()));
                }
                Err(Stop::from_imap(&error, self.destination_object))
            }
        }
    }

    fn fly(&self, flight: InFlight, flights: &mpsc::UnboundedSender<InFlight>) -> Result<(), Stop> {
        flights.send(flight).map_err(|_| {
            let error = ImapError::Closed { command: "APPEND", bye: None, reason: None };
            Stop::from_imap(&error, self.destination_object)
        })
    }

    pub(super) fn copied(
        &self,
        row: &MessageRow,
        (source_digest, sent_digest, size): (Digest, Digest, u64),
        transforms: &[Transform],
        internal_date: Option<InternalDate>,
    ) -> Copied {
        let (stored_flags, source_flags) = self.flags(row);
        Copied {
            destination: None,
            source_digest,
            sent_digest,
            size,
            stored_flags,
            source_flags,
            tried_flags: None,
            internal_date,
            transforms: transforms.iter().map(|transform| transform.label()).collect(),
            adopted: false,
            found: false,
            elsewhere: None,
        }
    }

    /// Returns the flags that go with APPEND, and those of the source that they stand for. What
    /// the destination forgets at APPEND is in neither, so that it counts as changed and follows
    /// by STORE.
    pub(super) fn flags(&self, row: &MessageRow) -> (Flags, Flags) {
        let (storable, _) = row.listed.flags.storable(self.permanent);
        let (first, later) = self.target.profile.at_append(&storable);
        (first, row.listed.flags.minus(&later))
    }

    /// Says why a changed message may not go out after all.
    pub(super) fn still_unfit(&self, sent: &Traits, transforms: &[Transform]) -> Option<String> {
        if let Some(limit) = self.target.message_size.filter(|&limit| sent.octets > limit) {
            return Some(reasons::too_large(sent.octets, limit));
        }
        let last = transforms.last().filter(|_| self.target.rules.forbids_whole(sent))?;
        let why = "it needs more than the change can do";
        Some(reasons::unfit(Refusal::Impossible(last.name(), why)))
    }

    /// Records that a message stays behind.
    pub(super) async fn stays(
        &self,
        row: &MessageRow,
        reason: String,
        round: &mut Round,
    ) -> Result<(), Stop> {
        round.excepted += 1;
        self.except(&[(row.listed.uid, reason)]).await
    }

    /// Returns the transforms that a message needs; excepts it when one is not allowed.
    pub(super) async fn allowed(
        &self,
        row: &MessageRow,
        traits: &Traits,
        round: &mut Round,
    ) -> Result<Option<Vec<Transform>>, Stop> {
        match self.target.rules.needed(traits) {
            Ok(transforms) => Ok(Some(transforms)),
            Err(refusal) => {
                self.stays(row, reasons::unfit(refusal), round).await?;
                Ok(None)
            }
        }
    }

    /// Records messages that stay behind.
    pub async fn except(&self, messages: &[(Uid, String)]) -> Result<(), Stop> {
        let results: Vec<_> = messages
            .iter()
            .map(|(uid, reason)| (*uid, MessageState::Excepted(reason.clone()), None))
            .collect();
        let (key, validity) = (self.key.clone(), self.validity);
        self.desk.ledger(move |ledger| ledger.settle(&key, validity, &results)).await?;
        for (uid, reason) in messages {
            self.desk.tell(&Event::Excepted {
                mailbox: self.key.mailbox.clone(),
                folder: self.key.folder.clone(),
                uid: uid.0,
                reason: reason.clone(),
            });
        }
        Ok(())
    }
}
