//! What a header says about the body below it, RFC 2045 and RFC 2046.

/// The body below a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// One part, in this encoding.
    Leaf(Encoding),
    /// Parts between lines of this boundary.
    Multipart {
        /// As in the header, without `--`.
        boundary: Vec<u8>,
        /// RFC 1847: a signature counts the octets of the parts.
        signed: bool,
        /// RFC 2046 section 5.1.5: parts that say nothing are messages.
        digest: bool,
    },
    /// A message of its own, RFC 2046 section 5.2.1.
    Message,
    /// Something that nobody may encode.
    Opaque(&'static str),
}

/// How a leaf is encoded, RFC 2045 section 6.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `7bit`, `8bit`, `binary`, or nothing said.
    Identity,
    /// `base64`.
    Base64,
    /// `quoted-printable`.
    QuotedPrintable,
}

/// The longest boundary that is followed; RFC 2046 section 5.1.1 allows 70.
const BOUNDARY: usize = 200;

/// Splits a header into its fields with their folding and line ends.
fn fields(header: &[u8]) -> Vec<&[u8]> {
    let mut fields = Vec::new();
    let (mut start, mut at) = (0, 0);
    for line in header.split_inclusive(|&octet| octet == b'\n') {
        if at > start && !matches!(line.first(), Some(b' ' | b'\t')) {
            fields.extend(header.get(start..at));
            start = at;
        }
        at += line.len();
    }
    fields.extend(header.get(start..at).filter(|field| !field.is_empty()));
    fields
}

/// Returns a field's name in lower case and its unfolded value; `None` for a line without a name.
fn split(field: &[u8]) -> Option<(String, String)> {
    let colon = field.iter().position(|&octet| octet == b':')?;
    let (name, value) = field.split_at_checked(colon)?;
    let name = std::str::from_utf8(name).ok()?;
    let valid = !name.is_empty() && name.bytes().all(|octet| matches!(octet, b'!'..=b'~'));
    let value: Vec<u8> =
        value.iter().skip(1).filter(|o| !matches!(o, b'\r' | b'\n')).copied().collect();
    valid.then(|| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()))
}

/// Reads a header without its empty line. `in_digest` is for the parts of a digest.
pub(super) fn body(header: &[u8], in_digest: bool) -> Body {
    let (mut content, mut encoding) = (None, None);
    for field in fields(header) {
        let Some((name, value)) = split(field) else {
            return Body::Opaque("its header has a line that is no field");
        };
        let place = match name.as_str() {
            "content-type" => &mut content,
            "content-transfer-encoding" => &mut encoding,
            _ => continue,
        };
        if place.replace(value).is_some() {
            return Body::Opaque("its header says twice what the content is");
        }
    }
    let encoding = encoding.map(|text: String| text.trim().to_ascii_lowercase());
    let encoding = match encoding.as_deref() {
        None | Some("" | "7bit" | "8bit" | "binary") => Some(Encoding::Identity),
        Some("base64") => Some(Encoding::Base64),
        Some("quoted-printable") => Some(Encoding::QuotedPrintable),
        Some(_) => None,
    };
    let Some(encoding) = encoding else { return Body::Opaque("its encoding is not known") };
    let content = content.unwrap_or_default();
    let kind = content.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = if kind.is_empty() && in_digest { "message/rfc822" } else { kind.as_str() };
    let Some((kind, subtype)) = kind.split_once('/') else { return Body::Leaf(encoding) };
    match (kind, encoding) {
        ("multipart" | "message", Encoding::Base64 | Encoding::QuotedPrintable) => {
            Body::Opaque("a whole of parts is encoded, which nobody may do")
        }
        ("multipart", _) => match boundary(&content) {
            Some(boundary) => Body::Multipart {
                boundary: boundary.into_bytes(),
                signed: matches!(subtype, "signed" | "encrypted"),
                digest: subtype == "digest",
            },
            None => Body::Opaque("it has parts and no boundary"),
        },
        ("message", _) if matches!(subtype, "rfc822" | "global") => Body::Message,
        ("message", _) => Body::Opaque("it is a kind of message that may not be encoded"),
        _ => Body::Leaf(encoding),
    }
}

