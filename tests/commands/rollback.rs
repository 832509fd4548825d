//! `rollback --copies`.

use crate::lab::{Lab, LabOptions, seeds};
use crate::migration::run::until;
use crate::migration::{ADA, Migration};
use crate::{APPLY, dated, json};
use mailferry::removal::{Intent, Own, Purpose};

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

/// Leaves what a rollback leaves that is killed after it began to remove these messages.
pub(crate) fn killed(migration: &Migration, purpose: Purpose, uids: &[u32]) {
    use mailferry::ledger::{SqliteLedger, current_owner};
    use mailferry::model::uid::Uid;
    use mailferry::ports::ledger::{FolderKey, JournalEntry, Ledger};
    let ledger = SqliteLedger::open(&migration.path(".mailferry/acme.sqlite")).unwrap();
    ledger.acquire(&current_owner(&mailferry::clock::SystemClock, "rollback")).unwrap();
    let (mailbox, folder) = (ADA.parse().unwrap(), "INBOX".parse().unwrap());
    let key = FolderKey { mailbox, folder };
    let validity = ledger.listed_under(&key).unwrap().unwrap();
    let rows = ledger.rows(&key, validity, Uid(1), 10_000).unwrap();
    let (mut messages, mut there) = (Vec::new(), None);
    for row in rows {
        let copied = row.copied.unwrap();
        let (uid_validity, at) = copied.destination.unwrap();
        there = Some(uid_validity);
        if uids.contains(&at.0) {
            let (source, size, flags) = (Some(row.listed.uid), copied.size, copied.stored_flags);
            messages.push(Own { at, source, size, flags });
        }
    }
    let of = Some((key.folder.clone(), validity));
    let intent = Intent { purpose, folder: key.folder, uid_validity: there.unwrap(), of, messages };
    let entry = JournalEntry {
        at: jiff::Timestamp::UNIX_EPOCH,
        action: format!("removal/{ADA}"),
        step: "intent".to_owned(),
        note: serde_json::to_string(&intent).unwrap(),
    };
    ledger.journal(&entry).unwrap();
    ledger.release().unwrap();
}

#[test]
fn what_a_killed_rollback_removed_is_copied_again_and_what_it_marked_is_unmarked() {
    let migration = Migration::empty(LabOptions::default());
    migration.lab.source.seed(ADA, &[("INBOX", (0..6).map(seeds::plain).collect())]);
    migration.run(&APPLY).code(0);
    migration.run(&["verify", "plan.yaml"]).code(0);
    let mut session = migration.lab.destination.session(ADA);
    let uids: Vec<u32> = session.dump("INBOX").unwrap().iter().map(|one| one.uid).collect();
    // Two are gone, and two were marked only; one besides its user removed.
    killed(&migration, Purpose::Rollback, &uids[..4]);
    for (at, uid) in uids[..5].iter().enumerate() {
        match at {
            0 | 1 | 4 => session.remove("INBOX", *uid).unwrap(),
            _ => session.store("INBOX", *uid, "+FLAGS", &["\\Deleted"]).unwrap(),
        }
    }
    // Of what was marked its user flagged one since.
    session.store("INBOX", uids[3], "+FLAGS", &["\\Flagged"]).unwrap();
    drop(session);
    migration.run(&["plan", "plan.yaml"]).code(0).says(&["4 unclear messages first"]);
    // Verify touches nothing, and calls only what its user removed so.
    let shown = migration.run(&["verify", "plan.yaml", "--format", "json"]).code(6);
    let evidence = json(&shown.stdout);
    let account = &evidence["mailboxes"][0]["folders"]
        .as_array()
        .and_then(|folders| folders.iter().find(|one| one["source"] == "INBOX"))
        .unwrap()["account"];
    assert_eq!((&account["pending"], &account["removed_by_user"]), (&2.into(), &1.into()));
    assert_eq!(there(&migration.lab), 3);
    migration.run(&APPLY).code(0).says(&["Copied 2 messages"]);
    let now = migration.lab.destination.dump(ADA, "INBOX");
    assert_eq!(now.len(), 5);
    assert!(now.iter().all(|one| !one.flags.contains("\\Deleted")), "{now:?}");
    migration.run(&["verify", "plan.yaml"]).code(0);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
}

#[test]
fn a_dry_run_for_extra_copies_leaves_what_a_killed_removal_left() {
    let migration = Migration::empty(LabOptions::default());
    migration.lab.source.seed(ADA, &[("INBOX", (0..6).map(seeds::plain).collect())]);
    migration.run(&APPLY).code(0);
    let mut session = migration.lab.destination.session(ADA);
    let uids: Vec<u32> = session.dump("INBOX").unwrap().iter().map(|one| one.uid).collect();
    killed(&migration, Purpose::Rollback, &uids[..2]);
    for uid in &uids[..2] {
        session.store("INBOX", *uid, "+FLAGS", &["\\Deleted"]).unwrap();
    }
    drop(session);
    let marked = || {
        let there = migration.lab.destination.dump(ADA, "INBOX");
        assert_eq!(there.len(), 6);
        there.iter().filter(|one| one.flags.contains("\\Deleted")).count()
    };
    let fix = ["apply", "plan.yaml", "--fix-own-duplicates"];
    // Twice: the first one does not call the removal ended either.
    for _ in 0..2 {
        migration.run(&[&fix[..], &["--dry-run"]].concat()).code(0);
        assert_eq!(marked(), 2);
    }
    migration.run(&fix).code(0);
    assert_eq!(marked(), 0);
}
