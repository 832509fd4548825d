//! A destination whose line ends after any octet of a small migration, in both directions, with
//! mailferry going on by itself or killed there: the next apply brings each message over once.
//!
//! The test run takes a share of the octets, another one each time; `MAILFERRY_TEST_OCTETS=all`
//! takes every one.

use super::relay::{Harm, Relay};
use super::script::{Answer, Message, Script};
use crate::lab::dovecot::Profile;
use crate::lab::{LabOptions, seeds};
use crate::migration::run::{Ended, Running, until};
use crate::migration::{ADA, Migration, Wanted};
use rustix::process::Signal;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places of the test run.
const PLACES: usize = 120;
/// Runs at once: most of the time is waiting for the destination to stand still.
const AT_ONCE: usize = 30;

/// One destination of its own, behind a relay of its own, with a plan and a ledger.
struct One<'a> {
    migration: &'a Migration,
    script: Script,
    relay: Relay,
    plan: String,
}

impl<'a> One<'a> {
    /// The second connection is the one that copies; the first one looks.
    fn new(migration: &'a Migration, name: &str, harm: Harm, after: Harm) -> Self {
        let script = Script::start(true, |_| Answer::Store);
        let relay = Relay::start(script.port, move |connection| match connection {
            0 => Harm::None,
            1 => harm,
            _ => after,
        });
        let mut wanted = Wanted::between(migration.lab.source.port, 1, &[ADA]);
        name.clone_into(&mut wanted.name);
        wanted.destination = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
        let plan = format!("{name}.yaml");
        migration.write_as(&plan, &wanted);
        Self { migration, script, relay, plan }
    }

    fn start(&self, args: &[&str]) -> Running {
        let mut command = self.migration.command(args);
        command.env("XDG_CONFIG_HOME", self.migration.path(&format!("config-{}", self.plan)));
        Running::of(command, args)
    }

    fn apply(&self) -> Running {
        self.start(&["apply", &self.plan, "--auto-approve", "--trust", "localhost"])
    }

    /// Applies without harm; then everything is there once.
    fn ends_well(&self, source: &[(&str, Vec<Message>)], what: &str) {
        self.relay.pass_everything();
        let ended = self.apply().end();
        assert!(ended.code == Some(0), "{what}\n{ended}");
        for (folder, wanted) in source {
            let there = known(self.script.messages(folder));
            assert!(there == *wanted, "{what}: {folder}: {wanted:#?} wanted, {there:#?}\n{ended}");
        }
    }
}

/// A multiset of messages, whatever their UIDs.
fn known(mut messages: Vec<Message>) -> Vec<Message> {
    for message in &mut messages {
        message.uid = 0;
        message.flags.sort();
    }
    messages.sort();
    messages
}

fn source(migration: &Migration) -> Vec<(&'static str, Vec<Message>)> {
    ["INBOX", "Notes"]
        .into_iter()
        .map(|folder| {
            let mails = mails(folder);
            let messages = mails.into_iter().map(|mail| Message {
                uid: 0,
                flags: mail.flags,
                date: mail.date,
                bytes: mail.bytes,
            });
            assert_eq!(messages.len(), migration.lab.source.dump(ADA, folder).len());
            (folder, known(messages.collect()))
        })
        .collect()
}

fn mails(folder: &str) -> Vec<seeds::Mail> {
    let mail = |number: usize, text: &str| {
        let date = format!("{:02}-Mar-2011 10:00:00 +0000", number + 10);
        seeds::Mail::new(text, &date, format!("Subject: {text}\r\n\r\n{text}.\r\n"))
    };
    match folder {
        // Twins stay two.
        "INBOX" => vec![
            mail(1, "One"),
            mail(2, "Twin").flags(&["\\Seen"]),
            mail(2, "Twin").flags(&["\\Seen"]),
        ],
        _ => vec![mail(3, "Three").flags(&["\\Flagged", "\\Seen"])],
    }
}

