//! IMAP on the wire, read independently of mailferry's own code: responses, names, dates.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::io::{self, BufRead};

/// A part of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// An atom, `NIL` included.
    Atom(String),
    /// A quoted string or a literal.
    Text(Vec<u8>),
    /// A parenthesised list.
    List(Vec<Token>),
}

impl Token {
    /// Returns the octets of an atom or a string.
    pub fn octets(&self) -> &[u8] {
        match self {
            Self::Atom(text) => text.as_bytes(),
            Self::Text(octets) => octets,
            Self::List(_) => panic!("a list where a string belongs: {self:?}"),
        }
    }

    /// Returns the text of an atom or a string.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.octets()).into_owned()
    }

    /// Returns the members of a list.
    pub fn list(&self) -> &[Token] {
        match self {
            Self::List(tokens) => tokens,
            _ => panic!("no list: {self:?}"),
        }
    }
}

/// Reads one response with its literals, without the last line end.
pub fn read_response(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut response = Vec::new();
    loop {
        let before = response.len();
        reader.read_until(b'\n', &mut response)?;
        if !response[before..].ends_with(b"\r\n") {
            return Err(io::Error::other("the connection ended in the middle of a response"));
        }
        let Some(length) = literal_length(&response) else {
            response.truncate(response.len() - 2);
            return Ok(response);
        };
        let start = response.len();
        response.resize(start + length, 0);
        reader.read_exact(&mut response[start..])?;
    }
}

fn literal_length(response: &[u8]) -> Option<usize> {
    let head = response.strip_suffix(b"}\r\n")?;
    let open = head.iter().rposition(|octet| *octet == b'{')?;
    std::str::from_utf8(&head[open + 1..]).ok()?.parse().ok()
}

/// Splits a response into tokens.
pub fn tokens(mut rest: &[u8]) -> Vec<Token> {
    let (tokens, left) = sequence(&mut rest);
    assert!(left.is_empty(), "a bracket too many");
    tokens
}

fn sequence<'a>(rest: &mut &'a [u8]) -> (Vec<Token>, &'a [u8]) {
    let mut tokens = Vec::new();
    while let Some(first) = rest.first() {
        match first {
            b' ' => *rest = &rest[1..],
            b')' => break,
            b'(' => {
                *rest = &rest[1..];
                tokens.push(Token::List(sequence(rest).0));
                assert_eq!(rest.first(), Some(&b')'), "an open list");
                *rest = &rest[1..];
            }
            b'"' => tokens.push(quoted(rest)),
            // RFC 3516 section 4.2: a literal that may hold NUL.
            b'~' if rest.starts_with(b"~{") => *rest = &rest[1..],
            b'{' => tokens.push(literal(rest)),
            _ => tokens.push(atom(rest)),
        }
    }
    (tokens, *rest)
}

fn quoted(rest: &mut &[u8]) -> Token {
    let mut text = Vec::new();
    let mut at = 1;
    while rest[at] != b'"' {
        if rest[at] == b'\\' {
            at += 1;
        }
        text.push(rest[at]);
        at += 1;
    }
    *rest = &rest[at + 1..];
    Token::Text(text)
}

fn literal(rest: &mut &[u8]) -> Token {
    let close = rest.iter().position(|octet| *octet == b'}').expect("a literal has a length");
    let length: usize = std::str::from_utf8(&rest[1..close]).unwrap().parse().unwrap();
    let start = close + 3;
    let token = Token::Text(rest[start..start + length].to_vec());
    *rest = &rest[start + length..];
    token
}

fn atom(rest: &mut &[u8]) -> Token {
    // Brackets belong to the atom: `BODY[HEADER.FIELDS (X)]` is one item.
    let mut depth = 0;
    let end = rest
        .iter()
        .position(|octet| {
            match octet {
                b'[' => depth += 1,
                b']' => depth -= 1,
                _ => {}
            }
            depth == 0 && matches!(octet, b' ' | b'(' | b')')
        })
        .unwrap_or(rest.len());
    let token = Token::Atom(String::from_utf8_lossy(&rest[..end]).into_owned());
    *rest = &rest[end..];
    token
}

/// Encodes a name, RFC 3501 section 5.1.3.
pub fn encode_name(name: &str) -> String {
    let mut out = String::new();
    let mut run = Vec::new();
    let flush = |run: &mut Vec<u8>, out: &mut String| {
        if !run.is_empty() {
            out.push('&');
            out.push_str(&STANDARD_NO_PAD.encode(&*run).replace('/', ","));
            out.push('-');
            run.clear();
        }
    };
    for c in name.chars() {
        if (' '..='~').contains(&c) {
            flush(&mut run, &mut out);
            out.push(c);
            if c == '&' {
                out.push('-');
            }
        } else {
            run.extend(c.encode_utf16(&mut [0; 2]).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut run, &mut out);
    out
}

/// Decodes a name, RFC 3501 section 5.1.3; panics on what is no such name.
pub fn decode_name(name: &str) -> String {
    let mut out = String::new();
    let mut rest = name;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let end = at + rest[at..].find('-').expect("a shift ends with `-`");
        let code = &rest[at + 1..end];
        if code.is_empty() {
            out.push('&');
        } else {
            let octets = STANDARD_NO_PAD.decode(code.replace(',', "/")).expect("base64");
            let units: Vec<u16> =
                octets.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            out.push_str(&String::from_utf16(&units).expect("UTF-16"));
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    out
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Returns the seconds since 1970 of an INTERNALDATE such as `17-Jul-1996 02:44:25 -0700`.
pub fn seconds(date: &str) -> i64 {
    let parts: Vec<&str> = date.trim().split([' ', '-', ':']).collect();
    let number = |at: usize| parts[at].parse::<i64>().expect("a number");
    let month = MONTHS.iter().position(|name| *name == parts[1]).expect("a month");
    let month = i64::try_from(month).unwrap() + 1;
    let zone = date.trim().rsplit(' ').next().expect("a zone");
    let (sign, digits) = zone.split_at(1);
    let minutes = digits[..2].parse::<i64>().unwrap() * 60 + digits[2..].parse::<i64>().unwrap();
    let offset = if sign == "-" { -minutes } else { minutes } * 60;
    days(number(2), month, number(0)) * 86_400 + number(3) * 3_600 + number(4) * 60 + number(5)
        - offset
}

/// Writes seconds since 1970 as INTERNALDATE, RFC 3501 `date-time`.
pub fn dated(second: i64) -> String {
    let time = jiff::Timestamp::from_second(second).expect("a time");
    time.strftime("%d-%b-%Y %H:%M:%S +0000").to_string()
}

/// Days from 1970-01-01 in the Gregorian calendar: years counted from March, so that the leap day
/// is the last of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468
}
