//! What a message says, read in the simplest way: to compare what a destination serves with what it
//! was given. It shares no code with the program.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Fields that destinations set, move elsewhere or write anew.
const THEIRS: [&str; 6] =
    ["date", "message-id", "content-type", "content-transfer-encoding", "mime-version", "received"];

/// Tells whether two messages have the same fields and the same decoded parts, but for blanks at the
/// ends of lines.
pub(crate) fn says_the_same(one: &[u8], other: &[u8]) -> bool {
    one == other || said(one) == said(other)
}

#[derive(Debug, PartialEq, Eq)]
struct Said {
    fields: Vec<(String, Vec<u8>)>,
    parts: Vec<Vec<u8>>,
}

fn said(octets: &[u8]) -> Said {
    let (fields, _) = split(octets);
    let mut fields: Vec<_> = fields
        .into_iter()
        .filter(|(name, _)| !THEIRS.contains(&name.as_str()) && !name.starts_with("x-ms-"))
        .collect();
    fields.sort();
    let mut parts = Vec::new();
    walk(octets, &mut parts);
    Said { fields, parts }
}

/// Fields by their names in lower case, unfolded, and the body.
fn split(octets: &[u8]) -> (Vec<(String, Vec<u8>)>, &[u8]) {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    let mut rest = octets;
    while !rest.is_empty() {
        let end = rest.iter().position(|octet| *octet == b'\n').map_or(rest.len(), |at| at + 1);
        let (line, behind) = rest.split_at(end);
        rest = behind;
        let text = line.trim_ascii_end();
        if text.is_empty() {
            break;
        }
        if let (true, Some((_, value))) = (text[0].is_ascii_whitespace(), fields.last_mut()) {
            value.push(b' ');
            value.extend_from_slice(text.trim_ascii());
            continue;
        }
        let colon = text.iter().position(|octet| *octet == b':').unwrap_or(text.len());
        let name = String::from_utf8_lossy(&text[..colon]).trim().to_ascii_lowercase();
        let value = text.get(colon + 1..).unwrap_or_default().trim_ascii().to_vec();
        fields.push((name, value));
    }
    (fields, rest)
}

fn walk(octets: &[u8], parts: &mut Vec<Vec<u8>>) {
    let (fields, body) = split(octets);
    let value = |wanted: &str| {
        let field = fields.iter().find(|(name, _)| name == wanted);
        field.map_or(String::new(), |(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let kind = value("content-type");
    if kind.to_ascii_lowercase().starts_with("multipart/")
        && let Some(at) = kind.to_ascii_lowercase().find("boundary=")
    {
        let boundary = kind[at + 9..].split(';').next().unwrap_or_default().trim_matches('"');
        if let Some(inner) = inside(body, boundary) {
            for part in inner {
                walk(&part, parts);
            }
            return;
        }
    }
    let decoded = match value("content-transfer-encoding").to_ascii_lowercase().as_str() {
        "base64" => {
            let packed: Vec<u8> =
                body.iter().copied().filter(|it| !it.is_ascii_whitespace()).collect();
            STANDARD.decode(packed).unwrap_or_else(|_| body.to_vec())
        }
        "quoted-printable" => unquoted(body),
        _ => body.to_vec(),
    };
    let lines = decoded.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end);
    let mut text = lines.collect::<Vec<_>>().join(&b'\n');
    text.truncate(text.trim_ascii_end().len());
    parts.push(text);
}

/// The parts between the lines of a boundary; `None` where they never end.
fn inside(body: &[u8], boundary: &str) -> Option<Vec<Vec<u8>>> {
    let (open, close) = (format!("--{boundary}"), format!("--{boundary}--"));
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for line in body.split_inclusive(|octet| *octet == b'\n') {
        let text = line.trim_ascii_end();
        if text == close.as_bytes() {
            return Some(parts);
        } else if text == open.as_bytes() {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.extend_from_slice(line);
        }
    }
    None
}

fn unquoted(body: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = body;
    while let Some((&octet, behind)) = rest.split_first() {
        rest = behind;
        if octet != b'=' {
            decoded.push(octet);
            continue;
        }
        if let Some(behind) = rest.strip_prefix(b"\r\n") {
            rest = behind;
            continue;
        }
        let code = rest.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) => {
                decoded.push(code);
                rest = &rest[2..];
            }
            None => decoded.push(octet),
        }
    }
    decoded
}

#[test]
fn what_is_encoded_anew_says_the_same_and_what_is_damaged_does_not() {
    let plain = b"Subject: A\r\n b\r\n\r\nGr\xfc\xdfe \r\n";
    let anew = b"X-MS-Exchange: x\r\nsubject: A b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DF=\r\ne\r\n";
    assert!(says_the_same(plain, anew), "{:?} {:?}", said(plain), said(anew));
    assert!(!says_the_same(plain, b"Subject: A b\r\n\r\nGr\xfc\xdf\r\n"));
    assert!(!says_the_same(plain, b"Subject: A c\r\n\r\nGr\xfc\xdfe\r\n"));
}
