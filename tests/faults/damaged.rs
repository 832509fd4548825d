//! A source that will not give one message.

use super::relay::{Harm, Relay};
use super::script::{Answer, Message, Script};
use super::session;
use crate::lab::{LabOptions, seeds};
use crate::migration::{ADA, Migration};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn one_message_that_the_source_will_not_give_stays_behind_alone() {
    let mut migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let inbox: Vec<_> = (1..=9).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("INBOX", inbox)]);
    let damaged = migration.lab.source.dump(ADA, "INBOX")[4].uid;
    let relay = Relay::start(migration.lab.source.plain_port, move |_| {
        Harm::RefuseBodies(damaged, damaged, usize::MAX)
    });
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.write();
    let ended = migration.run(&["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"]);
    ended.code(5).says(&["Copied 8 messages", "1 message stays behind"]);
    assert!(relay.harmed(), "the source was asked for the damaged message");

    let arrived = migration.lab.destination.dump(ADA, "INBOX");
    let expected: Vec<_> = migration
        .lab
        .source
        .dump(ADA, "INBOX")
        .into_iter()
        .filter(|message| message.uid != damaged)
        .map(|message| message.bytes)
        .collect();
    // The damaged one may have let others of its FETCH pass it: the order is no promise.
    let sorted = |mut bodies: Vec<Vec<u8>>| {
        bodies.sort();
        bodies
    };
    let arrived = sorted(arrived.into_iter().map(|message| message.bytes).collect());
    assert_eq!(arrived, sorted(expected));

    let named = format!("source UID {damaged}");
    migration
        .run(&["verify", "plan.yaml", "--trust", "localhost"])
        .code(6)
        .says(&[&named, "Message is damaged"]);
}

#[test]
fn one_message_that_the_source_will_not_give_to_verify_is_unread_alone() {
    let mut migration = empty();
    let inbox: Vec<_> = (1..=9).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("INBOX", inbox)]);
    let uids: Vec<u32> = migration.lab.source.dump(ADA, "INBOX").iter().map(|m| m.uid).collect();
    // The server ends the connection at three errors: two cost more than one.
    let (first, last) = (uids[3], uids[4]);
    let relay = Relay::start(migration.lab.source.plain_port, |_| Harm::None);
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.write();
    migration.run(&APPLY).code(0).says(&["Copied 9 messages"]);
    let verify = ["verify", "plan.yaml", "--trust", "localhost"];
    relay.harm(move |_| Harm::RefuseBodies(first, last, 3));
    migration.run(&verify).code(6).says(&[
        "2 messages are not what was sent",
        &format!("source UID {first}: unreadable: the source said "),
        &format!("source UID {last}: unreadable: the source said "),
        "9 at the source = 7 copied + 2 unread",
    ]);
    // They are remembered, and read again whatever is drawn, until they are well.
    let sample = [&verify[..], &["--sample", "1"]].concat();
    migration.run(&sample).code(6).says(&["7 copied + 2 unread"]);
    relay.harm(|_| Harm::None);
    migration.run(&verify).code(0).says(&["9 bodies read on both sides and equal"]);
}

#[test]
fn a_date_that_was_never_sent_is_not_called_equal() {
    let undated = b"Subject: no date\r\n\r\nx\r\n".to_vec();
    let (migration, _script) = from_script(&[(1, "no date", undated)]);
    migration.run(&APPLY).code(0);
    migration
        .run(&["verify", "plan.yaml", "--trust", "localhost"])
        .code(0)
        .says(&["dates equal but for 1, flags equal", "1 message has no valid date at the source"]);
}

const DATE: &str = "01-Jan-2024 10:00:00 +0000";

pub(super) const APPLY: [&str; 5] =
    ["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"];

fn empty() -> Migration {
    Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() })
}

