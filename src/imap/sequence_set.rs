//! Sets of UIDs in a command, RFC 3501 section 9 (`sequence-set`).

use crate::model::uid::Uid;
use crate::model::uid_set;
use std::fmt::Write as _;

/// The most octets of a set in one command: with the rest of the command the line stays under
/// 8,000, which RFC 7162 section 4 names as what servers take.
pub const LINE_LIMIT: usize = 7_500;

/// A set of UIDs as ascending ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SequenceSet {
    /// First and last, inclusive; disjoint, ascending and not adjacent.
    ranges: Vec<(u32, u32)>,
    /// Everything from here on, `n:*`; above every range.
    from: Option<u32>,
}

impl SequenceSet {
    /// Makes a set of single UIDs, in any order and however often each; zero is no UID and is
    /// left out.
    pub fn from_uids(uids: impl IntoIterator<Item = Uid>) -> Self {
        let mut numbers: Vec<u32> =
            uids.into_iter().map(|uid| uid.0).filter(|&uid| uid > 0).collect();
        numbers.sort_unstable();
        Self { ranges: uid_set::ranges(numbers.into_iter()), from: None }
    }

    /// Makes the set from `first` to `last`, inclusive.
    pub fn range(first: Uid, last: Uid) -> Self {
        let first = first.0.max(1);
        let ranges = if first <= last.0 { vec![(first, last.0)] } else { Vec::new() };
        Self { ranges, from: None }
    }

    /// Makes the set of all UIDs from `first` on.
    ///
    /// A server answers `n:*` with its last message even when that lies below `n`; it is not in
    /// the set and never becomes a row.
    pub fn starting_at(first: Uid) -> Self {
        Self { ranges: Vec::new(), from: Some(first.0.max(1)) }
    }

    /// Makes the set of all messages.
    pub fn all() -> Self {
        Self::starting_at(Uid(1))
    }

    /// Tells whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.from.is_none()
    }

    /// Tells whether the UID is in the set.
    pub fn contains(&self, uid: Uid) -> bool {
        let after = self.ranges.partition_point(|&(first, _)| first <= uid.0);
        let within =
            after.checked_sub(1).and_then(|i| self.ranges.get(i)).is_some_and(|r| uid.0 <= r.1);
        within || self.from.is_some_and(|from| uid.0 >= from)
    }

    /// Returns the set as text for one or more commands, each at most [`LINE_LIMIT`] octets.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        let mut item = String::new();
        for &(first, last) in &self.ranges {
            item.clear();
            let _ = if first == last {
                write!(item, "{first}")
            } else {
                write!(item, "{first}:{last}")
            };
            append(&mut lines, &mut line, &item);
        }
        if let Some(from) = self.from {
            append(&mut lines, &mut line, &format!("{from}:*"));
        }
        if !line.is_empty() {
            lines.push(line);
        }
        lines
    }
}

fn append(lines: &mut Vec<String>, line: &mut String, item: &str) {
    if !line.is_empty() && line.len() + 1 + item.len() > LINE_LIMIT {
        lines.push(std::mem::take(line));
    }
    if !line.is_empty() {
        line.push(',');
    }
    line.push_str(item);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn neighbours_become_ranges() {
        let set = SequenceSet::from_uids([7, 3, 1, 2, 7, 9, u32::MAX].map(Uid));
        assert_eq!(set.lines(), ["1:3,7,9,4294967295"]);
        assert_eq!(SequenceSet::starting_at(Uid(5)).lines(), ["5:*"]);
        assert!(!SequenceSet::starting_at(Uid(5)).contains(Uid(4)));
        assert_eq!(SequenceSet::default().lines(), Vec::<String>::new());
        assert!(SequenceSet::range(Uid(5), Uid(4)).is_empty());
    }

    proptest! {
        #[test]
        fn the_lines_hold_exactly_the_uids_and_stay_short(
            uids in prop::collection::btree_set(1_u32..200_000, 0..4_000)
        ) {
            let set = SequenceSet::from_uids(uids.iter().copied().map(Uid));
            let mut back = BTreeSet::new();
            for line in set.lines() {
                prop_assert!(line.len() <= LINE_LIMIT);
                for item in line.split(',') {
                    let (first, last) = item.split_once(':').unwrap_or((item, item));
                    back.extend(first.parse::<u32>().unwrap()..=last.parse::<u32>().unwrap());
                }
            }
            prop_assert!(uids.iter().all(|&uid| set.contains(Uid(uid))));
            prop_assert!(!set.contains(Uid(200_001)));
            prop_assert_eq!(back, uids);
        }
    }
}
