//! Which messages of a folder are meant, by INTERNALDATE.

use crate::model::internal_date::InternalDate;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A day in the calendar of UTC, written `2020-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(Date);

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a day; write for example `2020-01-31`");
        // The calendar's own reader also takes a time behind the day, and would forget it.
        if text.len() != 10 {
            return Err(wrong());
        }
        text.parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The messages of some days. Both ends are days of UTC, whatever zone a server writes: `since`
/// belongs to the range and `until` does not, as SINCE and BEFORE of RFC 3501 section 6.4.4.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DateRange {
    /// The first day; from the beginning when `None`.
    pub since: Option<Day>,
    /// The day after the last one; without end when `None`.
    pub until: Option<Day>,
}

impl DateRange {
    /// Tells whether every message is meant.
    pub fn is_all(&self) -> bool {
        self.since.is_none() && self.until.is_none()
    }

    /// Tells whether no day fits.
    pub fn is_empty(&self) -> bool {
        self.since.zip(self.until).is_some_and(|(since, until)| since >= until)
    }

    /// Tells whether a message is meant. One without a valid date always is: what is not known is
    /// no reason to leave it behind.
    pub fn holds(&self, date: Option<&InternalDate>) -> bool {
        let Some(date) = date else { return true };
        let day = Day(date.instant().to_zoned(TimeZone::UTC).date());
        self.since.is_none_or(|since| day >= since) && self.until.is_none_or(|until| day < until)
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.since, self.until) {
            (None, None) => f.write_str("of every date"),
            (Some(since), None) => write!(f, "from {since} on"),
            (None, Some(until)) => write!(f, "before {until}"),
            (Some(since), Some(until)) => write!(f, "from {since} to before {until}"),
        }
    }
}

/// In which order messages are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By ascending UID.
    #[default]
    OldestFirst,
    /// By descending UID, so that users find their recent mail first.
    NewestFirst,
}

/// Which messages of a mailbox are copied, and in which order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageChoice {
    /// Which are sent first.
    pub order: Order,
    /// Which are sent at all.
    pub range: DateRange,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> InternalDate {
        InternalDate::parse(text).unwrap()
    }

    #[test]
    fn the_first_day_belongs_to_the_range_and_the_last_does_not() {
        let range = DateRange {
            since: Some("2020-01-01".parse().unwrap()),
            until: Some("2021-01-01".parse().unwrap()),
        };
        assert!(range.holds(Some(&date("01-Jan-2020 00:00:00 +0000"))));
        assert!(!range.holds(Some(&date("31-Dec-2019 23:59:59 +0000"))));
        assert!(range.holds(Some(&date("31-Dec-2020 23:59:59 +0000"))));
        assert!(!range.holds(Some(&date("01-Jan-2021 00:00:00 +0000"))));
        // The same instants, written in other zones.
        assert!(range.holds(Some(&date("31-Dec-2019 19:00:00 -0500"))));
        assert!(!range.holds(Some(&date("01-Jan-2020 00:30:00 +0100"))));
        assert!(range.holds(None));
        assert!(DateRange::default().holds(Some(&date("01-Jan-1970 00:00:00 +0000"))));
    }

    #[test]
    fn a_day_is_nothing_more_than_a_day() {
        for text in ["2020-1-1", "2020-02-30", "2020-01-01T00:00:00", "yesterday", ""] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
