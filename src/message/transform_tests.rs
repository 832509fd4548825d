use super::super::rules::Rules;
use super::super::scan::Scanner;
use super::*;
use base64::Engine as _;
use proptest::prelude::*;

fn scan(octets: &[u8]) -> Traits {
    let mut scanner = Scanner::new();
    scanner.feed(octets);
    scanner.finish()
}

fn whole(transforms: &[Transform], octets: &[u8]) -> Result<Vec<u8>, Refusal> {
    Transformer::whole(transforms, &Bytes::copy_from_slice(octets)).map(|octets| octets.to_vec())
}

/// In pieces of the given sizes, each as a piece of its own.
fn in_pieces(transforms: &[Transform], octets: &[u8], sizes: &[usize]) -> (Vec<u8>, Rehearsed) {
    let mut pieces: Vec<&[u8]> = Vec::new();
    let mut rest = octets;
    for &size in sizes.iter().cycle().take_while(|_| sizes.iter().any(|&size| size > 0)) {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    let mut rehearsal = Rehearsal::new(transforms);
    for piece in &pieces {
        rehearsal.feed(piece);
    }
    let rehearsed = rehearsal.finish();
    let mut transformer = Transformer::new(transforms, &rehearsed.recipe);
    let mut out = Vec::new();
    for piece in pieces {
        out.extend_from_slice(&transformer.feed(&Bytes::copy_from_slice(piece)));
    }
    out.extend_from_slice(&transformer.finish());
    (out, rehearsed)
}

const LONG: Transform = Transform::LongLines(100);

#[test]
fn labels_are_found_again() {
    let all = [
        Transform::NulOctets,
        Transform::HeaderNulOctets,
        Transform::LineEnds,
        Transform::DoubledLineEnds,
        Transform::EightBitHeaders,
        Transform::LongLines(9_000),
    ];
    let labels: Vec<String> = all.iter().map(|transform| transform.label()).collect();
    assert_eq!(by_names(&labels), Some(all.to_vec()));
    assert_eq!(by_names(&["another".to_owned()]), None);
    assert!(all.iter().all(|transform| Transform::NAMES.contains(&transform.name())));
}

#[test]
fn no_line_end_keeps_more_than_one_cr_and_other_crs_stay() {
    let both = [Transform::LineEnds, Transform::DoubledLineEnds];
    for (sent, kept) in [
        ("a: b\r\r\n\r\r\r\nx\ry\r\rz\r\n", "a: b\r\n\r\nx\ry\r\rz\r\n"),
        ("a\r\r", "a\r\n"),
        ("a\r\r\nb\n", "a\r\nb\r\n"),
    ] {
        let out = whole(&both, sent.as_bytes()).unwrap();
        assert_eq!(out, kept.as_bytes(), "{sent:?}");
        let mut scanner = Scanner::new();
        scanner.feed(sent.as_bytes());
        assert!(Transform::DoubledLineEnds.is_needed(&scanner.finish()), "{sent:?}");
        let mut scanner = Scanner::new();
        scanner.feed(kept.as_bytes());
        assert!(!both.iter().any(|one| one.is_needed(&scanner.finish())), "{kept:?}");
    }
}

#[test]
fn a_message_without_mime_becomes_one_part_in_base64() {
    let line = "x".repeat(200);
    let message = format!("Subject: a\r\n\r\n{line}\r\nend");
    let out = String::from_utf8(whole(&[LONG], message.as_bytes()).unwrap()).unwrap();
    let (head, body) = out.split_once("\r\n\r\n").unwrap();
    assert_eq!(head, "Subject: a\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64");
    let body: String = body.split_whitespace().collect();
    let decoded = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    assert_eq!(decoded, format!("{line}\r\nend").into_bytes());
}

#[test]
fn only_the_part_that_needs_it_is_encoded_and_headers_are_folded_at_blanks() {
    let long = "y".repeat(150);
    let references = "<abc@acme.example> ".repeat(10);
    let message = format!(
        "References: {references}<end@x>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         preamble\r\n--b\r\n\r\nshort\r\n--b\r\nContent-Type: text/html\r\n\r\n{long}\r\n\r\n--b\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{}\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         a=3D{}=20\r\n--b--\r\nepilogue\r\n",
        "QUJD".repeat(60),
        "=C3=A4 ".repeat(40),
    );
    let out = String::from_utf8(whole(&[LONG], message.as_bytes()).unwrap()).unwrap();
    assert!(out.lines().all(|line| line.len() <= 100), "{out}");
    assert_eq!(out.matches("Content-Transfer-Encoding: base64").count(), 2);
    assert!(out.contains("--b\r\n\r\nshort\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\neXl5"), "{out}");
    let unfolded = out.replace("\r\n <", " <");
    assert!(unfolded.starts_with(&format!("References: {references}<end@x>\r\n")), "{out}");
    assert_eq!(leaves(message.as_bytes()), leaves(out.as_bytes()));
    assert_eq!(leaves(out.as_bytes()).len(), 5, "the whole and its four parts");
}

#[test]
fn what_cannot_be_changed_without_harm_is_said() {
    let long = "z".repeat(150);
    for (why, message) in [
        ("header", format!("Subject: {long}\r\n\r\nx\r\n")),
        ("header", format!("no field {long} x\r\n\r\nx\r\n")),
        (
            "outside",
            format!(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n{long}\r\n--b\r\n\r\nx\r\n--b--\r\n"
            ),
        ),
        (
            "outside",
            format!(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n{long}\r\n"
            ),
        ),
        (
            "signature",
            format!(
                "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n{long}\r\n--b--\r\n"
            ),
        ),
        ("boundary", format!("Content-Type: multipart/mixed\r\n\r\n{long}\r\n")),
        ("encoding", format!("Content-Transfer-Encoding: x-uue\r\n\r\n{long}\r\n")),
        ("message", format!("Content-Type: message/partial\r\n\r\n{long}\r\n")),
    ] {
        let Err(Refusal::Impossible("long-lines", said)) = whole(&[LONG], message.as_bytes())
        else {
            panic!("{message}");
        };
        assert!(said.contains(why), "{said}: {message}");
    }
}

#[test]
fn a_message_inside_of_a_message_is_gone_through() {
    let long = "z".repeat(150);
    let message = format!(
        "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\nSubject: in\r\n\r\n{long}\r\n--b--\r\n"
    );
    let out = String::from_utf8(whole(&[LONG], message.as_bytes()).unwrap()).unwrap();
    assert!(
        out.contains("--b\r\n\r\nSubject: in\r\nContent-Transfer-Encoding: base64\r\n\r\nenp6"),
        "{out}"
    );
    assert_eq!(leaves(message.as_bytes()), leaves(out.as_bytes()));
}

/// Takes a message of [`message`] apart, with another reading of MIME than the transform's:
/// everything is in memory, cut at the boundaries, and decoded. Headers are unfolded, without
/// what the transform may add.
fn leaves(message: &[u8]) -> Vec<(Vec<String>, Vec<u8>)> {
    let text: String = message.iter().map(|&octet| char::from(octet)).collect();
    let mut found = Vec::new();
    part(&text, &mut found);
    found
}

fn part(text: &str, found: &mut Vec<(Vec<String>, Vec<u8>)>) {
    let (head, body) = match text.strip_prefix("\r\n") {
        Some(body) => ("", body),
        None => text.split_once("\r\n\r\n").unwrap_or((text.trim_end_matches("\r\n"), "")),
    };
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", "\t");
    let field = |name: &str| {
        let line = unfolded.split("\r\n").find(|line| line.to_lowercase().starts_with(name));
        line.map(|line| line[name.len()..].trim().to_owned())
    };
    let kept = unfolded
        .split("\r\n")
        .filter(|line| {
            let line = line.to_lowercase();
            !line.is_empty()
                && !line.starts_with("content-transfer-encoding:")
                && !line.starts_with("mime-version:")
        })
        .map(str::to_owned)
        .collect();
    let kind = field("content-type:").unwrap_or_default();
    if let Some((_, boundary)) = kind.split_once("boundary=") {
        let mut parts = format!("\r\n{body}");
        if let Some(end) = parts.find(&format!("\r\n--{boundary}--")) {
            parts.truncate(end);
        }
        found.push((kept, Vec::new()));
        for inner in parts.split(&format!("\r\n--{boundary}\r\n")).skip(1) {
            if kind.contains("digest") {
                let inner = inner.strip_prefix("\r\n").unwrap_or(inner);
                part(inner, found);
            } else {
                part(inner, found);
            }
        }
        return;
    }
    let octets: Vec<u8> = body.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let encoding = field("content-transfer-encoding:").unwrap_or_default();
    let decoded = match encoding.as_str() {
        "base64" => {
            let plain: Vec<u8> =
                octets.into_iter().filter(|o| !matches!(o, b'\r' | b'\n')).collect();
            base64::engine::general_purpose::STANDARD.decode(&plain).unwrap_or(plain)
        }
        "quoted-printable" => quoted_printable(&octets),
        _ => octets,
    };
    found.push((kept, decoded));
}

fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let text: String = octets.iter().map(|&octet| char::from(octet)).collect();
    let text = text.replace("=\r\n", "");
    let mut out = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        out.extend(before.chars().map(|c| u8::try_from(u32::from(c)).unwrap()));
        let octet = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(octet.unwrap_or(b'='));
        rest = if octet.is_some() { &after[2..] } else { after };
    }
    out.extend(rest.chars().map(|c| u8::try_from(u32::from(c)).unwrap()));
    out
}

