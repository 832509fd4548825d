//! A destination whose line is cut at many places of a copy, in both directions, with mailferry
//! going on by itself or killed there: afterwards every message is there once.

use super::relay::{Harm, Relay};
use crate::lab::{LabOptions, seeds};
use crate::migration::run::{Ended, Running, until};
use crate::migration::{Migration, Wanted, same};
use rustix::process::Signal;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Places where the line is cut.
const PLACES: usize = 60;
/// Mailboxes at once: nearly all of the time is waiting for the destination to stand still.
const AT_ONCE: usize = 15;

fn user(number: usize) -> String {
    format!("user{number}@acme.example")
}

/// One mailbox with a migration plan, a ledger and a relay of its own.
struct One<'a> {
    migration: &'a Migration,
    user: String,
    plan: String,
    relay: Relay,
}

impl<'a> One<'a> {
    /// The second connection is the one that copies; the first one looks.
    fn new(migration: &'a Migration, number: usize, harm: Harm, after: Harm) -> Self {
        let relay =
            Relay::start(
                migration.lab.destination.plain_port,
                move |connection| match connection {
                    0 => Harm::None,
                    1 => harm,
                    _ => after,
                },
            );
        let user = user(number);
        let mut wanted = Wanted::between(migration.lab.source.port, 1, &[&user]);
        wanted.name = format!("one-{number}");
        wanted.destination = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
        let plan = format!("one-{number}.yaml");
        migration.write_as(&plan, &wanted);
        Self { migration, user, plan, relay }
    }

    fn apply(&self) -> Running {
        let args = ["apply", self.plan.as_str(), "--auto-approve", "--trust", "localhost"];
        let mut command = self.migration.command(&args);
        command.env("XDG_CONFIG_HOME", self.migration.path(&format!("config-{}", self.user)));
        Running::of(command, &args)
    }

    /// Applies without harm; then everything is there once.
    fn ends_well(&self, what: &str) -> Ended {
        self.relay.pass_everything();
        let ended = self.apply().end();
        assert!(ended.code == Some(0), "{what}\n{ended}");
        let (source, destination) = (&self.migration.lab.source, &self.migration.lab.destination);
        same(&source.dump_all(&self.user), &destination.dump_all(&self.user), what);
        ended
    }
}

#[test]
fn a_destination_cut_anywhere_loses_and_doubles_nothing() {
    let migration = Migration::empty(LabOptions {
        users: (0..=PLACES).map(user).collect(),
        ..LabOptions::default()
    });
    for number in 0..=PLACES {
        let mut inbox: Vec<_> = (1..6).map(seeds::plain).collect();
        // Twins stay two.
        inbox.push(seeds::plain(3));
        let notes = (6..8).map(|n| seeds::plain(n).flags(&["\\Flagged", "\\Seen"])).collect();
        migration.lab.source.seed(&user(number), &[("INBOX", inbox), ("Notes/Ä", notes)]);
    }
    let whole = One::new(&migration, PLACES, Harm::None, Harm::None);
    let ended = whole.apply().end().code(0);
    assert_eq!(whole.relay.heard().len(), 2, "one connection looks, one copies\n{ended}");
    whole.ends_well("nothing was cut");
    let conversation = whole.relay.heard().remove(1);
    let (answers, commands) = (conversation.answers.len(), conversation.commands.len());

    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= PLACES {
                        return;
                    }
                    let place = |octets: usize| 1 + number * (octets - 1) / PLACES;
                    match number % 3 {
                        0 => goes_on(&migration, number, Harm::CutAnswers(place(answers))),
                        1 => goes_on(&migration, number, Harm::CutCommands(place(commands))),
                        _ => killed(&migration, number, Harm::CutAnswers(place(answers))),
                    }
                }
            });
        }
    });
}

/// mailferry itself connects again in the same run.
fn goes_on(migration: &Migration, number: usize, harm: Harm) {
    let one = One::new(migration, number, harm, Harm::None);
    let what = format!("{}: {harm:?}", one.user);
    let ended = one.apply().end();
    assert!(one.relay.harmed(), "{what}: nothing was cut\n{ended}");
    // A cut before the first copy fails the action that met it; a later one is mended.
    assert!(matches!(ended.code, Some(0 | 1 | 5 | 8)), "{what}\n{ended}");
    assert!(ended.code == Some(0) || ended.all().contains("Next: "), "{what}\n{ended}");
    one.ends_well(&what);
}

/// mailferry is killed at the cut; nothing answers until then.
fn killed(migration: &Migration, number: usize, harm: Harm) {
    let one = One::new(migration, number, harm, Harm::Silence);
    let what = format!("{}: killed after {harm:?}", one.user);
    let mut running = one.apply();
    until(&what, || one.relay.harmed() || running.is_over());
    assert!(one.relay.harmed(), "{what}: it ended before\n{}", running.end());
    running.signal(Signal::KILL);
    let ended = running.end();
    // A cut in the last actions ends them, and then there is nothing left to kill.
    assert!(matches!(ended.code, None | Some(1 | 5 | 8)), "{what}\n{ended}");
    one.ends_well(&what);
}
