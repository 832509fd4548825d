//! `long-lines`: parts with lines that a destination cannot take are encoded anew.
//!
//! The decoded content of every part stays what it was. Whether a part needs it is known only at
//! its end, so what comes out is told in both forms at once, and [`Out`] keeps the right one.

use super::mime_header::{self, Body, Encoding};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets of a line of base64, RFC 2045 section 6.8, and of quoted-printable, section 6.7.
const LINE: usize = 76;
/// The largest header that is read; below a larger one nothing is encoded.
const HEADER: usize = 256 * 1024;
/// Parts within parts that are followed; Exchange refuses more than 30.
const DEPTH: usize = 100;
/// Parts that may be encoded in one message, so that what is remembered stays small.
const PARTS: u32 = 10_000;

/// Takes what the transform writes.
pub(super) trait Out {
    /// Octets that are the same whatever is decided.
    fn both(&mut self, octets: &[u8]);
    /// A leaf begins that is written in two forms.
    fn fork(&mut self);
    /// The next octets of the leaf in its two forms; the second is base64.
    fn forked(&mut self, plain: &[u8], coded: &[u8]);
    /// The leaf ends; says which form counts.
    fn join(&mut self, coded: bool);
}

/// Where the transform stands in a message.
enum State {
    /// In a header.
    Header { top: bool, in_digest: bool, octets: Vec<u8>, valid: bool },
    /// In a leaf, with the end of its last line, which may belong to a boundary.
    Leaf { kind: Encoding, held: Vec<u8>, coder: Coder, affected: bool },
    /// Where nothing may be encoded, and why.
    Opaque(&'static str),
}

/// What came of the line that is being read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Within the limit so far; it is buffered.
    Short,
    /// Over the limit; passed on as it is.
    Passing,
    /// Over the limit; broken into lines.
    Breaking,
}

struct Around {
    boundary: Vec<u8>,
    digest: bool,
    frozen: bool,
}

/// Encodes what has lines over a limit, in a message that arrives in pieces.
pub(super) struct LongLines<O> {
    limit: usize,
    state: State,
    around: Vec<Around>,
    line: Vec<u8>,
    mode: Line,
    parts: u32,
    impossible: Option<&'static str>,
    out: O,
}

