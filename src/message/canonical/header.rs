//! The header of a message or of a part, and what of it counts.

use super::address;
use super::lines::Line;
use super::parameters::Parameters;
use super::record::Record;
use super::transfer::Encoding;
use super::words;
use crate::model::digest::Hasher;
use jiff::fmt::rfc2822::DateTimeParser;

/// Octets of covered fields that are kept; what is beyond is compared as it is written. RFC 5322
/// knows no limit; servers have some at 64 to 256 KiB.
const KEPT: usize = 1024 * 1024;

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    Addresses,
    Text,
    Instant,
    /// Only says how the content is written.
    Mime,
}

/// The fields that count, in lower case, in the order in which they are digested.
const FIELDS: [(&str, Rule); 14] = [
    ("from", Rule::Addresses),
    ("sender", Rule::Addresses),
    ("reply-to", Rule::Addresses),
    ("to", Rule::Addresses),
    ("cc", Rule::Addresses),
    ("bcc", Rule::Addresses),
    ("subject", Rule::Text),
    ("date", Rule::Instant),
    ("in-reply-to", Rule::Text),
    ("references", Rule::Text),
    ("content-type", Rule::Mime),
    ("content-transfer-encoding", Rule::Mime),
    ("content-disposition", Rule::Mime),
    ("content-id", Rule::Mime),
];

/// Collects a header.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Index into [`FIELDS`], and the value as written.
    fields: Vec<(usize, Vec<u8>)>,
    /// The field that the line before belongs to is one that counts.
    counts: bool,
    started: bool,
    kept: usize,
    beyond: Option<Hasher>,
}

/// What a line is to a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// A part of it.
    Yes,
    /// The empty line that ends it.
    End,
    /// No header line at all: the content begins here.
    No,
}

impl Header {
    pub(super) fn line(&mut self, line: &Line<'_>) -> Taken {
        if line.is_empty() {
            return Taken::End;
        }
        if line.goes_on {
            self.append(line.text);
            return Taken::Yes;
        }
        let first = !std::mem::replace(&mut self.started, true);
        if line.text.starts_with(b" ") || line.text.starts_with(b"\t") {
            if first {
                return Taken::No;
            }
            self.append(line.text);
            return Taken::Yes;
        }
        if first && (line.text.starts_with(b"From ") || line.text.starts_with(b">From ")) {
            // A line of an mbox file that was stored as a part of the message.
            return Taken::Yes;
        }
        let Some((name, value)) = field(line.text) else { return Taken::No };
        let known =
            FIELDS.iter().position(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        self.counts = known.is_some();
        if let Some(index) = known {
            self.fields.push((index, Vec::new()));
            // A field takes room even when it is empty.
            self.kept += 32;
            self.append(value);
        }
        Taken::Yes
    }

    fn append(&mut self, octets: &[u8]) {
        if !self.counts {
            return;
        }
        self.kept += octets.len();
        if self.kept > KEPT {
            self.beyond.get_or_insert_default().update(octets);
            if let Some((_, value)) = self.fields.last()
                && value.is_empty()
            {
                self.fields.pop();
            }
        } else if let Some((_, value)) = self.fields.last_mut() {
            value.extend_from_slice(octets);
        }
    }

    fn values(&self, name: &str) -> impl Iterator<Item = String> {
        let index = FIELDS.iter().position(|(known, _)| *known == name);
        self.fields
            .iter()
            .filter(move |(known, _)| Some(*known) == index)
            .map(|(_, value)| words::raw(value))
    }

    /// The first Content-Type; text when there is none, RFC 2045 section 5.2.
    pub(super) fn content_type(&self, default: &str) -> Parameters {
        Parameters::parse(&self.values("content-type").next().unwrap_or_else(|| default.to_owned()))
    }

    pub(super) fn disposition(&self) -> Parameters {
        Parameters::parse(&self.values("content-disposition").next().unwrap_or_default())
    }

    pub(super) fn content_id(&self) -> String {
        words::even(&self.values("content-id").next().unwrap_or_default())
    }

    pub(super) fn encoding(&self) -> Encoding {
        Encoding::of(&self.values("content-transfer-encoding").next().unwrap_or_default())
    }

    /// Digests the fields of a message; those of a mere part say nothing to people.
    pub(super) fn record(&mut self, record: &mut Record) {
        for (name, rule) in FIELDS {
            for value in self.values(name) {
                match rule {
                    Rule::Mime => {}
                    Rule::Addresses => {
                        for mailbox in address::list(&value) {
                            record.put(name, mailbox.name.as_bytes());
                            record.put("address", mailbox.address.as_bytes());
                        }
                    }
                    Rule::Text => put_text(name, &words::text(&value), record),
                    Rule::Instant => {
                        let text = words::even(&value);
                        match DateTimeParser::new().parse_timestamp(&text) {
                            Ok(at) => record.put("instant", at.to_string().as_bytes()),
                            // Compared as it is written: what is no date has no instant.
                            Err(_) => put_text(name, &text, record),
                        }
                    }
                }
            }
        }
        if let Some(beyond) = self.beyond.take() {
            record.put_digest("fields beyond", &beyond.finish());
        }
    }
}

/// An empty field says as much as none.
fn put_text(name: &str, text: &str, record: &mut Record) {
    if !text.is_empty() {
        record.put(name, text.as_bytes());
    }
}

/// Cuts a header line at its colon, RFC 5322 section 2.2.
fn field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|&octet| octet == b':')?;
    let (name, value) = line.split_at(colon);
    let name = name.trim_ascii_end();
    let fits = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    fits.then(|| (name, value.get(1..).unwrap_or_default()))
}
