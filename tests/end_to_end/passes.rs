//! Later passes, with everything that people do to their mail in between.

use crate::ferry::{ADA, Ferry, MAP, Ran, Wanted};
use crate::lab::dovecot::ImapServer;
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use std::fs;

fn start(folders: &str, mail: &[(&str, Vec<Mail>)]) -> (Lab, Ferry) {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, mail);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders, ..Wanted::default() });
    ferry.plan_and_apply(0);
    (lab, ferry)
}

fn some(numbers: std::ops::Range<usize>) -> Vec<Mail> {
    numbers.map(seeds::plain).collect()
}

fn same(lab: &Lab) {
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
}

/// Moves messages at a server as a mail program does.
fn moved(server: &ImapServer, from: &str, uids: &str, to: &str) {
    let mut session = server.session(ADA);
    session.command(&format!("SELECT {}", session.name(from))).expect("a folder");
    session.command(&format!("UID MOVE {uids} {}", session.name(to))).expect("a move");
}

fn uids(server: &ImapServer, path: &str) -> Vec<u32> {
    server.dump(ADA, path).iter().map(|message| message.uid).collect()
}

fn uid_of(server: &ImapServer, path: &str, number: usize) -> u32 {
    let bytes = seeds::plain(number).bytes;
    let there = server.dump(ADA, path);
    there.iter().find(|message| message.bytes == bytes).expect("the message").uid
}

/// Asserts how many messages a run sent.
#[track_caller]
fn sent(ran: &Ran, count: usize) {
    let says = match count {
        0 => !ran.stdout.contains("Copied "),
        1 => ran.stdout.contains("Copied 1 message,"),
        _ => ran.stdout.contains(&format!("Copied {count} messages,")),
    };
    assert!(says, "{count} were to be copied\n{}{}", ran.stdout, ran.stderr);
}

/// Lets a server forget the UIDs of a folder: it gives new ones under a new UIDVALIDITY.
fn forget_uids(lab: &Lab, folder: &str) {
    let root = lab.source.dir.join("mail").join(ADA).join("Maildir").join(folder);
    for entry in fs::read_dir(&root).expect("the folder").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("dovecot.index") || name == "dovecot-uidlist" {
            fs::remove_file(entry.path()).expect("it can be removed");
        }
    }
}

#[test]
fn what_moved_or_was_renamed_at_the_source_moves_along_and_is_not_sent_again() {
    let twin = |flags: &[&str]| seeds::plain(99).flags(flags);
    let (lab, ferry) = start(
        MAP,
        &[
            (
                "INBOX",
                some(0..8).into_iter().chain([twin(&[]), twin(&[]), twin(&["\\Seen"])]).collect(),
            ),
            ("Sent", some(10..13)),
            ("Work", some(20..24)),
            ("Work/2019", some(30..33)),
        ],
    );
    let (source, destination) = (&lab.source, &lab.destination);
    source.session(ADA).rename("Work", "Jobs").unwrap();
    // Three ordinary ones, and one of three twins.
    let ids = [uid_of(source, "INBOX", 2), uid_of(source, "INBOX", 3), uid_of(source, "INBOX", 4)];
    let twin_uid = *uids(source, "INBOX").last().unwrap();
    moved(source, "INBOX", &format!("{},{},{},{twin_uid}", ids[0], ids[1], ids[2]), "Sent");
    // A flag that came together with the move, and one of the user of the destination.
    let at = uid_of(source, "Sent", 3);
    source.session(ADA).store("Sent", at, "+FLAGS", &["\\Answered"]).unwrap();
    let theirs = uid_of(destination, "INBOX", 5);
    destination.session(ADA).store("INBOX", theirs, "+FLAGS", &["\\Flagged"]).unwrap();
    let new = seeds::plain(50);
    source.deliver(ADA, "Sent", &[], &new.date, &new.bytes);

    let planned = ferry.expect(0, &["plan", "plan.yaml"]).stdout;
    for said in [
        "4 messages in Sent look like what is not in INBOX any more",
        "4 messages in Jobs look like",
    ] {
        assert!(planned.contains(said), "{planned}");
    }
    let ran = ferry.plan_and_apply(0);
    sent(&ran, 1);
    destination.session(ADA).store("INBOX", theirs, "-FLAGS", &["\\Flagged"]).unwrap();
    same(&lab);
    assert_eq!(destination.dump(ADA, "Work").len(), 0, "nothing stayed behind");
    ferry.settled();
}

