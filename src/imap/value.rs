//! Text of a response to values, tolerant of every word that nobody has defined yet.

use bytes::Bytes;

/// The deepest nesting that is kept; address lists of the protocol nest four deep.
const DEPTH: usize = 32;

/// A part of a response as the frame layer gives it.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Text of a line.
    Text(Bytes),
    /// A literal that was kept.
    Literal(Bytes),
    /// A literal that went elsewhere, with its size in octets.
    Streamed(u64),
}

/// A value of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Anything without quotes, `NIL` and numbers included.
    Atom(Bytes),
    /// A quoted string without quotes and escapes.
    Quoted(Bytes),
    /// A literal.
    Literal(Bytes),
    /// A literal whose octets went elsewhere.
    Streamed(u64),
    /// A parenthesised list.
    List(Vec<Value>),
}

/// The values of a response.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// What could be read.
    pub values: Vec<Value>,
    /// Whether every list and string was closed and nothing else was.
    pub complete: bool,
}

impl Value {
    /// Returns the octets of an atom or a string; `NIL` is an atom like others.
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Self::Atom(octets) | Self::Quoted(octets) | Self::Literal(octets) => Some(octets),
            Self::Streamed(_) | Self::List(_) => None,
        }
    }

    /// Returns the octets of a string or of an atom other than `NIL`.
    pub fn string(&self) -> Option<&[u8]> {
        if self.is_nil() { None } else { self.octets() }
    }

    /// Tells whether this is `NIL` without quotes.
    pub fn is_nil(&self) -> bool {
        matches!(self, Self::Atom(octets) if octets.eq_ignore_ascii_case(b"NIL"))
    }

    /// Returns an atom's digits as a number.
    pub fn number<N: std::str::FromStr>(&self) -> Option<N> {
        match self {
            Self::Atom(octets) if octets.iter().all(u8::is_ascii_digit) => {
                std::str::from_utf8(octets).ok()?.parse().ok()
            }
            _ => None,
        }
    }

    /// Returns the values of a list.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }

    /// Returns about how many octets of memory it takes.
    pub fn memory(&self) -> usize {
        let inner = match self {
            Self::Streamed(_) => 0,
            Self::List(values) => values.iter().map(Self::memory).sum(),
            Self::Atom(octets) | Self::Quoted(octets) | Self::Literal(octets) => octets.len(),
        };
        size_of::<Self>() + inner
    }

    /// Returns the atom or string as words in upper case; octets beyond ASCII are replaced.
    pub fn upper(&self) -> Option<String> {
        self.octets().map(|octets| String::from_utf8_lossy(octets).to_ascii_uppercase())
    }
}

/// Reads values; never fails, but tells whether the text was complete.
pub fn read(pieces: &[Piece]) -> Values {
    let mut builder = Builder { lists: vec![Vec::new()], complete: true };
    for piece in pieces {
        match piece {
            Piece::Text(text) => builder.text(text),
            Piece::Literal(octets) => builder.push(Value::Literal(octets.clone())),
            Piece::Streamed(size) => builder.push(Value::Streamed(*size)),
        }
    }
    builder.finish()
}

struct Builder {
    /// Open lists, the outermost first; never empty.
    lists: Vec<Vec<Value>>,
    complete: bool,
}

impl Builder {
    fn push(&mut self, value: Value) {
        if let Some(list) = self.lists.last_mut() {
            list.push(value);
        }
    }

    fn close(&mut self) {
        if self.lists.len() > 1
            && let Some(list) = self.lists.pop()
        {
            self.push(Value::List(list));
        } else {
            self.complete = false;
        }
    }

    fn text(&mut self, text: &Bytes) {
        let mut at = 0;
        while let Some(&octet) = text.get(at) {
            match octet {
                b' ' | b'\t' => at += 1,
                b'(' if self.lists.len() > DEPTH => {
                    self.complete = false;
                    at += 1;
                }
                b'(' => {
                    self.lists.push(Vec::new());
                    at += 1;
                }
                b')' => {
                    self.close();
                    at += 1;
                }
                b'"' => at = self.quoted(text, at + 1),
                _ => at = self.atom(text, at),
            }
        }
    }

