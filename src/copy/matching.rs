//! Finds our own messages among those of a destination folder: a multiset match by digest.
//!
//! Pure. Which bodies are worth reading is decided by keys (date and size); what is the same is
//! decided by the digest of the whole message and by nothing else.

use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::uid::Uid;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A message whose fate is not known, with what is cheap to know about it.
#[derive(Clone, Debug)]
pub struct Unsettled<K> {
    /// Which message: source folder and UID.
    pub key: K,
    /// RFC822.SIZE at the source.
    pub size: u64,
    /// INTERNALDATE at the source.
    pub date: Option<InternalDate>,
}

/// A message in the destination folder that the ledger does not know.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Its UID at the destination.
    pub uid: Uid,
    /// RFC822.SIZE at the destination.
    pub size: u64,
    /// INTERNALDATE at the destination.
    pub date: Option<InternalDate>,
}

/// The cheap keys of the unsettled messages.
///
/// A server that stores other octets than were sent changes the size, one that refuses a date in
/// the future changes the date: either of them is enough to be worth a look.
#[derive(Debug)]
pub struct Keys {
    sizes: HashSet<u64>,
    seconds: HashSet<i64>,
}

impl Keys {
    /// Collects the keys.
    pub fn of<K>(unsettled: &[Unsettled<K>]) -> Self {
        Self {
            sizes: unsettled.iter().map(|message| message.size).collect(),
            seconds: unsettled
                .iter()
                .filter_map(|message| message.date.as_ref())
                .map(|date| date.instant().as_second())
                .collect(),
        }
    }

    /// Tells whether the candidate may be one of the unsettled messages.
    pub fn may_hold(&self, candidate: &Candidate) -> bool {
        self.sizes.contains(&candidate.size)
            || candidate
                .date
                .as_ref()
                .is_some_and(|date| self.seconds.contains(&date.instant().as_second()))
    }
}

/// Returns the unsettled messages that share a key with one of the candidates: those whose
/// bodies must be read at the source.
pub fn worth_reading<'a, K>(
    unsettled: &'a [Unsettled<K>],
    candidates: &[Candidate],
) -> Vec<&'a Unsettled<K>> {
    let sizes: HashSet<u64> = candidates.iter().map(|candidate| candidate.size).collect();
    let seconds: HashSet<i64> = candidates
        .iter()
        .filter_map(|candidate| candidate.date.as_ref())
        .map(|date| date.instant().as_second())
        .collect();
    unsettled
        .iter()
        .filter(|message| {
            sizes.contains(&message.size)
                || message
                    .date
                    .as_ref()
                    .is_some_and(|date| seconds.contains(&date.instant().as_second()))
        })
        .collect()
}

/// What tells a message from its twins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// SHA-256 of its octets.
    pub digest: Digest,
    /// INTERNALDATE in seconds.
    pub second: Option<i64>,
    /// Flags.
    pub flags: Flags,
}

/// Whether two messages with equal digests are to be paired.
type Alike = fn(&Mark, &Mark) -> bool;

/// From the most alike to the least: date and flags, date, octets alone.
const ROUNDS: [Alike; 3] =
    [|a, b| a.second == b.second && a.flags == b.flags, |a, b| a.second == b.second, |_, _| true];

/// A message of the destination that stands for one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<T = Uid> {
    /// Which one: its UID at the destination, or what else names it.
    pub uid: T,
    /// It has our date as well: not only its octets are ours.
    pub same_date: bool,
}

/// Pairs messages with equal digests, each with at most one; in order, so that of equal twins
/// the first takes the first.
///
/// Twins that differ in date or flags are told apart by them, as far as the server keeps these:
/// taken by digest alone, one would be called copied where the other is, and its own date would
/// be lost and the other's doubled.
pub fn pair<K: Clone + Ord, T: Copy + Ord>(
    ours: &BTreeMap<K, Mark>,
    theirs: &BTreeMap<T, Mark>,
) -> BTreeMap<K, Found<T>> {
    let mut free: HashMap<Digest, BTreeMap<T, &Mark>> = HashMap::new();
    for (&uid, mark) in theirs {
        free.entry(mark.digest).or_default().insert(uid, mark);
    }
    let mut pairs: BTreeMap<K, Found<T>> = BTreeMap::new();
    for alike in ROUNDS {
        for (key, mark) in ours {
            if pairs.contains_key(key) {
                continue;
            }
            let Some(twins) = free.get_mut(&mark.digest) else { continue };
            let found = twins.iter().find(|(_, there)| alike(mark, there)).map(|(&uid, _)| uid);
            if let Some((uid, there)) = found.and_then(|uid| twins.remove_entry(&uid)) {
                // What had no valid date was sent with another one or none.
                let same_date = mark.second.is_none() || mark.second == there.second;
                pairs.insert(key.clone(), Found { uid, same_date });
            }
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(digest: u8, second: i64, flags: &[&str]) -> Mark {
        let digest = Digest([digest; 32]);
        Mark { digest, second: Some(second), flags: Flags::from_words(flags) }
    }

    fn found(uid: u32, same_date: bool) -> Found {
        Found { uid: Uid(uid), same_date }
    }

    #[test]
    fn twins_are_paired_one_to_one_and_strangers_are_left_alone() {
        let ours = (1..=3).map(|key| (key, mark(7, 0, &[])));
        let ours: BTreeMap<_, _> = ours.chain([(4, mark(9, 0, &[]))]).collect();
        let theirs = BTreeMap::from([
            (Uid(50), mark(7, 0, &[])),
            (Uid(51), mark(8, 0, &[])),
            (Uid(52), mark(7, 0, &[])),
        ]);
        let pairs = BTreeMap::from([(1, found(50, true)), (2, found(52, true))]);
        assert_eq!(pair(&ours, &theirs), pairs);
    }

    #[test]
    fn twins_are_told_apart_by_date_and_then_by_flags() {
        let ours = BTreeMap::from([
            (1, mark(7, 100, &[])),
            (2, mark(7, 200, &[])),
            (3, mark(7, 200, &["\\Seen"])),
            (4, mark(7, 300, &[])),
        ]);
        let theirs = BTreeMap::from([
            (Uid(50), mark(7, 200, &["\\Seen"])),
            (Uid(51), mark(7, 900, &[])),
            (Uid(52), mark(7, 300, &["\\Flagged"])),
        ]);
        let pairs =
            BTreeMap::from([(1, found(51, false)), (3, found(50, true)), (4, found(52, true))]);
        assert_eq!(pair(&ours, &theirs), pairs);
    }

    #[test]
    fn a_changed_size_or_a_changed_date_is_still_worth_a_look() {
        let date = |text| InternalDate::parse(text);
        let unsettled = [Unsettled { key: 1, size: 10, date: date("01-Jan-2020 00:00:00 +0000") }];
        let keys = Keys::of(&unsettled);
        let candidate = |size, text| Candidate { uid: Uid(1), size, date: date(text) };
        assert!(keys.may_hold(&candidate(10, "02-Jan-2020 00:00:00 +0000")));
        assert!(keys.may_hold(&candidate(11, "01-Jan-2020 01:00:00 +0100")));
        assert!(!keys.may_hold(&candidate(11, "02-Jan-2020 00:00:00 +0000")));
        assert_eq!(
            worth_reading(&unsettled, &[candidate(11, "02-Jan-2020 00:00:00 +0000")]).len(),
            0
        );
        assert_eq!(
            worth_reading(&unsettled, &[candidate(10, "02-Jan-2020 00:00:00 +0000")]).len(),
            1
        );
    }
}
