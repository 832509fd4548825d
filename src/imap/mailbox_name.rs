//! Mailbox names: modified UTF-7, RFC 3501 section 5.1.3, separators and the namespace's prefix.

use crate::model::folder::{FolderPath, RawName};
use base64::Engine as _;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const ENGINE: GeneralPurpose = GeneralPurpose::new(&IMAP_MUTF7, NO_PAD);

/// Turns a name into a path.
///
/// A component that is not well-formed modified UTF-7 is kept as it stands, so that the folder is
/// not lost; the name itself stays the key to address it. Two names can give one path then, and a
/// caller must refuse that. A name with an empty component (`a//b`) becomes one component. `prefix`
/// is taken off, decoded as [`crate::observed::Namespace`] has it; the INBOX never loses it.
pub fn decode(name: &RawName, separator: Option<char>, prefix: &str) -> Result<FolderPath, String> {
    let separator = separator.and_then(|c| u8::try_from(c).ok());
    decode_by(name, separator.as_slice(), prefix)
}

/// Turns a name into a path with a separator of any number of octets; none is no hierarchy.
pub fn decode_by(name: &RawName, separator: &[u8], prefix: &str) -> Result<FolderPath, String> {
    let octets = name.0.as_slice();
    if octets.is_empty() {
        return Err("a folder has an empty name".to_owned());
    }
    let raw_prefix = encode_text(prefix);
    let below = octets.strip_prefix(raw_prefix.as_slice()).filter(|rest| {
        // `INBOX.INBOX` is a folder below the INBOX and not the INBOX.
        !prefix.is_empty() && !rest.is_empty() && !rest.eq_ignore_ascii_case(b"INBOX")
    });
    let octets = below.unwrap_or(octets);
    let parts = parted(octets, separator);
    if parts.iter().any(|part| part.is_empty()) {
        return FolderPath::new(vec![decode_text(octets)]);
    }
    FolderPath::new(parts.into_iter().map(decode_text).collect())
}

