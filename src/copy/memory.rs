//! What the copy of a folder remembers from one pass to the next.

use crate::copy::bodies::Read;
use crate::error::Error;
use crate::model::uid::Uid;
use std::collections::{BTreeMap, BTreeSet};

/// What the copy of a folder remembers from one pass, and one pair of connections, to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// First readings of large messages.
    pub first: BTreeMap<Uid, Read>,
    /// Messages that were refused among others: each is tried once more, alone on a fresh
    /// connection, after everything else.
    pub suspects: BTreeSet<Uid>,
    /// One of them was refused on the connection that is open now.
    pub met_here: bool,
    /// A later listing could not be read whole, so that something was left open.
    pub incomplete: Option<Error>,
    /// Messages at which the source's line fell among others: each is asked for alone.
    pub apart: BTreeSet<Uid>,
    /// The first message that was outstanding when the source's line fell last, and how often
    /// that happened in a row.
    fell_at: Option<(Uid, u32)>,
    /// Messages in a row that are taken for the reason why a line fell; others came in between
    /// when it is 0.
    falls: u32,
    /// Messages in a row that the source would not give, each asked for alone.
    unread: u32,
    /// The oldest message that was unanswered when the destination's line fell last, and how
    /// often that happened in a row.
    hung_at: Option<(Uid, u32)>,
    /// How often the destination's line fell at a suspect that was sent alone, with its last words.
    hung_alone: BTreeMap<Uid, (u32, String)>,
}

/// Lines that fall at one message before it is suspected.
const FALLS: u32 = 2;

/// So many messages in a row, without one that goes through, are not what is wrong: that is the
/// server.
const IN_A_ROW: u32 = 20;

/// The same at a destination, where each costs the wait for the folder to stand still.
const HUNG_IN_A_ROW: u32 = 5;

impl Memory {
    /// Returns a number that grows when a message is suspected: that is getting on.
    pub fn steps(&self) -> usize {
        self.suspects.len() + self.apart.len()
    }

    /// Notes that messages went through.
    pub fn went_through(&mut self, messages: u64) {
        if messages > 0 {
            self.falls = 0;
            self.unread = 0;
        }
    }

    /// Notes a message that the source would not give; true when there are so many in a row that
    /// it is the source and not the messages.
    pub fn gives_nothing(&mut self) -> bool {
        self.unread += 1;
        self.unread > IN_A_ROW
    }

    /// Notes what the source owed when its line fell, in the order in which it gives messages.
    /// From the second time at the same place each is asked for alone. Returns a message that
    /// brings the line down also then, again: it cannot be read.
    pub fn fell(&mut self, outstanding: &[Uid]) -> Option<Uid> {
        let first = *outstanding.first()?;
        let times = match self.fell_at {
            Some((uid, times)) if uid == first => times + 1,
            _ => 1,
        };
        self.fell_at = Some((first, times));
        if times < FALLS {
            return None;
        }
        if outstanding.len() == 1 && self.apart.contains(&first) {
            self.falls += 1;
            return (self.falls <= IN_A_ROW).then_some(first);
        }
        self.apart.extend(outstanding);
        None
    }

    /// Notes the oldest message that was unanswered when the destination's line fell. From the
    /// second time at the same place it is a suspect, to be sent alone after everything else.
    pub fn hung(&mut self, oldest: Uid) {
        let times = match self.hung_at {
            Some((uid, times)) if uid == oldest => times + 1,
            _ => 1,
        };
        self.hung_at = Some((oldest, times));
        if times >= FALLS && !self.suspects.contains(&oldest) && self.falls < HUNG_IN_A_ROW {
            self.falls += 1;
            self.suspects.insert(oldest);
        }
    }

    /// Notes that the destination's line fell at a message that was sent alone.
    pub fn hung_alone(&mut self, uid: Uid, words: String) {
        let (times, last) = self.hung_alone.entry(uid).or_default();
        *times += 1;
        *last = words;
    }

    /// Returns the last words of a destination that hung up each time it got this message alone.
    /// Asked after the search for it: it was not stored.
    pub fn is_not_taken(&self, uid: Uid) -> Option<&str> {
        self.hung_alone
            .get(&uid)
            .filter(|(times, _)| *times >= FALLS)
            .map(|(_, words)| words.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_suspected_the_second_time_and_given_up_alone() {
        let mut memory = Memory::default();
        assert_eq!(memory.fell(&[Uid(3), Uid(4), Uid(5)]), None);
        // Others went through: a line that falls somewhere else says nothing.
        assert_eq!(memory.fell(&[Uid(4), Uid(5)]), None);
        assert!(memory.apart.is_empty());
        assert_eq!(memory.fell(&[Uid(4), Uid(5)]), None);
        assert_eq!(memory.apart, BTreeSet::from([Uid(4), Uid(5)]));
        assert_eq!(memory.fell(&[Uid(4)]), Some(Uid(4)));
        // The one that shared the suspicion falls for itself, twice.
        assert_eq!(memory.fell(&[Uid(5)]), None);
        assert_eq!(memory.fell(&[Uid(5)]), Some(Uid(5)));
    }

    #[test]
    fn a_source_that_gives_nothing_at_all_is_not_taken_for_damaged_messages() {
        let mut memory = Memory::default();
        let mut given_up = 0;
        for uid in (1..=200).flat_map(|uid| [uid; 3]) {
            given_up += u32::from(memory.fell(&[Uid(uid)]).is_some());
        }
        assert_eq!(given_up, IN_A_ROW);
        memory.went_through(1);
        assert_eq!(memory.fell(&[Uid(200)]), Some(Uid(200)));
    }
}
