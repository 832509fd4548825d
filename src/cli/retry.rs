//! `mailferry retry`: messages that stay behind become messages to copy.

use crate::cli::Ended;
use crate::cli::args::{Global, RetryArgs};
use crate::cli::output::Output;
use crate::cli::rows;
use crate::cli::wiring::{self, Mode, World};
use crate::copy::reasons;
use crate::error::{Error, ErrorKind, Result};
use crate::model::folder::FolderPath;
use crate::model::uid::UidValidity;
use crate::ports::ledger::{FolderKey, JournalEntry, Ledger, MessageState};
use crate::render::style::{clean, count};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use tokio_util::sync::CancellationToken;

/// What became of the rows of one folder.
#[derive(Debug, Default)]
struct Retried {
    /// To be copied again, by the class of the reason.
    classes: BTreeMap<String, u64>,
    /// Stay behind for another reason than the one that was named, by its class.
    others: BTreeMap<String, u64>,
    /// Fate unknown: only the search of the next apply may decide about them.
    unclear: u64,
}

// The lock is held by a task of the runtime.
#[allow(clippy::unused_async, reason = "the heartbeat of the lock needs the runtime")]
pub(crate) async fn run(args: &RetryArgs, global: &Global, output: &Output) -> Result<Ended> {
    let address = wiring::address(&args.mailbox)?;
    let world = World::open(&args.plan, global, output, Mode::Write)?;
    let mailbox = world.mailbox(&address, &args.plan)?.source.clone();
    let held = world.hold("retry", &CancellationToken::new())?;
    let known = world.ledger.source_folders(&mailbox)?;
    let wanted = folder(args, &known)?;
    let mut folders = BTreeMap::new();
    for (path, validity) in known {
        let Some(validity) = validity.filter(|_| wanted.as_ref().is_none_or(|one| *one == path))
        else {
            continue;
        };
        let key = FolderKey { mailbox: mailbox.clone(), folder: path.clone() };
        let retried = again(world.ledger.as_ref(), &key, validity, args.reason.as_deref())?;
        folders.insert(path, retried);
    }
    if let Some(error) = held.lost() {
        return Err(error);
    }
    let total: u64 = folders.values().flat_map(|one| one.classes.values()).sum();
    let unclear: u64 = folders.values().map(|one| one.unclear).sum();
    if total == 0
        && let Some(reason) = &args.reason
    {
        known_reason(args, reason, &folders)?;
    }
    world.ledger.journal(&JournalEntry {
        at: world.clock.now(),
        action: format!("retry/{mailbox}"),
        step: "done".to_owned(),
        note: format!("{total} to be copied again"),
    })?;
    let text = text(args, &folders, total, unclear);
    let list: Vec<_> = folders
        .iter()
        .filter(|(_, one)| !one.classes.is_empty() || one.unclear > 0)
        .map(
            |(path, one)| json!({ "folder": path, "retried": one.classes, "unclear": one.unclear }),
        )
        .collect();
    Output::told(
        args.format,
        &text,
        &json!({
            "format_version": "1.0", "mailbox": mailbox, "retried": total, "unclear": unclear,
            "folders": list,
        }),
    )?;
    Ok(Ended::Done)
}

/// A folder that the ledger does not know is a mistake: nothing would be tried again.
fn folder(
    args: &RetryArgs,
    known: &[(FolderPath, Option<UidValidity>)],
) -> Result<Option<FolderPath>> {
    let Some(text) = &args.folder else { return Ok(None) };
    let wrong = |reason: String| Error::new(ErrorKind::Usage, "E530", reason);
    let path: FolderPath = text.parse().map_err(wrong)?;
    if known.iter().any(|(folder, _)| *folder == path) {
        return Ok(Some(path));
    }
    Err(wrong(format!("the ledger knows no folder `{path}` of {}", args.mailbox))
        .hint("Name a folder of the source as `mailferry plan` shows it; it was never listed by an apply otherwise."))
}

/// A reason that no message has, while messages stay behind for others, is a mistake, too, and so
/// is one that there is not.
fn known_reason(
    args: &RetryArgs,
    reason: &str,
    folders: &BTreeMap<FolderPath, Retried>,
) -> Result<()> {
    let mut others: BTreeMap<&str, u64> = BTreeMap::new();
    for (class, number) in folders.values().flat_map(|one| &one.others) {
        *others.entry(class).or_default() += number;
    }
    let there: Vec<String> =
        others.iter().map(|(class, number)| format!("`{}` ({number})", clean(class))).collect();
    let hint = if !there.is_empty() {
        format!("The reasons that there are: {}.", there.join(", "))
    } else if reasons::is_class(reason) {
        return Ok(());
    } else {
        "No reason has this name, and no message stays behind: `mailferry status` shows them."
            .to_owned()
    };
    Err(Error::new(
        ErrorKind::Usage,
        "E531",
        format!("no message of {} stays behind for `{}`", args.mailbox, clean(reason)),
    )
    .hint(hint))
}

/// Makes messages pending that stay behind. A refusal is an answer, so that nothing of such a
/// message is at the destination; what is unclear is left to the search.
fn again(
    ledger: &dyn Ledger,
    key: &FolderKey,
    validity: UidValidity,
    class: Option<&str>,
) -> Result<Retried> {
    let mut retried = Retried::default();
    rows::pages(ledger, key, validity, |rows| {
        let mut results = Vec::new();
        for row in rows.iter().filter(|row| !row.vanished) {
            match &row.state {
                MessageState::Unclear(_) => retried.unclear += 1,
                MessageState::Excepted(reason)
                    if class.is_none_or(|class| reasons::class(reason) == class) =>
                {
                    let class = reasons::class(reason).to_owned();
                    *retried.classes.entry(class).or_default() += 1;
                    results.push((row.listed.uid, MessageState::Pending, None));
                }
                MessageState::Excepted(reason) => {
                    *retried.others.entry(reasons::class(reason).to_owned()).or_default() += 1;
                }
                _ => {}
            }
        }
        if results.is_empty() { Ok(()) } else { ledger.settle(key, validity, &results) }
    })?;
    Ok(retried)
}

fn text(
    args: &RetryArgs,
    folders: &BTreeMap<FolderPath, Retried>,
    total: u64,
    unclear: u64,
) -> String {
    let mut text = String::new();
    for (path, one) in folders {
        for (class, number) in &one.classes {
            let path = clean(&path.to_string());
            let _ = writeln!(
                text,
                "{path}: {} ({})",
                count(*number, "message", "messages"),
                clean(class)
            );
        }
    }
    if unclear > 0 {
        let _ = writeln!(
            text,
            "{} left as they are: only the search of the next apply can decide.",
            count(unclear, "unclear message is", "unclear messages are"),
        );
    }
    if total == 0 {
        text.push_str("No message stays behind for such a reason; nothing was changed.\n");
    } else {
        let _ = writeln!(
            text,
            "{} tried again by the next apply.\nNext: mailferry plan {}",
            count(total, "message is", "messages are"),
            crate::model::words::shell(&args.plan.to_string_lossy()),
        );
    }
    text
}
