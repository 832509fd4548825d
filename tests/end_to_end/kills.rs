//! `kill -9` at random moments of an apply.
//!
//! `MAILFERRY_TEST_KILLS=60` kills more often, over more messages.

use crate::ferry::{ADA, Ferry, MAP, Running, Wanted};
use crate::lab::client::Stored;
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use crate::random::{Random, number};
use rustix::process::Signal;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

const APPLY: [&str; 3] = ["apply", "plan.yaml", "--auto-approve"];

/// Returns small messages of which some are equal to the last octet, date and flags included, and
/// some in octets alone.
fn small(count: usize, what: &str) -> Vec<Mail> {
    let flags: [&[&str]; 4] = [&[], &["\\Seen"], &["\\Flagged", "\\Seen"], &["$label1"]];
    (0..count)
        .map(|n| {
            let same_octets = if n % 20 == 7 { n - 1 } else { n };
            let same_date = if n % 40 == 7 { n - 1 } else { n };
            let text = format!(
                "From: ada@acme.example\r\nSubject: {what} {same_octets}\r\n\r\n{}\r\n",
                "Some text. ".repeat(same_octets % 50)
            );
            Mail::new(&format!("{what} {n}"), &at("Mar-2011", same_date), text)
                .flags(flags[n / 3 % 4])
        })
        .collect()
}

fn at(month: &str, n: usize) -> String {
    format!("{:02}-{month} 10:{:02}:{:02} +0000", n % 28 + 1, n / 60 % 60, n % 60)
}

/// Counts what is at the destination.
fn arrived(lab: &Lab, folders: &[&str]) -> u64 {
    let mut session = lab.destination.session(ADA);
    folders
        .iter()
        .map(|path| session.status(path).map_or(0, |(_, _, count)| u64::from(count)))
        .sum()
}

/// Kills an apply at a random moment: most often in the middle of sending, sometimes at any time
/// of its life, the wait for unanswered messages and the look around included. Tells whether it was
/// still at work.
fn kill_somewhere(
    lab: &Lab,
    ferry: &Ferry,
    folders: &[&str],
    random: &mut Random,
    step: u64,
) -> bool {
    let before = arrived(lab, folders);
    let mut apply: Running = ferry.start(&APPLY);
    let start = Instant::now();
    if random.below(4) == 0 {
        let life = Duration::from_millis(random.below(6_500));
        while apply.runs() && start.elapsed() < life {
            sleep(Duration::from_millis(2));
        }
    } else {
        let enough = before + 1 + random.below(step);
        while apply.runs()
            && arrived(lab, folders) < enough
            && start.elapsed() < Duration::from_secs(60)
        {
            sleep(Duration::from_millis(1));
        }
        sleep(Duration::from_micros(random.below(20_000)));
    }
    let at_work = apply.runs();
    apply.kill();
    at_work
}

#[test]
fn killed_again_and_again_nothing_is_lost_and_nothing_doubled() {
    let kills = number("MAILFERRY_TEST_KILLS", 6);
    let count = 2_000.max(usize::try_from(kills).unwrap() * 300);
    let mut random = Random::new("kills");
    let lab = Lab::start(LabOptions::default());
    let half = count / 2;
    lab.source.seed(ADA, &[("INBOX", small(count - half, "in")), ("Archive", small(half, "old"))]);
    let before = mailbox::files(&lab.source, ADA);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    let folders = ["INBOX", "Archive"];
    let start = Instant::now();
    let at_work = (0..kills)
        .filter(|_| kill_somewhere(&lab, &ferry, &folders, &mut random, count as u64 / kills / 4))
        .count();
    let at_the_end = arrived(&lab, &folders);
    assert!(at_work * 2 >= usize::try_from(kills).unwrap(), "only {at_work} kills met any work");
    ferry.apply_until_done(&[]);
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    ferry.settled();
    assert!(mailbox::files(&lab.source, ADA) == before, "the source changed");
    eprintln!(
        "{kills} kills ({at_work} at work) over {count} messages in {:.0} s, {at_the_end} were there after the last kill",
        start.elapsed().as_secs_f32()
    );
}