#[test]
fn a_copy_that_its_user_changed_stays_and_with_leave_all_of_them_do() {
    for (folders, stays) in [("moves: follow", 1), ("moves: leave", 3)] {
        let mail = [("INBOX", some(0..6)), ("Later", some(10..12))];
        let (lab, ferry) = start(folders, &mail);
        let (source, destination) = (&lab.source, &lab.destination);
        let flagged = uid_of(destination, "INBOX", 1);
        destination.session(ADA).store("INBOX", flagged, "+FLAGS", &["\\Flagged"]).unwrap();
        let ids = [1, 2, 3].map(|number| uid_of(source, "INBOX", number).to_string());
        moved(source, "INBOX", &ids.join(","), "Later");
        let ran = ferry.plan_and_apply(0);
        sent(&ran, 0);
        assert_eq!(destination.dump(ADA, "INBOX").len(), 3 + stays, "{folders}");
        assert_eq!(destination.dump(ADA, "Later").len(), 5 - stays, "{folders}");
        let verified = ferry.verify().stdout;
        assert!(verified.contains(&format!("{stays} in another folder")), "{verified}");
        // Its flags are kept up to date where it is, and what its user set stays.
        let at = uid_of(source, "Later", 1);
        source.session(ADA).store("Later", at, "+FLAGS", &["\\Answered"]).unwrap();
        ferry.plan_and_apply(0);
        let there = destination.dump(ADA, "INBOX");
        let flags = &there.iter().find(|message| message.uid == flagged).unwrap().flags;
        assert!(flags.contains("\\Answered") && flags.contains("\\Flagged"), "{flags:?}");
        ferry.settled();
    }
}

#[test]
fn a_copy_that_is_not_there_any_more_stands_for_nothing() {
    let (lab, ferry) = start(MAP, &[("INBOX", some(0..4)), ("Later", some(10..11))]);
    let there = uid_of(&lab.destination, "INBOX", 2);
    lab.destination.session(ADA).remove("INBOX", there).unwrap();
    moved(&lab.source, "INBOX", &uid_of(&lab.source, "INBOX", 2).to_string(), "Later");
    sent(&ferry.plan_and_apply(0), 1);
    same(&lab);
    ferry.settled();
}

#[test]
fn new_uids_at_the_source_copy_nothing_again() {
    let mut mail = some(0..9);
    mail.extend([seeds::plain(3), seeds::plain(3).flags(&["\\Seen"])]);
    let (lab, ferry) = start(MAP, &[("INBOX", some(40..43)), ("Archive", mail)]);
    ferry.verify();
    let before =
        (uids(&lab.destination, "Archive"), lab.source.session(ADA).status("Archive").unwrap());
    forget_uids(&lab, ".Archive");
    let now = lab.source.session(ADA).status("Archive").unwrap();
    assert_ne!(before.1.0, now.0, "the UIDVALIDITY is another one");
    let new = seeds::plain(60);
    lab.source.deliver(ADA, "Archive", &[], &new.date, &new.bytes);
    // The folder does not stay unknown for ever.
    let planned = ferry.expect(0, &["plan", "plan.yaml"]).stdout;
    assert!(planned.contains("11 messages look equal and are not copied again"), "{planned}");
    sent(&ferry.plan_and_apply(0), 1);
    same(&lab);
    assert_eq!(uids(&lab.destination, "Archive")[..11], before.0[..], "the copies are the same");
    ferry.settled();
    // And flags find their way by the new UIDs.
    let uid = uid_of(&lab.source, "Archive", 7);
    lab.source.session(ADA).store("Archive", uid, "+FLAGS", &["\\Seen"]).unwrap();
    ferry.plan_and_apply(0);
    same(&lab);
}

#[test]
fn a_copy_in_the_same_folder_that_is_not_there_any_more_stands_for_nothing() {
    let (lab, ferry) = start(MAP, &[("INBOX", some(0..4))]);
    let mail = seeds::plain(2);
    let again = || lab.source.deliver(ADA, "INBOX", &[], &mail.date, &mail.bytes);
    let gone = |server: &ImapServer| {
        server.session(ADA).remove("INBOX", uid_of(server, "INBOX", 2)).unwrap();
    };
    gone(&lab.destination);
    gone(&lab.source);
    again();
    sent(&ferry.plan_and_apply(0), 1);
    same(&lab);
    // One that is there still stands for its twin, whichever of them it was.
    again();
    sent(&ferry.plan_and_apply(0), 1);
    gone(&lab.destination);
    gone(&lab.source);
    gone(&lab.source);
    again();
    sent(&ferry.plan_and_apply(0), 0);
    same(&lab);
    ferry.settled();
}

#[test]
fn what_the_source_purges_between_passes_is_no_error_and_nothing_is_missing() {
    let (lab, ferry) =
        start(MAP, &[("INBOX", some(0..5)), ("Trash", some(10..15)), ("Spam", some(20..25))]);
    for folder in ["Trash", "Spam"] {
        for uid in uids(&lab.source, folder).into_iter().take(3) {
            lab.source.session(ADA).remove(folder, uid).unwrap();
        }
    }
    let new = seeds::plain(70);
    lab.source.deliver(ADA, "Trash", &[], &new.date, &new.bytes);
    sent(&ferry.plan_and_apply(0), 1);
    assert_eq!(lab.destination.dump(ADA, "Deleted Items").len(), 6, "nothing is removed");
    assert_eq!(lab.destination.dump(ADA, "Junk Email").len(), 5);
    ferry.settled();
}