fn parted<'o>(octets: &'o [u8], separator: &[u8]) -> Vec<&'o [u8]> {
    let (mut parts, mut rest) = (Vec::new(), octets);
    let width = separator.len().max(1);
    while let Some(at) = rest.windows(width).position(|window| window == separator) {
        let (part, after) = rest.split_at(at);
        parts.push(part);
        rest = after.get(width..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// Turns a path into the name to CREATE.
///
/// Fails when a component holds the separator, which no encoding hides, or when there is more than
/// one component and no separator.
pub fn encode(path: &FolderPath, separator: Option<char>, prefix: &str) -> Result<RawName, String> {
    let components = path.components();
    if let [only] = components
        && only == "INBOX"
    {
        return Ok(RawName(b"INBOX".to_vec()));
    }
    let mut name = encode_text(prefix);
    for (place, component) in components.iter().enumerate() {
        if place > 0 {
            match separator.and_then(|c| u8::try_from(c).ok()) {
                Some(separator) => name.push(separator),
                None => return Err(format!("`{path}`: the server has no folders below folders")),
            }
        }
        if let Some(separator) = separator
            && component.contains(separator)
        {
            return Err(format!(
                "`{path}`: `{component}` holds the server's separator `{separator}`; replace the \
                 character in the plan"
            ));
        }
        name.extend_from_slice(&encode_text(component));
    }
    Ok(RawName(name))
}

/// Encodes text as modified UTF-7.
pub fn encode_text(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut hidden: Vec<u8> = Vec::new();
    for c in text.chars() {
        if matches!(c, ' '..='~') {
            close(&mut octets, &mut hidden);
            octets.push(u8::try_from(c).unwrap_or(b'?'));
            if c == '&' {
                octets.push(b'-');
            }
        } else {
            let mut units = [0_u16; 2];
            hidden.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    close(&mut octets, &mut hidden);
    octets
}

fn close(octets: &mut Vec<u8>, hidden: &mut Vec<u8>) {
    if !hidden.is_empty() {
        octets.push(b'&');
        octets.extend_from_slice(ENGINE.encode(&hidden).as_bytes());
        octets.push(b'-');
        hidden.clear();
    }
}

/// Decodes modified UTF-7; text that is not in its one canonical form is kept as it stands, with
/// octets that are no UTF-8 written `\xNN`.
pub fn decode_text(octets: &[u8]) -> String {
    match strict(octets) {
        // Another spelling of the same text would come back as another name.
        Some(text) if encode_text(&text) == octets => text,
        _ => match std::str::from_utf8(octets) {
            Ok(text) => text.to_owned(),
            Err(_) => octets.escape_ascii().to_string(),
        },
    }
}

fn strict(octets: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut rest = octets;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match octet {
            b'&' => {
                let end = rest.iter().position(|&octet| octet == b'-')?;
                let hidden = rest.get(..end)?;
                rest = rest.get(end + 1..)?;
                if hidden.is_empty() {
                    text.push('&');
                    continue;
                }
                let units = ENGINE.decode(hidden).ok()?;
                if units.len() % 2 != 0 {
                    return None;
                }
                let units = units.chunks_exact(2).map(|pair| match pair {
                    [high, low] => u16::from_be_bytes([*high, *low]),
                    _ => 0,
                });
                for c in char::decode_utf16(units) {
                    text.push(c.ok()?);
                }
            }
            b' '..=b'~' => text.push(char::from(octet)),
            _ => return None,
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(name: &[u8], separator: char, prefix: &str) -> String {
        decode(&RawName(name.to_vec()), Some(separator), prefix).unwrap().to_string()
    }

    #[test]
    fn names_of_the_rfc_and_of_other_clients_are_decoded() {
        assert_eq!(path(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", '/', ""), "~peter/mail/台北/日本語");
        assert_eq!(path(b"Entw&APw-rfe.R&-D", '.', ""), "Entwürfe/R&D");
        assert_eq!(path(b"&2D3eAA-", '/', ""), "😀");
    }

    #[test]
    fn what_is_not_canonical_is_kept_as_it_stands() {
        for (name, shown) in [
            (&b"R&D"[..], "R&D"),
            (b"&AGE-", "&AGE-"),
            (b"&2D0-", "&2D0-"),
            (b"&A-", "&A-"),
            ("ä".as_bytes(), "ä"),
            (b"\xe4", "\\\\xe4"),
            (b"a//b", "a\\/\\/b"),
        ] {
            assert_eq!(path(name, '/', ""), shown);
        }
        assert!(decode(&RawName(Vec::new()), None, "").is_err());
    }

    #[test]
    fn the_prefix_goes_and_the_inbox_stays() {
        assert_eq!(path(b"INBOX.Sent", '.', "INBOX."), "Sent");
        assert_eq!(path(b"inbox", '.', "INBOX."), "INBOX");
        assert_eq!(path(b"INBOX.INBOX", '.', "INBOX."), "INBOX/INBOX");
        assert_eq!(path(b"Public.x", '.', "INBOX."), "Public/x");
    }

    #[test]
    fn a_separator_inside_a_component_is_refused() {
        let folder: FolderPath = "a.b/c".parse().unwrap();
        assert!(encode(&folder, Some('.'), "").is_err());
        assert!(encode(&folder, None, "").is_err());
        assert_eq!(encode(&folder, Some('/'), "").unwrap().0, b"a.b/c");
        assert_eq!(encode(&FolderPath::inbox(), Some('.'), "INBOX.").unwrap().0, b"INBOX");
        let sent: FolderPath = "Sent".parse().unwrap();
        assert_eq!(encode(&sent, Some('.'), "INBOX.").unwrap().0, b"INBOX.Sent");
    }

    proptest! {
        #[test]
        fn text_survives_both_ways(text in any::<String>()) {
            let octets = encode_text(&text);
            prop_assert!(octets.iter().all(|octet| matches!(octet, b' '..=b'~')));
            prop_assert_eq!(decode_text(&octets), text);
        }

        #[test]
        fn a_name_that_decodes_is_given_back(name in prop::collection::vec(any::<u8>(), 1..30)) {
            if let Some(text) = strict(&name)
                && encode_text(&text) == name
            {
                prop_assert_eq!(encode_text(&decode_text(&name)), name);
            }
        }

        #[test]
        fn a_path_survives_prefix_and_separator(
            components in prop::collection::vec("[^./]{1,8}", 1..4),
            prefix in prop_oneof![Just(""), Just("INBOX.")],
        ) {
            let path = FolderPath::new(components).unwrap();
            let name = encode(&path, Some('.'), prefix).unwrap();
            prop_assert_eq!(decode(&name, Some('.'), prefix).unwrap(), path);
        }
    }
}
