//! What people do at the source, and what was there at any time.

use crate::letters;
use crate::world::{Letter, mailbox};
use fastrand::Rng;
use jiff::{Timestamp, ToSpan as _};
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::ports::clock::Clock as _;
use mailferry::simulate::{Delivery, Message, Service, TokioClock};
use std::collections::{BTreeMap, BTreeSet};

/// Folders that the source empties by itself, and after how many days.
const PURGED: [&str; 2] = ["Trash", "Spam"];
pub(crate) const PURGE_DAYS: i64 = 30;

/// A message of the source as nobody but people may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kept {
    uid: u32,
    flags: Flags,
    date: InternalDate,
    octets: usize,
    saved: Timestamp,
}

/// A folder likewise: UIDVALIDITY, subscription, messages.
type Folder = (u32, bool, Vec<Kept>);

#[derive(Debug)]
pub(crate) struct People {
    pub(crate) source: Service,
    pub(crate) users: Vec<String>,
    clock: TokioClock,
    /// The most that the source ever held of each letter at one time, over all folders, and
    /// summed over every time that it came back.
    pub(crate) ever: BTreeMap<Letter, usize>,
    /// How often each letter got a new UID at the source: it was moved, or its folder renumbered.
    /// The copy of one that moves while its answer is outstanding stays where it was sent to.
    pub(crate) moves: BTreeMap<Letter, usize>,
    /// Letters that people brought to another folder at the source.
    pub(crate) placed: BTreeSet<Letter>,
    /// How many letters of a user were delivered with a second and a size.
    pub(crate) looks: BTreeMap<(String, i64, usize), usize>,
    /// Every letter with the seconds that it ever had.
    dates: BTreeSet<(Letter, i64)>,
    /// Letters that were restored at the source, and how many copies of each had been deleted at
    /// the destination by then: none of these was a copy of what is at the source now.
    pub(crate) restored: BTreeMap<Letter, usize>,
    number: usize,
    /// The share of odd letters in 255, and the octets of large ones.
    pub(crate) odd: u8,
    pub(crate) large: usize,
    /// The destination makes messages anew.
    pub(crate) rewritten: bool,
    /// Flags are taken away as well.
    pub(crate) takes_away: bool,
    /// Folders are renamed as well.
    pub(crate) rename: bool,
    /// What the source holds, as people left it.
    left: BTreeMap<(String, String), Folder>,
    /// What changed at the source although nobody did it.
    pub(crate) wrong: Vec<String>,
    /// How often they came in the middle of a run.
    pub(crate) meanwhile: u64,
    /// Messages that the source purged by itself.
    pub(crate) purged: u64,
}

impl People {
    pub(crate) fn new(source: Service, clock: TokioClock, users: Vec<String>) -> Self {
        Self {
            source,
            users,
            clock,
            ever: BTreeMap::new(),
            moves: BTreeMap::new(),
            placed: BTreeSet::new(),
            looks: BTreeMap::new(),
            dates: BTreeSet::new(),
            restored: BTreeMap::new(),
            number: 0,
            odd: 0,
            large: 0,
            rewritten: false,
            takes_away: false,
            rename: false,
            left: BTreeMap::new(),
            wrong: Vec::new(),
            meanwhile: 0,
            purged: 0,
        }
    }

