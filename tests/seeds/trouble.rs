//! What goes wrong at the services, and what others do there.

use fastrand::Rng;
use mailferry::simulate::{Fault, Mischief, When};
use std::time::Duration;

/// Late commits up to this time are found by a search, which waits five seconds at least.
pub(crate) const WITHIN_THE_WAIT: u64 = 4_000;

/// Late commits up to this time may come when nobody waits any more.
const BEYOND_THE_WAIT: u64 = 120_000;

fn append(rng: &mut Rng) -> When {
    When::Command { verb: "APPEND".to_owned(), user: None, nth: rng.u64(1..40) }
}

fn command(rng: &mut Rng, verbs: &[&str]) -> When {
    let verb = verbs[rng.usize(0..verbs.len())].to_owned();
    When::Command { verb, user: None, nth: rng.u64(1..6) }
}

/// Faults of both services, the source's first.
pub(crate) fn usual(rng: &mut Rng) -> (Vec<Fault>, Vec<Fault>) {
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for _ in 0..rng.usize(0..6) {
        there.push(fault(rng));
    }
    for _ in 0..rng.usize(0..3) {
        here.push(Fault {
            when: When::Connection(rng.u64(1..6)),
            what: match rng.u8(0..2) {
                0 => Mischief::CutFromClient(rng.u64(1..3_000)),
                _ => Mischief::CutToClient(rng.u64(1..30_000)),
            },
        });
    }
    (here, there)
}

fn fault(rng: &mut Rng) -> Fault {
    let time = Duration::from_millis(rng.u64(1..WITHIN_THE_WAIT));
    let append = append(rng);
    let folder = ["INBOX", "Sent Items", "Junk Email"][rng.usize(0..3)].to_owned();
    let other = ["INBOX", "Drafts", "Deleted Items"][rng.usize(0..3)].to_owned();
    let command =
        command(rng, &["SELECT", "LIST", "UID FETCH", "STATUS", "UID STORE", "CREATE", "NOOP"]);
    let (when, what) = match rng.u8(0..17) {
        0 => (When::Connection(rng.u64(1..6)), Mischief::CutFromClient(rng.u64(1..20_000))),
        1 => (When::Connection(rng.u64(1..6)), Mischief::CutToClient(rng.u64(1..20_000))),
        2 => (append, Mischief::DropBefore),
        3 | 4 => (append, Mischief::DropAfter),
        5 | 6 => (append, Mischief::LateCommit(time)),
        7 => (append, Mischief::Hang),
        8 => (append, Mischief::Delay(time)),
        9 => (append, Mischief::No("[UNAVAILABLE] Try again later".to_owned())),
        10 => (append, Mischief::Throttle(time)),
        11 => (append, Mischief::DeliverTwin { folder }),
        12 if folder != other => (append, Mischief::Move { from: folder, to: other }),
        13 => (append, Mischief::Flag { folder, flag: "\\Draft".to_owned() }),
        14 => (command, Mischief::DropBefore),
        15 => (command, Mischief::DropAfter),
        _ => (command, Mischief::No("[SERVERBUG] Internal error occurred".to_owned())),
    };
    Fault { when, what }
}

/// More faults of both services.
pub(crate) fn wide(rng: &mut Rng) -> (Vec<Fault>, Vec<Fault>) {
    let (mut here, mut there) = (Vec::new(), Vec::new());
    if rng.clone().u8(0..3) == 0 {
        let when = command(&mut rng.clone(), &["LIST", "LIST", "UID FETCH"]);
        let words = "[SERVERBUG] Internal error occurred".to_owned();
        here.push(Fault { when, what: Mischief::No(words) });
    }
    for _ in 0..rng.usize(0..4) {
        let time = Duration::from_millis(rng.u64(1..60_000));
        let late = Duration::from_millis(rng.u64(WITHIN_THE_WAIT..BEYOND_THE_WAIT));
        let folder = ["INBOX", "Sent Items", "Junk Email"][rng.usize(0..3)].to_owned();
        let append = append(rng);
        let command = command(rng, &["UID MOVE", "UID STORE", "UID FETCH", "SUBSCRIBE", "LIST"]);
        let (when, what) = match rng.u8(0..8) {
            0 | 1 => (append, Mischief::LateCommit(late)),
            2 => (append, Mischief::NewUidValidity { folder }),
            // The session has ended, as that of an expired token.
            3 => (append, Mischief::Bad("User is authenticated but not connected.".to_owned())),
            4 => (command, Mischief::Hang),
            5 => (command, Mischief::Throttle(time)),
            6 => (command, Mischief::DropAfter),
            _ => (append, Mischief::Delete { folder }),
        };
        there.push(Fault { when, what });
    }
    if rng.u8(0..3) == 0 {
        // Its user moves a message before anybody knows that it was stored.
        let from = ["INBOX", "Sent Items"][rng.usize(0..2)].to_owned();
        let to = ["Drafts", "Deleted Items"][rng.usize(0..2)].to_owned();
        there.push(Fault { when: append(rng), what: Mischief::DropAfter });
        let when = When::Command { verb: "LIST".to_owned(), user: None, nth: rng.u64(2..6) };
        there.push(Fault { when, what: Mischief::Move { from, to } });
    }
    for _ in 0..rng.usize(0..4) {
        let command = command(rng, &["LIST", "EXAMINE", "UID FETCH", "UID FETCH", "STATUS"]);
        let time = Duration::from_millis(rng.u64(1..60_000));
        let what = match rng.u8(0..6) {
            0 => Mischief::DropBefore,
            1 => Mischief::DropAfter,
            2 => Mischief::Hang,
            3 => Mischief::Delay(time),
            4 => Mischief::Throttle(time),
            _ => Mischief::No("[SERVERBUG] Internal error occurred".to_owned()),
        };
        here.push(Fault { when: command, what });
    }
    (here, there)
}
