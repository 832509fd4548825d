//! Content-Transfer-Encoding, RFC 2045 section 6, undone while the content streams by.

use super::lines::{End, Line};

/// Blanks that may be held; more of them are content, so that memory is bounded.
const HELD: usize = 64 * 1024;

/// How the content of a leaf is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 7bit, 8bit, binary, or a word that nobody knows.
    Identity,
    Base64,
    QuotedPrintable,
}

impl Encoding {
    /// Reads the value of Content-Transfer-Encoding.
    pub(super) fn of(value: &str) -> Self {
        match value.trim().to_ascii_lowercase().as_str() {
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }
}

/// Undoes an encoding.
#[derive(Debug)]
pub(super) struct Decoder {
    encoding: Encoding,
    /// The end of the line before: it belongs to the content only when more of it follows.
    pending: End,
    quantum: u32,
    sextets: u8,
    /// What base64 could not carry: the content is compared as it is written then.
    malformed: bool,
    /// The blanks at the end of a piece, and an escape that is cut in two, of a line that goes on.
    held: Vec<u8>,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            pending: End::None,
            quantum: 0,
            sextets: 0,
            malformed: false,
            held: Vec::new(),
        }
    }

    /// Decodes the next line.
    pub(super) fn line(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => {
                out.extend_from_slice(self.pending.octets());
                out.extend_from_slice(line.text);
                self.pending = line.end;
            }
            Encoding::Base64 => self.base64(line.text, out),
            Encoding::QuotedPrintable => {
                out.extend_from_slice(self.pending.octets());
                self.quoted_printable(line, out);
            }
        }
    }

    /// Ends the content at a boundary, which owns the line end before it, or at the end of the
    /// message, which does not. Returns false when the content is not what the encoding allows.
    pub(super) fn finish(&mut self, at_boundary: bool, out: &mut Vec<u8>) -> bool {
        if !at_boundary && self.encoding != Encoding::Base64 {
            out.extend_from_slice(self.pending.octets());
        }
        out.append(&mut self.held);
        !self.malformed && self.sextets == 0
    }

    fn base64(&mut self, text: &[u8], out: &mut Vec<u8>) {
        for &octet in text {
            let value = match octet {
                b'A'..=b'Z' => octet - b'A',
                b'a'..=b'z' => octet - b'a' + 26,
                b'0'..=b'9' => octet - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.padded(out);
                    continue;
                }
                b' ' | b'\t' | b'\r' => continue,
                // RFC 2045 lets readers pass over others; two different texts would be equal then.
                _ => {
                    self.malformed = true;
                    continue;
                }
            };
            self.quantum = (self.quantum << 6) | u32::from(value);
            self.sextets += 1;
            if self.sextets == 4 {
                let [_, a, b, c] = self.quantum.to_be_bytes();
                out.extend_from_slice(&[a, b, c]);
                (self.quantum, self.sextets) = (0, 0);
            }
        }
    }

    /// Takes one `=`. The first ends a quantum of two or three characters, a second is its rest.
    fn padded(&mut self, out: &mut Vec<u8>) {
        match self.sextets {
            2 => out.push((self.quantum >> 4).to_be_bytes()[3]),
            3 => out.extend_from_slice(&(self.quantum >> 2).to_be_bytes()[2..]),
            0 => {}
            _ => self.malformed = true,
        }
        (self.quantum, self.sextets) = (0, 0);
    }

    fn quoted_printable(&mut self, line: &Line<'_>, out: &mut Vec<u8>) {
        let mut text = std::mem::take(&mut self.held);
        text.extend_from_slice(line.text);
        let more = line.end == End::None;
        let mut shown = text.as_slice();
        // Blanks at the end of a line were added on the way, RFC 2045 section 6.7 (3).
        while let [rest @ .., b' ' | b'\t'] = shown {
            shown = rest;
        }
        if more {
            // An escape may go on in the next piece.
            let cut = match shown {
                [rest @ .., b'=', _] | [rest @ .., b'='] => rest.len(),
                _ if text.len() - shown.len() > HELD => text.len(),
                _ => shown.len(),
            };
            self.held = text.split_off(cut);
            shown = &text;
        }
        let soft = !more && shown.last() == Some(&b'=');
        if soft {
            shown = &shown[..shown.len() - 1];
        }
        unescape(b'=', shown, out);
        self.pending = match line.end {
            _ if soft => End::None,
            // The encoding knows one kind of line end.
            End::Lf => End::Crlf,
            other => other,
        };
    }
}

/// Decodes `mark` with two hexadecimal digits behind it; a mark without them stays.
pub(super) fn unescape(mark: u8, text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some((&octet, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if octet == mark => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(high * 16 + low);
            rest = &after[2..];
        } else {
            out.push(octet);
            rest = after;
        }
    }
}

const fn hex(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        _ => None,
    }
}
