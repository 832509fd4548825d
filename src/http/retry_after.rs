//! How long a server asks to be left alone: Retry-After, RFC 9110 section 10.2.3.

use std::time::Duration;

/// Reads Retry-After; a date counts from the server's own Date, so that no other clock is needed.
/// `None` when it is neither seconds nor a date, or a date without anything to count from.
pub(super) fn read(retry_after: &str, date: Option<&str>) -> Option<Duration> {
    let text = retry_after.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let (until, from) = (time(text)?, time(date?)?);
    Some(Duration::try_from(until.duration_since(from)).unwrap_or_default())
}

/// Reads the preferred form of a date, RFC 9110 section 5.6.7; no server sends another one.
fn time(text: &str) -> Option<jiff::Timestamp> {
    jiff::fmt::rfc2822::parse(text.trim()).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let date = Some("Fri, 27 Nov 2026 10:00:00 GMT");
        assert_eq!(read("17", None), Some(Duration::from_secs(17)));
        assert_eq!(read("Fri, 27 Nov 2026 10:02:05 GMT", date), Some(Duration::from_secs(125)));
        assert_eq!(read("Fri, 27 Nov 2026 09:00:00 GMT", date), Some(Duration::ZERO));
        for wrong in ["", "-3", "soon", "1.5"] {
            assert_eq!(read(wrong, date), None, "{wrong}");
        }
        assert_eq!(read("Fri, 27 Nov 2026 10:02:05 GMT", None), None);
    }
}