    fn quoted(&mut self, text: &Bytes, from: usize) -> usize {
        let mut octets = Vec::new();
        let mut at = from;
        loop {
            match text.get(at) {
                Some(b'"') => break,
                Some(b'\\') if at + 1 < text.len() => {
                    octets.extend(text.get(at + 1));
                    at += 2;
                }
                Some(&octet) => {
                    octets.push(octet);
                    at += 1;
                }
                None => {
                    self.complete = false;
                    break;
                }
            }
        }
        self.push(Value::Quoted(octets.into()));
        at + 1
    }

    /// `BODY[HEADER.FIELDS (DATE FROM)]` is one word in spite of what stands in its brackets.
    fn atom(&mut self, text: &Bytes, from: usize) -> usize {
        let mut at = from;
        let mut section = false;
        while let Some(&octet) = text.get(at) {
            match octet {
                b'[' if !section => {
                    let word = text.get(from..at).unwrap_or_default();
                    section = ["BODY", "BINARY", "BINARY.SIZE"]
                        .iter()
                        .any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
                }
                b']' => section = false,
                b' ' | b'(' | b')' | b'"' if !section => break,
                _ => {}
            }
            at += 1;
        }
        self.complete &= !section;
        self.push(Value::Atom(text.slice(from..at)));
        at
    }

    fn finish(mut self) -> Values {
        while self.lists.len() > 1 {
            self.close();
            self.complete = false;
        }
        Values { values: self.lists.pop().unwrap_or_default(), complete: self.complete }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str) -> Values {
        read(&[Piece::Text(Bytes::copy_from_slice(text.as_bytes()))])
    }

    fn atom(text: &'static str) -> Value {
        Value::Atom(Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn quoted_strings_lose_their_escapes_and_nil_is_not_a_string() {
        let values = of(r#"LIST (\HasChildren) "\\" "a\"b" NIL "NIL""#).values;
        assert_eq!(values[1], Value::List(vec![atom("\\HasChildren")]));
        assert_eq!(values[2].string(), Some(&b"\\"[..]));
        assert_eq!(values[3].string(), Some(&b"a\"b"[..]));
        assert_eq!(values[4].string(), None);
        assert_eq!(values[5].string(), Some(&b"NIL"[..]));
    }

    #[test]
    fn a_section_is_one_word_and_odd_keywords_are_words() {
        let read = of("(BODY[HEADER.FIELDS (\"DATE\" FROM)] x FLAGS (\\Seen [x] a]b $é))");
        assert!(read.complete);
        let items = read.values[0].list().unwrap();
        assert_eq!(items[0], atom("BODY[HEADER.FIELDS (\"DATE\" FROM)]"));
        assert_eq!(items[3].list().unwrap().len(), 4);
    }

    #[test]
    fn what_is_cut_off_or_closed_twice_is_not_complete() {
        for text in ["(a (b)", "\"abc", "a)", "BODY[HEADER (x", &"(".repeat(100_000)] {
            assert!(!of(text).complete, "{}", &text[..text.len().min(20)]);
        }
    }

    #[test]
    fn a_number_is_digits_only() {
        assert_eq!(atom("4294967295").number::<u32>(), Some(u32::MAX));
        assert_eq!(atom("4294967296").number::<u32>(), None);
        assert_eq!(atom("-1").number::<u64>(), None);
        assert_eq!(atom("+1").number::<u64>(), None);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&[Piece::Text(text.into()), Piece::Streamed(3)]);
        }

        #[test]
        fn a_quoted_string_gives_back_what_was_put_in(text in "[ -~]{0,40}") {
            let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let read = of(&quoted);
            prop_assert!(read.complete);
            prop_assert_eq!(&read.values, &[Value::Quoted(text.into())]);
        }
    }
}
