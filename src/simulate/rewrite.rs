//! The changes that a server makes to a message it stores; each is a habit of its own.

use crate::model::digest::Digest;
use crate::simulate::entity::{Entity, lines};
use crate::simulate::habit::Habit;
use crate::simulate::product::Product;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::fmt::Write as _;

/// What was stored, and the names of the habits that changed it.
pub(crate) struct Rewritten {
    pub(crate) octets: Bytes,
    pub(crate) names: Vec<&'static str>,
}

struct Rewriter<'a> {
    product: &'a Product,
    names: Vec<&'static str>,
    boundary: String,
    boundaries: u32,
}

/// Deeper parts are left as they are; Exchange's own limit of nesting.
const DEPTH: u32 = 30;

/// Returns the Message-ID as it stands in the header.
pub(crate) fn message_id(octets: &[u8]) -> Option<Vec<u8>> {
    Entity::read(octets).value("Message-ID").filter(|value| !value.is_empty())
}

/// Makes of a message what the product would store. `twin` says that its Message-ID is there
/// already.
pub(crate) fn rewrite(product: &Product, given: &Bytes, twin: bool) -> Rewritten {
    let digest = Digest::of(given).short();
    let mut rewriter =
        Rewriter { product, names: Vec::new(), boundary: format!("_000_{digest}"), boundaries: 0 };
    let mut octets = given.to_vec();
    if product.has(Habit::RewriteLineEnds) {
        let whole = crlf(&octets);
        rewriter.note(Habit::RewriteLineEnds, whole != octets);
        octets = whole;
    }
    let mut entity = Entity::read(&octets);
    rewriter.header(&mut entity, twin, &digest);
    rewriter.content(&mut entity, 0);
    if product.has(Habit::AddHeaders) && entity.separated {
        entity.fields.push(b"X-MS-Exchange-Organization-AuthAs: Internal\r\n".to_vec());
        entity.fields.push(
            format!("X-MS-Exchange-Organization-Network-Message-Id: {digest}\r\n").into_bytes(),
        );
        rewriter.note(Habit::AddHeaders, true);
    }
    let octets = if rewriter.names.is_empty() { given.clone() } else { entity.write().into() };
    Rewritten { octets, names: rewriter.names }
}

impl Rewriter<'_> {
    fn note(&mut self, habit: Habit, changed: bool) {
        if changed
            && let Some(fact) = habit.fact()
            && !self.names.contains(&fact.name)
        {
            self.names.push(fact.name);
        }
    }

    fn header(&mut self, entity: &mut Entity, twin: bool, digest: &str) {
        if self.product.has(Habit::RewriteFolding) {
            let mut changed = false;
            for field in &mut entity.fields {
                let folded = refold(field);
                changed |= folded != *field;
                *field = folded;
            }
            self.note(Habit::RewriteFolding, changed);
        }
        if self.product.has(Habit::RewriteDate)
            && let Some(value) = entity.value("Date")
            && let Ok(at) = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(&value)
            && let Ok(text) = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&at)
        {
            // jiff writes `-0000` for a zone that is not known; Exchange's is UTC.
            let text = text.replace("-0000", "+0000");
            let changed = text.as_bytes() != value;
            if changed {
                entity.set("Date", text.as_bytes());
            }
            self.note(Habit::RewriteDate, changed);
        }
        if twin
            && self.product.has(Habit::RewriteMessageId)
            && let Some(value) = entity.value("Message-ID")
        {
            let mut parent = b"X-MS-Exchange-Parent-Message-Id: ".to_vec();
            parent.extend_from_slice(&value);
            parent.extend_from_slice(b"\r\n");
            let new = format!("<{digest}@PROD.OUTLOOK.COM>");
            entity.set("Message-ID", new.as_bytes());
            entity.fields.push(parent);
            self.note(Habit::RewriteMessageId, true);
        }
    }

    fn content(&mut self, entity: &mut Entity, depth: u32) {
        if depth > DEPTH {
            return;
        }
        if let Some(old) = entity.boundary() {
            self.multipart(entity, &old, depth);
            return;
        }
        let encoding = entity
            .value("Content-Transfer-Encoding")
            .map(|value| String::from_utf8_lossy(&value).to_ascii_lowercase())
            .unwrap_or_default();
        let text = entity.value("Content-Type").is_none_or(|value| {
            value.len() >= 5 && value.get(..5).is_some_and(|it| it.eq_ignore_ascii_case(b"text/"))
        });
        let plain = matches!(encoding.as_str(), "" | "7bit" | "8bit" | "binary");
        if text && plain && self.product.has(Habit::RewriteTrailingBlanks) {
            let trimmed = trim_lines(&entity.body);
            self.note(Habit::RewriteTrailingBlanks, trimmed != entity.body);
            entity.body = trimmed;
        }
        if !self.product.has(Habit::RewriteTransferEncoding) || !entity.separated {
            return;
        }
        if text && plain && !entity.body.is_ascii() {
            entity.body = quoted_printable(&entity.body);
            entity.set("Content-Transfer-Encoding", b"quoted-printable");
            self.note(Habit::RewriteTransferEncoding, true);
        } else if encoding == "base64" {
            let packed: Vec<u8> =
                entity.body.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
            if let Ok(decoded) = STANDARD.decode(packed) {
                let wrapped = base64_lines(&decoded);
                self.note(Habit::RewriteTransferEncoding, wrapped != entity.body);
                entity.body = wrapped;
            }
        }
    }

    fn multipart(&mut self, entity: &mut Entity, old: &[u8], depth: u32) {
        let Some(mut parts) = split(&entity.body, old) else { return };
        for part in &mut parts {
            let mut inner = Entity::read(part);
            self.content(&mut inner, depth + 1);
            *part = inner.write();
        }
        let boundary = if self.product.has(Habit::RewriteBoundary) {
            self.boundaries += 1;
            self.note(Habit::RewriteBoundary, true);
            let new = format!("{}{:02}_", self.boundary, self.boundaries).into_bytes();
            entity.replace_boundary(old, &new);
            new
        } else {
            old.to_vec()
        };
        let mut body = Vec::new();
        for part in parts {
            body.extend_from_slice(b"--");
            body.extend_from_slice(&boundary);
            body.extend_from_slice(b"\r\n");
            body.extend_from_slice(&part);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"--");
        body.extend_from_slice(&boundary);
        body.extend_from_slice(b"--\r\n");
        entity.body = body;
    }
}

