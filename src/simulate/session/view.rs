//! The folder that a session has selected, as the client was told of it.

use crate::simulate::folder::Folder;
use crate::simulate::sequence::SequenceSet;
use crate::simulate::session::Session;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncWrite};

/// A message as the client knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) uid: u32,
    /// The modification sequence up to which its flags were told.
    pub(crate) modseq: u64,
    pub(crate) recent: bool,
}

#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) id: u64,
    pub(crate) uid_validity: u32,
    pub(crate) read_only: bool,
    pub(crate) view: Vec<Seen>,
    /// The folder's modification sequence when all of it had been told.
    synced: u64,
}

impl Selected {
    pub(crate) fn new(folder: &mut Folder, read_only: bool) -> Self {
        let mut selected = Self {
            id: folder.id,
            uid_validity: folder.uid_validity,
            read_only,
            view: Vec::new(),
            synced: folder.highest_modseq,
        };
        selected.take_new(folder);
        selected
    }

    /// Adds what came; returns how many that were.
    fn take_new(&mut self, folder: &mut Folder) -> usize {
        let last = self.view.last().map_or(0, |seen| seen.uid);
        let start = folder.messages.partition_point(|message| message.uid <= last);
        let new = folder.messages.get(start..).unwrap_or_default();
        self.view.extend(new.iter().map(|message| Seen {
            uid: message.uid,
            modseq: message.modseq,
            recent: message.uid >= folder.recent_from,
        }));
        if !self.read_only {
            folder.recent_from = folder.uid_next;
        }
        new.len()
    }

    pub(crate) fn recent(&self) -> usize {
        self.view.iter().filter(|seen| seen.recent).count()
    }

    /// The value of `*`.
    pub(crate) fn largest(&self, uid: bool) -> u32 {
        if uid {
            self.view.last().map_or(0, |seen| seen.uid)
        } else {
            u32::try_from(self.view.len()).unwrap_or(u32::MAX)
        }
    }

    /// Returns the numbers and messages that a set names; `None` when it names a sequence number
    /// that is not in use, which only a sequence number must not.
    pub(crate) fn chosen(&self, set: &SequenceSet, uid: bool) -> Option<Vec<(u32, Seen)>> {
        let largest = self.largest(uid);
        if !uid && (self.view.is_empty() || set.top() > largest) {
            return None;
        }
        let ranges = set.ranges(largest);
        let all = (1_u32..).zip(self.view.iter().copied());
        Some(
            all.filter(|(number, seen)| {
                let value = if uid { seen.uid } else { *number };
                ranges.iter().any(|&(from, to)| (from..=to).contains(&value))
            })
            .collect(),
        )
    }

    /// Notes that the client knows the flags of a message as of `modseq`.
    pub(crate) fn told(&mut self, uid: u32, modseq: u64) {
        if let Ok(place) = self.view.binary_search_by_key(&uid, |seen| seen.uid)
            && let Some(seen) = self.view.get_mut(place)
        {
            seen.modseq = modseq;
        }
    }

    /// Writes EXPUNGE, FETCH and EXISTS for what others did; `false` when the folder is gone or
    /// numbers its messages anew.
    fn news(
        &mut self,
        folder: Option<&mut Folder>,
        gone: bool,
        modseq: bool,
        to: &mut String,
    ) -> bool {
        let Some(folder) = folder.filter(|it| it.uid_validity == self.uid_validity) else {
            return false;
        };
        if self.synced == folder.highest_modseq {
            return true;
        }
        let mut kept_back = false;
        if gone {
            let mut number = 1_u32;
            self.view.retain(|seen| {
                let there = folder.place(seen.uid).is_some();
                if there {
                    number += 1;
                } else {
                    // Writing to a string cannot fail.
                    let _ = write!(to, "* {number} EXPUNGE\r\n");
                }
                there
            });
        } else {
            kept_back = self.view.iter().any(|seen| folder.place(seen.uid).is_none());
        }
        for (number, seen) in (1_u32..).zip(&mut self.view) {
            if let Some(message) = folder.message(seen.uid)
                && message.modseq > seen.modseq
            {
                seen.modseq = message.modseq;
                let recent = if seen.recent { " \\Recent" } else { "" };
                let flags = format!("{}{recent}", message.flags);
                let tail =
                    if modseq { format!(" MODSEQ ({})", message.modseq) } else { String::new() };
                let uid = seen.uid;
                let _ = write!(
                    to,
                    "* {number} FETCH (FLAGS ({}) UID {uid}{tail})\r\n",
                    flags.trim_start()
                );
            }
        }
        if self.take_new(folder) > 0 {
            let _ = write!(to, "* {} EXISTS\r\n* {} RECENT\r\n", self.view.len(), self.recent());
        }
        if !kept_back {
            self.synced = folder.highest_modseq;
        }
        true
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Tells what changed in the selected folder; `false` when the session cannot go on.
    pub(super) fn tell_news(&mut self, gone: bool) -> bool {
        let (Some(selected), Some(user)) = (&mut self.selected, &self.user) else { return true };
        let mut text = String::new();
        let condstore = self.condstore;
        let alive = self.service.account(user, |account| {
            let folder = account.mailbox.by_id_mut(selected.id);
            selected.news(folder, gone, condstore, &mut text)
        });
        self.wire.say(&text);
        alive.unwrap_or(false)
    }
}
