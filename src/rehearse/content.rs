//! What is in the mailboxes of the simulated source.

use crate::desired::{Desired, DesiredMailbox, Mapped};
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::internal_date::InternalDate;
use crate::rehearse::letters::{self, Shape};
use crate::rehearse::sketch::SketchedMessage;
use bytes::Bytes;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// One letter with where it is.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) folder: FolderPath,
    pub(crate) octets: Bytes,
    pub(crate) date: InternalDate,
    pub(crate) flags: Flags,
}

/// A folder that is made before its letters come.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) path: FolderPath,
    pub(crate) subscribed: bool,
    pub(crate) special_use: Option<SpecialUse>,
}

impl Made {
    fn usual(path: FolderPath) -> Self {
        Self { path, subscribed: true, special_use: None }
    }
}

/// Draws mailboxes from a seed.
#[derive(Debug)]
pub(crate) struct Author {
    rng: Rng,
    now: Timestamp,
    number: u64,
}

/// How the messages of a mailbox spread over the folders that every source has, in a hundred; the
/// others share the rest. A choice.
const SHARES: [(&str, usize); 5] =
    [("INBOX", 34), ("Sent", 22), ("Drafts", 2), ("Trash", 6), ("Spam", 4)];

/// Folders that people make. Some are here because a destination has trouble with them: `Files` is
/// reserved at Exchange, and a name with a `/` in it is two names there.
const OWN: [&str; 13] = [
    "Archive/2023",
    "Archive/2024",
    "Archive/2025",
    "Archive/2009/Old",
    "Projects/2019/Harbour",
    "Projects/2024/Relaunch",
    "Clients/Müller & Söhne",
    "Clients/東京",
    "Contracts \\/ NDA",
    "Files",
    "Invoices",
    "Reisen",
    "Newsletter",
];

/// The oldest letters are this many days old.
const DAYS: i64 = 3_600;

impl Author {
    pub(crate) fn new(seed: u64, now: Timestamp) -> Self {
        Self { rng: Rng::with_seed(seed), now, number: 0 }
    }

    /// Returns the folders of a mailbox besides those that the product makes, and its letters.
    ///
    /// The folders that the migration plan names (`map`, `merge`'s sources, `exclude`) are among
    /// them, so that the rehearsal meets its rules. None is made up that the migration plan has no
    /// place for at a destination that parts folders by `separator`.
    pub(crate) fn mailbox(
        &mut self,
        desired: &Desired,
        mailbox: &DesiredMailbox,
        separator: char,
        messages: usize,
        first: bool,
    ) -> (Vec<Made>, Vec<Letter>) {
        let own = self.folders(desired, mailbox, separator);
        let mut letters = Vec::new();
        let mut left = messages;
        for (name, share) in SHARES {
            let count = messages * share / 100;
            left -= count;
            let Ok(folder) = name.parse::<FolderPath>() else { continue };
            for _ in 0..count {
                let shape = letters::shape(&mut self.rng);
                letters.push(self.letter(&folder, mailbox.source.as_str(), shape));
            }
        }
        for number in 0..if own.is_empty() { 0 } else { left } {
            // The first ones a little, so that few are empty.
            let at = if number < own.len() { number } else { self.rng.usize(0..own.len()) };
            let Some(folder) = own.get(at).cloned() else { continue };
            let shape = letters::shape(&mut self.rng);
            letters.push(self.letter(&folder, mailbox.source.as_str(), shape));
        }
        self.twins(&mut letters);
        if first {
            letters.push(self.letter(
                &FolderPath::inbox(),
                mailbox.source.as_str(),
                Shape::Oversized,
            ));
        }
        let shared = SHARES.iter().filter_map(|(name, _)| name.parse().ok());
        (shared.chain(own).map(Made::usual).collect(), letters)
    }

    /// A letter that comes now.
    pub(crate) fn fresh(&mut self, to: &str, folder: &FolderPath, now: Timestamp) -> Letter {
        self.now = now;
        let shape = match letters::shape(&mut self.rng) {
            Shape::OddDate | Shape::RawSubject => Shape::Plain,
            shape => shape,
        };
        self.number += 1;
        let octets = letters::letter(&mut self.rng, shape, to, now, self.number);
        Letter {
            folder: folder.clone(),
            octets,
            date: InternalDate::from_timestamp(now),
            flags: Flags::default(),
        }
    }