fn text() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "[ -~]{0,40}",
        "[ -~]{90,130}",
        "[a-z =-]{200,400}",
        Just("--b".to_owned()),
        Just("--no".to_owned()),
        Just(String::new()),
    ];
    (proptest::collection::vec(line, 0..5), any::<bool>()).prop_map(|(lines, end)| {
        let text = lines.join("\r\n");
        if end { text + "\r\n" } else { text }
    })
}

fn entity() -> impl Strategy<Value = String> {
    let fields = prop_oneof![
        Just(String::new()),
        Just("Subject: short\r\n".to_owned()),
        "[a-z]{1,20}( [a-z]{1,20}){10,20}".prop_map(|text| format!("X-Long: {text}\r\n")),
    ];
    let leaf = (
        fields,
        prop_oneof![
            text().prop_map(|text| format!("\r\n{text}")),
            text().prop_map(|text| format!("Content-Transfer-Encoding: 8bit\r\n\r\n{text}")),
            text().prop_map(|text| {
                let coded = base64::engine::general_purpose::STANDARD.encode(text);
                format!("content-transfer-encoding: base64\r\n\r\n{coded}\r\n")
            }),
            "([ -<>-~]|=[0-9A-F]{2}){0,200}".prop_map(|text| format!(
                "Content-Transfer-Encoding: quoted-printable\r\n\r\n{text}\r\n"
            )),
        ],
    )
        .prop_map(|(fields, rest)| fields + &rest);
    leaf.prop_recursive(3, 12, 4, |inner| {
        (proptest::collection::vec(inner, 1..4), "[a-z]{8}", any::<bool>()).prop_map(
            |(parts, boundary, digest)| {
                let kind = if digest { "digest" } else { "mixed" };
                let mut out =
                    format!("Content-Type: multipart/{kind}; boundary={boundary}\r\n\r\npreamble");
                for part in parts {
                    let message = if digest { "\r\n" } else { "" };
                    out = [out.as_str(), "\r\n--", &boundary, "\r\n", message, &part].concat();
                }
                out + &format!("\r\n--{boundary}--\r\n")
            },
        )
    })
}

