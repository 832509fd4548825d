//! Looks for what a destination cannot take, in octets that arrive in pieces.

/// What a message holds that some destination may not take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traits {
    /// NUL octets; RFC 3501 section 4.3 forbids them in a literal.
    pub nul: u64,
    /// LF without CR before it, RFC 5322 section 2.3.
    pub bare_lf: u64,
    /// CR without LF after it, RFC 5322 section 2.3.
    pub bare_cr: u64,
    /// Octets of the longest line, its end left out.
    pub longest_line: u64,
    /// The last octet is a CR. Dovecot stores such a message without it.
    pub ends_in_cr: bool,
}

/// Scans a message piece by piece.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    found: Traits,
    line: u64,
    after_cr: bool,
}

impl Scanner {
    /// Starts at the first octet of a message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next piece.
    pub fn feed(&mut self, octets: &[u8]) {
        for &octet in octets {
            if octet == b'\n' {
                if !self.after_cr {
                    self.found.bare_lf += 1;
                }
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
            self.after_cr = octet == b'\r';
        }
    }

    /// Returns what was found so far, a CR at the very end counted as bare.
    pub fn found(&self) -> Traits {
        let mut found = self.found;
        if self.after_cr {
            found.bare_cr += 1;
            found.ends_in_cr = true;
        }
        found.longest_line = found.longest_line.max(self.line);
        found
    }

    fn end_line(&mut self) {
        self.found.longest_line = self.found.longest_line.max(self.line);
        self.line = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scan(octets: &[u8]) -> Traits {
        let mut scanner = Scanner::new();
        scanner.feed(octets);
        scanner.found()
    }

    #[test]
    fn finds_what_is_odd_and_nothing_else() {
        assert_eq!(scan(b"a: b\r\n\r\nx\r\n"), Traits { longest_line: 4, ..Traits::default() });
        assert_eq!(
            scan(b"\0\nab\rc\r\n\r"),
            Traits { nul: 1, bare_lf: 1, bare_cr: 2, longest_line: 4, ends_in_cr: true }
        );
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0u8), any::<u8>()], 0..200), cut in 0usize..200) {
            let cut = cut.min(octets.len());
            let mut scanner = Scanner::new();
            scanner.feed(&octets[..cut]);
            scanner.feed(&octets[cut..]);
            prop_assert_eq!(scanner.found(), scan(&octets));
        }
    }
}
