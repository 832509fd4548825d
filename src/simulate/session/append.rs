//! APPEND, and what servers make of it.

use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::simulate::command::{Appended, Command, Wrong};
use crate::simulate::folder::{Condition, NewMessage, Writer};
use crate::simulate::habit::Habit;
use crate::simulate::mailbox::Refusal;
use crate::simulate::product::Voice;
use crate::simulate::rewrite::{self, message_id};
use crate::simulate::service::Service;
use crate::simulate::session::copy::uid_set;
use crate::simulate::session::store::is_fixed;
use crate::simulate::session::{CLOSED, Outcome, Session};
use crate::simulate::voice;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

/// What was stored: UIDVALIDITY, UIDs and how many APPENDs the mailbox has seen.
struct Stored {
    uid_validity: u32,
    uids: Vec<u32>,
    count: u64,
}

/// Stores messages in a folder, as the product does.
fn commit(
    service: &Service,
    user: &str,
    name: &str,
    number: u64,
    messages: Vec<Appended>,
) -> Option<Result<Stored, Refusal>> {
    let product = service.product();
    let now = service.now();
    let ids = product.has(Habit::RewriteMessageId);
    let fixed = product.has(Habit::FixedPermanentFlags);
    let mut new = Vec::new();
    let mut known = Vec::new();
    for message in messages {
        let id = if ids { message_id(&message.octets) } else { None };
        let twin = id.as_ref().is_some_and(|id| {
            service.account(user, |account| account.mailbox.message_ids.contains(id)) == Some(true)
        });
        known.extend(id);
        let stored = rewrite::rewrite(product, &message.octets, twin);
        let flags = Flags::from_words(message.flags.iter().filter(|flag| !fixed || is_fixed(flag)));
        new.push(NewMessage {
            flags,
            date: message.date.unwrap_or_else(|| InternalDate::from_timestamp(now)),
            saved: now,
            given: message.octets,
            served: stored.octets,
            rewrites: stored.names,
            writer: Writer::Session(number),
            condition: Condition::Whole,
            flagged_by_store: false,
        });
    }
    let stored = service.account(user, |account| {
        let (uid_validity, uids) = account.mailbox.store(name, new)?;
        account.mailbox.appends += 1;
        // Only what was stored makes a later one a twin.
        account.mailbox.message_ids.extend(known);
        Ok(Stored { uid_validity, uids, count: account.mailbox.appends })
    });
    service.notify();
    stored
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// What is wrong with the messages themselves.
    fn unfit(&self, messages: &[Appended]) -> Option<Outcome> {
        let voice = self.product.voice;
        for message in messages {
            if message.octets.is_empty() {
                return Some(Outcome::No("Can't save a zero byte message".to_owned()));
            }
            // RFC 3501 section 9: CHAR8 has no NUL. The words are Cyrus's.
            if message.octets.contains(&0) {
                return Some(Outcome::No("Message contains NUL characters".to_owned()));
            }
            let keyword = message.flags.iter().any(|flag| !is_fixed(flag));
            if keyword && self.product.has(Habit::KeywordAppendRefused) {
                return Some(Outcome::No("APPEND failed.".to_owned()));
            }
            let deleted = message.flags.iter().any(|flag| flag == "\\Deleted");
            if deleted && self.product.has(Habit::DeletedAppendRefused) {
                return Some(Outcome::No("[CANNOT] APPEND Contains Deleted flag".to_owned()));
            }
            let zone_only = message.date.as_ref().is_some_and(|date| date.as_str().len() != 26);
            if zone_only {
                return Some(Outcome::Bad(voice::wrong(voice, "APPEND", Wrong::Arguments)));
            }
        }
        None
    }

    pub(super) async fn append(&mut self, name: &str, messages: Vec<Appended>) -> Outcome {
        let voice = self.product.voice;
        let Some(user) = self.user.clone() else { return Outcome::Gone };
        if let Some(refusal) = self.unfit(&messages) {
            return refusal;
        }
        let there = self.service.account(&user, |account| {
            (account.mailbox.folder(name).map(drop), account.turn.clone())
        });
        let Some((there, turn)) = there else { return Outcome::Gone };
        if let Err(why) = there {
            return Outcome::No(voice::refused(voice, why, true));
        }
        let serial = self.product.has(Habit::SerialAppend);
        let guard = if serial { Some(turn.lock().await) } else { None };
        if serial {
            let count = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            tokio::time::sleep(self.product.append_time.saturating_mul(count)).await;
        }
        let stored = commit(&self.service, &user, name, self.number, messages);
        drop(guard);
        match stored {
            None => Outcome::Gone,
            Some(Err(Refusal::OverQuota)) if self.product.has(Habit::UnavailableOverQuota) => {
                Outcome::Last {
                    status: "NO",
                    text: voice::refused(Voice::Exchange, Refusal::OverQuota, true),
                    bye: CLOSED.to_owned(),
                }
            }
            Some(Err(why)) => Outcome::No(voice::refused(voice, why, true)),
            Some(Ok(stored)) => {
                let hangs = self.product.has(Habit::AppendHangs)
                    && self
                        .product
                        .hang_every
                        .is_some_and(|every| every > 0 && stored.count % every == 0);
                if hangs {
                    return Outcome::Ignored;
                }
                Outcome::Ok(format!(
                    "[APPENDUID {} {}] {}",
                    stored.uid_validity,
                    uid_set(&stored.uids),
                    voice::completed(voice, "APPEND")
                ))
            }
        }
    }

    /// Stores what was to be appended after the connection has ended.
    pub(super) fn commit_later(&self, command: Command, late: Duration) {
        let Command::Append { name, messages } = command else { return };
        let Some(user) = self.user.clone() else { return };
        let octets: Vec<_> = messages.iter().map(|message| message.octets.clone()).collect();
        let (service, number) = (self.service.clone(), self.number);
        if self.unfit(&messages).is_some() {
            service.was_never_stored(number, &octets);
            return;
        }
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            // A folder that is gone by then takes nothing, and nobody is there to hear of it.
            if !matches!(commit(&service, &user, &name, number, messages), Some(Ok(_))) {
                service.was_never_stored(number, &octets);
            }
        });
    }
}
