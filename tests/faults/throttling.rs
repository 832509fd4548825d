//! Servers that want patience: nothing goes out before the time that they name, whatever command
//! they named it to, and connections that see too many errors are replaced.

use super::answers::{Answers, first, quiet_for};
use super::script::Answer;
use crate::lab::dovecot::Profile;
use crate::lab::{LabOptions, seeds};
use crate::migration::run::until;
use crate::migration::{ADA, BOB, CAROL, Migration};
use rustix::process::Signal;
use std::fs::{self, File};
use std::process::Stdio;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_millis(1_500);
const NO: &str = "NO Request is throttled. Suggested Backoff Time: 1500 milliseconds";
const BAD: &str = "BAD Request is throttled. Suggested Backoff Time: 1500 milliseconds";

/// Refuses the so many-th command of a kind, counted from 0.
fn at(word: &'static str, place: usize, answer: Answer) -> impl FnMut(&str) -> Option<Answer> {
    let mut seen = 0;
    move |text| {
        if !text.to_uppercase().starts_with(word) {
            return None;
        }
        seen += 1;
        (seen == place + 1).then(|| answer.clone())
    }
}

#[test]
fn both_forms_are_obeyed_whatever_was_asked() {
    // The first of each comes while the mailbox is looked at, a later one while it is copied.
    let places =
        [("LOGIN", 0), ("LIST", 0), ("STATUS", 0), ("SELECT", 0), ("LOGIN", 1), ("SELECT", 1)];
    for (word, place) in places {
        for answer in [Answer::Say(NO), Answer::SayAndClose(BAD)] {
            let what = format!("{word} {place}: {answer:?}");
            let answers = Answers::new(3, true, |_| Answer::Store);
            answers.script.meddle(at(word, place, answer));
            let ended =
                answers.run("apply").code(0).says(&["asked for patience", "Request is throttled"]);
            let refused = answers.script.log().iter().filter(|(_, said)| said == "refused").count();
            assert_eq!(refused, 1, "{what}\n{ended}");
            quiet_for(&answers.script, WAIT, 0);
            answers.each_once();
        }
    }
}

#[test]
fn a_folder_is_made_and_subscribed_over_as_many_connections_as_it_takes() {
    for (word, answer) in [
        ("CREATE", Answer::SayAndClose(BAD)),
        ("CREATE", Answer::StoreAndDie),
        ("CREATE", Answer::Die),
        ("SUBSCRIBE", Answer::Die),
    ] {
        let what = format!("{word}: {answer:?}");
        let answers = Answers::new(1, true, |_| Answer::Store);
        let mail = vec![seeds::plain(50)];
        answers.migration.lab.source.seed(ADA, &[("Old", mail.clone()), ("Work", mail)]);
        answers.script.meddle(at(word, 0, answer));
        let ended = answers.run("apply").code(0);
        let there = |folder| answers.script.messages(folder).len();
        assert_eq!((there("Old"), there("Work")), (1, 1), "{what}\n{ended}");
        answers.each_once();
    }
}

#[test]
fn a_folder_whose_names_above_were_declared_is_made_on_another_connection() {
    let answers = Answers::new(0, true, |_| Answer::Store);
    answers.migration.lab.source.seed(ADA, &[("A/B", vec![seeds::plain(1)])]);
    let mut seen = 0;
    answers.script.meddle(move |text| {
        seen += usize::from(text.starts_with("CREATE \"A/B\""));
        match (text.starts_with("CREATE \"A/B\""), seen) {
            (true, 1) => Some(Answer::Say("NO there is nothing above it")),
            (true, 2) => Some(Answer::Die),
            _ => None,
        }
    });
    answers.run("apply").code(0);
    assert_eq!(answers.script.messages("A/B").len(), 1);
    answers.run("plan").code(0);
}

