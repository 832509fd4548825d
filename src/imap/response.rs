//! One response: tagged, a continuation request, or untagged.

use crate::imap::value::{self, Piece, Value};
use bytes::Bytes;

/// A complete response.
#[derive(Debug)]
pub(crate) enum Response {
    /// `tag OK text`, and NO and BAD alike.
    Tagged { tag: String, status: Status, text: Bytes },
    /// `+ text`.
    Continue,
    /// `* …`.
    Untagged(Untagged),
    /// An empty line; no server should send one, and it says nothing.
    Blank,
}

/// The status of a tagged response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    No,
    Bad,
    /// No status of RFC 3501.
    Unknown,
}

/// An untagged response.
#[derive(Clone, Debug)]
pub(crate) struct Untagged {
    /// The number before the keyword, as in `5 EXISTS`.
    pub number: Option<u64>,
    /// In upper case.
    pub keyword: String,
    /// What follows the keyword; empty for status responses.
    pub values: Vec<Value>,
    /// What follows the keyword of a status response.
    pub text: Bytes,
    /// Whether every list and string was closed.
    pub complete: bool,
}

impl Untagged {
    /// Returns about how many octets of memory it takes.
    pub(crate) fn memory(&self) -> usize {
        let values: usize = self.values.iter().map(Value::memory).sum();
        size_of::<Self>() + self.keyword.len() + self.text.len() + values
    }
}

/// A response code, RFC 3501 section 7.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// In upper case.
    pub name: String,
    pub values: Vec<Value>,
}

/// Returns the response code at the start of the text of a status response.
pub(crate) fn code(text: &[u8]) -> Option<Code> {
    let rest = text.strip_prefix(b"[")?;
    let (mut depth, mut quoted) = (0_u32, false);
    let end = rest.iter().position(|&octet| {
        match octet {
            b'"' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => depth = depth.saturating_sub(1),
            b']' => return !quoted && depth == 0,
            _ => {}
        }
        false
    });
    let inner = rest.get(..end?)?;
    let mut values = value::read(&[Piece::Text(Bytes::copy_from_slice(inner))]).values.into_iter();
    Some(Code { name: values.next()?.upper()?, values: values.collect() })
}

/// Splits off the first word.
fn word(text: &Bytes) -> (Bytes, Bytes) {
    let end = text.iter().position(|&octet| octet == b' ').unwrap_or(text.len());
    (text.slice(..end), text.slice((end + 1).min(text.len())..))
}

/// Reads a complete response; what it means is for the command that takes it.
pub(crate) fn read(mut pieces: Vec<Piece>) -> Response {
    let first = match pieces.first() {
        Some(Piece::Text(text)) => text.clone(),
        _ => return Response::Blank,
    };
    if pieces.len() == 1 && first.iter().all(u8::is_ascii_whitespace) {
        return Response::Blank;
    }
    let (tag, rest) = word(&first);
    if tag.starts_with(b"+") {
        return Response::Continue;
    }
    if tag.as_ref() != b"*" {
        let (status, text) = word(&rest);
        let status = match status.to_ascii_uppercase().as_slice() {
            b"OK" => Status::Ok,
            b"NO" => Status::No,
            b"BAD" => Status::Bad,
            _ => Status::Unknown,
        };
        return Response::Tagged { tag: String::from_utf8_lossy(&tag).into_owned(), status, text };
    }
    let (keyword, text) = word(&rest);
    let keyword = String::from_utf8_lossy(&keyword).to_ascii_uppercase();
    if ["OK", "NO", "BAD", "BYE", "PREAUTH"].contains(&keyword.as_str()) {
        return Response::Untagged(Untagged {
            number: None,
            keyword,
            values: Vec::new(),
            text,
            complete: true,
        });
    }
    if let Some(piece) = pieces.first_mut() {
        *piece = Piece::Text(rest);
    }
    let read = value::read(&pieces);
    let mut values = read.values.into_iter();
    let mut head = values.next();
    let number = head.as_ref().and_then(Value::number::<u64>);
    if number.is_some() {
        head = values.next();
    }
    Response::Untagged(Untagged {
        number,
        keyword: head.and_then(|value| value.upper()).unwrap_or_default(),
        values: values.collect(),
        text: Bytes::new(),
        complete: read.complete,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str) -> Response {
        read(vec![Piece::Text(Bytes::from_static(text.as_bytes()))])
    }

    #[test]
    fn responses_are_told_apart() {
        assert!(matches!(of("M1 no [X] y"), Response::Tagged { tag, status: Status::No, text }
            if tag == "M1" && text.as_ref() == b"[X] y"));
        assert!(matches!(of("M1 OK"), Response::Tagged { status: Status::Ok, .. }));
        assert!(matches!(of("Received: from x"), Response::Tagged { status: Status::Unknown, .. }));
        assert!(matches!(of("+"), Response::Continue));
        assert!(matches!(of("* 5 exists"), Response::Untagged(u)
            if u.number == Some(5) && u.keyword == "EXISTS"));
        assert!(matches!(of("* ok [A] (unclosed"), Response::Untagged(u)
            if u.keyword == "OK" && u.text.as_ref() == b"[A] (unclosed"));
        assert!(matches!(of("* XFOO"), Response::Untagged(u) if u.keyword == "XFOO"));
        assert!(matches!(of(""), Response::Blank));
    }

    #[test]
    fn a_code_ends_at_its_own_bracket() {
        let permanent = code(b"[PERMANENTFLAGS (\\Seen a]b \\*)] Limited").unwrap();
        assert_eq!(permanent.values[0].list().unwrap().len(), 3);
        assert_eq!(code("[TRYCREATE]é".as_bytes()).unwrap().name, "TRYCREATE");
        assert_eq!(code(b"[open"), None);
        assert_eq!(code(b"text [X]"), None);
    }
}
