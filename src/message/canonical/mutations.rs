//! Every octet and every line of messages as people have them: what changes nothing is marked in
//! them, so that the marks are the list of what the digest does not see.

use super::Canonical;
use proptest::prelude::*;

/// What stands between `⟦` and `⟧` may change and the digest stays; everything else counts.
const SAMPLES: [(&str, &str); 6] = [
    (
        "plain text",
        "⟦Received: from mx.acme.example (mx.acme.example [192.0.2.7])
\tby store.acme.example (Postfix) with ESMTPS id 4XyZ1a
\tfor <ada@acme.example>; Tue, 3 Sep 2024 09:14:03 +0200 (CEST)
Return-Path: <bob@b.example>
DKIM-Signature: v=1; a=rsa-sha256; d=b.example; b=dGVzdA==
⟧From: Bob Bauer <bob@b.example>
To: Ada Lovelace <ada@acme.example>, carl@c.example
Subject: Lunch on Thursday?
Date: Tue, 3 Sep 2024 09:14:00 +0200
⟦Message-ID: <20240903071400.GA1@b.example>
User-Agent: Mutt/2.2.12
X-Priority: 3
⟧In-Reply-To: <41@acme.example>
References: <40@acme.example> <41@acme.example>
⟦MIME-Version: 1.0
⟧
Hi Ada,

are you free at 12:30? The new place has 23 seats.

-- 
Bob
",
    ),
    (
        "alternative texts with a picture and a file",
        "From: =?utf-8?q?J=C3=BCrgen_K=C3=B6hler?= <jk@acme.example>
Sender: office@acme.example
Reply-To: team@acme.example
To: \"Lovelace, Ada\" <ada@acme.example>
Cc: Bob <bob@b.example>, \"C. Carl\" <carl@c.example>
Subject: =?utf-8?B?QW5nZWJvdCBNw6RyeiAyMDI0?=
Date: Mon, 11 Mar 2024 17:02:33 +0100
⟦Thread-Index: AdpzsRZyS1dq
Importance: high
⟧Content-Type: multipart/mixed;
\tboundary=\"----=_NextPart_000_0A\"

⟦This is a multi-part message in MIME format.
⟧
------=_NextPart_000_0A
Content-Type: multipart/related; boundary=\"----=_NextPart_001_0B\"⟦; type=\"multipart/alternative\"⟧

------=_NextPart_001_0B
Content-Type: multipart/alternative; boundary=\"----=_NextPart_002_0C\"

------=_NextPart_002_0C
⟦Content-Type: text/plain; charset=\"utf-8\"; format=flowed
⟧Content-Transfer-Encoding: quoted-printable

Sehr geehrte Frau Lovelace,
anbei unser Angebot =C3=BCber 4.200 =E2=82=AC, g=C3=BCltig bis 30. April =
und nicht l=C3=A4nger.
------=_NextPart_002_0C
Content-Type: text/html⟦; charset=\"utf-8\"⟧
Content-Transfer-Encoding: quoted-printable

<html><body><p>Sehr geehrte Frau <b>Lovelace</b>,</p>
<p>anbei unser Angebot <img src=3D\"cid:logo7@acme\"></p></body></html>
------=_NextPart_002_0C--

------=_NextPart_001_0B
Content-Type: image/png; name=\"logo.png\"
Content-Transfer-Encoding: base64
Content-ID: <logo7@acme>
⟦Content-Location: logo.png
⟧
iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGA
WjR9awAAAABJRU5ErkJgg⟦g⟧==
------=_NextPart_001_0B--

------=_NextPart_000_0A
Content-Type: application/pdf⟦; name=\"other.pdf\"⟧
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=\"Angebot 17.pdf\"⟦; size=30⟧

JVBERi0xLjQKMSAwIG9iago8PC9UeXBlL0NhdGFs
------=_NextPart_000_0A--
⟦nobody reads this
⟧",
    ),
    (
        "a message that was passed on, in a message that was passed on",
        "From: ada@acme.example
To: bob@b.example
Subject: Fwd: Fwd: Minutes
Date: Wed, 5 Jun 2019 08:00:00 -0400
Content-Type: multipart/mixed; boundary=outer1

--outer1
⟦Content-Type: text/plain
⟧
See below.
--outer1
Content-Type: message/rfc822
⟦Content-Description: Minutes.eml
⟧
From: carl@c.example
To: ada@acme.example
Subject: Fwd: Minutes
Date: Tue, 4 Jun 2019 18:00:01 +0000
⟦X-Mailer: Something 1.0
⟧Content-Type: multipart/mixed; boundary=inner2

--inner2
Content-Type: message/rfc822

From: dora@d.example
Bcc: eve@e.example
Subject: Minutes
Date: Mon, 3 Jun 2019 10:00:00 +0000

1. Budget is 500 000.
2. Next meeting on the 17th.
--inner2--
⟦--outer1--
⟧",
    ),
    (
        "an invitation",
        "From: ada@acme.example
To: bob@b.example
Subject: Review
Date: Fri, 2 Aug 2024 11:00:00 +0000
Content-Type: multipart/alternative; boundary=\"_av-1\"

--_av-1
⟦Content-Type: text/plain; charset=utf-8
⟧
Review on Monday
--_av-1
Content-Type: text/calendar⟦; charset=utf-8; method=REQUEST⟧

BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VEVENT
UID:7f3a
DTSTART:20240805T080000Z
END:VEVENT
END:VCALENDAR
--_av-1--
",
    ),
    (
        "a report of a delivery that failed",
        "From: MAILER-DAEMON@acme.example
To: ada@acme.example
Subject: Undelivered Mail Returned to Sender
Date: Thu, 1 Feb 2024 06:30:00 +0000
⟦Auto-Submitted: auto-replied
⟧Content-Type: multipart/report⟦; report-type=delivery-status⟧; boundary=\"rep/1\"

--rep/1
⟦Content-Description: Notification
⟧
The message could not be delivered to nobody@b.example.
--rep/1
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.acme.example
Final-Recipient: rfc822; nobody@b.example
Action: failed
Status: 5.1.1
--rep/1
Content-Type: text/rfc822-headers

From: ada@acme.example
Subject: Hello
--rep/1--
",
    ),
    (
        "signed text, and files with long names",
        "From: ada@acme.example
To: undisclosed-recipients:;
Subject: Signed
Date: 29 Feb 2024 23:59:60 +0000
Content-Type: multipart/signed⟦; protocol=\"application/pgp-signature\"; micalg=pgp-sha256⟧; boundary=sig

--sig
⟦Content-Type: text/plain; charset=us-ascii
⟧
I owe you 100.
--sig
Content-Type: application/pgp-signature; name=\"signature.asc\"

-----BEGIN PGP SIGNATURE-----
iQEzBAEBCAAdFiEE
-----END PGP SIGNATURE-----
--sig
Content-Type: application/octet-stream
Content-Disposition: attachment;
 filename*0*=utf-8''Rechnung%20M%C3%A4rz;
 filename*⟦1⟧=\"-2024.xlsx\"
Content-Transfer-Encoding: base64

UEsDBBQABgAIAAAAIQ⟦A⟧=
--sig--
",
    ),
];