    /// Delivers letters to a folder of the source; some are equal to others to the last octet.
    pub(crate) fn grow(&mut self, rng: &mut Rng, user: &str, folder: &str, count: usize) {
        for _ in 0..count {
            self.number += 1;
            let known: Vec<&Letter> = if rng.u8(0..6) == 0 {
                self.ever.keys().filter(|letter| letter.user == user).collect()
            } else {
                Vec::new()
            };
            let octets = if !known.is_empty() {
                known[rng.usize(0..known.len())].octets.clone()
            } else if self.odd > 0 && rng.u8(..) < self.odd {
                match rng.u8(0..5) {
                    0 if self.large > 0 => letters::large(self.number, self.large),
                    _ => letters::odd(rng, self.number, self.rewritten),
                }
            } else {
                letters::letter(rng, self.number).into_bytes()
            };
            // Few dates, so that many letters look alike; and some that have one of their own.
            let mut second = 1_700_000_000 + rng.i64(0..4);
            if self.number.is_multiple_of(3) {
                second = 1_700_000_010 + i64::try_from(self.number).expect("few letters");
            }
            let date = Timestamp::from_second(second).expect("a time");
            let flags = [&[][..], &["\\Seen"], &["\\Seen", "\\Flagged"], &["\\Answered"]];
            let flags = Flags::from_words(flags[rng.usize(0..4)]);
            let delivery = Delivery {
                flags,
                date: Some(InternalDate::from_timestamp(date)),
                ..Delivery::new(octets.clone())
            };
            self.source.hands().deliver(user, folder, delivery).expect("a delivery");
            *self.looks.entry((user.to_owned(), second, octets.len())).or_default() += 1;
            let letter = Letter { user: user.to_owned(), octets };
            self.dates.insert((letter.clone(), second));
            *self.ever.entry(letter).or_default() += 1;
        }
    }

    fn new_uid(&mut self, user: &str, octets: &[u8]) {
        let letter = Letter { user: user.to_owned(), octets: octets.to_vec() };
        *self.moves.entry(letter).or_default() += 1;
    }

    fn other_folder(&mut self, user: &str, octets: &[u8]) {
        self.new_uid(user, octets);
        self.placed.insert(Letter { user: user.to_owned(), octets: octets.to_vec() });
    }

    /// What people do at the source.
    pub(crate) fn live(&mut self, rng: &mut Rng) {
        for user in self.users.clone() {
            let mailbox = mailbox(&self.source, &user);
            let hands = self.source.hands();
            for (folder, truth) in mailbox.iter().filter(|(_, truth)| truth.selectable) {
                let here = truth.messages.len();
                match rng.u8(0..10) {
                    0 | 1 => {
                        let count = rng.usize(1..4);
                        self.grow(rng, &user, folder, count);
                    }
                    2 if here > 0 => {
                        let message = &truth.messages[rng.usize(0..here)];
                        hands.delete(&user, folder, message.uid).expect("a message");
                    }
                    3 if here > 0 => {
                        let message = &truth.messages[rng.usize(0..here)];
                        let words = ["\\Seen", "\\Flagged", "\\Answered"];
                        let word = words[rng.usize(0..3)];
                        let mut flags = message.flags.clone();
                        if self.takes_away && flags.contains(word) {
                            flags = flags.minus(&Flags::from_words([word]));
                        } else {
                            flags.insert(word);
                        }
                        hands.set_flags(&user, folder, message.uid, flags).expect("flags");
                    }
                    4 if here > 0 => {
                        let others: Vec<&String> =
                            mailbox.keys().filter(|it| *it != folder).collect();
                        let to = others[rng.usize(0..others.len())];
                        let message = &truth.messages[rng.usize(0..here)];
                        hands.move_message(&user, folder, message.uid, to).expect("a move");
                        self.other_folder(&user, &message.given);
                    }
                    5 if here > 0 && rng.u8(0..4) == 0 => {
                        hands.renumber(&user, folder).expect("a folder");
                        for message in &truth.messages {
                            self.new_uid(&user, &message.given);
                        }
                    }
                    _ => {}
                }
            }
            if self.rename && rng.u8(0..6) == 0 {
                self.rename(&user);
            }
        }
    }

    /// Deletes a message and stores another one of its octets and date in its place, after so many
    /// copies were deleted at the destination.
    pub(crate) fn restore(&mut self, user: &str, folder: &str, message: &Message, deleted: usize) {
        let hands = self.source.hands();
        hands.delete(user, folder, message.uid).expect("a message");
        let delivery = Delivery {
            flags: message.flags.clone(),
            date: Some(message.date.clone()),
            ..Delivery::new(message.given.clone())
        };
        hands.deliver(user, folder, delivery).expect("a delivery");
        let second = message.date.instant().as_second();
        *self.looks.entry((user.to_owned(), second, message.given.len())).or_default() += 1;
        let letter = Letter { user: user.to_owned(), octets: message.given.to_vec() };
        *self.ever.entry(letter.clone()).or_default() += 1;
        self.restored.insert(letter, deleted);
    }