proptest! {
    #[test]
    fn the_result_needs_nothing_more_and_pieces_do_not_matter(
        octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0u8), Just(b':'), any::<u8>()], 1..200),
        sizes in proptest::collection::vec(1usize..50, 1..5),
    ) {
        let rules = Rules::new(&[Transform::NulOctets, Transform::LineEnds], None);
        let transforms = rules.needed(&scan(&octets)).unwrap();
        let out = whole(&transforms, &octets).unwrap();
        let (pieces, rehearsed) = in_pieces(&transforms, &octets, &sizes);
        prop_assert_eq!(&out, &pieces);
        prop_assert_eq!(rehearsed.digest, Digest::of(&out));
        // What is not needed changes nothing: recovery applies all that is allowed.
        let (all, _) = in_pieces(&rules.transforms(), &octets, &sizes);
        prop_assert_eq!(&out, &all);
        prop_assert!(!rules.forbids_whole(&scan(&out)));
        if transforms.is_empty() { prop_assert_eq!(&out, &octets); }
    }

    #[test]
    fn nul_in_the_body_stays_where_a_literal8_carries_it(
        head in "[A-Z]: [a-z\\x00]{0,9}\r\n", body in proptest::collection::vec(any::<u8>(), 0..50)
    ) {
        let octets = [head.as_bytes(), b"\r\n", &body].concat();
        let out = whole(&[Transform::HeaderNulOctets], &octets).unwrap();
        prop_assert_eq!(scan(&out).header_nul, 0);
        prop_assert_eq!(&out[head.len() + 2..], &body[..]);
    }

    #[test]
    fn the_decoded_content_of_every_part_is_the_same(
        message in entity(), sizes in proptest::collection::vec(1usize..300, 1..5)
    ) {
        let octets = message.as_bytes();
        let (pieces, rehearsed) = in_pieces(&[LONG], octets, &sizes);
        prop_assert_eq!(rehearsed.digest, Digest::of(&pieces));
        prop_assert_eq!(rehearsed.size, pieces.len() as u64);
        match whole(&[LONG], octets) {
            Err(_) => prop_assert!(rehearsed.impossible.is_some()),
            Ok(out) => {
                prop_assert_eq!(&out, &pieces);
                prop_assert!(scan(&out).longest_line <= 100, "{}", String::from_utf8_lossy(&out));
                prop_assert_eq!(whole(&[LONG], &out).unwrap(), out.clone(), "a second time changes nothing");
                let mut before = leaves(octets);
                let mut after = leaves(&out);
                // At the end of a message a line end after base64 is no content.
                for part in before.iter_mut().chain(&mut after) {
                    while part.1.ends_with(b"\r\n") { part.1.truncate(part.1.len() - 2); }
                }
                prop_assert_eq!(before, after);
                if scan(octets).longest_line <= 100 { prop_assert_eq!(&out[..], octets); }
            }
        }
    }

    #[test]
    fn whatever_comes_in_nothing_breaks(
        octets in proptest::collection::vec(prop_oneof![
            Just(b"\r\n".to_vec()), Just(b"--b".to_vec()), Just(b"Content-Type: multipart/mixed; boundary=b\r\n".to_vec()),
            Just(b"Content-Transfer-Encoding: quoted-printable\r\n".to_vec()), Just(b"Content-Transfer-Encoding: base64\r\n".to_vec()),
            Just(vec![b'='; 90]), Just(vec![b'-'; 200]), Just(b"\xc3\xbc".to_vec()), Just(b"\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..150)], 0..12),
        sizes in proptest::collection::vec(1usize..90, 1..4),
    ) {
        let octets = octets.concat();
        let transforms = [Transform::LineEnds, Transform::EightBitHeaders, LONG];
        let (pieces, rehearsed) = in_pieces(&transforms, &octets, &sizes);
        prop_assert_eq!(rehearsed.digest, Digest::of(&pieces));
        let (once, again) = in_pieces(&transforms, &octets, &[octets.len().max(1)]);
        prop_assert_eq!(&pieces, &once);
        prop_assert_eq!(&rehearsed, &again);
        if rehearsed.impossible.is_none() {
            prop_assert!(scan(&pieces).longest_line <= 100);
            prop_assert_eq!(scan(&pieces).eight_bit_header, 0);
        }
    }
}
