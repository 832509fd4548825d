//! Two folders that become one, and messages that go away in between.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use std::time::Duration;

fn same(lab: &Lab) {
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(if path == "Old Spam" { "Junk Email".to_owned() } else { mapped(path) })
    });
}

#[test]
fn two_folders_with_equal_twins_become_one_with_both() {
    let lab = Lab::start(LabOptions::default());
    let twins = || (0..60).map(seeds::plain).collect::<Vec<Mail>>();
    let more: Vec<Mail> = twins().into_iter().chain((100..110).map(seeds::plain)).collect();
    lab.source.seed(ADA, &[("Spam", twins()), ("Old Spam", more)]);
    let ferry = Ferry::new(
        &lab,
        &Wanted {
            mailboxes: &[ADA],
            folders: "map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email, Old Spam: Junk Email }, \
                      merge: [ Junk Email ]",
            ..Wanted::default()
        },
    );
    // Killed in the first folder, between the two and in the second, one twin must not stand for
    // the other.
    let there = || lab.destination.session(ADA).status("Junk Email").expect("a status").2;
    for enough in [15, 70, 100] {
        let mut apply = ferry.start(&["apply", "plan.yaml", "--auto-approve"]);
        let start = std::time::Instant::now();
        while there() < enough && start.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(apply.runs(), "it ended before: {:#?}", apply.wait());
        apply.kill();
    }
    ferry.apply_until_done(&[]);
    assert_eq!(there(), 130);
    same(&lab);
    ferry.settled();
}

#[test]
fn a_message_that_goes_away_between_plan_and_apply_is_counted_and_missed_by_nobody() {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(
        ADA,
        &[
            ("INBOX", (0..20).map(seeds::plain).collect()),
            ("Old", (20..23).map(seeds::plain).collect()),
        ],
    );
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan();
    let uid = lab.source.dump(ADA, "INBOX")[4].uid;
    lab.source.session(ADA).remove("INBOX", uid).unwrap();
    ferry.expect(0, &["apply", "saved.json"]);
    same(&lab);
    ferry.settled();

    // One that goes away after it was copied stays at the destination.
    let uid = lab.source.dump(ADA, "INBOX")[7].uid;
    lab.source.session(ADA).remove("INBOX", uid).unwrap();
    ferry.expect(0, &["apply", "plan.yaml", "--auto-approve"]);
    assert_eq!(lab.destination.dump(ADA, "INBOX").len(), 19);
    ferry.settled();

    // A whole folder that goes away is said to be stale; nothing else suffers.
    lab.source.deliver(ADA, "Old", &[], "01-Jan-2020 00:00:00 +0000", b"Subject: x\r\n\r\nx\r\n");
    lab.source.deliver(ADA, "INBOX", &[], "01-Jan-2020 00:00:00 +0000", b"Subject: y\r\n\r\ny\r\n");
    ferry.plan();
    lab.source.session(ADA).delete("Old").unwrap();
    let ran = ferry.run(&["apply", "saved.json"]);
    assert!([3, 5].contains(&ran.code), "{ran:#?}");
    assert!(ran.stdout.contains("Old"), "{}", ran.stdout);
    assert_eq!(lab.destination.dump(ADA, "Old").len(), 3, "what was copied stays");
    ferry.apply_until_done(&[]);
    assert_eq!(lab.destination.dump(ADA, "INBOX").len(), 20);
}

#[test]
fn a_second_copy_of_ours_is_named_and_the_same_message_from_others_is_not() {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, &[("INBOX", (0..5).map(seeds::plain).collect())]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan_and_apply(0);
    let mail = seeds::plain(3);
    lab.destination.deliver(ADA, "INBOX", &[], "02-Jan-2025 09:00:00 +0000", &mail.bytes);
    ferry.verify();
    // What a server stores late, long after the connection is gone, has our date.
    lab.destination.deliver(ADA, "INBOX", &[], &mail.date, &mail.bytes);
    let late = lab.destination.dump(ADA, "INBOX").last().unwrap().uid;
    let verified = ferry.expect(6, &["verify", "plan.yaml"]);
    assert!(verified.stdout.contains("1 extra copy\n"), "{}", verified.stdout);
    let named = format!("destination UID {late}: equal to a message that is there already");
    assert!(verified.stdout.contains(&named), "{}", verified.stdout);
}
