//! The assumed profile of Exchange Online, against a server that keeps every octet: so the change
//! itself can be judged.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const DATE: &str = "31-Dec-2024 23:59:59 +0000";

#[test]
fn what_exchange_would_refuse_is_found_when_planning_or_changed_by_name() {
    let lab = Lab::start(LabOptions::default());
    let line = "x".repeat(100_000);
    let small = format!("Subject: small\r\n\r\n{line}\r\nend");
    let large = format!("Subject: large\r\n\r\n{}{line}\r\n", seeds::big(1_500_000));
    let endless = format!("Subject: {line}\r\n\r\nno place to fold\r\n");
    lab.source.seed(
        ADA,
        &[
            (
                "INBOX",
                vec![
                    seeds::plain(1).flags(&["\\Flagged", "\\Seen", "$MDNSent"]),
                    Mail::new("small", DATE, small.clone()),
                    Mail::new("large", DATE, large.clone()),
                    Mail::new("endless", DATE, endless),
                    Mail::new("above 35 MB", DATE, seeds::big(36_800_000)),
                ],
            ),
            ("Files", vec![seeds::plain(2)]),
        ],
    );
    let wanted = Wanted {
        mailboxes: &[ADA],
        folders: MAP,
        destination: "  profile: exchange-online\n",
        ..Wanted::default()
    };
    let ferry = Ferry::new(&lab, &wanted);
    let planned = ferry.expect(0, &["plan", "plan.yaml"]);
    for said in [
        "(exchange-v0)",
        "the destination says that it is dovecot",
        "Files becomes Files_",
        "1 message larger than the destination's limit of 36.7 MB",
        "$MDNSent",
    ] {
        assert!(planned.stdout.contains(said), "{said}: {}", planned.stdout);
    }
    ferry.plan_and_apply(5);

    let there = lab.destination.dump_all(ADA);
    assert_eq!(there["Files_"].len(), 1);
    let inbox = &there["INBOX"];
    assert_eq!(inbox.len(), 3, "the endless header line and the large message stay behind");
    let flags: Vec<&str> = inbox[0].flags.iter().map(String::as_str).collect();
    assert_eq!(flags, ["\\Flagged", "\\Seen"]);
    for (message, original) in inbox[1..].iter().zip([&small, &large]) {
        let text = std::str::from_utf8(&message.bytes).unwrap();
        assert!(text.lines().all(|line| line.len() <= 9_000));
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let (before, content) = original.split_once("\r\n\r\n").unwrap();
        let added = "\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: base64";
        assert_eq!(head, format!("{before}{added}"));
        let body: String = body.split_ascii_whitespace().collect();
        assert!(STANDARD.decode(body).unwrap() == content.as_bytes(), "{before}");
    }
    let verified = ferry.expect(6, &["verify", "plan.yaml"]);
    assert!(verified.stdout.contains("2 after a named transform"), "{}", verified.stdout);
    assert!(verified.stdout.contains("cannot-change long-lines"), "{}", verified.stdout);
}

#[test]
fn names_that_exchange_takes_for_one_are_never_created() {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(
        ADA,
        &[("Work", vec![seeds::plain(1)]), ("work", vec![seeds::plain(2)]), ("Calendar", vec![])],
    );
    let ferry = Ferry::new(
        &lab,
        &Wanted {
            mailboxes: &[ADA],
            folders: MAP,
            destination: "  profile: exchange-online\n",
            ..Wanted::default()
        },
    );
    let planned = ferry.run(&["plan", "plan.yaml"]);
    for said in ["G302", "Calendar is no folder for mail"] {
        assert!(planned.stdout.contains(said), "{said}: {}", planned.stdout);
    }
    ferry.run(&["apply", "plan.yaml", "--auto-approve"]);
    let folders = lab.destination.folders(ADA);
    let made = |name: &str| folders.iter().any(|folder| folder.path == name);
    assert!(!made("Work") && !made("work") && !made("Calendar"), "{folders:?}");
}
