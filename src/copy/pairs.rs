//! Pairs messages with strays of equal octets as a multiset. Pure.

use crate::model::digest::Digest;
use crate::model::pairing;
use crate::model::uid::Uid;
use crate::ports::ledger::{Listed, Look, MessageRow, Stray};
use std::collections::BTreeMap;
use std::convert::Infallible;

/// A message at the source and the copy that stands for it.
pub(super) type Pair = (MessageRow, Stray);

/// What tells a message from its twins.
struct Mark {
    digest: Digest,
    second: Option<i64>,
    flags: Vec<String>,
}

/// What must be equal of two messages.
type Sign = (Digest, Option<i64>, Vec<String>);

impl Mark {
    fn new(listed: &Listed, digest: Digest) -> Self {
        let flags = listed.flags.iter().map(str::to_lowercase).collect();
        Self { digest, second: Look::of(listed).second, flags }
    }

    /// `None` when the mark is none that may be paired so.
    fn sign(&self, part: Part) -> Option<Sign> {
        match part {
            Part::Whole => Some((self.digest, self.second, self.flags.clone())),
            Part::Dated => Some((self.digest, self.second, Vec::new())),
            Part::Undated if self.second.is_some() => None,
            Part::Undated | Part::Octets => Some((self.digest, None, Vec::new())),
        }
    }
}

/// The part of a mark that counts.
#[derive(Clone, Copy)]
enum Part {
    Whole,
    /// Octets and date.
    Dated,
    Octets,
    /// The octets, where there is no date.
    Undated,
}

/// What must be equal, from the most alike to the least. The octets alone are enough only where one
/// of the two has no date: with two, one message would be given the date of another.
const ROUNDS: [[Part; 2]; 4] = [
    [Part::Whole, Part::Whole],
    [Part::Dated, Part::Dated],
    [Part::Undated, Part::Octets],
    [Part::Octets, Part::Undated],
];

/// Pairs messages with strays of equal octets, each with at most one, and takes the messages out
/// of `pending`. Twins are told apart by date and flags; of equal ones the first takes the first.
pub(super) fn pairs(
    pending: &mut BTreeMap<Uid, MessageRow>,
    digests: &BTreeMap<Uid, Digest>,
    strays: Vec<Stray>,
) -> Vec<Pair> {
    let mut ours: BTreeMap<Uid, Mark> = pending
        .iter()
        .filter_map(|(uid, row)| Some((*uid, Mark::new(&row.listed, *digests.get(uid)?))))
        .collect();
    let mark = |stray: &Stray| {
        let digest = stray.row.copied.as_ref()?.source_digest;
        Some(Mark::new(&stray.row.listed, digest))
    };
    let mut theirs: BTreeMap<usize, Mark> = strays
        .iter()
        .enumerate()
        .filter_map(|(index, stray)| Some((index, mark(stray)?)))
        .collect();
    let mut by_stray: BTreeMap<usize, Uid> = BTreeMap::new();
    for [part, other] in ROUNDS {
        let (here, there) = (signed(&ours, part), signed(&theirs, other));
        let here = here.into_iter().map(Ok::<_, Infallible>);
        let Ok(()) = pairing::merge(here, there.into_iter().map(Ok), |uid, index| {
            ours.remove(&uid);
            theirs.remove(&index);
            by_stray.insert(index, uid);
            Ok(())
        });
    }
    strays
        .into_iter()
        .enumerate()
        .filter_map(|(index, stray)| Some((pending.remove(by_stray.get(&index)?)?, stray)))
        .collect()
}

fn signed<K: Copy + Ord>(marks: &BTreeMap<K, Mark>, part: Part) -> Vec<(Sign, K)> {
    let mut signed: Vec<(Sign, K)> =
        marks.iter().filter_map(|(key, mark)| Some((mark.sign(part)?, *key))).collect();
    signed.sort();
    signed
}