#[test]
fn killed_while_others_deliver_twins_and_new_mail() {
    let kills = number("MAILFERRY_TEST_KILLS", 3).min(20);
    let count = 600.max(usize::try_from(kills).unwrap() * 150);
    let mut random = Random::new("kills with company");
    let lab = Lab::start(LabOptions::default());
    let mails = small(count, "shared");
    let (first, rest) = mails.split_at(20);
    lab.source.seed(ADA, &[("INBOX", small(50, "in")), ("Archive", first.to_vec())]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan_and_apply(0);
    lab.source.seed(ADA, &[("Archive", rest.to_vec())]);
    let done = AtomicBool::new(false);
    let (twins, theirs) = std::thread::scope(|scope| {
        let _stop = Stop(&done);
        let twins = scope.spawn(|| twins(&lab, rest, &done));
        let others = scope.spawn(|| strangers(&lab, &done));
        for _ in 0..kills {
            kill_somewhere(&lab, &ferry, &["Archive"], &mut random, count as u64 / kills);
        }
        ferry.apply_until_done(&[]);
        done.store(true, Ordering::SeqCst);
        (twins.join().expect("the twins"), others.join().expect("the strangers"))
    });
    // What arrived at the source in the meantime.
    ferry.expect(0, &["apply", "plan.yaml", "--auto-approve"]);
    eprintln!("{kills} kills, {} twins and {} strangers", twins.len(), theirs.len());
    assert!(twins.len() > 5 && theirs.len() > 5, "others were at work");

    let mut source = lab.source.dump_all(ADA);
    let mut destination = lab.destination.dump_all(ADA);
    nothing_twice(
        &source.remove("Archive").unwrap(),
        &destination.remove("Archive").unwrap(),
        &twins,
    );
    source.get_mut("INBOX").unwrap().extend(theirs);
    mailbox::same(&source, &destination, |path| Some(mapped(path)));
    ferry.settled();
}

/// Ends the writers also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Checks a folder into which others delivered twins: every message of the source is there, none
/// of ours is there twice, and everything of the others is there still. After a crash a message
/// of others with the same octets may stand for one that was not sent yet.
fn nothing_twice(source: &[Stored], destination: &[Stored], twins: &[Stored]) {
    let octets = |messages: &[Stored]| tally(messages, |message| message.bytes.clone());
    let dated = |messages: &[Stored]| tally(messages, |m| (m.bytes.clone(), m.date));
    let (ours, there, theirs) = (octets(source), octets(destination), octets(twins));
    for (bytes, count) in &ours {
        let most = count + theirs.get(bytes).unwrap_or(&0);
        let found = there.get(bytes).copied().unwrap_or(0);
        assert!((*count..=most).contains(&found), "{found} of {count} to {most}: {bytes:?}");
    }
    assert!(there.keys().all(|bytes| ours.contains_key(bytes)), "a message came from nowhere");
    let (ours, there, theirs) = (dated(source), dated(destination), dated(twins));
    for (message, count) in &there {
        let most = ours.get(message).unwrap_or(&0) + theirs.get(message).unwrap_or(&0);
        assert!(*count <= most, "{count} of {most}: {message:?}");
    }
    for (message, count) in &theirs {
        assert!(there.get(message) >= Some(count), "a message of others is gone: {message:?}");
    }
    // The flags of the source are on what stands for its messages.
    let flags = |messages: &[Stored]| {
        let seen = messages.iter().filter(|m| m.flags.contains("\\Seen")).cloned();
        octets(&seen.collect::<Vec<_>>())
    };
    let there = flags(destination);
    for (bytes, count) in flags(source) {
        assert!(there.get(&bytes) >= Some(&count), "flags are lost: {bytes:?}");
    }
}

fn tally<K: Ord>(messages: &[Stored], key: impl Fn(&Stored) -> K) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for message in messages {
        *counts.entry(key(message)).or_default() += 1;
    }
    counts
}

/// Delivers messages equal to those of the source into the destination's folder, at their own
/// time and without flags, as a forwarding rule at the old provider does.
fn twins(lab: &Lab, mails: &[Mail], done: &AtomicBool) -> Vec<Stored> {
    let mut delivered = Vec::new();
    let mut session = lab.destination.session(ADA);
    let mut number = 0;
    while !done.load(Ordering::SeqCst) {
        let mail = &mails[number * 37 % mails.len()];
        let date = at("May-2024", number);
        if session.append("Archive", &[], Some(&date), &mail.bytes).is_ok() {
            delivered.push(stored(&date, &mail.bytes));
            number += 1;
        }
        // After a crash mailferry waits until nothing that may be its own came for five seconds.
        let rest = if number % 15 == 0 { 7_000 } else { 60 };
        let start = Instant::now();
        while !done.load(Ordering::SeqCst) && start.elapsed() < Duration::from_millis(rest) {
            sleep(Duration::from_millis(20));
        }
    }
    delivered
}

/// Delivers mail that has nothing to do with the copy into both INBOXes; returns what went to the
/// destination.
fn strangers(lab: &Lab, done: &AtomicBool) -> Vec<Stored> {
    let mut delivered = Vec::new();
    let (mut source, mut destination) = (lab.source.session(ADA), lab.destination.session(ADA));
    let date = "06-Jun-2024 00:00:00 +0000";
    for number in 0.. {
        if done.load(Ordering::SeqCst) {
            break;
        }
        let new = |side: &str| format!("Subject: New at the {side}: {number}\r\n\r\nnew\r\n");
        source.append("INBOX", &[], Some(date), new("source").as_bytes()).expect("an append");
        let mail = new("destination");
        destination.append("INBOX", &[], Some(date), mail.as_bytes()).expect("an append");
        delivered.push(stored(date, mail.as_bytes()));
        sleep(Duration::from_millis(250));
    }
    delivered
}

fn stored(date: &str, bytes: &[u8]) -> Stored {
    Stored {
        uid: 0,
        flags: BTreeSet::new(),
        date: crate::lab::wire::seconds(date),
        bytes: bytes.to_vec(),
    }
}

#[test]
fn killed_between_two_folders_the_awkward_messages_arrive_once() {
    let mut random = Random::new("awkward kills");
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, &[("INBOX", seeds::awkward()), ("Twins", seeds::awkward())]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    for _ in 0..2 {
        let apply = ferry.start(&APPLY);
        let start = Instant::now();
        let before = arrived(&lab, &["INBOX", "Twins"]);
        while arrived(&lab, &["INBOX", "Twins"]) <= before + random.below(20)
            && start.elapsed() < Duration::from_secs(10)
        {
            sleep(Duration::from_millis(1));
        }
        apply.signal(Signal::KILL);
        assert_eq!(apply.wait().code, -1, "it was killed");
    }
    ferry.apply_until_done(&[]);
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    ferry.settled();
}
