//! Encoded-words, RFC 2047, and parameter values, RFC 2231, for raw 8-bit header fields.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets of one encoded-word, RFC 2047 section 2.
const WORD: usize = 75;
/// Octets of a line with an encoded-word, RFC 2047 section 2.
const LINE: usize = 76;

/// Fields of addresses, RFC 5322 sections 3.6.2, 3.6.3 and 3.6.6.
const ADDRESSES: [&str; 13] = [
    "from",
    "sender",
    "reply-to",
    "to",
    "cc",
    "bcc",
    "resent-from",
    "resent-sender",
    "resent-to",
    "resent-cc",
    "resent-bcc",
    "disposition-notification-to",
    "errors-to",
];

/// Fields with parameters, RFC 2045 section 5.1 and RFC 2183.
const PARAMETERS: [&str; 2] = ["content-type", "content-disposition"];

/// Fields in which no encoded-word may stand, RFC 2047 section 5.
const FIXED: [&str; 13] = [
    "received",
    "return-path",
    "message-id",
    "in-reply-to",
    "references",
    "date",
    "resent-date",
    "resent-message-id",
    "mime-version",
    "content-transfer-encoding",
    "content-id",
    "dkim-signature",
    "authentication-results",
];

/// Writes a header field in ASCII, so that its decoded value is the same; `field` is whole, with
/// its folding and its line end. `None` where no encoding says the same.
pub(super) fn field(field: &[u8]) -> Option<Vec<u8>> {
    let colon = field.iter().position(|&octet| octet == b':')?;
    let (head, value) = field.split_at_checked(colon + 1)?;
    let name = head.strip_suffix(b":")?.trim_ascii_end();
    let name = std::str::from_utf8(name).ok().filter(|name| name.is_ascii())?.to_lowercase();
    let mut out = Lines { octets: head.to_vec(), line: head.len() };
    let value = escaped(value);
    let value = value.as_slice();
    let ended = if value.is_ascii() {
        out.put(value);
        Some(())
    } else if FIXED.contains(&name.as_str()) || name.starts_with("arc-") {
        None
    } else if ADDRESSES.contains(&name.as_str()) {
        addresses(value, &mut out)
    } else if PARAMETERS.contains(&name.as_str()) {
        parameters(value, &mut out)
    } else {
        unstructured(value, &mut out)
    };
    ended.map(|()| out.octets)
}

/// What was written, and how long its last line is.
struct Lines {
    octets: Vec<u8>,
    line: usize,
}

impl Lines {
    fn put(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        match octets.iter().rposition(|&octet| octet == b'\n') {
            Some(end) => self.line = octets.len() - end - 1,
            None => self.line += octets.len(),
        }
    }

    /// Writes encoded-words; a blank before them becomes a fold where the line is full.
    fn encoded(&mut self, text: &[u8]) {
        for (index, word) in words(text).enumerate() {
            if index > 0 {
                self.put(b"\r\n ");
            } else if self.line + word.len() > LINE && self.octets.ends_with(b" ") {
                self.octets.pop();
                self.put(b"\r\n ");
            }
            self.put(word.as_bytes());
        }
    }
}

/// Splits text into encoded-words, never within a character.
fn words(text: &[u8]) -> impl Iterator<Item = String> {
    // RFC 1428 section 3: octets whose charset nobody knows.
    let charset = if std::str::from_utf8(text).is_ok() { "utf-8" } else { "unknown-8bit" };
    let room = (WORD - "=??B??=".len() - charset.len()) / 4 * 3;
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(room);
        if charset == "utf-8" {
            while end < rest.len() && rest.get(end).is_some_and(|octet| octet & 0xc0 == 0x80) {
                end -= 1;
            }
        }
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(format!("=?{charset}?B?{}?=", STANDARD.encode(word)))
    })
}

fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_encoded(word: &[u8]) -> bool {
    word.starts_with(b"=?") && word.ends_with(b"?=") && word.len() > 4
}

