//! A share of the messages of a folder.

use crate::model::words::shown;
use std::fmt;
use std::str::FromStr;

/// A share in per cent, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u8);

/// So few messages are always within the share: a tenth of a small folder is less than one.
const FLOOR: u64 = 5;

impl Share {
    /// Returns how many of so many messages are within the share, at least five.
    pub fn of(self, messages: u64) -> u64 {
        let share = u128::from(messages) * u128::from(self.0) / 100;
        u64::try_from(share).unwrap_or(u64::MAX).max(FLOOR)
    }
}

impl Default for Share {
    fn default() -> Self {
        Self(10)
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number =
            text.trim().strip_suffix('%').and_then(|number| number.trim_end().parse().ok());
        match number {
            Some(percent @ 1..=100) => Ok(Self(percent)),
            _ => Err(format!("`{}` is no share; write `1%` to `100%`", shown(text.as_bytes()))),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_never_less_than_five() {
        let share: Share = "10%".parse().unwrap();
        for (messages, within) in [(0, 5), (59, 5), (60, 6), (69, 6), (1_000, 100)] {
            assert_eq!(share.of(messages), within);
        }
        assert_eq!("100 %".parse::<Share>().unwrap().of(u64::MAX), u64::MAX);
        for wrong in ["", "10", "0%", "101%", "-1%", "1.5%"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }
}