/// Splits the body of a multipart; `None` when it is not closed, which is left alone.
fn split(body: &[u8], boundary: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut open = false;
    for line in lines(body) {
        let bare = line.trim_ascii_end();
        let rest = bare.strip_prefix(b"--").and_then(|bare| bare.strip_prefix(boundary));
        if let Some(rest) = rest.filter(|rest| rest.is_empty() || rest == b"--") {
            if let (true, Some(part)) = (open, parts.last_mut())
                && part.ends_with(b"\r\n")
            {
                part.truncate(part.len() - 2);
            }
            if rest == b"--" {
                return open.then_some(parts);
            }
            open = true;
            parts.push(Vec::new());
            continue;
        }
        if let (true, Some(part)) = (open, parts.last_mut()) {
            part.extend_from_slice(line);
        }
    }
    None
}

fn crlf(octets: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(octets.len());
    let mut last = 0;
    for &octet in octets {
        if octet == b'\n' && last != b'\r' {
            whole.push(b'\r');
        }
        whole.push(octet);
        last = octet;
    }
    whole
}

fn refold(field: &[u8]) -> Vec<u8> {
    let folded = lines(field).count() > 1;
    if !folded {
        return field.to_vec();
    }
    let mut flat = Vec::new();
    for line in lines(field) {
        let line = line.strip_suffix(b"\r\n").or(line.strip_suffix(b"\n")).unwrap_or(line);
        flat.extend_from_slice(line);
    }
    let mut result = Vec::new();
    let mut width = 0;
    for (place, word) in flat.split(|&octet| octet == b' ').enumerate() {
        if place > 0 {
            // A line of blanks only would end the header.
            if width + word.len() > 76 && width > 0 && !word.trim_ascii().is_empty() {
                result.extend_from_slice(b"\r\n");
                width = 0;
            }
            result.push(b' ');
            width += 1;
        }
        result.extend_from_slice(word);
        width += word.len();
    }
    result.extend_from_slice(b"\r\n");
    result
}

fn trim_lines(body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len());
    for line in lines(body) {
        let (text, end) = match line.strip_suffix(b"\r\n") {
            Some(text) => (text, &b"\r\n"[..]),
            None => (line, &b""[..]),
        };
        let kept = text.iter().rposition(|octet| !b" \t".contains(octet)).map_or(0, |at| at + 1);
        whole.extend_from_slice(text.get(..kept).unwrap_or_default());
        whole.extend_from_slice(end);
    }
    whole
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut text = String::with_capacity(body.len() * 2);
    for line in lines(body) {
        let (octets, end) = match line.strip_suffix(b"\r\n") {
            Some(octets) => (octets, "\r\n"),
            None => (line, ""),
        };
        let mut width = 0;
        for (place, &octet) in octets.iter().enumerate() {
            let last = place + 1 == octets.len();
            let safe = matches!(octet, b'!'..=b'<' | b'>'..=b'~')
                || (matches!(octet, b' ' | b'\t') && !last);
            let add = if safe { 1 } else { 3 };
            if width + add > 75 {
                text.push_str("=\r\n");
                width = 0;
            }
            width += add;
            if safe {
                text.push(char::from(octet));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(text, "={octet:02X}");
            }
        }
        text.push_str(end);
    }
    text.into_bytes()
}

fn base64_lines(octets: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    for line in STANDARD.encode(octets).into_bytes().chunks(76) {
        whole.extend_from_slice(line);
        whole.extend_from_slice(b"\r\n");
    }
    whole
}
