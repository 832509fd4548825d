//! `rollback --copies`.

use crate::lab::{Lab, LabOptions, seeds};
use crate::migration::run::until;
use crate::migration::{ADA, Migration};
use crate::{APPLY, dated, json};

const ROLLBACK: [&str; 4] = ["rollback", "plan.yaml", ADA, "--copies"];

fn there(lab: &Lab) -> u32 {
    lab.destination.session(ADA).status("INBOX").map_or(0, |(_, _, count)| count)
}

fn digest(migration: &Migration) -> String {
    let shown = migration.run(&[&ROLLBACK[..], &["--format", "json"]].concat()).code(9);
    json(&shown.stdout)["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn only_our_unchanged_copies_go_and_the_next_apply_brings_them_back() {
    let mut migration = Migration::empty(LabOptions::default());
    migration.lab.source.seed(ADA, &[("INBOX", (0..8).map(seeds::plain).collect())]);
    let source = migration.lab.source.dump_all(ADA);
    // One was there before us and one is the user's own.
    migration.lab.destination.seed(ADA, &[("INBOX", vec![seeds::plain(0), seeds::plain(500)])]);
    let shown = migration.run(&["plan", "plan.yaml"]).code(0);
    let line = shown.stdout.lines().find_map(|line| line.trim().strip_prefix("acknowledge: "));
    migration.wanted.more = format!("acknowledge: {}\n", line.expect("an acknowledgement"));
    migration.write();
    migration.run(&APPLY).code(0);
    assert_eq!(there(&migration.lab), 9);
    let mut session = migration.lab.destination.session(ADA);
    let uids: Vec<u32> = session.dump("INBOX").unwrap().iter().map(|one| one.uid).collect();
    // The user flagged one copy and removed another; the source lost a third.
    session.store("INBOX", uids[2], "+FLAGS", &["\\Flagged"]).unwrap();
    session.remove("INBOX", uids[3]).unwrap();
    let mut old = migration.lab.source.session(ADA);
    let last = old.dump("INBOX").unwrap()[7].uid;
    old.remove("INBOX", last).unwrap();
    drop((session, old));

    let refused = migration.run(&ROLLBACK).code(9).says_what_is_next();
    refused.says(&[
        "4 messages",
        "was there before us",
        "changed its flags",
        "moved or removed it",
        "the copy is the only one",
    ]);
    assert_eq!(there(&migration.lab), 8, "nothing is removed without an approval");
    migration.run(&[&ROLLBACK[..], &["--expect", "000000000000"]].concat()).code(3);
    let digest = digest(&migration);
    let done = migration.run(&[&ROLLBACK[..], &["--expect", &digest]].concat()).code(0);
    done.says(&["Removed 4 messages"]);
    assert_eq!(there(&migration.lab), 4);
    // A second one has nothing to do, and asks nobody.
    migration.run(&ROLLBACK).code(0).says(&["0 messages"]);
    assert_eq!(there(&migration.lab), 4);
    migration.run(&["verify", "plan.yaml"]).code(6).says(&["not copied yet"]);
    migration.run(&APPLY).code(0).says(&["Copied 4 messages"]);
    assert_eq!(there(&migration.lab), 8);
    let now = migration.lab.source.dump_all(ADA);
    assert_eq!(now["INBOX"].len() + 1, source["INBOX"].len(), "the source lost only what it lost");
    migration.run(&["rollback", "plan.yaml", ADA]).code(64);
}

#[test]
fn a_rollback_that_is_killed_goes_on_and_nothing_is_lost_or_doubled() {
    let migration = Migration::empty(LabOptions::default());
    let date = "01-Jan-2020 00:00:00 +0000";
    let mail = (0..1_200).map(|n| dated(&format!("m{n}"), date, 60)).collect();
    migration.lab.source.seed(ADA, &[("INBOX", mail)]);
    migration.run(&APPLY).code(0);
    let mut cut_off = 0;
    for _ in 0..3 {
        let all = there(&migration.lab);
        if all == 0 {
            break;
        }
        let digest = digest(&migration);
        let mut running = migration.begin(&[&ROLLBACK[..], &["--expect", &digest]].concat());
        let mut session = migration.lab.destination.session(ADA);
        let mut left = || session.status("INBOX").map_or(0, |(_, _, count)| count);
        until("some are removed", || left() < all || running.is_over());
        running.signal(rustix::process::Signal::KILL);
        drop(running);
        cut_off += u32::from((1..all).contains(&there(&migration.lab)));
    }
    assert!(cut_off >= 1, "no rollback was killed in the middle");
    let shown = migration.run(&[&ROLLBACK[..], &["--format", "json"]].concat());
    if shown.code == Some(9) {
        let digest = json(&shown.stdout)["digest"].as_str().unwrap().to_owned();
        migration.run(&[&ROLLBACK[..], &["--expect", &digest]].concat()).code(0);
    }
    assert_eq!(there(&migration.lab), 0);
    migration.run(&ROLLBACK).code(0).says(&["0 messages"]);
    migration.run(&APPLY).code(0).says(&["Copied 1,200 messages"]);
    migration.arrived(ADA);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn a_live_owner_is_not_waited_for() {
    let mut migration = Migration::empty(LabOptions::default());
    let date = "01-Jan-2020 00:00:00 +0000";
    let mail = (0..100).map(|n| dated(&format!("m{n}"), date, 2_000)).collect();
    migration.lab.source.seed(ADA, &[("INBOX", mail)]);
    migration.wanted.more = "limits: { bandwidth: 20KB }\n".to_owned();
    migration.write();
    let running = migration.begin(&APPLY);
    until("something is copied", || there(&migration.lab) > 20);
    migration.run(&ROLLBACK).code(7);
    migration.run(&["retry", "plan.yaml", ADA]).code(7);
    // The lock of a dead owner is taken at once.
    running.signal(rustix::process::Signal::KILL);
    drop(running);
    // What it did not live to record is not ours to remove, and is said to be there.
    migration.run(&ROLLBACK).code(9).says(&["an interrupted apply"]);
}