/// A sample as octets with CRLF, and which of them may change.
fn marked(sample: &str) -> (Vec<u8>, Vec<bool>) {
    let (mut octets, mut free, mut inside) = (Vec::new(), Vec::new(), false);
    for c in sample.chars() {
        match c {
            '⟦' | '⟧' => inside = c == '⟦',
            '\n' => {
                octets.extend_from_slice(b"\r\n");
                free.extend([inside; 2]);
            }
            c => {
                let mut room = [0; 4];
                let text = c.encode_utf8(&mut room).as_bytes();
                octets.extend_from_slice(text);
                free.extend(std::iter::repeat_n(inside, text.len()));
            }
        }
    }
    (octets, free)
}

/// Another letter or digit, so that the change is neither one of case nor one of white space.
fn other(octet: u8) -> u8 {
    match octet.to_ascii_lowercase() {
        b'0'..=b'8' | b'a'..=b'y' => octet + 1,
        b'9' => b'0',
        _ => octet - 1,
    }
}

fn around(octets: &[u8], at: usize) -> String {
    let from = octets[..at].iter().rposition(|&o| o == b'\n').map_or(0, |at| at + 1);
    let to = octets[at..].iter().position(|&o| o == b'\n').map_or(octets.len(), |end| at + end);
    format!("{}⟨{}⟩", String::from_utf8_lossy(&octets[from..to]), char::from(octets[at]))
}

