//! The quoting of mboxrd: a line that is `From ` behind any number of `>` gets one `>` more.
//!
//! Lines end at LF and nowhere else, so that reading gives the identical octets, whatever they
//! are: bare CR, NUL, a last line without an end. Where a message ends, its recorded length says.

const FROM: &[u8] = b"From ";

#[derive(Clone, Copy, Debug)]
enum At {
    /// At the start of a line: so many `>` and so many octets of `From ` were seen.
    Start { marks: u64, matched: usize },
    /// Somewhere else.
    Inside,
}

/// Quotes, or takes the quotes away, in pieces of any size.
#[derive(Debug)]
pub struct Quoting {
    quote: bool,
    at: At,
}

impl Quoting {
    /// Adds quotes.
    pub fn add() -> Self {
        Self { quote: true, at: START }
    }

    /// Takes away what [`Quoting::add`] added.
    pub fn take_away() -> Self {
        Self { quote: false, at: START }
    }

    /// Takes the next piece, and returns what is certain.
    pub fn feed(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len() + 8);
        for &octet in octets {
            self.octet(octet, &mut out);
        }
        out
    }

    fn octet(&mut self, octet: u8, out: &mut Vec<u8>) {
        match self.at {
            At::Start { marks, matched: 0 } if octet == b'>' => {
                self.at = At::Start { marks: marks + 1, matched: 0 };
            }
            At::Start { marks, matched } if FROM.get(matched) == Some(&octet) => {
                if matched + 1 == FROM.len() {
                    let marks = if self.quote { marks + 1 } else { marks.saturating_sub(1) };
                    push(out, marks, FROM);
                    self.at = At::Inside;
                } else {
                    self.at = At::Start { marks, matched: matched + 1 };
                }
            }
            At::Start { marks, matched } => {
                push(out, marks, FROM.get(..matched).unwrap_or_default());
                self.inside(octet, out);
            }
            At::Inside => self.inside(octet, out),
        }
    }

    fn inside(&mut self, octet: u8, out: &mut Vec<u8>) {
        out.push(octet);
        self.at = if octet == b'\n' { START } else { At::Inside };
    }

    /// Returns what was held back at the end.
    pub fn finish(self) -> Vec<u8> {
        let mut out = Vec::new();
        if let At::Start { marks, matched } = self.at {
            push(&mut out, marks, FROM.get(..matched).unwrap_or_default());
        }
        out
    }
}

const START: At = At::Start { marks: 0, matched: 0 };

fn push(out: &mut Vec<u8>, marks: u64, text: &[u8]) {
    out.extend(std::iter::repeat_n(b'>', usize::try_from(marks).unwrap_or(usize::MAX)));
    out.extend_from_slice(text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn through(mut quoting: Quoting, octets: &[u8], piece: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in octets.chunks(piece) {
            out.extend(quoting.feed(piece));
        }
        out.extend(quoting.finish());
        out
    }

    #[test]
    fn what_looks_like_a_separator_is_quoted_and_nothing_else() {
        let text = b"From a\r\n>From b\n>>From c\nFrom\n Fromage\n>Fro\n> From d\rFrom e\n>From";
        let quoted = through(Quoting::add(), text, 3);
        let wanted =
            b">From a\r\n>>From b\n>>>From c\nFrom\n Fromage\n>Fro\n> From d\rFrom e\n>From";
        assert_eq!(String::from_utf8_lossy(&quoted), String::from_utf8_lossy(wanted));
    }

    proptest! {
        #[test]
        fn reading_gives_the_identical_octets(
            words in proptest::collection::vec(
                prop_oneof![
                    Just(b"From ".to_vec()), Just(b">".to_vec()), Just(b"\n".to_vec()),
                    Just(b"\r".to_vec()), Just(b"\0".to_vec()), Just(b"Fro".to_vec()),
                    proptest::collection::vec(any::<u8>(), 0..4),
                ],
                0..40,
            ),
            write in 1_usize..9,
            read in 1_usize..9,
        ) {
            let text = words.concat();
            let quoted = through(Quoting::add(), &text, write);
            for line in quoted.split(|&octet| octet == b'\n') {
                prop_assert!(!line.starts_with(b"From "));
            }
            prop_assert_eq!(through(Quoting::take_away(), &quoted, read), text);
        }
    }
}
