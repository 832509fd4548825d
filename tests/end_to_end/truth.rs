//! What was put into one mailbox at both sides, and the judge of what came of it.

use crate::far::Far;
use crate::lab::Lab;
use crate::lab::client::{Session, Stored};
use crate::lab::seeds::Mail;
use crate::lab::wire::{dated, seconds};
use crate::mailbox::{Contents, to_arrive};
use crate::random::Random;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a test put into a mailbox, with the UIDs that it got.
pub(crate) struct Truth<'a> {
    lab: &'a Lab,
    user: String,
    source: Session,
    /// The destination.
    pub(crate) far: Box<dyn Far + 'a>,
    /// Flags that the destination can store.
    words: Vec<String>,
    /// Messages of the source by folder and UID.
    pub(crate) messages: BTreeMap<(String, u32), Stored>,
    /// What others delivered, by destination folder and UID.
    pub(crate) theirs: BTreeMap<String, BTreeMap<u32, Stored>>,
    /// Dates of messages that users moved: no other message gets one of them.
    kept: BTreeSet<i64>,
    number: usize,
}

/// How somebody else's message compares with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    /// Another date and no flags, as from a forwarding rule at the old provider.
    OtherDate,
    /// The same date and no flags, as from a provider that delivers to both.
    SameDate,
}

impl<'a> Truth<'a> {
    pub(crate) fn new(lab: &'a Lab, user: &str, far: Box<dyn Far + 'a>) -> Self {
        Self {
            lab,
            user: user.to_owned(),
            source: lab.source.session(user),
            words: far.words(),
            far,
            messages: BTreeMap::new(),
            theirs: BTreeMap::new(),
            kept: BTreeSet::new(),
            number: 0,
        }
    }

    /// Makes a folder at the source.
    pub(crate) fn folder(&mut self, path: &str) {
        self.source.create(path).expect("a folder");
        self.source.subscribe(path).expect("a subscription");
    }

    /// Puts messages into a source folder, of which some are equal to others here or elsewhere, to
    /// the last octet, date and flags included, or in octets alone. Where the destination makes
    /// messages anew, some are equal but for [`TRACE`].
    pub(crate) fn grow(&mut self, path: &str, count: u64, random: &mut Random) {
        for _ in 0..count {
            let mut mail = self.fresh(random, 50);
            if random.below(6) == 0 && !self.messages.is_empty() {
                let all: Vec<_> = self.messages.keys().cloned().collect();
                let twin = &self.messages[random.pick(&all)];
                if twin.bytes.len() < 1 << 20 && !self.kept.contains(&twin.date) {
                    mail.bytes.clone_from(&twin.bytes);
                    if self.far.rewrites() && random.below(3) == 0 {
                        let trace = format!("{TRACE}{}\r\n", self.number).into_bytes();
                        mail.bytes = [&trace, said(&twin.bytes)].concat();
                    }
                    if random.below(2) == 0 {
                        mail.flags = twin.flags.iter().cloned().collect();
                        mail.date = dated(twin.date);
                    }
                }
            }
            self.put(path, &mail);
        }
    }

    /// Puts one message of some megabytes into a source folder.
    pub(crate) fn grow_large(&mut self, path: &str, random: &mut Random) {
        let lines = 25_000 + random.below(60_000);
        let mail = self.fresh(random, lines);
        self.put(path, &mail);
    }

    fn fresh(&mut self, random: &mut Random, lines: u64) -> Mail {
        const FLAGS: [&[&str]; 4] = [&[], &["\\Seen"], &["\\Flagged", "\\Seen"], &["\\Answered"]];
        self.number += 1;
        // What a server that makes messages anew changes: a zone, blanks at the end, octets beyond
        // ASCII, and a Message-ID that is there already.
        let text = format!(
            "From: {user}\r\nSubject: Note {number}\r\nMessage-ID: <{number}.{user}>\r\n\
             Date: Mon, 1 Jan 2024 10:00:00 +0100\r\n\r\nGrüße \t\r\n{}",
            "Some text that is a line of a body, more or less.\r\n"
                .repeat(usize::try_from(random.below(lines)).expect("lines")),
            user = self.user,
            number = self.number,
        );
        let mut date = 1_300_000_000 + i64::try_from(random.below(9_000)).expect("seconds");
        while self.kept.contains(&date) {
            date += 1;
        }
        let mut mail = Mail::new("fresh", &dated(date), text).flags(random.pick::<&[&str]>(&FLAGS));
        if mail.flags.is_empty() && random.below(2) == 0 {
            mail.flags.extend(self.words.first().cloned());
        }
        mail
    }

    fn put(&mut self, path: &str, mail: &Mail) {
        let flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
        let uid = self
            .source
            .append_uid(path, &flags, Some(&mail.date), &mail.bytes)
            .expect("a message for the source");
        let stored = Stored {
            uid,
            flags: mail.flags.iter().cloned().collect(),
            date: seconds(&mail.date),
            bytes: mail.bytes.clone(),
        };
        self.messages.insert((path.to_owned(), uid), stored);
    }

