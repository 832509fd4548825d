//! Letters as people have them, made from chance alone.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fastrand::Rng;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fmt::Write as _;

/// What a letter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Text and nothing else.
    Plain,
    /// The same as text and as HTML.
    Alternative,
    /// Text with a picture in it.
    Inline,
    /// Text with a file.
    Attachment,
    /// Text that is signed, which nobody may change.
    Signed,
    /// An invitation.
    Invitation,
    /// HTML whose lines are longer than Exchange takes.
    LongLines,
    /// A subject in raw octets beyond ASCII.
    RawSubject,
    /// A Date that is none.
    OddDate,
    /// More than Microsoft's default of 35 MB.
    Oversized,
}

/// How often each shape comes in a thousand. That most mail is text, some of it with files, is
/// common; the figures are a choice.
const SHAPES: [(Shape, u32); 9] = [
    (Shape::Plain, 440),
    (Shape::Alternative, 300),
    (Shape::Attachment, 150),
    (Shape::Inline, 40),
    (Shape::Invitation, 20),
    (Shape::Signed, 15),
    (Shape::LongLines, 15),
    (Shape::RawSubject, 10),
    (Shape::OddDate, 10),
];

const PEOPLE: [&str; 10] = [
    "Ada Byron",
    "Bob Martin",
    "Chloé Dubois",
    "Dmitri Orlov",
    "Eva Müller",
    "Farid Haddad",
    "Grace Lee",
    "Hiro Tanaka",
    "Inés García",
    "Jörg Weiß",
];

const WORDS: [&str; 40] = [
    "budget", "meeting", "Tuesday", "contract", "the", "and", "invoice", "for", "with", "please",
    "draft", "review", "we", "it", "delivery", "customer", "office", "before", "after", "quarter",
    "größer", "réunion", "offer", "to", "of", "a", "is", "on", "numbers", "plan", "server",
    "travel", "thanks", "team", "can", "you", "send", "list", "new", "old",
];

/// Draws a shape.
pub(crate) fn shape(rng: &mut Rng) -> Shape {
    let mut at = rng.u32(0..SHAPES.iter().map(|(_, share)| share).sum());
    for (shape, share) in SHAPES {
        if at < share {
            return shape;
        }
        at -= share;
    }
    Shape::Plain
}

