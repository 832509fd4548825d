//! `folders.deletions: propagate`.

use crate::lab::bind::Zone;
use crate::lab::profile::Profile;
use crate::lab::seeds::Mail;
use crate::lab::{Lab, LabOptions};
use crate::migration::run::{Ended, until};
use crate::migration::{ADA, Migration};
use crate::rollback::killed;
use crate::{APPLY, dated, json};
use mailferry::removal::Purpose;
use std::collections::BTreeSet;

const DATE: &str = "01-Jan-2020 00:00:00 +0000";

/// Messages of which no two have the same size.
fn some(numbers: std::ops::Range<usize>) -> Vec<Mail> {
    numbers.map(one).collect()
}

fn one(number: usize) -> Mail {
    dated(&format!("number {number}"), DATE, 100 + 80 * number)
}

/// Copies everything, with deletions propagated from then on.
fn start(options: LabOptions, more: &str, mail: &[(&str, Vec<Mail>)]) -> Migration {
    let mut migration = Migration::empty(options);
    migration.lab.source.seed(ADA, mail);
    migration.wanted.folders.push_str(more);
    migration.write();
    migration.run(&APPLY).code(0);
    migration.run(&["verify", "plan.yaml"]).code(0);
    migration
}

fn remove(lab: &Lab, folder: &str, at: impl IntoIterator<Item = usize>) {
    let mut session = lab.source.session(ADA);
    let uids: Vec<u32> = session.dump(folder).unwrap().iter().map(|one| one.uid).collect();
    for at in at {
        session.remove(folder, uids[at]).unwrap();
    }
}

fn subjects(lab: &Lab, folder: &str) -> BTreeSet<String> {
    let there = lab.destination.dump(ADA, folder);
    let subject = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned)).unwrap()
    };
    there.iter().map(|one| subject(&one.bytes)).collect()
}

/// Pastes every acknowledgement that the plan offers.
fn acknowledge(migration: &mut Migration) -> Ended {
    let shown = migration.run(&["plan", "plan.yaml"]).code(0);
    let given: Vec<&str> = shown
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("acknowledge: [ "))
        .map(|entry| entry.trim_end_matches(" ]"))
        .collect();
    assert!(!given.is_empty(), "a guard was expected\n{shown}");
    let known = migration.wanted.more.trim().strip_prefix("acknowledge: [ ").map(str::to_owned);
    let known = known.map(|known| known.trim_end_matches(" ]").to_owned());
    let all: Vec<String> = known.into_iter().chain(given.iter().map(ToString::to_string)).collect();
    migration.wanted.more = format!("acknowledge: [ {} ]\n", all.join(", "));
    migration.write();
    shown
}

fn account(migration: &Migration, folder: &str) -> serde_json::Value {
    let shown = migration.run(&["verify", "plan.yaml", "--format", "json"]).code(0);
    let evidence = json(&shown.stdout);
    let folders = evidence["mailboxes"][0]["folders"].as_array().expect("folders").clone();
    folders.into_iter().find(|one| one["source"] == folder).expect("the folder")["account"].clone()
}

const PROPAGATE: &str = "\n  deletions: propagate";

