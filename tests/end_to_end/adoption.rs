//! A destination that another tool half filled.

use crate::ferry::{ADA, Ferry, MAP, Ran, Wanted};
use crate::lab::client::Stored;
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use crate::peers;

#[test]
fn what_another_tool_copied_is_adopted_after_an_acknowledgement_and_only_the_rest_is_sent() {
    let lab = Lab::start(LabOptions::default());
    let mails: Vec<Mail> = seeds::awkward().into_iter().chain((0..40).map(seeds::plain)).collect();
    lab.source.seed(ADA, &[("INBOX", mails.clone()), ("Sent", mails.clone())]);
    // Every second one, so that of each pair of twins one is there, and the one with other flags.
    let half: Vec<Mail> = mails
        .iter()
        .enumerate()
        .filter(|(index, mail)| index % 2 == 0 || mail.name.starts_with("twin, other"))
        .map(|(_, mail)| mail.clone())
        .collect();
    // That tool forgot the flags of the Sent folder.
    let bare = half.iter().map(|mail| Mail { flags: Vec::new(), ..mail.clone() }).collect();
    let without_deleted = |mail: &Mail| Mail {
        flags: mail.flags.iter().filter(|flag| *flag != "\\Deleted").cloned().collect(),
        ..mail.clone()
    };
    let kept: Vec<Mail> = half.iter().map(without_deleted).collect();
    lab.destination.seed(ADA, &[("INBOX", kept), ("Sent Items", bare)]);
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);

    let planned = ferry.expect(0, &["plan", "plan.yaml", "--out", "saved.json"]);
    let held = lab.destination.dump_all(ADA);
    let blocked = ferry.expect(4, &["apply", "saved.json"]);
    assert!(blocked.stdout.contains("not run yet"), "{blocked:#?}");
    assert!(lab.destination.dump_all(ADA) == held, "a guard holds everything back");
    ferry.expect(4, &["apply", "plan.yaml", "--auto-approve"]);
    assert!(lab.destination.dump_all(ADA) == held, "a guard holds everything back");

    let line = planned
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("acknowledge:") && line.contains("G301"))
        .unwrap_or_else(|| panic!("nothing to paste in\n{}", planned.stdout));
    ferry.write_plan(&lab, &Wanted { more: format!("{}\n", line.trim()), ..wanted });
    // The approval of the plan without the acknowledgement is void.
    ferry.expect(3, &["apply", "saved.json"]);
    let ran = ferry.plan_and_apply(0);
    let missing = 2 * (mails.len() - half.len());
    assert!(ran.stdout.contains(&format!("Copied {missing} messages")), "{}", ran.stdout);
    let found = 2 * half.len();
    assert!(ran.stdout.contains(&format!("Found {found} messages")), "{}", ran.stdout);
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    // What was there before keeps its UIDs.
    for (path, before) in &held {
        let now: Vec<u32> = lab.destination.dump(ADA, path).iter().map(|m| m.uid).collect();
        assert!(before.iter().all(|message| now.contains(&message.uid)), "{path}");
    }
    let verified = ferry.verify();
    assert!(verified.stdout.contains(&format!("{found} already there")), "{}", verified.stdout);
    ferry.settled();
}

/// Plans, accepts what is at the destination, and applies.
pub(crate) fn accept(lab: &Lab, ferry: &Ferry, wanted: &Wanted<'_>) -> Ran {
    let planned = ferry.expect(0, &["plan", "plan.yaml", "--out", "saved.json"]);
    assert!(planned.stdout.contains("G301"), "{}", planned.stdout);
    let before = lab.destination.dump_all(ADA);
    ferry.expect(4, &["apply", "saved.json"]);
    let held = lab.destination.dump_all(ADA);
    // Folders may be made meanwhile.
    let untouched = before.iter().all(|(path, messages)| held[path] == *messages)
        && held.iter().all(|(path, now)| before.contains_key(path) || now.is_empty());
    assert!(untouched, "a guard holds every message back");
    let line = planned
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("acknowledge:") && line.contains("G301"))
        .unwrap_or_else(|| panic!("nothing to paste in\n{}", planned.stdout));
    let line = format!("{}\n", line.trim());
    ferry.write_plan(lab, &Wanted { more: line, ..wanted.clone() });
    ferry.plan_and_apply(0)
}

/// The messages that a test gives both sides.
fn some() -> Vec<Mail> {
    let mut mails = seeds::awkward();
    mails.retain(|mail| mail.bytes.len() < 1 << 20 && !mail.flags.iter().any(|f| f == "\\Deleted"));
    mails.into_iter().chain((0..30).map(seeds::plain)).collect()
}

#[test]
fn what_doveadm_backup_copied_is_adopted_whole() {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, &[("INBOX", some()), ("Archive", some()), ("Sent", some())]);
    peers::doveadm_backup(&lab, ADA);
    let held = lab.destination.dump_all(ADA);
    assert_eq!(held["Archive"].len(), some().len(), "doveadm copied");
    let wanted = Wanted { mailboxes: &[ADA], ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    let ran = accept(&lab, &ferry, &wanted);
    let all = 3 * some().len();
    assert!(ran.stdout.contains(&format!("Found {all} messages")), "{}", ran.stdout);
    assert!(!ran.stdout.contains("Copied"), "{}", ran.stdout);
    let now = lab.destination.dump_all(ADA);
    for (path, messages) in held {
        assert!(now[&path] == messages, "{path}: nothing is sent, and nothing is changed");
    }
    ferry.settled();
}

