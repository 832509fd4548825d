//! The whole story: plan, review, apply, verify, and what happens in between.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::bind::Zone;
use crate::lab::client::Folder;
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use std::collections::BTreeMap;

const BOB: &str = "bob@acme.example";
const CAROL: &str = "carol@acme.example";

fn ordinary(from: usize) -> Vec<(&'static str, Vec<Mail>)> {
    vec![
        ("INBOX", (from..from + 30).map(seeds::plain).collect()),
        ("Sent", (from..from + 5).map(seeds::plain).map(|mail| mail.flags(&["\\Seen"])).collect()),
        ("Customers/Müller & Söhne", (from..from + 4).map(seeds::plain).collect()),
    ]
}

fn goes(path: &str) -> Option<String> {
    (path != "Projects/2020").then(|| mapped(path))
}

fn compare(lab: &Lab) {
    for user in [ADA, BOB, CAROL] {
        mailbox::same(&lab.source.dump_all(user), &lab.destination.dump_all(user), goes);
    }
}

#[test]
fn three_mailboxes_and_a_zone_from_the_plan_to_the_proof() {
    let mut lab = Lab::start(LabOptions {
        zones: vec![Zone::rackspace("acme.example")],
        ..LabOptions::default()
    });
    lab.source.seed(ADA, &seeds::folders());
    lab.source.seed(BOB, &ordinary(100));
    lab.source.seed(CAROL, &ordinary(200));
    let before: Vec<_> = [ADA, BOB, CAROL].iter().map(|user| lab.source.dump_all(user)).collect();
    let files: Vec<_> =
        [ADA, BOB, CAROL].iter().map(|user| mailbox::files(&lab.source, user)).collect();
    let folders: BTreeMap<_, _> =
        [ADA, BOB, CAROL].iter().map(|user| (user, listed(&lab, user))).collect();
    let server = lab.dns.as_ref().unwrap().address(1);
    let ferry = Ferry::new(
        &lab,
        &Wanted {
            mailboxes: &[ADA, BOB, CAROL],
            folders: &format!("{MAP}, exclude: [ Projects/2020 ]"),
            more: format!(
                "\
dns:
  provider: {{ kind: manual }}
  resolvers: [ \"{server}\" ]
  zones:
    acme.example:
      servers: [ \"{server}\" ]
      mx: [ {{ host: mx.new.example, preference: 10 }} ]
"
            ),
            ..Wanted::default()
        },
    );

    let validated = ferry.expect(0, &["validate", "plan.yaml"]);
    assert!(validated.stdout.contains("3 mailboxes, 1 DNS zone"), "{}", validated.stdout);
    let digest = ferry.plan();
    let shown = ferry.expect(0, &["show", "saved.json", "--format", "markdown"]);
    for text in ["mx.new.example", ADA, BOB, CAROL, &digest[..12]] {
        assert!(shown.stdout.contains(text), "{text} is not in\n{}", shown.stdout);
    }
    let wrong = ferry.expect(3, &["apply", "saved.json", "--expect", "0123456789ab"]);
    assert!(wrong.stderr.contains("E306"), "{}", wrong.stderr);
    assert!(lab.destination.dump_all(ADA).values().all(Vec::is_empty), "nothing was approved");
    ferry.expect(0, &["apply", "saved.json", "--expect", &digest]);
    compare(&lab);
    ferry.verify();
    same_folders(&lab, &folders);

    // Not an octet, a flag, a UID or a name of a file at the source is another one.
    for (number, user) in [ADA, BOB, CAROL].iter().enumerate() {
        assert!(mailbox::files(&lab.source, user) == files[number], "{user}: files changed");
        assert!(lab.source.dump_all(user) == before[number], "{user}: messages changed");
        assert_eq!(listed(&lab, user), folders[user]);
    }

    let left = ferry.expect(2, &["plan", "plan.yaml", "--detailed-exitcode"]);
    assert!(left.stdout.contains("0 mailboxes to copy, 0 waiting, 1 for a person"), "{left:#?}");
    assert!(left.stdout.contains("mx.new.example"), "{}", left.stdout);
    lab.dns.as_mut().unwrap().publish("acme.example", &["@ 300 IN MX 10 mx.new.example."]);
    ferry.expect(0, &["plan", "plan.yaml", "--detailed-exitcode"]);

    // One message more at the source is one message in one folder.
    let late = seeds::plain(999);
    lab.source.deliver(BOB, "INBOX", &["\\Flagged"], "02-Jan-2025 09:00:00 +0000", &late.bytes);
    let plan = ferry.planned();
    let ready = plan["plan"]["ready"].as_array().expect("actions");
    assert_eq!(ready.len(), 1, "{ready:#?}");
    assert_eq!(ready[0]["id"], format!("copy_folder/{BOB}/INBOX"));
    assert_eq!(ready[0]["kind"]["estimate"]["messages"], 1, "{ready:#?}");
    let ran = ferry.plan_and_apply(0);
    assert!(ran.stdout.contains("Copied 1 message,"), "{}", ran.stdout);
    compare(&lab);
    ferry.settled();
}

/// The folders of the source; whether one is marked says only what Dovecot remembers.
fn listed(lab: &Lab, user: &str) -> Vec<Folder> {
    let mut folders = lab.source.folders(user);
    for folder in &mut folders {
        folder.attributes.retain(|attribute| !attribute.ends_with("arked"));
    }
    folders
}

/// Folders that a person made arrive with their subscription.
fn same_folders(lab: &Lab, folders: &BTreeMap<&&str, Vec<Folder>>) {
    for (user, listed) in folders {
        let there = lab.destination.folders(user);
        for folder in listed.iter().filter(|folder| folder.selectable()) {
            let Some(path) = goes(&folder.path) else {
                assert!(there.iter().all(|other| other.path != folder.path), "{folder:?}");
                continue;
            };
            let found = there.iter().find(|other| other.path == path);
            let found = found.unwrap_or_else(|| panic!("{user}: {path} is not there"));
            assert!(found.selectable(), "{found:?}");
            assert!(found.subscribed || !folder.subscribed, "{path} is not subscribed");
        }
    }
}

#[test]
fn flags_changed_at_the_source_follow_and_those_changed_by_the_user_there_stay() {
    let lab = Lab::start(LabOptions::default());
    let mails: Vec<Mail> = (0..6).map(seeds::plain).map(|m| m.flags(&["\\Flagged"])).collect();
    lab.source.seed(ADA, &[("INBOX", mails)]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan_and_apply(0);
    ferry.settled();

    let (from, to) = (lab.source.dump(ADA, "INBOX"), lab.destination.dump(ADA, "INBOX"));
    let mut source = lab.source.session(ADA);
    source.store("INBOX", from[0].uid, "+FLAGS", &["\\Seen", "$Forwarded"]).unwrap();
    source.store("INBOX", from[1].uid, "-FLAGS", &["\\Flagged"]).unwrap();
    source.store("INBOX", from[2].uid, "+FLAGS", &["\\Answered"]).unwrap();
    source.store("INBOX", from[5].uid, "+FLAGS", &["\\Deleted"]).unwrap();
    let mut destination = lab.destination.session(ADA);
    destination.store("INBOX", to[2].uid, "+FLAGS", &["\\Seen", "mine"]).unwrap();
    destination.store("INBOX", to[2].uid, "-FLAGS", &["\\Flagged"]).unwrap();
    destination.store("INBOX", to[3].uid, "+FLAGS", &["\\Answered"]).unwrap();
    destination.command("LOGOUT").unwrap();
    let mut destination = lab.destination.session(ADA);
    destination.remove("INBOX", to[4].uid).unwrap();
    destination.append("INBOX", &[], None, b"Subject: The user's own\r\n\r\nx\r\n").unwrap();

    let ran = ferry.plan_and_apply(0);
    assert!(!ran.stdout.contains("Copied"), "{}", ran.stdout);
    let now: BTreeMap<u32, Vec<String>> = lab
        .destination
        .dump(ADA, "INBOX")
        .into_iter()
        .map(|message| (message.uid, message.flags.into_iter().collect()))
        .collect();
    assert_eq!(now[&to[0].uid], ["$Forwarded", "\\Flagged", "\\Seen"]);
    assert!(now[&to[1].uid].is_empty());
    assert_eq!(now[&to[2].uid], ["\\Answered", "\\Seen", "mine"]);
    assert_eq!(now[&to[3].uid], ["\\Answered", "\\Flagged"]);
    assert!(!now.contains_key(&to[4].uid), "what the user removed does not come back");
    assert_eq!(now[&to[5].uid], ["\\Flagged"]);
    assert_eq!(now.len(), 6, "the user's own message stays");
    ferry.settled();
}
