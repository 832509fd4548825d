//! `application/x-www-form-urlencoded`, as the URL standard of WHATWG writes it (section 5.2).

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// Writes the fields of a form; the text goes out of memory when it is dropped.
pub(super) fn encode(fields: &[(&str, SecretString)]) -> Zeroizing<Vec<u8>> {
    // Three octets for each at most, so that nothing is left behind by growing.
    let room = fields.iter().map(|(key, value)| 2 + 3 * (key.len() + value.expose_secret().len()));
    let mut text = Zeroizing::new(Vec::with_capacity(room.sum()));
    for (number, (key, value)) in fields.iter().enumerate() {
        if number > 0 {
            text.push(b'&');
        }
        field(&mut text, key);
        text.push(b'=');
        field(&mut text, value.expose_secret());
    }
    text
}

fn field(text: &mut Vec<u8>, value: &str) {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    for &octet in value.as_bytes() {
        match octet {
            b' ' => text.push(b'+'),
            b'*' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => text.push(octet),
            octet => {
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied();
                text.push(b'%');
                text.extend(digit(octet >> 4).into_iter().chain(digit(octet & 15)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_in_a_form_is_escaped() {
        let fields =
            [("scope", "https://a.example/.default".into()), ("client_secret", "a b&=+%~ä".into())];
        let text = encode(&fields);
        assert_eq!(
            std::str::from_utf8(&text).unwrap(),
            "scope=https%3A%2F%2Fa.example%2F.default&client_secret=a+b%26%3D%2B%25%7E%C3%A4"
        );
    }
}