/// Takes folding away, RFC 5322 section 2.2.3.
fn unfolded(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect()
}

/// Splits into blanks and words by turns, blanks first; either may be empty at the ends.
fn turns(value: &[u8]) -> Vec<&[u8]> {
    let mut turns = Vec::new();
    let (mut rest, mut blank) = (value, true);
    while !rest.is_empty() {
        let end = rest.iter().position(|&o| is_blank(o) != blank).unwrap_or(rest.len());
        let (turn, after) = rest.split_at(end);
        turns.push(turn);
        (rest, blank) = (after, !blank);
    }
    turns
}

/// Escapes raw octets within an encoded-word of the Q encoding, RFC 2047 section 4.2: its charset
/// is told, and decoders give the same.
fn escaped(value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for turn in turns(value) {
        let quoted = is_encoded(turn)
            && turn
                .split(|&octet| octet == b'?')
                .nth(2)
                .is_some_and(|e| e.eq_ignore_ascii_case(b"q"));
        for &octet in turn {
            if quoted && octet >= 0x80 {
                out.extend_from_slice(format!("={octet:02X}").as_bytes());
            } else {
                out.push(octet);
            }
        }
    }
    out
}

fn unstructured(value: &[u8], out: &mut Lines) -> Option<()> {
    let turns = turns(value);
    let word = |index: usize| turns.get(index).copied().unwrap_or_default();
    let mut index = 0;
    while index < turns.len() {
        out.put(word(index));
        let mut end = index + 1;
        if word(end).is_ascii() {
            out.put(word(end));
            index = end + 1;
            continue;
        }
        while !word(end + 2).is_ascii() {
            end += 2;
        }
        let mut text = Vec::new();
        // Blanks between two encoded-words are no part of the text, RFC 2047 section 6.2: those
        // beside a word that is encoded already are encoded too.
        if index >= 1 && is_encoded(word(index - 1)) {
            text.extend_from_slice(&unfolded(word(index)));
        }
        for turn in turns.get(index + 1..=end)? {
            text.extend_from_slice(&unfolded(turn));
        }
        if is_encoded(word(end + 2)) {
            text.extend_from_slice(&unfolded(word(end + 1)));
        }
        out.encoded(&text);
        index = end + 1;
    }
    Some(())
}

