//! Pairs messages with equal octets as a multiset, in memory: what the side table is compared with.

use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::pairing::{self, Round};
use crate::model::uid::Uid;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

/// What tells a message from its twins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// SHA-256 of its octets.
    pub(super) digest: Digest,
    /// INTERNALDATE in seconds.
    pub(super) second: Option<i64>,
    /// Flags.
    pub(super) flags: Flags,
}

/// What must be equal in a round.
type Sign = (Digest, Option<i64>, Vec<String>);

impl Mark {
    fn sign(&self, round: Round) -> Sign {
        let second = self.second.filter(|_| round != Round::Octets);
        let folded = match round {
            Round::DateAndFlags => self.flags.iter().map(str::to_lowercase).collect(),
            Round::Date | Round::Octets => Vec::new(),
        };
        (self.digest, second, folded)
    }
}

/// A message of the destination that stands for one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its UID at the destination.
    pub(super) uid: Uid,
    /// It has our date as well: not only its octets are ours.
    pub(super) same_date: bool,
}

/// Pairs messages with equal digests, each with at most one; in order, so that of equal twins
/// the first takes the first.
///
/// Twins that differ in date or flags are told apart by them, as far as the server keeps these:
/// taken by digest alone, one would be called copied where the other is, and its own date would
/// be lost and the other's doubled.
pub(super) fn pair<K: Clone + Ord>(
    ours: &BTreeMap<K, Mark>,
    theirs: &BTreeMap<Uid, Mark>,
) -> BTreeMap<K, Found> {
    let mut pairs: BTreeMap<K, Found> = BTreeMap::new();
    let mut taken: BTreeSet<Uid> = BTreeSet::new();
    for round in Round::ALL {
        let mut here: Vec<(Sign, (&K, Option<i64>))> = ours
            .iter()
            .filter(|(key, _)| !pairs.contains_key(key))
            .map(|(key, mark)| (mark.sign(round), (key, mark.second)))
            .collect();
        let mut there: Vec<(Sign, (Uid, Option<i64>))> = theirs
            .iter()
            .filter(|(uid, _)| !taken.contains(uid))
            .map(|(&uid, mark)| (mark.sign(round), (uid, mark.second)))
            .collect();
        here.sort();
        there.sort();
        let Ok(()) = pairing::merge(
            here.into_iter().map(Ok::<_, Infallible>),
            there.into_iter().map(Ok),
            |(key, second), (uid, there)| {
                // What had no valid date was sent with another one or none.
                let same_date = second.is_none() || second == there;
                pairs.insert(key.clone(), Found { uid, same_date });
                taken.insert(uid);
                Ok(())
            },
        );
    }
    pairs
}

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
    let pairs = BTreeMap::from([(1, found(51, false)), (3, found(50, true)), (4, found(52, true))]);
    assert_eq!(pair(&ours, &theirs), pairs);
}
