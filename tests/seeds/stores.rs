//! Both stores in numbers, and what others did.

use crate::finding::{Check, Finding};
use crate::people::People;
use crate::trouble::WITHIN_THE_WAIT;
use crate::world::{Letter, World, goes, mailbox};
use mailferry::simulate::{Deed, Writer};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often a letter is at the destination.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct There {
    pub(crate) ours: usize,
    pub(crate) others: usize,
}

impl There {
    pub(crate) fn all(self) -> usize {
        self.ours + self.others
    }
}

pub(crate) struct Stores {
    pub(crate) now: BTreeMap<Letter, usize>,
    pub(crate) there: BTreeMap<Letter, There>,
    /// By letter, destination folder and second of the date: messages that belong into it, and
    /// copies of ours in it.
    pub(crate) folders: BTreeMap<(Letter, String, i64), (usize, usize)>,
    /// Letters that others moved, deleted or renumbered at the destination.
    pub(crate) elsewhere: BTreeSet<Letter>,
    /// Those of them that were not only moved, or that were moved, when they were known to be
    /// copied, out of a folder that got another UIDVALIDITY: what is missing there is copied again,
    /// as `G303` says.
    pub(crate) renumbered: BTreeSet<Letter>,
    /// How often others moved or deleted them there.
    pub(crate) taken: BTreeMap<Letter, usize>,
    /// Flags that others set there.
    pub(crate) set: BTreeMap<Letter, BTreeSet<String>>,
    /// Letters that were in a folder of the source when that was renumbered.
    pub(crate) anew: BTreeSet<Letter>,
    /// Letters whose flags people changed at the source.
    pub(crate) reflagged: BTreeSet<Letter>,
    /// Copies that others deleted there.
    pub(crate) deleted: BTreeMap<Letter, usize>,
    /// Copies that were stored when nobody waited for them any more.
    pub(crate) late: BTreeMap<Letter, usize>,
}

impl Stores {
    pub(crate) fn of(world: &World) -> Self {
        let mut stores = Self {
            now: BTreeMap::new(),
            there: BTreeMap::new(),
            folders: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            renumbered: BTreeSet::new(),
            taken: BTreeMap::new(),
            set: BTreeMap::new(),
            anew: BTreeSet::new(),
            reflagged: BTreeSet::new(),
            deleted: BTreeMap::new(),
            late: BTreeMap::new(),
        };
        for user in &world.users {
            let letter = |octets: &[u8]| Letter { user: user.clone(), octets: octets.to_vec() };
            for (name, folder) in mailbox(&world.source, user) {
                for message in folder.messages {
                    let letter = letter(&message.given);
                    *stores.now.entry(letter.clone()).or_default() += 1;
                    let date = message.date.instant().as_second();
                    stores.folders.entry((letter, goes(&name), date)).or_default().0 += 1;
                }
            }
            for (name, folder) in mailbox(&world.destination, user) {
                for message in folder.messages {
                    let letter = letter(&message.given);
                    let count = stores.there.entry(letter.clone()).or_default();
                    if message.writer == Writer::Other {
                        count.others += 1;
                        continue;
                    }
                    count.ours += 1;
                    let date = message.date.instant().as_second();
                    stores.folders.entry((letter, name.clone(), date)).or_default().1 += 1;
                }
            }
        }
        for deed in world.source.deeds() {
            let Some(octets) = deed.octets else { continue };
            let letter = Letter { user: deed.user, octets: octets.to_vec() };
            match deed.verb.as_str() {
                "STORE" => drop(stores.reflagged.insert(letter)),
                "RENUMBER" => drop(stores.anew.insert(letter)),
                _ => {}
            }
        }
        let deeds = world.destination.deeds();
        for (at, deed) in deeds.iter().enumerate() {
            let Some(octets) = &deed.octets else { continue };
            let letter = Letter { user: deed.user.clone(), octets: octets.to_vec() };
            match (deed.session, deed.verb.as_str()) {
                (Some(_), _) => {
                    if deed.late.is_some_and(|late| late > Duration::from_millis(WITHIN_THE_WAIT)) {
                        *stores.late.entry(letter).or_default() += 1;
                    }
                }
                (None, "STORE") => {
                    stores.set.entry(letter).or_default().extend(deed.flags.iter().cloned());
                }
                (None, "DELETE") => {
                    *stores.deleted.entry(letter.clone()).or_default() += 1;
                    *stores.taken.entry(letter.clone()).or_default() += 1;
                    stores.renumbered.insert(letter.clone());
                    stores.elsewhere.insert(letter);
                }
                (None, "RENUMBER") => {
                    stores.renumbered.insert(letter.clone());
                    stores.elsewhere.insert(letter);
                }
                (None, "MOVE") => {
                    if was_known(&deeds, at) && is_made_anew(&deeds, at) {
                        stores.renumbered.insert(letter.clone());
                    }
                    *stores.taken.entry(letter.clone()).or_default() += 1;
                    stores.elsewhere.insert(letter);
                }
                (None, _) => {}
            }
        }
        stores
    }

    /// Leaves out what never was at the source: mail that others get at the destination.
    pub(crate) fn of_the_source(mut self, people: &People) -> Self {
        self.there.retain(|letter, there| there.ours > 0 || people.ever.contains_key(letter));
        self
    }

