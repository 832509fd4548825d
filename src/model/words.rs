//! The words of a server, made safe to show.

use std::fmt::Write as _;

/// The most octets of a server's words that are ever kept; more could carry mail content.
pub const LIMIT: usize = 500;

/// Cuts a server's words to [`LIMIT`] octets and escapes control characters, so that they can
/// neither move a terminal's cursor nor fill a log.
///
/// Markup is escaped where it would be read: by the HTML and Markdown renderers.
pub fn shown(octets: &[u8]) -> String {
    let cut = octets.get(..LIMIT).unwrap_or(octets);
    let mut text = String::new();
    for c in String::from_utf8_lossy(cut).trim_end_matches(['\r', '\n']).chars() {
        // Bidirectional controls can make a line read as another one.
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            let _ = write!(text, "\\u{{{:x}}}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    if octets.len() > LIMIT {
        text.push('…');
    }
    text
}

/// Writes a number of messages.
pub fn messages(count: u64) -> String {
    if count == 1 { "1 message".to_owned() } else { format!("{count} messages") }
}

/// Writes a time for people, to the second and in UTC.
pub fn time(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes a character in double quotes as YAML 1.2 reads it back, section 5.7.
pub fn quoted(c: char) -> String {
    match c {
        '"' | '\\' => format!("\"\\{c}\""),
        c if c.is_control() => format!("\"\\u{:04x}\"", u32::from(c)),
        c => format!("\"{c}\""),
    }
}

/// Writes a path so that a POSIX shell reads it back as one word.
pub fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._+-/=:,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_for_people_has_no_fractions() {
        assert_eq!(time("2026-11-26T19:13:06.123456789Z".parse().unwrap()), "2026-11-26T19:13:06Z");
    }

    #[test]
    fn control_characters_are_escaped_and_length_is_bounded() {
        assert_eq!(shown(b"NO \x1b[2J gone\r\n"), "NO \\u{1b}[2J gone");
        assert_eq!(shown("NO \u{202e}x".as_bytes()), "NO \\u{202e}x");
        assert!(shown(&[b'a'; 9_000]).len() <= LIMIT + '…'.len_utf8());
    }

    #[test]
    fn hostile_names_cannot_leave_the_shell_word() {
        assert_eq!(shell("a b'; rm"), "'a b'\\''; rm'");
        assert_eq!(shell("acme.plan.json"), "acme.plan.json");
    }
}
