//! Equal messages of several folders whose copies users move, remove or make anew.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod lab;
mod migration;

use lab::seeds::{self, Mail};
use migration::{ADA, Migration};
use serde_json::Value;
use std::collections::BTreeSet;

/// Copies a mailbox whose folders have one message in common, and one each besides.
fn twins(folders: &[&str]) -> Migration {
    let mut migration = Migration::empty(lab::LabOptions::default());
    let seed: Vec<(&str, Vec<Mail>)> = folders
        .iter()
        .enumerate()
        .map(|(number, folder)| (*folder, vec![seeds::plain(1), seeds::plain(10 + number)]))
        .collect();
    migration.lab.source.seed(ADA, &seed);
    migration.wanted = migration::Wanted::between(
        migration.lab.source.port,
        migration.lab.destination.port,
        &[ADA],
    );
    migration.write();
    migration.copy();
    migration
}

/// The UID of the message that the folders of the destination have in common.
fn twin(migration: &Migration, folder: &str) -> u32 {
    let there = migration.lab.destination.dump(ADA, folder);
    let twin = seeds::plain(1).bytes;
    there.iter().find(|message| message.bytes == twin).expect("the twin is there").uid
}

fn move_twin(migration: &Migration, from: &str, to: &str) {
    let uid = twin(migration, from);
    migration.lab.destination.session(ADA).move_to(from, &BTreeSet::from([uid]), to).unwrap();
}

fn remove_twin(migration: &Migration, folder: &str) {
    let uid = twin(migration, folder);
    migration.lab.destination.session(ADA).remove(folder, uid).unwrap();
}

/// Makes a folder of the destination anew, with equal mail.
fn make_anew(migration: &Migration, folder: &str) {
    let was = migration.lab.destination.dump(ADA, folder);
    let mut session = migration.lab.destination.session(ADA);
    session.delete(folder).unwrap();
    session.create(folder).unwrap();
    drop(session);
    for message in was {
        let date = lab::wire::dated(message.date);
        migration.lab.destination.deliver(ADA, folder, &[], &date, &message.bytes);
    }
}

fn account(migration: &Migration, code: i32, number: &str) -> u64 {
    let args = ["verify", "plan.yaml", "--format", "json"];
    let said = migration.run(&args).code(code).stdout;
    let evidence: Value = serde_json::from_str(&said).expect("the evidence is JSON");
    evidence["totals"]["account"][number].as_u64().unwrap_or_else(|| panic!("{number}"))
}

/// Asks for extra copies to be removed, and agrees to whatever is listed.
fn fix(migration: &Migration, code: i32) {
    let before = migration.lab.destination.dump_all(ADA);
    let fix = ["apply", "plan.yaml", "--fix-own-duplicates"];
    let said = migration.run(&fix).code(code).stdout;
    if let Some(digest) = said.split("digest ").nth(1) {
        migration.run(&[&fix[..], &["--expect", &digest[..12]]].concat());
    }
    assert_eq!(migration.lab.destination.dump_all(ADA), before, "{said}");
    assert!(said.contains("No extra copy of ours can be removed"), "{said}");
}

#[test]
fn what_a_user_moved_to_its_twin_is_no_extra_copy_and_stays() {
    let migration = twins(&["INBOX", "Work"]);
    migration.run(&["verify", "plan.yaml"]).code(0);
    move_twin(&migration, "INBOX", "Work");
    migration
        .run(&["verify", "plan.yaml"])
        .code(0)
        .says(&["now in Work"])
        .does_not_say(&["extra cop"]);
    fix(&migration, 0);
    // One that is really too many is named, and stays while nobody can tell which it is.
    let mail = seeds::plain(1);
    migration.lab.destination.deliver(ADA, "Work", &[], &mail.date, &mail.bytes);
    migration.run(&["verify", "plan.yaml"]).code(6).says(&["1 extra copy"]);
    fix(&migration, 6);
}

#[test]
fn twins_that_a_user_moved_before_any_proof_are_no_extra_copies() {
    let migration = twins(&["INBOX", "Old", "Work"]);
    // The folder that it comes to is verified before the one that it comes from, and after it.
    move_twin(&migration, "Work", "Old");
    move_twin(&migration, "INBOX", "Old");
    assert_eq!(account(&migration, 0, "in_another_folder"), 2);
    fix(&migration, 0);
}

#[test]
fn a_twin_in_a_third_folder_stands_for_one_message() {
    let migration = twins(&["INBOX", "Old", "Work"]);
    migration.lab.destination.session(ADA).create("Archive").unwrap();
    move_twin(&migration, "INBOX", "Archive");
    // It does not stand for that of another folder as well.
    remove_twin(&migration, "Old");
    assert_eq!(account(&migration, 6, "in_another_folder"), 1);
    assert_eq!(account(&migration, 6, "missing"), 1);
    fix(&migration, 0);
}

#[test]
fn the_copy_of_what_vanished_at_the_source_is_no_extra_copy_of_its_twin() {
    let migration = twins(&["INBOX", "Work"]);
    let uid = migration.lab.source.dump(ADA, "INBOX")[0].uid;
    move_twin(&migration, "INBOX", "Work");
    migration.lab.source.session(ADA).remove("INBOX", uid).unwrap();
    migration.run(&["verify", "plan.yaml"]).code(0).does_not_say(&["extra cop"]);
    fix(&migration, 0);
}

#[test]
fn what_a_user_copied_and_marked_as_deleted_was_moved() {
    let migration = twins(&["INBOX", "Work"]);
    let mail = seeds::plain(1);
    migration.lab.destination.deliver(ADA, "Work", &[], &mail.date, &mail.bytes);
    let uid = twin(&migration, "INBOX");
    let mut session = migration.lab.destination.session(ADA);
    session.store("INBOX", uid, "+FLAGS", &["\\Deleted"]).unwrap();
    drop(session);
    migration.run(&["verify", "plan.yaml"]).does_not_say(&["extra cop"]);
    fix(&migration, 0);
}

#[test]
fn a_copy_in_a_folder_that_was_made_anew_stands_for_one_message() {
    for (folders, proven) in [
        (&["Old", "Work"][..], false),
        (&["Old", "Work"], true),
        (&["Old", "Third", "Work"], false),
        (&["Old", "Third", "Work"], true),
    ] {
        let migration = twins(folders);
        if proven {
            migration.run(&["verify", "plan.yaml"]).code(0);
        }
        make_anew(&migration, "Work");
        // All are there, and none twice.
        assert_eq!(account(&migration, 0, "copied"), 2 * folders.len() as u64);
        remove_twin(&migration, "Old");
        assert_eq!(account(&migration, 6, "missing"), 1, "{folders:?} {proven}");
        assert_eq!(account(&migration, 6, "in_another_folder"), 0, "{folders:?} {proven}");
        fix(&migration, 0);
    }
}
