//! The content of a leaf.

use super::lines::Line;
use super::record::Record;
use super::text::{Plain, Unicode};
use super::transfer::{Decoder, Encoding};
use crate::model::digest::Hasher;

/// Digests the content of one leaf.
#[derive(Debug)]
pub(super) struct Leaf {
    decoder: Decoder,
    kind: Kind,
    charset: Option<String>,
    /// As it is written, for content that cannot be decoded.
    written: Plain,
    decoded: Vec<u8>,
}

#[derive(Debug)]
enum Kind {
    /// Compared as Unicode; as octets when it is not of its charset.
    Text { unicode: Box<Unicode>, octets: Plain },
    /// Compared octet for octet.
    Octets(Hasher),
}

impl Leaf {
    pub(super) fn new(encoding: Encoding, is_text: bool, charset: Option<String>) -> Self {
        let kind = if is_text {
            Kind::Text {
                unicode: Box::new(Unicode::new(charset.as_deref())),
                octets: Plain::default(),
            }
        } else {
            Kind::Octets(Hasher::new())
        };
        Self {
            decoder: Decoder::new(encoding),
            kind,
            charset,
            written: Plain::default(),
            decoded: Vec::new(),
        }
    }

    pub(super) fn line(&mut self, line: &Line<'_>) {
        self.written.feed(line.text);
        self.written.feed(line.end.octets());
        self.decoder.line(line, &mut self.decoded);
        self.take();
    }

    fn take(&mut self) {
        match &mut self.kind {
            Kind::Text { unicode, octets } => {
                unicode.feed(&self.decoded, false);
                octets.feed(&self.decoded);
            }
            Kind::Octets(hasher) => hasher.update(&self.decoded),
        }
        self.decoded.clear();
    }

    pub(super) fn finish(mut self, at_boundary: bool, record: &mut Record) {
        let well_formed = self.decoder.finish(at_boundary, &mut self.decoded);
        self.take();
        if !well_formed {
            return record.put_digest("as written", &self.written.finish());
        }
        match self.kind {
            Kind::Text { unicode, octets } => {
                if let Some(digest) = unicode.finish() {
                    record.put_digest("text", &digest);
                } else {
                    record.put("charset", self.charset.unwrap_or_default().as_bytes());
                    record.put_digest("octets of text", &octets.finish());
                }
            }
            Kind::Octets(hasher) => record.put_digest("octets", &hasher.finish()),
        }
    }
}
