//! A message that one of the sides lists and does not give, while it is looked for.

use super::answers::{Answers, first};
use super::relay::{Harm, Relay};
use super::script::Answer;
use crate::lab::seeds;
use crate::migration::ADA;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Puts a relay before the source.
fn relayed(
    mut answers: Answers,
    harm: impl Fn(usize) -> Harm + Send + 'static,
) -> (Answers, Relay) {
    let relay = Relay::start(answers.migration.lab.source.plain_port, harm);
    answers.migration.wanted.source =
        format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    answers.migration.write();
    (answers, relay)
}

#[test]
fn a_message_that_the_source_does_not_give_to_the_search_is_unclear_alone() {
    let answers = Answers::new(5, true, first(Answer::StoreAndDie));
    let uid = answers.migration.lab.source.dump(ADA, "INBOX")[0].uid;
    // One connection looks, and one copies until the destination's line falls.
    let (answers, relay) = relayed(answers, move |connection| match connection {
        0 | 1 => Harm::None,
        _ => Harm::RefuseBodies(uid, uid, usize::MAX),
    });
    for _ in 0..2 {
        let ended = answers.run("apply").says(&[
            "E244",
            &format!("UID {uid}: the source does not give it, and UID 1 of the destination"),
        ]);
        assert!(matches!(ended.code, Some(1 | 5)), "{ended}");
        assert_eq!(answers.copies(), [1; 5], "it is there, and was not sent again");
    }
    answers.run("verify").code(6).says(&["1 unclear"]);
    relay.pass_everything();
    answers.run("apply").code(0).says(&["Found 1"]);
    answers.each_once();
}

/// What was near to it turned out to be another one.
#[test]
fn a_message_that_the_source_gives_again_is_sent_when_it_is_not_there() {
    let answers = Answers::new(5, true, |number| match number {
        0 => Answer::Die,
        _ => Answer::Store,
    });
    let source = answers.migration.lab.source.dump(ADA, "INBOX");
    let (uid, octets) = (source[0].uid, source[0].bytes.clone());
    let (answers, relay) = relayed(answers, move |connection| match connection {
        0 | 1 => Harm::None,
        _ => Harm::RefuseBodies(uid, uid, usize::MAX),
    });
    // Somebody delivers a message of its size and date while its fate is not known.
    let other = octets.iter().map(|octet| if *octet == b'N' { b'M' } else { *octet }).collect();
    let late = Arc::new(AtomicBool::new(false));
    answers.script.decide({
        let (handle, late) = (answers.script.handle(), Arc::clone(&late));
        let other: Vec<u8> = other;
        move |_| {
            if late.swap(true, Ordering::SeqCst) {
                return Answer::Store;
            }
            handle.deliver_later("INBOX", seeds::plain(0).date, &other);
            Answer::Die
        }
    });
    let ended = answers.run("apply").says(&["E244"]);
    assert!(matches!(ended.code, Some(1 | 5)), "{ended}");
    relay.pass_everything();
    answers.run("apply").code(0).says(&["Copied 1 message"]);
    let there = answers.script.messages("INBOX");
    assert_eq!(there.len(), 6);
    assert_eq!(there.iter().filter(|copy| copy.bytes == octets).count(), 1);
}

#[test]
fn a_message_at_which_dovecot_hangs_up_in_the_search_is_unclear_alone() {
    let answers = Answers::new(0, true, |_| Answer::Store);
    let source = &answers.migration.lab.source;
    source.seed(ADA, &[("INBOX", (1..5).map(seeds::plain).collect())]);
    let planted = source.plant(ADA, "", "1700000000.M1P1.damaged", &seeds::plain(50).bytes);
    // Its size is known from here on, and listings need not open it.
    let before = source.dump(ADA, "INBOX");
    assert_eq!(before.len(), 5);
    let folder = planted.parent().unwrap().parent().unwrap().to_owned();
    let file = ["new", "cur"]
        .iter()
        .flat_map(|part| fs::read_dir(folder.join(part)).unwrap())
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("M1P1.damaged"))
        .unwrap();
    let readable =
        move |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
    let damaged = seeds::plain(50).bytes;
    let uid = before.iter().find(|message| message.bytes == damaged).unwrap().uid;
    let harm = readable.clone();
    answers.script.reject(
        move |octets| {
            let it = octets == damaged;
            if it {
                harm(0o000);
            }
            it
        },
        Answer::StoreAndDie,
    );
    let ended = answers.run("apply").says(&["E244", &format!("UID {uid}: the source")]);
    assert!(matches!(ended.code, Some(1 | 5)), "{ended}");
    assert!(source.log_text().contains("Permission denied"), "Dovecot could not read it");
    readable(0o600);
    assert_eq!(answers.copies(), [1; 5], "it is there, and was not sent again");
    answers.run("apply").code(0);
    answers.each_once();
}

/// Exchange lists items that are broken and gives nothing for them.
#[test]
fn a_message_that_the_destination_does_not_give_to_the_search_makes_one_unclear_alone() {
    for refusal in ["NO Message is damaged", "OK FETCH completed."] {
        let answers = Answers::new(5, true, |number| match number {
            0 | 1 => Answer::StoreAndDie,
            _ => Answer::Store,
        });
        answers.script.meddle(move |text| {
            let body = text.starts_with("UID FETCH") && text.contains("BODY.PEEK[]");
            let set = text.split(' ').nth(2).unwrap_or_default();
            let first = set.split([',', ':']).next() == Some("1");
            (body && first).then_some(Answer::Say(refusal))
        });
        let ended = answers.run("apply").says(&["E244", "the destination does not give that one"]);
        assert!(matches!(ended.code, Some(1 | 5)), "{ended}");
        assert_eq!(answers.copies(), [1; 5], "{refusal}: it is there, and was not sent again");
        answers.script.meddle(|_| None);
        answers.run("apply").code(0).says(&["Found 1"]);
        answers.each_once();
    }
}

#[test]
fn a_message_that_moved_and_is_not_given_stays_behind_alone() {
    let answers = Answers::new(4, true, |_| Answer::Store);
    let source = &answers.migration.lab.source;
    source.seed(ADA, &[("Drafts", vec![seeds::plain(20)])]);
    let (answers, relay) = relayed(answers, |_| Harm::None);
    answers.run("apply").code(0);
    let source = &answers.migration.lab.source;
    let mut session = source.session(ADA);
    session.command("SELECT INBOX").unwrap();
    session.command("UID MOVE 1:2 Drafts").unwrap();
    let late = seeds::plain(30);
    source.deliver(ADA, "Drafts", &[], &late.date, &late.bytes);
    let uids: Vec<u32> = source.dump(ADA, "Drafts").iter().map(|message| message.uid).collect();
    let bad = uids[1];
    relay.harm(move |_| Harm::RefuseBodies(bad, bad, usize::MAX));
    answers.run("apply").code(5).says(&["1 message stays behind", "Copied 1 message"]);
    // The one that is given follows, the new one is copied, and the other stays where it was.
    let there = |folder| answers.script.messages(folder).len();
    assert_eq!((there("INBOX"), there("Drafts")), (3, 3));
}