    pub(crate) fn there(&self, letter: &Letter) -> There {
        self.there.get(letter).copied().unwrap_or_default()
    }

    pub(crate) fn count(counts: &BTreeMap<Letter, usize>, letter: &Letter) -> usize {
        counts.get(letter).copied().unwrap_or_default()
    }

    /// Sums over the letters of a user.
    pub(crate) fn sum(counts: &BTreeMap<Letter, usize>, user: &str) -> u64 {
        let of_user = counts.iter().filter(|(letter, _)| letter.user == user);
        of_user.map(|(_, count)| *count as u64).sum()
    }

    /// Messages of a user at the source for which nothing is at the destination, which says nothing
    /// of those that stay behind.
    pub(crate) fn missing(&self, world: &World, user: &str) -> u64 {
        let of_user = self.now.iter().filter(|(letter, _)| letter.user == user);
        let wanted = of_user.filter(|(letter, _)| !world.stays_behind(&letter.octets));
        wanted.map(|(letter, now)| now.saturating_sub(self.there(letter).all()) as u64).sum()
    }

    /// Says what is at the source and neither at the destination nor was deleted there.
    pub(crate) fn lost(&self, world: &World, people: &People) -> Vec<Finding> {
        let mut lost = Vec::new();
        for (letter, count) in &self.now {
            let there = self.there(letter);
            // What was deleted before it was restored at the source was the copy of another one.
            let deleted = Self::count(&self.deleted, letter);
            let total = there.all() + deleted - Self::count(&people.restored, letter);
            if world.stays_behind(&letter.octets) {
                if there.ours > 0 {
                    lost.push(Check::Limit.finds(text(letter)));
                }
            } else if total < *count {
                let found = format!("{count} at the source, {there:?}: {}", text(letter));
                lost.push(Check::Lost.finds(found));
            }
        }
        lost
    }
}

/// Tells whether a message that others moved was known to be copied by then: flags follow and the
/// next folder comes when every message of one is, and another session sends nothing into a folder
/// before it knows what became of those of an earlier one.
fn was_known(deeds: &[Deed], moved: usize) -> bool {
    let (before, deed) = (&deeds[..moved], &deeds[moved]);
    let brought = before.iter().rposition(|it| {
        it.verb == "APPEND" && it.octets == deed.octets && it.folder == deed.folder
    });
    let Some(brought) = brought else { return false };
    let of_user = |it: &&Deed| it.user == deed.user && it.session.is_some();
    before[brought..].iter().filter(of_user).any(|it| {
        let same = it.session == before[brought].session;
        let here = it.folder == deed.folder;
        same && (it.verb.starts_with("STORE") || !here) || !same && here && it.verb == "APPEND"
    })
}

/// Tells whether the folder that a message was moved out of has another UIDVALIDITY afterwards.
fn is_made_anew(deeds: &[Deed], moved: usize) -> bool {
    let folder = |it: &&Deed| it.user == deeds[moved].user && it.folder == deeds[moved].folder;
    let told = |deeds: &[Deed]| -> BTreeSet<u32> {
        let told = deeds.iter().filter(folder).filter(|it| it.octets.is_some());
        told.filter_map(|it| it.told).collect()
    };
    let before = told(&deeds[..moved]);
    told(&deeds[moved..]).iter().any(|validity| !before.contains(validity))
}

/// Where every letter is, on both sides.
pub(crate) fn places(world: &World) -> String {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in &world.users {
        for (side, service) in [("source", &world.source), ("destination", &world.destination)] {
            for (name, folder) in mailbox(service, user) {
                for message in folder.messages {
                    let subject = String::from_utf8_lossy(&message.given);
                    let subject = subject.lines().find(|line| line.starts_with("Subject"));
                    let key = format!("{user} {}", subject.unwrap_or("?"));
                    all.entry(key).or_default().push(format!(
                        "{side} {name} UID {} at {} `{}` {:?}",
                        message.uid,
                        message.date.instant().as_second() % 10,
                        message.flags,
                        message.writer
                    ));
                }
            }
        }
    }
    let lines = all.into_iter().map(|(letter, places)| format!("{letter}: {}", places.join("; ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// What was done at both sides, in its order.
pub(crate) fn all_deeds(world: &World) -> String {
    use std::fmt::Write as _;
    let mut all = String::from("\n");
    for (side, service) in [("source", &world.source), ("destination", &world.destination)] {
        for Deed { session, user, verb, folder, to, flags, octets, late, .. } in service.deeds() {
            let text = octets.map(|it| String::from_utf8_lossy(&it).into_owned());
            let text = text.unwrap_or_default();
            let subject = text.lines().find(|line| line.starts_with("Subject")).unwrap_or("?");
            let _ = writeln!(
                all,
                "{side} {session:?} {user} {verb} {folder} {to} {flags:?} late {late:?} {subject}"
            );
        }
    }
    all
}

pub(crate) fn text(letter: &Letter) -> String {
    let octets: String =
        String::from_utf8_lossy(&letter.octets).replace("\r\n", " | ").chars().take(300).collect();
    format!("{}: {octets}", letter.user)
}
