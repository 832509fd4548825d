//! `mailferry status`.

use crate::cli::args::{Global, ResultFormat, StatusArgs};
use crate::cli::output::Output;
use crate::cli::wiring::{Mode, World};
use crate::cli::{Ended, changes, rows};
use crate::copy::reasons;
use crate::error::{Error, ErrorKind, Result};
use crate::model::words::time;
use crate::ports::ledger::{FolderKey, FolderTally, MessageRow, MessageState, Owner};
use crate::render::style::{clean, thousands};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) fn run(args: &StatusArgs, global: &Global, output: &Output) -> Result<Ended> {
    let world = World::open(&args.plan, global, output, Mode::Read)?;
    let mut mailboxes: BTreeMap<String, FolderTally> = BTreeMap::new();
    let mut excluded: BTreeMap<String, u64> = BTreeMap::new();
    for (key, tally) in world.ledger.tallies()? {
        let others = other_dates(&world, &key)?;
        if others > 0 {
            *excluded.entry(key.mailbox.to_string()).or_default() += others;
        }
        let sum = mailboxes.entry(key.mailbox.to_string()).or_default();
        sum.pending += tally.pending.saturating_sub(others);
        sum.copied += tally.copied;
        sum.copied_bytes += tally.copied_bytes;
        sum.verified += tally.verified;
        sum.unclear += tally.unclear;
        sum.vanished += tally.vanished;
        for (reason, count) in tally.excepted {
            *sum.excepted.entry(reason).or_default() += count;
        }
    }
    let holder = world.holder()?;
    let paused = world.ledger.paused()?;
    let changes = match &args.changes {
        Some(path) => Some((path, changes::keep(&world, path)?)),
        None => None,
    };
    let text = match args.format {
        ResultFormat::Json => {
            let value = serde_json::json!({
                "format_version": "1.0", "holder": holder.as_ref().map(|(owner, _)| owner),
                "cut_off": holder.as_ref().is_some_and(|(_, gone)| *gone), "mailboxes": mailboxes,
                "paused": paused, "excluded": excluded,
                "changes": changes.as_ref().map(|(_, counts)| counts),
            });
            let text = serde_json::to_string_pretty(&value).map_err(|error| {
                Error::new(ErrorKind::Failed, "E003", "the status could not be written")
                    .source(error)
            })?;
            format!("{text}\n")
        }
        ResultFormat::Text => {
            let mut text = String::new();
            if let Some((owner, gone)) = &holder {
                text.push_str(&runs(owner, *gone));
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
                let mut classes: BTreeMap<&str, u64> = BTreeMap::new();
                for (reason, number) in &tally.excepted {
                    *classes.entry(reasons::class(reason)).or_default() += number;
                }
                for (class, number) in classes {
                    let _ = writeln!(text, "{:<40} {:>9} {}", "", thousands(number), clean(class));
                }
            }
            for (mailbox, others) in &excluded {
                let _ = writeln!(
                    text,
                    "{mailbox:<40} {:>9} excluded by their date in folders that an apply listed",
                    thousands(*others)
                );
            }
            for (mailbox, pause) in &paused {
                let note = if pause.note.is_empty() {
                    String::new()
                } else {
                    format!(": {}", clean(&pause.note))
                };
                let _ = writeln!(text, "{mailbox:<40} rests since {}{note}", time(pause.since));
            }
            if mailboxes.is_empty() {
                text.push_str("The ledger holds nothing yet: no mailbox was listed or copied.\n");
            }
            if let Some((path, counts)) = &changes {
                let counts: Vec<String> = counts
                    .iter()
                    .map(|(name, count)| format!("{name} {}", thousands(*count)))
                    .collect();
                let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
                let path = clean(&path.to_string_lossy());
                let _ =
                    writeln!(text, "Messages changed on their way: {counts}. Each is in {path}.");
            }
            text
        }
    };
    Output::result(&text)?;
    Ok(Ended::Done)
}

/// Says which command runs, or that it was cut off.
fn runs(owner: &Owner, gone: bool) -> String {
    let (command, host) = (clean(&owner.command), clean(&owner.host));
    let (pid, since) = (owner.pid, time(owner.since));
    if gone {
        format!(
            "mailferry {command} (pid {pid} on {host}, since {since}) was cut off: its process is \
             gone. Next: run the same command again; it goes on where it stopped.\n"
        )
    } else {
        format!("mailferry {command} runs on {host} (pid {pid}) since {since}\n")
    }
}

/// Counts the messages of a folder that wait and are of other dates than the migration plan wants.
fn other_dates(world: &World, key: &FolderKey) -> Result<u64> {
    let wanted = world.desired.mailboxes.get(&key.mailbox).map(|mailbox| mailbox.messages.range);
    let Some(range) = wanted.filter(|range| !range.is_all()) else { return Ok(0) };
    let Some(validity) = world.ledger.listed_under(key)? else { return Ok(0) };
    let mut count = 0;
    rows::pages(world.ledger.as_ref(), key, validity, |rows| {
        let waits = |row: &&MessageRow| {
            !row.vanished && matches!(row.state, MessageState::Pending | MessageState::Removed)
        };
        let others = rows.iter().filter(waits);
        count +=
            others.filter(|row| !range.holds(row.listed.internal_date.as_ref())).count() as u64;
        Ok(())
    })?;
    Ok(count)
}
