//! `8bit-headers`: raw 8-bit fields of the message's own header become ASCII.

use super::encoded_word;

/// The largest field that is encoded.
const FIELD: usize = 64 * 1024;

/// Encodes the header of a message that arrives in pieces; the body passes.
#[derive(Clone, Debug, Default)]
pub(super) struct EightBitHeader {
    field: Vec<u8>,
    /// Where the line that is being read starts in `field`.
    line: usize,
    /// Behind the header, or in a field that is too large to be encoded.
    past: bool,
    impossible: bool,
}

impl EightBitHeader {
    /// Changes the next piece, appending to `out`.
    pub(super) fn feed(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        while !self.past && !rest.is_empty() {
            let end = rest.iter().position(|&octet| octet == b'\n').map(|at| at + 1);
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if self.line == self.field.len() && !matches!(piece.first(), Some(b' ' | b'\t')) {
                self.end_field(out);
            }
            self.field.extend_from_slice(piece);
            if self.field.ends_with(b"\n") {
                let blank = self
                    .field
                    .get(self.line..)
                    .is_some_and(|line| line.iter().all(|octet| matches!(octet, b'\r' | b'\n')));
                self.line = self.field.len();
                if blank {
                    self.end_field(out);
                    self.past = true;
                }
            }
            if self.field.len() > FIELD {
                // What follows is not read any more, so nobody can say that it needs nothing.
                self.impossible = true;
                out.append(&mut self.field);
                self.line = 0;
                self.past = true;
            }
        }
        out.extend_from_slice(rest);
    }

    /// Ends the message; tells whether every field could be encoded.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        self.end_field(out);
        !self.impossible
    }

    fn end_field(&mut self, out: &mut Vec<u8>) {
        let field = std::mem::take(&mut self.field);
        self.line = 0;
        if field.is_ascii() {
            out.extend_from_slice(&field);
            return;
        }
        if let Some(encoded) = encoded_word::field(&field) {
            out.extend_from_slice(&encoded);
        } else {
            self.impossible = true;
            out.extend_from_slice(&field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(message: &[u8]) -> (Vec<u8>, bool) {
        let mut header = EightBitHeader::default();
        let mut out = Vec::new();
        header.feed(message, &mut out);
        let fits = header.finish(&mut out);
        (out, fits)
    }

    #[test]
    fn only_the_header_is_changed_and_only_fields_that_need_it() {
        let message = "X-A: a\r\n\tb\r\nSubject: Ü\r\n folded\r\nX-B: c\r\n\r\nÜ\r\n: ü\r\n";
        let (out, fits) = whole(message.as_bytes());
        let wanted =
            "X-A: a\r\n\tb\r\nSubject: =?utf-8?B?w5w=?=\r\n folded\r\nX-B: c\r\n\r\nÜ\r\n: ü\r\n";
        assert_eq!((String::from_utf8(out).unwrap().as_str(), fits), (wanted, true));
        assert!(!whole("Message-ID: <ü@x>\r\n\r\n".as_bytes()).1);
        let large = format!("Subject: {}ü\r\n\r\n", "x".repeat(FIELD));
        let (out, fits) = whole(large.as_bytes());
        assert!(out == large.as_bytes() && !fits);
    }
}
