//! INTERNALDATE, the date-time of RFC 3501 section 9, kept verbatim.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The first second of 1971, in seconds since 1970: of earlier dates Cyrus stores now instead.
pub const KEPT_FROM: i64 = 365 * 86_400;

/// A date-time exactly as a server wrote it, ` 7-Feb-1994 21:52:25 -0800`, without the quotes.
///
/// It is sent back verbatim and compared as an instant in whole seconds, because servers answer
/// in zones of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InternalDate(String);

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

impl InternalDate {
    /// Takes a date-time that fits the grammar and names an instant; `None` otherwise, and then
    /// the message needs another date. A day of one digit may lack its blank, and gets it.
    pub fn parse(text: &str) -> Option<Self> {
        let text = match text.as_bytes() {
            [day, b'-', ..] if day.is_ascii_digit() => format!(" {text}"),
            _ => text.to_owned(),
        };
        instant(&text).map(|_| Self(text))
    }

    /// Makes the form that a client sends, in UTC.
    pub fn from_timestamp(at: Timestamp) -> Self {
        let utc = at.to_zoned(jiff::tz::TimeZone::UTC);
        let month = usize::try_from(utc.month() - 1).ok().and_then(|i| MONTHS.get(i));
        Self(format!(
            "{:02}-{}-{:04} {:02}:{:02}:{:02} +0000",
            utc.day(),
            month.copied().unwrap_or("Jan"),
            utc.year(),
            utc.hour(),
            utc.minute(),
            utc.second(),
        ))
    }

    /// Returns the text as it goes into a command, between the quotes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the instant in whole seconds.
    pub fn instant(&self) -> Timestamp {
        instant(&self.0).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Tells whether both name the same second.
    pub fn same_instant(&self, other: &Self) -> bool {
        self.instant() == other.instant()
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    // dd-Mmm-yyyy hh:mm:ss +zzzz, the day with a leading blank or digit.
    let octets = text.as_bytes();
    if octets.len() != 26 || !text.is_ascii() {
        return None;
    }
    let marks = [(2, b'-'), (6, b'-'), (11, b' '), (14, b':'), (17, b':'), (20, b' ')];
    if marks.iter().any(|&(place, mark)| octets.get(place) != Some(&mark)) {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|c| c.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let day = match octets.first() {
        Some(b' ') => number(1, 2)?,
        _ => number(0, 2)?,
    };
    let month = MONTHS
        .iter()
        .position(|name| text.get(3..6).is_some_and(|m| name.eq_ignore_ascii_case(m)))?;
    let sign = match octets.get(21) {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return None,
    };
    let (hours, minutes) = (i32::from(number(22, 24)?), i32::from(number(24, 26)?));
    let second = number(18, 20)?;
    if minutes > 59 || second > 60 {
        return None;
    }
    let date = jiff::civil::DateTime::new(
        number(7, 11)?,
        i8::try_from(month + 1).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(number(12, 14)?).ok()?,
        i8::try_from(number(15, 17)?).ok()?,
        // A leap second is the last second of its minute, as jiff has no 60.
        i8::try_from(second.min(59)).ok()?,
        0,
    )
    .ok()?;
    let offset = jiff::tz::Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?;
    offset.to_timestamp(date).ok()
}

impl fmt::Display for InternalDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_kept_and_compared_as_an_instant() {
        let there = InternalDate::parse(" 7-Feb-1994 21:52:25 -0800").unwrap();
        let here = InternalDate::parse("08-Feb-1994 05:52:25 +0000").unwrap();
        assert!(there.same_instant(&here));
        assert_eq!(there.as_str(), " 7-Feb-1994 21:52:25 -0800");
        assert_eq!(InternalDate::from_timestamp(there.instant()), here);
    }

    #[test]
    fn a_day_without_its_blank_gets_it_and_a_leap_second_is_one() {
        let date = InternalDate::parse("7-Feb-1994 21:52:25 -0800").unwrap();
        assert_eq!(date.as_str(), " 7-Feb-1994 21:52:25 -0800");
        assert!(InternalDate::parse("31-Dec-2016 23:59:60 +0000").is_some());
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "NIL",
            "31-Feb-2020 00:00:00 +0000",
            "07-Feb-1994 21:52:25",
            "07-Xyz-1994 21:52:25 +0000",
            "07-Feb-1994 21:52:25 +00x0",
            "07-Feb-1994 21:52:2é +000",
            "07-Feb-1994 21:52:61 +0000",
            "7-Feb-1994 21:52:25",
            "77-Feb-1994 21:52:25 +0000",
        ] {
            assert_eq!(InternalDate::parse(text), None, "{text}");
        }
    }
}
