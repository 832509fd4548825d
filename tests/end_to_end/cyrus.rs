//! Cyrus as destination and as source: what it refuses, what it would change, what it keeps.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::cyrus::{CyrusProfile, CyrusServer, PROXY};
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};

const DATE: &str = "31-Dec-2024 23:59:59 +0000";

/// Octets as they are sent, and as Cyrus shall hold them.
fn with_header(name: &str, header: &[u8], encoded: &[u8], body: &[u8]) -> (Mail, Vec<u8>) {
    let mail = Mail::new(name, DATE, [header, b"\r\n", body].concat());
    (mail, [encoded, b"\r\n", body].concat())
}

#[test]
fn every_message_arrives_at_cyrus_as_it_was_or_changed_by_name_or_stays_behind_with_its_reason() {
    let lab = Lab::start(LabOptions::default());
    let there = lab.cyrus(&CyrusProfile::default(), &[ADA]);
    let large = seeds::big(1_500_000).into_bytes();
    let changed = [
        with_header(
            "octets of no charset",
            b"Subject: Gr\xfc\xdfe\r\n",
            b"Subject: =?unknown-8bit?B?R3L832U=?=\r\n",
            b"\xe4\r\n",
        ),
        with_header(
            "names and parameters",
            "From: \"Müller, Jo\" <jo@acme.example>\r\nContent-Type: text/plain; name=ü\r\n".as_bytes(),
            b"From: =?utf-8?B?TcO8bGxlciwgSm8=?= <jo@acme.example>\r\nContent-Type: text/plain; name*=utf-8''%C3%BC\r\n",
            "ü\r\n".as_bytes(),
        ),
        with_header(
            "streamed",
            "Subject: größer\r\n".as_bytes(),
            b"Subject: =?utf-8?B?Z3LDtsOfZXI=?=\r\n",
            &large,
        ),
    ];
    let stays = [
        ("invalid-header", "no field name", "nocolon\r\nSubject: x\r\n\r\nbody\r\n"),
        ("invalid-header", "a blank in the name", "Subject : x\r\n\r\nbody\r\n"),
        ("invalid-header", "cut in the header", "Subject: x"),
        (
            "cannot-change 8bit-headers",
            "8-bit where no encoding may stand",
            "Message-ID: <ü@x>\r\n\r\nb\r\n",
        ),
    ];
    // Its raw 8-bit headers are among `changed`.
    let mut mails: Vec<Mail> =
        seeds::awkward().into_iter().filter(|mail| !mail.name.starts_with("header in ")).collect();
    mails.extend(changed.iter().map(|(mail, _)| mail.clone()));
    mails.extend(stays.iter().map(|(_, name, text)| Mail::new(name, DATE, *text)));
    lab.source.seed(ADA, &[("INBOX", mails)]);
    let ferry = Ferry::new(
        &lab,
        &Wanted {
            mailboxes: &[ADA],
            folders: MAP,
            destination_port: Some(there.port),
            ..Wanted::default()
        },
    );
    let planned = ferry.expect(0, &["plan", "plan.yaml"]);
    assert!(planned.stdout.contains("destination 1/1 (cyrus-v1)"), "{}", planned.stdout);
    ferry.plan_and_apply(5);

    let before = lab.source.dump_all(ADA);
    let mut expected = before.clone();
    let inbox = expected.get_mut("INBOX").unwrap();
    inbox.retain(|message| !stays.iter().any(|(_, _, text)| message.bytes == text.as_bytes()));
    for message in inbox {
        let change = changed.iter().find(|(mail, _)| mail.bytes == message.bytes);
        if let Some((_, as_stored)) = change {
            message.bytes.clone_from(as_stored);
        }
    }
    mailbox::same(&expected, &there.dump_all(ADA), |path| Some(mapped(path)));
    let verified = ferry.expect(6, &["verify", "plan.yaml"]);
    assert!(verified.stdout.contains("4 excepted"), "{}", verified.stdout);
    for (reason, _, _) in stays {
        assert!(verified.stdout.contains(reason), "{reason}: {}", verified.stdout);
    }
    let counted = "3 after a named transform (8bit-headers 3)";
    assert!(verified.stdout.contains(counted), "{}", verified.stdout);
    every_change_is_listed(&ferry, &before);
    assert!(lab.source.dump_all(ADA) == before, "the source is unchanged");
}

