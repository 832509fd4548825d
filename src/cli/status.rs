//! `mailferry status`.

use crate::cli::args::{Global, ResultFormat, StatusArgs};
use crate::cli::output::Output;
use crate::cli::wiring::{Mode, World};
use crate::cli::{Ended, changes};
use crate::error::{Error, ErrorKind, Result};
use crate::model::uid::Uid;
use crate::ports::ledger::{FolderKey, FolderTally, MessageRow, MessageState};
use crate::render::style::{clean, thousands};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows of the ledger that are in memory at once.
const PAGE: usize = 2_000;

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
    let holder = world.ledger.holder()?;
    let paused = world.ledger.paused()?;
    let changes = match &args.changes {
        Some(path) => Some((path, changes::keep(&world, path)?)),
        None => None,
    };
    let text = match args.format {
        ResultFormat::Json => {
            let value = serde_json::json!({
                "format_version": "1.0", "holder": holder, "mailboxes": mailboxes,
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
            for (mailbox, others) in &excluded {
                let _ = writeln!(
                    text,
                    "{mailbox:<40} {:>9} excluded by their date",
                    thousands(*others)
                );
            }
            for (mailbox, pause) in &paused {
                let note = if pause.note.is_empty() {
                    String::new()
                } else {
                    format!(": {}", clean(&pause.note))
                };
                let _ = writeln!(text, "{mailbox:<40} rests since {}{note}", pause.since);
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

/// Counts the messages of a folder that wait and are of other dates than the migration plan wants.
fn other_dates(world: &World, key: &FolderKey) -> Result<u64> {
    let wanted = world.desired.mailboxes.get(&key.mailbox).map(|mailbox| mailbox.messages.range);
    let Some(range) = wanted.filter(|range| !range.is_all()) else { return Ok(0) };
    let Some(validity) = world.ledger.listed_under(key)? else { return Ok(0) };
    let (mut from, mut count) = (Uid(1), 0);
    loop {
        let rows = world.ledger.rows(key, validity, from, PAGE)?;
        let Some(last) = rows.last() else { return Ok(count) };
        from = Uid(last.listed.uid.0.saturating_add(1));
        let waits = |row: &&MessageRow| {
            !row.vanished && matches!(row.state, MessageState::Pending | MessageState::Removed)
        };
        let others = rows.iter().filter(waits);
        count +=
            others.filter(|row| !range.holds(row.listed.internal_date.as_ref())).count() as u64;
    }
}
