//! Content-Type and Content-Disposition: a value and its parameters, RFC 2045 and RFC 2231.

use super::text::decode;
use super::transfer::unescape;
use super::words;
use std::collections::BTreeMap;

/// A value with its parameters, both in lower case where case does not matter.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parameters {
    /// For example `text/plain`.
    pub(super) value: String,
    named: BTreeMap<String, String>,
    /// As it is written: it is compared with lines, and never shown.
    pub(super) boundary: Option<String>,
}

/// The pieces of one parameter: number, percent-encoded or not, text.
type Pieces = BTreeMap<u32, (bool, String)>;

impl Parameters {
    pub(super) fn parse(field: &str) -> Self {
        let mut parts = split(field).into_iter();
        let value: String = parts
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .collect::<String>()
            .to_ascii_lowercase();
        let mut plain: BTreeMap<String, String> = BTreeMap::new();
        let mut pieces: BTreeMap<String, Pieces> = BTreeMap::new();
        for part in parts {
            let Some((name, value)) = part.split_once('=') else { continue };
            let name = name.trim_ascii().to_ascii_lowercase();
            let value = unquoted(value.trim_ascii());
            let (name, encoded) = match name.strip_suffix('*') {
                Some(name) => (name.to_owned(), true),
                None => (name, false),
            };
            let piece = name.rsplit_once('*').and_then(|(name, n)| Some((name, n.parse().ok()?)));
            match piece {
                Some((name, number)) => {
                    let of = pieces.entry(name.to_owned()).or_default();
                    of.entry(number).or_insert((encoded, value));
                }
                None if encoded => {
                    pieces.entry(name).or_default().entry(0).or_insert((true, value));
                }
                None => {
                    plain.entry(name).or_insert(value);
                }
            }
        }
        // Writers that know no RFC 2231 put encoded words there, which it forbids.
        let boundary = plain.get("boundary").filter(|text| !text.is_empty()).cloned();
        let mut named: BTreeMap<String, String> =
            plain.into_iter().map(|(name, value)| (name, words::text(&value))).collect();
        named.extend(pieces.iter().map(|(name, pieces)| (name.clone(), joined(pieces))));
        Self { value, named, boundary }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

/// Joins pieces and decodes them; what is not of its charset stays as it is written.
fn joined(pieces: &Pieces) -> String {
    let mut charset = None;
    let mut octets = Vec::new();
    let mut written = String::new();
    for (number, (encoded, text)) in pieces {
        written.push_str(text);
        let mut text = text.as_str();
        if let (0, true, [set, _, rest]) =
            (*number, *encoded, text.splitn(3, '\'').collect::<Vec<_>>().as_slice())
        {
            charset = Some((*set).to_owned());
            text = rest;
        }
        if *encoded {
            unescape(b'%', text.as_bytes(), &mut octets);
        } else {
            octets.extend_from_slice(text.as_bytes());
        }
    }
    let decoded = match &charset {
        Some(charset) if !charset.is_empty() => decode(charset, &octets),
        _ => String::from_utf8(octets).ok(),
    };
    words::even(&decoded.unwrap_or(written))
}

/// Cuts at semicolons outside quotes, and leaves comments out.
fn split(field: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut quoted, mut escaped, mut comments) = (false, false, 0u32);
    for c in field.chars() {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '\\' if (quoted || comments > 0) && !was_escaped => escaped = true,
            '"' if comments == 0 && !was_escaped => quoted = !quoted,
            '(' if !quoted && !was_escaped => comments += 1,
            ')' if !quoted && comments > 0 && !was_escaped => {
                comments -= 1;
                continue;
            }
            ';' if !quoted && comments == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if comments == 0
            && let Some(part) = parts.last_mut()
        {
            part.push(c);
        }
    }
    parts
}

/// Takes the quotes off, and the backslashes within.
pub(super) fn unquoted(text: &str) -> String {
    let Some(inner) = text.strip_prefix('"') else { return text.to_owned() };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut out = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if c == '\\' && !escaped {
            escaped = true;
        } else {
            out.push(c);
            escaped = false;
        }
    }
    out
}
