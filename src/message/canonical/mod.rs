//! A digest of what a message says, for servers that store other octets than they were given.
//!
//! Pure. The rules are those of the assumed profile `exchange-v0`: no server was asked whether they
//! are right, so an equal digest is *equal under the assumed profile v0* and must be called so.
//!
//! **Covered**: the tree of parts (multipart subtypes, embedded messages, order), and of each leaf
//! its decoded content, media type, file name, Content-ID and whether it is an attachment; of the
//! message and of each embedded one the fields of `header`: addresses, Subject, Date as an
//! instant, In-Reply-To, References.
//!
//! **Not covered**, because it is known or assumed to change: transfer encodings, charsets (text is
//! compared as Unicode), boundaries, folding, case of field names, order of different fields,
//! Message-ID, every other field (Received, X-…), text before the first and after the last
//! boundary, kinds of line ends and white space at the ends of lines and of the whole in text.
//!
//! What cannot be decoded is compared as it is, octet for octet: malformed input can make two
//! messages differ that are equal, and never the other way round.

mod address;
mod header;
mod leaf;
mod lines;
#[cfg(test)]
mod mutations;
mod parameters;
mod record;
#[cfg(test)]
mod tests;
mod text;
mod transfer;
mod tree;
mod words;

use crate::model::digest::Digest;
use tree::Tree;

/// The name of the rules that this module follows; another set of rules has another name.
pub const PROFILE: &str = "exchange-v0";

/// Digests a message that arrives in pieces. Memory is bounded whatever it holds: about 1 MiB for
/// the header of one part, and 64 KiB besides.
#[derive(Debug)]
pub struct Canonical {
    lines: lines::Lines,
    tree: Tree,
}

impl Default for Canonical {
    fn default() -> Self {
        Self::new()
    }
}

impl Canonical {
    /// Starts at the first octet of a message.
    pub fn new() -> Self {
        Self { lines: lines::Lines::default(), tree: Tree::new() }
    }

    /// Takes the next piece.
    pub fn feed(&mut self, octets: &[u8]) {
        let tree = &mut self.tree;
        self.lines.feed(octets, |line| tree.line(&line));
    }

    /// Ends the message.
    pub fn finish(mut self) -> Digest {
        let tree = &mut self.tree;
        self.lines.finish(|line| tree.line(&line));
        self.tree.finish()
    }

    /// Digests a whole message.
    pub fn of(message: &[u8]) -> Digest {
        let mut canonical = Self::new();
        canonical.feed(message);
        canonical.finish()
    }
}

/// Reads the value of a header field as a person does: unfolded, encoded words decoded.
pub fn readable(value: &[u8]) -> String {
    words::text(&words::raw(value))
}