/// Returns the parameter `boundary`, RFC 2046 section 5.1.1.
fn boundary(content: &str) -> Option<String> {
    let mut rest = content.split_once(';')?.1;
    loop {
        rest = rest.trim_start();
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, next) = if let Some(quoted) = after.strip_prefix('"') {
            unquoted(quoted)?
        } else {
            let end = after.find([';', ' ', '\t']).unwrap_or(after.len());
            let (value, next) = after.split_at(end);
            (value.to_owned(), next)
        };
        if name.trim().eq_ignore_ascii_case("boundary") {
            let value = value.trim_end().to_owned();
            return (!value.is_empty() && value.len() <= BOUNDARY).then_some(value);
        }
        rest = next.split_once(';')?.1;
    }
}

/// Reads a quoted string behind its first quote; returns it and what follows it.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut escaped = false;
    for (at, c) in quoted.char_indices() {
        match c {
            _ if escaped => {
                value.push(c);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return quoted.get(at + 1..).map(|rest| (value, rest)),
            _ => value.push(c),
        }
    }
    None
}

/// Writes the header of a leaf that is sent in base64. `top` is for the message's own header,
/// which must say that it is MIME.
pub(super) fn in_base64(header: &[u8], top: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(header.len() + 64);
    let mut said = false;
    let mut mime = false;
    for field in fields(header) {
        let name = split(field).map(|(name, _)| name).unwrap_or_default();
        mime |= name == "mime-version";
        if name == "content-transfer-encoding" {
            out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n");
            said = true;
        } else {
            out.extend_from_slice(field);
        }
    }
    if top && !mime {
        out.extend_from_slice(b"MIME-Version: 1.0\r\n");
    }
    if !said {
        out.extend_from_slice(b"Content-Transfer-Encoding: base64\r\n");
    }
    out
}

/// Tells whether a line starts a field, so that what follows its name may be folded.
pub(super) fn starts_field(line: &[u8]) -> bool {
    let name = line.iter().position(|&octet| octet == b':');
    name.and_then(|end| line.get(..end)).is_some_and(|name| {
        !name.is_empty() && name.iter().all(|octet| matches!(octet, b'!'..=b'~'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_is_below_it() {
        let leaf = |encoding| Body::Leaf(encoding);
        assert_eq!(body(b"", false), leaf(Encoding::Identity));
        assert_eq!(body(b"", true), Body::Message);
        assert_eq!(body(b"Content-Transfer-Encoding: BASE64 \r\n", false), leaf(Encoding::Base64));
        let header =
            b"Content-Type: multipart/signed; micalg=\"a;b\";\r\n boundary=\"x \\\"y\"\r\n";
        assert_eq!(
            body(header, false),
            Body::Multipart { boundary: b"x \"y".to_vec(), signed: true, digest: false }
        );
        assert_eq!(
            body(b"content-type: Multipart/Digest;boundary=abc; x=y\r\n", false),
            Body::Multipart { boundary: b"abc".to_vec(), signed: false, digest: true }
        );
        for opaque in [
            &b"Content-Type: multipart/mixed\r\n"[..],
            b"Content-Type: message/partial\r\n",
            b"Content-Transfer-Encoding: x-uuencode\r\n",
            b"Content-Type: a/b\r\nContent-Type: c/d\r\n",
            b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n",
            b"no field\r\n",
        ] {
            assert!(matches!(body(opaque, false), Body::Opaque(_)), "{}", opaque.escape_ascii());
        }
    }

    #[test]
    fn the_header_of_an_encoded_leaf_says_so_once() {
        assert_eq!(
            in_base64(b"Content-Transfer-Encoding:\r\n 8bit\r\nSubject: a\r\n b\r\n", true),
            b"Content-Transfer-Encoding: base64\r\nSubject: a\r\n b\r\nMIME-Version: 1.0\r\n"
        );
        assert_eq!(in_base64(b"", false), b"Content-Transfer-Encoding: base64\r\n");
    }
}