/// Returns what leaves the digest of every letter and digit outside the marks: changed, left out,
/// and one more before it.
fn unseen(octets: &[u8], free: &[bool]) -> Vec<String> {
    let digest = Canonical::of(octets);
    let mut blind = Vec::new();
    for at in 0..octets.len() {
        if free[at] || !octets[at].is_ascii_alphanumeric() {
            continue;
        }
        let mut changed = octets.to_vec();
        changed[at] = other(octets[at]);
        let mut shorter = octets.to_vec();
        shorter.remove(at);
        let mut longer = octets.to_vec();
        longer.insert(at, b'q');
        for (how, mutant) in [("changed", changed), ("left out", shorter), ("one more", longer)] {
            if Canonical::of(&mutant) == digest {
                blind.push(format!("{how}: {}", around(octets, at)));
            }
        }
    }
    blind
}

#[test]
fn every_letter_and_digit_that_is_not_marked_counts() {
    let mut blind = Vec::new();
    for (name, sample) in SAMPLES {
        let (octets, free) = marked(sample);
        blind.extend(unseen(&octets, &free).into_iter().map(|seen| format!("{name}: {seen}")));
    }
    assert!(blind.is_empty(), "{}", blind.join("\n"));
}

/// The marks are no larger than they need be: every letter and digit of one is another, and the
/// message says the same.
#[test]
fn what_is_marked_does_not_count() {
    for (name, sample) in SAMPLES {
        let (octets, free) = marked(sample);
        let digest = Canonical::of(&octets);
        let mut from = 0;
        while from < octets.len() {
            let run = free[from..].iter().take_while(|&&one| one == free[from]).count();
            let mut mutant = octets.clone();
            for octet in mutant[from..from + run].iter_mut().filter(|o| o.is_ascii_alphanumeric()) {
                *octet = other(*octet);
            }
            if free[from] {
                assert!(Canonical::of(&mutant) == digest, "{name}: {}", around(&octets, from));
            }
            from += run;
        }
    }
}

/// Lines of a message, each with its end.
type Lines<'m> = Vec<&'m [u8]>;

fn lines(octets: &[u8]) -> Vec<&[u8]> {
    octets.split_inclusive(|&octet| octet == b'\n').collect()
}

/// Every line of a content: left out, doubled, swapped with the next; of a header only left out,
/// because the order of fields does not count.
#[test]
fn every_line_that_is_not_marked_counts() {
    for (name, sample) in SAMPLES {
        let (octets, free) = marked(sample);
        let digest = Canonical::of(&octets);
        let lines = lines(&octets);
        let mut at = 0;
        for (index, line) in lines.iter().enumerate() {
            let marked = free[at..at + line.len()].iter().any(|&free| free);
            at += line.len();
            // A last boundary holds nothing: without it the rest is for nobody or the end comes.
            if marked || line.trim_ascii().is_empty() || line.ends_with(b"--\r\n") {
                continue;
            }
            let mut shorter = lines.clone();
            shorter.remove(index);
            let shown = String::from_utf8_lossy(line);
            assert!(Canonical::of(&shorter.concat()) != digest, "{name}: left out: {shown}");
            let is_field =
                line.contains(&b':') || line.starts_with(b" ") || line.starts_with(b"\t");
            let next = lines.get(index + 1).copied().unwrap_or_default();
            if is_field || next.trim_ascii().is_empty() || line.starts_with(b"--") {
                continue;
            }
            let mut longer = lines.clone();
            longer.insert(index, line);
            assert!(Canonical::of(&longer.concat()) != digest, "{name}: doubled: {shown}");
            if next != *line && !next.contains(&b':') {
                let mut swapped = lines.clone();
                swapped.swap(index, index + 1);
                assert!(Canonical::of(&swapped.concat()) != digest, "{name}: swapped: {shown}");
            }
        }
    }
}

/// Cuts a message at the lines of one boundary: what is before the first, the parts, the rest.
fn parts<'m>(octets: &'m [u8], boundary: &str) -> (Lines<'m>, Vec<Lines<'m>>, Lines<'m>) {
    let (start, end) = (format!("--{boundary}\r\n"), format!("--{boundary}--\r\n"));
    let (mut before, mut parts, mut after) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines(octets) {
        if line == start.as_bytes() {
            parts.push(vec![line]);
        } else if line == end.as_bytes() || !after.is_empty() {
            after.push(line);
        } else {
            parts.last_mut().unwrap_or(&mut before).push(line);
        }
    }
    (before, parts, after)
}

