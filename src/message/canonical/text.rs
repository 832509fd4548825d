//! Text without what does not matter in it: kinds of line ends, blanks at the ends.

use crate::model::digest::{Digest, Hasher};
use encoding_rs::{DecoderResult, Encoding};

/// Blanks that are held until it is known whether they end a line. A longer run is content: nobody
/// adds so many, and memory is bounded.
const BLANKS: usize = 4 * 1024;

/// Digests text: every line end is LF, and blanks before it and line ends at the end do not count.
#[derive(Debug, Default)]
pub(super) struct Plain {
    hasher: Hasher,
    blanks: Vec<u8>,
    line_ends: u64,
    after_cr: bool,
}

impl Plain {
    pub(super) fn feed(&mut self, octets: &[u8]) {
        // Octets that count are digested in runs: one by one takes three times as long.
        let mut start = None;
        for (index, &octet) in octets.iter().enumerate() {
            let content = !matches!(octet, b'\r' | b'\n' | b' ' | b'\t');
            if content && self.blanks.is_empty() && self.line_ends == 0 {
                self.after_cr = false;
                start.get_or_insert(index);
                continue;
            }
            if let Some(start) = start.take() {
                self.hasher.update(&octets[start..index]);
            }
            self.one(octet);
        }
        if let Some(start) = start {
            self.hasher.update(&octets[start..]);
        }
    }

    fn one(&mut self, octet: u8) {
        match octet {
            b'\n' if self.after_cr => {}
            b'\r' | b'\n' => {
                self.blanks.clear();
                self.line_ends += 1;
            }
            b' ' | b'\t' if self.blanks.len() < BLANKS => self.blanks.push(octet),
            _ => {
                let ends = [b'\n'; 256];
                while self.line_ends > 0 {
                    let some = self.line_ends.min(256);
                    self.hasher.update(&ends[..usize::try_from(some).unwrap_or(256)]);
                    self.line_ends -= some;
                }
                self.hasher.update(&self.blanks);
                self.blanks.clear();
                self.hasher.update(&[octet]);
            }
        }
        self.after_cr = octet == b'\r';
    }

    pub(super) fn finish(self) -> Digest {
        self.hasher.finish()
    }
}

/// Digests text of a charset as Unicode.
#[derive(Debug)]
pub(super) struct Unicode {
    /// `None` once something could not be decoded.
    decoder: Option<Decoder>,
    plain: Plain,
}

/// Keeps `Debug` derivable.
struct Decoder(encoding_rs::Decoder);

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.encoding().name())
    }
}

impl Unicode {
    /// Text without a charset is read as UTF-8, which US-ASCII is a part of; a charset that is not
    /// known makes it octets.
    pub(super) fn new(charset: Option<&str>) -> Self {
        let decoder = encoding(charset.unwrap_or("utf-8"))
            .map(|encoding| Decoder(encoding.new_decoder_without_bom_handling()));
        Self { decoder, plain: Plain::default() }
    }

    pub(super) fn feed(&mut self, octets: &[u8], last: bool) {
        let mut rest = octets;
        let mut room = [0; 4096];
        while let Some(Decoder(decoder)) = &mut self.decoder {
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut room, last);
            self.plain.feed(&room[..written]);
            rest = &rest[read..];
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                // Characters in place of what cannot be decoded would make different octets equal.
                DecoderResult::Malformed(..) => self.decoder = None,
            }
        }
    }

    /// Returns the digest, or nothing when it was not text of this charset.
    pub(super) fn finish(mut self) -> Option<Digest> {
        self.feed(&[], true);
        self.decoder.is_some().then(|| self.plain.finish())
    }
}

/// Finds a charset by its name.
pub(super) fn encoding(charset: &str) -> Option<&'static Encoding> {
    let name = charset.trim();
    // The standard that the names come from reads US-ASCII as windows-1252, so that octets above
    // 127 would become letters; as UTF-8 they are malformed, and compared as they are.
    let ascii = ["us-ascii", "ascii", "ansi_x3.4-1968"];
    if ascii.iter().any(|ascii| ascii.eq_ignore_ascii_case(name)) {
        return Some(encoding_rs::UTF_8);
    }
    // `replacement` swallows its whole input.
    Encoding::for_label(name.as_bytes()).filter(|found| *found != encoding_rs::REPLACEMENT)
}

/// Decodes a short text; `None` when it is not of this charset.
pub(super) fn decode(charset: &str, octets: &[u8]) -> Option<String> {
    encoding(charset)?
        .decode_without_bom_handling_and_without_replacement(octets)
        .map(std::borrow::Cow::into_owned)
}