/// A migration from a source that does as told.
pub(super) fn from_script(messages: &[(u32, &str, Vec<u8>)]) -> (Migration, Script) {
    let mut migration = empty();
    let script = Script::start(true, |_| Answer::Store);
    for (uid, date, bytes) in messages {
        let (flags, date, bytes) = (Vec::new(), (*date).to_owned(), bytes.clone());
        script.hold("INBOX", Message { uid: *uid, flags, date, bytes });
    }
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", script.port);
    migration.write();
    (migration, script)
}

/// By default Dovecot closes the connection at a message that it cannot read.
#[test]
fn a_message_at_which_dovecot_hangs_up_stays_behind_alone() {
    let migration = empty();
    let source = &migration.lab.source;
    source.seed(ADA, &[("INBOX", (1..=4).map(seeds::plain).collect())]);
    let planted = source.plant(ADA, "", "1700000000.M1P1.damaged", &seeds::plain(50).bytes);
    // Its size is known from here on, and listings need not open it.
    assert_eq!(source.dump(ADA, "INBOX").len(), 5);
    for number in 5..=8 {
        let mail = seeds::plain(number);
        source.deliver(ADA, "INBOX", &[], &mail.date, &mail.bytes);
    }
    let before = source.dump(ADA, "INBOX");
    let damaged = before.iter().find(|m| m.bytes == seeds::plain(50).bytes).unwrap().uid;
    let folder = planted.parent().unwrap().parent().unwrap();
    let file = ["new", "cur"]
        .iter()
        .flat_map(|part| fs::read_dir(folder.join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("M1P1.damaged"))
        .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();

    let named = format!("source UID {damaged}");
    let ended = migration.run(&APPLY);
    ended.code(5).says(&["Copied 8 messages", "1 message stays behind"]);
    assert!(source.log_text().contains("Permission denied"), "Dovecot could not read it");
    let mut arrived: Vec<_> =
        migration.lab.destination.dump(ADA, "INBOX").into_iter().map(|m| m.bytes).collect();
    let mut wanted: Vec<_> =
        before.into_iter().filter(|m| m.uid != damaged).map(|m| m.bytes).collect();
    arrived.sort();
    wanted.sort();
    assert!(arrived == wanted, "{} of {} arrived", arrived.len(), wanted.len());
    migration.run(&["verify", "plan.yaml"]).code(6).says(&[&named, "unreadable"]);
}

/// Ten refusals close the connection, as Exchange does.
#[test]
fn nine_messages_that_a_source_will_not_give_stay_behind_although_it_closes_at_ten_errors() {
    let mut migration = empty();
    migration.lab.source.seed(ADA, &[("INBOX", (1..=12).map(seeds::plain).collect())]);
    let uids: Vec<u32> = migration.lab.source.dump(ADA, "INBOX").iter().map(|m| m.uid).collect();
    let (first, last) = (uids[1], uids[9]);
    let relay =
        Relay::start(migration.lab.source.plain_port, move |_| Harm::RefuseBodies(first, last, 10));
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.write();
    migration.run(&APPLY).code(5).says(&["Copied 3 messages", "9 messages stay behind"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 3);
}

/// A source with so many messages that refuses every FETCH of bodies that asks for one of these.
fn refusing(count: u32, refused: impl Fn(u32) -> bool + Send + 'static) -> (Migration, Script) {
    let mails: Vec<_> =
        (1..=count).map(|number| (number, DATE, seeds::plain(number as usize).bytes)).collect();
    let (migration, script) = from_script(&mails);
    script.meddle(move |text| {
        let set = text.strip_prefix("UID FETCH ")?.split(' ').next()?;
        let asked = (1..=count).any(|uid| refused(uid) && session::names(set, uid, count));
        (asked && text.contains("BODY.PEEK[]")).then_some(Answer::Say("NO Message is damaged"))
    });
    (migration, script)
}

#[test]
fn a_source_that_refuses_everything_leaves_no_more_than_twenty_messages_behind() {
    let (migration, script) = refusing(25, |_| true);
    let ended = migration.run(&APPLY).code(5);
    ended.says(&["Message is damaged", "it is the source and not they"]);
    let behind = |count: &str| migration.run(&["status", "plan.yaml"]).code(0).says(&[count]);
    behind("20 excepted");
    // What is left is not taken for damaged when the source is well.
    script.meddle(|_| None);
    migration.run(&APPLY).code(0).says(&["Copied 5 messages"]);
    behind("20 excepted");
    migration.run(&["retry", "plan.yaml", ADA]).code(0);
    migration.run(&APPLY).code(0).says(&["Copied 20 messages"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 25);
}

#[test]
fn one_message_that_a_source_gives_shows_that_the_others_are_damaged() {
    let (migration, _script) = refusing(31, |uid| uid != 16);
    migration.run(&APPLY).code(5).says(&["Copied 1 message", "30 messages stay behind"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 1);
}

#[test]
fn a_listing_that_lacks_a_row_removes_no_copy() {
    let mails = [1, 2, 3, 4, 5, 6].map(|n| (n, DATE, seeds::plain(n as usize).bytes));
    let (mut migration, script) = from_script(&mails);
    migration.wanted.folders.push_str("\n  deletions: propagate\n  deletions_share: 100%");
    migration.write();
    migration.run(&APPLY).code(0);
    script.remove("INBOX", 3);
    script.without_size(5);
    let plan = ["plan", "plan.yaml", "--trust", "localhost"];
    migration.run(&plan).says(&["RFC822.SIZE of UID 5", " 0 to remove,"]);
    script.without_size(0);
    migration.run(&plan).code(0).says(&[" 1 to remove,"]);
}

#[test]
fn a_folder_that_the_source_will_not_open_any_more_keeps_no_other_back() {
    let mut migration = empty();
    let notes = (20..22).map(seeds::plain).collect();
    let inbox = (1..4).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("INBOX", inbox), ("Alpha", notes)]);
    let relay = Relay::start(migration.lab.source.plain_port, |_| Harm::None);
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.write();
    migration.run(&APPLY).code(0);
    let late = seeds::plain(51);
    migration.lab.source.deliver(ADA, "INBOX", &[], &late.date, &late.bytes);
    relay.harm(|_| Harm::RefuseFolder("Alpha"));
    migration.run(&APPLY).says(&["Copied 1 message"]);
    assert!(relay.harmed(), "the folder was asked for");
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 4);
}

#[test]
fn a_listed_name_is_no_folder_only_when_the_source_denies_it_twice_and_names_lie_below_it() {
    let (migration, script) = from_script(&[(1, DATE, seeds::plain(1).bytes)]);
    script.make("p", "/");
    let denied = |examine: &'static str, status: &'static str| {
        script.meddle(move |text| {
            let text = text.trim_end().replace('"', "");
            let words = match () {
                () if text.starts_with("EXAMINE p") && !text.contains("p/") => examine,
                () if text.starts_with("STATUS p ") => status,
                () => "",
            };
            (!words.is_empty()).then_some(Answer::Say(words))
        });
        migration.run(&["plan", "plan.yaml", "--trust", "localhost"])
    };
    let (code, words) = ("NO [NONEXISTENT] no such mailbox", "NO Mailbox doesn't exist: p");
    denied(code, code).code(8).does_not_say(&["F235"]);
    script.make("p/q", "/");
    for (examine, status) in [(code, code), (words, words), (words, code)] {
        denied(examine, status).code(0).says(&["F235", "p is listed at the source"]);
    }
    let other = "NO [NOPERM] Mailbox doesn't exist: p";
    for (examine, status) in [(code, ""), (code, "NO not now"), ("NO no", code), (other, other)] {
        denied(examine, status).code(8).says(&["source folder"]).does_not_say(&["F235"]);
    }
}

#[test]
fn a_folder_that_is_left_behind_is_not_opened_by_verify() {
    let (mut migration, script) = from_script(&[(1, DATE, seeds::plain(1).bytes)]);
    script.make("dead", "/");
    let two = |uid| Message { uid, flags: Vec::new(), date: DATE.to_owned(), bytes: b"x".to_vec() };
    script.hold("dead", two(1));
    script.hold("dead", two(2));
    let verify = ["verify", "plan.yaml", "--trust", "localhost"];
    let no =
        |text: &str| text.contains("dead").then_some(Answer::Say("NO the disk does not give it"));
    script.meddle(no);
    let planned = migration.run(&["plan", "plan.yaml", "--trust", "localhost"]).code(8);
    planned.says(&["the disk does not give it", "exclude it in the migration plan"]);
    migration.wanted.folders.push_str("\n  exclude: [ dead ]");
    migration.write();
    migration.run(&APPLY).code(0).says(&["Copied 1 message"]);
    let before = script.log().len();
    migration.run(&verify).code(0);
    let opened = script.log().split_off(before);
    assert!(!opened.iter().any(|(_, text)| text.contains("EXAMINE dead")), "{opened:?}");
    let html = ["--report", "proof.html"];
    migration.run(&[&verify[..], &html].concat()).code(0);
    let report = fs::read_to_string(migration.path("proof.html")).unwrap();
    assert!(report.contains("is excluded, and the source did not say"), "{report}");
    script.meddle(|_| None);
    migration.run(&verify).code(0).says(&["2 excluded by the plan"]);
}

#[test]
fn a_large_message_without_a_date_gets_that_of_its_header() {
    let mut large = b"Date: Mon, 1 Jan 2024 10:00:00 +0100\r\nSubject: large\r\n\r\n".to_vec();
    large.extend(b"0123456789\r\n".repeat(200_000));
    let (migration, _script) = from_script(&[(1, "no date", large.clone())]);
    migration.run(&APPLY).code(0).says(&["Copied 1 message"]);
    let arrived = migration.lab.destination.dump(ADA, "INBOX");
    assert!(arrived[0].bytes == large);
    assert_eq!(arrived[0].date, 1_704_099_600);
}

#[test]
fn a_row_that_cannot_be_read_costs_its_message_and_not_the_folder() {
    let mails = [1, 2, 3].map(|number| (number, DATE, seeds::plain(number as usize).bytes));
    let (migration, script) = from_script(&mails);
    script.without_size(2);
    for _ in 0..2 {
        let ended = migration.run(&APPLY);
        assert!(ended.code != Some(0), "{ended}");
        ended.says(&["RFC822.SIZE of UID 2"]);
        assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 2);
    }
    script.without_size(0);
    migration.run(&APPLY).code(0);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 3);
}

