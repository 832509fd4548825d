//! `mailferry pause` and `mailferry resume`: neither waits for whoever holds the lock.

use crate::cli::Ended;
use crate::cli::args::{Global, PauseArgs, ResumeArgs};
use crate::cli::output::Output;
use crate::cli::wiring::{self, Mode, World};
use crate::error::Result;
use crate::model::words::shown;
use crate::ports::ledger::Pause;
use serde_json::json;

pub(crate) fn pause(args: &PauseArgs, global: &Global, output: &Output) -> Result<Ended> {
    let address = wiring::address(&args.mailbox)?;
    let world = World::open(&args.plan, global, output, Mode::Write)?;
    let mailbox = world.mailbox(&address, &args.plan)?.source.clone();
    let note = args.note.as_deref().map(|note| shown(note.as_bytes())).unwrap_or_default();
    let asked = Pause { since: world.clock.now(), note };
    world.ledger.pause(&mailbox, &asked)?;
    // A mailbox that rested before keeps its time.
    let pause = world.ledger.paused()?.remove(&mailbox).unwrap_or(asked);
    let text = format!(
        "{mailbox} rests. An apply that runs now ends its work on it after what is in flight; the \
         next one leaves it out.\nNext: mailferry resume {} {mailbox}\n",
        crate::model::words::shell(&args.plan.to_string_lossy()),
    );
    Output::told(
        args.format,
        &text,
        &json!({
            "format_version": "1.0", "mailbox": mailbox, "rests": true,
            "since": pause.since, "note": pause.note,
        }),
    )?;
    Ok(Ended::Done)
}

pub(crate) fn resume(args: &ResumeArgs, global: &Global, output: &Output) -> Result<Ended> {
    let address = wiring::address(&args.mailbox)?;
    let world = World::open(&args.plan, global, output, Mode::Write)?;
    let mailbox = world.mailbox(&address, &args.plan)?.source.clone();
    let rested = world.ledger.resume(&mailbox)?;
    let text = if rested {
        format!(
            "{mailbox} rests no more; the next plan and apply take it in.\nNext: mailferry plan {}\n",
            crate::model::words::shell(&args.plan.to_string_lossy()),
        )
    } else {
        format!("{mailbox} did not rest; nothing was changed.\n")
    };
    Output::told(
        args.format,
        &text,
        &json!({
            "format_version": "1.0", "mailbox": mailbox, "rests": false, "rested": rested,
        }),
    )?;
    Ok(Ended::Done)
}
