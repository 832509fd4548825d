//! The grammar of RFC 3501 section 9 over one command, without mercy.

use crate::model::internal_date::InternalDate;
use crate::simulate::sequence::SequenceSet;
use bytes::Bytes;

/// A piece of a command as it came.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// Text of a line, without CRLF and without the announcement of a literal.
    Text(Vec<u8>),
    /// A literal; `true` for literal8, RFC 3516.
    Literal(Bytes),
}

/// A string of any form.
pub(crate) type Octets = Vec<u8>;

/// Reads the pieces of a command from left to right. Every method fails by `None`.
#[derive(Debug)]
pub(crate) struct Lexer {
    pieces: std::vec::IntoIter<Piece>,
    text: Vec<u8>,
    at: usize,
    /// The piece after `text`.
    literal: Option<Bytes>,
}

pub(crate) fn is_atom(octet: u8) -> bool {
    octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet)
}

impl Lexer {
    pub(crate) fn new(pieces: Vec<Piece>) -> Self {
        let mut lexer = Self { pieces: pieces.into_iter(), text: Vec::new(), at: 0, literal: None };
        lexer.refill();
        lexer
    }

    fn refill(&mut self) {
        self.at = 0;
        self.text.clear();
        self.literal = None;
        match self.pieces.next() {
            Some(Piece::Text(text)) => {
                self.text = text;
                if let Some(Piece::Literal(literal)) = self.pieces.as_slice().first() {
                    self.literal = Some(literal.clone());
                    self.pieces.next();
                }
            }
            Some(Piece::Literal(literal)) => self.literal = Some(literal),
            None => {}
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Tells whether a literal comes next.
    pub(crate) fn at_literal(&self) -> bool {
        self.at == self.text.len() && self.literal.is_some()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at == self.text.len() && self.literal.is_none() && self.pieces.as_slice().is_empty()
    }

    /// Takes one octet if it is the wanted one.
    pub(crate) fn eat(&mut self, wanted: u8) -> Option<()> {
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    pub(crate) fn space(&mut self) -> Option<()> {
        self.eat(b' ')
    }

    pub(crate) fn take_while(&mut self, fits: impl Fn(u8) -> bool) -> Option<&[u8]> {
        let start = self.at;
        while self.peek().is_some_and(&fits) {
            self.at += 1;
        }
        self.text.get(start..self.at).filter(|taken| !taken.is_empty())
    }

    /// An atom as text in upper case.
    pub(crate) fn keyword(&mut self) -> Option<String> {
        self.take_while(is_atom).map(|octets| String::from_utf8_lossy(octets).to_ascii_uppercase())
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        let digits = self.take_while(|octet| octet.is_ascii_digit())?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn quoted(&mut self) -> Option<Octets> {
        self.eat(b'"')?;
        let mut value = Vec::new();
        loop {
            let octet = self.peek()?;
            self.at += 1;
            match octet {
                b'"' => return Some(value),
                b'\\' => {
                    let escaped = self.peek().filter(|octet| b"\"\\".contains(octet))?;
                    self.at += 1;
                    value.push(escaped);
                }
                // A quoted string is 7-bit text without NUL and line ends.
                1..=0x7f if !b"\r\n".contains(&octet) => value.push(octet),
                _ => return None,
            }
        }
    }

    /// Takes a literal.
    pub(crate) fn literal(&mut self) -> Option<Bytes> {
        if !self.at_literal() {
            return None;
        }
        let literal = self.literal.take()?;
        self.refill();
        Some(literal)
    }

    /// A quoted string or a literal.
    pub(crate) fn string(&mut self) -> Option<Octets> {
        if self.at_literal() {
            return self.literal().map(|literal| literal.to_vec());
        }
        self.quoted()
    }

    /// An atom, which may hold `]`, or a string.
    pub(crate) fn astring(&mut self) -> Option<Octets> {
        if self.at_literal() || self.peek()? == b'"' {
            return self.string();
        }
        self.take_while(|octet| is_atom(octet) || octet == b']').map(<[u8]>::to_vec)
    }

    /// The pattern of LIST.
    pub(crate) fn list_mailbox(&mut self) -> Option<Octets> {
        if self.at_literal() || self.peek()? == b'"' {
            return self.string();
        }
        self.take_while(|octet| is_atom(octet) || b"]%*".contains(&octet)).map(<[u8]>::to_vec)
    }

    /// A mailbox name; one with octets beyond ASCII is no modified UTF-7.
    pub(crate) fn mailbox(&mut self) -> Option<String> {
        String::from_utf8(self.astring()?).ok().filter(|name| name.is_ascii())
    }

    /// A flag that a client may send, RFC 3501 section 9; `\Recent` is none.
    fn flag(&mut self) -> Option<String> {
        let system = self.eat(b'\\').is_some();
        let atom = String::from_utf8(self.take_while(is_atom)?.to_vec()).ok()?;
        if !system {
            return Some(atom);
        }
        let known = ["Answered", "Flagged", "Deleted", "Seen", "Draft"];
        let word = known.iter().find(|known| known.eq_ignore_ascii_case(&atom))?;
        Some(format!("\\{word}"))
    }

    /// `(flag flag)`.
    pub(crate) fn flag_list(&mut self) -> Option<Vec<String>> {
        self.eat(b'(')?;
        let mut flags = Vec::new();
        if self.eat(b')').is_some() {
            return Some(flags);
        }
        loop {
            flags.push(self.flag()?);
            if self.eat(b')').is_some() {
                return Some(flags);
            }
            self.space()?;
        }
    }

    /// Flags of STORE: a list, or words without parentheses.
    pub(crate) fn store_flags(&mut self) -> Option<Vec<String>> {
        if self.peek()? == b'(' {
            return self.flag_list();
        }
        let mut flags = vec![self.flag()?];
        while self.space().is_some() {
            flags.push(self.flag()?);
        }
        Some(flags)
    }

    /// `"dd-Mmm-yyyy hh:mm:ss +zzzz"`.
    pub(crate) fn date_time(&mut self) -> Option<InternalDate> {
        let text = String::from_utf8(self.quoted()?).ok()?;
        // A client has to give a day of one digit its blank: RFC 3501 section 9, `date-day-fixed`.
        InternalDate::parse(&text).filter(|date| date.as_str() == text)
    }

    /// A sequence set, RFC 3501 section 9.
    pub(crate) fn set(&mut self) -> Option<SequenceSet> {
        let text = self.take_while(|octet| octet.is_ascii_digit() || b",:*".contains(&octet))?;
        SequenceSet::read(std::str::from_utf8(text).ok()?)
    }
}
