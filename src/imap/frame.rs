//! Octets to lines and literals, RFC 3501 section 2.2, without any I/O and without grammar.

use bytes::{Buf, Bytes, BytesMut};

/// The most octets of text in one response, literals not counted.
///
/// Dovecot answers a SEARCH over 400,000 messages with 2.8 MB in one line.
pub const TEXT_LIMIT: usize = 4 << 20;

/// The most octets of a literal that are handed on at once.
pub const CHUNK: usize = 64 << 10;

/// A piece of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Text up to the end of the line, without it and without a literal's announcement.
    Text {
        /// The text.
        octets: Bytes,
        /// The size of the literal that follows; the response ends here when `None`.
        literal: Option<u64>,
    },
    /// Octets of the announced literal.
    Chunk(Bytes),
}

/// Why the octets cannot be cut into frames; the stream is out of step then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// More than [`TEXT_LIMIT`] octets of text.
    #[error("a response is longer than {TEXT_LIMIT} octets")]
    TooLong,
    /// The size of a literal is no number.
    #[error("the size of a literal is out of range")]
    LiteralSize,
}

/// Cuts octets into frames, however they arrive.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    /// Octets of `buffer` known to hold no line feed.
    scanned: usize,
    /// Octets of the present literal still to come.
    literal: u64,
    /// Text of the present response so far.
    text: usize,
    /// Whether the present response has begun, so that its continuation is not a status line.
    continued: bool,
}

impl Decoder {
    /// Makes a decoder that begins with octets that were read already.
    pub fn with(octets: BytesMut) -> Self {
        Self { buffer: octets, ..Self::default() }
    }

    /// Returns the buffer to read into, with room for a chunk.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.buffer.reserve(CHUNK);
        &mut self.buffer
    }

    /// Tells whether the next octets belong to a literal.
    pub fn in_literal(&self) -> bool {
        self.literal > 0
    }

    /// Returns the next frame, or `None` when more octets are needed.
    pub fn frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.literal > 0 {
            return Ok(self.chunk());
        }
        let fresh = self.buffer.get(self.scanned..).unwrap_or_default();
        let Some(at) = fresh.iter().position(|&octet| octet == b'\n') else {
            self.scanned = self.buffer.len();
            if self.text + self.scanned > TEXT_LIMIT {
                return Err(FrameError::TooLong);
            }
            return Ok(None);
        };
        let mut line = self.buffer.split_to(self.scanned + at).freeze();
        self.buffer.advance(1);
        self.scanned = 0;
        if line.ends_with(b"\r") {
            line.truncate(line.len() - 1);
        }
        self.text += line.len();
        if self.text > TEXT_LIMIT {
            return Err(FrameError::TooLong);
        }
        let announced =
            if self.continued || carries_data(&line) { announcement(&line)? } else { None };
        if let Some((kept, size)) = announced {
            line.truncate(kept);
            self.literal = size;
            self.continued = true;
            return Ok(Some(Frame::Text { octets: line, literal: Some(size) }));
        }
        self.text = 0;
        self.continued = false;
        Ok(Some(Frame::Text { octets: line, literal: None }))
    }

    fn chunk(&mut self) -> Option<Frame> {
        let left = usize::try_from(self.literal).unwrap_or(usize::MAX);
        let size = left.min(self.buffer.len()).min(CHUNK);
        if size == 0 {
            return None;
        }
        self.literal -= size as u64;
        Some(Frame::Chunk(self.buffer.split_to(size).freeze()))
    }
}

/// Only untagged data can hold a literal: the words of a status response end as they like.
fn carries_data(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(b"*") else { return false };
    let mut words = rest.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let first = words.next().unwrap_or_default();
    !["OK", "NO", "BAD", "BYE", "PREAUTH"]
        .iter()
        .any(|status| first.eq_ignore_ascii_case(status.as_bytes()))
}