#[test]
fn a_removal_goes_on_over_other_connections_and_is_counted_once() {
    for answer in [Answer::Die, Answer::StoreAndDie, Answer::SayAndClose(BAD)] {
        let what = format!("{answer:?}");
        let mut answers = Answers::new(30, true, |_| Answer::Store);
        answers.migration.wanted.folders.push_str("\n  deletions: propagate");
        answers.migration.write();
        answers.run("apply").code(0);
        let mut session = answers.migration.lab.source.session(ADA);
        session.command("SELECT INBOX").unwrap();
        session.command("UID STORE 4:5 +FLAGS (\\Deleted)").unwrap();
        session.command("UID EXPUNGE 4:5").unwrap();
        let trust = ["--trust", "localhost"];
        let shown = answers.migration.run(&[&["plan", "plan.yaml"][..], &trust].concat());
        let entry = shown.stdout.lines().find_map(|line| line.trim().strip_prefix("acknowledge: "));
        answers.migration.wanted.more = format!("acknowledge: {}\n", entry.expect("a guard"));
        answers.migration.write();
        let args = [&["plan", "plan.yaml", "--out", "saved.json"][..], &trust].concat();
        answers.migration.run(&args).code(0).says(&["2 to remove"]);
        answers.script.meddle(at("UID EXPUNGE", 0, answer));
        let args = [&["apply", "saved.json"][..], &trust].concat();
        let ended = answers.migration.run(&args).code(0).says(&["Removed 2 copies"]);
        let there = answers.script.messages("INBOX");
        assert_eq!(there.len(), 28, "{what}\n{ended}");
        assert!(there.iter().all(|message| message.flags.is_empty()), "{what}: {there:?}");
        answers.run("verify").code(0);
        answers.run("plan").code(0);
    }
}

#[test]
fn a_throttled_fetch_of_the_destination_is_asked_again() {
    let answers = Answers::new(3, true, |_| Answer::Store);
    answers.run("apply").code(0);
    // Adoption reads the destination: another ledger knows nothing of the copy.
    answers.script.meddle(at("UID FETCH", 0, Answer::SayAndClose(NO)));
    fs::remove_dir_all(answers.migration.path(".mailferry")).unwrap();
    let planned = answers.run("plan");
    assert_eq!(planned.code, Some(2), "{planned}");
    assert_eq!(answers.copies(), [1, 1, 1]);
}

#[test]
fn a_throttled_verification_waits_and_goes_on() {
    for (place, answer) in [
        (0, Answer::Say(NO)),
        (1, Answer::SayAndClose(BAD)),
        (2, Answer::SayAndClose(NO)),
        (2, Answer::Say(BAD)),
    ] {
        let what = format!("{place}: {answer:?}");
        let answers = Answers::new(3, true, |_| Answer::Store);
        answers.run("apply").code(0);
        answers.script.meddle(at("UID FETCH", place, answer));
        let ended = answers.run("verify").code(0).says(&["Verified 1 of 1", "3 bodies read"]);
        let refused = answers.script.log().iter().filter(|(_, said)| said == "refused").count();
        assert_eq!(refused, 1, "{what}\n{ended}");
        quiet_for(&answers.script, WAIT, 0);
    }
}

#[test]
fn a_verification_that_is_put_off_for_ever_is_unknown_in_the_servers_words() {
    let short = "BAD Request is throttled. Suggested Backoff Time: 5 milliseconds";
    let answers = Answers::new(3, true, |_| Answer::Store);
    answers.run("apply").code(0);
    answers
        .script
        .meddle(move |text| text.starts_with("UID FETCH").then_some(Answer::SayAndClose(short)));
    let ended = answers.run("verify").code(8).says(&[
        "NOT VERIFIED: something is not known",
        "Request is throttled",
        "NOT verified: only 0 of 1 mailbox",
        "Next: mend what could not be read or told apart",
    ]);
    let tries = answers.script.log().iter().filter(|(_, said)| said == "refused").count();
    assert!((10..=60).contains(&tries), "{tries} tries\n{ended}");
    // Nothing is known, and nothing is concluded.
    answers.script.meddle(|_| None);
    answers.each_once();
}

