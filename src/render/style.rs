//! Small pieces that every output shares: numbers, safe text, colours.

use std::fmt::Write as _;

/// Writes a number with a comma between thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Writes a number with its noun in singular or plural.
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// Escapes what could move a terminal's cursor or make a line read as another one. Folder names
/// come from servers, and nothing keeps control characters out of them.
pub fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}'
                | '\u{2066}'..='\u{2069}'
        );
        if c.is_control() || turns {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Writes a text so that YAML reads it back as this text.
pub fn yaml(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@._+-/".contains(c);
    let word = text.chars().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.contains(|c: char| c.is_ascii_alphabetic() && !"eE".contains(c));
    if word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// Colours a line by its mark; `None` leaves it as it is.
pub fn painted(mark: char, line: &str, color: bool) -> String {
    let code = match mark {
        _ if !color => None,
        '+' => Some(32),
        '-' => Some(31),
        '!' => Some(33),
        '?' => Some(36),
        '#' => Some(1),
        _ => None,
    };
    match code {
        Some(code) => format!("\u{1b}[{code}m{line}\u{1b}[0m"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas_between_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(thousands(number), text);
        }
        assert_eq!(count(1, "folder", "folders"), "1 folder");
    }

    #[test]
    fn a_digest_that_looks_like_a_number_is_quoted_for_yaml() {
        assert_eq!(yaml("3f9a1c2e77d0"), "3f9a1c2e77d0");
        assert_eq!(yaml("123456789012"), "\"123456789012\"");
        assert_eq!(yaml("12345e789012"), "\"12345e789012\"");
        assert_eq!(yaml("a@b.example/x: y"), "\"a@b.example/x: y\"");
    }

    #[test]
    fn hostile_names_cannot_move_the_cursor() {
        assert_eq!(clean("a\u{1b}[2J\n\u{202e}b"), "a\\u{1b}[2J\\u{a}\\u{202e}b");
    }
}