/// Finds `{n}` or `~{n}` at the end; returns how much of the line stays, and `n`.
fn announcement(line: &[u8]) -> Result<Option<(usize, u64)>, FrameError> {
    let Some(inner) = line.strip_suffix(b"}") else { return Ok(None) };
    let Some(open) = inner.iter().rposition(|&octet| octet == b'{') else { return Ok(None) };
    let digits = inner.get(open + 1..).unwrap_or_default();
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let size = std::str::from_utf8(digits)
        .ok()
        .and_then(|text| text.parse::<u64>().ok())
        .ok_or(FrameError::LiteralSize)?;
    let kept = if open > 0 && line.get(open - 1) == Some(&b'~') { open - 1 } else { open };
    Ok(Some((kept, size)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Frames with neighbouring chunks joined, as where a chunk ends says nothing.
    fn frames(pieces: &[&[u8]]) -> (Vec<Frame>, Option<FrameError>) {
        let mut decoder = Decoder::default();
        let mut all: Vec<Frame> = Vec::new();
        for piece in pieces {
            decoder.buffer().extend_from_slice(piece);
            loop {
                match decoder.frame() {
                    Ok(None) => break,
                    Ok(Some(Frame::Chunk(chunk))) => {
                        if let Some(Frame::Chunk(last)) = all.last_mut() {
                            *last = [last.as_ref(), &chunk].concat().into();
                        } else {
                            all.push(Frame::Chunk(chunk));
                        }
                    }
                    Ok(Some(frame)) => all.push(frame),
                    Err(error) => return (all, Some(error)),
                }
            }
        }
        (all, None)
    }

    fn text(octets: &'static str, literal: Option<u64>) -> Frame {
        Frame::Text { octets: Bytes::from_static(octets.as_bytes()), literal }
    }

    #[test]
    fn literals_of_both_kinds_and_bare_line_feeds_are_understood() {
        let (all, error) = frames(&[
            b"* 1 FETCH (X {3}\r\na\nb Y ~{2}\r\n{} Z {0}\r\n)\n* OK end {5}\r\n+ {7}\r\n",
        ]);
        assert_eq!(error, None);
        assert_eq!(
            all,
            [
                text("* 1 FETCH (X ", Some(3)),
                Frame::Chunk(Bytes::from_static(b"a\nb")),
                text(" Y ", Some(2)),
                Frame::Chunk(Bytes::from_static(b"{}")),
                text(" Z ", Some(0)),
                text(")", None),
                text("* OK end {5}", None),
                text("+ {7}", None),
            ]
        );
    }

    #[test]
    fn text_without_an_end_is_an_error_and_a_long_literal_is_not() {
        let long = vec![b'x'; TEXT_LIMIT + 1];
        assert_eq!(frames(&[&long]).1, Some(FrameError::TooLong));
        assert_eq!(
            frames(&[b"* LIST {99999999999999999999}\r\n"]).1,
            Some(FrameError::LiteralSize)
        );
        let head = format!("* 1 FETCH (BODY[] {{{}}}\r\n", long.len());
        assert_eq!(frames(&[head.as_bytes(), &long, b")\r\n"]).1, None);
    }

    proptest! {
        #[test]
        fn every_way_to_cut_the_octets_gives_the_same_frames(
            parts in prop::collection::vec(prop_oneof![
                Just(b"* 1 FETCH (BODY[] {4}\r\nab\r\n)\r\n".to_vec()),
                Just(b"* LIST () \"/\" ~{2}\r\n{1\r\n".to_vec()),
                Just(b"A1 OK {3}\r\n".to_vec()),
                prop::collection::vec(any::<u8>(), 0..40),
            ], 0..8),
            cuts in prop::collection::vec(0_usize..200, 0..20),
        ) {
            let whole = parts.concat();
            let mut places: Vec<usize> = cuts.into_iter().filter(|&cut| cut < whole.len()).collect();
            places.extend([0, whole.len()]);
            places.sort_unstable();
            let pieces: Vec<&[u8]> = places.windows(2).map(|w| &whole[w[0]..w[1]]).collect();
            prop_assert_eq!(frames(&pieces), frames(&[&whole]));
        }
    }
}
