//! `mailferry status`.

use crate::cli::Ended;
use crate::cli::args::{Global, ResultFormat, StatusArgs};
use crate::cli::output::Output;
use crate::cli::wiring::{Mode, World};
use crate::error::{Error, ErrorKind, Result};
use crate::ports::ledger::FolderTally;
use crate::render::style::{clean, thousands};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) fn run(args: &StatusArgs, global: &Global, output: &Output) -> Result<Ended> {
    let world = World::open(&args.plan, global, output, Mode::Read)?;
    let mut mailboxes: BTreeMap<String, FolderTally> = BTreeMap::new();
    for (key, tally) in world.ledger.tallies()? {
        let sum = mailboxes.entry(key.mailbox.to_string()).or_default();
        sum.pending += tally.pending;
        sum.copied += tally.copied;
        sum.copied_bytes += tally.copied_bytes;
        sum.verified += tally.verified;
        sum.unclear += tally.unclear;
        sum.vanished += tally.vanished;
        for (reason, count) in tally.excepted {
            *sum.excepted.entry(reason).or_default() += count;
        }
    }
    let holder = world.ledger.holder()?;
    let paused = world.ledger.paused()?;
    let text = match args.format {
        ResultFormat::Json => {
            let value = serde_json::json!({
                "format_version": "1.0", "holder": holder, "mailboxes": mailboxes,
                "paused": paused,
            });
            let text = serde_json::to_string_pretty(&value).map_err(|error| {
                Error::new(ErrorKind::Failed, "E003", "the status could not be written")
                    .source(error)
            })?;
            format!("{text}\n")
        }
        ResultFormat::Text => {
            let mut text = String::new();
            if let Some(holder) = &holder {
                let _ = writeln!(
                    text,
                    "mailferry {} runs on {} (pid {}) since {}",
                    holder.command, holder.host, holder.pid, holder.since
                );
            }
            for (mailbox, tally) in &mailboxes {
                let _ = writeln!(
                    text,
                    "{mailbox:<40} {:>9} copied, {:>9} verified, {:>7} to copy, {} excepted",
                    thousands(tally.copied),
                    thousands(tally.verified),
                    thousands(tally.pending),
                    thousands(tally.excepted.values().sum()),
                );
            }
            for (mailbox, pause) in &paused {
                let note = if pause.note.is_empty() { String::new() } else { format!(": {}", clean(&pause.note)) };
                let _ = writeln!(text, "{mailbox:<40} rests since {}{note}", pause.since);
            }
            if mailboxes.is_empty() {
                text.push_str("The ledger holds nothing yet: no mailbox was listed or copied.\n");
            }
            text
        }
    };
    Output::result(&text)?;
    Ok(Ended::Done)
}