/// A piece of an address list.
enum Piece<'a> {
    /// Blanks, atoms and quoted strings outside of anything.
    Phrase(&'a [u8]),
    /// With its parentheses.
    Comment(&'a [u8]),
    /// An address in angle brackets, or a separator.
    Other(&'a [u8]),
}

fn addresses(value: &[u8], out: &mut Lines) -> Option<()> {
    let mut rest = value;
    while !rest.is_empty() {
        let (piece, after) = piece(rest)?;
        rest = after;
        match piece {
            Piece::Phrase(text) | Piece::Comment(text) | Piece::Other(text) if text.is_ascii() => {
                out.put(text);
            }
            Piece::Comment(text) => {
                let inner = text.get(1..text.len() - 1)?;
                let odd = |&octet: &u8| matches!(octet, b'(' | b'\\') || is_blank(octet);
                if inner.iter().any(|octet| odd(octet) && *octet != b' ') {
                    return None;
                }
                out.put(b"(");
                out.encoded(inner);
                out.put(b")");
            }
            // A phrase stands before an address in angle brackets and nowhere else.
            Piece::Phrase(text) if rest.first() == Some(&b'<') => phrase(text, out)?,
            Piece::Phrase(_) | Piece::Other(_) => return None,
        }
    }
    Some(())
}

fn piece(rest: &[u8]) -> Option<(Piece<'_>, &[u8])> {
    let closing = |close: u8| rest.iter().position(|&octet| octet == close).map(|at| at + 1);
    match rest.first()? {
        b'<' => rest.split_at_checked(closing(b'>')?).map(|(a, b)| (Piece::Other(a), b)),
        b'(' => rest.split_at_checked(closing(b')')?).map(|(a, b)| (Piece::Comment(a), b)),
        b',' | b';' | b':' | b'>' | b')' => {
            rest.split_at_checked(1).map(|(a, b)| (Piece::Other(a), b))
        }
        _ => {
            let (mut quoted, mut escaped) = (false, false);
            let end = rest.iter().position(|&octet| {
                let ends = !quoted && matches!(octet, b'<' | b'(' | b',' | b';' | b':');
                match octet {
                    _ if escaped => escaped = false,
                    b'\\' if quoted => escaped = true,
                    b'"' => quoted = !quoted,
                    _ => {}
                }
                ends
            });
            let end = end.unwrap_or(rest.len());
            (!quoted).then(|| rest.split_at(end)).map(|(a, b)| (Piece::Phrase(a), b))
        }
    }
}

/// Writes a whole display name as encoded-words, without the quotes around its parts.
fn phrase(text: &[u8], out: &mut Lines) -> Option<()> {
    let text = unfolded(text);
    let start = text.len() - text.trim_ascii_start().len();
    let inner = text.trim_ascii();
    if inner.windows(2).any(|pair| pair == b"=?") || inner.contains(&b'@') {
        return None;
    }
    let mut plain = Vec::new();
    let mut octets = inner.iter().copied();
    let mut quoted = false;
    while let Some(octet) = octets.next() {
        match octet {
            b'"' => quoted = !quoted,
            b'\\' if quoted => plain.push(octets.next()?),
            other => plain.push(other),
        }
    }
    out.put(text.get(..start)?);
    out.encoded(&plain);
    out.put(text.get(start + inner.len()..)?);
    Some(())
}

fn parameters(value: &[u8], out: &mut Lines) -> Option<()> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(|&octet| {
        let ends = !quoted && octet == b';';
        match octet {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => {}
        }
        ends
    });
    for (index, part) in parts.collect::<Vec<_>>().into_iter().enumerate() {
        if index > 0 {
            out.put(b";");
        }
        if part.is_ascii() {
            out.put(part);
            continue;
        }
        let equals = part.iter().position(|&octet| octet == b'=')?;
        let (name, text) = part.split_at_checked(equals)?;
        let text = text.strip_prefix(b"=")?;
        let kept = text.trim_ascii_end();
        if index == 0 || !name.is_ascii() || name.contains(&b'*') || name.contains(&b'(') {
            return None;
        }
        let plain = match kept.strip_prefix(b"\"") {
            None => kept.to_vec(),
            Some(open) => unescaped(&unfolded(open.strip_suffix(b"\"")?))?,
        };
        let charset = if std::str::from_utf8(&plain).is_ok() { "utf-8" } else { "unknown-8bit" };
        out.put(name);
        out.put(format!("*={charset}''").as_bytes());
        for octet in plain {
            if octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'_') {
                out.put(&[octet]);
            } else {
                out.put(format!("%{octet:02X}").as_bytes());
            }
        }
        out.put(text.get(kept.len()..)?);
    }
    Some(())
}

fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut octets = text.iter().copied();
    while let Some(octet) = octets.next() {
        plain.push(if octet == b'\\' { octets.next()? } else { octet });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encoded(text: &[u8]) -> Option<String> {
        field(text).map(|octets| String::from_utf8(octets).unwrap())
    }

    /// Decodes as RFC 2047 section 6.2 says, on its own.
    fn decoded(value: &[u8]) -> Vec<u8> {
        let text = unfolded(value);
        let mut out = Vec::new();
        let mut pending: Vec<u8> = Vec::new();
        let mut after_encoded = false;
        for (index, turn) in turns(&text).into_iter().enumerate() {
            if index % 2 == 0 {
                pending = turn.to_vec();
                continue;
            }
            if is_encoded(turn) {
                if !after_encoded {
                    out.extend_from_slice(&pending);
                }
                let word = std::str::from_utf8(turn).unwrap();
                let base64 = word.trim_end_matches("?=").rsplit('?').next().unwrap();
                out.extend_from_slice(&STANDARD.decode(base64).unwrap());
            } else {
                out.extend_from_slice(&pending);
                out.extend_from_slice(turn);
            }
            pending = Vec::new();
            after_encoded = is_encoded(turn);
        }
        out.extend_from_slice(&pending);
        out
    }

    #[test]
    fn fields_are_encoded_where_their_grammar_lets_them() {
        for (raw, wanted) in [
            ("Subject: Grüße\r\n", "Subject: =?utf-8?B?R3LDvMOfZQ==?=\r\n"),
            ("Subject: a Ü b\r\n c\r\n", "Subject: a =?utf-8?B?w5w=?= b\r\n c\r\n"),
            ("From: Käthe <k@acme.example>\r\n", "From: =?utf-8?B?S8OkdGhl?= <k@acme.example>\r\n"),
            (
                "To: \"Müller, Jo\" <j@acme.example>, b@acme.example\r\n",
                "To: =?utf-8?B?TcO8bGxlciwgSm8=?= <j@acme.example>, b@acme.example\r\n",
            ),
            ("To: j@acme.example (Jörg)\r\n", "To: j@acme.example (=?utf-8?B?SsO2cmc=?=)\r\n"),
            (
                "Content-Type: text/plain; name=\"ü.txt\"; x=y\r\n",
                "Content-Type: text/plain; name*=utf-8''%C3%BC.txt; x=y\r\n",
            ),
        ] {
            assert_eq!(encoded(raw.as_bytes()).as_deref(), Some(wanted));
        }
        assert_eq!(
            encoded(b"To: =?iso-8859-1?Q?J\xfcrgen?= <j@acme.example>\r\n").as_deref(),
            Some("To: =?iso-8859-1?Q?J=FCrgen?= <j@acme.example>\r\n")
        );
        assert_eq!(
            encoded(b"Subject: Gr\xfc\xdfe\r\n").as_deref(),
            Some("Subject: =?unknown-8bit?B?R3L832U=?=\r\n")
        );
    }

    #[test]
    fn where_no_encoding_says_the_same_nothing_is_written() {
        for raw in [
            "Received: from ü by x\r\n",
            "Message-ID: <ü@x>\r\n",
            "From: käthe@acme.example\r\n",
            "From: <käthe@acme.example>\r\n",
            "Sübject: x\r\n",
            "no colon ü\r\n",
            "To: \"open ü <x@y>\r\n",
        ] {
            assert_eq!(encoded(raw.as_bytes()), None, "{raw}");
        }
    }

    proptest! {
        #[test]
        fn the_decoded_text_is_the_same(
            parts in proptest::collection::vec(
                prop_oneof!["[a-z]{1,12}", "[ä-ü日本]{1,40}", Just("=?utf-8?B?w5w=?=".to_owned())], 1..9),
            blanks in proptest::collection::vec(prop_oneof![Just(" "), Just("  "), Just("\r\n\t")], 9),
        ) {
            let mut value = String::new();
            for (part, blank) in parts.iter().zip(&blanks) {
                value.push_str(blank);
                value.push_str(part);
            }
            let raw = format!("Subject:{value}\r\n");
            let out = field(raw.as_bytes()).unwrap();
            prop_assert!(out.is_ascii());
            prop_assert_eq!(decoded(&out["Subject:".len()..]), decoded(value.as_bytes()));
            prop_assert!(String::from_utf8(out).unwrap().lines()
                .filter(|line| line.contains("=?")).all(|line| line.len() <= 200));
        }

        #[test]
        fn octets_of_no_charset_survive(text in proptest::collection::vec(0x80_u8.., 1..200)) {
            let raw = [b"Subject: ".as_slice(), &text, b"\r\n"].concat();
            let out = field(&raw).unwrap();
            prop_assert_eq!(decoded(&out["Subject:".len()..]), [b" ".as_slice(), &text].concat());
        }
    }
}
