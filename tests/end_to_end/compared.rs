//! `tests/compare.py`, the comparison for people, finds what is not the same and nothing else.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::seeds;
use crate::lab::{Lab, LabOptions};
use std::process::{Command, Output};

/// Compares a mailbox of a lab through TLS, with the folder map of the other tests.
pub(crate) fn compare(lab: &Lab, user: &str, password: &str, more: &[&str]) -> Output {
    Command::new("python3")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compare.py"))
        .args(["--source", &format!("localhost:{}", lab.source.port), "--source-user", user])
        .args(["--destination", &format!("localhost:{}", lab.destination.port)])
        .args(["--destination-user", user, "--ca"])
        .arg(&lab.ca_pem)
        .args(more)
        .env("SOURCE_PASSWORD", password)
        .env("DESTINATION_PASSWORD", Lab::DESTINATION_PASSWORD)
        .output()
        .expect("python3 can be run")
}

#[test]
fn the_comparison_for_people_finds_every_difference_and_no_other() {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, &seeds::folders());
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan_and_apply(0);
    let map =
        ["--map", "Sent=Sent Items", "--map", "Trash=Deleted Items", "--map", "Spam=Junk Email"];
    let run = |code: i32, password: &str| {
        let output = compare(&lab, ADA, password, &map);
        let said = String::from_utf8(output.stdout).expect("text");
        let errors = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(code), "{said}{errors}");
        said + &errors
    };
    let count = seeds::folders().iter().map(|(_, mails)| mails.len()).sum::<usize>();
    let same = run(0, Lab::SOURCE_PASSWORD);
    assert!(same.contains(&format!("{count} messages at the source, 0 differences")), "{same}");

    let mut session = lab.destination.session(ADA);
    let there = lab.destination.dump(ADA, "INBOX");
    session.remove("INBOX", there[0].uid).unwrap();
    session.store("INBOX", there[1].uid, "+FLAGS", &["\\Answered"]).unwrap();
    session.append("Empty", &[], Some("01-Jan-2020 00:00:00 +0000"), b"A: b\r\n\r\n").unwrap();
    let twin = &lab.destination.dump(ADA, "日本語")[0];
    session.remove("日本語", twin.uid).unwrap();
    session.append("日本語", &[], Some("01-Jan-2020 00:00:00 +0000"), &twin.bytes).unwrap();
    session.delete("Sent Items/2018").unwrap();
    drop(session);
    let other = run(1, Lab::SOURCE_PASSWORD);
    for text in [
        "INBOX: 24 at the source, 23 there, 2 differences",
        "  missing: UID 1,",
        "  flags: UID 2 has [], UID 2 there has ['\\\\Answered']",
        "Empty: 0 at the source, 1 there, 1 differences",
        "  extra: UID 1,",
        "  date: UID ",
        "Sent Items/2018: 2 at the source, 0 there, 3 differences",
        "  the folder is not there",
    ] {
        assert!(other.contains(text), "`{text}` is not in\n{other}");
    }
    assert!(other.ends_with("7 differences\n"), "{other}");

    let failed = run(2, "wrong");
    assert!(failed.contains("AUTHENTICATIONFAILED"), "{failed}");
}
