//! Looks for what a destination cannot take, in octets that arrive in pieces.

/// What a message holds that some destination may not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// All octets.
    pub octets: u64,
    /// NUL octets; RFC 3501 section 4.3 forbids them in a literal.
    pub nul: u64,
    /// Those of them in the header.
    pub header_nul: u64,
    /// LF without CR before it, RFC 5322 section 2.3.
    pub bare_lf: u64,
    /// CR without LF after it, RFC 5322 section 2.3.
    pub bare_cr: u64,
    /// LFs with more than one CR before them, a CR at the very end counted as one with its LF.
    /// Dovecot stores one CR less.
    pub doubled_cr: u64,
    /// Octets of the longest line, its end left out.
    pub longest_line: u64,
    /// The last octet is a CR. Dovecot stores such a message without it.
    pub ends_in_cr: bool,
    /// Octets above 0x7F in the header, RFC 5322 section 2.2. Cyrus writes `X` in their place.
    pub eight_bit_header: u64,
    /// The header has a line without a field name as RFC 5322 section 2.2 wants it, or ends
    /// without a line end. Cyrus refuses such a message.
    pub invalid_header: bool,
}

/// Scans a message piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    found: Traits,
    line: u64,
    after_cr: bool,
    /// There are two CRs or more behind us.
    after_crs: bool,
    header: Header,
}

impl Scanner {
    /// Starts at the first octet of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn feed(&mut self, octets: &[u8]) {
        self.found.octets += octets.len() as u64;
        for &octet in octets {
            if self.header.open {
                self.header.take(octet, &mut self.found);
            }
            if octet == b'\n' {
                if !self.after_cr {
                    self.found.bare_lf += 1;
                }
                self.found.doubled_cr += u64::from(self.after_crs);
                self.end_line();
            } else {
                if self.after_cr {
                    self.found.bare_cr += 1;
                    self.line += 1;
                }
                match octet {
                    b'\r' => {}
                    0 => {
                        self.found.nul += 1;
                        self.line += 1;
                    }
                    _ => self.line += 1,
                }
            }
            self.after_crs = octet == b'\r' && self.after_cr;
            self.after_cr = octet == b'\r';
        }
    }

    /// Returns what was found so far, a CR at the very end counted as bare.
    pub fn found(&self) -> Traits {
        let mut found = self.found;
        if self.after_cr {
            found.bare_cr += 1;
            found.ends_in_cr = true;
            found.doubled_cr += u64::from(self.after_crs);
        }
        found.longest_line = found.longest_line.max(self.line);
        found
    }

    /// Returns what was found when no octet comes any more.
    pub fn finish(&self) -> Traits {
        let mut found = self.found();
        found.invalid_header |= self.header.is_cut();
        found
    }

    fn end_line(&mut self) {
        self.found.longest_line = self.found.longest_line.max(self.line);
        self.line = 0;
    }
}

/// What a place in a header line may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// The first octet of a line.
    #[default]
    Start,
    /// In a field name; octets so far, and whether they are the start of `From `.
    Name(u8, bool),
    /// In a value or a continuation, where anything goes.
    Rest,
    /// Behind a line that starts with CR: names are not looked at any more.
    Done,
}

/// Follows the header as Cyrus 3.6 checks it.
#[derive(Clone, Copy, Debug)]
struct Header {
    open: bool,
    blank: bool,
    place: Place,
}

impl Default for Header {
    fn default() -> Self {
        Self { open: true, blank: true, place: Place::Start }
    }
}

impl Header {
    fn take(&mut self, octet: u8, found: &mut Traits) {
        found.header_nul += u64::from(octet == 0);
        found.eight_bit_header += u64::from(octet >= 0x80);
        let (place, bad) = self.place.after(octet);
        self.place = place;
        found.invalid_header |= bad;
        match octet {
            b'\n' => {
                self.open = !self.blank;
                self.blank = true;
            }
            b'\r' => {}
            _ => self.blank = false,
        }
    }

    /// Tells whether the message ended within a header line.
    fn is_cut(self) -> bool {
        self.open && !matches!(self.place, Place::Start | Place::Done)
    }
}

impl Place {
    /// Returns the place behind an octet, and whether the octet may not stand here.
    fn after(self, octet: u8) -> (Self, bool) {
        const MBOX: &[u8] = b"From ";
        match (self, octet) {
            // A bare LF counts as the line end that it stands for.
            (Self::Done, _) | (Self::Start, b'\r' | b'\n') => (Self::Done, false),
            (Self::Name(..), b'\n') => (Self::Start, true),
            (Self::Rest, b'\n') => (Self::Start, false),
            // The line that mbox puts before a message passes.
            (Self::Start, b' ' | b'\t')
            | (Self::Name(4, true), b' ')
            | (Self::Rest, _)
            | (Self::Name(..), b':') => (Self::Rest, false),
            (Self::Start | Self::Name(..), 0..=b' ') | (Self::Start, b':') => (Self::Rest, true),
            (Self::Start, _) => (Self::Name(1, MBOX.first() == Some(&octet)), false),
            (Self::Name(at, mbox), _) => {
                let same = mbox && MBOX.get(usize::from(at)) == Some(&octet);
                (Self::Name(at.saturating_add(1), same), false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(octets: &[u8]) -> Traits {
        let mut scanner = Scanner::new();
        scanner.feed(octets);
        scanner.finish()
    }

    #[test]
    fn finds_what_is_odd_and_nothing_else() {
        assert_eq!(
            scan(b"a: b\r\n\r\nx\r\n"),
            Traits { octets: 11, longest_line: 4, ..Traits::default() }
        );
        assert_eq!(
            scan(b"a:\0\n\nab\rc\r\n\0\r"),
            Traits {
                octets: 13,
                nul: 2,
                header_nul: 1,
                bare_lf: 2,
                bare_cr: 2,
                longest_line: 4,
                ends_in_cr: true,
                ..Traits::default()
            }
        );
    }

    #[test]
    fn the_header_ends_at_the_empty_line() {
        let traits = scan(b"Subject: Gr\xfc\xdfe\r\n\r\n\xe4\0\r\n");
        assert_eq!((traits.eight_bit_header, traits.header_nul, traits.nul), (2, 0, 1));
        assert_eq!(scan("\r\nä\r\n".as_bytes()).eight_bit_header, 0);
    }

    #[test]
    fn a_header_is_invalid_where_cyrus_says_so() {
        // Each was sent to Cyrus 3.6.1 by APPEND.
        for taken in [
            &b"Subject: x\r\n\r\na"[..],
            b"\r\nbody\r\n",
            b"\r\n",
            b"From x y\r\nSubject: a\r\n\r\nb",
            b"Subject: x\r\n",
            b"S\xfcb: x\r\n\r\nb",
            b" foo\r\nSubject: x\r\n\r\nb",
        ] {
            assert!(!scan(taken).invalid_header, "{}", taken.escape_ascii());
        }
        for refused in [
            &b"nocolon\r\nSubject: x\r\n\r\na"[..],
            b"Subject: x",
            b"Subject : x\r\n\r\nb",
            b": x\r\n\r\nb",
            b"Sub\x01ject: x\r\n\r\nb",
            b"Foo Bar: x\r\n\r\nb",
        ] {
            assert!(scan(refused).invalid_header, "{}", refused.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0u8), any::<u8>()], 0..200), cut in 0usize..200) {
            let cut = cut.min(octets.len());
            let mut scanner = Scanner::new();
            scanner.feed(&octets[..cut]);
            scanner.feed(&octets[cut..]);
            prop_assert_eq!(scanner.finish(), scan(&octets));
        }
    }
}