    /// Adds flags to some messages of a source folder, or takes them away.
    pub(crate) fn change_flags(&mut self, path: &str, share: u64, random: &mut Random) {
        // A connection of its own: Dovecot 2.3.19 sometimes crashes (signal 11) when one that has
        // appended for long selects the folder.
        let mut session = self.lab.source.session(&self.user);
        session.command(&format!("SELECT {}", session.name(path))).expect("a folder");
        for (key, message) in self.messages.iter_mut().filter(|((at, _), _)| at == path) {
            let word = random.pick(&self.words).clone();
            let adds = !message.flags.contains(&word);
            if random.below(100) >= share {
                continue;
            }
            let uid = key.1;
            let sign = if adds { "+" } else { "-" };
            session.command(&format!("UID STORE {uid} {sign}FLAGS ({word})")).expect("flags");
            if adds {
                message.flags.insert(word)
            } else {
                message.flags.remove(&word)
            };
        }
        session.command("UNSELECT").expect("a folder");
    }

    /// Takes all flags away from the messages of a source folder.
    pub(crate) fn strip_flags(&mut self, path: &str) {
        let mut session = self.lab.source.session(&self.user);
        session.command(&format!("SELECT {}", session.name(path))).expect("a folder");
        session.command("STORE 1:* FLAGS ()").expect("flags");
        for (_, message) in self.messages.iter_mut().filter(|((at, _), _)| at == path) {
            message.flags.clear();
        }
    }

    /// Delivers somebody else's messages, equal in octets to some of the source, into the folders
    /// at the destination to which those go, where that may be.
    pub(crate) fn deliver(
        &mut self,
        count: u64,
        twin: Twin,
        goes: impl Fn(&str) -> Option<String>,
        random: &mut Random,
    ) {
        let small = |message: &&(String, u32)| {
            self.messages[*message].bytes.len() < 1 << 20 && goes(&message.0).is_some()
        };
        let all: Vec<_> = self.messages.keys().filter(small).cloned().collect();
        if all.is_empty() {
            return;
        }
        // Most often one of those that came last: they are on their way.
        let last = &all[all.len().saturating_sub(40)..];
        for _ in 0..count {
            let key = if random.below(3) > 0 { random.pick(last) } else { random.pick(&all) };
            let (path, message) = (goes(&key.0).expect("a folder"), &self.messages[key]);
            let date = match twin {
                Twin::SameDate => message.date,
                Twin::OtherDate => {
                    1_716_000_000 + i64::try_from(random.below(90_000)).expect("seconds")
                }
            };
            let bytes = message.bytes.clone();
            // The folder may not be there yet.
            if let Some(uid) = self.far.deliver(&path, date, &bytes) {
                let stored = Stored { uid, flags: BTreeSet::new(), date, bytes };
                self.theirs.entry(path).or_default().insert(uid, stored);
            }
        }
    }

    /// Moves a message to where its user keeps some, unless it has a look-alike at the source: that
    /// one is sent again rather than taken for the other, and none comes later.
    pub(crate) fn keep(&mut self, path: &str, uid: u32) -> bool {
        let there = self.far.contents();
        let message = there[path].iter().find(|message| message.uid == uid);
        let date = message.expect("what was listed").date;
        if self.messages.values().filter(|other| other.date == date).count() > 1 {
            return false;
        }
        self.far.keep(path, uid);
        self.kept.insert(date)
    }

    /// Counts what others delivered.
    pub(crate) fn delivered(&self) -> usize {
        self.theirs.values().map(BTreeMap::len).sum()
    }

    /// Checks that the source holds what was put there and nothing else: octets, flags, dates and
    /// UIDs.
    pub(crate) fn source_is_unchanged(&self, now: &Contents) {
        let now: BTreeMap<(String, u32), &Stored> = now
            .iter()
            .flat_map(|(path, messages)| messages.iter().map(|m| ((path.clone(), m.uid), m)))
            .collect();
        assert_eq!(now.len(), self.messages.len(), "{}: the source", self.user);
        for (key, message) in &self.messages {
            assert!(now.get(key) == Some(&message), "{}: {key:?} changed", self.user);
        }
    }

