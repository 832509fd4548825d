//! STORE, with RFC 7162's UNCHANGEDSINCE.

use crate::model::flags::Flags;
use crate::simulate::command::{Change, Wrong};
use crate::simulate::habit::Habit;
use crate::simulate::sequence::SequenceSet;
use crate::simulate::session::{Outcome, Session};
use crate::simulate::voice;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncWrite};

/// What may be stored where no keyword can be made.
pub(super) fn is_fixed(flag: &str) -> bool {
    flag.starts_with('\\') || flag.eq_ignore_ascii_case("$MDNSent")
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn store(
        &mut self,
        uid: bool,
        set: &SequenceSet,
        unchanged_since: Option<u64>,
        change: Change,
        silent: bool,
        flags: &[String],
    ) -> Outcome {
        let voice = self.product.voice;
        let bad = || Outcome::Bad(voice::wrong(voice, "STORE", Wrong::Arguments));
        let fixed = self.product.has(Habit::FixedPermanentFlags);
        if fixed
            && self.product.has(Habit::KeywordStoreRefused)
            && flags.iter().any(|flag| !is_fixed(flag))
        {
            return bad();
        }
        // What is not permanent and not refused is left out.
        let wanted =
            Flags::from_words(flags.iter().filter(|flag| !fixed || is_fixed(flag.as_str())));
        let (Some(selected), Some(user)) = (&mut self.selected, &self.user) else {
            return Outcome::Gone;
        };
        if selected.read_only {
            return Outcome::No("[READ-ONLY] Mailbox is read-only.".to_owned());
        }
        let Some(chosen) = selected.chosen(set, uid) else { return bad() };
        if unchanged_since.is_some() {
            self.condstore = true;
        }
        let condstore = self.condstore;
        let mut lines = String::new();
        let mut modified: Vec<String> = Vec::new();
        let mut missing = false;
        self.service.account(user, |account| {
            let Some(folder) = account.mailbox.by_id_mut(selected.id) else { return };
            for (number, seen) in chosen {
                let Some(message) = folder.message(seen.uid) else {
                    missing = true;
                    continue;
                };
                if unchanged_since.is_some_and(|since| message.modseq > since) {
                    modified.push(if uid { seen.uid } else { number }.to_string());
                    continue;
                }
                let flags = match change {
                    Change::Replace => wanted.clone(),
                    Change::Add => message.flags.plus(&wanted),
                    Change::Remove => message.flags.minus(&wanted),
                };
                let text = flags.to_string();
                let Some(modseq) = folder.set_flags(seen.uid, flags) else { continue };
                selected.told(seen.uid, modseq);
                let mut items = Vec::new();
                if !silent {
                    let recent = if seen.recent { " \\Recent" } else { "" };
                    items.push(format!("FLAGS ({})", format!("{text}{recent}").trim_start()));
                }
                if condstore {
                    items.push(format!("MODSEQ ({modseq})"));
                }
                if items.is_empty() {
                    continue;
                }
                if uid {
                    items.insert(0, format!("UID {}", seen.uid));
                }
                // Writing to a string cannot fail.
                let _ = write!(lines, "* {number} FETCH ({})\r\n", items.join(" "));
            }
        });
        self.service.notify();
        self.wire.say(&lines);
        if missing {
            return Outcome::No(
                "[EXPUNGEISSUED] Some of the requested messages no longer exist.".to_owned(),
            );
        }
        if modified.is_empty() {
            return Outcome::Ok(String::new());
        }
        Outcome::Ok(format!("[MODIFIED {}] Conditional store failed.", modified.join(",")))
    }
}
