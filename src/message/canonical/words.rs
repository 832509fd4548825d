//! Text of header fields: unfolded, encoded words decoded, white space evened.

use super::text::decode;
use super::transfer::unescape;
use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Encoded words that are split leave their padding out now and then.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads octets of a header as text: as UTF-8, RFC 6532, or else octet for octet with a mark, so
/// that what is not UTF-8 is never equal to what is.
pub(super) fn raw(octets: &[u8]) -> String {
    match std::str::from_utf8(octets) {
        Ok(text) => text.to_owned(),
        Err(_) => std::iter::once('\u{fffd}')
            .chain(octets.iter().map(|&octet| char::from(octet)))
            .collect(),
    }
}

/// Decodes encoded words, RFC 2047, and makes every run of white space one blank.
pub(super) fn text(value: &str) -> String {
    even(&decoded(value))
}

/// Makes every run of white space one blank, and none at the ends.
pub(super) fn even(text: &str) -> String {
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// An encoded word: charset and octets.
struct Word<'a> {
    charset: &'a str,
    octets: Vec<u8>,
    written: &'a str,
}

fn decoded(value: &str) -> String {
    let mut out = String::new();
    // Encoded words that follow each other with nothing but white space between them.
    let mut run: Vec<Word<'_>> = Vec::new();
    let mut rest = value;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((word, after)) = word(from) else {
            flush(&mut run, &mut out);
            out.push_str(before);
            out.push_str("=?");
            rest = &from[2..];
            continue;
        };
        if run.is_empty() || !before.trim_ascii().is_empty() {
            flush(&mut run, &mut out);
            out.push_str(before);
        }
        run.push(word);
        rest = after;
    }
    flush(&mut run, &mut out);
    out.push_str(rest);
    out
}

/// Decodes words of one charset together: a character may be cut in two by a careless writer.
fn flush(run: &mut Vec<Word<'_>>, out: &mut String) {
    let words = std::mem::take(run);
    for same in words.chunk_by(|a, b| a.charset.eq_ignore_ascii_case(b.charset)) {
        let octets: Vec<u8> = same.iter().flat_map(|word| word.octets.iter().copied()).collect();
        let charset = same.first().map_or("", |word| word.charset);
        match decode(charset, &octets) {
            Some(text) => out.push_str(&text),
            None => same.iter().for_each(|word| out.push_str(word.written)),
        }
    }
}

/// Reads one encoded word from the start of a text, and what follows it.
fn word(text: &str) -> Option<(Word<'_>, &str)> {
    let (charset, rest) = text.strip_prefix("=?")?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    let (content, after) = rest.split_once("?=")?;
    // A language may follow the charset, RFC 2231 section 5.
    let charset = charset.split('*').next().unwrap_or_default();
    if charset.is_empty() || charset.contains(char::is_whitespace) || content.contains('?') {
        return None;
    }
    let octets = match encoding {
        "B" | "b" => BASE64.decode(content.trim_ascii()).ok()?,
        "Q" | "q" => q(content.as_bytes()),
        _ => return None,
    };
    let written = &text[..text.len() - after.len()];
    Some((Word { charset, octets, written }, after))
}

fn q(content: &[u8]) -> Vec<u8> {
    // Before the escapes: `=5F` is an underscore.
    let blanks: Vec<u8> =
        content.iter().map(|&octet| if octet == b'_' { b' ' } else { octet }).collect();
    let mut out = Vec::with_capacity(blanks.len());
    unescape(b'=', &blanks, &mut out);
    out
}
