//! The end of an apply: what was done, what was not and why, what is left, the next command.

use crate::executor::event::Outcome;
use crate::executor::report::RunReport;
use crate::model::size::Size;
use crate::model::words::shell;
use crate::model::words::time;
use crate::planner::approval::Approval;
use crate::planner::order;
use crate::planner::plan::{Plan, WaitingOn};
use crate::render::style::{clean, count};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Guards that are named; `plan` shows all of them.
const GUARDS: usize = 3;

/// Renders what a run came to. `path` is the migration plan's.
pub fn text(report: &RunReport, fresh: &Plan, approval: &Approval, path: &str) -> String {
    let mut text = String::new();
    for (id, outcome) in &report.outcomes {
        match outcome {
            Outcome::Failed { message, words, hints, code } => {
                let _ = writeln!(text, "error[{code}]: {}", clean(message));
                if let Some(words) = words {
                    let _ = writeln!(text, "  the server said: {}", clean(words));
                }
                for hint in hints {
                    let _ = writeln!(text, "  Next: {}", clean(hint));
                }
            }
            Outcome::Stale { difference } => {
                let _ = writeln!(text, "stale: {}: {}", clean(&id.0), clean(difference));
            }
            Outcome::Blocked { by } => {
                let _ = writeln!(
                    text,
                    "not run: {}, because {} did not end well",
                    clean(&id.0),
                    clean(&by.0)
                );
            }
            Outcome::Skipped { reason } => {
                let _ = writeln!(text, "not run: {}: {}", clean(&id.0), clean(reason));
            }
            Outcome::Done { .. } | Outcome::AlreadyDone | Outcome::Interrupted => {}
        }
    }
    for (id, difference) in &approval.stale {
        let _ = writeln!(text, "stale: {}: {}", clean(&id.0), clean(difference));
    }
    unknown(&mut text, fresh);
    done(&mut text, report, approval);
    left(&mut text, report, fresh, approval, path);
    text
}

fn unknown(text: &mut String, fresh: &Plan) {
    for unknown in &fresh.unknown {
        let failure = &unknown.failure;
        let _ = writeln!(text, "unknown: {}: {}", clean(&unknown.object), clean(&failure.message));
        if let Some(words) = &failure.words {
            let _ = writeln!(text, "  the server said: {}", clean(words));
        }
        if let Some(hint) = &failure.hint {
            let _ = writeln!(text, "  Next: {}", clean(hint));
        }
    }
}