#[test]
fn exactly_the_copies_of_what_was_deleted_at_the_source_go() {
    let mut migration = start(
        LabOptions::default(),
        PROPAGATE,
        &[("INBOX", some(0..40)), ("Trash", some(50..56)), ("Work", some(60..70))],
    );
    let uid = |lab: &Lab, at: usize| lab.source.dump(ADA, "INBOX")[at].uid;
    // One moves at the source, and of one the user changed the copy; Trash is purged.
    let moved = uid(&migration.lab, 7);
    migration.lab.source.session(ADA).move_to("INBOX", &[moved].into(), "Work").unwrap();
    let theirs = migration.lab.destination.dump(ADA, "INBOX")[8].uid;
    migration
        .lab
        .destination
        .session(ADA)
        .store("INBOX", theirs, "+FLAGS", &["\\Flagged"])
        .unwrap();
    // The eighth is gone: what follows has moved up by one.
    remove(&migration.lab, "INBOX", [3, 4, 5, 7]);
    remove(&migration.lab, "Trash", [0, 1]);
    let new = one(90);
    migration.lab.source.deliver(ADA, "INBOX", &[], &new.date, &new.bytes);
    let source = migration.at_source();

    acknowledge(&mut migration).says(&["G322 acme.example", "3 to remove"]);
    migration.run(&["plan", "plan.yaml"]).code(0).says(&[
        "Cannot be undone, seen by users (3 to remove)",
        "F224 ada@acme.example/INBOX   3 copies of 40",
        "2 copies of messages that vanished from Trash stay: providers empty",
        "vanished from INBOX stays: its user changed its flags",
        "vanished from INBOX stays: a message like it is elsewhere at the source",
    ]);
    // Nobody looked at it: it does not run.
    migration.run(&APPLY).code(0).says(&["Copied 1 message,", "cannot be undone"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 40);
    assert_eq!(migration.lab.destination.dump(ADA, "Work").len(), 11, "the moved one moved along");

    let applied = migration.copy().says(&["Removed 3 copies whose messages vanished"]);
    applied.does_not_say(&["Copied"]);
    let there = subjects(&migration.lab, "INBOX");
    assert_eq!(there.len(), 37);
    for gone in ["number 3", "number 4", "number 5"] {
        assert!(!there.contains(gone), "{gone}");
    }
    assert!(there.contains("number 8"), "what its user flagged stays");
    assert_eq!(migration.lab.destination.dump(ADA, "Deleted Items").len(), 6);
    assert_eq!(migration.at_source(), source, "the source is only read");
    let inbox = account(&migration, "INBOX");
    assert_eq!((&inbox["deleted_by_policy"], &inbox["vanished"]), (&3.into(), &1.into()));
    assert_eq!(account(&migration, "Trash")["vanished"], 2);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
    migration.run(&["apply", "saved.json"]).code(0).does_not_say(&["Removed"]);
}

#[test]
fn what_vanished_after_the_review_and_what_came_back_stay() {
    let mut migration = start(LabOptions::default(), PROPAGATE, &[("INBOX", some(0..40))]);
    remove(&migration.lab, "INBOX", [3, 4]);
    acknowledge(&mut migration);
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    // Another one vanishes, and one of the two is back under a new UID.
    remove(&migration.lab, "INBOX", [10]);
    let back = one(3);
    migration.lab.source.deliver(ADA, "INBOX", &[], &back.date, &back.bytes);
    migration.run(&["apply", "saved.json"]).code(0).says(&["Removed 1 copy"]);
    let there = subjects(&migration.lab, "INBOX");
    assert!(there.contains("number 3") && there.contains("number 12"), "{there:?}");
    assert!(!there.contains("number 4"));
    // The next plan takes up both.
    migration.run(&APPLY).code(0);
    migration.copy().says(&["Removed 1 copy"]);
    assert!(subjects(&migration.lab, "INBOX").contains("number 3"));
    migration.arrived(ADA);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
}

#[test]
fn what_changes_while_an_apply_copies_is_seen_before_it_removes() {
    let mut migration =
        start(LabOptions::default(), PROPAGATE, &[("INBOX", some(0..40)), ("Work", some(60..62))]);
    remove(&migration.lab, "INBOX", [3, 4, 5]);
    acknowledge(&mut migration);
    // Copying takes a while, and removing comes after it.
    for number in 0..30 {
        let new = dated(&format!("slow {number}"), DATE, 10_000);
        migration.lab.source.deliver(ADA, "Work", &[], &new.date, &new.bytes);
    }
    migration.wanted.more.push_str("limits: { bandwidth: 20KB }\n");
    migration.write();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0).says(&["3 to remove"]);
    let running = migration.begin(&["apply", "saved.json"]);
    let at_work =
        || migration.lab.destination.session(ADA).status("Work").map_or(0, |(_, _, count)| count);
    until("some are copied", || at_work() > 4);
    let theirs = migration.lab.destination.dump(ADA, "INBOX")[3].uid;
    let mut session = migration.lab.destination.session(ADA);
    session.store("INBOX", theirs, "+FLAGS", &["\\Flagged"]).unwrap();
    let back = one(4);
    migration.lab.source.deliver(ADA, "INBOX", &[], &back.date, &back.bytes);
    assert!(at_work() < 32, "it has not come to removing yet");
    running.end().code(0).says(&["Removed 1 copy", "2 copies stay after all"]);
    let there = subjects(&migration.lab, "INBOX");
    assert!(there.contains("number 3") && there.contains("number 4"), "{there:?}");
    assert!(!there.contains("number 5"));
}

