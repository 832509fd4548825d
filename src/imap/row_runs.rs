//! The messages whose rows of a listing came, as runs of neighbours: a whole folder is one run,
//! however many messages it holds and however far apart their UIDs are.

use crate::model::uid::Uid;
use std::collections::BTreeMap;

/// UIDs of rows that came.
#[derive(Debug, Default)]
pub(crate) struct RowRuns {
    /// First and last UID of each run: every message between them came.
    runs: BTreeMap<Uid, Uid>,
    /// Sequence number and UID of the row before, while the numbers mean the same messages.
    before: Option<(u64, Uid)>,
}

impl RowRuns {
    /// Adds a row with its sequence number. Between the messages of two numbers that follow each
    /// other there is none, RFC 3501 section 2.3.1.2.
    pub(crate) fn add(&mut self, number: Option<u64>, uid: Uid) {
        let next_to = |(at, last): &(u64, Uid)| Some(at + 1) == number && *last < uid;
        let follows = self.before.filter(next_to).map(|(_, last)| last);
        self.before = number.map(|number| (number, uid));
        if self.contains(uid) {
            return;
        }
        match (follows, self.runs.last_entry()) {
            (Some(before), Some(mut last)) if *last.get() == before => {
                last.insert(uid);
            }
            _ => {
                self.runs.insert(uid, uid);
            }
        }
    }

    /// A message went away: sequence numbers mean other messages from here on.
    pub(crate) fn renumbered(&mut self) {
        self.before = None;
    }

    /// Tells whether the row of a message came.
    pub(crate) fn contains(&self, uid: Uid) -> bool {
        self.runs.range(..=uid).next_back().is_some_and(|(_, last)| uid <= *last)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.runs.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_folder_is_one_run_however_far_apart_its_uids_are() {
        let mut runs = RowRuns::default();
        for number in 1..=10_000_u32 {
            runs.add(Some(u64::from(number)), Uid(number * 7));
        }
        assert_eq!(runs.len(), 1);
        assert!(runs.contains(Uid(7)) && runs.contains(Uid(70_000)) && !runs.contains(Uid(70_001)));
    }

    #[test]
    fn what_is_between_is_not_taken_for_come_when_numbers_changed_or_are_missing() {
        let mut runs = RowRuns::default();
        runs.add(Some(5), Uid(50));
        runs.renumbered();
        // It was number 7, and 60 has come with no row.
        runs.add(Some(6), Uid(70));
        runs.add(Some(8), Uid(90));
        runs.add(None, Uid(95));
        for (uid, came) in [(50, true), (60, false), (70, true), (80, false), (92, false)] {
            assert_eq!(runs.contains(Uid(uid)), came, "{uid}");
        }
    }

    proptest! {
        #[test]
        fn exactly_the_messages_that_came_are_known_in_any_order(
            folder in prop::collection::btree_set(1_u32..300, 1..80),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..120),
        ) {
            let folder: Vec<u32> = folder.into_iter().collect();
            let (mut runs, mut came) = (RowRuns::default(), BTreeSet::new());
            for at in order {
                let at = at.index(folder.len());
                runs.add(Some(at as u64 + 1), Uid(folder[at]));
                came.insert(folder[at]);
            }
            for uid in folder {
                prop_assert_eq!(runs.contains(Uid(uid)), came.contains(&uid));
            }
        }
    }
}
