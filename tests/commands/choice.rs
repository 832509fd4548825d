//! Ranges of dates, the order of sending, the bandwidth and the hours.

use crate::lab::LabOptions;
use crate::migration::run::until;
use crate::migration::{ADA, Migration};
use crate::{APPLY, dated, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn subjects(migration: &Migration) -> BTreeSet<String> {
    migration
        .lab
        .destination
        .dump(ADA, "INBOX")
        .iter()
        .map(|message| {
            let text = String::from_utf8_lossy(&message.bytes).into_owned();
            let line =
                text.lines().find_map(|line| line.strip_prefix("Subject: ").map(str::to_owned));
            line.expect("a subject")
        })
        .collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn a_range_leaves_the_rest_behind_counts_it_and_a_wider_one_copies_it_once() {
    let mut migration = Migration::empty(LabOptions::default());
    migration.lab.source.seed(
        ADA,
        &[(
            "INBOX",
            vec![
                dated("before", "31-Dec-2019 23:59:59 +0000", 100),
                // The same evening in New York is already the new year in UTC.
                dated("first", "31-Dec-2019 19:00:00 -0500", 100),
                dated("middle", "15-Jun-2020 12:00:00 +0000", 100),
                dated("last", "31-Dec-2020 23:59:59 +0000", 100),
                dated("after", "01-Jan-2021 00:00:00 +0000", 100),
            ],
        )],
    );
    migration.wanted.more = "messages: { since: 2020-01-01, until: 2021-01-01 }\n".to_owned();
    migration.write();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0).says(&[
        "F211",
        "2 messages stay behind",
        "from 2020-01-01 to before 2021-01-01",
    ]);
    migration.run(&["apply", "saved.json"]).code(0).says(&["Copied 3 messages"]);
    assert_eq!(subjects(&migration), set(&["first", "middle", "last"]));
    let verified = migration.run(&["verify", "plan.yaml", "--format", "json"]).code(0);
    let account = json(&verified.stdout)["mailboxes"][0]["folders"]
        .as_array()
        .and_then(|folders| folders.iter().find(|one| one["source"] == "INBOX").cloned())
        .expect("the INBOX")["account"]
        .clone();
    assert_eq!((&account["listed"], &account["copied"]), (&5.into(), &3.into()), "{account}");
    assert_eq!((&account["excluded"], &account["pending"]), (&2.into(), &0.into()), "{account}");
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
    let status = json(&migration.run(&["status", "plan.yaml", "--format", "json"]).code(0).stdout);
    assert_eq!(status["excluded"][ADA], 2, "{status}");
    assert_eq!(status["mailboxes"][ADA]["pending"], 0, "{status}");

    // Wider for all, and for this mailbox wider still: its own word counts.
    migration.wanted.more = "messages: { since: 2020-01-01 }\n".to_owned();
    migration.wanted.mailboxes[0] =
        format!("{{ address: {ADA}, destination_secret: new, messages: {{ since: 1990-01-01 }} }}");
    migration.write();
    migration.run(&APPLY).code(0).says(&["Copied 2 messages"]);
    migration.arrived(ADA);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn newest_first_sends_the_last_messages_first() {
    let mut migration = Migration::empty(LabOptions::default());
    // More than a FETCH takes, so that the order shows.
    let mail = (0..450).map(|n| dated(&format!("number {n}"), "01-Jan-2020 00:00:00 +0000", 50));
    migration.lab.source.seed(ADA, &[("INBOX", mail.collect())]);
    migration.wanted.more = "messages: { order: newest-first }\n".to_owned();
    migration.write();
    migration.run(&APPLY).code(0);
    let there = migration.lab.destination.dump(ADA, "INBOX");
    let number = |index: usize| -> usize {
        let text = String::from_utf8_lossy(&there[index].bytes).into_owned();
        let line = text.lines().find(|line| line.starts_with("Subject: ")).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!(there.len(), 450);
    // Within one FETCH the source answers in its own order.
    assert!((0..200).all(|index| number(index) >= 250), "the newest 200 come first");
    assert!((400..450).all(|index| number(index) < 50), "the oldest come last");
    migration.arrived(ADA);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn three_seconds_worth_of_octets_take_at_least_two() {
    let mut migration = Migration::empty(LabOptions::default());
    let mail = (0..15).map(|n| dated(&format!("m{n}"), "01-Jan-2020 00:00:00 +0000", 20_000));
    migration.lab.source.seed(ADA, &[("INBOX", mail.collect())]);
    migration.wanted.more = "limits: { bandwidth: 100KB }\n".to_owned();
    migration.write();
    migration.run(&["plan", "plan.yaml"]).code(0).says(&["F212", "at most 100.0 KB a second"]);
    let begun = Instant::now();
    migration.run(&APPLY).code(0);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    migration.arrived(ADA);
}

#[test]
fn one_large_message_is_slowed_down_too() {
    let mut migration = Migration::empty(LabOptions::default());
    let mail = vec![dated("large", "01-Jan-2020 00:00:00 +0000", 3_000_000)];
    migration.lab.source.seed(ADA, &[("INBOX", mail)]);
    migration.wanted.more = "limits: { bandwidth: 1MB }\n".to_owned();
    migration.write();
    let begun = Instant::now();
    migration.run(&APPLY).code(0);
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
    migration.arrived(ADA);
}

#[allow(clippy::disallowed_methods, reason = "the program looks at the same clock")]
#[test]
fn outside_the_hours_an_apply_says_until_when_it_rests_and_a_signal_ends_it() {
    let mut migration = Migration::start();
    // Two hours that begin in six, whatever time it is now.
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let hour = |ahead: i8| (now.hour() + ahead) % 24;
    migration.wanted.more = format!(
        "limits: {{ hours: {{ only: \"{:02}:00-{:02}:00\", zone: UTC }} }}\n",
        hour(6),
        hour(8)
    );
    migration.write();
    migration.run(&["plan", "plan.yaml"]).code(0).says(&["F212", "UTC"]);
    let mut running =
        migration.begin(&["apply", "plan.yaml", "--auto-approve", "--format", "json"]);
    std::thread::sleep(Duration::from_secs(4));
    assert!(!running.is_over(), "it waits");
    migration.untouched(ADA);
    running.signal(rustix::process::Signal::INT);
    running.end().code(130).says(&["outside `limits.hours`"]);
    migration.untouched(ADA);
    // Within the hours it works.
    migration.wanted.more = "limits: { hours: { only: \"00:00-24:00\", zone: UTC } }\n".to_owned();
    migration.write();
    migration.run(&APPLY).code(0);
    migration.arrived(ADA);
    until("the lock is free", || migration.run(&["status", "plan.yaml"]).code == Some(0));
}

#[allow(clippy::disallowed_methods, reason = "the program looks at the same clock")]
#[test]
fn the_end_of_the_hours_is_no_failure_and_what_was_copied_counts() {
    let mut migration = Migration::empty(LabOptions::default());
    let date = "01-Jan-2020 00:00:00 +0000";
    let mail = (0..500).map(|n| dated(&format!("ada {n}"), date, 2_000)).collect();
    migration.lab.source.seed(ADA, &[("INBOX", mail)]);
    // They end with the minute that follows the next twenty seconds: about 80 seconds at most, in
    // which so little goes out that the mailbox is not done.
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let end = &now + jiff::SignedDuration::from_secs(80);
    let begin = &now - jiff::SignedDuration::from_mins(2);
    migration.wanted.more = format!(
        "limits: {{ bandwidth: 10KB, hours: {{ only: \"{}-{}\", zone: UTC }} }}\n",
        begin.strftime("%H:%M"),
        end.strftime("%H:%M"),
    );
    migration.write();
    let mut running = migration.begin(&APPLY);
    let copied = || migration.lab.destination.session(ADA).status("INBOX").map_or(0, |it| it.2);
    until("something is copied", || copied() > 0);
    let over = end.with().second(0).subsec_nanosecond(0).build().unwrap().timestamp();
    while jiff::Timestamp::now() < over + jiff::SignedDuration::from_secs(3) {
        assert!(!running.is_over(), "it works, then it waits");
        std::thread::sleep(Duration::from_millis(100));
    }
    let there = copied();
    running.signal(rustix::process::Signal::INT);
    running
        .end()
        .code(130)
        .says(&["outside `limits.hours`", "waiting ", &format!("Copied {there} messages")])
        .does_not_say(&["failed", "E540"]);
}
