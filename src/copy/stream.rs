//! Streams a large message from one server to the other, a chunk at a time.

use crate::catalogue;
use crate::copy::acks::InFlight;
use crate::copy::bodies::Read;
use crate::copy::reasons;
use crate::copy::send::{Round, Way};
use crate::copy::stop::Stop;
use crate::copy::window::Window;
use crate::imap::{AppendBody, Bodies, BodyEvent, ImapError};
use crate::message::date;
use crate::message::rules::Refusal;
use crate::message::scan::{Scanner, Traits};
use crate::message::transform::Transformer;
use crate::model::digest::{Digest, Hasher};
use crate::model::uid::Uid;
use crate::ports::ledger::MessageRow;
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::mpsc;

impl Way<'_> {
    /// Streams a large message. Its octets are checked on their way: before one goes out that the
    /// destination cannot take, the connection is dropped.
    #[allow(clippy::too_many_arguments, reason = "the state of one round, passed on whole")]
    pub(super) async fn send_streamed(
        &self,
        row: &MessageRow,
        size: u64,
        first: &BTreeMap<Uid, Read>,
        bodies: &mut Bodies,
        window: &Window,
        flights: &mpsc::UnboundedSender<InFlight>,
        round: &mut Round,
    ) -> Result<(), Stop> {
        let uid = row.listed.uid;
        let known = first.get(&uid);
        let transforms = match known {
            Some(read) => match self.allowed(row, &read.traits, round).await? {
                Some(transforms) => transforms,
                None => return self.pass_over(bodies).await,
            },
            None => Vec::new(),
        };
        let reason = known.and_then(|read| self.unfit(read));
        if let Some(reason) = reason {
            self.stays(row, reason, round).await?;
            return self.pass_over(bodies).await;
        }
        let literal8 = known.is_some_and(|read| {
            // The transforms leave NUL in the body where a literal8 carries it.
            let body_only = Traits { nul: read.traits.nul - read.traits.header_nul, ..read.traits };
            self.target.rules.is_literal8(&body_only)
        });
        let sent_size = known.map_or(size, |read| read.sent_size);
        let place = window.enter(sent_size, || self.room()).await;
        if round.halt.is_cancelled() || self.destination.is_worn() {
            return self.pass_over(bodies).await;
        }
        // The date goes out before the first octet of the message.
        let (date, head) = match row.listed.internal_date.clone() {
            Some(date) => (Some(date), VecDeque::new()),
            None => match self.head(bodies).await {
                Ok(head) => {
                    (date::from_headers(&head.iter().flatten().copied().collect::<Vec<u8>>()), head)
                }
                Err(stop) => {
                    round.fell = vec![uid];
                    return Err(stop);
                }
            },
        };
        let (chunks, receiver) = mpsc::channel(4);
        let (flags, _) = self.flags(row);
        let body = if literal8 {
            AppendBody::BinaryStream(receiver)
        } else {
            AppendBody::Stream(receiver)
        };
        let append = self.destination.append(self.name, &flags, date.as_ref(), sent_size, body);
        let recipe = known.map(|read| read.recipe.clone()).unwrap_or_default();
        let feed =
            self.feed((head, bodies), Transformer::new(&transforms, &recipe), literal8, chunks);
        let (answer, fed) = tokio::join!(append, feed);
        // Until the literal is whole, a broken body breaks the destination's line as well.
        round.owed |= fed.as_ref().map_or(true, Option::is_none);
        if fed.is_err() {
            round.fell = vec![uid];
        }
        let Some((digest, sent_digest)) = fed? else {
            if known.is_some() {
                let why = "it needs more than the change can do";
                let name = transforms.last().map_or("nothing", |transform| transform.name());
                self.stays(row, reasons::unfit(Refusal::Impossible(name, why)), round).await?;
            } else {
                round.to_read_first.insert(uid);
            }
            return Err(Stop::Again(
                catalogue::imap(
                    &ImapError::Protocol {
                        what: format!("message UID {uid} holds octets that need a transform"),
                        words: None,
                    },
                    self.source_object,
                )
                .retry(crate::error::Retry::Transient),
            ));
        };
        let copied = self.copied(row, (digest, sent_digest, sent_size), &transforms, date);
        self.written(uid, answer, copied, place, flights, round)
    }

    /// Takes the beginning of a large body, as much as is looked at for a date.
    async fn head(&self, bodies: &mut Bodies) -> Result<VecDeque<Bytes>, Stop> {
        let (mut head, mut octets) = (VecDeque::new(), 0);
        while octets < date::LOOKED_AT {
            match bodies.next().await.map_err(|e| Stop::from_imap(&e, self.source_object))? {
                Some(BodyEvent::Chunk(chunk)) => {
                    octets += chunk.len();
                    head.push_back(chunk);
                }
                _ => return Err(self.broken_body()),
            }
        }
        Ok(head)
    }

    /// Feeds the chunks of a body, those that were taken before first; `None` when an octet came
    /// that may not be sent.
    async fn feed(
        &self,
        (mut head, bodies): (VecDeque<Bytes>, &mut Bodies),
        mut transformer: Transformer,
        literal8: bool,
        chunks: mpsc::Sender<Bytes>,
    ) -> Result<Option<(Digest, Digest)>, Stop> {
        let (mut hasher, mut sent) = (Hasher::new(), Hasher::new());
        let mut scanner = Scanner::new();
        // The last chunk is held back until it is known that nothing is wrong with the end.
        let mut held: Option<Bytes> = None;
        loop {
            let event = match head.pop_front() {
                Some(chunk) => Some(BodyEvent::Chunk(chunk)),
                None => bodies.next().await.map_err(|e| Stop::from_imap(&e, self.source_object))?,
            };
            match event {
                Some(BodyEvent::Chunk(chunk)) => {
                    hasher.update(&chunk);
                    let chunk = transformer.feed(&chunk);
                    scanner.feed(&chunk);
                    if self.may_not_go(&scanner.found(), literal8) {
                        return Ok(None);
                    }
                    sent.update(&chunk);
                    self.desk.spend(chunk.len() as u64).await;
                    if let Some(before) = held.replace(chunk) {
                        // A destination that refused stops listening; the rest is read and dropped.
                        let _ = chunks.send(before).await;
                    }
                }
                Some(BodyEvent::End { .. }) => {
                    let end = transformer.finish();
                    scanner.feed(&end);
                    let found = scanner.finish();
                    if self.may_not_go(&found, literal8) || self.target.rules.forbids_whole(&found)
                    {
                        return Ok(None);
                    }
                    sent.update(&end);
                    for chunk in held.into_iter().chain([end]).filter(|chunk| !chunk.is_empty()) {
                        let _ = chunks.send(chunk).await;
                    }
                    return Ok(Some((hasher.finish(), sent.finish())));
                }
                Some(BodyEvent::Start { .. } | BodyEvent::Missing { .. }) | None => {
                    return Err(self.broken_body());
                }
            }
        }
    }

    /// Tells whether octets that are on their way may not go out.
    fn may_not_go(&self, found: &Traits, literal8: bool) -> bool {
        // What a plain literal may not carry, RFC 3501 section 4.3.
        self.target.rules.forbids(found) || (found.nul > 0 && !literal8)
    }

    /// Says why a message that was read once may not go out.
    fn unfit(&self, read: &Read) -> Option<String> {
        if let Some(refusal) = read.impossible {
            return Some(reasons::unfit(refusal));
        }
        let limit = self.target.message_size.filter(|&limit| read.sent_size > limit)?;
        Some(reasons::too_large(read.sent_size, limit))
    }

    async fn pass_over(&self, bodies: &mut Bodies) -> Result<(), Stop> {
        loop {
            match bodies.next().await.map_err(|e| Stop::from_imap(&e, self.source_object))? {
                Some(BodyEvent::Chunk(_)) => {}
                Some(_) => return Ok(()),
                None => return Err(self.broken_body()),
            }
        }
    }
}
