//! Named changes to a message, each recorded wherever it is applied.

use super::eight_bit_header::EightBitHeader;
use super::long_lines::{LongLines, Out};
use super::rules::Refusal;
use super::scan::Traits;
use crate::model::digest::{Digest, Hasher};
use bytes::{Bytes, BytesMut};

/// A change that makes a message fit for a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transform {
    /// `nul-octets`: NUL becomes 0x80, as Dovecot stores it; RFC 3501 forbids NUL in a literal.
    NulOctets,
    /// The same in the header alone, where a literal8 carries the body.
    HeaderNulOctets,
    /// `line-ends`: every LF without a CR before it, and a CR at the very end, become CRLF. IMAP
    /// servers complete the one and drop the other when they store, and then the stored octets
    /// differ from the sent ones: after a crash nobody would recognise them.
    LineEnds,
    /// `line-ends` as well: CR CR LF becomes CR LF, and so do more CRs before an LF. Dovecot 2.3.19
    /// drops one of them when it stores, and Cyrus keeps them all.
    DoubledLineEnds,
    /// `8bit-headers`: raw 8-bit fields of the message's own header become encoded-words,
    /// RFC 2047, or extended parameters, RFC 2231. Cyrus would store `X` in their place.
    EightBitHeaders,
    /// `long-lines`: parts with lines of more than so many octets are encoded in base64, long
    /// header lines are folded where they have blanks.
    LongLines(u32),
}

impl Transform {
    /// Names in the migration plan, in the order in which they are applied.
    pub const NAMES: [&str; 4] = ["nul-octets", "line-ends", "8bit-headers", "long-lines"];

    /// Returns the name in the migration plan and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NulOctets | Self::HeaderNulOctets => "nul-octets",
            Self::LineEnds | Self::DoubledLineEnds => "line-ends",
            Self::EightBitHeaders => "8bit-headers",
            Self::LongLines(_) => "long-lines",
        }
    }

    /// Returns what is recorded for a message, from which [`by_names`] finds it again.
    pub fn label(self) -> String {
        match self {
            Self::HeaderNulOctets => "nul-octets header".to_owned(),
            Self::DoubledLineEnds => "line-ends doubled".to_owned(),
            Self::LongLines(limit) => format!("long-lines {limit}"),
            _ => self.name().to_owned(),
        }
    }

    /// Returns what it mends, for a sentence.
    pub const fn mends(self) -> &'static str {
        match self {
            Self::LineEnds => "line ends of half a CRLF",
            Self::DoubledLineEnds => "line ends with more than one CR",
            Self::NulOctets => "NUL octets",
            Self::HeaderNulOctets => "NUL octets in its header",
            Self::EightBitHeaders => "raw 8-bit octets in its header",
            Self::LongLines(_) => "lines that are too long",
        }
    }

    /// Tells whether a message needs it.
    pub fn is_needed(self, traits: &Traits) -> bool {
        match self {
            Self::LineEnds => traits.bare_lf > 0 || traits.ends_in_cr,
            Self::DoubledLineEnds => traits.doubled_cr > 0,
            Self::NulOctets => traits.nul > 0,
            Self::HeaderNulOctets => traits.header_nul > 0,
            // A NUL in the header becomes 0x80 before.
            Self::EightBitHeaders => traits.eight_bit_header > 0 || traits.header_nul > 0,
            Self::LongLines(limit) => traits.longest_line > u64::from(limit),
        }
    }
}

/// Which leaves of a message are encoded anew, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe(Vec<u32>);

/// What came of a message without its octets being kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rehearsed {
    /// SHA-256 of the changed message.
    pub digest: Digest,
    /// Its octets.
    pub size: u64,
    /// What [`Transformer`] needs to do the same.
    pub recipe: Recipe,
    /// Why the changes do not make the message fit, when they do not.
    pub impossible: Option<Refusal>,
}

/// The changes that need nothing but what came before.
#[derive(Clone, Debug)]
struct Octets {
    nul: bool,
    header_nul: bool,
    line_ends: bool,
    doubled: bool,
    /// CRs that are not written yet: an LF may follow.
    held: usize,
    after_cr: bool,
    in_header: bool,
    blank: bool,
    header: Option<EightBitHeader>,
}

