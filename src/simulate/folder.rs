//! A folder and its messages as a server keeps them.

use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use bytes::Bytes;
use jiff::Timestamp;

/// Who put a message where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// An IMAP session, by its number in the service.
    Session(u64),
    /// Somebody else: a delivery, the user with another program, the test.
    Other,
}

/// Whether a message can be read over IMAP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It can.
    Whole,
    /// Its body cannot be read ([`crate::simulate::Habit::OkWithoutData`]).
    Broken,
    /// It is an item of a calendar ([`crate::simulate::Habit::RetrievalStub`]).
    CalendarItem,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its UID in its folder.
    pub uid: u32,
    /// The modification sequence of its last change, RFC 7162.
    pub modseq: u64,
    /// Its flags and keywords.
    pub flags: Flags,
    /// Its INTERNALDATE.
    pub date: InternalDate,
    /// When it came into this folder.
    pub saved: Timestamp,
    /// The octets as they were given; kept once however many copies there are.
    pub given: Bytes,
    /// The octets as they are served, which a server that makes MIME anew changes.
    pub served: Bytes,
    /// The habits that changed the octets, by name.
    pub rewrites: Vec<&'static str>,
    /// Who put it there.
    pub writer: Writer,
    /// Whether it can be read.
    pub condition: Condition,
    /// Whether `\Flagged` came by STORE, so that other protocols see it.
    pub flagged_by_store: bool,
}

/// One folder.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    /// Stays the same when the folder is renamed.
    pub(crate) id: u64,
    pub(crate) uid_validity: u32,
    pub(crate) uid_next: u32,
    pub(crate) highest_modseq: u64,
    pub(crate) special_use: Option<&'static str>,
    pub(crate) purged: bool,
    pub(crate) selectable: bool,
    /// The first UID that no SELECT has claimed as recent.
    pub(crate) recent_from: u32,
    /// In the order of their UIDs.
    pub(crate) messages: Vec<Message>,
}

/// What is stored, before it has a UID.
#[derive(Clone, Debug)]
pub(crate) struct NewMessage {
    pub(crate) flags: Flags,
    pub(crate) date: InternalDate,
    pub(crate) saved: Timestamp,
    pub(crate) given: Bytes,
    pub(crate) served: Bytes,
    pub(crate) rewrites: Vec<&'static str>,
    pub(crate) writer: Writer,
    pub(crate) condition: Condition,
    pub(crate) flagged_by_store: bool,
}

impl Folder {
    pub(crate) fn new(id: u64, uid_validity: u32) -> Self {
        Self {
            id,
            uid_validity,
            uid_next: 1,
            highest_modseq: 1,
            special_use: None,
            purged: false,
            selectable: true,
            recent_from: 1,
            messages: Vec::new(),
        }
    }

    fn step(&mut self) -> u64 {
        self.highest_modseq = self.highest_modseq.saturating_add(1);
        self.highest_modseq
    }

    /// Adds a message and returns its UID; `None` when the UIDs are used up.
    pub(crate) fn add(&mut self, new: NewMessage) -> Option<u32> {
        let uid = self.uid_next;
        self.uid_next = uid.checked_add(1)?;
        let modseq = self.step();
        self.messages.push(Message {
            uid,
            modseq,
            flags: new.flags,
            date: new.date,
            saved: new.saved,
            given: new.given,
            served: new.served,
            rewrites: new.rewrites,
            writer: new.writer,
            condition: new.condition,
            flagged_by_store: new.flagged_by_store,
        });
        Some(uid)
    }

    pub(crate) fn place(&self, uid: u32) -> Option<usize> {
        self.messages.binary_search_by_key(&uid, |message| message.uid).ok()
    }

    pub(crate) fn message(&self, uid: u32) -> Option<&Message> {
        self.messages.get(self.place(uid)?)
    }

    /// Serves other octets for a message; `None` when it is gone.
    pub(crate) fn damage(&mut self, uid: u32, octets: Bytes) -> Option<()> {
        let place = self.place(uid)?;
        self.messages.get_mut(place)?.served = octets;
        Some(())
    }

    /// Gives a message other flags; `None` when it is gone. Equal flags are no change.
    pub(crate) fn set_flags(&mut self, uid: u32, flags: Flags) -> Option<u64> {
        let place = self.place(uid)?;
        let changed = self.messages.get(place)?.flags != flags;
        let modseq = if changed { Some(self.step()) } else { None };
        let message = self.messages.get_mut(place)?;
        message.flagged_by_store = flags.contains("\\Flagged");
        message.flags = flags;
        if let Some(modseq) = modseq {
            message.modseq = modseq;
        }
        Some(message.modseq)
    }

    /// Removes messages; returns how many there were.
    pub(crate) fn remove(&mut self, mut which: impl FnMut(&Message) -> bool) -> usize {
        let before = self.messages.len();
        self.messages.retain(|message| !which(message));
        let removed = before - self.messages.len();
        if removed > 0 {
            self.step();
        }
        removed
    }

    /// Starts a new UIDVALIDITY: every message gets another UID.
    pub(crate) fn renumber(&mut self, uid_validity: u32) {
        self.uid_validity = uid_validity;
        self.uid_next = 1;
        self.recent_from = 1;
        for message in &mut self.messages {
            message.uid = self.uid_next;
            self.uid_next = self.uid_next.saturating_add(1);
        }
    }

    pub(crate) fn octets(&self) -> u64 {
        self.messages.iter().map(|message| message.served.len() as u64).sum()
    }
}

impl From<Message> for NewMessage {
    fn from(message: Message) -> Self {
        Self {
            flags: message.flags,
            date: message.date,
            saved: message.saved,
            given: message.given,
            served: message.served,
            rewrites: message.rewrites,
            writer: message.writer,
            condition: message.condition,
            flagged_by_store: message.flagged_by_store,
        }
    }
}
