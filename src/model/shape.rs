//! What the messages of a folder look like in numbers, without anything that is in them.

use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::reading::Failure;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Flags and keywords that are counted one by one; a folder in which programs make a keyword for
/// each message has more.
const FLAGS: usize = 100;

/// Numbers about the messages of a folder. Its size does not depend on how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shape {
    /// How many.
    pub messages: u64,
    /// Their octets, by RFC822.SIZE.
    pub octets: u64,
    /// Octets of the largest.
    pub largest: u64,
    /// By size, from small to large; classes without messages are left out.
    pub sizes: Vec<SizeClass>,
    /// Those that the destination's limit keeps out; absent where no limit is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_limit: Option<OverLimit>,
    /// The earliest INTERNALDATE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub oldest: Option<Timestamp>,
    /// The latest INTERNALDATE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub newest: Option<Timestamp>,
    /// Messages without a valid INTERNALDATE.
    pub undated: u64,
    /// How many messages have each flag or keyword.
    pub flags: BTreeMap<String, u64>,
    /// There are more keywords than are counted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more_keywords: bool,
    /// Why the numbers do not cover the whole folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incomplete: Option<Failure>,
}

/// Messages of similar size: from a power of two up to the next one, which does not belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SizeClass {
    /// The smallest size in octets, a power of two, or 0 for messages of no octets.
    pub at_least: u64,
    /// How many.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// Messages above a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverLimit {
    /// The limit in octets.
    pub limit: u64,
    /// How many are larger.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// The smallest size of the class that a size belongs to.
fn class(size: u64) -> u64 {
    size.checked_ilog2().map_or(0, |power| 1 << power)
}

impl Shape {
    /// Starts with no message, and a limit whose excess is counted.
    pub fn under(limit: Option<u64>) -> Self {
        let over_limit = limit.map(|limit| OverLimit { limit, messages: 0, octets: 0 });
        Self { over_limit, ..Self::default() }
    }

    /// Counts one message.
    pub fn add(&mut self, size: u64, date: Option<&InternalDate>, flags: &Flags) {
        self.messages += 1;
        self.octets = self.octets.saturating_add(size);
        self.largest = self.largest.max(size);
        let at_least = class(size);
        let place = self.sizes.binary_search_by_key(&at_least, |class| class.at_least);
        let place = place.unwrap_or_else(|place| {
            self.sizes.insert(place, SizeClass { at_least, messages: 0, octets: 0 });
            place
        });
        if let Some(class) = self.sizes.get_mut(place) {
            class.messages += 1;
            class.octets = class.octets.saturating_add(size);
        }
        if let Some(over) = self.over_limit.as_mut().filter(|over| size > over.limit) {
            over.messages += 1;
            over.octets = over.octets.saturating_add(size);
        }
        match date.map(InternalDate::instant) {
            None => self.undated += 1,
            Some(at) => {
                self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
                self.newest = Some(self.newest.map_or(at, |newest| newest.max(at)));
            }
        }
        for flag in flags.iter() {
            self.flag(flag);
        }
    }

    /// Flags are one in upper and lower case; the spelling that came first stays.
    fn flag(&mut self, flag: &str) {
        if let Some(count) = self.flags.get_mut(flag) {
            *count += 1;
            return;
        }
        let same = |(known, _): &(&String, &mut u64)| known.eq_ignore_ascii_case(flag);
        if let Some((_, count)) = self.flags.iter_mut().find(same) {
            *count += 1;
        } else if self.flags.len() < FLAGS || flag.starts_with('\\') {
            self.flags.insert(flag.to_owned(), 1);
        } else {
            self.more_keywords = true;
        }
    }

    /// Returns how many messages are larger than a limit: at least and at most, the same where it
    /// is known exactly.
    pub fn above(&self, limit: u64) -> (u64, u64) {
        if let Some(over) = self.over_limit.filter(|over| over.limit == limit) {
            return (over.messages, over.messages);
        }
        let (mut least, mut most) = (0_u64, 0_u64);
        for class in &self.sizes {
            // The class that holds the limit itself is above it in part.
            if class.at_least > limit {
                least = least.saturating_add(class.messages);
            }
            let end = class.at_least.saturating_mul(2).saturating_sub(1);
            if end > limit && self.largest > limit {
                most = most.saturating_add(class.messages);
            }
        }
        // The largest is one of them, whatever the classes tell.
        (least.max(u64::from(self.largest > limit)), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape(sizes: &[u64], limit: Option<u64>) -> Shape {
        let mut shape = Shape::under(limit);
        for size in sizes {
            shape.add(*size, None, &Flags::default());
        }
        shape
    }

    #[test]
    fn classes_are_powers_of_two_and_dates_and_flags_are_counted() {
        let mut shape = shape(&[0, 1, 2, 3, 1_023, 1_024], Some(1_023));
        let date = |text| InternalDate::parse(text).unwrap();
        let (early, late) =
            (date("01-Feb-2020 10:00:00 +0000"), date("01-Mar-2021 10:00:00 +0000"));
        shape.add(5_000, Some(&late), &Flags::from_words(["\\Seen", "Work"]));
        shape.add(5, Some(&early), &Flags::from_words(["\\seen", "work"]));
        let classes: Vec<_> =
            shape.sizes.iter().map(|class| (class.at_least, class.messages)).collect();
        assert_eq!(classes, [(0, 1), (1, 1), (2, 2), (4, 1), (512, 1), (1_024, 1), (4_096, 1)]);
        assert_eq!(shape.over_limit.unwrap().messages, 2);
        assert_eq!((shape.largest, shape.undated, shape.messages), (5_000, 6, 8));
        assert_eq!((shape.oldest, shape.newest), (Some(early.instant()), Some(late.instant())));
        let flags: Vec<_> =
            shape.flags.iter().map(|(flag, count)| (flag.as_str(), *count)).collect();
        assert_eq!(flags, [("Work", 2), ("\\Seen", 2)]);
    }

    #[test]
    fn a_keyword_for_each_message_fills_no_memory() {
        let mut shape = Shape::default();
        for number in 0..1_000 {
            let keyword = format!("k{number}");
            shape.add(1, None, &Flags::from_words([keyword.as_str(), "\\Seen"]));
        }
        assert!(shape.more_keywords && shape.flags.len() <= FLAGS + 1);
        assert_eq!(shape.flags["\\Seen"], 1_000);
    }

    proptest! {
        #[test]
        fn what_is_above_a_limit_lies_between_what_is_said(
            sizes in proptest::collection::vec(0_u64..1 << 40, 0..50),
            limit in 0_u64..1 << 41,
            power in 0_u32..40,
        ) {
            for limit in [limit, 1 << power, (1 << power) - 1] {
                let above = sizes.iter().filter(|size| **size > limit).count() as u64;
                let (least, most) = shape(&sizes, None).above(limit);
                prop_assert!(least <= above && above <= most, "{least} {above} {most}");
                prop_assert_eq!(shape(&sizes, Some(limit)).above(limit), (above, above));
            }
            let all = shape(&sizes, None);
            prop_assert_eq!(all.octets, all.sizes.iter().map(|class| class.octets).sum::<u64>());
        }
    }
}