/// mbsync adds an `X-TUID` header to every message that it copies: none is equal any more, and
/// none can be adopted. What is sent beside them is named.
#[test]
fn what_mbsync_changed_is_not_adopted_and_named() {
    let lab = Lab::start(LabOptions::default());
    let mails: Vec<Mail> = (0..30).map(seeds::plain).collect();
    lab.source.seed(ADA, &[("INBOX", mails.clone()), ("Archive", mails.clone())]);
    peers::succeeded(&peers::mbsync(&lab, ADA, &["INBOX", "Archive"]));
    let held = lab.destination.dump_all(ADA);
    assert_eq!((held["INBOX"].len(), held["Archive"].len()), (30, 30), "mbsync copied");
    let changed = |message: &Stored| String::from_utf8_lossy(&message.bytes).contains("X-TUID: ");
    assert!(held.values().flatten().all(changed), "mbsync leaves messages as they are now");
    let wanted = Wanted { mailboxes: &[ADA], ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    looks_alike(&lab, &ferry, &wanted, 60);
}

/// A service that reads the source and stores through another door than IMAP keeps the dates, and
/// the destination writes the messages anew.
#[test]
fn what_a_destination_wrote_anew_is_not_adopted_and_named() {
    let lab = Lab::start(LabOptions::default());
    let mails: Vec<Mail> = (0..30).map(seeds::plain).collect();
    lab.source.seed(ADA, &[("INBOX", mails.clone()), ("Sent", mails.clone())]);
    let anew = |mail: &Mail| {
        let text = String::from_utf8(mail.bytes.clone()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let bytes = format!("X-Service: moved\r\n{head}\r\nMIME-Version: 1.0\r\n\r\n{body}");
        Mail { bytes: bytes.into_bytes(), ..mail.clone() }
    };
    // Two thirds of them; of those, half were left as they are.
    let there: Vec<Mail> = mails
        .iter()
        .take(20)
        .enumerate()
        .map(|(n, mail)| if n % 2 == 0 { anew(mail) } else { mail.clone() })
        .collect();
    lab.destination.seed(ADA, &[("INBOX", there.clone()), ("Sent Items", there)]);
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    looks_alike(&lab, &ferry, &wanted, 20);
}

/// Accepts, and checks that every message of the source is there as it is, each once, that nothing
/// that was there is touched, and that what lies beside is named.
fn looks_alike(lab: &Lab, ferry: &Ferry, wanted: &Wanted<'_>, count: usize) {
    let held = lab.destination.dump_all(ADA);
    let ran = accept(lab, ferry, wanted);
    let source = lab.source.dump_all(ADA);
    let now = lab.destination.dump_all(ADA);
    for (path, before) in &held {
        assert!(before.iter().all(|message| now[path].contains(message)), "{path}: changed");
    }
    for (path, messages) in &source {
        let to = if wanted.folders.is_empty() { path.clone() } else { mapped(path) };
        for message in messages {
            let equal =
                |there: &&Stored| there.bytes == message.bytes && there.date == message.date;
            let here = messages.iter().filter(equal).count();
            assert_eq!(now[&to].iter().filter(equal).count(), here, "{path}: UID {}", message.uid);
        }
    }
    let told: usize = ran
        .stderr
        .lines()
        .filter_map(|line| line.split_once(" messages look like messages of the source "))
        .map(|(before, _)| before.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(told, count, "{}", ran.stderr);
    ferry.settled();
}

/// What a user moved is no copy that another tool made, whatever it is equal to.
#[test]
fn a_copy_that_its_user_moved_stands_for_no_twin_in_a_folder_that_comes_later() {
    let lab = Lab::start(LabOptions::default());
    let mails: Vec<Mail> = (0..5).map(seeds::plain).collect();
    lab.source.seed(ADA, &[("INBOX", mails.clone())]);
    let wanted = Wanted { mailboxes: &[ADA], ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    ferry.plan_and_apply(0);

    let mut there = lab.destination.session(ADA);
    there.create("Archive").unwrap();
    let uids = lab.destination.dump(ADA, "INBOX")[..2].iter().map(|message| message.uid).collect();
    there.move_to("INBOX", &uids, "Archive").unwrap();
    // Another tool copied the third, whose twin stands where we sent it.
    lab.destination.seed(ADA, &[("Archive", vec![mails[2].clone()])]);
    let dated = Mail { date: "02-Feb-2020 02:02:02 +0000".to_owned(), ..mails[1].clone() };
    let twins = vec![mails[0].clone(), dated, mails[2].clone()];
    lab.source.seed(ADA, &[("Archive", twins)]);

    let ran = ferry.plan_and_apply(0);
    assert!(ran.stdout.contains("Copied 2 messages"), "{}", ran.stdout);
    assert!(ran.stdout.contains("Found 1 message"), "{}", ran.stdout);
    let octets = |server: &[Stored]| {
        let mut octets: Vec<_> = server.iter().map(|message| message.bytes.clone()).collect();
        octets.sort();
        octets
    };
    let all = |messages: std::collections::BTreeMap<String, Vec<Stored>>| {
        octets(&messages.into_values().flatten().collect::<Vec<_>>())
    };
    assert!(all(lab.destination.dump_all(ADA)) == all(lab.source.dump_all(ADA)), "each once");
    ferry.verify();
}
