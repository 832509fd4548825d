//! What becomes of messages that move while nobody knows where they are.

use super::answers::Answers;
use super::script::Answer;
use crate::lab::client::Session;
use crate::lab::seeds;
use crate::migration::run::until;
use crate::migration::{ADA, Migration};
use mailferry::ledger::SqliteLedger;
use mailferry::model::uid::{Uid, UidValidity};
use mailferry::ports::ledger::Ledger;
use rustix::process::Signal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn first(answer: Answer) -> impl FnMut(usize) -> Answer {
    move |number| if number == 0 { answer.clone() } else { Answer::Store }
}

#[test]
fn an_unanswered_message_that_its_user_moved_is_found_and_not_sent_again() {
    let answers = Answers::new(5, true, first(Answer::StoreElsewhereAndDie("Drafts")));
    answers.run("apply").code(0);
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
    assert_eq!(answers.script.messages("Drafts").len(), 1);
    answers.run("verify").code(0).says(&["1 in another folder"]);
    answers.run("plan").code(0);
}

#[test]
fn a_folder_that_refuses_keeps_flags_in_no_other_folder_back() {
    let answers = Answers::new(5, true, |number| match number {
        0 => Answer::StoreElsewhereAndDie("Drafts"),
        // The first four of the second connection are the other four.
        4 => Answer::StoreElsewhereAndDie("Junk Email"),
        _ => Answer::Store,
    });
    answers.run("apply").code(0);
    let there = |folder| answers.script.messages(folder).len();
    assert_eq!((there("Drafts"), there("Junk Email")), (1, 1));
    let mut session = answers.migration.lab.source.session(ADA);
    session.command("SELECT INBOX").unwrap();
    session.command("UID STORE 1:* +FLAGS (\\Flagged)").unwrap();
    answers.script.shut(&["Drafts"]);
    let stores = || {
        let log = answers.script.log();
        let open = log.iter().rposition(|(_, line)| line.contains("SELECT \"Junk Email\""));
        let after = &log[open.unwrap_or(log.len())..];
        after.iter().any(|(_, line)| line.contains("UID STORE"))
    };
    assert!(!stores());
    let ended = answers.run("apply").says(&["Drafts", "not now"]);
    assert!(ended.code != Some(0), "{ended}");
    assert!(stores(), "{:#?}", answers.script.log());
}

#[test]
fn without_a_look_into_every_folder_nothing_is_sent_and_a_later_run_looks_again() {
    let answers = Answers::new(5, true, first(Answer::StoreElsewhereAndDie("Drafts")));
    // It can be read when the run begins, and not afterwards.
    let script = answers.script.handle();
    let mut number = 0;
    answers.script.decide(move |_| {
        number += 1;
        if number == 1 {
            script.shut_later(&["Drafts"]);
            return Answer::StoreElsewhereAndDie("Drafts");
        }
        Answer::Store
    });
    let ended = answers.run("apply").says(&["E241", "unclear", "Drafts", "next: "]);
    assert!(!matches!(ended.code, Some(0)), "{ended}");
    let sent = answers.copies().iter().sum::<usize>();
    assert!(sent < 5, "what is unclear is not sent");
    answers.script.shut(&[]);
    answers.run("apply").code(0);
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
    assert_eq!(answers.script.messages("Drafts").len(), 1);
    answers.run("verify").code(0);
    answers.run("plan").code(0);
}

/// Copies two folders and moves a message from one to the other at the source.
fn one_moved() -> Answers {
    let answers = Answers::new(5, true, |_| Answer::Store);
    let drafts = (20..22).map(seeds::plain).collect();
    answers.migration.lab.source.seed(ADA, &[("Drafts", drafts)]);
    answers.run("apply").code(0);
    let source = &answers.migration.lab.source;
    let uid = source.dump(ADA, "INBOX")[1].uid;
    let mut session = source.session(ADA);
    session.command("SELECT INBOX").unwrap();
    session.command(&format!("UID MOVE {uid} Drafts")).unwrap();
    answers
}

