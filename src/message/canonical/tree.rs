//! The tree of parts, RFC 2046 section 5, followed line by line.

use super::PROFILE;
use super::header::{Header, Taken};
use super::leaf::Leaf;
use super::lines::Line;
use super::parameters::Parameters;
use super::record::Record;
use super::text::Plain;
use super::transfer::Encoding;
use crate::model::digest::Digest;

/// Parts within parts that are followed; what lies deeper is one leaf. Exchange refuses above 30.
const DEPTH: usize = 64;

/// A container that is open.
#[derive(Debug)]
enum Level {
    Multipart {
        boundary: Vec<u8>,
        /// What stands before the first boundary: the whole content when there is none.
        before: Plain,
        parts: u64,
        /// `multipart/digest` holds messages.
        digest: bool,
    },
    /// A message within a message.
    Embedded,
}

/// Where the next line goes.
#[derive(Debug)]
enum State {
    Header {
        header: Header,
        of_message: bool,
        default: &'static str,
    },
    Leaf(Box<Leaf>),
    /// Before the first boundary of the innermost multipart.
    Before,
    /// After a last boundary; it is for nobody, RFC 2046 section 5.1.1.
    After,
}

/// Follows a message.
#[derive(Debug)]
pub(super) struct Tree {
    record: Record,
    levels: Vec<Level>,
    state: State,
}

const TEXT: &str = "text/plain";
const MESSAGE: &str = "message/rfc822";

fn header(of_message: bool, default: &'static str) -> State {
    State::Header { header: Header::default(), of_message, default }
}

impl Tree {
    pub(super) fn new() -> Self {
        Self { record: Record::new(PROFILE), levels: Vec::new(), state: header(true, TEXT) }
    }

    pub(super) fn line(&mut self, line: &Line<'_>) {
        if let Some((index, last)) = self.boundary(line) {
            return self.cross(index, last);
        }
        match &mut self.state {
            State::Header { header, .. } => match header.line(line) {
                Taken::Yes => {}
                Taken::End => self.open(),
                Taken::No => {
                    self.open();
                    self.line(line);
                }
            },
            State::Leaf(leaf) => leaf.line(line),
            State::Before => {
                if let Some(Level::Multipart { before, .. }) = self.levels.last_mut() {
                    before.feed(line.text);
                    before.feed(line.end.octets());
                }
            }
            State::After => {}
        }
    }

    pub(super) fn finish(mut self) -> Digest {
        self.end_content(false);
        self.close_above(0);
        self.record.finish()
    }

    /// Tells which open multipart a line is a boundary of, the innermost first, and whether it is
    /// the last one.
    fn boundary(&self, line: &Line<'_>) -> Option<(usize, bool)> {
        if !line.is_whole() {
            return None;
        }
        let text = line.text.strip_prefix(b"--")?.trim_ascii_end();
        self.levels.iter().enumerate().rev().find_map(|(index, level)| {
            let Level::Multipart { boundary, .. } = level else { return None };
            match text.strip_prefix(boundary.as_slice())? {
                b"" => Some((index, false)),
                b"--" => Some((index, true)),
                _ => None,
            }
        })
    }

    fn cross(&mut self, index: usize, last: bool) {
        self.end_content(true);
        self.close_above(index + 1);
        if last {
            self.close_above(index);
            self.state = State::After;
        } else if let Some(Level::Multipart { parts, digest, .. }) = self.levels.last_mut() {
            *parts += 1;
            self.state = header(false, if *digest { MESSAGE } else { TEXT });
        }
    }

    /// Ends what the lines went to.
    fn end_content(&mut self, at_boundary: bool) {
        // A header without content opens leaves and messages without content.
        while matches!(self.state, State::Header { .. }) {
            self.open();
        }
        if let State::Leaf(leaf) = std::mem::replace(&mut self.state, State::After) {
            leaf.finish(at_boundary, &mut self.record);
        }
    }

    fn close_above(&mut self, depth: usize) {
        while self.levels.len() > depth {
            if let Some(Level::Multipart { before, parts: 0, .. }) = self.levels.pop() {
                self.record.put_digest("no parts", &before.finish());
            }
            self.record.put("end", b"");
        }
    }

    /// A header is complete: what does it head?
    fn open(&mut self) {
        let State::Header { mut header, of_message, default } =
            std::mem::replace(&mut self.state, State::After)
        else {
            return;
        };
        if of_message {
            header.record(&mut self.record);
        }
        let kind = header.content_type(default);
        let deeper = self.levels.len() < DEPTH;
        let boundary = kind.boundary.as_ref().map(|text| text.trim_ascii_end().as_bytes().to_vec());
        match (kind.value.strip_prefix("multipart/"), boundary) {
            (Some(subtype), Some(boundary)) if deeper => {
                self.record.put("multipart", subtype.as_bytes());
                self.levels.push(Level::Multipart {
                    boundary,
                    before: Plain::default(),
                    parts: 0,
                    digest: subtype == "digest",
                });
                self.state = State::Before;
            }
            _ if deeper && kind.value == MESSAGE && header.encoding() == Encoding::Identity => {
                self.record.put("message", b"");
                self.levels.push(Level::Embedded);
                self.state = self::header(true, TEXT);
            }
            _ => self.leaf(&header, &kind),
        }
    }

    fn leaf(&mut self, header: &Header, kind: &Parameters) {
        let disposition = header.disposition();
        let value = if kind.value.is_empty() { TEXT } else { kind.value.as_str() };
        self.record.put("leaf", value.as_bytes());
        if let Some(name) = disposition.get("filename").or_else(|| kind.get("name")) {
            self.record.put("file name", name.as_bytes());
        }
        if disposition.value == "attachment" {
            self.record.put("attachment", b"");
        }
        let id = header.content_id();
        if !id.is_empty() {
            self.record.put("content-id", id.as_bytes());
        }
        let charset = kind.get("charset").map(str::to_ascii_lowercase);
        self.state = State::Leaf(Box::new(Leaf::new(
            header.encoding(),
            value.starts_with("text/"),
            charset,
        )));
    }
}