    /// A letter of the size, date and flags of one that was observed.
    pub(crate) fn like(
        &mut self,
        folder: &FolderPath,
        to: &str,
        message: SketchedMessage,
    ) -> Letter {
        self.number += 1;
        let date = message.date.unwrap_or_else(|| InternalDate::from_timestamp(self.now));
        let size = usize::try_from(message.size).unwrap_or(usize::MAX);
        let octets = letters::sized(&mut self.rng, to, date.instant(), self.number, size);
        Letter { folder: folder.clone(), octets, date, flags: message.flags }
    }

    fn letter(&mut self, folder: &FolderPath, to: &str, shape: Shape) -> Letter {
        let kept = matches!(folder.to_string().as_str(), "Trash" | "Spam");
        // What lies in Trash and Spam is not older than the provider lets it be.
        let days = if kept { 20 } else { self.rng.i64(1..DAYS) };
        let age = SignedDuration::from_hours(days * 24)
            + SignedDuration::from_secs(self.rng.i64(0..86_400));
        let date = self.now.checked_sub(age).unwrap_or(self.now);
        self.number += 1;
        let octets = letters::letter(&mut self.rng, shape, to, date, self.number);
        let words: &[&str] = match self.rng.u8(0..20) {
            0 | 1 => &[],
            2 => &["\\Seen", "\\Flagged"],
            3 | 4 => &["\\Seen", "\\Answered"],
            5 => &["\\Seen", "$Forwarded"],
            6 => &["\\Seen", "$label1"],
            _ => &["\\Seen"],
        };
        let mut flags = Flags::from_words(words);
        if folder.to_string() == "Drafts" {
            flags.insert("\\Draft");
        }
        Letter { folder: folder.clone(), octets, date: InternalDate::from_timestamp(date), flags }
    }

    /// Some letters are in a mailbox twice, equal to the last octet.
    fn twins(&mut self, letters: &mut Vec<Letter>) {
        for _ in 0..letters.len() / 50 {
            let at = self.rng.usize(0..letters.len());
            if let Some(letter) = letters.get(at).cloned() {
                letters.push(letter);
            }
        }
    }

    fn folders(
        &mut self,
        desired: &Desired,
        mailbox: &DesiredMailbox,
        separator: char,
    ) -> Vec<FolderPath> {
        let folders = &desired.folders;
        let named = folders.map.keys().chain(folders.usual.keys()).cloned();
        let excluded = desired.folders.exclude.iter().chain(&mailbox.exclude).filter_map(|it| {
            // What a pattern without other wildcards stands for: the folder, or one below it.
            let text = it.text.replace("/**", "/Below").replace("/*", "/Below");
            if text.contains(['*', '?', '[', '{']) { None } else { text.parse().ok() }
        });
        let own = OWN
            .iter()
            .filter_map(|name| name.parse::<FolderPath>().ok())
            .filter(|path| has_a_place(desired, mailbox, path, separator));
        let kept = SHARES.iter().map(|(name, _)| *name);
        let standard: Vec<FolderPath> = kept.filter_map(|name| name.parse().ok()).collect();
        let mut all: Vec<FolderPath> =
            named.chain(excluded).chain(own).filter(|path| !standard.contains(path)).collect();
        all.sort();
        all.dedup();
        // Mailboxes differ; what the plan names stays.
        let drop = self.rng.usize(0..4);
        for _ in 0..drop {
            let at = self.rng.usize(0..all.len());
            if OWN.contains(&all.get(at).map(ToString::to_string).unwrap_or_default().as_str()) {
                all.remove(at);
            }
        }
        all
    }
}

fn has_a_place(
    desired: &Desired,
    mailbox: &DesiredMailbox,
    path: &FolderPath,
    separator: char,
) -> bool {
    let names = desired.destination.target(None, &BTreeSet::new()).profile.names;
    match desired.folders.map(path, None, &mailbox.exclude, &names) {
        Mapped::To { path, .. } => !path.components().iter().any(|it| it.contains(separator)),
        Mapped::Excluded { .. } => true,
        Mapped::Invalid { .. } => false,
    }
}