    /// Compares the destination with what was put into both sides, message by message, and counts
    /// what is lost and what we doubled.
    ///
    /// Where the destination makes messages anew, one may stand for another that is equal but for
    /// [`TRACE`]: nothing that is left of them tells them apart.
    ///
    /// What others delivered is told from ours by its UID. A message of theirs may stand for one
    /// of ours with the same octets and date that was not sent for that reason, and for no second
    /// one.
    pub(crate) fn judge(&self, there: &Contents, goes: impl Fn(&str) -> String) -> Verdict {
        let mut verdict = Verdict::default();
        let mut wanted: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
        for ((path, _), message) in &self.messages {
            wanted.entry(goes(path)).or_default().push(message.clone());
        }
        for (path, messages) in there {
            let theirs = self.theirs.get(path).cloned().unwrap_or_default();
            let (others, ours): (Vec<_>, Vec<_>) =
                messages.iter().cloned().partition(|message| theirs.contains_key(&message.uid));
            assert_eq!(others.len(), theirs.len(), "{path}: a message of others is gone");
            for message in &others {
                let before = &theirs[&message.uid];
                assert!(message.bytes == before.bytes && message.date == before.date, "{path}");
            }
            self.compare(
                path,
                &wanted.remove(path).unwrap_or_default(),
                &ours,
                &others,
                &mut verdict,
            );
        }
        let left: usize = wanted.values().map(Vec::len).sum();
        assert_eq!(left, 0, "{}: folders are not there: {:?}", self.user, wanted.keys());
        verdict
    }

    fn compare(
        &self,
        path: &str,
        wanted: &[Stored],
        ours: &[Stored],
        others: &[Stored],
        verdict: &mut Verdict,
    ) {
        let (wanted, ours, others) = (by_octets(wanted), by_octets(ours), by_octets(others));
        let none = Vec::new();
        for (bytes, sent) in &ours {
            let wanted = wanted.get(bytes).unwrap_or(&none);
            verdict.doubled += sent.len().saturating_sub(wanted.len());
        }
        for (bytes, wanted) in &wanted {
            let (ours, others) =
                (ours.get(bytes).unwrap_or(&none), others.get(bytes).unwrap_or(&none));
            let dates: BTreeSet<i64> = wanted.iter().map(|message| message.date).collect();
            let others: Vec<&Stored> =
                others.iter().copied().filter(|message| dates.contains(&message.date)).collect();
            let there = ours.len() + others.len();
            verdict.lost += wanted.len().saturating_sub(there);
            verdict.stood_in += wanted.len().saturating_sub(ours.len());
            if others.is_empty() {
                let looks = |messages: &[&Stored]| {
                    let look = |message: &&Stored| {
                        let (_, flags, date) = to_arrive(message);
                        (flags, date)
                    };
                    let mut looks: Vec<_> = messages.iter().map(look).collect();
                    looks.sort();
                    looks
                };
                if looks(wanted) != looks(ours) {
                    verdict.unlike += 1;
                    verdict.example.get_or_insert_with(|| {
                        let [wanted, ours] = [wanted, ours].map(|messages| shown(messages));
                        format!("{}: {path}: wanted {wanted:#?}, there {ours:#?}", self.user)
                    });
                }
                continue;
            }
            // Every flag of ours is on what stands for them, as often as at the source.
            let flags: BTreeSet<&String> = wanted.iter().flat_map(|m| &m.flags).collect();
            for flag in flags {
                let count = |messages: &[&Stored]| {
                    messages.iter().filter(|message| message.flags.contains(flag)).count()
                };
                if count(ours) + count(&others) < count(wanted) {
                    verdict.unlike += 1;
                    verdict.example.get_or_insert_with(|| {
                        let shown = [wanted.as_slice(), ours, &others].map(shown);
                        format!("{}: {path}: {flag} is lost: {shown:#?}", self.user)
                    });
                }
            }
            let mut dates: Vec<i64> = wanted.iter().map(|m| m.date).collect();
            for message in ours {
                match dates.iter().position(|date| *date == message.date) {
                    Some(at) => drop(dates.swap_remove(at)),
                    None => verdict.unlike += 1,
                }
            }
        }
    }
}

/// What a judge found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// Messages of the source that nothing stands for.
    pub(crate) lost: usize,
    /// Messages that we wrote more often than the source has them.
    pub(crate) doubled: usize,
    /// Messages whose date or flags are not those of the source.
    pub(crate) unlike: usize,
    /// Messages of others that stand for ours.
    pub(crate) stood_in: usize,
    /// The first that is unlike.
    pub(crate) example: Option<String>,
}

fn shown(messages: &[&Stored]) -> Vec<String> {
    let show = |m: &&Stored| format!("UID {}, {}, {:?}", m.uid, m.date, m.flags);
    messages.iter().map(show).collect()
}

fn by_octets(messages: &[Stored]) -> BTreeMap<&[u8], Vec<&Stored>> {
    let mut groups: BTreeMap<&[u8], Vec<&Stored>> = BTreeMap::new();
    for message in messages {
        groups.entry(said(&message.bytes)).or_default().push(message);
    }
    groups
}

/// A header field at the beginning in which messages differ that say the same.
const TRACE: &str = "X-Trace: ";

/// Returns a message without [`TRACE`].
fn said(octets: &[u8]) -> &[u8] {
    let end = octets.windows(2).position(|pair| pair == b"\r\n");
    match end.filter(|_| octets.starts_with(TRACE.as_bytes())) {
        Some(end) => &octets[end + 2..],
        None => octets,
    }
}
