//! Hours of the week in which work may be done.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use std::fmt;
use std::str::FromStr;

/// A time of the day and another one, written `20:00-06:00`. The second may lie on the next day;
/// `00:00-24:00` is a whole day. Two equal times are refused: they could mean all day or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clockwise {
    from: Time,
    to: Time,
}

impl FromStr for Clockwise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` are not hours; write for example `20:00-06:00`");
        let time = |part: &str| -> Option<Time> {
            let (hour, minute) = part.trim().split_once(':')?;
            let number = |digits: &str| -> Option<i8> {
                let plain = digits.len() == 2 && digits.bytes().all(|c| c.is_ascii_digit());
                if plain { digits.parse().ok() } else { None }
            };
            Time::new(number(hour)?, number(minute)?, 0, 0).ok()
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let midnight = to.trim() == "24:00";
        let end = if midnight { Some(Time::midnight()) } else { time(to) };
        let (from, to) = time(from).zip(end).ok_or_else(wrong)?;
        if from == to && !midnight {
            return Err(format!(
                "`{text}` begins and ends at the same time; write `00:00-24:00` for a whole day"
            ));
        }
        Ok(Self { from, to })
    }
}

impl fmt::Display for Clockwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |time: Time| format!("{:02}:{:02}", time.hour(), time.minute());
        let midnight = self.to == Time::midnight();
        let to = if midnight { "24:00".to_owned() } else { part(self.to) };
        write!(f, "{}-{to}", part(self.from))
    }
}

/// Hours of the week, in a time zone with its daylight saving.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hours {
    /// From when to when.
    pub only: Clockwise,
    /// The days on which the hours begin; every day when empty.
    pub days: Vec<Weekday>,
    /// Where the clock hangs.
    pub zone: TimeZone,
}

impl Hours {
    /// Returns when the next hours begin; `None` while it is within them.
    ///
    /// A begin that daylight saving skips is an hour later; one that it repeats is the first.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.to_zoned(self.zone.clone()).date();
        // Hours that began yesterday may go on; the next ones begin within eight days.
        let days = std::iter::successors(today.yesterday().ok(), |day| day.tomorrow().ok());
        let mut next = None;
        for day in days.take(10).filter(|day| self.begins_on(*day)) {
            let Some((begin, end)) = self.on(day) else { continue };
            if begin <= now && now < end {
                return None;
            }
            if begin > now && next.is_none() {
                next = Some(begin);
            }
        }
        next
    }

    fn begins_on(&self, day: Date) -> bool {
        self.days.is_empty() || self.days.contains(&day.weekday())
    }

    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let last = if self.only.to <= self.only.from { day.tomorrow().ok()? } else { day };
        let at = |day: Date, time: Time| {
            self.zone.to_ambiguous_timestamp(day.to_datetime(time)).compatible().ok()
        };
        at(day, self.only.from).zip(at(last, self.only.to))
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.only)?;
        for (index, day) in self.days.iter().enumerate() {
            let name = format!("{day:?}").to_lowercase();
            let comma = if index == 0 { " " } else { ", " };
            write!(f, "{comma}{}", name.get(..3).unwrap_or(&name))?;
        }
        write!(f, " {}", self.zone.iana_name().unwrap_or("in its zone"))
    }
}

/// How fast and when mail is copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pacing {
    /// Octets of messages a second, all mailboxes together; unlimited when `None`.
    pub bandwidth: Option<u64>,
    /// When mail is copied; at any time when `None`.
    pub hours: Option<Hours>,
}

impl Pacing {
    /// Tells whether nothing is limited.
    pub fn is_free(&self) -> bool {
        self.bandwidth.is_none() && self.hours.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(only: &str, days: &[Weekday]) -> Hours {
        Hours {
            only: only.parse().unwrap(),
            days: days.to_vec(),
            zone: TimeZone::get("Europe/Berlin").unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn nightly_hours_go_on_after_midnight_and_begin_on_their_day() {
        let hours = berlin("20:00-06:00", &[Weekday::Monday]);
        // Monday 2026-11-23, 20:00 in Berlin is 19:00 in UTC.
        assert_eq!(hours.rests_until(at("2026-11-23T18:59:59Z")), Some(at("2026-11-23T19:00:00Z")));
        assert_eq!(hours.rests_until(at("2026-11-23T19:00:00Z")), None);
        assert_eq!(hours.rests_until(at("2026-11-24T04:59:59Z")), None);
        assert_eq!(hours.rests_until(at("2026-11-24T05:00:00Z")), Some(at("2026-11-30T19:00:00Z")));
    }

    #[test]
    fn daylight_saving_moves_the_hours_with_the_clock_on_the_wall() {
        let hours = berlin("20:00-06:00", &[]);
        // Summer time ends on 2026-10-25 at 03:00: this night is an hour longer.
        assert_eq!(hours.rests_until(at("2026-10-24T17:59:59Z")), Some(at("2026-10-24T18:00:00Z")));
        assert_eq!(hours.rests_until(at("2026-10-25T04:59:59Z")), None);
        assert_eq!(hours.rests_until(at("2026-10-25T05:00:00Z")), Some(at("2026-10-25T19:00:00Z")));
        // It begins on 2026-03-29: 02:30 is skipped, and the hours begin at 03:30.
        let skipped = berlin("02:30-05:00", &[]);
        assert_eq!(
            skipped.rests_until(at("2026-03-29T01:29:59Z")),
            Some(at("2026-03-29T01:30:00Z"))
        );
        assert_eq!(skipped.rests_until(at("2026-03-29T01:30:00Z")), None);
    }

    #[test]
    fn a_whole_day_ends_at_24_and_equal_times_and_odd_texts_are_no_hours() {
        assert!("20:00-20:00".parse::<Clockwise>().unwrap_err().contains("00:00-24:00"));
        assert_eq!("20:00-24:00".parse::<Clockwise>().unwrap().to_string(), "20:00-24:00");
        let hours = berlin("00:00-24:00", &[Weekday::Saturday]);
        assert_eq!(hours.rests_until(at("2026-11-28T12:00:00Z")), None);
        assert_eq!(hours.rests_until(at("2026-11-29T12:00:00Z")), Some(at("2026-12-04T23:00:00Z")));
        for text in [
            "20-06",
            "24:00-06:00",
            "00:00-00:00",
            "20:00-24:01",
            "8:00-9:00",
            "20:00",
            "+2:00-03:00",
        ] {
            assert!(text.parse::<Clockwise>().is_err(), "{text}");
        }
    }
}