impl<O> std::fmt::Debug for LongLines<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LongLines").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<O: Out> LongLines<O> {
    pub(super) fn new(limit: u32, out: O) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            state: header(true, false),
            around: Vec::new(),
            line: Vec::new(),
            mode: Line::Short,
            parts: 0,
            impossible: None,
            out,
        }
    }

    pub(super) fn out(&mut self) -> &mut O {
        &mut self.out
    }

    /// Ends the message: what was written, and why a line stays too long, if one does.
    pub(super) fn finish(mut self) -> (O, Option<&'static str>) {
        self.end_line();
        match std::mem::replace(&mut self.state, State::Opaque("")) {
            State::Header { octets, .. } => self.out.both(&octets),
            leaf @ State::Leaf { .. } => self.end_leaf(leaf, true),
            State::Opaque(_) => {}
        }
        (self.out, self.impossible)
    }

    pub(super) fn feed(&mut self, octets: &[u8]) {
        for piece in octets.split_inclusive(|&octet| octet == b'\n') {
            self.line.extend_from_slice(piece);
            if self.mode == Line::Short && content(&self.line).len() > self.limit {
                self.grows_long();
            }
            if self.mode == Line::Breaking {
                self.break_line(piece.ends_with(b"\n"));
            }
            if self.mode == Line::Passing {
                // A CR at the end may be half of a line end.
                let half = self.line.ends_with(b"\r").then_some(b'\r');
                let mut line = std::mem::replace(&mut self.line, half.into_iter().collect());
                line.truncate(line.len() - self.line.len());
                self.pass(&line);
            }
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        match self.mode {
            // All of it was dealt with.
            _ if self.line.is_empty() => {}
            Line::Short => {
                let line = std::mem::take(&mut self.line);
                self.short_line(&line);
            }
            Line::Breaking => self.break_line(true),
            Line::Passing => {
                let line = std::mem::take(&mut self.line);
                self.pass(&line);
            }
        }
        self.line.clear();
        self.mode = Line::Short;
    }

    fn cannot(&mut self, why: &'static str) {
        self.impossible.get_or_insert(why);
        self.mode = Line::Passing;
    }

    /// A line is longer than the limit: decides what becomes of it.
    fn grows_long(&mut self) {
        match &mut self.state {
            State::Opaque(why) => {
                let why = *why;
                self.cannot(why);
            }
            State::Leaf { kind: Encoding::Identity, affected, .. } => {
                *affected = true;
                self.mode = Line::Passing;
            }
            State::Leaf { .. } => self.mode = Line::Breaking,
            State::Header { .. } => self.fold(),
        }
        if self.mode != Line::Short
            && let State::Leaf { .. } = self.state
        {
            self.release();
        }
    }

    /// Folds a header line at the last blank that the limit allows, RFC 5322 section 2.2.3, as
    /// often as it takes.
    fn fold(&mut self) {
        let frozen = self.around.iter().any(|around| around.frozen);
        while content(&self.line).len() > self.limit {
            let State::Header { octets, valid, .. } = &mut self.state else { return };
            let text = content(&self.line);
            let continues = matches!(text.first(), Some(b' ' | b'\t'));
            let foldable =
                !frozen && if continues { *valid } else { mime_header::starts_field(text) };
            let first = text.iter().position(|o| !matches!(o, b' ' | b'\t')).unwrap_or(text.len());
            // The octet behind the blank lies within what is surely read by now, so that pieces
            // do not matter.
            let at = (first + 1..self.limit).rev().find(|&at| {
                let blank = |at: usize| matches!(text.get(at), Some(b' ' | b'\t'));
                blank(at) && !blank(at + 1)
            });
            match at.filter(|_| foldable) {
                Some(at) => {
                    *valid = true;
                    let rest = self.line.split_off(at);
                    octets.append(&mut self.line);
                    octets.extend_from_slice(b"\r\n");
                    self.line = rest;
                }
                None => return self.cannot("a header line has no place where it may be folded"),
            }
        }
        self.bound_header();
    }

    /// Breaks a long line of base64 or quoted-printable; decoders leave the breaks out.
    fn break_line(&mut self, whole: bool) {
        let soft = matches!(self.state, State::Leaf { kind: Encoding::QuotedPrintable, .. });
        let room = if soft { LINE - 1 } else { LINE };
        loop {
            let text = content(&self.line);
            // Three more octets, so that an escape is never cut and no `-` starts a line.
            if text.len() <= room + 3 {
                break;
            }
            let fits = |&at: &usize| {
                let octet = |at: usize| text.get(at).copied().unwrap_or_default();
                let in_escape = soft && (octet(at - 1) == b'=' || octet(at - 2) == b'=');
                octet(at) != b'-' && !in_escape && !matches!(octet(at), b'\r')
            };
            let Some(at) = (3..=room).rev().find(fits) else {
                return self.cannot("a line of an encoded part cannot be broken");
            };
            let rest = self.line.split_off(at);
            let mut line = std::mem::replace(&mut self.line, rest);
            line.extend_from_slice(if soft { b"=\r\n" } else { b"\r\n" });
            self.out.both(&line);
        }
        if whole {
            let line = std::mem::take(&mut self.line);
            let text = content(&line).len();
            if let (Some(text), Some(end)) = (line.get(..text), line.get(text..)) {
                self.out.both(text);
                self.hold(end.to_vec());
            }
        }
    }

    /// Passes on octets of a line that is too long.
    fn pass(&mut self, octets: &[u8]) {
        if octets.is_empty() {
            return;
        }
        match &mut self.state {
            State::Header { octets: header, .. } => {
                header.extend_from_slice(octets);
                self.bound_header();
            }
            State::Leaf { kind: Encoding::Identity, .. } => {
                // The end of the line may belong to the boundary.
                let text = content(octets).len();
                if let (Some(text), Some(end)) = (octets.get(..text), octets.get(text..)) {
                    self.leaf(text);
                    if !end.is_empty() {
                        self.hold(end.to_vec());
                    }
                }
            }
            State::Opaque(_) | State::Leaf { .. } => self.out.both(octets),
        }
    }

    fn hold(&mut self, end: Vec<u8>) {
        self.release();
        if let State::Leaf { held, .. } = &mut self.state {
            *held = end;
        }
    }

    /// The held line end belongs to the leaf after all.
    fn release(&mut self) {
        if let State::Leaf { held, .. } = &mut self.state {
            let held = std::mem::take(held);
            self.leaf(&held);
        }
    }

    fn leaf(&mut self, octets: &[u8]) {
        if let State::Leaf { kind, held, coder, .. } = &mut self.state {
            let held = std::mem::take(held);
            if *kind == Encoding::Identity {
                for octets in [&held[..], octets] {
                    self.out.forked(octets, &coder.feed(octets));
                }
            } else {
                self.out.both(&held);
                self.out.both(octets);
            }
        }
    }

    fn end_leaf(&mut self, leaf: State, at_end: bool) {
        let State::Leaf { kind, held, coder, affected } = leaf else { return };
        if kind != Encoding::Identity {
            return self.out.both(&held);
        }
        if at_end {
            // No boundary follows: the last line end is content.
            let mut coder = coder;
            let mut coded = coder.feed(&held);
            coded.extend(coder.finish());
            coded.extend_from_slice(b"\r\n");
            self.out.forked(&held, &coded);
            self.out.join(affected);
        } else {
            self.out.forked(&[], &coder.finish());
            self.out.join(affected);
            self.out.both(&held);
        }
    }

    fn short_line(&mut self, line: &[u8]) {
        if line.is_empty() {
            return;
        }
        if let Some((index, closes)) = self.delimiter(line) {
            return self.boundary(line, index, closes);
        }
        match &mut self.state {
            State::Opaque(_) => self.out.both(line),
            State::Leaf { .. } => {
                let text = content(line).len();
                if let (Some(text), Some(end)) = (line.get(..text), line.get(text..)) {
                    self.leaf(text);
                    self.hold(end.to_vec());
                }
            }
            State::Header { octets, valid, .. } => {
                if content(line).is_empty() && line.ends_with(b"\n") {
                    return self.end_header(line);
                }
                if !matches!(line.first(), Some(b' ' | b'\t')) {
                    *valid = mime_header::starts_field(line);
                }
                octets.extend_from_slice(line);
                self.bound_header();
            }
        }
    }

    /// Gives up to read a header that is too large.
    fn bound_header(&mut self) {
        if let State::Header { octets, .. } = &mut self.state
            && octets.len() > HEADER
        {
            let octets = std::mem::take(octets);
            self.out.both(&octets);
            self.state = State::Opaque("its header is too large");
        }
    }

    fn end_header(&mut self, empty: &[u8]) {
        let State::Header { top, in_digest, octets, .. } =
            std::mem::replace(&mut self.state, State::Opaque(""))
        else {
            return;
        };
        let frozen = self.around.iter().any(|around| around.frozen);
        self.state = match mime_header::body(&octets, in_digest) {
            _ if frozen => State::Opaque("a signature counts its octets"),
            Body::Multipart { boundary, signed, digest } if self.around.len() < DEPTH => {
                self.around.push(Around { boundary, digest, frozen: signed });
                State::Opaque("the line stands outside of every part")
            }
            Body::Message if self.around.len() < DEPTH => header(false, false),
            Body::Multipart { .. } | Body::Message => {
                State::Opaque("it has too many parts within parts")
            }
            Body::Opaque(why) => State::Opaque(why),
            Body::Leaf(Encoding::Identity) if self.parts >= PARTS => {
                State::Opaque("it has too many parts")
            }
            Body::Leaf(Encoding::Identity) => {
                self.parts += 1;
                self.out.fork();
                let mut coded = mime_header::in_base64(&octets, top);
                coded.extend_from_slice(empty);
                self.out.forked(&[octets.as_slice(), empty].concat(), &coded);
                self.state = leaf(Encoding::Identity);
                return;
            }
            Body::Leaf(kind) => leaf(kind),
        };
        self.out.both(&octets);
        self.out.both(empty);
    }

    /// Returns the place of the multipart that a line delimits, and whether it ends it.
    fn delimiter(&self, line: &[u8]) -> Option<(usize, bool)> {
        let text = content(line).trim_ascii_end().strip_prefix(b"--")?;
        self.around.iter().enumerate().rev().find_map(|(index, around)| {
            match text.strip_prefix(around.boundary.as_slice())? {
                b"" => Some((index, false)),
                b"--" => Some((index, true)),
                _ => None,
            }
        })
    }

    fn boundary(&mut self, line: &[u8], index: usize, closes: bool) {
        match std::mem::replace(&mut self.state, State::Opaque("")) {
            State::Header { octets, .. } => self.out.both(&octets),
            leaf @ State::Leaf { .. } => self.end_leaf(leaf, false),
            State::Opaque(_) => {}
        }
        self.out.both(line);
        self.around.truncate(index + 1);
        let in_digest = self.around.last().is_some_and(|around| around.digest);
        self.state = if closes {
            self.around.truncate(index);
            State::Opaque("the line stands outside of every part")
        } else {
            header(false, in_digest)
        };
    }
}