#[test]
fn what_is_moved_at_the_source_while_a_run_is_under_way_is_not_sent_twice() {
    let answers = Answers::new(5, true, |_| Answer::Store);
    let source = &answers.migration.lab.source;
    source.seed(ADA, &[("Drafts", vec![seeds::plain(20)]), ("Sent", vec![seeds::plain(30)])]);
    let mut session = source.session(ADA);
    let moved = session.uids("INBOX").unwrap().into_iter().take(2).collect();
    let mut number = 0;
    answers.script.decide(move |_| {
        number += 1;
        // INBOX is done, Drafts is under way, and Sent comes later.
        if number == 6 {
            session.move_to("INBOX", &moved, "Sent").unwrap();
        }
        Answer::Store
    });
    answers.run("apply").code(0).says(&["2 messages came while this run was under way"]);
    assert_eq!(answers.script.messages("Sent Items").len(), 1);
    answers.run("apply").code(0).says(&["2 moved"]);
    answers.run("verify").code(0);
    let all = ["INBOX", "Drafts", "Sent Items"].map(|folder| answers.script.messages(folder).len());
    assert_eq!(all, [3, 1, 3]);
    answers.run("plan").code(0);
}

#[track_caller]
fn moved_once(migration: &Migration, answers: &Answers) {
    for folder in ["INBOX", "Drafts"] {
        let sorted = |mut bodies: Vec<Vec<u8>>| {
            bodies.sort();
            bodies
        };
        let source = migration.lab.source.dump(ADA, folder);
        let there = answers.script.messages(folder);
        assert_eq!(
            sorted(source.into_iter().map(|message| message.bytes).collect()),
            sorted(there.into_iter().map(|message| message.bytes).collect()),
            "{folder}"
        );
    }
    answers.run("verify").code(0);
    answers.run("plan").code(0);
}

#[test]
fn a_move_that_was_carried_out_and_not_answered_is_found_by_digest() {
    let answers = one_moved();
    answers.script.moves(1, 0);
    answers.run("apply").code(0);
    moved_once(&answers.migration, &answers);
    assert!(answers.script.log().iter().any(|(_, line)| line.contains("UID MOVE")));
    // The copy that stood for it is given up: a twin that comes now is sent.
    let twin = answers.migration.lab.source.dump(ADA, "Drafts").pop().unwrap();
    let date = seeds::plain(1).date;
    answers.migration.lab.source.deliver(ADA, "INBOX", &[], &date, &twin.bytes);
    answers.run("apply").code(0).says(&["Copied 1 message"]);
    moved_once(&answers.migration, &answers);
}

#[test]
fn a_move_that_does_not_say_where_to_is_found_by_digest() {
    let answers = one_moved();
    answers.script.moves(0, 1);
    answers.run("apply").code(0);
    moved_once(&answers.migration, &answers);
}

#[test]
fn a_move_that_is_put_off_is_made_later_and_one_that_is_refused_is_told() {
    let refuse = |answers: &Answers, words: &'static str, mut times: usize| {
        answers.script.meddle(move |text| {
            let refused = text.starts_with("UID MOVE") && times > 0;
            times -= usize::from(refused);
            refused.then_some(Answer::Say(words))
        });
    };
    let answers = one_moved();
    refuse(&answers, "NO [UNAVAILABLE] not just now", 1);
    answers.run("apply").code(0).does_not_say(&["refused to move it"]);
    moved_once(&answers.migration, &answers);

    let answers = one_moved();
    refuse(&answers, "NO [NOPERM] nobody moves here", usize::MAX);
    let told = [
        "folder `INBOX` at the destination",
        "in Drafts now",
        "nobody moves here",
        "folders.moves",
    ];
    answers.run("apply").code(0).says(&told);
    let there = |folder| answers.script.messages(folder).len();
    assert_eq!((there("INBOX"), there("Drafts")), (5, 2));
    answers.run("verify").code(0).says(&["1 in another folder"]);
    answers.run("plan").code(0);
}

#[test]
fn a_folder_that_is_renamed_after_a_kill_leaves_nothing_twice() {
    leaves_nothing_twice_after_a_kill(|source| source.rename("Work", "Jobs").unwrap());
}

#[test]
fn messages_that_are_moved_at_the_source_after_a_kill_leave_nothing_twice() {
    leaves_nothing_twice_after_a_kill(|source| {
        source.create("Jobs").unwrap();
        let uids = source.uids("Work").unwrap();
        source.move_to("Work", &uids, "Jobs").unwrap();
    });
}