#[test]
fn a_destination_cut_after_any_octet_loses_and_doubles_nothing() {
    let migration = Migration::empty(LabOptions {
        users: vec![ADA.to_owned()],
        source: Profile { connections_per_user: 500, ..Profile::rackspace() },
        ..LabOptions::default()
    });
    migration.lab.source.seed(ADA, &[("INBOX", mails("INBOX")), ("Notes", mails("Notes"))]);
    let before = migration.lab.source.dump_all(ADA);
    let source = source(&migration);
    let whole = One::new(&migration, "whole", Harm::None, Harm::None);
    let ended = whole.apply().end().code(0);
    assert_eq!(whole.relay.heard().len(), 2, "one connection looks, one copies\n{ended}");
    let conversation = whole.relay.heard().remove(1);
    whole.ends_well(&source, "nothing was cut");

    let (answers, commands) = (conversation.answers.len(), conversation.commands.len());
    let every: Vec<Harm> =
        (1..=answers).map(Harm::CutAnswers).chain((1..=commands).map(Harm::CutCommands)).collect();
    let (step, first) = share(every.len().div_ceil(PLACES));
    let both = step == 1;
    let places: Vec<Harm> = every.into_iter().skip(first).step_by(step).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(harm) = places.get(number) else { return };
                    let even = number.is_multiple_of(2);
                    if both || even {
                        goes_on(&migration, &source, *harm);
                    }
                    if both || !even {
                        killed(&migration, &source, *harm);
                    }
                }
            });
        }
    });
    println!("cut after {} of {answers} and {commands} octets", places.len());
    assert!(migration.lab.source.dump_all(ADA) == before, "the source changed");
}

/// Returns every how many places a test run takes one, and the first of them: `step` and one below
/// that differs each time, or every one when that is wanted.
pub(super) fn share(step: usize) -> (usize, usize) {
    match std::env::var("MAILFERRY_TEST_OCTETS").as_deref() {
        Ok("all") => (1, 0),
        Ok(other) => panic!("MAILFERRY_TEST_OCTETS={other} is not `all`"),
        Err(_) => {
            let random = RandomState::new().build_hasher().finish() >> 32;
            (step, usize::try_from(random).unwrap() % step)
        }
    }
}

fn name(what: &str, harm: Harm) -> String {
    let place: String = format!("{harm:?}").chars().filter(char::is_ascii_alphanumeric).collect();
    format!("{what}-{place}")
}

/// mailferry itself connects again in the same run.
fn goes_on(migration: &Migration, source: &[(&str, Vec<Message>)], harm: Harm) {
    let one = One::new(migration, &name("goes-on", harm), harm, Harm::None);
    let ended = one.apply().end();
    let what = format!("{harm:?}");
    assert!(one.relay.harmed(), "{what}: nothing was cut\n{ended}");
    // A cut before the first copy fails the action that met it; a later one is mended.
    assert!(matches!(ended.code, Some(0 | 1 | 5 | 8)), "{what}\n{ended}");
    assert!(ended.code == Some(0) || ended.all().contains("Next: "), "{what}\n{ended}");
    one.ends_well(source, &what);
}

/// mailferry is killed at the cut; nothing answers until then.
fn killed(migration: &Migration, source: &[(&str, Vec<Message>)], harm: Harm) {
    let one = One::new(migration, &name("killed", harm), harm, Harm::Silence);
    let what = format!("killed after {harm:?}");
    let mut running = one.apply();
    until(&what, || one.relay.harmed() || running.is_over());
    assert!(one.relay.harmed(), "{what}: it ended before\n{}", running.end());
    running.signal(Signal::KILL);
    let ended: Ended = running.end();
    // A cut in the last actions ends them, and then there is nothing left to kill.
    assert!(matches!(ended.code, None | Some(0 | 1 | 5 | 8)), "{what}\n{ended}");
    one.ends_well(source, &what);
}
