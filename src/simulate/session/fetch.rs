//! FETCH and SEARCH.

use crate::simulate::fetch_item::FetchItem;
use crate::simulate::folder::{Condition, Message};
use crate::simulate::habit::Habit;
use crate::simulate::search::{Candidate, Key};
use crate::simulate::sequence::SequenceSet;
use crate::simulate::session::view::Seen;
use crate::simulate::session::{Outcome, Session};
use crate::simulate::voice;
use bytes::Bytes;
use std::fmt::Write as _;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// How many messages are looked up at once; what is written between bounds a session's memory.
const BATCH: usize = 64;

/// A message with its number, and whether `\Seen` was set on it; `None` when it is gone.
type Found = (u32, Seen, Option<(Message, bool)>);

/// A part of an answer.
enum Out {
    Text(String),
    Octets(Bytes),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn fetch(
        &mut self,
        uid: bool,
        set: &SequenceSet,
        items: &[FetchItem],
        changed_since: Option<u64>,
    ) -> io::Result<Outcome> {
        let Some(selected) = &self.selected else { return Ok(Outcome::Gone) };
        let Some(chosen) = selected.chosen(set, uid) else {
            return Ok(Outcome::Bad(voice::wrong(
                self.product.voice,
                "FETCH",
                crate::simulate::command::Wrong::Arguments,
            )));
        };
        let mut items = items.to_vec();
        if uid && !items.contains(&FetchItem::Uid) {
            items.insert(0, FetchItem::Uid);
        }
        if changed_since.is_some() && !items.contains(&FetchItem::ModSeq) {
            items.push(FetchItem::ModSeq);
        }
        if items.contains(&FetchItem::ModSeq) {
            // A client that asks once is told from then on, RFC 7162 section 3.1.
            self.condstore = true;
        }
        let (id, read_only) = (selected.id, selected.read_only);
        let marks = !read_only
            && items.iter().any(|item| matches!(item, FetchItem::Body { peek: false, .. }));
        let mut missing = false;
        for batch in chosen.chunks(BATCH) {
            let messages = self.look_up(id, batch, marks);
            for (number, seen, message) in messages {
                let Some((message, marked)) = message else {
                    missing = true;
                    continue;
                };
                if changed_since.is_some_and(|since| message.modseq <= since) {
                    continue;
                }
                let mut items = items.clone();
                if marked && !items.contains(&FetchItem::Flags) {
                    items.push(FetchItem::Flags);
                }
                if items.contains(&FetchItem::Flags)
                    && let Some(selected) = &mut self.selected
                {
                    selected.told(message.uid, message.modseq);
                }
                for out in self.answer(number, seen, &message, &items) {
                    match out {
                        Out::Text(text) => self.wire.pour(text.as_bytes()).await?,
                        Out::Octets(octets) => self.wire.pour(&octets).await?,
                    }
                }
            }
        }
        Ok(if missing {
            Outcome::No(
                "[EXPUNGEISSUED] Some of the requested messages no longer exist.".to_owned(),
            )
        } else {
            Outcome::Ok(String::new())
        })
    }

    /// Returns the messages as they are now, and whether `\Seen` was set on them.
    fn look_up(&self, id: u64, batch: &[(u32, Seen)], marks: bool) -> Vec<Found> {
        let Some(user) = &self.user else { return Vec::new() };
        let mut any = false;
        let found = self.service.account(user, |account| {
            let mut folder = account.mailbox.by_id_mut(id);
            let mut found = Vec::new();
            for &(number, seen) in batch {
                let message = folder.as_deref_mut().and_then(|folder| {
                    let flags = folder.message(seen.uid)?.flags.clone();
                    let marked = marks && !flags.contains("\\Seen");
                    if marked {
                        let mut flags = flags;
                        flags.insert("\\Seen");
                        folder.set_flags(seen.uid, flags);
                        any = true;
                    }
                    folder.message(seen.uid).cloned().map(|message| (message, marked))
                });
                found.push((number, seen, message));
            }
            found
        });
        if any {
            self.note_seen();
            self.service.notify();
        }
        found.unwrap_or_default()
    }