/// Kills an apply behind an APPEND into Work that is stored and not answered; then the messages of
/// Work come into Jobs.
fn leaves_nothing_twice_after_a_kill(change: impl FnOnce(&mut Session)) {
    let cut = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&cut);
    let answers = Answers::new(5, true, move |number| {
        // Five go to the INBOX; then the second one of the other folder.
        if number == 6 {
            told.store(true, Ordering::SeqCst);
            return Answer::StoreAndDie;
        }
        Answer::Store
    });
    let source = &answers.migration.lab.source;
    source.seed(ADA, &[("Work", (30..34).map(seeds::plain).collect())]);
    let args = ["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"];
    let apply = answers.migration.begin(&args);
    until("the line is cut", || cut.load(Ordering::SeqCst));
    // It waits for the folder to stand still.
    std::thread::sleep(Duration::from_secs(1));
    apply.signal(Signal::KILL);
    apply.end();
    assert_eq!(answers.script.messages("Work").len(), 2);
    change(&mut source.session(ADA));
    answers.run("apply").code(0);
    let mut there: Vec<Vec<u8>> = ["Work", "Jobs"]
        .iter()
        .flat_map(|folder| answers.script.messages(folder))
        .map(|message| message.bytes)
        .collect();
    let mut wanted: Vec<Vec<u8>> =
        source.dump(ADA, "Jobs").into_iter().map(|message| message.bytes).collect();
    there.sort();
    wanted.sort();
    assert!(there == wanted, "{} of {} are there", there.len(), wanted.len());
    answers.run("verify").code(0);
    answers.run("plan").code(0);
}

#[test]
fn a_copy_in_a_folder_that_cannot_be_opened_keeps_no_other_folder_back() {
    let answers = one_moved();
    let mail = seeds::plain(90);
    answers.migration.lab.source.deliver(ADA, "INBOX", &[], &mail.date, &mail.bytes);
    let script = answers.script.handle();
    answers.script.decide(move |_| {
        script.shut_later(&["INBOX"]);
        Answer::Store
    });
    let ended =
        answers.run("apply").says(&["at the destination cannot be opened", "is copied again"]);
    ended.code(0);
    assert_eq!(answers.script.messages("Drafts").len(), 3);
    answers.script.decide(|_| Answer::Store);
    answers.script.shut(&[]);
    answers.run("apply").code(0);
    assert_eq!(answers.script.messages("Drafts").len(), 3);
    assert_eq!(answers.script.messages("INBOX").len(), 6);
}

/// UIDPLUS is offered, and APPENDUID may be left out all the same.
#[test]
fn twins_of_two_folders_stay_two_where_the_server_does_not_say_where_they_are() {
    let mut answers = Answers::new(3, true, |_| Answer::StoreUnsaid);
    let old = (0..4).map(seeds::plain).collect();
    answers.migration.lab.source.seed(ADA, &[("Old", old)]);
    answers.migration.wanted.folders = "map: { Old: INBOX }\n  merge: [ INBOX ]".to_owned();
    answers.migration.write();
    answers.run("apply").code(0);
    assert_eq!(answers.script.messages("INBOX").len(), 7);
    answers.run("verify").code(0);
    answers.run("plan").code(0);
}

const LANDMARK: &str = "STATUS \"Drafts\" (UIDNEXT";

#[test]
fn a_folder_that_is_put_off_is_asked_again_where_it_stands() {
    let answers = Answers::new(5, true, first(Answer::StoreElsewhereAndDie("Drafts")));
    let mut seen = 0;
    answers.script.meddle(move |text| {
        seen += usize::from(text.starts_with("STATUS \"") && text.contains("(UIDNEXT"));
        let late = "NO Request is throttled. Suggested Backoff Time: 300 milliseconds";
        (text.starts_with(LANDMARK) && seen <= 5).then_some(Answer::Say(late))
    });
    answers.run("apply").code(0);
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
    assert_eq!(answers.script.messages("Drafts").len(), 1);
    let ledger = SqliteLedger::open_read_only(&answers.migration.path(".mailferry/acme.sqlite"))
        .unwrap()
        .unwrap();
    let landmarks = ledger.landmarks(&ADA.parse().unwrap()).unwrap();
    let drafts = landmarks[&"Drafts".parse().unwrap()];
    assert_eq!(drafts, (UidValidity(7), Uid(1)), "{landmarks:?}");
    answers.run("verify").code(0);
}

#[test]
fn a_folder_that_could_not_be_read_when_the_run_began_is_looked_into_as_a_whole() {
    let answers = Answers::new(5, true, first(Answer::StoreElsewhereAndDie("Drafts")));
    let mut seen = 0;
    answers.script.meddle(move |text| {
        seen += usize::from(text.starts_with(LANDMARK));
        (text.starts_with(LANDMARK) && seen == 1).then_some(Answer::Say("NO [NOPERM] not now"))
    });
    answers.run("apply").code(0);
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
    assert_eq!(answers.script.messages("Drafts").len(), 1);
    answers.run("verify").code(0).says(&["1 in another folder"]);
    answers.run("plan").code(0);
}
