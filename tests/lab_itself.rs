//! The fixture's own tests: what it stores is what it shows, and nothing stays behind.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod lab;

use lab::bind::Zone;
use lab::dovecot::{MASTER, Profile};
use lab::seeds;
use lab::wire::seconds;
use lab::{Lab, LabOptions};
use std::collections::BTreeSet;

#[test]
fn every_awkward_message_is_stored_octet_by_octet_at_the_source() {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed("ada@acme.example", &seeds::folders());
    let all = lab.source.dump_all("ada@acme.example");
    for (path, mails) in seeds::folders() {
        let stored = &all[path];
        assert_eq!(stored.len(), mails.len(), "{path}");
        for (stored, mail) in stored.iter().zip(&mails) {
            assert!(stored.bytes == mail.bytes, "{path}: {} has other octets", mail.name);
            assert_eq!(stored.flags, mail.flags.iter().cloned().collect::<BTreeSet<_>>());
            assert_eq!(stored.date, seconds(&mail.date), "{}", mail.name);
        }
    }
    let folders = lab.source.folders("ada@acme.example");
    let find = |path: &str| folders.iter().find(|folder| folder.path == path).unwrap();
    assert!(find("Spam").attributes.contains("\\Junk"));
    assert!(find("日本語").subscribed);
    assert!(!find("Projects").selectable(), "{:?}", find("Projects"));
}

#[test]
fn the_destination_has_the_names_of_exchange_and_keeps_awkward_messages_too() {
    let lab = Lab::start(LabOptions::default());
    lab.destination.seed("bob@acme.example", &[("Sent Items", seeds::awkward())]);
    let stored = lab.destination.dump("bob@acme.example", "Sent Items");
    for (stored, mail) in stored.iter().zip(seeds::awkward()) {
        assert!(stored.bytes == mail.bytes, "{} has other octets", mail.name);
    }
    assert_eq!(stored.len(), seeds::awkward().len());
    let paths: Vec<String> =
        lab.destination.folders("bob@acme.example").into_iter().map(|f| f.path).collect();
    assert_eq!(paths, ["Deleted Items", "Drafts", "INBOX", "Junk Email", "Sent Items"]);
}

#[test]
fn what_a_test_provokes_is_answered_in_the_servers_words() {
    let mut lab = Lab::start(LabOptions {
        destination: Profile { message_size: Some("100K".to_owned()), ..Profile::exchange() },
        ..LabOptions::default()
    });
    let ada = "ada@acme.example";
    let wrong = lab.source.try_session(ada, "nonsense").err().unwrap().to_string();
    assert!(wrong.contains("AUTHENTICATIONFAILED"), "{wrong}");

    let mut master = lab.source.try_session("ada@acme.example*migrator", MASTER.1).unwrap();
    master.create("By the master").unwrap();
    assert!(lab.source.folders(ada).iter().any(|folder| folder.path == "By the master"));
    let wrong = lab.source.try_session("ada@acme.example*migrator", Lab::SOURCE_PASSWORD);
    assert!(wrong.is_err(), "the user's own password is not the master's");

    let mut session = lab.destination.session(ada);
    let big = session.append("INBOX", &[], None, seeds::big(200_000).as_bytes()).unwrap_err();
    assert!(big.to_string().contains("larger than the maximum size"), "{big}");
    drop(session);

    lab.destination.limit(ada, "20K");
    let mut session = lab.destination.session(ada);
    let mail = seeds::big(15_000);
    session.append("INBOX", &[], None, mail.as_bytes()).unwrap();
    let full = session.append("INBOX", &[], None, mail.as_bytes()).unwrap_err();
    assert!(full.to_string().contains("[OVERQUOTA]"), "{full}");
    drop(session);

    lab.destination.forbid_new_folders(ada);
    let denied = lab.destination.session(ada).create("New").unwrap_err();
    assert!(denied.to_string().starts_with("NO "), "{denied}");
    lab.destination.allow_new_folders(ada);
    lab.destination.session(ada).create("New").unwrap();

    lab.destination.refuse(ada, "IMAP is off");
    let off = lab.destination.try_session(ada, Lab::DESTINATION_PASSWORD).err().unwrap();
    assert!(off.to_string().contains("IMAP_is_off"), "{off}");
}

#[test]
fn a_server_can_be_stopped_frozen_and_started_again_with_its_mail() {
    let mut lab = Lab::start(LabOptions::default());
    let ada = "ada@acme.example";
    lab.source.deliver(
        ada,
        "INBOX",
        &["\\Seen"],
        "01-Jan-2020 00:00:00 +0000",
        b"A: b\r\n\r\nc\r\n",
    );
    lab.source.plant(ada, "", "1700000000.nul.lab", b"Subject: NUL\r\n\r\na\0b\r\n");
    let before = lab.source.dump(ada, "INBOX");
    assert_eq!(before.len(), 2);
    // Dovecot never sends NUL: it serves 0x80 in its place.
    assert_eq!(before[1].bytes, b"Subject: NUL\r\n\r\na\x80b\r\n");
    lab.source.stop();
    assert!(lab.source.try_session(ada, Lab::SOURCE_PASSWORD).is_err());
    lab.source.restart();
    assert_eq!(lab.source.dump(ada, "INBOX"), before);
    let mut session = lab.source.session(ada);
    lab.source.freeze();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| session.command("NOOP"));
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!waiting.is_finished());
        lab.source.thaw();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn nothing_stays_behind_when_a_lab_ends() {
    let lab = Lab::start(LabOptions {
        zones: vec![Zone { servers: 2, ..Zone::rackspace("acme.example") }],
        ..LabOptions::default()
    });
    let session = lab.source.session("ada@acme.example");
    let dir = lab.dir.clone();
    assert!(processes_about(&dir) >= 4);
    drop(lab);
    drop(session);
    assert_eq!(processes_about(&dir), 0);
    assert!(!dir.exists());
}

#[test]
fn a_zone_changes_on_every_server_or_on_one_alone() {
    let mut lab = Lab::start(LabOptions {
        zones: vec![Zone { servers: 2, ..Zone::rackspace("acme.example") }],
        ..LabOptions::default()
    });
    let dns = lab.dns.as_mut().unwrap();
    assert_eq!(dig(dns.address(1), "MX"), ["10 mx1.emailsrvr.com.", "20 mx2.emailsrvr.com."]);
    let new = ["@ 300 IN MX 0 mail.acme.example.", "mail IN A 127.0.0.1"];
    dns.publish_on(&[1], "acme.example", &new);
    assert_eq!(dig(dns.address(1), "MX"), ["0 mail.acme.example."]);
    assert_eq!(dig(dns.address(2), "MX").len(), 2);
    dns.publish("acme.example", &new);
    assert_eq!(dig(dns.address(2), "MX"), ["0 mail.acme.example."]);
    dns.refuse(2);
    assert!(dig(dns.address(2), "MX").is_empty());
}

fn dig(server: std::net::SocketAddr, kind: &str) -> Vec<String> {
    let output = std::process::Command::new("dig")
        .args([&format!("@{}", server.ip()), "-p", &server.port().to_string()])
        .args(["+short", "acme.example", kind])
        .output()
        .expect("dig of bind9-dnsutils can be run");
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// Counts the processes that name the directory in their arguments or have their log there.
fn processes_about(dir: &std::path::Path) -> usize {
    let name = dir.to_str().unwrap().as_bytes();
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| line.windows(name.len()).any(|part| part == name))
        .count()
}
