//! How many bodies a verification reads again.

use crate::model::words::shown;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// `auto` reads every body of a mailbox of up to this many messages …
const AUTO_MESSAGES: u64 = 20_000;
/// … and octets; at 20 MB/s from each side that is some ten minutes.
const AUTO_OCTETS: u64 = 10 * 1024 * 1024 * 1024;
/// What `auto` draws from a larger mailbox: with 95 % confidence at most 0.1 % differ when none of
/// 3,000 does.
const AUTO_DRAWN: u64 = 3_000;

/// Which bodies of a mailbox are read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// All.
    #[default]
    Full,
    /// So many per cent of each mailbox, at least one message.
    Percent(u8),
    /// So many messages of each mailbox.
    Messages(u64),
    /// All of a mailbox of up to 20,000 messages and 10 GiB, else 3,000.
    Auto,
}

impl FromStr for Sampling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is none of `full`, `auto`, `5%` and `300` (messages)",
                shown(text.as_bytes())
            )
        };
        match text.trim() {
            "full" => Ok(Self::Full),
            "auto" => Ok(Self::Auto),
            text => match text.strip_suffix('%') {
                Some(percent) => match percent.trim_end().parse() {
                    Ok(percent @ 1..=99) => Ok(Self::Percent(percent)),
                    Ok(100) => Ok(Self::Full),
                    _ => Err(wrong()),
                },
                None => match text.parse() {
                    Ok(messages) if messages > 0 => Ok(Self::Messages(messages)),
                    _ => Err(wrong()),
                },
            },
        }
    }
}

impl Sampling {
    /// Returns how many of `messages` are drawn; `None` for all.
    pub fn drawn(self, messages: u64, octets: u64) -> Option<u64> {
        let some = match self {
            Self::Full => return None,
            Self::Percent(percent) => messages.saturating_mul(u64::from(percent)).div_ceil(100),
            Self::Messages(number) => number,
            Self::Auto if messages <= AUTO_MESSAGES && octets <= AUTO_OCTETS => return None,
            Self::Auto => AUTO_DRAWN,
        };
        (some < messages).then_some(some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_written_as_people_say_it() {
        for (text, sampling) in [
            ("full", Sampling::Full),
            ("100%", Sampling::Full),
            ("auto", Sampling::Auto),
            ("5 %", Sampling::Percent(5)),
            ("300", Sampling::Messages(300)),
        ] {
            assert_eq!(text.parse(), Ok(sampling));
        }
        for wrong in ["", "0", "0%", "101%", "-1", "some"] {
            assert!(wrong.parse::<Sampling>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_drawn_is_never_more_than_there_is_and_never_none() {
        assert_eq!(Sampling::Percent(5).drawn(20_000, 0), Some(1_000));
        assert_eq!(Sampling::Percent(1).drawn(3, 0), Some(1));
        assert_eq!(Sampling::Messages(300).drawn(300, 0), None);
        assert_eq!(Sampling::Auto.drawn(20_000, 1), None);
        assert_eq!(Sampling::Auto.drawn(20_001, 1), Some(AUTO_DRAWN));
        assert_eq!(Sampling::Auto.drawn(4_000, AUTO_OCTETS + 1), Some(AUTO_DRAWN));
    }
}