fn header(top: bool, in_digest: bool) -> State {
    State::Header { top, in_digest, octets: Vec::new(), valid: false }
}

fn leaf(kind: Encoding) -> State {
    State::Leaf { kind, held: Vec::new(), coder: Coder::default(), affected: false }
}

/// A line without its end; a CR that may be half of one is part of the end.
fn content(line: &[u8]) -> &[u8] {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    text.strip_suffix(b"\r").unwrap_or(text)
}

/// Encodes in base64, lines of 76, without an end after the last.
#[derive(Default)]
struct Coder {
    rest: Vec<u8>,
    begun: bool,
}

/// Octets that give one line.
const OCTETS: usize = LINE / 4 * 3;

impl Coder {
    fn feed(&mut self, octets: &[u8]) -> Vec<u8> {
        self.rest.extend_from_slice(octets);
        let mut out = Vec::new();
        while self.rest.len() > OCTETS {
            let rest = self.rest.split_off(OCTETS);
            let line = std::mem::replace(&mut self.rest, rest);
            self.line(&line, &mut out);
        }
        out
    }

    fn finish(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let line = std::mem::take(&mut self.rest);
        if !line.is_empty() {
            self.line(&line, &mut out);
        }
        out
    }

    fn line(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.begun {
            out.extend_from_slice(b"\r\n");
        }
        self.begun = true;
        out.extend_from_slice(STANDARD.encode(octets).as_bytes());
    }
}