/// Writes a letter to somebody; `number` makes it another one than every other.
pub(crate) fn letter(rng: &mut Rng, shape: Shape, to: &str, date: Timestamp, number: u64) -> Bytes {
    let mut text = String::new();
    header(rng, &mut text, shape, to, date, number);
    let mut octets = Vec::new();
    if shape == Shape::RawSubject {
        octets.extend_from_slice(b"Subject: Caf\xe9 und Stra\xdfe ");
        octets.extend_from_slice(number.to_string().as_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    body(rng, &mut text, shape, number);
    octets.extend_from_slice(text.as_bytes());
    octets.into()
}

/// Writes a letter of about this many octets: text, and above some size a file with it.
pub(crate) fn sized(rng: &mut Rng, to: &str, date: Timestamp, number: u64, size: usize) -> Bytes {
    let mut text = String::new();
    header(rng, &mut text, Shape::Plain, to, date, number);
    if size < ATTACHED {
        text.push_str("Content-Type: text/plain; charset=utf-8\r\n");
        text.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
        while text.len() < size {
            prose(rng, &mut text, 1);
        }
        return text.into_bytes().into();
    }
    let boundary = format!("=_part_{number}");
    multipart(&mut text, "mixed", &boundary);
    part(&mut text, &boundary, "text/plain; charset=utf-8", "8bit");
    prose(rng, &mut text, 10);
    let name = format!("Content-Disposition: attachment; filename=\"report-{number}.pdf\"");
    part(&mut text, &boundary, "application/pdf", &format!("base64\r\n{name}"));
    // 57 octets become a line of 78.
    let left = size.saturating_sub(text.len()) / 78 * 57;
    file(rng, &mut text, left);
    end(&mut text, &boundary);
    text.into_bytes().into()
}

/// Larger letters have a file. A choice.
const ATTACHED: usize = 30_000;

fn header(rng: &mut Rng, text: &mut String, shape: Shape, to: &str, date: Timestamp, number: u64) {
    let from = pick(rng, &PEOPLE);
    let from = format!("{} <{}@partner.example>", encoded(from), number % 97);
    let zoned = date.to_zoned(TimeZone::UTC);
    let _ = write!(text, "From: {from}\r\nTo: {to}\r\n");
    match shape {
        Shape::OddDate => text.push_str("Date: yesterday, about noon\r\n"),
        _ => {
            let _ = write!(text, "Date: {}\r\n", zoned.strftime("%a, %d %b %Y %H:%M:%S +0000"));
        }
    }
    if shape != Shape::RawSubject {
        let subject = sentence(rng, 4);
        let _ = write!(text, "Subject: {} {number}\r\n", encoded(&subject));
    }
    // Some programs give none.
    if rng.u8(0..40) != 0 {
        let _ = write!(text, "Message-ID: <{number:08x}.{:08x}@partner.example>\r\n", rng.u32(..));
    }
    text.push_str("MIME-Version: 1.0\r\n");
}

fn body(rng: &mut Rng, text: &mut String, shape: Shape, number: u64) {
    let boundary = format!("=_part_{number}_{:08x}", rng.u32(..));
    let lines = rng.usize(3..40);
    match shape {
        Shape::Plain | Shape::RawSubject | Shape::OddDate => {
            text.push_str("Content-Type: text/plain; charset=utf-8\r\n");
            text.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n");
            prose(rng, text, lines);
        }
        Shape::Alternative => {
            multipart(text, "alternative", &boundary);
            part(text, &boundary, "text/plain; charset=utf-8", "8bit");
            prose(rng, text, lines);
            part(text, &boundary, "text/html; charset=utf-8", "8bit");
            text.push_str("<html><body>\r\n");
            prose(rng, text, lines);
            text.push_str("</body></html>\r\n");
            end(text, &boundary);
        }
        Shape::Inline => {
            multipart(text, "related", &boundary);
            part(text, &boundary, "text/html; charset=utf-8", "8bit");
            text.push_str("<html><body><img src=\"cid:picture\"></body></html>\r\n");
            part(text, &boundary, "image/png", "base64\r\nContent-ID: <picture>");
            let size = rng.usize(2_000..20_000);
            file(rng, text, size);
            end(text, &boundary);
        }
        Shape::Attachment | Shape::Oversized => {
            multipart(text, "mixed", &boundary);
            part(text, &boundary, "text/plain; charset=utf-8", "8bit");
            prose(rng, text, lines);
            let name = format!("Content-Disposition: attachment; filename=\"report-{number}.pdf\"");
            part(text, &boundary, "application/pdf", &format!("base64\r\n{name}"));
            let size = match shape {
                // 27 MiB in base64 are 37 MiB.
                Shape::Oversized => 27 << 20,
                _ if rng.u8(0..20) == 0 => rng.usize(200_000..900_000),
                _ => rng.usize(2_000..60_000),
            };
            file(rng, text, size);
            end(text, &boundary);
        }
        Shape::Signed => {
            multipart(
                text,
                "signed; protocol=\"application/pkcs7-signature\"; micalg=sha-256",
                &boundary,
            );
            part(text, &boundary, "text/plain; charset=us-ascii", "7bit");
            text.push_str("What is signed here must arrive as it is.\r\n");
            part(text, &boundary, "application/pkcs7-signature", "base64");
            file(rng, text, 1_800);
            end(text, &boundary);
        }
        Shape::Invitation => {
            text.push_str("Content-Type: text/calendar; charset=utf-8; method=REQUEST\r\n\r\n");
            let _ = write!(
                text,
                "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{number}@partner.example\r\nSUMMARY:{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
                sentence(rng, 3)
            );
        }
        Shape::LongLines => {
            text.push_str("Content-Type: text/html; charset=utf-8\r\n");
            text.push_str("Content-Transfer-Encoding: 8bit\r\n\r\n<html><body>");
            while text.len() < 14_000 {
                text.push_str(&sentence(rng, 12));
                text.push_str("<br>");
            }
            text.push_str("</body></html>\r\n");
        }
    }
}

fn multipart(text: &mut String, kind: &str, boundary: &str) {
    let _ = write!(text, "Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n");
}

fn part(text: &mut String, boundary: &str, kind: &str, encoding: &str) {
    let _ = write!(
        text,
        "--{boundary}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    );
}

fn end(text: &mut String, boundary: &str) {
    let _ = write!(text, "--{boundary}--\r\n");
}

fn prose(rng: &mut Rng, text: &mut String, lines: usize) {
    for _ in 0..lines {
        let words = rng.usize(1..12);
        text.push_str(&sentence(rng, words));
        text.push_str("\r\n");
    }
}

/// A file of this many octets in base64.
fn file(rng: &mut Rng, text: &mut String, size: usize) {
    // A block that repeats: drawing tens of megabytes would take seconds in a test build.
    let block: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(57 * 64).collect();
    let lines: Vec<String> = block.chunks(57).map(|line| STANDARD.encode(line)).collect();
    let mut left = size;
    for line in lines.iter().cycle() {
        if left == 0 {
            break;
        }
        text.push_str(line);
        text.push_str("\r\n");
        left = left.saturating_sub(57);
    }
}

fn sentence(rng: &mut Rng, words: usize) -> String {
    let words: Vec<&str> = (0..words).map(|_| pick(rng, &WORDS)).collect();
    words.join(" ")
}

fn pick<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from.get(rng.usize(0..from.len().max(1))).copied().unwrap_or_default()
}

/// A text of a header, RFC 2047.
fn encoded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    format!("=?utf-8?B?{}?=", STANDARD.encode(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_chance_writes_the_same_letter_and_every_line_ends_well() {
        let date: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        for (shape, _) in SHAPES {
            let write =
                |number| letter(&mut Rng::with_seed(7), shape, "ada@acme.example", date, number);
            let octets = write(3);
            assert_eq!(octets, write(3));
            assert_ne!(octets, write(4));
            let text = String::from_utf8_lossy(&octets).replace("\r\n", "");
            assert!(!text.contains(['\r', '\n']), "{shape:?}");
            assert!(octets.windows(4).any(|four| four == b"\r\n\r\n"), "{shape:?}");
        }
    }

    #[test]
    fn only_what_is_oversized_is_above_microsofts_limit() {
        let date: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let size = |shape| letter(&mut Rng::with_seed(1), shape, "a@acme.example", date, 1).len();
        assert!(size(Shape::Oversized) > 35 << 20 && size(Shape::Oversized) < 40 << 20);
        assert!(SHAPES.iter().all(|(shape, _)| size(*shape) < 2 << 20));
    }
}
