//! Which new messages look like messages that moved: by size and date, before any is read.

use crate::model::folder::FolderPath;
use crate::ports::ledger::Look;
use std::collections::BTreeMap;

/// Messages of one source folder, as far as they are cheap to know.
pub type Looks = BTreeMap<FolderPath, Vec<Look>>;

/// Pairs new messages with copied ones that are not at their place any more, each with one at
/// most, and counts them: by where they are now, then by where they were. A message that stayed in
/// its folder and has a new UID is paired before one that came from another.
pub fn count(new: &Looks, mut gone: Looks) -> BTreeMap<FolderPath, BTreeMap<FolderPath, u64>> {
    let mut moved: BTreeMap<FolderPath, BTreeMap<FolderPath, u64>> = BTreeMap::new();
    let mut left: Looks = BTreeMap::new();
    for (folder, looks) in new {
        let mut free = Free::new(folder, gone.remove(folder).unwrap_or_default());
        let rest: Vec<Look> =
            looks.iter().copied().filter(|look| free.take(*look).is_none()).collect();
        let stayed = looks.len() - rest.len();
        if stayed > 0 {
            moved.entry(folder.clone()).or_default().insert(folder.clone(), stayed as u64);
        }
        gone.insert(folder.clone(), free.rest());
        left.insert(folder.clone(), rest);
    }
    let mut free = Free::default();
    for (folder, looks) in gone {
        free.add(&folder, looks);
    }
    for (folder, looks) in left {
        for look in looks {
            if let Some(from) = free.take(look) {
                *moved.entry(folder.clone()).or_default().entry(from).or_default() += 1;
            }
        }
    }
    moved
}

/// Copied messages that are free to be what a new one was.
#[derive(Default)]
struct Free(BTreeMap<u64, Vec<(Option<i64>, FolderPath)>>);

impl Free {
    fn new(folder: &FolderPath, looks: Vec<Look>) -> Self {
        let mut free = Self::default();
        free.add(folder, looks);
        free
    }

    fn add(&mut self, folder: &FolderPath, looks: Vec<Look>) {
        for look in looks {
            self.0.entry(look.size).or_default().push((look.second, folder.clone()));
        }
    }

    fn take(&mut self, look: Look) -> Option<FolderPath> {
        let twins = self.0.get_mut(&look.size)?;
        let alike = |(second, _): &(Option<i64>, FolderPath)| {
            second.is_none() || look.second.is_none() || *second == look.second
        };
        let index = twins.iter().position(alike)?;
        Some(twins.swap_remove(index).1)
    }

    fn rest(self) -> Vec<Look> {
        let looks = self.0.into_iter().flat_map(|(size, twins)| {
            twins.into_iter().map(move |(second, _)| Look { size, second })
        });
        looks.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(folders: &[(&str, &[(u64, i64)])]) -> Looks {
        let look = |(size, second): &(u64, i64)| Look { size: *size, second: Some(*second) };
        folders
            .iter()
            .map(|(folder, all)| (folder.parse().unwrap(), all.iter().map(look).collect()))
            .collect()
    }

    #[test]
    fn what_stayed_comes_before_what_moved_and_no_copy_counts_twice() {
        let new = looks(&[("A", &[(1, 1), (2, 2)]), ("B", &[(1, 1), (1, 1), (3, 3), (4, 4)])]);
        let gone = looks(&[("B", &[(1, 1)]), ("C", &[(1, 1), (2, 2), (4, 5)])]);
        let counted = count(&new, gone);
        let shown: Vec<String> = counted
            .iter()
            .flat_map(|(to, from)| from.iter().map(move |(from, n)| format!("{from} {to} {n}")))
            .collect();
        assert_eq!(shown, ["C A 2", "B B 1"]);
    }
}