/// Checks the list of changed messages, and the way to it in the report.
fn every_change_is_listed(ferry: &Ferry, source: &mailbox::Contents) {
    let ran = ferry.expect(0, &["status", "plan.yaml", "--changes", "changes.csv"]);
    assert!(ran.stdout.contains("8bit-headers 3. Each is in changes.csv"), "{}", ran.stdout);
    let list = ferry.read("changes.csv");
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split(',').collect()).collect();
    let column = |name: &str| rows[0].iter().position(|it| *it == name).expect(name);
    assert_eq!(rows.len(), 4, "{list}");
    for row in &rows[1..] {
        let uid: u32 = row[column("uid")].parse().expect("a UID");
        let message = source["INBOX"].iter().find(|message| message.uid == uid).expect("it");
        assert_eq!(row[column("size")], message.bytes.len().to_string());
        assert!(!message.bytes.is_ascii(), "what was changed");
        assert_eq!([row[column("mailbox")], row[column("folder")]], [ADA, "INBOX"]);
        assert_eq!(row[column("transforms")], "8bit-headers");
        assert_eq!(row[column("destination_folder")], "INBOX");
        assert!(!row[column("proven_at")].is_empty(), "verify proved it: {list}");
    }
    let mode = std::fs::metadata(ferry.path("changes.csv")).expect("the list").permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&mode) & 0o777, 0o600);
    let report = ferry.expect(6, &["verify", "plan.yaml", "--format", "html"]).stdout;
    for said in ["<td>8bit-headers</td><td class=\"n\">3</td>", "status PLAN --changes"] {
        assert!(report.contains(said), "{said}");
    }
}

/// A Cyrus with the source's password for its administrator.
fn source(lab: &Lab) -> CyrusServer {
    let profile = CyrusProfile {
        name: "cyrus-source",
        folders: &[("Sent", "sent"), ("Trash", "trash"), ("Spam", "junk")],
        ..CyrusProfile::default()
    };
    lab.cyrus(&profile, &[ADA])
}

#[test]
fn nul_in_a_body_stays_where_a_literal8_carries_it_and_is_named_where_none_does() {
    let lab = Lab::start(LabOptions::default());
    let from = source(&lab);
    let there = lab.cyrus(&CyrusProfile::default(), &[ADA]);
    from.seed(ADA, &[("INBOX", vec![seeds::plain(1), seeds::plain(2)])]);
    let small = b"Subject: nul\r\n\r\na\0b\r\n".to_vec();
    let mut large = seeds::big(1_200_000).into_bytes();
    large.extend_from_slice(b"\0\0end\r\n");
    for octets in [&small, &large] {
        from.session(ADA).append_binary("INBOX", DATE, octets).unwrap();
    }
    let login = format!("{{ admin: {}, secret: old, style: sasl-plain }}", PROXY.0);
    let wanted = |to: u16| Wanted {
        mailboxes: &[ADA],
        folders: MAP,
        source: Some((from.port, &login)),
        destination_port: Some(to),
        ..Wanted::default()
    };
    let ferry = Ferry::new(&lab, &wanted(there.port));
    ferry.plan_and_apply(0);
    let before = from.dump_all(ADA);
    assert_eq!(before["INBOX"].iter().filter(|m| m.bytes.contains(&0)).count(), 2);
    mailbox::same(&before, &there.dump_all(ADA), |path| Some(mapped(path)));
    ferry.settled();

    let to_dovecot = wanted(lab.destination.port);
    std::fs::remove_dir_all(ferry.path(".mailferry")).expect("the ledger of the first migration");
    let ferry = Ferry::new(&lab, &to_dovecot);
    ferry.plan_and_apply(0);
    let mut expected = before.clone();
    for message in expected.get_mut("INBOX").unwrap() {
        for octet in message.bytes.iter_mut().filter(|octet| **octet == 0) {
            *octet = 0x80;
        }
    }
    mailbox::same(&expected, &lab.destination.dump_all(ADA), |path| Some(mapped(path)));
    let verified = ferry.verify();
    assert!(verified.stdout.contains("2 after a named transform"), "{}", verified.stdout);
    ferry.settled();
    assert!(from.dump_all(ADA) == before, "the source is unchanged");
}

/// Cyrus keeps the present in place of the first second of 1970.
#[test]
fn a_date_that_cyrus_does_not_keep_is_listed_and_accepted() {
    let lab = Lab::start(LabOptions::default());
    let there = lab.cyrus(&CyrusProfile::default(), &[ADA]);
    let epoch = Mail::new("epoch", "01-Jan-1970 00:00:00 +0000", seeds::plain(9).bytes);
    lab.source.seed(ADA, &[("INBOX", vec![seeds::plain(1), epoch])]);
    let mut wanted = Wanted {
        mailboxes: &[ADA],
        folders: MAP,
        destination_port: Some(there.port),
        ..Wanted::default()
    };
    let ferry = Ferry::new(&lab, &wanted);
    ferry.plan_and_apply(0);
    let verify = ["verify", "plan.yaml", "--exceptions", "list.csv"];
    let said = ferry.expect(6, &verify).stdout;
    assert!(said.contains("1 message has another date"), "{said}");
    assert!(said.contains("Next: to accept that 1 of"), "{said}");
    let list = ferry.read("list.csv");
    let line = list.lines().nth(1).expect("a row");
    assert!(line.contains(",redated,other-date,") && line.contains(",G311,no"), "{list}");
    let entry = said.lines().find_map(|line| line.split_once("acknowledge: ")).expect("it").1;
    wanted.more = format!("acknowledge: {entry}\n");
    ferry.write_plan(&lab, &wanted);
    let said = ferry.expect(0, &verify).stdout;
    assert!(said.contains("all there · dates equal but for 1, flags equal"), "{said}");
    assert!(ferry.read("list.csv").contains(",G311,yes"), "it is accepted");
    ferry.settled();
}