#[test]
fn a_wait_within_a_verification_ends_with_one_signal() {
    let hours = "NO Request is throttled. Suggested Backoff Time: 10800000 milliseconds";
    let answers = Answers::new(3, true, |_| Answer::Store);
    answers.run("apply").code(0);
    answers.script.meddle(at("UID FETCH", 0, Answer::Say(hours)));
    let running = answers.migration.begin(&["verify", "plan.yaml", "--trust", "localhost"]);
    until("the server asked for patience", || {
        answers.script.log().iter().any(|(_, said)| said == "refused")
    });
    let begun = Instant::now();
    running.signal(Signal::INT);
    let ended = running.end().code(130).does_not_say(&["Verified"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{ended}");
    answers.each_once();
}

#[test]
fn an_absurd_wait_is_shown_and_ended_by_one_signal() {
    let hours = "NO Request is throttled. Suggested Backoff Time: 10800000 milliseconds";
    let answers = Answers::new(3, true, first(Answer::Say(hours)));
    let running =
        answers.migration.begin(&["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"]);
    until("the server asked for patience", || {
        answers.script.log().iter().any(|(_, said)| said == "refused")
    });
    std::thread::sleep(Duration::from_millis(700));
    let begun = Instant::now();
    running.signal(Signal::INT);
    let ended = running.end().code(130).says(&["waiting 3 h", "10800000 milliseconds"]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{ended}");
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn a_wait_for_room_ends_with_one_signal_too() {
    let crowded = "NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=1)";
    let answers = Answers::new(1, true, |_| Answer::Store);
    answers.script.meddle(move |text| text.starts_with("LOGIN").then_some(Answer::Say(crowded)));
    let running =
        answers.migration.begin(&["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"]);
    until("the server refused twice", || {
        answers.script.log().iter().filter(|(_, said)| said == "refused").count() > 1
    });
    let begun = Instant::now();
    running.signal(Signal::INT);
    let ended = running.end().code(130);
    assert!(begun.elapsed() < Duration::from_secs(2), "{ended}");
}

#[test]
fn a_refused_log_in_is_not_tried_again_in_the_run() {
    let refused = "NO [AUTHENTICATIONFAILED] Authentication failed.";
    let answers = Answers::new(3, true, |_| Answer::Store);
    // The look is let in; the password changes before the copy.
    answers.script.meddle({
        let mut seen = 0;
        move |text| {
            seen += usize::from(text.starts_with("LOGIN"));
            (text.starts_with("LOGIN") && seen > 1).then_some(Answer::Say(refused))
        }
    });
    let ended = answers.run("apply").code(8).says(&["refused the log-in", "E104"]);
    let tries = answers.script.log().iter().filter(|(_, said)| said == "refused").count();
    assert_eq!(tries, 1, "{ended}");
    answers.script.meddle(|_| None);
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn a_server_that_closes_at_ten_errors_gets_every_other_message_and_names_each_refusal() {
    let answers = Answers::new(45, true, |_| Answer::Store);
    answers.script.close_after(10);
    let bad = 5..35_usize;
    let rejected: Vec<Vec<u8>> = bad.clone().map(|number| seeds::plain(number).bytes).collect();
    answers.script.reject(
        move |bytes| rejected.iter().any(|one| one == bytes),
        Answer::Say("BAD Command Argument Error. 11"),
    );
    let args = ["apply", "plan.yaml", "--auto-approve", "--trust", "localhost", "--format", "json"];
    let ended = answers.migration.run(&args).code(5);
    let wanted: Vec<usize> = (0..45).map(|number| usize::from(!bad.contains(&number))).collect();
    assert_eq!(answers.copies(), wanted, "{ended}");
    // Each is named once, with its reason.
    for number in bad {
        let uid = format!("\"uid\":{},", number + 1);
        let named: Vec<&str> = ended
            .stdout
            .lines()
            .filter(|l| l.contains("\"excepted\"") && l.contains(&uid))
            .collect();
        assert!(named.len() == 1 && named[0].contains("mailferry explain E217"), "{uid} {named:?}");
    }
    answers
        .run("verify")
        .code(6)
        .says(&["30 messages stay behind: refused", "mailferry explain E217"]);
    let log = answers.script.log();
    let closed = log.iter().filter(|(_, said)| said == "closed for its errors").count();
    // The first burst is on its way before anybody knows; afterwards no connection gets there.
    assert!(closed <= 1, "{closed} connections were closed for their errors\n{ended}");
    // And again: nothing twice.
    answers.run("apply");
    assert_eq!(answers.copies(), wanted);
}

/// As Cyrus does with a literal that it did not want.
#[test]
fn a_server_that_hangs_up_behind_a_refusal_keeps_one_message_back_and_no_other() {
    let answers = Answers::new(24, true, |_| Answer::Store);
    let bad = seeds::plain(9).bytes;
    let answer = Answer::SayAndClose("NO [TOOBIG] Message size exceeds fixed limit");
    answers.script.reject(move |bytes| bytes == bad, answer);
    let ended = answers.run("apply").code(5).says(&["1 message stays behind"]);
    let wanted: Vec<usize> = (0..24).map(|number| usize::from(number != 9)).collect();
    assert_eq!(answers.copies(), wanted, "{ended}");
    answers.run("verify").code(6).says(&["source UID 10", "[TOOBIG]", "mailferry explain E211"]);
}

#[test]
fn folders_that_are_refused_stop_themselves_alone() {
    let answers = Answers::new(2, true, |_| Answer::Store);
    let folders: Vec<(String, Vec<seeds::Mail>)> =
        (0..14).map(|n| (format!("Box {n}"), vec![seeds::plain(100 + n)])).collect();
    let folders: Vec<(&str, Vec<seeds::Mail>)> =
        folders.iter().map(|(name, mails)| (name.as_str(), mails.clone())).collect();
    answers.migration.lab.source.seed(ADA, &folders);
    answers.script.close_after(10);
    // Twelve in a row, as Exchange refuses `Files`.
    answers.script.meddle(|text| {
        let number =
            text.strip_prefix("CREATE \"Box ")?.trim_end_matches('"').parse::<u32>().ok()?;
        // The last of them in words that no row of the catalogue knows.
        let said =
            if number < 11 { "NO Folder name is reserved" } else { "NO Invalid mailbox name" };
        (number < 12).then_some(Answer::Say(said))
    });
    let ended = answers
        .run("apply")
        .code(5)
        .says(&["E202", "Folder name is reserved", "explain E222"])
        .says(&["Invalid mailbox name", "explain E202"])
        .does_not_say(&["explain E151"]);
    for name in ["Box 12", "Box 13"] {
        assert_eq!(answers.script.messages(name).len(), 1, "{name}\n{ended}");
    }
    assert_eq!(answers.script.messages("INBOX").len(), 2, "{ended}");
    let log = answers.script.log();
    assert!(!log.iter().any(|(_, said)| said == "closed for its errors"), "{log:#?}");
}

/// Real Dovecots that let a user have one connection, and somebody else who has it.
#[test]
fn a_crowded_dovecot_is_waited_for_and_everything_arrives() {
    let one = |profile| Profile { connections_per_user: 1, ..profile };
    let migration = Migration::empty(LabOptions {
        source: one(Profile::rackspace()),
        destination: one(Profile::exchange()),
        ..LabOptions::default()
    });
    for (number, user) in [ADA, BOB, CAROL].into_iter().enumerate() {
        migration.lab.source.seed(user, &crate::migration::folders(number * 100));
    }
    std::thread::sleep(Duration::from_millis(200));
    let foreign = [migration.lab.destination.session(ADA), migration.lab.source.session(BOB)];
    let begun = Instant::now();
    let running = migration.begin(&["apply", "plan.yaml", "--auto-approve"]);
    std::thread::sleep(Duration::from_secs(7));
    drop(foreign);
    let ended = running.end().code(0).says(&[
        "asked for patience",
        "mail_max_userip_connections=1",
        ADA,
        BOB,
    ]);
    assert!(begun.elapsed() > Duration::from_secs(7), "{ended}");
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
    migration.run(&["verify", "plan.yaml"]).code(0);
    // Again: nothing to do, and nothing doubled.
    migration.run(&["apply", "plan.yaml", "--auto-approve"]).code(0);
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
}

#[test]
fn a_plan_that_is_no_terminals_says_for_what_it_waits() {
    let one = |profile| Profile { connections_per_user: 1, ..profile };
    let migration = Migration::empty(LabOptions {
        destination: one(Profile::exchange()),
        ..LabOptions::default()
    });
    migration.lab.source.seed(ADA, &crate::migration::folders(0));
    let foreign = migration.lab.destination.session(ADA);
    let said = migration.path("stderr");
    let mut planning = migration
        .command(&["plan", "plan.yaml"])
        .stdout(Stdio::null())
        .stderr(File::create(&said).unwrap())
        .spawn()
        .unwrap();
    until("it says that it waits", || {
        let said = fs::read_to_string(&said).unwrap();
        said.contains("waiting ") && said.contains("mail_max_userip_connections=1")
    });
    drop(foreign);
    assert!(planning.wait().unwrap().success(), "{}", fs::read_to_string(&said).unwrap());
}
