//! Scripts of faults: each does what it says, and a seed replays exactly.

use crate::raw::{ADA, Raw, mail, service};
use mailferry::simulate::{Fault, Mischief, Product, Script, Service, When, Writer};
use std::time::Duration;

fn at_append(nth: u64, what: Mischief) -> Fault {
    Fault { when: When::Command { verb: "APPEND".to_owned(), user: None, nth }, what }
}

fn count(service: &Service) -> usize {
    service.oracle().messages(ADA, "INBOX").unwrap().len()
}

fn inbox() -> String {
    "INBOX".to_owned()
}

/// Appends three messages while a fault strikes the second; returns the answers.
async fn three(service: &Service, what: Mischief) -> Vec<String> {
    service.set_script(Script::new([at_append(2, what)]));
    let mut raw = Raw::signed_in(service).await;
    let mut answers = Vec::new();
    for number in 0..3 {
        let text = mail(number);
        let append = raw.append("INBOX", &text);
        let answer = tokio::time::timeout(Duration::from_secs(60), append).await;
        answers.push(answer.unwrap_or_else(|_| "nothing".to_owned()));
        if answers.last().is_some_and(|answer| answer.is_empty() || answer == "nothing") {
            break;
        }
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_command_does_what_it_says() {
    for (what, answers, stored) in [
        (Mischief::DropBefore, vec!["OK", ""], 1),
        (Mischief::DropAfter, vec!["OK", ""], 2),
        (Mischief::LateCommit(Duration::from_secs(5)), vec!["OK", ""], 1),
        (Mischief::Hang, vec!["OK", "nothing"], 2),
        (Mischief::Delay(Duration::from_secs(5)), vec!["OK", "OK", "OK"], 3),
        (Mischief::No("Server Unavailable. 15".to_owned()), vec!["OK", "NO Server", "OK"], 2),
        (Mischief::Bad("Command Error. 12".to_owned()), vec!["OK", "BAD Command", "OK"], 2),
        (Mischief::Throttle(Duration::from_secs(9)), vec!["OK", "NO Request", "NO Request"], 1),
        (Mischief::CutToClient(3), vec!["OK", ""], 2),
        (Mischief::DeliverTwin { folder: inbox() }, vec!["OK", "OK", "OK"], 4),
        (Mischief::Delete { folder: inbox() }, vec!["OK", "OK", "OK"], 2),
        (Mischief::Move { from: inbox(), to: "Sent".to_owned() }, vec!["OK", "OK", "OK"], 2),
    ] {
        let service = service(Product::plain());
        let got = three(&service, what.clone()).await;
        assert_eq!(got.len(), answers.len(), "{what:?}: {got:?}");
        for (got, wanted) in got.iter().zip(&answers) {
            assert!(
                got.starts_with(wanted) && got.is_empty() == wanted.is_empty(),
                "{what:?}: {got}"
            );
        }
        let now = count(&service);
        assert_eq!(now, stored, "{what:?}");
        assert_eq!(service.script().struck().len(), 1);
        tokio::time::sleep(Duration::from_secs(6)).await;
        let late = usize::from(matches!(what, Mischief::LateCommit(_)));
        assert_eq!(count(&service), stored + late, "{what:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_cut_at_each_octet_of_either_direction() {
    let command = format!("t1 LOGIN {ADA} pw-ada\r\n");
    for octets in 0..command.len() as u64 {
        let service = service(Product::plain());
        let what = Mischief::CutFromClient(octets);
        service.set_script(Script::new([Fault { when: When::Connection(1), what }]));
        let (mut raw, _) = Raw::greeted(&service).await;
        raw.send(command.as_bytes()).await;
        assert!(raw.is_closed().await, "cut after {octets} octets, nothing is answered");
    }
    for octets in 1..60 {
        let service = service(Product::plain());
        let what = Mischief::CutToClient(octets);
        service.set_script(Script::new([Fault { when: When::Connection(1), what }]));
        let mut stream = service.connect();
        let mut got = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut got).await.unwrap();
        assert_eq!(got.len() as u64, octets);
    }
}

#[tokio::test(start_paused = true)]
async fn others_change_flags_and_uids_in_between() {
    let service = service(Product::plain());
    service.set_script(Script::new([
        at_append(2, Mischief::Flag { folder: inbox(), flag: "\\Answered".to_owned() }),
        at_append(3, Mischief::NewUidValidity { folder: inbox() }),
        at_append(3, Mischief::Deliver { folder: inbox(), octets: mail(9).into_bytes() }),
    ]));
    let before = service.oracle().mailbox(ADA).unwrap()["INBOX"].uid_validity;
    let mut raw = Raw::signed_in(&service).await;
    for number in 0..3 {
        assert!(raw.append("INBOX", &mail(number)).await.starts_with("OK"));
    }
    let truth = service.oracle().mailbox(ADA).unwrap().remove("INBOX").unwrap();
    assert_ne!(truth.uid_validity, before);
    assert_eq!(truth.messages[0].flags.to_string(), "\\Answered");
    let writers: Vec<bool> =
        truth.messages.iter().map(|message| message.writer == Writer::Other).collect();
    assert_eq!(writers, [false, false, true, false]);
}

/// Everything that a run under a seed comes to.
async fn story(seed: u64) -> String {
    let service =
        service(Product::exchange_online().without(mailferry::simulate::Habit::BasicAuthRefused));
    service.set_script(Script::seeded(seed, 12));
    let begin = tokio::time::Instant::now();
    let mut told = Vec::new();
    let mut number = 0;
    for _ in 0..12 {
        let stream = Raw::greeted(&service);
        let Ok((mut raw, _)) = tokio::time::timeout(Duration::from_secs(60), stream).await else {
            continue;
        };
        raw.command(&format!("LOGIN {ADA} pw-ada")).await;
        for _ in 0..5 {
            let text = mail(number);
            number += 1;
            let append = raw.append("INBOX", &text);
            match tokio::time::timeout(Duration::from_secs(60), append).await {
                Ok(answer) if !answer.is_empty() => told.push(answer),
                _ => break,
            }
        }
    }
    let truth = service.oracle().mailbox(ADA).unwrap();
    format!("{:?} {told:?} {:?} {truth:?}", begin.elapsed(), service.script().struck())
}

#[test]
fn a_seed_replays_exactly() {
    let run = |seed| {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap()
            .block_on(story(seed))
    };
    for seed in 0..10 {
        assert_eq!(run(seed), run(seed), "seed {seed}");
    }
    assert_ne!(run(1), run(2));
}