impl Octets {
    fn new(transforms: &[Transform]) -> Self {
        let has = |transform| transforms.contains(&transform);
        Self {
            nul: has(Transform::NulOctets),
            header_nul: has(Transform::HeaderNulOctets),
            line_ends: has(Transform::LineEnds),
            doubled: has(Transform::DoubledLineEnds),
            held: 0,
            after_cr: false,
            in_header: true,
            blank: true,
            header: has(Transform::EightBitHeaders).then(EightBitHeader::default),
        }
    }

    fn is_nothing(&self) -> bool {
        !self.nul && !self.header_nul && !self.line_ends && !self.doubled && self.header.is_none()
    }

    fn feed(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len() + octets.len() / 16);
        for &octet in octets {
            if self.doubled && octet == b'\r' {
                self.held += 1;
                continue;
            }
            if self.held > 0 {
                let kept = if octet == b'\n' { 1 } else { self.held };
                out.resize(out.len() + kept, b'\r');
                (self.held, self.after_cr) = (0, true);
            }
            if self.line_ends && octet == b'\n' && !self.after_cr {
                out.push(b'\r');
            }
            let nul = self.nul || (self.header_nul && self.in_header);
            out.push(if nul && octet == 0 { 0x80 } else { octet });
            self.after_cr = octet == b'\r';
            match octet {
                b'\n' => {
                    self.in_header &= !self.blank;
                    self.blank = true;
                }
                b'\r' => {}
                _ => self.blank = false,
            }
        }
        self.through_header(out)
    }

    fn through_header(&mut self, octets: Vec<u8>) -> Vec<u8> {
        let Some(header) = &mut self.header else { return octets };
        let mut out = Vec::with_capacity(octets.len());
        header.feed(&octets, &mut out);
        out
    }

    /// Ends the message: what comes last, and whether the header could be encoded.
    fn finish(&mut self) -> (Vec<u8>, bool) {
        let half = (self.after_cr || self.held > 0) && self.line_ends;
        let kept = if half { self.held.min(1) } else { self.held };
        (self.held, self.after_cr) = (0, false);
        let mut last = vec![b'\r'; kept];
        if half {
            last.push(b'\n');
        }
        let mut out = self.through_header(last);
        let fits = self.header.as_mut().is_none_or(|header| header.finish(&mut out));
        (out, fits)
    }
}

fn long_lines(transforms: &[Transform]) -> Option<u32> {
    transforms.iter().find_map(|transform| match transform {
        Transform::LongLines(limit) => Some(*limit),
        _ => None,
    })
}

/// Digests a changed message that arrives in pieces, in one pass and little memory.
#[derive(Debug)]
pub struct Rehearsal {
    octets: Octets,
    lines: Result<Box<LongLines<Counted>>, Counted>,
}

impl Rehearsal {
    /// Starts at the first octet of a message. A transform that the message does not need leaves
    /// it as it is.
    pub fn new(transforms: &[Transform]) -> Self {
        let counted = Counted::default();
        let lines = match long_lines(transforms) {
            Some(limit) => Ok(Box::new(LongLines::new(limit, counted))),
            None => Err(counted),
        };
        Self { octets: Octets::new(transforms), lines }
    }

    /// Takes the next piece.
    pub fn feed(&mut self, octets: &[u8]) {
        if self.octets.is_nothing() {
            self.pass(octets);
        } else {
            let octets = self.octets.feed(octets);
            self.pass(&octets);
        }
    }

    fn pass(&mut self, octets: &[u8]) {
        match &mut self.lines {
            Ok(lines) => lines.feed(octets),
            Err(counted) => counted.both(octets),
        }
    }

    /// Ends the message.
    pub fn finish(mut self) -> Rehearsed {
        let (end, header_fits) = self.octets.finish();
        self.pass(&end);
        let (counted, why) = match self.lines {
            Ok(lines) => lines.finish(),
            Err(counted) => (counted, None),
        };
        let header = (!header_fits).then_some((
            "8bit-headers",
            "a field of its header has 8-bit octets that no encoding can say",
        ));
        let why = why.map(|why| ("long-lines", why));
        Rehearsed {
            digest: counted.main.0.finish(),
            size: counted.main.1,
            recipe: Recipe(counted.coded),
            impossible: header.or(why).map(|(name, why)| Refusal::Impossible(name, why)),
        }
    }
}

/// Counts and digests both forms of a leaf until one of them counts.
#[derive(Debug, Default)]
struct Counted {
    main: (Hasher, u64),
    other: Option<(Hasher, u64)>,
    leaf: u32,
    coded: Vec<u32>,
}

