//! The destination of a lane, past mailferry: what is there, others who write into it, and a user
//! who moves messages.

use crate::lab::client::Session;
use crate::lab::dovecot::ImapServer;
use crate::lab::wire::dated;
use crate::mailbox::Contents;
use crate::random::Random;
use std::collections::BTreeSet;

/// The folder into which the user of a lane moves messages.
pub(crate) const KEPT: &str = "Kept";

/// One mailbox at a destination.
pub(crate) trait Far: Send {
    /// Counts the messages of a folder; none in one that is not there.
    fn count(&mut self, path: &str) -> u64;

    /// Lists the UIDs of a folder; `None` when it is not there.
    fn uids(&mut self, path: &str) -> Option<BTreeSet<u32>>;

    /// Stores somebody else's message without flags and returns its UID; `None` when the folder is
    /// not there.
    fn deliver(&mut self, path: &str, date: i64, octets: &[u8]) -> Option<u32>;

    /// Moves a message to [`KEPT`], as its user does.
    fn keep(&mut self, path: &str, uid: u32);

    /// Returns every folder with its messages as they were given to the server.
    fn contents(&mut self) -> Contents;

    /// Flags that it can store.
    fn words(&self) -> Vec<String>;

    /// Tells whether it stores other octets than it is given.
    fn rewrites(&self) -> bool {
        false
    }

    /// Draws what the server does wrong next, where one can be told to.
    fn harm(&mut self, _random: &mut Random) {}

    /// Makes the next APPEND but some hang, where a server can be told to.
    fn hang(&mut self, _after: u64) {}

    /// Tells whether an APPEND hangs that was told to.
    fn hangs(&mut self) -> bool {
        false
    }
}

/// A mailbox at a real server.
pub(crate) struct Real<'a> {
    server: &'a ImapServer,
    user: String,
    session: Session,
}

impl<'a> Real<'a> {
    pub(crate) fn new(server: &'a ImapServer, user: &str) -> Self {
        Self { server, user: user.to_owned(), session: server.session(user) }
    }
}

impl Far for Real<'_> {
    fn count(&mut self, path: &str) -> u64 {
        self.session.status(path).map_or(0, |(_, _, count)| u64::from(count))
    }

    fn uids(&mut self, path: &str) -> Option<BTreeSet<u32>> {
        self.session.uids(path).ok()
    }

    fn deliver(&mut self, path: &str, date: i64, octets: &[u8]) -> Option<u32> {
        self.session.append_uid(path, &[], Some(&dated(date)), octets).ok()
    }

    fn keep(&mut self, path: &str, uid: u32) {
        // It is there already after the first time.
        let _ = self.session.create(KEPT);
        self.session.move_to(path, &[uid].into(), KEPT).expect("a move");
    }

    fn contents(&mut self) -> Contents {
        self.server.dump_all(&self.user)
    }

    fn words(&self) -> Vec<String> {
        // Maildir has letters for 26 keywords.
        (0..18).map(|n| format!("word{n}")).collect()
    }
}