#[test]
fn more_than_the_share_needs_an_acknowledgement_of_exactly_these() {
    let mut migration = start(
        LabOptions::default(),
        PROPAGATE,
        &[("INBOX", some(0..100)), ("Work", some(100..110))],
    );
    remove(&migration.lab, "INBOX", 0..12);
    remove(&migration.lab, "Work", 0..10);
    acknowledge(&mut migration).says(&[
        "G321 ada@acme.example/INBOX",
        "12 of 100 copies",
        "more than 10 %",
        "vanished from Work stay: the whole folder is empty",
    ]);
    // One more, and the acknowledgement covers something else.
    remove(&migration.lab, "INBOX", [50]);
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0).says(&["F301"]);
    migration.run(&["apply", "saved.json"]).code(4);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 100);
    acknowledge(&mut migration).says(&["13 of 100 copies"]);
    migration.copy().says(&["Removed 13 copies"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 87);
    assert_eq!(migration.lab.destination.dump(ADA, "Work").len(), 10);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn without_uidplus_nothing_is_ever_expunged() {
    let words = "IMAP4rev1 SASL-IR LITERAL+ ID ENABLE NAMESPACE SPECIAL-USE QUOTA MOVE";
    let destination = Profile { capability: Some(words.to_owned()), ..Profile::exchange() };
    let options = LabOptions { destination, ..LabOptions::default() };
    let migration = start(options, PROPAGATE, &[("INBOX", some(0..20))]);
    remove(&migration.lab, "INBOX", [3, 4]);
    migration
        .run(&["plan", "plan.yaml", "--detailed-exitcode"])
        .code(0)
        .says(&["F223", "the destination lacks UIDPLUS"]);
    migration.run(&APPLY).code(0);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 20);
}