    fn answer(&self, number: u32, seen: Seen, message: &Message, items: &[FetchItem]) -> Vec<Out> {
        let body = items.iter().any(|item| matches!(item, FetchItem::Body { .. }));
        if body && message.condition == Condition::Broken && self.product.has(Habit::OkWithoutData)
        {
            return Vec::new();
        }
        let mut order: Vec<&FetchItem> = items.iter().collect();
        if self.product.has(Habit::UidAfterBody) && body {
            // Stable: what is not moved keeps its order.
            order.sort_by_key(|item| matches!(item, FetchItem::Uid | FetchItem::Flags));
        }
        let octets = self.octets(number, message);
        let mut out = vec![Out::Text(format!("* {number} FETCH ("))];
        for (place, item) in order.into_iter().enumerate() {
            let blank = if place > 0 { " " } else { "" };
            match item {
                FetchItem::Body { section, part, label, .. } => {
                    let cut = cut(&section.of(&octets), *part);
                    out.push(Out::Text(format!("{blank}{label} {{{}}}\r\n", cut.len())));
                    out.push(Out::Octets(cut));
                }
                plain => {
                    let text = self.value(plain, seen, message, &octets);
                    out.push(Out::Text(format!("{blank}{text}")));
                }
            }
        }
        out.push(Out::Text(")\r\n".to_owned()));
        out
    }

    fn value(&self, item: &FetchItem, seen: Seen, message: &Message, octets: &Bytes) -> String {
        match item {
            FetchItem::Uid => format!("UID {}", message.uid),
            FetchItem::Flags => {
                let recent = if seen.recent { " \\Recent" } else { "" };
                format!("FLAGS ({})", format!("{}{recent}", message.flags).trim_start())
            }
            FetchItem::InternalDate => format!("INTERNALDATE \"{}\"", message.date),
            FetchItem::ModSeq => format!("MODSEQ ({})", message.modseq),
            // The size in the store of items, which holds more than the text.
            _ if self.product.has(Habit::SizeDiffersFromBody) => {
                format!("RFC822.SIZE {}", octets.len() + octets.len() / 10 + 1_024)
            }
            _ => format!("RFC822.SIZE {}", octets.len()),
        }
    }

    fn octets(&self, number: u32, message: &Message) -> Bytes {
        let stub =
            message.condition == Condition::CalendarItem && self.product.has(Habit::RetrievalStub);
        if !stub {
            return message.served.clone();
        }
        Bytes::from(format!(
            "Subject: Retrieval using the IMAP4 protocol failed for the following message: {number}\r\n\r\nThe server couldn't retrieve the following message.\r\n"
        ))
    }

    pub(super) fn search(&mut self, uid: bool, keys: &[Key]) -> Outcome {
        let (Some(selected), Some(user)) = (&self.selected, &self.user) else {
            return Outcome::Gone;
        };
        let (last_number, last_uid) = (selected.largest(false), selected.largest(true));
        let modseq = keys.iter().any(|key| matches!(key, Key::ModSeq(_)));
        let mut highest = 0;
        let found = self.service.account(user, |account| {
            let Some(folder) = account.mailbox.by_id(selected.id) else { return Vec::new() };
            (1_u32..)
                .zip(&selected.view)
                .filter_map(|(number, seen)| {
                    let message = folder.message(seen.uid)?;
                    let recent = seen.recent;
                    let candidate = Candidate { message, number, recent, last_number, last_uid };
                    keys.iter().all(|key| key.fits(&candidate)).then(|| {
                        highest = highest.max(message.modseq);
                        if uid { seen.uid } else { number }
                    })
                })
                .collect()
        });
        let mut line = "* SEARCH".to_owned();
        for number in found.unwrap_or_default() {
            // Writing to a string cannot fail.
            let _ = write!(line, " {number}");
        }
        if modseq && highest > 0 {
            let _ = write!(line, " (MODSEQ {highest})");
        }
        line.push_str("\r\n");
        self.wire.say(&line);
        Outcome::Ok(String::new())
    }
}

fn cut(octets: &Bytes, part: Option<(u64, u64)>) -> Bytes {
    let Some((first, most)) = part else { return octets.clone() };
    let start = usize::try_from(first).unwrap_or(usize::MAX).min(octets.len());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    octets.slice(start..start.saturating_add(most).min(octets.len()))
}