/// Dovecot drops a CR at the very end of a message when it stores: sent as it is, nobody would
/// recognise it after a crash, and no proof could ever hold.
#[test]
fn a_message_that_ends_in_half_a_line_end_is_sent_as_it_will_be_stored() {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let large =
        [b"Subject: large\r\n\r\n".to_vec(), vec![b'x'; 1_500_000], b"\r".to_vec()].concat();
    // The folder is there once somebody delivered into it.
    migration.lab.source.seed(ADA, &[("INBOX", vec![seeds::plain(1)])]);
    let small = b"Subject: half\r\n\r\nthe end\r\n\r".to_vec();
    for (name, body) in [("900000001.M1P1.h:2,S", &small), ("900000002.M2P1.h:2,", &large)] {
        migration.lab.source.plant(ADA, "", name, body);
    }
    migration.copy().code(0);
    migration.run(&["verify", "plan.yaml"]).code(0).says(&["2 after a named transform"]);
    let arrived = migration.lab.destination.dump(ADA, "INBOX");
    assert_eq!(arrived.len(), 3);
    assert!(arrived.iter().all(|message| message.bytes.ends_with(b"\r\n")));
}

#[test]
fn a_name_that_names_nothing_is_a_mistake() {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    for option in ["--only", "--skip"] {
        migration
            .run(&["apply", "plan.yaml", "--auto-approve", option, "nobody@acme.example"])
            .code(64)
            .says(&["E008", "nobody@acme.example"])
            .says_what_is_next();
    }
}
