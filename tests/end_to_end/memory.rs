//! What a search needs in memory does not grow with the folder.
//!
//! `MAILFERRY_TEST_MESSAGES=100000` searches in larger folders.

use crate::ferry::{Ferry, Running, Wanted};
use crate::lab::dovecot::Profile;
use crate::lab::{Lab, LabOptions};
use crate::random::number;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

/// More than a page of the ledger, so that all that is kept for a page is in both figures.
const FEW: u64 = 3_000;

/// What a search may take more for all messages than for few, in KiB: two caches of SQLite that were
/// not full yet, 2 MiB each, and sets of the UIDs that were listed.
const MORE: u64 = 8 << 10;

fn many() -> u64 {
    number("MAILFERRY_TEST_MESSAGES", 12_000)
}

/// Two mailboxes; both servers keep a file for each message.
fn lab() -> Lab {
    let destination = Profile { location: "maildir:~/Maildir", ..Profile::exchange() };
    let users = ["few@acme.example", "many@acme.example"].map(str::to_owned).to_vec();
    Lab::start(LabOptions { destination, users, ..LabOptions::default() })
}

/// Puts small messages into the INBOX at the source, and the same ones at the destination when they
/// are to be adopted.
fn plant(lab: &Lab, user: &str, count: u64, adopted: bool) {
    for server in [&lab.source, &lab.destination] {
        server.session(user).dump("INBOX").expect("a Maildir");
    }
    let there = lab.destination.dir.join("mail").join(user).join("Maildir/new");
    for n in 0..count {
        let name = format!("1700000000.{n}.lab");
        let text = format!("From: {user}\r\nSubject: Note {n}\r\n\r\nNote {n}.\r\n");
        let file = lab.source.plant(user, "", &name, text.as_bytes());
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(1_200_000_000 + n);
        let file_of_it = File::options().write(true).open(&file).expect("a message");
        file_of_it.set_modified(date).expect("a date");
        if adopted {
            fs::hard_link(&file, there.join(&name)).expect("the same message");
        }
    }
}

fn wanted(user: &str, more: String) -> Wanted<'_> {
    // Its whole life is in this function.
    let mailboxes: &'static [&'static str] =
        if user.starts_with("few") { &["few@acme.example"] } else { &["many@acme.example"] };
    Wanted { mailboxes, more, ..Wanted::default() }
}

/// Compares what a search takes for few messages and for many.
fn bounded(what: &str, few: u64, all: u64) {
    eprintln!("{what}: {few} KiB for {FEW} messages, {all} KiB for {}", many());
    assert!(few > 1_000, "nothing was measured");
    assert!(all < few + MORE, "{all} KiB for {} messages, {few} KiB for {FEW}", many());
}

#[test]
fn the_adoption_of_many_messages_takes_no_more_memory_than_that_of_few() {
    let lab = lab();
    let most = |user: &str, count: u64| {
        plant(&lab, user, count, true);
        let ferry = Ferry::beside(&lab, user, &wanted(user, String::new()));
        let planned = ferry.expect(0, &["plan", "plan.yaml"]);
        let line = planned.stdout.lines().find(|line| line.trim().starts_with("acknowledge:"));
        let line = format!("{}\n", line.expect("something to agree to").trim());
        ferry.write_plan(&lab, &wanted(user, line));
        let mut apply = ferry.start(&["apply", "plan.yaml", "--auto-approve"]);
        let most = apply.most_memory(|| false);
        let ran = apply.wait();
        assert_eq!(ran.code, 0, "{ran:#?}");
        assert!(ran.stdout.contains("messages at the destination by digest"), "{ran:#?}");
        assert_eq!(ferry.copied(user), count);
        assert_eq!(arrived(&lab, user), count, "nothing is sent");
        most
    };
    let few = most("few@acme.example", FEW);
    bounded("adoption", few, most("many@acme.example", many()));
}

fn arrived(lab: &Lab, user: &str) -> u64 {
    lab.destination.session(user).status("INBOX").map_or(0, |(_, _, count)| count.into())
}

#[test]
fn the_recovery_of_a_folder_with_many_messages_takes_no_more_memory_than_one_with_few() {
    let lab = lab();
    let most = |user: &str, count: u64| {
        plant(&lab, user, count, false);
        let ferry = Ferry::beside(&lab, user, &wanted(user, String::new()));
        let apply = || ferry.start(&["apply", "plan.yaml", "--auto-approve"]);
        let mut killed: Running = apply();
        killed.most_memory(|| arrived(&lab, user) > 20);
        killed.kill();
        let before = arrived(&lab, user);
        let mut apply = apply();
        let most = apply.most_memory(|| arrived(&lab, user) > before + 50);
        assert!(apply.runs(), "most is still to be sent");
        apply.kill();
        most
    };
    let few = most("few@acme.example", FEW);
    bounded("recovery", few, most("many@acme.example", many()));
}
