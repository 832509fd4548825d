//! Every documented rewrite leaves the digest as it is, and every other change changes it.

use super::Canonical;
use base64::Engine;
use proptest::prelude::*;

#[derive(Clone, Debug)]
struct Part {
    text: bool,
    name: Option<String>,
    content: Vec<u8>,
}

/// What a message says.
#[derive(Clone, Debug)]
struct Message {
    from: String,
    subject: String,
    /// Seconds since 2001-09-09T01:46:40Z.
    second: u32,
    to: Vec<(String, String)>,
    parts: Vec<Part>,
    embedded: Option<Box<Message>>,
}

/// How it is written: every field is one of the documented rewrites.
#[derive(Clone, Debug, Default)]
struct Style {
    encoding: u8,
    boundary: u8,
    folded: bool,
    reordered: bool,
    blanks: bool,
    shouted: bool,
    quoted: bool,
    more_fields: bool,
    encoded_words: bool,
    zone: bool,
    message_id: bool,
    around: bool,
    latin: bool,
    bare_lf: bool,
    continued_name: bool,
}

type Rewrite = (&'static str, fn(&mut Style));

const REWRITES: [Rewrite; 17] = [
    ("a leaf is base64 instead of 8bit", |style| style.encoding = 1),
    ("a leaf is quoted-printable instead of 8bit", |style| style.encoding = 2),
    ("base64 has other line lengths", |style| style.encoding = 3),
    ("boundaries change", |style| style.boundary = 1),
    ("fields are folded", |style| style.folded = true),
    ("different fields change their order", |style| style.reordered = true),
    ("white space at line ends and at the end is added", |style| style.blanks = true),
    ("names of fields and values of MIME change their case", |style| style.shouted = true),
    ("parameters are quoted", |style| style.quoted = true),
    ("Received, X- and Exchange's own fields are added", |style| style.more_fields = true),
    ("text of fields becomes encoded words", |style| style.encoded_words = true),
    ("the date is written in another zone", |style| style.zone = true),
    ("the Message-ID is replaced", |style| style.message_id = true),
    ("text around the parts goes", |style| style.around = true),
    ("text changes its charset", |style| style.latin = true),
    ("line ends of text change their kind", |style| style.bare_lf = true),
    ("a file name is written as RFC 2231 wants it", |style| style.continued_name = true),
];

type Change = (&'static str, fn(&mut Message));

const CHANGES: [Change; 12] = [
    ("one octet of a text", |m| m.parts[0].content[0] ^= 1),
    ("one octet of a file", |m| *m.parts[1].content.last_mut().unwrap() ^= 0x80),
    ("one octet less", |m| {
        let _ = m.parts[1].content.pop();
    }),
    ("an attachment is dropped", |m| drop(m.parts.pop())),
    ("two parts are swapped", |m| m.parts.swap(0, 1)),
    ("a part comes twice", |m| m.parts.push(m.parts[1].clone())),
    ("the subject", |m| m.subject.push('!')),
    ("the sender", |m| m.from.insert(0, 'x')),
    ("a recipient", |m| drop(m.to.pop())),
    ("the name of a recipient", |m| m.to[0].0.push('x')),
    ("the date", |m| m.second += 1),
    ("a file name", |m| m.parts[1].name.as_mut().unwrap().insert(0, 'x')),
];

fn quoted_printable(content: &[u8], text: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = 0;
    for (index, &octet) in content.iter().enumerate() {
        let ends = content.get(index + 1).is_none_or(|&next| next == b'\r' || next == b'\n');
        let plain = matches!(octet, b'!'..=b'<' | b'>'..=b'~')
            || (octet == b' ' && !ends)
            || (text && matches!(octet, b'\r' | b'\n'));
        let piece = if plain { vec![octet] } else { format!("={octet:02X}").into_bytes() };
        length = if octet == b'\n' && plain { 0 } else { length + piece.len() };
        if length > 72 {
            out.extend_from_slice(b"=\r\n");
            length = piece.len();
        }
        out.extend(piece);
    }
    out
}

fn encoded(part: &Part, style: &Style) -> (&'static str, Vec<u8>) {
    // A file may hold anything; only text can go as it is.
    let encoding = if part.text { style.encoding } else { style.encoding.max(1) };
    let mut content = part.content.clone();
    if part.text {
        if style.latin {
            let text = String::from_utf8(content).unwrap();
            content = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        }
        if style.bare_lf && encoding != 2 {
            content.retain(|&octet| octet != b'\r');
        }
        if style.blanks {
            let text = content.split(|&octet| octet == b'\n').collect::<Vec<_>>();
            let line = |line: &[u8]| match line.strip_suffix(b"\r") {
                Some(line) => [line, b" \t\r"].concat(),
                None => [line, b"  "].concat(),
            };
            content = text.into_iter().map(line).collect::<Vec<_>>().join(&b'\n');
            content.extend_from_slice(b"\r\n\r\n");
        }
    }
    match encoding {
        0 => ("8bit", content),
        2 => ("quoted-printable", quoted_printable(&content, part.text)),
        wide => {
            let text = base64::engine::general_purpose::STANDARD.encode(&content);
            let width = if wide == 1 { 76 } else { 61 };
            let lines: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
            ("base64", lines.join(&b"\r\n"[..]))
        }
    }
}

fn word(text: &str, style: &Style) -> String {
    if !style.encoded_words || text.is_empty() {
        return text.to_owned();
    }
    let engine = base64::engine::general_purpose::STANDARD;
    let half = text.char_indices().nth(text.chars().count() / 2).map_or(0, |(at, _)| at);
    let (one, other) = text.split_at(half);
    let encode = |text: &str| format!("=?UTF-8?B?{}?=", engine.encode(text));
    format!("{}\r\n {}", encode(one), encode(other))
}

fn name(word: &str, style: &Style) -> String {
    if style.shouted { word.to_uppercase() } else { word.to_owned() }
}

fn written(message: &Message, style: &Style, depth: u8) -> Vec<u8> {
    let at = jiff::Timestamp::from_second(1_000_000_000 + i64::from(message.second)).unwrap();
    let zone = if style.zone { "Asia/Kolkata" } else { "UTC" };
    let date = at.in_tz(zone).unwrap();
    let to: Vec<String> = message
        .to
        .iter()
        .map(|(name, address)| match (name.is_empty(), style.encoded_words, style.quoted) {
            (true, ..) => address.clone(),
            (_, true, _) => format!("{} <{address}>", word(name, style)),
            (.., true) => format!("\"{name}\" <{address}>"),
            _ => format!("{name} <{address}>"),
        })
        .collect();
    let fold = if style.folded { ",\r\n\t" } else { ", " };
    let id = if style.message_id { "<other@exchange.example>" } else { "<one@acme.example>" };
    let mut fields = vec![
        ("From", message.from.clone()),
        ("To", to.join(fold)),
        ("Subject", word(&message.subject, style)),
        ("Date", jiff::fmt::rfc2822::to_string(&date).unwrap()),
        ("Message-ID", id.to_owned()),
        ("MIME-Version", "1.0".to_owned()),
    ];
    if style.folded && !style.encoded_words {
        fields[2].1 = fields[2].1.replace(' ', "\r\n ");
    }
    if style.reordered {
        fields.reverse();
    }
    if style.more_fields {
        fields
            .insert(0, ("Received", "from a by b;\r\n Thu, 1 Jan 1970 00:00:00 +0000".to_owned()));
        fields.push(("X-MS-Exchange-Organization-SCL", "-1".to_owned()));
        fields.push(("X-Anything", "x".to_owned()));
    }
    let boundary =
        format!("{}{depth}", ["=_first", "----=_NextPart_000_"][usize::from(style.boundary)]);
    let quote = if style.quoted || style.boundary == 0 { "\"" } else { "" };
    let mut out = Vec::new();
    for (field, value) in fields {
        out.extend_from_slice(format!("{}: {value}\r\n", name(field, style)).as_bytes());
    }
    let mixed = name("multipart/mixed", style);
    out.extend_from_slice(
        format!("Content-Type: {mixed}; boundary={quote}{boundary}{quote}\r\n\r\n").as_bytes(),
    );
    if !style.around {
        out.extend_from_slice(b"This is a message of several parts.\r\n");
    }
    for part in &message.parts {
        let (encoding, content) = encoded(part, style);
        let kind = if part.text { "text/plain" } else { "application/octet-stream" };
        let mut kind = name(kind, style);
        if part.text {
            let charset = if style.latin { "iso-8859-1" } else { "utf-8" };
            kind = format!("{kind}; charset={quote}{charset}{quote}");
        }
        out.extend_from_slice(format!("--{boundary}\r\nContent-Type: {kind}\r\n").as_bytes());
        if let Some(file) = &part.name {
            let file = if style.continued_name {
                let octets: Vec<String> =
                    file.bytes().map(|octet| format!("%{octet:02x}")).collect();
                let octets = octets.concat();
                let (one, other) = octets.split_at(octets.len() / 6 * 3);
                format!("filename*0*=utf-8''{one};\r\n filename*1*={other}")
            } else {
                format!("filename=\"{file}\"")
            };
            out.extend_from_slice(
                format!("Content-Disposition: attachment; {file}\r\n").as_bytes(),
            );
        }
        let encoding = name(encoding, style);
        out.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
        out.extend(content);
        out.extend_from_slice(b"\r\n");
    }
    if let Some(embedded) = &message.embedded {
        out.extend_from_slice(
            format!("--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n").as_bytes(),
        );
        out.extend(written(embedded, style, depth + 1));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    if !style.around {
        out.extend_from_slice(b"for nobody\r\n");
    }
    out
}

fn some_message() -> impl Strategy<Value = Message> {
    // Letters of Latin-1, so that the text can be written in it, and words, so that it can be folded.
    let line = "[a-zA-Z.=éüß]{1,30}( [a-zA-Z.=éüß]{1,12}){0,4}";
    let text = proptest::collection::vec(line, 2..6).prop_map(|lines| Part {
        text: true,
        name: None,
        content: lines.join("\r\n").into_bytes(),
    });
    let file = (proptest::collection::vec(any::<u8>(), 1..300), "[a-zé]{1,20}\\.bin")
        .prop_map(|(content, name)| Part { text: false, name: Some(name), content });
    let one = (
        "[a-z]{1,8}@acme\\.example",
        "[a-zA-Zäöü]{1,10}( [a-zA-Zäöü]{1,10}){0,5}",
        0u32..700_000_000,
        proptest::collection::vec(
            ("[A-Z][a-zé]{1,8}( [A-Z][a-z]{1,8})?", "[a-z]{1,8}@b\\.example"),
            2..4,
        ),
        text,
        file,
    )
        .prop_map(|(from, subject, second, to, text, file)| Message {
            from,
            subject,
            second,
            to,
            parts: vec![text, file],
            embedded: None,
        });
    (one.clone(), proptest::option::of(one)).prop_map(|(mut message, embedded)| {
        message.embedded = embedded.map(Box::new);
        message
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_documented_rewrite_leaves_the_digest_and_all_together_too(message in some_message()) {
        let plain = written(&message, &Style::default(), 0);
        let digest = Canonical::of(&plain);
        let mut all = Style::default();
        for (name, rewrite) in REWRITES {
            let mut style = Style::default();
            rewrite(&mut style);
            rewrite(&mut all);
            let again = written(&message, &style, 0);
            // A rewrite that changes nothing would prove nothing.
            prop_assert!(again != plain, "{}: nothing changed", name);
            prop_assert_eq!(Canonical::of(&again), digest, "{}\n{}\n---\n{}", name,
                String::from_utf8_lossy(&plain), String::from_utf8_lossy(&again));
        }
        prop_assert_eq!(Canonical::of(&written(&message, &all, 0)), digest);
    }

    #[test]
    fn every_other_change_changes_the_digest(message in some_message()) {
        let digest = Canonical::of(&written(&message, &Style::default(), 0));
        for (name, change) in CHANGES {
            let mut changed = message.clone();
            change(&mut changed);
            // Half of a character is no text any more: it goes out as it is.
            let style = Style { encoding: 1, ..Style::default() };
            prop_assert_ne!(Canonical::of(&written(&changed, &style, 0)), digest, "{}", name);
        }
        if let Some(embedded) = &message.embedded {
            for (name, change) in CHANGES {
                let mut inner = embedded.clone();
                change(&mut inner);
                let changed = Message { embedded: Some(inner), ..message.clone() };
                let again = Canonical::of(&written(&changed, &Style::default(), 0));
                prop_assert_ne!(again, digest, "embedded: {}", name);
            }
        }
    }

    #[test]
    fn anything_is_digested_and_pieces_do_not_matter(
        octets in proptest::collection::vec(
            prop_oneof![
                any::<u8>().prop_map(|octet| vec![octet]),
                "(Content-Type: (multipart/mixed; boundary=a|message/rfc822|text/html)|--a|--a--|=\r\n|=E|Content-Transfer-Encoding: (base64|quoted-printable)|From: (\"|<|\\(|=\\?x\\?q\\?|,|a@b))?\r?\n?"
                    .prop_map(String::into_bytes),
            ],
            0..60,
        ),
        cut in 0usize..400,
    ) {
        let octets = octets.concat();
        let whole = Canonical::of(&octets);
        let cut = cut.min(octets.len());
        let mut pieces = Canonical::new();
        pieces.feed(&octets[..cut]);
        pieces.feed(&octets[cut..]);
        prop_assert_eq!(pieces.finish(), whole);
    }

    #[test]
    fn a_changed_octet_of_a_plain_body_shows(body in "[a-z=]{1,200}", at in 0usize..200) {
        let message = |body: &str| format!("Subject: x\r\n\r\n{body}\r\n").into_bytes();
        let at = at.min(body.len() - 1);
        let mut octets = body.clone().into_bytes();
        octets[at] = octets[at].wrapping_sub(32);
        let changed = String::from_utf8(octets).unwrap();
        prop_assert_ne!(Canonical::of(&message(&body)), Canonical::of(&message(&changed)));
    }
}

/// Pairs that look alike and are not.
#[test]
fn lookalikes_differ() {
    let pairs: [(&[u8], &[u8]); 9] = [
        (b"Subject: \xe9\r\n\r\n", "Subject: é\r\n\r\n".as_bytes()),
        (
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xff",
            b"Content-Type: text/plain; charset=utf-8\r\n\r\n\xfe",
        ),
        (
            b"Content-Type: text/plain; charset=none\r\n\r\n\xff",
            b"Content-Type: text/plain; charset=none\r\n\r\n\xfe",
        ),
        (
            b"Content-Transfer-Encoding: base64\r\n\r\nAAAA!",
            b"Content-Transfer-Encoding: base64\r\n\r\nAAAA?",
        ),
        (
            b"Content-Transfer-Encoding: base64\r\n\r\nAAAAB",
            b"Content-Transfer-Encoding: base64\r\n\r\nAAAA",
        ),
        // No boundary is ever met: what stands before the first is all there is.
        (
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\none",
            b"Content-Type: multipart/mixed; boundary=x\r\n\r\ntwo",
        ),
        (b"Content-Type: multipart/mixed\r\n\r\none", b"Content-Type: multipart/mixed\r\n\r\ntwo"),
        (b"To: a@b, c@d\r\n\r\n", b"To: c@d, a@b\r\n\r\n"),
        (b"no header at all", b"no header at All"),
    ];
    for (one, other) in pairs {
        let shown = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
        assert_ne!(Canonical::of(one), Canonical::of(other), "{shown:?}");
    }
}

#[test]
fn what_is_said_in_two_ways_is_equal() {
    let pairs: [(&[u8], &[u8]); 6] = [
        (b"To: ada@B.EXAMPLE\r\n\r\n", b"TO:ada@b.example (  )\r\n\r\n"),
        (b"To: \"L, Ada\" <a@b>\r\n\r\n", b"To: =?utf-8?q?L=2C_Ada?= <a@b>\r\n\r\n"),
        (
            b"Subject: =?utf-8?b?w6k=?= =?iso-8859-1?q?=E9?=\r\n\r\n",
            "Subject: éé\r\n\r\n".as_bytes(),
        ),
        (
            b"Date: Thu, 01 Jan 2015 00:00:00 +0100\r\n\r\n",
            b"Date: Wed, 31 Dec 2014 23:00:00 GMT\r\n\r\n",
        ),
        (b"Content-Type: text/plain\r\n\r\nx\r\n", b"X-A: b\r\n\r\nx"),
        (b"Bcc:\r\n\r\nx", b"\r\nx"),
    ];
    for (one, other) in pairs {
        let shown = (String::from_utf8_lossy(one), String::from_utf8_lossy(other));
        assert_eq!(Canonical::of(one), Canonical::of(other), "{shown:?}");
    }
}

/// A line of 3 MB, 10,000 parts, 500 levels and headers above 1 MiB end, and a change in each shows.
#[test]
fn huge_things_are_digested() {
    let nested = |last: &str| {
        let mut text = String::new();
        for level in 0..500 {
            let boundary = format!("b{level}x");
            text = text + "Content-Type: multipart/mixed; boundary=" + &boundary;
            text = text + "\r\n\r\n--" + &boundary + "\r\n";
        }
        text + "\r\n" + last
    };
    let makers: [&dyn Fn(&str) -> String; 6] = [
        &|end| format!("Subject: x\r\n\r\n{}{end}", "x".repeat(3_000_000)),
        &|end| {
            format!(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}\r\n\r\n{end}",
                "--b\r\n\r\nx\r\n".repeat(10_000)
            )
        },
        &nested,
        &|end| format!("Subject: {}\r\nSubject: {end}\r\n\r\n", " xx".repeat(400_000)),
        &|end| format!("{}{end}\r\n\r\n", "To: a@b.example\r\n".repeat(70_000) + "To: x"),
        &|end| {
            format!(
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n{}{end}",
                " ".repeat(3_000_000)
            )
        },
    ];
    for maker in makers {
        assert_ne!(Canonical::of(maker("one").as_bytes()), Canonical::of(maker("two").as_bytes()));
    }
}
