//! The date of a message for which the server gives no valid INTERNALDATE.

use crate::model::internal_date::InternalDate;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// Header octets that are looked at; a Date beyond is not looked for.
pub const LOOKED_AT: usize = 64 * 1024;

/// Returns the date of the `Date` field, RFC 5322 section 3.6.1, or else that of the first
/// (newest) `Received` field.
pub fn from_headers(message: &[u8]) -> Option<InternalDate> {
    let head = message.get(..LOOKED_AT).unwrap_or(message);
    let mut received = None;
    for field in fields(head) {
        let Some((name, value)) = field.split_once(':') else { continue };
        if name.trim_end().eq_ignore_ascii_case("date") {
            if let Some(at) = parse(value) {
                return Some(InternalDate::from_timestamp(at));
            }
        } else if received.is_none() && name.trim_end().eq_ignore_ascii_case("received") {
            received = value.rsplit_once(';').and_then(|(_, date)| parse(date));
        }
    }
    received.map(InternalDate::from_timestamp)
}

/// The header fields, unfolded, up to the empty line.
fn fields(head: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    let mut fields: Vec<String> = Vec::new();
    for line in text.lines() {
        if line.is_empty() {
            break;
        }
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => {
                field.push(' ');
                field.push_str(line.trim_start());
            }
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

fn parse(value: &str) -> Option<Timestamp> {
    DateTimeParser::new().relaxed_weekday(true).parse_timestamp(value.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_field_comes_first_then_the_newest_received() {
        let text = |m: &str| from_headers(m.as_bytes()).map(|date| date.to_string());
        assert_eq!(
            text(
                "Received: by x; Tue, 2 Jan 2024 10:00:00 +0000\r\nDATE:\r\n Mon, 1 Jan 2024 10:00:00 +0100\r\n\r\nx"
            ),
            Some("01-Jan-2024 09:00:00 +0000".to_owned())
        );
        assert_eq!(
            text(
                "Date: nonsense\nReceived: by x;\n Tue, 2 Jan 2024 10:00:00 +0000\nReceived: by y; Mon, 1 Jan 2024 10:00:00 +0000\n\n"
            ),
            Some("02-Jan-2024 10:00:00 +0000".to_owned())
        );
        assert_eq!(text("\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\n"), None);
        assert_eq!(text(""), None);
    }
}