fn done(text: &mut String, report: &RunReport, approval: &Approval) {
    let sum = |name: &str| report.sum(name);
    if sum("copied") > 0 {
        let _ = writeln!(
            text,
            "Copied {}, {}.",
            count(sum("copied"), "message", "messages"),
            Size(sum("bytes"))
        );
    }
    if sum("found") > 0 {
        let _ = writeln!(
            text,
            "Found {} at the destination by digest and sent nothing twice.",
            count(sum("found"), "message", "messages")
        );
    }
    if sum("moved") > 0 {
        let _ = writeln!(
            text,
            "Recognised {} that moved or got new numbers at the source and sent nothing twice.",
            count(sum("moved"), "message", "messages")
        );
    }
    if sum("flags") > 0 {
        let _ = writeln!(
            text,
            "Brought the flags of {} up to date.",
            count(sum("flags"), "message", "messages")
        );
    }
    if sum("removed") > 0 {
        let _ = writeln!(
            text,
            "Removed {} whose messages vanished at the source.",
            count(sum("removed"), "copy", "copies")
        );
    }
    if sum("copies_stayed") > 0 {
        let _ = writeln!(
            text,
            "{} after all: a message is back or elsewhere at the source, or its user changed the copy.",
            count(sum("copies_stayed"), "copy stays", "copies stay")
        );
    }
    if sum("folders") > 0 {
        let _ = writeln!(text, "Created {}.", count(sum("folders"), "folder", "folders"));
    }
    if sum("subscriptions") > 0 {
        let _ =
            writeln!(text, "Subscribed to {}.", count(sum("subscriptions"), "folder", "folders"));
    }
    if sum("excepted") > 0 {
        let _ = writeln!(
            text,
            "{} behind, as the plan said.",
            count(sum("excepted"), "message stays", "messages stay")
        );
    }
    if sum("refused") > 0 {
        let _ = writeln!(
            text,
            "{} behind that the plan did not name; `mailferry verify` says why of each.",
            count(sum("refused"), "message stays", "messages stay")
        );
    }
    for waited in &report.waited {
        let _ = write!(
            text,
            "The {} asked for patience with {} {}: waited {}",
            waited.side,
            clean(&waited.mailbox),
            count(waited.times, "time", "times"),
            seconds(waited.milliseconds)
        );
        if let Some(least) = waited.fewest_connections {
            let _ = write!(
                text,
                ", went down to {}",
                count(u64::from(least), "connection", "connections")
            );
        }
        let _ = writeln!(text, "; it said {}", clean(&waited.words));
    }
    let already = approval.done.len()
        + report.outcomes.values().filter(|o| matches!(o, Outcome::AlreadyDone)).count();
    if already > 0 {
        let _ =
            writeln!(text, "{} done already.", count(already as u64, "action was", "actions were"));
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
}

fn left(text: &mut String, report: &RunReport, fresh: &Plan, approval: &Approval, path: &str) {
    let path = shell(path);
    if report.interrupted {
        let _ = writeln!(
            text,
            "Interrupted; what was answered is recorded. Run the same command again to go on."
        );
        return;
    }
    if !approval.waiting.is_empty() {
        let _ = writeln!(
            text,
            "{} not run yet; `mailferry plan {path}` says what they wait for.",
            count(approval.waiting.len() as u64, "action may", "actions may")
        );
    }
    for (mailbox, since, note) in resting(fresh) {
        let note = if note.is_empty() { String::new() } else { format!(": {}", clean(note)) };
        let _ = writeln!(text, "{} rests since {}{note}.", clean(mailbox), time(since));
    }
    if !approval.unread.is_empty() {
        let _ = writeln!(
            text,
            "{} not run, because something of the mailbox could not be read.",
            count(approval.unread.len() as u64, "action was", "actions were")
        );
    }
    if !approval.not_approved.is_empty() {
        let _ = writeln!(
            text,
            "{} new since the plan was reviewed and did not run; plan again to review {}.",
            count(approval.not_approved.len() as u64, "action is", "actions are"),
            if approval.not_approved.len() == 1 { "it" } else { "them" }
        );
    }
    let removals = fresh.ready.iter().filter(|action| !action.reversible);
    let removals = removals.filter(|action| approval.not_approved.contains(&action.id)).count();
    if removals > 0 {
        let _ = writeln!(
            text,
            "{} only from a saved plan or when you answer `yes`: it cannot be undone.",
            count(removals as u64, "removal of copies runs", "removals of copies run")
        );
    }
    if !fresh.for_person.is_empty() {
        let _ = writeln!(
            text,
            "{} left for a person; `mailferry plan {path}` says exactly what.",
            count(fresh.for_person.len() as u64, "step is", "steps are")
        );
    }
    let failed = report.worst.is_some()
        || !approval.stale.is_empty()
        || !approval.unread.is_empty()
        || report
            .outcomes
            .values()
            .any(|outcome| matches!(outcome, Outcome::Stale { .. } | Outcome::Blocked { .. }));
    if failed {
        let _ = writeln!(
            text,
            "Not everything was done. Mend what is named above, then run the same command again: it goes on where it stopped."
        );
    } else if report.sum("refused") > 0 {
        let _ = writeln!(text, "Not everything arrived. Next: mailferry verify {path}");
    } else if let Some(guards) = unacknowledged(fresh, approval) {
        let _ = writeln!(
            text,
            "Next: acknowledge {guards} in the migration plan, or mend what it is about; \
             `mailferry plan {path}` prints the line to paste."
        );
    } else {
        let _ = writeln!(text, "Next: mailferry verify {path}");
    }
}

/// Names the guards that reviewed actions wait for; `None` when they wait for none.
fn unacknowledged(fresh: &Plan, approval: &Approval) -> Option<String> {
    let reviewed = fresh.waiting.iter();
    let reviewed = reviewed.filter(|waiting| approval.waiting.contains(&waiting.action.id));
    let guards: BTreeSet<String> = reviewed
        .flat_map(|waiting| &waiting.on)
        .filter_map(|on| match on {
            WaitingOn::Acknowledgement { code, object } => Some(format!("{code} {object}")),
            _ => None,
        })
        .collect();
    let first: Vec<String> = guards.iter().take(GUARDS).map(|guard| clean(guard)).collect();
    let more = guards.len().saturating_sub(GUARDS);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!guards.is_empty()).then(|| format!("{}{more}", first.join(", ")))
}

/// The mailboxes of waiting actions that a person told to rest.
fn resting(fresh: &Plan) -> BTreeSet<(&str, Timestamp, &str)> {
    fresh
        .waiting
        .iter()
        .flat_map(|waiting| {
            waiting.on.iter().filter_map(|on| match on {
                WaitingOn::Resume { since, note } => {
                    Some((order::mailbox(&waiting.action).as_str(), *since, note.as_str()))
                }
                _ => None,
            })
        })
        .collect()
}

/// Says that messages stay behind from earlier runs, when some do.
pub fn behind(messages: u64, path: &str) -> String {
    if messages == 0 {
        return String::new();
    }
    format!(
        "{} behind since earlier runs; `mailferry verify {path}` says why of each, and \
         `mailferry retry {path} MAILBOX` has them tried again.\n",
        count(messages, "message stays", "messages stay"),
        path = shell(path),
    )
}

/// Renders what would run.
pub fn dry_run(approval: &Approval) -> String {
    let mut text = String::new();
    for action in &approval.run {
        let _ = writeln!(text, "would run: {}", clean(&action.id.0));
    }
    for (id, difference) in &approval.stale {
        let _ = writeln!(text, "stale: {}: {}", clean(&id.0), clean(difference));
    }
    for id in &approval.unread {
        let _ = writeln!(text, "could not be compared: {}", clean(&id.0));
    }
    for id in &approval.waiting {
        let _ = writeln!(text, "waits: {}", clean(&id.0));
    }
    let _ = writeln!(text, "Dry run: nothing was written.");
    text
}
