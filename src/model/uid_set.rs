//! A set of UIDs as text, RFC 3501 section 9 (`sequence-set`): `1:3,7`.

use crate::model::uid::Uid;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// UIDs, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UidSet(BTreeSet<Uid>);

impl UidSet {
    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a UID is one of them.
    pub fn contains(&self, uid: Uid) -> bool {
        self.0.contains(&uid)
    }

    /// Adds a UID.
    pub fn insert(&mut self, uid: Uid) {
        self.0.insert(uid);
    }

    /// Returns the first.
    pub fn first(&self) -> Option<Uid> {
        self.0.first().copied()
    }

    /// Returns those that are in both.
    #[must_use]
    pub fn both(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }
}

impl FromIterator<Uid> for UidSet {
    fn from_iter<I: IntoIterator<Item = Uid>>(uids: I) -> Self {
        Self(uids.into_iter().collect())
    }
}

/// Folds ascending numbers, each as often as it comes, into ranges that are not adjacent.
pub fn ranges(ascending: impl Iterator<Item = u32>) -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for number in ascending {
        match ranges.last_mut() {
            Some((_, last)) if number <= last.saturating_add(1) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges = ranges(self.0.iter().map(|uid| uid.0));
        for (at, (first, last)) in ranges.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}:{last}")?;
            }
        }
        Ok(())
    }
}

/// The most UIDs that are read from a text: it may come from an edited file.
const MOST: usize = 1_000_000;

impl FromStr for UidSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "not a set of UIDs; `1:3,7` is one".to_owned();
        let mut set = BTreeSet::new();
        for range in text.split(',').filter(|_| !text.is_empty()) {
            let (first, last) = range.split_once(':').unwrap_or((range, range));
            let first: u32 = first.parse().map_err(|_| wrong())?;
            let last: u32 = last.parse().map_err(|_| wrong())?;
            let count = usize::try_from(last.checked_sub(first).ok_or_else(wrong)?);
            if first == 0 || count.map_or(true, |count| set.len() + count >= MOST) {
                return Err(wrong());
            }
            set.extend((first..=last).map(Uid));
        }
        Ok(Self(set))
    }
}

impl Serialize for UidSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UidSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_survives_its_text_form_and_nonsense_does_not() {
        for text in ["", "1", "1:3,7", "4294967295"] {
            assert_eq!(text.parse::<UidSet>().unwrap().to_string(), text);
        }
        assert_eq!("3,1,2".parse::<UidSet>().unwrap().to_string(), "1:3");
        for wrong in ["0", "3:1", "1:*", "1,,2", " 1", "1:4294967295", "-1"] {
            assert!(wrong.parse::<UidSet>().is_err(), "{wrong}");
        }
    }
}