fn count(sum: &mut (Hasher, u64), octets: &[u8]) {
    sum.0.update(octets);
    sum.1 += octets.len() as u64;
}

impl Out for Counted {
    fn both(&mut self, octets: &[u8]) {
        count(&mut self.main, octets);
    }

    fn fork(&mut self) {
        self.other = Some(self.main.clone());
    }

    fn forked(&mut self, plain: &[u8], coded: &[u8]) {
        count(&mut self.main, plain);
        if let Some(other) = &mut self.other {
            count(other, coded);
        }
    }

    fn join(&mut self, coded: bool) {
        if let Some(other) = self.other.take().filter(|_| coded) {
            self.main = other;
            self.coded.push(self.leaf);
        }
        self.leaf += 1;
    }
}

/// Writes a changed message.
#[derive(Debug, Default)]
struct Written {
    octets: BytesMut,
    recipe: Recipe,
    leaf: u32,
}

impl Out for Written {
    fn both(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    fn fork(&mut self) {}

    fn forked(&mut self, plain: &[u8], coded: &[u8]) {
        let is_coded = self.recipe.0.binary_search(&self.leaf).is_ok();
        self.octets.extend_from_slice(if is_coded { coded } else { plain });
    }

    fn join(&mut self, _coded: bool) {
        self.leaf += 1;
    }
}

/// Applies transforms to a message that arrives in pieces.
#[derive(Debug)]
pub struct Transformer {
    octets: Octets,
    lines: Option<Box<LongLines<Written>>>,
}

impl Transformer {
    /// Starts at the first octet of a message that was rehearsed with the same transforms.
    pub fn new(transforms: &[Transform], recipe: &Recipe) -> Self {
        let written = || Written { recipe: recipe.clone(), ..Written::default() };
        let lines = long_lines(transforms).map(|limit| Box::new(LongLines::new(limit, written())));
        Self { octets: Octets::new(transforms), lines }
    }

    /// Changes the next piece; may give less than came in, and more later.
    pub fn feed(&mut self, octets: &Bytes) -> Bytes {
        let octets =
            if self.octets.is_nothing() { octets.clone() } else { self.octets.feed(octets).into() };
        let Some(lines) = &mut self.lines else { return octets };
        lines.feed(&octets);
        lines.out().octets.split().freeze()
    }

    /// Returns what comes after the last piece.
    pub fn finish(mut self) -> Bytes {
        let end = self.octets.finish().0;
        let Some(mut lines) = self.lines else { return end.into() };
        lines.feed(&end);
        lines.finish().0.octets.freeze()
    }

    /// Changes a whole message; says why when that does not make it fit.
    pub fn whole(transforms: &[Transform], octets: &Bytes) -> Result<Bytes, Refusal> {
        if transforms.is_empty() {
            return Ok(octets.clone());
        }
        let mut rehearsal = Rehearsal::new(transforms);
        rehearsal.feed(octets);
        let rehearsed = rehearsal.finish();
        if let Some(refusal) = rehearsed.impossible {
            return Err(refusal);
        }
        let mut transformer = Self::new(transforms, &rehearsed.recipe);
        let changed = transformer.feed(octets);
        let end = transformer.finish();
        if end.is_empty() {
            return Ok(changed);
        }
        let mut all = BytesMut::from(&changed[..]);
        all.extend_from_slice(&end);
        Ok(all.freeze())
    }
}

/// Finds transforms by their recorded labels; a label of another version gives `None`.
pub fn by_names(labels: &[String]) -> Option<Vec<Transform>> {
    labels.iter().map(|label| by_name(label)).collect()
}

fn by_name(label: &str) -> Option<Transform> {
    let (name, rest) = label.split_once(' ').unwrap_or((label, ""));
    match (name, rest) {
        ("nul-octets", "") => Some(Transform::NulOctets),
        ("nul-octets", "header") => Some(Transform::HeaderNulOctets),
        ("line-ends", "") => Some(Transform::LineEnds),
        ("line-ends", "doubled") => Some(Transform::DoubledLineEnds),
        ("8bit-headers", "") => Some(Transform::EightBitHeaders),
        ("long-lines", limit) => limit.parse().ok().map(Transform::LongLines),
        _ => None,
    }
}

#[cfg(test)]
#[path = "transform_tests.rs"]
mod tests;