    /// Deletes messages out of folders that nobody empties by himself, and returns them with their
    /// users.
    pub(crate) fn tidy(&mut self, rng: &mut Rng) -> Vec<(String, Vec<u8>)> {
        self.look();
        let mut deleted = Vec::new();
        for user in self.users.clone() {
            for (folder, truth) in mailbox(&self.source, &user) {
                if PURGED.contains(&folder.as_str()) || truth.messages.is_empty() || rng.bool() {
                    continue;
                }
                let message = &truth.messages[rng.usize(0..truth.messages.len())];
                self.source.hands().delete(&user, &folder, message.uid).expect("a message");
                deleted.push((user.clone(), message.given.to_vec()));
            }
        }
        self.leave();
        deleted
    }

    /// Renames the folder of projects, with what is below it.
    fn rename(&mut self, user: &str) {
        let now = mailbox(&self.source, user);
        let names = ["Projects.2019", "Projects.2020"];
        let Some(from) = names.into_iter().find(|name| now.contains_key(*name)) else { return };
        let to = if from == names[0] { names[1] } else { names[0] };
        if now.contains_key(to) {
            return;
        }
        self.source.hands().rename(user, from, to).expect("a folder");
        let below = format!("{from}.");
        for (_, folder) in now.iter().filter(|(name, _)| *name == from || name.starts_with(&below))
        {
            for message in &folder.messages {
                self.other_folder(user, &message.given);
            }
        }
    }

    /// Comes in the middle of a run.
    pub(crate) fn come_meanwhile(&mut self, rng: &mut Rng) {
        self.look();
        self.meanwhile += 1;
        self.live(rng);
        self.leave();
    }

    fn all(&self) -> BTreeMap<(String, String), Folder> {
        let mut all = BTreeMap::new();
        for user in &self.users {
            for (name, truth) in mailbox(&self.source, user) {
                let kept = truth.messages.iter().map(|message| Kept {
                    uid: message.uid,
                    flags: message.flags.clone(),
                    date: message.date.clone(),
                    octets: message.served.len(),
                    saved: message.saved,
                });
                let folder = (truth.uid_validity, truth.subscribed, kept.collect());
                all.insert((user.clone(), name), folder);
            }
        }
        all
    }

    /// Remembers how the source is left.
    pub(crate) fn leave(&mut self) {
        self.left = self.all();
    }

    /// Notes what is otherwise than it was left; what the source purges by itself may be gone.
    pub(crate) fn look(&mut self) {
        let limit = self.clock.now().checked_sub((PURGE_DAYS * 24).hours()).expect("a time");
        let now = self.all();
        for ((_, name), (_, _, messages)) in &mut self.left {
            if PURGED.contains(&name.as_str()) {
                let before = messages.len();
                messages.retain(|message| message.saved > limit);
                self.purged += (before - messages.len()) as u64;
            }
        }
        if now != self.left {
            self.wrong.push(format!("the source changed: {:#?}\n{:#?}", self.left, now));
        }
        self.left = now;
        let deeds = self.source.deeds();
        let done: Vec<_> = deeds.iter().filter(|deed| deed.session.is_some()).collect();
        if !done.is_empty() {
            self.wrong.push(format!("the source was told to change: {done:?}"));
        }
    }

    /// Tells whether a letter has a look-alike in its mailbox, see docs/safety.md: of the same date
    /// and size, or of the same date alone where the destination makes messages anew.
    pub(crate) fn has_look_alikes(&self, letter: &Letter, rewrites: bool) -> bool {
        let mut dates = self.dates.iter().filter(|(of, _)| of == letter);
        dates.any(|(_, date)| {
            let alike = self.looks.iter().filter(|((user, second, size), _)| {
                (user, second) == (&letter.user, date) && (rewrites || *size == letter.octets.len())
            });
            alike.map(|(_, count)| count).sum::<usize>() > 1
        })
    }
}