#[test]
fn after_the_mx_moved_nothing_is_removed_and_without_an_answer_it_waits() {
    let options =
        LabOptions { zones: vec![Zone::rackspace("acme.example")], ..LabOptions::default() };
    let mut migration = start(options, PROPAGATE, &[("INBOX", some(0..20))]);
    let server = migration.lab.dns.as_ref().unwrap().address(1);
    migration.wanted.more = format!(
        "dns:\n  provider: {{ kind: manual }}\n  resolvers: [ \"{server}\" ]\n  zones:\n    acme.example:\n      servers: [ \"{server}\" ]\n      mx: [ {{ host: mx.new.example, preference: 10 }} ]\n"
    );
    migration.write();
    remove(&migration.lab, "INBOX", [3, 4]);
    let shown = migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    shown.says(&["2 to remove"]).does_not_say(&["G322"]);
    migration
        .lab
        .dns
        .as_mut()
        .unwrap()
        .publish("acme.example", &["@ 300 IN MX 10 mx.new.example."]);
    migration.run(&["plan", "plan.yaml"]).code(0).says(&["F223", "the MX of acme.example is"]);
    migration.run(&["apply", "saved.json"]).code(3);
    migration.lab.dns.as_mut().unwrap().refuse(1);
    migration.run(&["plan", "plan.yaml"]).says(&["waits for", "to be readable"]);
    migration.run(&["apply", "saved.json"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 20);
}

#[test]
fn what_a_killed_removal_took_is_recorded_and_the_rest_goes_with_the_next() {
    let mut migration = start(LabOptions::default(), PROPAGATE, &[("INBOX", some(0..60))]);
    let uids: Vec<u32> =
        migration.lab.destination.dump(ADA, "INBOX").iter().map(|one| one.uid).collect();
    remove(&migration.lab, "INBOX", 0..6);
    acknowledge(&mut migration).says(&["6 to remove"]);
    let new = one(90);
    migration.lab.source.deliver(ADA, "INBOX", &[], &new.date, &new.bytes);
    migration.run(&APPLY).code(0).says(&["Copied 1 message,"]);
    // Two of four are gone, and two were marked only.
    let mut session = migration.lab.destination.session(ADA);
    killed(&migration, Purpose::Deletion, &uids[..4]);
    for (at, uid) in uids[..4].iter().enumerate() {
        if at < 2 {
            session.remove("INBOX", *uid).unwrap();
        } else {
            session.store("INBOX", *uid, "+FLAGS", &["\\Deleted"]).unwrap();
        }
    }
    drop(session);
    let inbox = account(&migration, "INBOX");
    assert_eq!((&inbox["deleted_by_policy"], &inbox["vanished"]), (&2.into(), &4.into()));
    migration.run(&["plan", "plan.yaml"]).code(0).says(&["4 to remove"]);
    migration.copy().says(&["Removed 4 copies"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 55);
    migration.arrived(ADA);
    assert_eq!(account(&migration, "INBOX")["deleted_by_policy"], 6);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
}

#[test]
fn what_a_saved_plan_removed_itself_is_done_when_it_is_applied_again() {
    let mut migration = start(LabOptions::default(), PROPAGATE, &[("INBOX", some(0..40))]);
    remove(&migration.lab, "INBOX", [3, 4]);
    acknowledge(&mut migration);
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.run(&["apply", "saved.json"]).code(0).says(&["Removed 2 copies"]);
    // Nobody reviewed that this one goes.
    remove(&migration.lab, "INBOX", [5]);
    let again = migration.run(&["apply", "saved.json"]).code(0);
    again.says(&["1 action was done already", "1 action is new since the plan was reviewed"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 38);
    // A plan of which a copy was not removed by us is stale.
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    let uid = migration.lab.destination.dump(ADA, "INBOX")[5].uid;
    migration.lab.destination.session(ADA).remove("INBOX", uid).unwrap();
    remove(&migration.lab, "INBOX", [6]);
    migration.run(&["apply", "saved.json"]).code(3).says(&["none of the reviewed copies"]);
}

#[test]
fn a_deleted_folder_that_the_source_still_lists_holds_no_removal_back() {
    let mail = [("p", vec![]), ("p/q", some(0..12))];
    let mut migration = start(LabOptions::default(), PROPAGATE, &mail);
    // Listed while it was there and empty; Dovecot lists it from now on and says that it is none.
    migration.lab.source.session(ADA).delete("p").unwrap();
    remove(&migration.lab, "p/q", [3]);
    acknowledge(&mut migration).says(&["F235", "p is listed at the source"]);
    migration.copy().says(&["Removed 1 copy"]);
    assert_eq!(migration.lab.destination.dump(ADA, "p/q").len(), 11);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn killed_several_times_exactly_the_deleted_ones_are_gone() {
    let more = "\n  deletions: propagate\n  deletions_share: 100%";
    let mail: Vec<Mail> = (0..1_500).map(|n| dated(&format!("m{n}"), DATE, 60)).collect();
    let mut migration = start(LabOptions::default(), more, &[("INBOX", mail)]);
    let mut session = migration.lab.source.session(ADA);
    session.command("SELECT INBOX").unwrap();
    session.command("UID STORE 101:1300 +FLAGS (\\Deleted)").unwrap();
    session.command("UID EXPUNGE 101:1300").unwrap();
    drop(session);
    acknowledge(&mut migration).says(&["1,200 copies"]);
    let there = |migration: &Migration| {
        migration.lab.destination.session(ADA).status("INBOX").map_or(0, |(_, _, count)| count)
    };
    let mut cut_off = 0;
    for _ in 0..3 {
        let all = there(&migration);
        if all == 300 {
            break;
        }
        migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
        let mut running = migration.begin(&["apply", "saved.json"]);
        until("some are removed", || there(&migration) < all || running.is_over());
        running.signal(rustix::process::Signal::KILL);
        drop(running);
        cut_off += u32::from((301..all).contains(&there(&migration)));
    }
    assert!(cut_off >= 1, "no removal was killed in the middle");
    migration.copy();
    assert_eq!(there(&migration), 300);
    migration.arrived(ADA);
    let inbox = account(&migration, "INBOX");
    assert_eq!((&inbox["deleted_by_policy"], &inbox["vanished"]), (&1200.into(), &0.into()));
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
}
