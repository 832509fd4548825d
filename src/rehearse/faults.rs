//! What goes wrong on purpose.

use crate::simulate::{Fault, Habit, Mischief, Product, Script, When};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;

/// The scripts of one part of the first copy: for the source and for the destination. Each
/// connection that is lost costs the wait until the folder stands still, so they are spread.
pub(crate) fn scripts(part: usize, rng: &mut Rng, destination: &Product) -> (Script, Script) {
    let command = |verb: &str, nth| When::Command { verb: verb.to_owned(), user: None, nth };
    let (mut here, mut there) = (Vec::new(), Vec::new());
    match part {
        0 => {
            here.push(Fault {
                when: When::Connection(rng.u64(2..6)),
                what: Mischief::CutToClient(rng.u64(5_000..80_000)),
            });
            there
                .push(Fault { when: command("APPEND", rng.u64(5..30)), what: Mischief::DropAfter });
            there.push(Fault {
                when: command("STATUS", rng.u64(2..6)),
                what: Mischief::No("[UNAVAILABLE] Try again later".to_owned()),
            });
        }
        1 => {
            here.push(Fault {
                when: command("UID FETCH", rng.u64(6..14)),
                what: Mischief::DropBefore,
            });
            there.push(Fault {
                when: command("APPEND", rng.u64(5..40)),
                what: Mischief::LateCommit(Duration::from_millis(rng.u64(300..1_500))),
            });
            if destination.has(Habit::ThrottleByNo) {
                there.push(Fault {
                    when: command("APPEND", rng.u64(10..60)),
                    what: Mischief::Throttle(Duration::from_millis(rng.u64(800..2_000))),
                });
            }
        }
        _ => {
            there.push(Fault {
                when: When::Connection(rng.u64(4..9)),
                what: Mischief::CutFromClient(rng.u64(2_000..60_000)),
            });
            there.push(Fault { when: command("APPEND", rng.u64(5..30)), what: Mischief::Hang });
        }
    }
    (Script::new(here), Script::new(there))
}

/// Counts what struck, in words.
pub(crate) fn count(struck: &[Fault], side: &str, counts: &mut BTreeMap<String, usize>) {
    for fault in struck {
        *counts.entry(format!("{side}: {}", said(fault))).or_default() += 1;
    }
}

fn said(fault: &Fault) -> String {
    let of = match &fault.when {
        When::Connection(_) => String::new(),
        When::Command { verb, .. } => format!("{verb}: "),
    };
    let what = match &fault.what {
        Mischief::CutFromClient(_) => "the connection is cut in the middle of what is sent",
        Mischief::CutToClient(_) => "the connection is cut in the middle of an answer",
        Mischief::DropBefore => "the connection is lost before the command is done",
        Mischief::DropAfter => "it is done, and the connection is lost before the answer",
        Mischief::LateCommit(_) => "the connection is lost, and the message is stored later",
        Mischief::Hang => "it is done and never answered",
        Mischief::Delay(_) => "it takes long",
        Mischief::No(_) | Mischief::Bad(_) => "it is refused once",
        Mischief::Throttle(_) => "the user is throttled",
        Mischief::Deliver { .. } | Mischief::DeliverTwin { .. } => "others deliver meanwhile",
        Mischief::Move { .. } => "a user moves a message meanwhile",
        Mischief::Delete { .. } => "a user deletes a message meanwhile",
        Mischief::Flag { .. } => "a user sets a flag meanwhile",
        Mischief::NewUidValidity { .. } => "a folder gets another UIDVALIDITY",
    };
    format!("{of}{what}")
}
