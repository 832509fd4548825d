//! Mail of others at the destination: some was there before, some arrives since the MX moved, and
//! all of it stays as it is unless a person changes it.

use crate::finding::{Check, Finding};
use crate::letters;
use crate::world::mailbox;
use fastrand::Rng;
use jiff::Timestamp;
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::simulate::{Delivery, Service, Writer};

/// Their letters have numbers of their own, with as many digits as those of the source.
const FIRST: usize = 50_000;

/// A letter of somebody else.
#[derive(Debug)]
struct Theirs {
    user: String,
    folder: String,
    octets: Vec<u8>,
    flags: Flags,
    date: InternalDate,
}

#[derive(Debug)]
pub(crate) struct Others {
    destination: Service,
    users: Vec<String>,
    rng: Rng,
    kept: Vec<Theirs>,
    /// How many of them arrived since the MX moved.
    pub(crate) arrived: u64,
}

impl Others {
    pub(crate) fn new(destination: Service, users: Vec<String>, rng: Rng) -> Self {
        Self { destination, users, rng, kept: Vec::new(), arrived: 0 }
    }

    pub(crate) fn count(&self) -> u64 {
        self.kept.len() as u64
    }

    /// Some mailboxes were in use before.
    pub(crate) fn were_there(&mut self) {
        for user in self.users.clone() {
            if self.rng.bool() {
                continue;
            }
            if self.rng.bool() {
                self.destination.hands().create(&user, "Older").expect("a folder");
            }
            for (folder, truth) in mailbox(&self.destination, &user) {
                if truth.selectable && self.rng.u8(0..3) == 0 {
                    let count = self.rng.usize(1..4);
                    self.deliver(&user, &folder, count);
                }
            }
        }
    }

    /// Mail arrives here now.
    pub(crate) fn arrive(&mut self) {
        for user in self.users.clone() {
            let count = self.rng.usize(0..3);
            self.deliver(&user, "INBOX", count);
            self.arrived += count as u64;
        }
    }

    fn deliver(&mut self, user: &str, folder: &str, count: usize) {
        for _ in 0..count {
            let number = FIRST + self.kept.len();
            let octets = letters::letter(&mut self.rng, number).into_bytes();
            // Half of them look like letters of the source, by second and size.
            let second = if self.rng.bool() {
                1_700_000_000 + self.rng.i64(0..4)
            } else {
                1_690_000_000 + i64::try_from(number).expect("few letters")
            };
            let date = Timestamp::from_second(second).expect("a time");
            let date = InternalDate::from_timestamp(date);
            let flags = [&[][..], &["\\Seen"], &["\\Seen", "\\Flagged"]][self.rng.usize(0..3)];
            let flags = Flags::from_words(flags);
            let delivery = Delivery {
                flags: flags.clone(),
                date: Some(date.clone()),
                ..Delivery::new(octets.clone())
            };
            self.destination.hands().deliver(user, folder, delivery).expect("a delivery");
            let (user, folder) = (user.to_owned(), folder.to_owned());
            self.kept.push(Theirs { user, folder, octets, flags, date });
        }
    }

    /// Says which of them are gone, elsewhere or changed although no person did it.
    pub(crate) fn wronged(&self) -> Vec<Finding> {
        let deeds = self.destination.deeds();
        let mut wrong = Vec::new();
        for user in &self.users {
            let mailbox = mailbox(&self.destination, user);
            for theirs in self.kept.iter().filter(|it| it.user == *user) {
                let done = |verb: &str| {
                    let by_others = deeds.iter().filter(|it| it.session.is_none());
                    by_others
                        .filter(|it| it.verb == verb && it.user == *user)
                        .filter(|it| it.octets.as_deref() == Some(theirs.octets.as_slice()))
                        .count()
                };
                let there: Vec<_> = mailbox
                    .iter()
                    .flat_map(|(name, folder)| folder.messages.iter().map(move |it| (name, it)))
                    .filter(|(_, it)| it.given == theirs.octets)
                    .collect();
                let (twins, gone) = (done("DELIVER"), done("DELETE"));
                let moved = done("MOVE") > 0;
                let flagged = done("STORE") > 0;
                let as_it_was = there.iter().filter(|(name, it)| {
                    it.writer == Writer::Other
                        && it.date == theirs.date
                        && (moved || twins > 0 || **name == theirs.folder)
                        && (flagged || it.flags == theirs.flags)
                });
                if as_it_was.count() + gone != 1 + twins {
                    let found = format!(
                        "{theirs:?}, {twins} twins, {gone} deleted, moved {moved}, flagged {flagged}: {there:?}"
                    );
                    wrong.push(Check::Others.finds(found));
                }
            }
        }
        wrong
    }
}
