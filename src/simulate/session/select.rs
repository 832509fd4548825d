//! SELECT, EXAMINE, CLOSE and EXPUNGE.

use crate::model::flags::Flags;
use crate::simulate::folder::Folder;
use crate::simulate::habit::Habit;
use crate::simulate::mailbox::Refusal;
use crate::simulate::sequence::SequenceSet;
use crate::simulate::session::view::Selected;
use crate::simulate::session::{Outcome, Session};
use crate::simulate::voice;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncWrite};

/// In the order in which Exchange lists them.
const SYSTEM: &str = "\\Seen \\Answered \\Flagged \\Deleted \\Draft";

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn select(&mut self, name: &str, read_only: bool) -> Outcome {
        // What was selected is not any more, even when this fails: RFC 3501 section 6.3.1.
        self.selected = None;
        let Some(user) = &self.user else { return Outcome::Gone };
        let (fixed, condstore) =
            (self.product.has(Habit::FixedPermanentFlags), self.product.offers("CONDSTORE"));
        let opened = self.service.account(user, |account| {
            let folder = account.mailbox.folder_mut(name)?;
            if !folder.selectable {
                return Err(Refusal::NotSelectable);
            }
            let selected = Selected::new(folder, read_only);
            let text = described(folder, &selected, fixed, condstore);
            Ok((selected, text))
        });
        match opened {
            None => Outcome::Gone,
            Some(Err(why)) => Outcome::No(voice::refused(self.product.voice, why, false)),
            Some(Ok((selected, text))) => {
                self.wire.say(&text);
                self.selected = Some(selected);
                let verb = if read_only { "EXAMINE" } else { "SELECT" };
                let code = if read_only { "READ-ONLY" } else { "READ-WRITE" };
                Outcome::Ok(format!("[{code}] {}", voice::completed(self.product.voice, verb)))
            }
        }
    }

    pub(super) fn close_folder(&mut self) -> Outcome {
        if self.selected.as_ref().is_some_and(|selected| !selected.read_only) {
            self.remove_deleted(None);
        }
        self.selected = None;
        Outcome::Ok(String::new())
    }

    pub(super) fn expunge(&mut self, only: Option<&SequenceSet>) -> Outcome {
        if self.selected.as_ref().is_none_or(|selected| selected.read_only) {
            return Outcome::No("[READ-ONLY] Mailbox is read-only.".to_owned());
        }
        self.remove_deleted(only);
        Outcome::Ok(String::new())
    }

    fn remove_deleted(&mut self, only: Option<&SequenceSet>) {
        let (Some(selected), Some(user)) = (&self.selected, &self.user) else { return };
        let largest = selected.largest(true);
        let ranges = only.map(|set| set.ranges(largest));
        self.service.account(user, |account| {
            if let Some(folder) = account.mailbox.by_id_mut(selected.id) {
                folder.remove(|message| {
                    let named = ranges.as_ref().is_none_or(|ranges| {
                        ranges.iter().any(|&(from, to)| (from..=to).contains(&message.uid))
                    });
                    named && message.flags.contains("\\Deleted")
                });
            }
        });
        self.service.notify();
    }
}

fn described(folder: &Folder, selected: &Selected, fixed: bool, condstore: bool) -> String {
    let mut keywords = Flags::default();
    for message in &folder.messages {
        for flag in message.flags.iter().filter(|flag| !flag.starts_with('\\')) {
            keywords.insert(flag);
        }
    }
    let listed = if fixed {
        format!("{SYSTEM} $MDNSent")
    } else {
        format!("{SYSTEM} {keywords}").trim_end().to_owned()
    };
    let permanent = match (selected.read_only, fixed) {
        (true, _) => String::new(),
        (false, true) => listed.clone(),
        (false, false) => format!("{listed} \\*"),
    };
    let mut text = format!(
        "* FLAGS ({listed})\r\n* {} EXISTS\r\n* {} RECENT\r\n",
        selected.view.len(),
        selected.recent(),
    );
    let unseen = folder.messages.iter().position(|message| !message.flags.contains("\\Seen"));
    // Writing to a string cannot fail.
    if let Some(place) = unseen {
        let _ = write!(text, "* OK [UNSEEN {}] First unseen.\r\n", place + 1);
    }
    let _ = write!(
        text,
        "* OK [PERMANENTFLAGS ({permanent})] Permanent flags.\r\n* OK [UIDVALIDITY {}] UIDs valid\r\n* OK [UIDNEXT {}] Predicted next UID\r\n",
        folder.uid_validity, folder.uid_next,
    );
    if condstore {
        let _ = write!(text, "* OK [HIGHESTMODSEQ {}] Highest\r\n", folder.highest_modseq);
    }
    text
}