#[test]
fn parts_that_are_left_out_doubled_or_swapped_show() {
    for (sample, boundaries) in [
        (1, &["----=_NextPart_000_0A", "----=_NextPart_001_0B", "----=_NextPart_002_0C"][..]),
        (2, &["outer1", "inner2"]),
        (3, &["_av-1"]),
        (4, &["rep/1"]),
        (5, &["sig"]),
    ] {
        let (octets, _) = marked(SAMPLES[sample].1);
        let digest = Canonical::of(&octets);
        for boundary in boundaries {
            let (before, parts, after) = parts(&octets, boundary);
            assert!(!parts.is_empty(), "{boundary}");
            let whole = |parts: Vec<Vec<&[u8]>>| {
                let parts: Vec<&[u8]> = parts.concat();
                Canonical::of(&[before.concat(), parts.concat(), after.concat()].concat())
            };
            assert!(whole(parts.clone()) == digest, "{boundary}: nothing changed");
            for index in 0..parts.len() {
                let mut fewer = parts.clone();
                fewer.remove(index);
                assert!(whole(fewer) != digest, "{boundary}: without part {index}");
                let mut more = parts.clone();
                more.insert(index, parts[index].clone());
                assert!(whole(more) != digest, "{boundary}: part {index} twice");
                for with in index + 1..parts.len() {
                    let mut swapped = parts.clone();
                    swapped.swap(index, with);
                    assert!(whole(swapped) != digest, "{boundary}: {index} and {with} swapped");
                }
            }
        }
    }
}

/// Changes that keep every word of a message and say something else.
#[test]
fn what_moves_within_a_header_shows() {
    let (plain, _) = marked(SAMPLES[0].1);
    let (rich, _) = marked(SAMPLES[1].1);
    let changes: [(&[u8], &str, &str); 14] = [
        (
            &plain,
            "To: Ada Lovelace <ada@acme.example>, carl@c.example",
            "To: carl@c.example, Ada Lovelace <ada@acme.example>",
        ),
        (
            &plain,
            "Ada Lovelace <ada@acme.example>, carl@c.example",
            "Ada Lovelace <carl@c.example>, ada@acme.example",
        ),
        (&plain, ", carl@c.example\r\n", "\r\nCc: carl@c.example\r\n"),
        (&plain, "\r\nTo:", "\r\nBcc:"),
        (&plain, "<40@acme.example> <41@acme.example>", "<41@acme.example> <40@acme.example>"),
        (&plain, "09:14:00 +0200", "09:14:00 +0100"),
        (&plain, "12:30", "12:03"),
        (&plain, "23 seats", "23  seats"),
        (&rich, "\r\nSender:", "\r\nReply-To:"),
        (&rich, "\r\nReply-To: team@acme.example", ""),
        (&rich, "attachment; filename", "inline; filename"),
        (&rich, "image/png", "image/gif"),
        (&rich, "Content-ID: <logo7@acme>\r\n", ""),
        (&rich, "multipart/alternative; b", "multipart/mixed; b"),
    ];
    for (message, from, to) in changes {
        let text = String::from_utf8(message.to_vec()).unwrap();
        assert_eq!(text.matches(from).count(), 1, "{from}");
        let changed = text.replace(from, to);
        assert_ne!(Canonical::of(changed.as_bytes()), Canonical::of(message), "{from} → {to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Random octets over random places: the digest stays only where all of it is marked.
    #[test]
    fn random_damage_outside_the_marks_shows(
        sample in 0..SAMPLES.len(),
        place in 0.0..1.0f64,
        // A word of letters alone would be a zone of a date that nobody knows, which is UTC.
        damage in "[a-zA-Z0-9]{2,11}[0-9]",
    ) {
        let (octets, free) = marked(SAMPLES[sample].1);
        let last = octets.len() - damage.len();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place in a short text")]
        let at = (place * last as f64) as usize;
        let hit = at..at + damage.len();
        prop_assume!(!free[hit.clone()].iter().any(|&free| free));
        let mut mutant = octets.clone();
        mutant[hit.clone()].copy_from_slice(damage.as_bytes());
        // Another case of a name of a field or of a host is none.
        prop_assume!(!mutant[hit.clone()].eq_ignore_ascii_case(&octets[hit]));
        prop_assert_ne!(Canonical::of(&mutant), Canonical::of(&octets),
            "{} at {}: {}", SAMPLES[sample].0, damage, around(&octets, at));
    }
}
